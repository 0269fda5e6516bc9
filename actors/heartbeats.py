"""Which of the actors still answer, and what the threads of the others are doing."""

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from actors.base import Address

log = logging.getLogger(__name__)

BUDGETS_S: Final[Mapping[str, float]] = {
    "TradeLedger": 15.0,
    "OrderExecutor": 5.0,
    "Reconciler": 45.0,
    "PositionMonitor": 35.0,
    "TradingStream": 5.0,
    "SignalReceiver": 15.0,
}
"""How long each actor may leave a heartbeat unanswered: longer than its longest ordinary message takes."""
LANE_BUDGET_S: Final = 20.0
"""Of every other actor, which are the lanes: a POST takes 15 seconds at most."""


class Heartbeats:
    """Asks the actors of one tree whether they live. Used on one thread; the answers come on theirs."""

    def __init__(
        self,
        actors: Mapping[str, Address[Any]],
        budgets: Mapping[str, float],
        heard: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`heard` is called with each actor's name when it answers, on its thread."""
        self._actors = actors
        self._budgets = budgets
        self._heard = heard
        self._answered = dict.fromkeys(actors, time.monotonic())
        self._asked: dict[str, float] = {}

    def ask(self) -> None:
        """Ask all that have answered the last time; who is asked already need not be asked again."""
        for name, address in self._actors.items():
            if self._asked.get(name, 0.0) <= self._answered[name]:
                self._asked[name] = time.monotonic()
                address.send_ping(partial(self._hear, name))

    def _hear(self, name: str) -> None:
        self._answered[name] = time.monotonic()
        self._heard(name)

    def pardon(self, seconds: float, now: float) -> None:
        """So long this whole process stood still, up to now: nobody could answer."""
        for name, asked in self._asked.items():
            if asked > self._answered[name]:
                self._asked[name] = min(asked + seconds, now)

    def late(self, budgets: int, now: float) -> dict[str, float]:
        """Who has been silent for longer than so many of its budgets, and for how many seconds."""
        silent = {n: now - at for n, at in self._asked.items() if at > self._answered[n]}
        return {n: s for n, s in silent.items() if s > budgets * self._budgets.get(n, LANE_BUDGET_S)}

    def oldest_s(self, now: float) -> float:
        """Seconds since the answer that is longest ago."""
        return max(0.0, now - min(self._answered.values(), default=now))


def log_stacks(why: str) -> None:
    """What every thread is doing just now, in the log."""
    log.critical("%s; the threads are at:\n%s", why, "\n".join(_stacks()))


def _stacks() -> Iterator[str]:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():  # noqa: SLF001 - the documented way to them
        yield f"{names.get(ident, ident)}:\n" + "".join(traceback.format_stack(frame))
