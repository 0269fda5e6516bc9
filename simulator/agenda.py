"""What there is to do and when, by the clock's running time; one timer wakes whoever has to do it.

In:  `put` and `drop` from the desk
Out: `wake`, when something is due
All on the loop's thread.
"""

import asyncio
import heapq
from collections.abc import Callable

from simulator.clock import SECOND, SimClock


class Agenda:
    def __init__(self, clock: SimClock, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._queue: list[tuple[int, int, str]] = []
        """When, the number of the entry, and what; entries since dropped are still in it."""
        self._numbers: dict[str, int] = {}
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def __contains__(self, what: str) -> bool:
        return what in self._numbers

    def put(self, what: str, delay: int) -> None:
        """It's due in so many nanoseconds; what is on the agenda already is due then instead."""
        self._count += 1
        self._numbers[what] = self._count
        heapq.heappush(self._queue, (self._clock.running() + delay, self._count, what))
        self._set_timer()

    def drop(self, what: str) -> None:
        self._numbers.pop(what, None)

    def clear(self) -> None:
        self._queue.clear()
        self._numbers.clear()
        self._stop_timer()

    def wait(self) -> int | None:
        """Nanoseconds until the first is due, none or less if it is by now; None: there's nothing to do."""
        while self._queue and self._numbers.get(self._queue[0][2]) != self._queue[0][1]:
            heapq.heappop(self._queue)
        return self._queue[0][0] - self._clock.running() if self._queue else None

    def take(self) -> str | None:
        """The first that is due; with that it's off the agenda."""
        wait = self.wait()
        if wait is None or wait > 0:
            return None
        _, _, what = heapq.heappop(self._queue)
        del self._numbers[what]
        return what

    def _set_timer(self) -> None:
        wait, speed = self.wait(), float(self._clock.speed)
        if wait is None or (wait > 0 and not speed):
            return
        loop = asyncio.get_running_loop()
        # What is due now is done once the caller is done, not in the midst of it.
        at = loop.time() + (wait / SECOND / speed if wait > 0 else 0)
        if self._timer is None or at < self._timer.when():
            self._stop_timer()
            self._timer = loop.call_at(at, self._on_time)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _on_time(self) -> None:
        self._timer = None
        try:
            self._wake()
        finally:
            self._set_timer()
