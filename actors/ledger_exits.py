"""The ledger's work on exits: what is to be sold, the intents to sell, and what the monitor saw.

It sells what a trade bought and still holds, never more and never the owner's other shares; one sell of a
trade at a time, and none while an order that could still buy or sell the same shares is live.
"""

from collections.abc import Sequence
from decimal import Decimal

from actors.ledger_signals import config_digest
from actors.ledger_work import Work
from domain.exits import EXIT_GOOD_FOR, looked, may_sell_from, protective_stop, working_stops
from domain.holdings import ALL
from domain.identity import Leg, client_order_id
from domain.messages import (
    Declined,
    ExitRequested,
    PlanAnswer,
    PlanExit,
    Planned,
    PlanStop,
    PositionsLooked,
    RequestExit,
)
from domain.orders import Life, OrderRecord, OrderTicket
from domain.rules import Deferred
from domain.signals import decimal_text
from domain.trades import TradeRecord, take
from domain.values import ZERO
from failpoint import failpoint

NOTHING = Declined(verdict=None)


def request_exit(work: Work, mail: RequestExit) -> ExitRequested:
    """Note for good that a person wants this sold; a buy that still works is canceled at once."""
    trades = work.unit.open_trades(None if mail.scope == ALL else mail.scope)
    orders = work.unit.orders_of([trade.id for trade in trades])
    wanted = [_wanted(work, trade, mail.reason, mail.by, mail.detail) for trade in trades]
    work.follow(wanted)
    for trade in trades:
        _cancel(work, [o for o in orders[trade.id] if o.leg == "entry"])
    return ExitRequested(trades=tuple(wanted))


def _wanted(work: Work, trade: TradeRecord, reason: str, by: str, detail: str = "") -> TradeRecord:
    """The trade, to be sold from now on; the first reason stands."""
    if trade.exit_wanted is not None:
        return trade
    work.journal("exit_wanted", str(trade.id), symbol=trade.symbol, reason=reason, by=by, detail=detail)
    return trade.having({"exit_wanted": reason, "exit_wanted_by": by, "exit_wanted_at": work.now})


def plan_exit(work: Work, mail: PlanExit) -> PlanAnswer:
    """The intent to sell all that the trade holds, or why not now; that it is wanted is kept in any case."""
    trade = work.unit.trades([mail.trade_id]).get(mail.trade_id)
    if trade is None:
        return NOTHING
    orders = work.unit.orders_of([trade.id])[trade.id]
    live = [order for order in orders if order.is_live]
    if any(order.leg == "exit" for order in live):
        return NOTHING  # it is under way, and what becomes of it will be heard
    work.follow([_wanted(work, trade, mail.reason, mail.by, mail.detail)])
    _cancel(work, live)
    [trade] = work.unit.trades([trade.id]).values()
    if not trade.held:
        return NOTHING
    why = _why_not_now(work, trade, orders)
    if why is not None:
        return Deferred(reason=why)
    return _intend(work, trade, orders, "exit", reason=trade.exit_wanted)


def _why_not_now(work: Work, trade: TradeRecord, orders: Sequence[OrderRecord]) -> str | None:
    live = next((order for order in orders if order.is_live), None)
    if live is not None:
        return f"its {live.leg} order is still live: it is being canceled first"
    retry_at = may_sell_from(orders)
    if retry_at is not None and work.now < retry_at:
        return f"selling it has failed; the next attempt is at {retry_at:%H:%M:%S} UTC"
    short = _shortage(work, trade)
    if short is not None:
        work.in_trouble(trade.id, short)
    return short


def _shortage(work: Work, trade: TradeRecord) -> str | None:
    """Why its shares may not all be there to be sold; None: they are.

    A sell of shares that the account does not hold could be taken for a short sale.
    """
    suspicion = work.suspicions.get(trade.symbol)
    if suspicion is not None and suspicion.heard < trade.held:
        return (
            f"the account holds {decimal_text(suspicion.heard)} shares, "
            f"the trade {decimal_text(trade.held)}; it is not sold before a person has said which is right "
            f"(resume {trade.symbol})"
        )
    believed = work.believed(trade.symbol)
    if believed < trade.held:
        work.look(f"{trade.symbol}: the trade holds more than the books make of the account", quiet=False)
        return (
            f"by the books the account holds {decimal_text(believed)} shares, the trade "
            f"{decimal_text(trade.held)}; the account is read again first"
        )
    return None


