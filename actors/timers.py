"""Mail that is to be sent later: one thread for all of it."""

import heapq
import itertools
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from actors.clock import Time


class Timers(Protocol):
    """Does something later, on a thread that must not be kept waiting."""

    def after(self, delay_s: float, action: Callable[[], object]) -> None:
        """Run the action once, `delay_s` seconds from now; it should do no more than send mail."""


class TimerThread:
    """`Timers` by the monotonic clock, so that a step of the wall clock moves nothing."""

    def __init__(self, by: Time | None = None) -> None:
        self._time = by or Time()
        self._due: list[tuple[timedelta, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._time.watch(self._wake)
        threading.Thread(target=self._run, name="timers", daemon=True).start()

    def after(self, delay_s: float, action: Callable[[], object]) -> None:
        with self._changed:
            due = self._time.monotonic() + timedelta(seconds=delay_s)
            heapq.heappush(self._due, (due, next(self._order), action))
            self._changed.notify()

    def close(self) -> None:
        """Drop what is not due yet and end the thread."""
        self._time.unwatch(self._wake)
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        while (action := self._next()) is not None:
            action()

    def _next(self) -> Callable[[], object] | None:
        with self._changed:
            while not self._closed:
                now = self._time.monotonic()
                if self._due and self._due[0][0] <= now:
                    return heapq.heappop(self._due)[2]
                self._changed.wait((self._due[0][0] - now).total_seconds() if self._due else None)
            return None
