"""The vocabulary every message is made of: exact decimals, aware UTC times, frozen models."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Clock = Callable[[], datetime]
"""Tells the time, aware and in UTC. `run.py` supplies the real one, tests their own."""


class Message(BaseModel):
    """A fact or a command: frozen, strict (no silent conversions), closed to unknown fields."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC; a naive time has no moment and is refused with ValueError."""
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError("a time needs its UTC offset, for example 2026-11-12T15:00:00Z")
    return moment.astimezone(UTC)


Utc = Annotated[datetime, AfterValidator(in_utc)]
Usd = Annotated[Decimal, Field(max_digits=27, decimal_places=9)]
"""Dollars, or dollars a share."""
Shares = Annotated[Decimal, Field(max_digits=27, decimal_places=9)]
"""Shares, fractions included: Alpaca counts nine decimals."""

ZERO = Decimal(0)
CENT = Decimal("0.01")
