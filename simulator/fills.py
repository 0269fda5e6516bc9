"""How an order left to itself executes: whether it may at this price, and in what parts. Pure."""

from decimal import ROUND_DOWN, Decimal
from random import Random

from simulator.assets import SPECIAL, Behaviour
from simulator.orders import NINE_PLACES, Order, is_whole

_PPM = 1_000_000
_SMALLEST_PART_PCT, _LARGEST_PART_PCT = 20, 80


def is_marketable(order: Order, price: Decimal) -> bool:
    if order.limit_price is None:
        return True
    return price <= order.limit_price if order.side == "buy" else price >= order.limit_price


def next_size(order: Order, remaining: Decimal, *, seed: int, partial_fill_share: Decimal) -> Decimal:
    """Shares of the next execution; the order's id decides its parts, so a restart doesn't change them."""
    rng = Random(f"{seed}/{order.id}")  # noqa: S311 - sizes, not secrets
    splits = rng.randrange(_PPM) < partial_fill_share * _PPM
    parts = rng.choice((2, 3)) if splits else 1
    behaviour = SPECIAL.get(order.symbol)
    if behaviour is Behaviour.FILLS_IN_PARTS:
        parts = 3
    elif behaviour is Behaviour.PARTLY_FILLED_THEN_CANCELED:
        parts = 2
    if order.time_in_force == "fok" or order.executions + 1 >= parts:
        return remaining
    for _ in range(order.executions):
        rng.random()
    share = Decimal(rng.randint(_SMALLEST_PART_PCT, _LARGEST_PART_PCT)) / 100
    whole = order.qty is not None and is_whole(order.qty)
    size = (remaining * share).quantize(Decimal(1) if whole else NINE_PLACES, ROUND_DOWN)
    # What is too small to part goes at once, though PARTS and PCANC then can't keep their promise.
    return size or remaining
