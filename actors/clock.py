"""The one place where the clocks are read."""

import time
from datetime import UTC, datetime, timedelta


def system_clock() -> datetime:
    """The time now, aware, in UTC."""
    return datetime.now(UTC)


def system_monotonic() -> timedelta:
    """The time since the machine was started, or another moment that stays; it never jumps."""
    return timedelta(microseconds=time.monotonic_ns() // 1000)
