"""Single fields of a request's body or query, read with care."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from simulator.errors import invalid, unprocessable

_LARGEST_EXPONENT = 15
"""A number of a million digits is no order's, and spelling it out would take the simulator's memory."""


def read_decimal(payload: Mapping[str, object], name: str) -> Decimal | None:
    """A number spelled as text or as JSON number; absent, null and "" are None. Raises ApiError."""
    value = payload.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        try:
            found = Decimal(value)
        except InvalidOperation:
            raise invalid(f"{name} is invalid") from None
        if found.is_finite() and found.adjusted() <= _LARGEST_EXPONENT:
            return found
    raise invalid(f"{name} is invalid")


def positive(payload: Mapping[str, object], name: str) -> Decimal | None:
    value = read_decimal(payload, name)
    if value is not None and value <= 0:
        raise unprocessable(f"{name} must be > 0")
    return value


def word(payload: Mapping[str, object], name: str) -> str:
    value = payload.get(name)
    if value is None or value == "":
        raise invalid(f"{name} is required")
    if not isinstance(value, str):
        raise invalid(f"{name} is invalid")
    return value


def one_of(payload: Mapping[str, object], name: str, allowed: tuple[str, ...]) -> str:
    value = word(payload, name)
    if value not in allowed:
        raise invalid(f"invalid {name}")
    return value


def flag(payload: Mapping[str, object], name: str) -> bool:
    value = payload.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise invalid(f"{name} is invalid")
    return value


def places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
