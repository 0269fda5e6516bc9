"""What the book and the oracle are made of: an order's event, or what happened to the account itself."""

from dataclasses import dataclass
from decimal import Decimal

from simulator.orders import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """`new_qty` shares in the place of `old_qty`, for the same cost. Times are nanoseconds since 1970."""

    symbol: str
    ratio: Decimal
    old_qty: Decimal
    new_qty: Decimal
    cost: Decimal
    """Dollars, unrounded."""
    at: int
    remove_id: str
    add_id: str
    """Alpaca reports a split as two activities: the old shares go, the new ones come."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reset:
    """The account begins anew: no orders, no positions, the cash of its start."""

    account_id: str
    at: int


Record = Event | Split | Reset
