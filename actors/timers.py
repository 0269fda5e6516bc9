"""Mail that is to be sent later: one thread for all of it."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Protocol


class Timers(Protocol):
    """Does something later, on a thread that must not be kept waiting."""

    def after(self, delay_s: float, action: Callable[[], object]) -> None:
        """Run the action once, `delay_s` seconds from now; it should do no more than send mail."""


class TimerThread:
    """`Timers` by the monotonic clock, so that a step of the wall clock moves nothing."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        threading.Thread(target=self._run, name="timers", daemon=True).start()

    def after(self, delay_s: float, action: Callable[[], object]) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + delay_s, next(self._order), action))
            self._changed.notify()

    def close(self) -> None:
        """Drop what is not due yet and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while (action := self._next()) is not None:
            action()

    def _next(self) -> Callable[[], object] | None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(self._due[0][0] - now if self._due else None)
            return None
