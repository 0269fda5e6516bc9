"""The ledger's work on exits: what is to be sold, the intents to sell, and what the monitor saw.

It sells what a trade bought and still holds, never more and never the owner's other shares; one sell of a
trade at a time, and none while an order that could still buy or sell the same shares is live.
"""

from collections.abc import Sequence
from decimal import Decimal

from actors import ledger_limits, ledger_shares
from actors.ledger_signals import config_digest
from actors.ledger_work import Work
from domain.exits import (
    BY_RULE,
    EXIT_GOOD_FOR,
    PRICE_RULES,
    is_as_wanted,
    looked,
    may_sell_from,
    must_wait,
    protective_stop,
    resting_stops,
)
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
from domain.orders import OrderRecord, OrderTicket
from domain.rules import Deferred
from domain.trades import OCCUPYING, TradeRecord, in_play
from failpoint import failpoint

NOTHING = Declined(verdict=None)


def request_exit(work: Work, mail: RequestExit) -> ExitRequested:
    """Note for good that a person wants this sold; a buy that still works is canceled at once."""
    trades = work.unit.open_trades(None if mail.scope == ALL else mail.scope)
    orders = work.unit.orders_of([trade.id for trade in trades])
    wanted = [_wanted(work, trade, mail.reason, mail.by, mail.detail) for trade in trades]
    work.follow(wanted)
    for trade in trades:
        work.cancel_working([o for o in orders[trade.id] if o.leg == "entry"])
    return ExitRequested(trades=tuple(wanted))


def _wanted(work: Work, trade: TradeRecord, reason: str, by: str, detail: str = "") -> TradeRecord:
    """The trade, to be sold from now on. The first reason stands, but a person's word outweighs a rule's."""
    if trade.exit_wanted is not None and (trade.exit_wanted_by != BY_RULE or by == BY_RULE):
        return trade
    work.journal("exit_wanted", str(trade.id), symbol=trade.symbol, reason=reason, by=by, detail=detail)
    return trade.having({"exit_wanted": reason, "exit_wanted_by": by, "exit_wanted_at": work.now})


def plan_exit(work: Work, mail: PlanExit) -> PlanAnswer:
    """The intent to sell all that the trade holds, or why not now; that it is wanted is kept in any case."""
    trade = work.unit.trades([mail.trade_id]).get(mail.trade_id)
    if trade is None or trade.status not in OCCUPYING:
        return NOTHING
    orders = work.unit.orders_of([trade.id])[trade.id]
    playing = in_play(orders)
    if any(order.leg == "exit" for order in playing):
        return NOTHING  # it is under way, and what becomes of it will be heard
    if mail.reason in PRICE_RULES and (why := _why_no_price_counts(work, trade, mail)) is not None:
        return Deferred(reason=why)
    work.follow([_wanted(work, trade, mail.reason, mail.by, mail.detail)])
    work.cancel_working(playing)
    [trade] = work.unit.trades([trade.id]).values()
    if not trade.held:
        return NOTHING
    why = _why_not_now(work, trade, orders) or ledger_shares.surprise(work, trade, mail.position_qty)
    if why is not None:
        return Deferred(reason=why)
    work.follow([trade.having({"exit_trouble": None})])
    return _intend(work, trade, orders, "exit", reason=trade.exit_wanted)


def _why_no_price_counts(work: Work, trade: TradeRecord, mail: PlanExit) -> str | None:
    """Why a rule that goes by the price cannot be believed: it is not even kept that it applied."""
    if work.is_doubtful(trade.symbol):
        return "the account holds something else than the books explain: perhaps a split"
    return ledger_shares.surprise(work, trade, mail.position_qty)


def _why_not_now(work: Work, trade: TradeRecord, orders: Sequence[OrderRecord]) -> str | None:
    playing = in_play(orders)
    if playing:
        return f"its {playing[0].leg} order may still be executed: it is to be canceled first"
    retry_at = may_sell_from(orders)
    if retry_at is not None and must_wait(retry_at, work.now):
        return f"selling it has failed; the next attempt is at {retry_at:%H:%M:%S} UTC"
    short = ledger_shares.shortage(work, trade)
    if short is not None:
        work.in_trouble(trade.id, short)
    return short


def plan_stop(work: Work, mail: PlanStop) -> PlanAnswer:
    """The intent of the stop that should rest at the broker; one that is out of step is canceled first."""
    trade = work.unit.trades([mail.trade_id]).get(mail.trade_id)
    if trade is None:
        return NOTHING
    orders = work.unit.orders_of([trade.id])[trade.id]
    wanted, resting = protective_stop(trade, work.unit.config()), resting_stops(orders)
    if wanted is None or resting:
        work.cancel_working([order for order in resting if not is_as_wanted(order, wanted)])
        return NOTHING
    if in_play(orders):
        return NOTHING
    if must_wait(may_sell_from(orders, "stop"), work.now):
        return Deferred(reason="placing the stop has failed; the next attempt follows after a pause")
    short = ledger_shares.shortage(work, trade)
    if short is not None:
        return Deferred(reason=short)
    return _intend(work, trade, orders, "stop", qty=wanted.qty, stop_price=wanted.stop_price)


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
    qty_before = work.believed(trade.symbol)
    work.unit.add_exit(
        order,
        trade_id=trade.id,
        qty_before=qty_before,
        account_id=work.identity.account_id,
        config_digest=config_digest(work.unit.config()),
        code_version=work.identity.code_version,
        at=work.now,
    )
    work.intended(order, trade.id, qty_before)
    work.follow(work.unit.trades([trade.id]).values())
    ledger_limits.look_at_orders(work)
    failpoint("plan.before_intent")
    return Planned(order=order)


def look(work: Work, mail: PositionsLooked) -> None:
    """Keep what the monitor saw: prices, peaks, and the time that dollars stood without a way out."""
    trades = work.unit.trades([look.trade_id for look in mail.looks])
    work.follow(
        looked(trades[look.trade_id], look, work.market_now(), work.market)
        for look in mail.looks
        if look.trade_id in trades and trades[look.trade_id].held
    )
