"""Watches the actors from the main thread: one for all.

Any death stops all and rebuilds all from the database, by the same path as a start. A rebuild that
keeps being needed is no repair, so after three in a minute the process ends and whoever started it
(supervisord, systemd) decides. A hung actor cannot be killed, and a second one beside it would be
two writers: that ends the process too.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Final, Protocol

import pykka

from actors.base import Address, Death, OnDeath
from actors.heartbeats import BUDGETS_S, Heartbeats, log_stacks

log = logging.getLogger(__name__)

REBUILDS: Final = 3
WINDOW_S: Final = 60.0
TURN_S: Final = 2.5
GLANCE_S: Final = 0.5
"""A signal that comes just as a wait begins is handled when the wait ends."""
STOOD_STILL_S: Final = 1.0
"""A turn that takes so much longer than it should tells of the process and not of an actor."""
START_S: Final = 60.0
STOP_S: Final = 25.0


class Hung(Exception):  # noqa: N818 - what happened, not what was raised
    """An actor gives no heartbeat or does not stop. Its thread cannot be ended, so the process has to be."""

    def __init__(self, actor: str, what: str) -> None:
        super().__init__(f"{actor} {what}")
        self.actor = actor


class Tree(Protocol):
    """The running actors."""

    @property
    def actors(self) -> dict[str, Address[Any]]:
        """By name, in the order in which they were started."""


StartTree = Callable[[OnDeath], AbstractContextManager[Tree]]
"""Starts the actors on entering, stops them in reverse on leaving; raises Hung if one does not stop.

Where Hung is what makes it leave, it need not wait for anybody: the process is about to end."""


def _nothing(_: float) -> None:
    """Nobody watches from outside."""


def _nobody(_: str) -> None:
    """Nobody keeps the heartbeats."""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How closely the actors are watched, and who watches the watcher."""

    budgets: Mapping[str, float] = field(default_factory=lambda: BUDGETS_S)
    """By actor: for how many seconds it may leave a heartbeat unanswered."""
    turn_s: float = TURN_S
    fatal: tuple[type[BaseException], ...] = ()
    """What no rebuild can mend."""
    alive: Callable[[float], None] = _nothing
    """Called at each turn and each stage with how long the next one may take beyond an ordinary turn."""
    healthy: Callable[[float], None] = _nothing
    """Called at each turn at which all heartbeats are in time, with the age of the oldest, in seconds."""
    heard: Callable[[str], None] = _nobody
    """Called with an actor's name when it gives a heartbeat, on the actor's thread."""
    dump: Callable[[str], None] = log_stacks
    """Called with the reason when an actor is late, before anything is done about it."""


class Supervisor:
    """Runs a tree until it is told to stop; `stop` may be called from any thread or signal handler."""

    def __init__(self, start: StartTree, watch: Watch | None = None) -> None:
        self._start = start
        self._watched = watch or Watch()
        self._events: SimpleQueue[tuple[int, Death] | int] = SimpleQueue()  # its put is reentrant
        self._tree_number = 0
        self._rebuilt: deque[float] = deque()

    def stop(self, code: int = 0) -> None:
        """End `run` with this exit code, once the actors have stopped."""
        self._events.put(code)

    def run(self) -> int | Death:
        """The exit code `stop` was called with, or the death that was one too many."""
        while True:
            self._tree_number += 1
            event = self._run_tree(self._tree_number)
            if isinstance(event, int):
                return event
            if isinstance(event.error, (Hung, *self._watched.fatal)) or self._spent():
                log.critical("%s failed; giving up", event.actor, exc_info=event.error)
                return event
            log.critical("%s died; rebuilding all actors", event.actor, exc_info=event.error)

    def _run_tree(self, number: int) -> int | Death:
        self._watched.alive(START_S)
        try:
            with self._start(lambda death: self._events.put((number, death))) as tree:
                try:
                    return self._watch(tree, number)
                finally:
                    self._watched.alive(STOP_S)
        except Hung as error:
            return Death(error.actor, error)
        except pykka.Timeout as error:
            return Death("an actor", Hung("an actor", f"has not started in time: {error}"))
        except pykka.ActorDeadError as error:  # a `setup` failed, and has reported itself
            try:
                return self._wait(number, timeout=0)
            except Empty:
                return Death("an actor", error)

    def _wait(self, number: int, timeout: float) -> int | Death:
        """The next order to stop or death of this tree; raises Empty. An older tree's deaths are past."""
        until = time.monotonic() + timeout
        while True:
            try:
                event = self._events.get(timeout=max(0.0, min(GLANCE_S, until - time.monotonic())))
            except Empty:
                if time.monotonic() >= until:
                    raise
                continue
            if isinstance(event, int):
                return event
            if event[0] == number:
                return event[1]

    def _spent(self) -> bool:
        now = time.monotonic()
        self._rebuilt.append(now)
        while self._rebuilt[0] < now - WINDOW_S:
            self._rebuilt.popleft()
        return len(self._rebuilt) > REBUILDS

    def _watch(self, tree: Tree, number: int) -> int | Death:
        """Wait for a death or the order to stop, and ask for heartbeats meanwhile; raises Hung."""
        beats = Heartbeats(tree.actors, self._watched.budgets, self._watched.heard)
        turned, dumped = time.monotonic(), False
        while True:
            self._watched.alive(0)
            beats.ask()
            with suppress(Empty):
                return self._wait(number, timeout=self._watched.turn_s)
            now = time.monotonic()
            overslept = now - turned - self._watched.turn_s
            turned = now
            if overslept > STOOD_STILL_S:
                beats.pardon(overslept, now)
            dumped = self._judge(beats, now, dumped=dumped)

    def _judge(self, beats: Heartbeats, now: float, *, dumped: bool) -> bool:
        """Tell health, or lateness once; whether that is told. Raises Hung after twice the budget."""
        late = beats.late(1, now)
        if not late:
            self._watched.healthy(beats.oldest_s(now))
            return False
        if not dumped:
            self._watched.dump("no heartbeat from " + ", ".join(late))
        for name, seconds in beats.late(2, now).items():
            raise Hung(name, f"gives no heartbeat, for {seconds:.0f} s")
        return True
