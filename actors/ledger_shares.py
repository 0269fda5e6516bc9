"""The ledger's work on whose shares are whose: what may be sold, and what others have done with it.

Our trades hold no more shares than the books make of the account. What goes beyond that, somebody else has
sold; and what is not surely there is not sold.
"""

from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

from actors.ledger_work import Work
from domain.exits import is_as_wanted, protective_stop, unsold
from domain.holdings import ExternalOrder
from domain.messages import Declined
from domain.orders import Life, OrderRecord, Trigger, learn
from domain.reconcile import CorporateAction
from domain.rules import Deferred
from domain.signals import decimal_text
from domain.trades import NINE_PLACES, TradeRecord, give_back, in_play, take
from domain.values import ZERO

# --- what may be sold -------------------------------------------------------------------------------


def shortage(work: Work, trade: TradeRecord) -> str | None:
    """Why the trade's shares may not all be there to be sold; None: they are.

    A sell of shares that the account does not hold could be taken for a short sale.
    """
    if not work.gate.knows_account(work.moment):
        work.look(f"{trade.symbol} is to be sold", quiet=False)
        return "the account has not been read lately; it is read first, as others may have sold the shares"
    suspicion = work.suspicions.get(trade.symbol)
    unexplained = ZERO if suspicion is None else min(suspicion.heard - suspicion.believed, ZERO)
    there = work.believed(trade.symbol) - _spoken_for(work, trade) + unexplained
    if there >= trade.held:
        return None
    told = (
        f"the account has {decimal_text(there)} shares to be sold, the trade holds {decimal_text(trade.held)}"
    )
    if suspicion is None:
        work.look(f"{trade.symbol}: {told}", quiet=False)
    elif suspicion.confirmed:
        return f"{told}; it is not sold before a person has said which is right (resume {trade.symbol})"
    return f"{told}; the account is read again first"


def surprise(work: Work, trade: TradeRecord, position_qty: Decimal | None) -> str | None:
    """Why what the account holds just now makes the sale another matter; None: it is as the books have it.

    A difference that quiet reads have confirmed is for a person; until then the trade may still be sold.
    """
    believed = work.believed(trade.symbol)
    if position_qty is None or position_qty == believed:
        return None
    suspicion = work.suspicions.get(trade.symbol)
    if suspicion is not None and suspicion.confirmed and position_qty == suspicion.heard:
        return None
    why = (
        f"the account has {decimal_text(position_qty)} shares just now, the books make it "
        f"{decimal_text(believed)}: perhaps a split, or its owner's own sale"
    )
    work.look(f"{trade.symbol}: {why}", quiet=False)
    return f"{why}; the account is read again first"


def _spoken_for(work: Work, trade: TradeRecord) -> Decimal:
    """Shares that the sells of other trades of the symbol may still sell."""
    others = [each.id for each in work.unit.open_trades(trade.symbol) if each.id != trade.id]
    orders = (order for each in work.unit.orders_of(others).values() for order in in_play(each))
    return sum((unsold(order) for order in orders if order.leg != "entry"), ZERO)


# --- intents that may leave again -------------------------------------------------------------------


def why_not_again(work: Work, record: OrderRecord, *, never_sent: bool) -> Declined | Deferred | None:
    """What an intent was for may have changed since it was planned; None: it may leave."""
    [trade] = work.unit.trades([record.trade_id]).values()
    gone = _why_gone(work, trade, record, never_sent=never_sent)
    if gone is not None:
        _withdraw(work, record, gone, never_sent=never_sent)
        return Declined(verdict=None)
    if record.leg == "entry":
        return None
    short = shortage(work, trade)
    return None if short is None else Deferred(reason=short)


def _why_gone(work: Work, trade: TradeRecord, record: OrderRecord, *, never_sent: bool) -> str | None:
    if record.leg == "entry":
        return None if trade.exit_wanted is None else "its trade is to be sold"
    if unsold(record) > trade.held:
        return "its trade does not hold so many shares any more"
    # One that may have left is sent again even if it is not wanted any more: only what the broker surely
    # has can be canceled at once, and until then nothing else is sold.
    if (
        record.leg == "stop"
        and never_sent
        and not is_as_wanted(record, protective_stop(trade, work.unit.config()))
    ):
        return "its trade needs another stop, or none"
    return None