def plan_stop(work: Work, mail: PlanStop) -> PlanAnswer:
    """The intent of the stop that should rest at the broker; one that is out of step is canceled first."""
    trade = work.unit.trades([mail.trade_id]).get(mail.trade_id)
    if trade is None:
        return NOTHING
    orders = work.unit.orders_of([trade.id])[trade.id]
    wanted, resting = protective_stop(trade, work.unit.config()), working_stops(orders)
    if wanted is not None and not resting and not any(order.is_live for order in orders):
        retry_at = may_sell_from(orders, "stop")
        if _shortage(work, trade) is not None or (retry_at is not None and work.now < retry_at):
            return Deferred(reason="the stop cannot be placed just now")
        return _intend(work, trade, orders, "stop", qty=wanted.qty, stop_price=wanted.stop_price)
    keep = None if wanted is None else (wanted.qty, wanted.stop_price)
    _cancel(work, [o for o in resting if ((o.qty or ZERO) - o.filled_qty, o.stop_price) != keep])
    return NOTHING


def _cancel(work: Work, orders: Sequence[OrderRecord]) -> None:
    """Have those canceled that the broker surely has; of the others it is being found out."""
    for order in orders:
        if order.life is Life.WORKING and order.broker_order_id is not None:
            work.cancel(order)


def _intend(
    work: Work,
    trade: TradeRecord,
    orders: Sequence[OrderRecord],
    leg: Leg,
    *,
    reason: str | None = None,
    qty: Decimal | None = None,
    stop_price: Decimal | None = None,
) -> Planned:
    """Write the intent. Each attempt of a leg has the number of those before it in its id."""
    order = OrderTicket(
        client_order_id=client_order_id(
            account_id=work.identity.account_id,
            source=trade.source,
            signal_id=trade.signal_id,
            leg=leg,
            generation=sum(1 for order in orders if order.leg == leg),
        ),
        leg=leg,
        symbol=trade.symbol,
        side="sell",
        type="market" if stop_price is None else "stop",
        time_in_force="day" if stop_price is None else "gtc",
        qty=trade.held if qty is None else qty,
        stop_price=stop_price,
        reason=reason,
        post_until=work.now + EXIT_GOOD_FOR,
    )
    work.unit.add_exit(
        order,
        trade_id=trade.id,
        qty_before=work.believed(trade.symbol),
        account_id=work.identity.account_id,
        config_digest=config_digest(work.unit.config()),
        code_version=work.identity.code_version,
        at=work.now,
    )
    work.journal(
        "order_intended", order.client_order_id, symbol=order.symbol, leg=leg, qty=order.qty, reason=reason
    )
    work.follow([trade])
    failpoint("plan.before_intent")
    return Planned(order=order)


def look(work: Work, mail: PositionsLooked) -> None:
    """Keep what the monitor saw: prices, peaks, and the time that dollars stood without a way out."""
    trades = work.unit.trades([look.trade_id for look in mail.looks])
    work.follow(
        looked(trades[look.trade_id], look, work.now)
        for look in mail.looks
        if look.trade_id in trades and trades[look.trade_id].held
    )


# --- what others did with the shares ----------------------------------------------------------------


def taken(work: Work, symbol: str, qty: Decimal, price: Decimal | None) -> None:
    """Others sold so many shares of the account; beyond those that were their own, they are our trades'.

    To be called before the shares are moved in the books. `price` None: nobody knows.
    """
    trades = [trade for trade in work.unit.open_trades(symbol) if trade.held]
    theirs = work.believed(symbol) - sum((trade.held for trade in trades), ZERO)
    short = qty - max(theirs, ZERO)
    for trade in trades:
        gone = min(short, trade.held)
        if gone <= ZERO:
            return
        short -= gone
        work.journal("shares_taken", str(trade.id), symbol=symbol, qty=gone, price=price)
        work.follow([take(trade, gone, None if price is None else price * gone, work.now)])


def split(work: Work, symbol: str, qty: Decimal) -> None:
    """A split added so many shares to the account, or took them: each trade has its part.

    To be called before the shares are moved in the books.
    """
    before = work.believed(symbol)
    for trade in work.unit.open_trades(symbol):
        if before > ZERO and trade.held:
            part = (trade.held * qty / before).quantize(Decimal("1e-9"), rounding="ROUND_DOWN")
            work.journal("trade_split", str(trade.id), symbol=symbol, qty=part)
            work.follow([trade.having({"split": trade.split + part, "peak_price": None, "mark_price": None})])
