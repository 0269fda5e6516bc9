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
        self._acting = False
        self._time.watch(self._wake)
        threading.Thread(target=self._run, name="timers", daemon=True).start()

    def after(self, delay_s: float, action: Callable[[], object]) -> None:
        with self._changed:
            due = self._time.monotonic() + timedelta(seconds=delay_s)
            heapq.heappush(self._due, (due, next(self._order), action))
            self._changed.notify()

    def at_rest(self) -> bool:
        """Whether nothing is due, nor being done, at this moment."""
        with self._changed:
            return not self._acting and not self._is_due()

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
            self._acting = False
            while not self._closed:
                if self._is_due():
                    self._acting = True
                    return heapq.heappop(self._due)[2]
                self._changed.wait(self._wait_s())
            return None

    def _is_due(self) -> bool:
        return bool(self._due) and self._due[0][0] <= self._time.monotonic()

    def _wait_s(self) -> float | None:
        return self._time.wait_s(self._due[0][0] - self._time.monotonic()) if self._due else None
