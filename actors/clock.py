"""The one place where the clocks are read."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def system_clock() -> datetime:
    """The time now, aware, in UTC."""
    return datetime.now(UTC)


def system_monotonic() -> timedelta:
    """The time since the machine was started, or another moment that stays; it never jumps."""
    return timedelta(microseconds=time.monotonic_ns() // 1000)


class Time:
    """Both clocks, and who waits by them. Any thread."""

    def clock(self) -> datetime:
        """The time now, aware, in UTC."""
        return system_clock()

    def monotonic(self) -> timedelta:
        """The time since some moment of the past."""
        return system_monotonic()

    def watch(self, wake: Callable[[], None]) -> None:
        """Have `wake` called whenever time has passed otherwise than by passing: here never."""

    def unwatch(self, wake: Callable[[], None]) -> None:
        """Have it called no more."""


class LeapingTime(Time):
    """Begins when it is told to, runs as time does, and leaps ahead on order: a day in a minute."""

    def __init__(self, start: datetime) -> None:
        self._ahead = start - system_clock()
        self._leapt = timedelta()
        self._watchers: tuple[Callable[[], None], ...] = ()

    def clock(self) -> datetime:
        return system_clock() + self._ahead + self._leapt

    def monotonic(self) -> timedelta:
        return system_monotonic() + self._leapt

    def watch(self, wake: Callable[[], None]) -> None:
        self._watchers = (*self._watchers, wake)

    def unwatch(self, wake: Callable[[], None]) -> None:
        self._watchers = tuple(each for each in self._watchers if each != wake)

    def leap(self, by: timedelta) -> None:
        """All of this passes at once; for one thread. What became due by it is done soon after."""
        self._leapt += by
        for wake in self._watchers:
            wake()
