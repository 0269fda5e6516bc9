"""Raw bytes -> a domain Signal, or a refusal that names every fault.

Nothing here trusts the sender: numbers stay exact, and what would be ambiguous (a time without its
offset) is refused, not guessed.
"""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from domain.signals import Signal
from web.bodies import checked, object_from
from web.errors import Refusal

YEARS: Final = range(1970, 9000)
"""Outside of these, adding a time to live or an offset could leave what a datetime can hold."""

REQUIREMENTS: Final = {
    "signal_id": "must be text of 1 to 128 printable ASCII characters without spaces",
    "symbol": "must be a stock symbol in capitals (they are required exactly), as ACME or BRK.B",
    "catalyst_tier": "must be an integer from 1 to 4",
    "ai_confidence": 'must be "high", "medium", "low" or null',
    "issued_at": "must be an ISO 8601 time with its UTC offset, as 2026-11-12T15:00:00Z",
    "catalyst_category": "must be text of at most 64 characters, or null",
    "price_at_signal": (
        "must be a number above 0, or a numeric string, with at most 18 digits before the point "
        "and 9 behind it, or null"
    ),
    "ttl_s": "must be an integer from 1 to 86400 (seconds)",
    "source": "must be text of 1 to 64 printable ASCII characters without spaces",
}

_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,64}(\.\d{1,64})?([eE][+-]?\d{1,4})?", re.ASCII)


def signal_from(body: bytes, sender: str | None = None) -> Signal:
    """The signal that the body spells; raises Refusal and nothing else, whatever the bytes are.

    `sender`: the source that has proven to be the sender, and so can speak for no other.
    """
    fields = {name: _typed(name, value) for name, value in object_from(body).items()}
    if sender is not None and fields.setdefault("source", sender) != sender:
        raise Refusal(
            403,
            "wrong_source",
            f"The key is {sender}'s, and the signal names another source; nothing was stored.",
            f"Leave `source` out, or let it be {sender}.",
        )
    return checked(Signal, fields, REQUIREMENTS, "signal")


def _typed(name: str, value: Any) -> Any:
    """The value as the type JSON has no word for; left as it is, the signal's own check refuses it."""
    if name == "issued_at":
        return moment_from(value)
    if name == "price_at_signal":
        return amount_from(value)
    return value


def moment_from(value: Any) -> Any:
    """The time that the text spells; what spells none is left as it is."""
    if not isinstance(value, str) or _TIME.fullmatch(value) is None:
        return value
    try:
        moment = datetime.fromisoformat(value.upper())
    except ValueError:
        return value
    return moment if moment.year in YEARS else value


def amount_from(value: Any) -> Any:
    """The number that an integer or a text spells, with every digit; what spells none is left as it is."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    # True is an int to Python, and to nobody who sends prices.
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value
