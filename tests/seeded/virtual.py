"""The world's time: nothing sleeps, the scheduler moves it."""

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Action = Callable[[], object]

START = datetime(2026, 11, 12, 15, 0, tzinfo=UTC)
"""True time at the beginning: a Thursday, the market is open."""
_SECOND = 1_000_000_000
_START_NS = int(START.timestamp()) * _SECOND


class VirtualTime:
    """Whole nanoseconds since the start, and what is due when."""

    def __init__(self) -> None:
        self._ns = 0
        self._last_told = 0
        self._due: list[tuple[int, int, Action]] = []
        self._order = itertools.count()
        self.skew = timedelta(0)
        """How far our machine's wall clock is ahead of the truth."""

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start; it never jumps."""
        return self._ns / _SECOND

    def clock(self) -> datetime:
        """Our machine's wall clock."""
        return self.truth() + self.skew

    def truth(self) -> datetime:
        """What the wall clock should say, and the broker's does."""
        return START + timedelta(microseconds=self._ns // 1000)

    def monotonic(self) -> timedelta:
        return timedelta(microseconds=self._ns // 1000)

    def nanos(self) -> int:
        """The exchange's time; no two of its events share one."""
        self._last_told = max(self._last_told + 1, _START_NS + self._ns)
        return self._last_told

    def pass_by(self, seconds: float) -> None:
        self._ns += int(seconds * _SECOND)

    def later(self, delay_s: float, action: Action) -> None:
        """Have the scheduler run the action once, so many seconds from now."""
        heapq.heappush(self._due, (self._ns + int(delay_s * _SECOND), next(self._order), action))

    @property
    def due_at_s(self) -> float:
        """When the next thing happens by itself."""
        return self._due[0][0] / _SECOND if self._due else float("inf")

    def step(self, seconds: float) -> None:
        """Our machine's wall clock is put so far ahead of the truth; nothing else notices."""
        self.skew = timedelta(seconds=seconds)

    def next(self) -> Action | None:
        """What is due next, at its time or late; None: nothing will ever happen."""
        if not self._due:
            return None
        at, _, action = heapq.heappop(self._due)
        self._ns = max(self._ns, at)
        return action


class VirtualTimers:
    """`actors.timers.Timers` of one process: when it dies, nothing it waited for happens."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._closed = False

    def after(self, delay_s: float, action: Action) -> None:
        self._time.later(delay_s, lambda: None if self._closed else action())

    def close(self) -> None:
        self._closed = True
