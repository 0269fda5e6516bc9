"""How an order left to itself executes: whether it may at this price, and in what parts. Pure."""

from decimal import ROUND_DOWN, Decimal
from random import Random

from simulator.assets import Behaviour
from simulator.orders import NINE_PLACES, Order, is_whole

_PPM = 1_000_000
_SMALLEST_PART_PCT, _LARGEST_PART_PCT = 20, 80


def is_reached(order: Order, price: Decimal) -> bool:
    """Whether this price triggers the stop order."""
    assert order.stop_price is not None
    return price >= order.stop_price if order.side == "buy" else price <= order.stop_price


def is_marketable(order: Order, price: Decimal) -> bool:
    if order.is_dormant:
        return False
    if order.limit_price is None:
        return True
    return price <= order.limit_price if order.side == "buy" else price >= order.limit_price


def next_size(
    order: Order,
    remaining: Decimal,
    *,
    seed: int,
    partial_fill_share: Decimal,
    behaviour: Behaviour | None = None,
) -> Decimal:
    """Shares of the next execution; the order's id decides its parts, so a restart doesn't change them.

    Whole shares part into whole shares; what is too little to part goes at once.
    """
    unit = Decimal(1) if order.qty is not None and is_whole(order.qty) else NINE_PLACES
    parts = _parts(order, seed, partial_fill_share, behaviour) - order.executions
    parts_after = min(parts, int(remaining / unit)) - 1
    if parts_after <= 0:
        return remaining
    rng = Random(f"{seed}/{order.id}/{order.executions}")  # noqa: S311 - sizes, not secrets
    share = Decimal(rng.randint(_SMALLEST_PART_PCT, _LARGEST_PART_PCT)) / 100
    size = (remaining * share).quantize(unit, ROUND_DOWN)
    return min(max(size, unit), remaining - parts_after * unit)


def _parts(order: Order, seed: int, partial_fill_share: Decimal, behaviour: Behaviour | None) -> int:
    if order.time_in_force == "fok":
        return 1
    if behaviour is Behaviour.FILLS_IN_PARTS:
        return 3
    if behaviour is Behaviour.PARTLY_FILLED_THEN_CANCELED:
        return 2
    rng = Random(f"{seed}/{order.id}")  # noqa: S311 - sizes, not secrets
    return rng.choice((2, 3)) if rng.randrange(_PPM) < partial_fill_share * _PPM else 1
