"""Decides what happens next: one thread, and the seed's dice."""

import re
from collections.abc import Callable
from typing import Any, Final

from actors.base import Worker
from tests.seeded.fate import Crash, Fate, Violation
from tests.seeded.virtual import VirtualTime

MOST_STEPS: Final = 200_000
DEEPEST: Final = 2
"""So many calls to the broker are held open at once while the rest of the world goes on."""

_CHANCE: Final = re.compile(r" at 0x[0-9a-f]+|urn:uuid:[0-9a-f-]+")
"""What differs between two runs of one seed, and decides nothing."""

Actors = dict[str, Worker[Any]]


class Scheduler:
    """Works the actors' mail off, a handler at a time, and lets happen what is due."""

    def __init__(
        self,
        time: VirtualTime,
        fate: Fate,
        *,
        actors: Callable[[], Actors],
        note: Callable[[str], None] | None,
    ) -> None:
        self._time = time
        self._fate = fate
        self._actors = actors
        self._note = note
        self._busy: list[Worker[Any]] = []
        self._depth = 0
        self._stalled_until_s: dict[str, float] = {}
        self.steps = 0
        self.broken: Violation | None = None
        """The first; also when an actor has caught it."""

    def forget(self) -> None:
        """The process is dead: nobody is in the middle of anything."""
        self._busy.clear()
        self._depth = 0
        self._stalled_until_s.clear()

    def end_stalls(self) -> None:
        self._stalled_until_s.clear()

    def step(self, until_s: float | None = None) -> bool:
        """Whether there was something to do (before that time). Raises Crash."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Violation(f"progress: {MOST_STEPS} steps and no end")
        ready, due = self._ready(), self._time.due_at_s
        if ready and not (due <= self._time.elapsed_s and self._fate.chance(0.5)):
            self._pick(ready)
            return True
        if until_s is not None and due > until_s:
            return False
        action = self._time.next()
        if action is None:
            self._time.pass_by(1)
            return False
        action()
        return True

    def meanwhile(self) -> None:
        """Somebody waits for the broker: let the others go on. Raises Crash."""
        if self._depth >= DEEPEST or self._fate.chance(0.5):
            return
        longest_s = 12.0 if self._fate.chance(0.05) else 0.3
        until_s = self._time.elapsed_s + self._fate.between(0, longest_s)
        self._depth += 1
        try:
            for _ in range(self._fate.random.randint(1, 12)):
                if self._time.elapsed_s >= until_s or not self.step(until_s):
                    break
        finally:
            self._depth -= 1

    def wake(self, actor: Worker[Any]) -> None:
        """Have the actor set itself up. Raises Crash."""
        self._guarded(actor, actor.on_start)

    def work_on(self, actor: Worker[Any]) -> None:
        """Have the actor handle the next of its mail. Raises Crash."""
        envelope = actor.actor_inbox.get()
        if self._note is not None:
            mail = envelope.message
            text = _CHANCE.sub("", str(mail))[:160]
            self._note(f"{self._name(actor)} < {type(mail).__name__} {text}")
        answer = self._guarded(actor, lambda: actor._handle_receive(envelope.message))
        if envelope.reply_to is not None:
            envelope.reply_to.set(answer)

    def _ready(self) -> list[str]:
        now = self._time.elapsed_s
        return [
            name
            for name, actor in self._actors().items()
            if not actor.actor_inbox.empty()
            and actor not in self._busy
            and self._stalled_until_s.get(name, 0.0) <= now
        ]

    def _pick(self, ready: list[str]) -> None:
        name = self._fate.one_of(ready)
        if self._fate.strikes("actor_stalls"):
            self._stalled_until_s[name] = self._time.elapsed_s + self._fate.between(0, 20)
            return
        self._time.pass_by(self._fate.between(0, 0.002))
        self.work_on(self._actors()[name])

    def _guarded(self, actor: Worker[Any], action: Callable[[], object]) -> object:
        self._busy.append(actor)
        try:
            return action()
        except BaseException as error:
            raise self._cause(actor, error) from error
        finally:
            if self._busy:
                self._busy.pop()

    def _cause(self, actor: Worker[Any], error: BaseException) -> Crash | Violation:
        """What an actor's death comes of: on its way out it was wrapped once or more."""
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, Crash | Violation):
            cause = cause.__cause__
        if cause is None:
            cause = Violation(f"no actor dies: {self._name(actor)} of {error!r}")
        if isinstance(cause, Violation):
            self.broken = self.broken or cause
        return cause

    def _name(self, actor: Worker[Any]) -> str:
        return next((name for name, each in self._actors().items() if each is actor), "?")
