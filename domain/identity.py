"""Ids that are functions of what they name, so that a repeat can only ever name the same thing."""

import base64
import hashlib
import re
from typing import Final, Literal

PREFIX: Final = "sf-"
"""Marks an order at the broker as ours."""

_MADE_HERE: Final = re.compile(r"sf-[a-z2-7]{26}")

Leg = Literal["entry", "exit", "stop"]
"""What an order is for: to open a trade, to close it now, or to rest at the broker until it must."""


def client_order_id(*, account_id: str, source: str, signal_id: str, leg: Leg, generation: int = 0) -> str:
    """The one id an order for this signal's leg can have: 29 characters, lower case.

    The account keeps paper and live apart. Alpaca takes an id once, for ever, also after a cancel
    (alpacahq/alpaca-py#260), which makes its uniqueness check the last fence against a doubled order.
    """
    # No part can hold a line end, so no two sets of parts read the same.
    named = "\n".join((account_id, source, signal_id, leg, str(generation)))
    digest = hashlib.sha256(named.encode()).digest()
    return PREFIX + base64.b32encode(digest[:20]).decode()[:26].lower()


def is_ours(client_order_id: str) -> bool:
    """Whether an order at the broker carries an id of our making; others may begin theirs as we do."""
    return _MADE_HERE.fullmatch(client_order_id) is not None
