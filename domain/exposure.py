"""What stands in the books when a signal is decided on, counted so that no limit can be passed by it.

An order that is pending or unresolved counts in full: nobody knows that it will not be filled.
"""

from decimal import Decimal

from domain.trades import TradeRecord
from domain.values import ZERO, Message, Usd, Utc


class DayPnl(Message):
    """What New York's day has brought, or cost, so far."""

    realised: Usd = ZERO
    """Of the trades that ended in it."""
    open: Usd = ZERO
    """Of the others, by the prices they were last seen at, with what was sold of them."""
    unpriced: int = 0
    """Trades of which a price is not known: there they count as if it had not moved."""

    @property
    def total(self) -> Decimal:
        return self.realised + self.open


class EquitySample(Message):
    """How it stood in one minute. Dollars."""

    at: Utc
    equity: Usd
    """Of the account, as the broker told it."""
    realised: Usd
    """Of our trades that ended in New York's day."""
    open: Usd
    """Of the others, so far."""
    exposure: Usd
    """What our trades hold, at what was paid."""


class Exposure(Message):
    """What no limit asks for is not counted, and stays as it is here."""

    positions: int = 0
    """Trades that are pending, open, or being closed."""
    usd: Usd = ZERO
    """What they hold, and what their orders may still buy."""
    orders_last_minute: int = 0
    orders_today: int = 0
    """Buys that were planned in New York's day."""
    last_ended_at: Utc | None = None
    """When the symbol's last trade ended."""
    today: DayPnl = DayPnl()
    ordered_since: Usd = ZERO
    """Dollars of buys that the account's buying power, when it was read, need not have shown."""


def dollars_at_stake(trade: TradeRecord, *, entering: bool) -> Decimal:
    """What a trade holds at what was paid for it, or all that it may buy while it is `entering`."""
    if entering:
        return max(trade.notional, (trade.shares or ZERO) * (trade.entry_price or ZERO))
    if not trade.held:
        return ZERO
    basis = trade.basis_price
    return trade.notional if basis is None else trade.held * basis


def open_pnl(trade: TradeRecord, got: Decimal | None) -> tuple[Decimal, bool]:
    """Dollars a trade has gained so far, and whether all its prices are known.

    `got`: dollars its own sells brought; None: the broker has not told them all. Where a price is not known
    it is taken for the one paid.
    """
    basis = trade.basis_price
    if basis is None or trade.shares is None or trade.entry_price is None:
        return ZERO, not trade.held
    mark = trade.mark_price if trade.held else basis
    sold = trade.sold * basis if got is None else got
    taken = trade.taken * basis if trade.taken_for is None else trade.taken_for
    left = trade.held * (basis if mark is None else mark)
    known = mark is not None and got is not None and trade.taken_for is not None
    return sold + taken + left - trade.shares * trade.entry_price, known