def _withdraw(work: Work, record: OrderRecord, why: str, *, never_sent: bool) -> None:
    """No further POST of it may leave; where none has, it is over."""
    if never_sent and record.life is Life.INTENDED:
        after, kind = learn(record, Trigger.LAPSED), "order_lapsed"
    else:
        after, kind = record.having({"post_until": min(record.post_until, work.now)}), "order_withdrawn"
    work.journal(kind, record.client_order_id, why=why)
    work.save({record.client_order_id: after})


# --- what others did with the shares ----------------------------------------------------------------


class Sale(NamedTuple):
    """Shares that an order of others has sold, for so many dollars each; None: nobody knows."""

    order: ExternalOrder
    qty: Decimal
    price: Decimal | None


def settle(work: Work, symbol: str, sales: Iterable[Sale], *, rest: bool) -> None:
    """What our trades hold beyond the account's shares is gone: by these sales, the first ones first.

    `rest`: the account itself shows that it is gone, so what they leave unexplained went for nobody knows
    what. To be called once the sales are in the books.
    """
    short = _held(work, symbol) - max(work.believed(symbol), ZERO)
    for sale in sales:
        part = min(short, sale.qty)
        if part > ZERO:
            short -= part
            taken = sale.order.having({"taken": sale.order.taken + part})
            work.unit.save_external_orders((taken,), at=work.now)
            _take(work, symbol, part, sale.price)
    if rest and short > ZERO:
        _take(work, symbol, short, None)


def settle_all(work: Work, symbols: Iterable[str]) -> None:
    """As `settle`, for symbols of which the account holds just what the books make of it."""
    among = frozenset(symbols)
    holding = [trade for trade in work.unit.open_trades() if trade.held and trade.symbol in among]
    for symbol in sorted({trade.symbol for trade in holding}):
        trades = [trade for trade in holding if trade.symbol == symbol]
        if sum((trade.held for trade in trades), ZERO) > max(work.believed(symbol), ZERO):
            since = min(trade.entry_at or trade.created_at for trade in trades)
            sells = work.unit.external_sells(symbol, since=since)
            sales = (Sale(each, each.filled_qty - each.taken, each.filled_avg_price) for each in sells)
            settle(work, symbol, sales, rest=True)


def _held(work: Work, symbol: str) -> Decimal:
    return sum((trade.held for trade in work.unit.open_trades(symbol)), ZERO)


def _take(work: Work, symbol: str, qty: Decimal, price: Decimal | None) -> None:
    """So many of our trades' shares are gone, the oldest trade's first."""
    for trade in work.unit.open_trades(symbol):
        gone = min(qty, trade.held)
        if gone > ZERO:
            qty -= gone
            work.journal("shares_taken", str(trade.id), symbol=symbol, qty=gone, price=price)
            work.follow([take(trade, gone, None if price is None else price * gone, work.now)])


def disown(work: Work, order: ExternalOrder, trade_id: int) -> None:
    """An order that was taken for a stranger's is one of this trade: what it sold was not taken from it."""
    work.unit.drop_external_orders((order.broker_order_id,))
    if order.taken:
        [trade] = work.unit.trades([trade_id]).values()
        work.journal("shares_given_back", str(trade_id), symbol=trade.symbol, qty=order.taken)
        work.follow([give_back(trade, order.taken)])


def split(work: Work, symbol: str, actions: Iterable[CorporateAction]) -> None:
    """A split added shares to the account, or took them: each trade that it found has its part.

    To be called before the shares are moved in the books. Rounded so that the trades never hold more than
    the account.
    """
    told = tuple(actions)
    before, gain = work.believed(symbol), sum((each.qty for each in told), ZERO)
    out = [-each.qty for each in told if each.qty < ZERO]
    if len(out) == 1 and len(told) > 1:
        # Told as shares out and shares in: what was bought and sold since does not change their ratio.
        [before] = out
    at = max((each.at for each in told if each.at is not None), default=None)
    for trade in work.unit.open_trades(symbol):
        bought_since = at is not None and trade.entry_at is not None and trade.entry_at > at
        if before > ZERO and trade.held and not bought_since:
            part = (trade.held * gain / before).quantize(NINE_PLACES, rounding=ROUND_FLOOR)
            work.journal("trade_split", str(trade.id), symbol=symbol, qty=part)
            work.follow([trade.having({"split": trade.split + part, "peak_price": None, "mark_price": None})])
