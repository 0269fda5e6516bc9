"""The simulator's time: whole nanoseconds since 1970 in UTC, and their RFC 3339 spelling.

Alpaca writes up to nine fractional digits, more than a datetime can hold; hence integers.
"""

import re
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
_DAY_ONLY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FRACTION = re.compile(r"\.(\d{1,9})\d*")


class SimClock:
    """The one place that reads the machine's clock.

    Never gives the same nanosecond twice, so that each order has a `submitted_at` of its own to page by.
    """

    def __init__(self) -> None:
        self._offset = 0
        self._error = 0
        self._last = 0

    def now(self) -> int:
        self._last = max(self._last + 1, time.time_ns() + self._offset + self._error)
        return self._last

    def move_to(self, now: int) -> None:
        """From here on the clock runs on from `now`, forward or back."""
        self._offset = now - time.time_ns() - self._error
        self._last = now

    def be_off(self, nanos: int) -> None:
        """Tells a time so much later than it would, or earlier if negative; 0: right again."""
        self._error = nanos
        self._last = time.time_ns() + self._offset + self._error


def rfc3339(at: int, *, digits: int = 9) -> str:
    """UTC, the fraction without its trailing zeros."""
    seconds, nanos = divmod(at, SECOND)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{nanos:09d}"[:digits].rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"


def new_york_text(at: int) -> str:
    """New York's wall clock with its offset, as `/v2/clock` writes it."""
    fraction = f"{at % SECOND:09d}".rstrip("0")
    local = new_york(at).replace(microsecond=0).isoformat()
    return f"{local[:19]}.{fraction}{local[19:]}" if fraction else local


def new_york(at: int) -> datetime:
    return (
        datetime.fromtimestamp(at // SECOND, UTC)
        .astimezone(NEW_YORK)
        .replace(microsecond=at % SECOND // 1000)
    )


def nanos(moment: datetime) -> int:
    return int(moment.replace(microsecond=0).timestamp()) * SECOND + moment.microsecond * 1000


def read_time(text: str) -> int:
    """An RFC 3339 time or a day (its midnight in New York). Raises ValueError."""
    if _DAY_ONLY.fullmatch(text):
        return nanos(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK))
    # A plus sign that its sender left unescaped in a query arrives as a blank.
    spelled = re.sub(r" (?=\d\d:\d\d$)", "+", text)
    fraction = _FRACTION.search(spelled)
    moment = datetime.fromisoformat(_FRACTION.sub("", spelled, count=1))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return nanos(moment) + (int(fraction[1].ljust(9, "0")) if fraction else 0)
