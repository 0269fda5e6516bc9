"""Watches the actors from the main thread: one for all.

Any death stops all and rebuilds all from the database, by the same path as a start. A rebuild that
keeps being needed is no repair, so after three in a minute the process ends and whoever started it
(supervisord, systemd) decides. A hung actor cannot be killed, and a second one beside it would be
two writers: that ends the process too.
"""

import faulthandler
import logging
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, Protocol

import pykka

from actors.base import Address, Death, OnDeath

log = logging.getLogger(__name__)

REBUILDS: Final = 3
WINDOW_S: Final = 60.0
PING_EVERY_S: Final = 2.0
SILENT_TOO_LONG_S: Final = 90.0
"""More than any handler may take: three broker timeouts and a wait for the ledger."""


class Hung(Exception):  # noqa: N818 - what happened, not what was raised
    """An actor gives no heartbeat or does not stop. Its thread cannot be ended, so the process has to be."""


class Tree(Protocol):
    """The running actors."""

    @property
    def actors(self) -> dict[str, Address[Any]]:
        """By name, in the order in which they were started."""


StartTree = Callable[[OnDeath], AbstractContextManager[Tree]]
"""Starts the actors on entering, stops them in reverse on leaving; raises Hung if one does not stop."""


class Supervisor:
    """Runs a tree until it is told to stop; `stop` may be called from any thread or signal handler."""

    def __init__(self, start: StartTree) -> None:
        self._start = start
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
            if isinstance(event.error, Hung) or self._spent():
                log.critical("%s failed; giving up", event.actor, exc_info=event.error)
                return event
            log.critical("%s died; rebuilding all actors", event.actor, exc_info=event.error)

    def _run_tree(self, number: int) -> int | Death:
        try:
            with self._start(lambda death: self._events.put((number, death))) as tree:
                return self._watch(tree, number)
        except Hung as error:
            return Death("an actor", error)
        except pykka.Timeout as error:
            return Death("an actor", Hung(f"not started in time: {error}"))
        except pykka.ActorDeadError as error:  # a `setup` failed, and has reported itself
            try:
                return self._wait(number, timeout=0)
            except Empty:
                return Death("an actor", error)

    def _wait(self, number: int, timeout: float) -> int | Death:
        """The next order to stop or death of this tree; raises Empty. An older tree's deaths are past."""
        while True:
            event = self._events.get(timeout=timeout)
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
        """Wait for a death or the order to stop, and ask the actors for heartbeats meanwhile."""
        answered = dict.fromkeys(tree.actors, time.monotonic())
        asked: dict[str, float] = {}

        def hear(name: str) -> None:
            answered[name] = time.monotonic()

        while True:
            for name, address in tree.actors.items():
                if asked.get(name, 0.0) <= answered[name]:
                    asked[name] = time.monotonic()
                    address.send_ping(partial(hear, name))
            try:
                return self._wait(number, timeout=PING_EVERY_S)
            except Empty:
                now = time.monotonic()
                silent = [n for n, at in asked.items() if at > answered[n] and now - at > SILENT_TOO_LONG_S]
            if silent:
                faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
                return Death(silent[0], Hung(f"no heartbeat for {SILENT_TOO_LONG_S:.0f} s"))
