"""The pure exchange: nothing is lost and nothing made up, whatever is asked of it."""

import subprocess
import sys
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.assets import Assets
from simulator.calendar import Calendar
from simulator.errors import ApiError
from simulator.exchange import Exchange
from simulator.fills import next_size
from simulator.ids import Ids
from simulator.orders import TERMINAL, Event, OrderRequest
from simulator.prices import Prices
from simulator.settings import SimulatorSettings, Switchboard

NOW = 1_795_446_000_000_000_000
CENT = Decimal("0.01")

prices = st.decimals("0.5", "400", places=2)
quantities = st.decimals("0.000000001", "200", places=9) | st.integers(1, 200).map(Decimal)
submits = st.tuples(
    st.just("submit"),
    st.sampled_from(["ACME", "KO"]),
    st.sampled_from(["buy", "sell"]),
    st.booleans(),
    quantities,
    prices,
)
stops = st.tuples(st.just("stop"), st.sampled_from(["ACME", "KO"]), quantities, st.booleans())
executions = st.tuples(
    st.just("execute"), st.integers(1, 3), st.none() | st.decimals("0.01", "1", places=2), prices
)
ends = st.tuples(st.just("end"), st.integers(1, 3), st.sampled_from(["canceled", "expired", "rejected"]))


def an_exchange() -> Exchange:
    switches = Switchboard(SimulatorSettings())
    return Exchange(
        switches=switches, assets=Assets(), prices=Prices(7), calendar=Calendar(switches), ids=Ids(7)
    )


def act(exchange: Exchange, now: int, step: tuple[object, ...]) -> list[Event]:
    match step:
        case ("submit", str(symbol), side, bool(in_dollars), Decimal() as amount, Decimal() as price):
            exchange.prices.put(symbol, price)
            request = OrderRequest(
                symbol=symbol,
                side="buy" if side == "buy" else "sell",
                type="market",
                time_in_force="day",
                qty=None if in_dollars else amount,
                notional=amount.quantize(CENT) if in_dollars else None,
            )
            accepted = exchange.submit(request, now)
            return [accepted, exchange.confirm(accepted.order.id, now)]
        case ("stop", str(symbol), Decimal() as shares, bool(is_met)):
            request = OrderRequest(
                symbol=symbol,
                side="sell",
                type="stop",
                time_in_force="day",
                qty=shares,
                stop_price=exchange.price(symbol, now) / 2,
            )
            accepted = exchange.submit(request, now)
            stop_id = accepted.order.id
            confirmed = exchange.confirm(stop_id, now)
            return [accepted, confirmed, *([exchange.trigger(stop_id, now)] if is_met else [])]
        case ("execute", int(index), share, Decimal() as price):
            order = exchange.open_orders()[-index]
            remaining = exchange.remaining(order, price)
            qty = (remaining * share).quantize(Decimal("1e-9")) if isinstance(share, Decimal) else None
            return [exchange.execute(order.id, qty, price, now)]
        case ("end", int(index), "canceled" | "expired" | "rejected" as how):
            return [exchange.end(exchange.open_orders()[-index].id, how, now)]
    raise AssertionError(step)


def test_the_exchange_and_its_bodies_need_no_sockets_and_no_loop() -> None:
    program = """
import sys
for name in ("aiohttp", "asyncio", "socket", "threading"):
    sys.modules[name] = None
from simulator import corrections, exchange, fills, oracle, orders, wire
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


@given(st.lists(submits | stops | executions | ends, min_size=10, max_size=40))
@settings(max_examples=150, deadline=None)
def test_cash_and_shares_are_what_the_executions_add_up_to(steps: list[tuple[object, ...]]) -> None:
    exchange, events = an_exchange(), []
    for now, step in enumerate(steps, start=NOW):
        try:
            events += act(exchange, now, step)
        except (ApiError, IndexError):
            continue
    check_conservation(exchange)
    replayed = an_exchange()
    replayed.restore(events)
    assert replayed.orders == exchange.orders
    assert (replayed.account.cash, replayed.account.positions) == (
        exchange.account.cash,
        exchange.account.positions,
    )


def check_conservation(exchange: Exchange) -> None:
    cash, shares = exchange.account.starting_cash, dict.fromkeys(("ACME", "KO"), Decimal(0))
    for execution in exchange.executions:
        sign = 1 if execution.side == "buy" else -1
        cash -= sign * (execution.qty * execution.price).quantize(CENT, ROUND_HALF_UP)
        shares[execution.symbol] += sign * execution.qty
        assert execution.qty > 0
        assert shares[execution.symbol] == execution.position_qty >= 0
    assert exchange.account.cash == cash
    held = {symbol: position.qty for symbol, position in exchange.account.positions.items()}
    assert held == {symbol: qty for symbol, qty in shares.items() if qty}
    for order in exchange.orders.values():
        own = [each for each in exchange.executions if each.order_id == order.id]
        assert order.filled_qty == sum((each.qty for each in own), start=Decimal(0))
        assert order.filled_cost == sum((each.qty * each.price for each in own), start=Decimal(0))
        assert [each.cum_qty for each in own] == sorted(each.cum_qty for each in own)
        assert order.qty is None or order.filled_qty <= order.qty
        assert order.notional is None or order.filled_cost <= order.notional - CENT
        assert order.is_open == (order.status not in TERMINAL)
        if own:
            assert order.filled_avg_price is not None
            assert (
                min(each.price for each in own) <= order.filled_avg_price <= max(each.price for each in own)
            )


@given(st.lists(st.tuples(quantities, st.decimals("0.5", "99", places=2)), min_size=1, max_size=4), st.data())
def test_a_sale_leaves_the_average_entry_price_as_it_is(
    buys: list[tuple[Decimal, Decimal]], data: st.DataObject
) -> None:
    exchange = an_exchange()
    exchange.prices.put("ACME", Decimal(1))
    for qty, price in buys:
        terms = OrderRequest(
            symbol="ACME", side="buy", type="market", time_in_force="day", qty=qty + 1, notional=None
        )
        order = exchange.confirm(exchange.submit(terms, NOW).order.id, NOW).order
        exchange.execute(order.id, None, price, NOW)
    held = exchange.account.positions["ACME"]
    assert held.cost == sum((qty + 1) * price for qty, price in buys)
    sold = data.draw(st.decimals("0.000000001", held.qty - Decimal("1e-9"), places=9))
    terms = OrderRequest(symbol="ACME", side="sell", type="market", time_in_force="day", qty=sold)
    order = exchange.confirm(exchange.submit(terms, NOW).order.id, NOW).order
    exchange.execute(order.id, None, Decimal(3), NOW)
    left = exchange.account.positions["ACME"]
    assert abs(left.avg_entry_price - held.avg_entry_price) < Decimal("1e-9")


@given(st.integers(1, 1000), st.integers(0, 50))
def test_whole_shares_part_into_whole_shares(shares: int, seed: int) -> None:
    exchange = an_exchange()
    exchange.ids.count = seed * 100
    exchange.prices.put("ACME", Decimal(10))
    terms = OrderRequest(
        symbol="ACME", side="buy", type="market", time_in_force="day", qty=Decimal(shares), notional=None
    )
    order = exchange.confirm(exchange.submit(terms, NOW).order.id, NOW).order
    while order.is_open:
        remaining = exchange.remaining(order, Decimal(10))
        size = next_size(order, remaining, seed=seed, partial_fill_share=Decimal(1))
        assert size == size.to_integral_value()
        order = exchange.execute(order.id, size, Decimal(10), NOW).order
    assert min(shares, 2) <= order.executions <= 3
