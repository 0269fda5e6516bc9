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

    def wait_s(self, span: timedelta) -> float | None:
        """Seconds of the machine's in which so much passes; None: waiting alone does not bring it."""
        return span.total_seconds()

    def watch(self, wake: Callable[[], None]) -> None:
        """Have `wake` called whenever time has passed otherwise than by passing: here never."""

    def unwatch(self, wake: Callable[[], None]) -> None:
        """Have it called no more."""


class LeapingTime(Time):
    """Begins when it is told to, stands still, and leaps ahead on order: a day in a minute.

    As it stands still in between, whatever is done at a moment is done in time, however slow the machine.
    """

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._leapt = timedelta()
        self._watchers: tuple[Callable[[], None], ...] = ()

    def clock(self) -> datetime:
        return self._start + self._leapt

    def monotonic(self) -> timedelta:
        return self._leapt

    def wait_s(self, span: timedelta) -> float | None:  # noqa: ARG002 - however long it is
        return None

    def watch(self, wake: Callable[[], None]) -> None:
        self._watchers = (*self._watchers, wake)

    def unwatch(self, wake: Callable[[], None]) -> None:
        self._watchers = tuple(each for each in self._watchers if each != wake)

    def leap(self, by: timedelta) -> None:
        """All of this passes at once; for one thread. What became due by it is done soon after."""
        self._leapt += by
        for wake in self._watchers:
            wake()
