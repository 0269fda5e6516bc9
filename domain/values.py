"""The vocabulary every message is made of: exact decimals, aware UTC times, frozen models."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Clock = Callable[[], datetime]
"""Tells the time, aware and in UTC. `run.py` supplies the real one, tests their own."""
Monotonic = Callable[[], timedelta]
"""Tells the time since some moment of the past; no step of the wall clock moves it."""


class Message(BaseModel):
    """A fact or a command: frozen, strict (no silent conversions), closed to unknown fields."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    def having(self, changes: Mapping[str, object]) -> Self:
        """The message with these fields changed; itself, when that changes nothing.

        Nothing is checked: the values come from messages that were. It is `model_copy` without the walk
        that makes it the dearest step of a fold.
        """
        fields = self.__dict__
        if all(fields[name] == value for name, value in changes.items()):
            return self
        copy = type(self).__new__(type(self))
        put = object.__setattr__  # the class is frozen for everybody else
        put(copy, "__dict__", {**fields, **changes})
        put(copy, "__pydantic_fields_set__", self.__pydantic_fields_set__)
        put(copy, "__pydantic_extra__", None)
        put(copy, "__pydantic_private__", None)
        return copy


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC; a naive time has no moment and is refused with ValueError."""
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError("a time needs its UTC offset, for example 2026-11-12T15:00:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time that is in no calendar once it is in UTC") from None


Utc = Annotated[datetime, AfterValidator(in_utc)]
Usd = Annotated[Decimal, Field(max_digits=27, decimal_places=9)]
"""Dollars, or dollars a share."""
Shares = Annotated[Decimal, Field(max_digits=27, decimal_places=9)]
"""Shares, fractions included: Alpaca counts nine decimals."""


class Moment(NamedTuple):
    """Now, by both clocks."""

    now: datetime
    monotonic: timedelta


ZERO = Decimal(0)
CENT = Decimal("0.01")
