"""How the dollars of a signal become an order: of dollars, of whole shares, or a limit in extended hours."""

from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from domain.limits import MIN_NOTIONAL, NOT_READ
from domain.market import Asset, Priced, Unpriced
from domain.signals import Check, EntryOrder, Signal, VerdictCode, decimal_text
from domain.values import CENT, ZERO

EXTENDED_PREMIUM: Final = Decimal("1.005")
"""The origin's: in extended hours it bids half a percent above the signal's price."""
SUB_DOLLAR_TICK: Final = Decimal("0.0001")
MOST_SHARES: Final = Decimal(1_000_000_000)
"""More of them in one order: the price they are counted by cannot be true."""


class Sized(NamedTuple):
    """What the dollars come to."""

    order: EntryOrder | None
    """None: nothing, or what has to be known first is not."""
    code: VerdictCode
    """What it means if the check fails."""
    check: Check


def size_order(
    signal: Signal,
    notional: Decimal | None,
    asset: Asset | None,
    price: Priced | Unpriced | None,
    *,
    extended: bool,
) -> Sized:
    """The order that these dollars, cut to whole cents, come to."""
    if notional is None:
        return _nothing("no_rating", "no rating, no order", passed=True)
    if asset is None:
        return _nothing("no_whole_share", NOT_READ, passed=True)
    if extended:
        return _in_extended_hours(signal, notional, price)
    if asset.fractionable:
        order = EntryOrder(notional=notional, cost=notional)
        return Sized(order, "below_minimum", _check(f"a market order of {decimal_text(notional)} USD"))
    if not isinstance(price, Priced):
        return _unpriced(price)
    return _of_shares(
        f"{signal.symbol} is sold in whole shares only", notional, price.price, EntryOrder(cost=ZERO)
    )


def _in_extended_hours(signal: Signal, notional: Decimal, price: Priced | Unpriced | None) -> Sized:
    base = signal.price_at_signal
    if base is None:
        if not isinstance(price, Priced):
            return _unpriced(price)
        base = price.price
    limit = extended_limit(base)
    kind = EntryOrder(type="limit", extended_hours=True, cost=ZERO)
    told = f"a limit half a percent above {decimal_text(base)} USD, as extended hours take"
    sized = _of_shares(told, notional, limit, kind)
    order = sized.order
    return sized if order is None else sized._replace(order=order.having({"limit_price": limit}))


def extended_limit(price: Decimal) -> Decimal:
    """Half a percent above, in the steps that exchanges take: cents, below a dollar hundredths of them."""
    raised = price * EXTENDED_PREMIUM
    if raised < 1:
        raised = raised.quantize(SUB_DOLLAR_TICK, ROUND_HALF_UP)
    return raised if raised < 1 else raised.quantize(CENT, ROUND_HALF_UP)


def _of_shares(why: str, notional: Decimal, price: Decimal, kind: EntryOrder) -> Sized:
    """As many whole shares as the dollars buy at this price, never for more than the dollars."""
    qty = notional // price if price else ZERO
    if not ZERO < qty <= MOST_SHARES:
        return _nothing(
            "no_whole_share",
            f"{decimal_text(notional)} USD buy no number of whole shares at {decimal_text(price)} USD: {why}",
        )
    cost = (qty * price).quantize(CENT, ROUND_CEILING)
    told = f"{qty} shares at {decimal_text(price)} USD, {decimal_text(cost)} USD in all: {why}"
    order = kind.having({"qty": qty, "cost": cost})
    return Sized(order, "below_minimum", _check(told, passed=cost >= MIN_NOTIONAL))


def _unpriced(price: Unpriced | None) -> Sized:
    if price is None:
        return _nothing("no_price", NOT_READ, passed=True)
    return _nothing("no_price", f"whole shares are counted by a price, and there is none: {price.why}")


def _nothing(code: VerdictCode, detail: str, *, passed: bool = False) -> Sized:
    return Sized(None, code, _check(detail, passed=passed))


def _check(detail: str, *, passed: bool = True) -> Check:
    return Check(name="order", passed=passed, detail=detail)
