"""An actor's inbox: what waits, and in which order it is taken."""

from collections import deque
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, TypeVar

from pykka import messages as pykka_messages

R = TypeVar("R")

Envelope = Any
"""pykka's envelope: `.message`, and `.reply_to`, a future or None."""


class Inbox:
    """An inbox with two lanes: urgent mail goes first, each lane in order of arrival.

    When both wait they take turns, so that neither starves. Any
    thread puts, one takes. `SimpleQueue` keeps the put at a third of the cost of `Queue`.
    """

    def __init__(self, urgent: tuple[type, ...] = ()) -> None:
        self._urgent_kinds = urgent
        self._arrived: SimpleQueue[Envelope] = SimpleQueue()
        self._urgent: deque[Envelope] = deque()
        self._rest: deque[Envelope] = deque()
        self._last_was_urgent = False
        self._counting = Lock()
        self.handed_in = 0
        """All mail there ever was."""
        self.handled = 0
        """Of that, what its owner is through with: whoever comes for more has done what was taken before."""
        self._sorted = 0

    def put(self, envelope: Envelope) -> None:
        with self._counting:
            self.handed_in += 1
        self._arrived.put(envelope)

    def get(self) -> Envelope:
        """The next envelope; waits for one."""
        self.handled = self._sorted - len(self._urgent) - len(self._rest)
        self._sort()
        if not self._urgent and not self._rest:
            self._place(self._arrived.get())
        self._last_was_urgent = bool(self._urgent) and not (self._rest and self._last_was_urgent)
        return self._urgent.popleft() if self._last_was_urgent else self._rest.popleft()

    def empty(self) -> bool:
        return not (self._urgent or self._rest) and self._arrived.empty()

    def qsize(self) -> int:
        return len(self._urgent) + len(self._rest) + self._arrived.qsize()

    def urgent(self, limit: int) -> list[Envelope]:
        """What waits in the urgent lane, at most `limit`; does not wait."""
        self._sort()
        return [self._urgent.popleft() for _ in range(min(limit, len(self._urgent)))]

    def rest(self, limit: int) -> list[Envelope]:
        """What waits in the other lane up to the actor's own stop, at most `limit`; does not wait."""
        self._sort()
        taken: list[Envelope] = []
        while self._rest and len(taken) < limit and not is_stop(self._rest[0].message):
            taken.append(self._rest.popleft())
        return taken

    def take(self, kind: type[R], limit: int) -> list[R]:
        """Messages of this kind that stand next in the other lane, told and not asked; does not wait."""
        self._sort()
        taken: list[R] = []
        while self._rest and len(taken) < limit and self._is_told(self._rest[0], kind):
            taken.append(self._rest.popleft().message)
        return taken

    def urgent_waits(self) -> bool:
        """Whether anything stands in the urgent lane."""
        self._sort()
        return bool(self._urgent)

    @staticmethod
    def _is_told(envelope: Envelope, kind: type) -> bool:
        return envelope.reply_to is None and isinstance(envelope.message, kind)

    def _sort(self) -> None:
        try:
            while True:
                self._place(self._arrived.get_nowait())
        except Empty:
            return

    def _place(self, envelope: Envelope) -> None:
        lane = self._urgent if isinstance(envelope.message, self._urgent_kinds) else self._rest
        lane.append(envelope)
        self._sorted += 1


def is_stop(message: object) -> bool:
    """Whether this is pykka's order to stop, which has to reach pykka itself."""
    return isinstance(message, pykka_messages._ActorStop)  # noqa: SLF001 - pykka has no public name for it
