"""What the account was worth: a sample a minute; after two days one in fifteen, after sixty one an hour."""

from datetime import datetime, timedelta
from decimal import Decimal
from sqlite3 import Cursor
from typing import Final

from domain.exposure import EquitySample
from persistence.codec import micros_of, moment_of, text_of

MINUTE: Final = timedelta(minutes=1)
THINNED: Final = (
    (timedelta(days=2), timedelta(minutes=15)),
    (timedelta(days=60), timedelta(hours=1)),
)
"""By age: how far apart the samples are from then on."""
_ADD = "INSERT OR IGNORE INTO equity_sample (at, equity, realised, open, exposure) VALUES (?, ?, ?, ?, ?)"
_BEFORE = "SELECT max(at) FROM equity_sample WHERE at < ?"
_THIN = "DELETE FROM equity_sample WHERE at BETWEEN ? AND ? AND at % ? <> 0"
_COUNT = "SELECT count(*) FROM equity_sample WHERE at >= ? AND at < ?"
_BETWEEN = (
    "SELECT at, equity, realised, open, exposure FROM ("
    "SELECT *, row_number() OVER (ORDER BY at DESC) - 1 AS place FROM equity_sample WHERE at >= ? AND at < ?)"
    " WHERE place % ? = 0 ORDER BY at"
)


def add(cursor: Cursor, sample: EquitySample) -> None:
    """Keep it, unless its minute has one; and thin out what has become old since the sample before it.

    That is how an outage of any length leaves nothing behind that is never looked at again.
    """
    at = micros_of(sample.at) // _micros(MINUTE) * _micros(MINUTE)
    amounts = (sample.equity, sample.realised, sample.open, sample.exposure)
    cursor.execute(_ADD, (at, *map(text_of, amounts)))
    [before] = cursor.execute(_BEFORE, (at,)).fetchone()
    if before is None:
        return
    for age, apart in THINNED:
        cursor.execute(_THIN, (before - _micros(age), at - _micros(age), _micros(apart)))


def between(cursor: Cursor, since: datetime, until: datetime, most: int) -> tuple[EquitySample, ...]:
    """Oldest first; of more than `most`, so many evenly taken, the last one among them."""
    span = (micros_of(since), micros_of(until))
    [count] = cursor.execute(_COUNT, span).fetchone()
    step = max(1, -(-count // most))
    return tuple(
        EquitySample(
            at=moment_of(at),
            equity=Decimal(equity),
            realised=Decimal(realised),
            open=Decimal(gained),
            exposure=Decimal(exposure),
        )
        for at, equity, realised, gained, exposure in cursor.execute(_BETWEEN, (*span, step))
    )


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
