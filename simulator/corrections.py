"""What rewrites an account without an order of its own: a busted trade, a split, a reset. Pure.

Each checks, makes a record, has the exchange take it and returns it.
"""

from dataclasses import replace
from decimal import ROUND_DOWN, Decimal

from simulator.errors import not_found, number, unprocessable
from simulator.exchange import Exchange
from simulator.orders import NINE_PLACES, ZERO, Event, Execution
from simulator.records import Reset, Split


def bust(exchange: Exchange, order_id: str, now: int) -> Event:
    """Undoes the order's last execution. An open order works on for its shares; an ended one stays ended.

    Raises ApiError for an order without executions, and for shares bought that aren't held any more.
    """
    order = exchange.order(order_id)
    execution = _last_execution(exchange, order_id)
    moved = -execution.qty if execution.side == "buy" else execution.qty
    position_qty = exchange.account.qty(order.symbol) + moved
    if position_qty < ZERO:
        raise unprocessable(f"can't bust {number(execution.qty)} {order.symbol}: they aren't held any more")
    cum_qty = order.filled_qty - execution.qty
    status = order.status
    if order.is_open:
        status = "partially_filled" if cum_qty else "new"
    corrected = replace(
        order,
        status=status,
        filled_qty=cum_qty,
        filled_cost=order.filled_cost - execution.qty * execution.price,
        executions=order.executions - 1,
        updated_at=now,
    )
    busted = replace(
        execution,
        execution_id=exchange.ids.next(),
        activity_id=exchange.activity_id(now),
        at=now,
        cum_qty=cum_qty,
        leaves_qty=exchange.remaining(corrected, execution.price),
        order_status=status,
        position_qty=position_qty,
        busts=execution.execution_id,
    )
    event = Event(
        kind="trade_bust", at=now, order=corrected, execution_id=busted.execution_id, execution=busted
    )
    exchange.take(event)
    return event


def split(exchange: Exchange, symbol: str, ratio: Decimal, now: int) -> Split:
    """`ratio` new shares for each old one; open orders stay as they are. Raises ApiError if none is held."""
    held = exchange.account.positions.get(symbol)
    if held is None:
        raise not_found("position does not exist")
    new_qty = (held.qty * ratio).quantize(NINE_PLACES, ROUND_DOWN)
    if not new_qty:
        raise unprocessable(f"nothing is left of {number(held.qty)} {symbol} at {number(ratio)}")
    done = Split(
        symbol=symbol,
        ratio=ratio,
        old_qty=held.qty,
        new_qty=new_qty,
        cost=held.cost,
        at=now,
        remove_id=exchange.activity_id(now),
        add_id=exchange.activity_id(now),
    )
    exchange.take(done)
    return done


def reset(exchange: Exchange, now: int, *, new_account: bool) -> Reset:
    """An empty account, of the same id or of a new one."""
    done = Reset(account_id=exchange.ids.next() if new_account else exchange.account_id, at=now)
    exchange.take(done)
    return done


def _last_execution(exchange: Exchange, order_id: str) -> Execution:
    own = [each for each in exchange.executions if each.order_id == order_id]
    gone = {each.busts for each in own}
    for execution in reversed(own):
        if execution.busts is None and execution.execution_id not in gone:
            return execution
    raise unprocessable("the order has no execution to bust")
