"""What could not be sold now if it had to be, in numbers: shares, dollars, and dollars times seconds."""

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from domain.exits import Look, looked
from domain.market import Market
from domain.trades import OCCUPYING, TradeRecord
from domain.values import CENT, ZERO, Message, Shares, Usd


class Uncovered(Message):
    """What a trade holds beyond the stop that rests at the broker."""

    whole: Shares
    """Whole shares, which a stop could cover."""
    fraction: Shares
    """Less than one share: Alpaca takes no stop for it that outlasts the day."""
    price: Usd | None
    """The last one known, else the one paid; None: nothing was bought."""
    held_usd: Usd
    at_risk_usd: Usd
    """Of all that no stop covers."""
    fraction_usd: Usd
    """Of the fraction: so much cannot be protected."""
    naked_usd_s: Usd
    """Dollars times seconds without a way out, up to now."""


class NakedSums(Message):
    """Sums over trades."""

    trades: int = 0
    unpriced: int = 0
    """Trades among them that were never seen at a price: they count at what was paid for them."""
    held_usd: Usd = ZERO
    at_risk_usd: Usd = ZERO
    fraction_usd: Usd = ZERO
    naked_usd: Usd = ZERO
    """Of what is at risk: in trades that have no working way out just now."""
    naked_usd_s: Usd = ZERO


def uncovered(trade: TradeRecord, covered: Decimal, now: datetime, market: Market | None) -> Uncovered:
    """`covered`: shares that a stop at the broker surely covers; `now` is the broker's."""
    price = trade.basis_price if trade.mark_price is None else trade.mark_price
    bare = max(ZERO, trade.held - covered)
    whole = bare.to_integral_value(rounding=ROUND_DOWN)
    naked_usd_s = trade.naked_usd_s
    if trade.held and trade.status in OCCUPYING:  # with the time since the monitor's last look
        look = Look(trade_id=trade.id, naked_why=trade.naked_why, covered=covered)
        naked_usd_s = looked(trade, look, now, market).naked_usd_s
    return Uncovered(
        whole=whole,
        fraction=bare - whole,
        price=price,
        held_usd=_dollars(trade.held, price),
        at_risk_usd=_dollars(bare, price),
        fraction_usd=_dollars(bare - whole, price),
        naked_usd_s=naked_usd_s,
    )


def sums(trades: Iterable[tuple[TradeRecord, Uncovered]]) -> NakedSums:
    """Of these trades; each is rounded before, so that they add up to what is shown of them."""
    told = NakedSums()
    for trade, bare in trades:
        told = NakedSums(
            trades=told.trades + 1,
            unpriced=told.unpriced + (trade.mark_price is None and trade.held > ZERO),
            held_usd=told.held_usd + bare.held_usd,
            at_risk_usd=told.at_risk_usd + bare.at_risk_usd,
            fraction_usd=told.fraction_usd + bare.fraction_usd,
            naked_usd=told.naked_usd + (ZERO if trade.naked_why is None else bare.at_risk_usd),
            naked_usd_s=told.naked_usd_s + bare.naked_usd_s,
        )
    return told


def _dollars(shares: Decimal, price: Decimal | None) -> Decimal:
    return (shares * (price or ZERO)).quantize(CENT)
