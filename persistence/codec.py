"""How values cross the border of the database: exact text for decimals, integers for times.

The rows that come back were validated before they went in, so nothing is validated again:
`built` makes a model six times as fast as its constructor, and a fold reads hundreds of rows.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel

from domain.values import in_utc

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND

_Model = TypeVar("_Model", bound=BaseModel)
_set = object.__setattr__
_FIELD_SETS: dict[type[BaseModel], set[str]] = {}


def text_of(value: Decimal) -> str:
    """Every digit, no exponent, the scale kept. ValueError for NaN and infinities."""
    if not value.is_finite():
        raise ValueError(f"{value} is not an amount")
    return format(value, "f")


def shortest_text_of(value: Decimal) -> str:
    """As `text_of` without the zeros that end a fraction: the same amount is always the same text."""
    text = text_of(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def text_or_none(value: Decimal | None) -> str | None:
    return None if value is None else text_of(value)


def decimal_or_none(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def micros_of(moment: datetime) -> int:
    """Microseconds since 1970 in UTC. ValueError for a naive time: it names no moment."""
    if moment.tzinfo is None:
        raise ValueError("a time needs its UTC offset")
    since = moment - EPOCH
    return since.days * _DAY + since.seconds * _SECOND + since.microseconds


def micros_or_none(moment: datetime | None) -> int | None:
    return None if moment is None else micros_of(moment)


def moment_of(micros: int) -> datetime:
    """The aware UTC time. Integers all the way: a float would lose the last microseconds."""
    return EPOCH + timedelta(0, 0, micros)


def moment_or_none(micros: int | None) -> datetime | None:
    return None if micros is None else EPOCH + timedelta(0, 0, micros)


def built(model: type[_Model], values: dict[str, object]) -> _Model:
    """The model with exactly these values, every field named; nothing is checked.

    What pydantic's `model_construct` does, without its walk over the fields' aliases and defaults.
    """
    fields = _FIELD_SETS.get(model)
    if fields is None:
        fields = _FIELD_SETS.setdefault(model, set(model.model_fields))
    instance = model.__new__(model)
    _set(instance, "__dict__", values)
    _set(instance, "__pydantic_fields_set__", fields)
    _set(instance, "__pydantic_extra__", None)
    _set(instance, "__pydantic_private__", None)
    return instance


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return text_of(value)
    if isinstance(value, datetime):
        return in_utc(value).isoformat()
    if isinstance(value, BaseModel):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in the journal")


_encode = json.JSONEncoder(
    default=_plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


def json_of(value: Mapping[str, object] | Sequence[object]) -> str:
    """Compact JSON with sorted keys; decimals as plain text, times as ISO 8601 in UTC."""
    return _encode(value)
