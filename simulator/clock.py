"""The simulator's time: whole nanoseconds since 1970 in UTC, and their RFC 3339 spelling.

Alpaca writes up to nine fractional digits, more than a datetime can hold; hence integers.
"""

import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
MICROSECOND = 1_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
LONGEST_ADVANCE_S = 366 * 86400
FASTEST = 100_000
_DAY_ONLY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FRACTION = re.compile(r"\.(\d{1,9})\d*")


class SimClock:
    """The one place that reads the machine's clock. Used on the loop's thread.

    `now` is the time of day, and can be set. `running` is how long it has gone, whatever it was set to, and
    what delays are measured by. An advance moves both.
    """

    def __init__(self) -> None:
        self.speed = Decimal(1)
        """Seconds told in one of the machine's; 0: it stands still but for an advance."""
        self._ratio = (1, 1)
        self._told, self._told_at = time.time_ns(), time.time_ns()
        self._ran, self._ran_at = 0, time.monotonic_ns()
        self._error = 0
        self._last_stamp = 0

    def now(self) -> int:
        return max(self._told + self._scaled(time.time_ns() - self._told_at) + self._error, self._last_stamp)

    def stamp(self) -> int:
        """The time of something that happens. Never the same microsecond twice, which is what clients keep.

        So each order has a `submitted_at` of its own to page by, and what happens to it has its order.
        """
        self._last_stamp = max(self.now(), self._last_stamp + MICROSECOND)
        return self._last_stamp

    def running(self) -> int:
        return self._ran + self._scaled(time.monotonic_ns() - self._ran_at)

    def move_to(self, now: int) -> None:
        """From here on the clock runs on from `now`, forward or back."""
        self._told, self._told_at = now - self._error, time.time_ns()
        self._last_stamp = 0

    def be_off(self, nanos: int) -> None:
        """Tells a time so much later than it would, or earlier if negative; 0: right again."""
        self._error = nanos
        self._last_stamp = 0

    def advance(self, nanos: int) -> None:
        # From the time it tells: stamps run ahead of a clock that stands still.
        now = self.now()
        self._told, self._told_at = now - self._error + nanos, time.time_ns()
        self._ran += nanos

    def run_at(self, speed: Decimal) -> None:
        self._told, self._told_at = self.now() - self._error, time.time_ns()
        self._ran, self._ran_at = self.running(), time.monotonic_ns()
        self.speed, self._ratio = speed, speed.as_integer_ratio()

    def _scaled(self, nanos: int) -> int:
        told, passed = self._ratio
        return nanos * told // passed


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
