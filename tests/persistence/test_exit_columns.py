"""What a sale adds to trades, orders and others' orders comes back exactly as it went in."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.holdings import ExternalOrder
from domain.orders import Life, OrderRecord, OrderTicket
from domain.trades import TradeRecord, TradeStatus
from persistence.queries import Queries
from persistence.store import LedgerStore, Unit
from tests.persistence.making import EXACT, NOW, planned

LATER = NOW + timedelta(days=1, microseconds=1)
SOLD: dict[str, Any] = {
    "status": TradeStatus.CLOSED,
    "shares": EXACT,
    "entry_price": Decimal("0.000000001"),
    "entry_at": NOW,
    "exit_price": Decimal("12.10"),
    "exit_at": LATER,
    "exit_reason": "hard_stop",
    "pnl": -EXACT,
    "alpaca_order_id": "b1",
    "sold": EXACT,
    "split": Decimal("-0.5"),
    "taken": Decimal("3.25"),
    "taken_for": Decimal("39.000000001"),
    "exit_wanted": "hard_stop",
    "exit_wanted_by": "monitor",
    "exit_wanted_at": LATER,
    "exit_trouble": "the broker refused to sell: né",
    "peak_price": EXACT,
    "mark_price": Decimal("11.0"),
    "mark_at": NOW,
    "watched_at": LATER,
    "naked_why": "its last trade is old",
    "naked_usd_s": Decimal("123456789.12"),
}
NEVER_SET = {name: None for name in SOLD if name not in {"status", "sold", "split", "taken", "naked_usd_s"}}


def saved(store: LedgerStore, trade_id: int, changes: dict[str, Any]) -> TradeRecord:
    with store.unit() as unit:
        trade = unit.trades([trade_id])[trade_id].having(changes)
        unit.save_trades([trade], at=LATER)
    return trade.having({"updated_at": LATER})


def stored(store: LedgerStore, trade_id: int) -> TradeRecord:
    with store.unit() as unit:
        return unit.trades([trade_id])[trade_id]


def test_every_column_of_a_trade_comes_back_as_it_went_in(store: LedgerStore) -> None:
    trade_id, _ = planned(store)
    trade = saved(store, trade_id, SOLD)
    assert stored(store, trade_id) == trade
    assert Queries(store).trade(trade_id) == trade
    assert {type(value) for value in stored(store, trade_id).__dict__.values()} >= {Decimal, TradeStatus}
    unset = saved(store, trade_id, NEVER_SET | {"status": TradeStatus.OPEN})
    assert stored(store, trade_id) == unset
    assert TradeRecord.model_validate(stored(store, trade_id).model_dump()) == unset


@pytest.mark.parametrize("name", SOLD)
def test_a_change_of_one_column_alone_is_kept(store: LedgerStore, name: str) -> None:
    trade_id, _ = planned(store)
    expected = saved(store, trade_id, {name: SOLD[name]})
    assert stored(store, trade_id) == expected


amounts = st.decimals(min_value=0, max_value=10**17, places=9)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.fixed_dictionaries(
        {
            "sold": amounts,
            "split": st.decimals(min_value=-(10**17), max_value=10**17, places=9),
            "taken": amounts,
            "taken_for": st.none() | amounts,
            "peak_price": st.none() | amounts,
            "naked_usd_s": st.decimals(min_value=0, max_value=10**17, places=2),
        }
    )
)
def test_amounts_are_exact_to_the_last_digit(
    shared: tuple[LedgerStore, int], changes: dict[str, Any]
) -> None:
    store, trade_id = shared
    saved(store, trade_id, changes)
    found = stored(store, trade_id)
    assert {name: str(getattr(found, name)) for name in changes} == {
        name: str(value) for name, value in changes.items()
    }


@pytest.fixture
def shared(store: LedgerStore) -> tuple[LedgerStore, int]:
    return store, planned(store)[0]


# --- orders ---------------------------------------------------------------------------------------


def a_stop(number: int = 0, **changes: Any) -> OrderTicket:
    given_: dict[str, Any] = {
        "client_order_id": f"sf-stop-{number}",
        "leg": "stop",
        "symbol": "AAPL",
        "side": "sell",
        "type": "stop",
        "time_in_force": "gtc",
        "qty": EXACT,
        "stop_price": Decimal("11.50"),
        "reason": None,
        "post_until": LATER,
    }
    return OrderTicket(**(given_ | changes))


def add(unit: Unit, order: OrderTicket, trade_id: int, *, at: Any = NOW) -> None:
    unit.add_exit(
        order,
        trade_id=trade_id,
        qty_before=EXACT,
        account_id="account-1",
        config_digest="config",
        code_version="0.1.0",
        at=at,
    )


def orders_of(store: LedgerStore, trade_id: int) -> tuple[OrderRecord, ...]:
    with store.unit() as unit:
        return unit.orders_of([trade_id])[trade_id]


@pytest.mark.parametrize(
    "order",
    [
        a_stop(),
        a_stop(leg="exit", type="market", time_in_force="day", stop_price=None, reason="time_exit"),
        a_stop(leg="exit", type="limit", stop_price=None, limit_price=Decimal("0.0001"), extended_hours=True),
    ],
    ids=["stop", "market", "limit"],
)
def test_an_intent_to_sell_is_posted_as_it_was_planned(store: LedgerStore, order: OrderTicket) -> None:
    trade_id, _ = planned(store)
    with store.unit() as unit:
        add(unit, order, trade_id, at=LATER)
    with store.unit() as unit:
        assert unit.tickets([order.client_order_id]) == {order.client_order_id: order}
    record = orders_of(store, trade_id)[1]
    assert (record.leg, record.side, record.type, record.time_in_force) == (
        order.leg, "sell", order.type, order.time_in_force,
    )  # fmt: skip
    assert (record.qty, record.stop_price, record.reason) == (order.qty, order.stop_price, order.reason)
    assert (record.life, record.planned_at, record.trade_id) == (Life.INTENDED, LATER, trade_id)


def test_orders_come_in_the_order_in_which_they_were_planned_whatever_the_clock_said(
    store: LedgerStore,
) -> None:
    """The last of them decides how long to wait; a clock that was set back must not make it the first."""
    trade_id, entry = planned(store)
    for number, back_s in enumerate([0, 3600, 60, 7200]):
        with store.unit() as unit:
            add(unit, a_stop(number), trade_id, at=NOW - timedelta(seconds=back_s))
    assert [order.client_order_id for order in orders_of(store, trade_id)] == [
        entry, *(f"sf-stop-{number}" for number in range(4)),
    ]  # fmt: skip


def test_a_stop_that_was_replaced_has_a_successor_of_its_leg(store: LedgerStore) -> None:
    trade_id, _ = planned(store)
    with store.unit() as unit:
        add(unit, a_stop(), trade_id)
        [_, stop] = unit.orders_of([trade_id])[trade_id]
        successor = stop.having(
            {"client_order_id": "theirs", "broker_order_id": "b2", "life": Life.WORKING, "qty": Decimal(7)}
        )
        unit.add_replacement(successor, at=LATER)
    found = orders_of(store, trade_id)[2]
    assert found == successor.having({"planned_at": LATER})


# --- others' orders -------------------------------------------------------------------------------


def theirs(number: int, **changes: Any) -> ExternalOrder:
    given_: dict[str, Any] = {
        "broker_order_id": f"x{number}",
        "client_order_id": "by hand",
        "symbol": "AAPL",
        "side": "sell",
        "status": "filled",
        "done": True,
        "filled_qty": EXACT,
        "filled_avg_price": Decimal("0.10"),
        "updated_at": NOW + timedelta(seconds=number),
        "taken": Decimal("3.25"),
    }
    return ExternalOrder(**(given_ | changes))


def test_what_was_taken_by_an_order_of_others_is_kept(store: LedgerStore) -> None:
    with store.unit() as unit:
        unit.save_external_orders([theirs(1, taken=Decimal(0))], at=NOW)
        unit.save_external_orders([theirs(1)], at=LATER)
    with store.unit() as unit:
        assert unit.external_orders(["x1"]) == {"x1": theirs(1)}
    assert Queries(store).external_orders(limit=9).items == (theirs(1),)


def test_who_sold_a_symbol_lately_is_found_the_latest_first(store: LedgerStore) -> None:
    with store.unit() as unit:
        others = [
            theirs(5, side="buy"),
            theirs(6, symbol="MSFT"),
            theirs(7, filled_qty=Decimal(0)),
            theirs(8, updated_at=None),
        ]
        unit.save_external_orders([theirs(1), theirs(2), theirs(4), theirs(3), *others], at=NOW)
        found = unit.external_sells("AAPL", since=NOW + timedelta(seconds=2))
    assert [order.broker_order_id for order in found] == ["x4", "x3", "x2"]
