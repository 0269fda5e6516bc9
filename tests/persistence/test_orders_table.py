"""Trades, orders and executions come back exactly as they went in."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pony.orm import db_session

from domain.orders import Life
from domain.trades import TradeStatus
from persistence import account_table, orders_table, signals_table, trades_table
from persistence.errors import RowMissing
from persistence.queries import Queries
from persistence.store import LedgerStore
from tests.persistence.making import (
    EXACT,
    NOW,
    a_signal,
    a_ticket,
    a_trade,
    an_execution,
    planned,
    the_order,
)

LATER = NOW + timedelta(seconds=1, microseconds=1)


def test_an_entry_is_a_pending_trade_and_an_intended_order(store: LedgerStore) -> None:
    trade_id, client_order_id = planned(store)
    with store.unit() as unit:
        trade = unit.trades([trade_id])[trade_id]
        order = unit.orders_by_id(client_order_ids=[client_order_id], broker_order_ids=[])[client_order_id]
        ticket = unit.tickets([client_order_id])[client_order_id]
        assert unit.trade_occupying("AAPL") is TradeStatus.PENDING
        assert unit.trade_occupying("MSFT") is None
        assert unit.unsettled_orders() == (order,)
        assert unit.orders_of([trade_id]) == {trade_id: (order,)}
    assert (trade.status, trade.notional, trade.entry_at) == (TradeStatus.PENDING, EXACT, NOW)
    assert (trade.client_order_id, trade.signal_id) == (client_order_id, "s1")
    assert (order.life, order.qty_before, order.filled_qty) == (Life.INTENDED, EXACT, Decimal(0))
    assert ticket == a_ticket(a_signal(), client_order_id)


def test_a_signal_trades_once(store: LedgerStore) -> None:
    planned(store)
    signal = a_signal()
    with store.unit() as unit, pytest.raises(sqlite3.IntegrityError):
        unit.add_entry(
            a_trade(signal, "sf-again"),
            a_ticket(signal, "sf-again"),
            qty_before=Decimal(0),
            account_id="a",
            config_digest="c",
            code_version="v",
            at=NOW,
        )


def test_a_trade_needs_its_signal(store: LedgerStore) -> None:
    signal = a_signal()

    def plan() -> None:
        with store.unit() as unit:
            unit.add_entry(
                a_trade(signal, "sf-1"),
                a_ticket(signal, "sf-1"),
                qty_before=Decimal(0),
                account_id="a",
                config_digest="c",
                code_version="v",
                at=NOW,
            )

    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        plan()


def test_every_amount_of_an_order_is_kept_exactly(store: LedgerStore) -> None:
    _, client_order_id = planned(store)
    changed = the_order(store, client_order_id).model_copy(
        update={
            "life": Life.WORKING,
            "broker_order_id": "b1",
            "status": "partially_filled",
            "filled_qty": EXACT,
            "filled_avg_price": EXACT,
            "updated_at": LATER,
            "priced_filled_qty": EXACT,
            "priced_at": LATER,
            "confirmed_qty": EXACT,
            "confirmed_at_filled": EXACT,
            "replaced_by": "b2",
            "missing_since": LATER,
        }
    )
    with store.unit() as unit:
        unit.save_orders([changed], at=LATER)
    assert the_order(store, client_order_id) == changed
    with store.unit() as unit:
        assert unit.orders_by_id(client_order_ids=[], broker_order_ids=["b1", "b9"]) == {
            client_order_id: changed
        }


def test_every_amount_of_a_trade_is_kept_exactly(store: LedgerStore) -> None:
    trade_id, _ = planned(store)
    with store.unit() as unit:
        changed = unit.trades([trade_id])[trade_id].model_copy(
            update={
                "status": TradeStatus.CLOSED,
                "shares": EXACT,
                "entry_price": EXACT,
                "entry_at": LATER,
                "exit_price": EXACT,
                "exit_at": LATER,
                "exit_reason": "stop",
                "pnl": -EXACT,
                "alpaca_order_id": "b1",
            }
        )
        unit.save_trades([changed], at=LATER)
        in_this_unit = unit.trades([trade_id])
    with store.unit() as unit:
        later = unit.trades([trade_id])
        assert unit.trade_occupying("AAPL") is None
    assert later == {trade_id: changed.model_copy(update={"updated_at": LATER})}
    assert in_this_unit == later


def test_a_save_reads_back_in_its_own_unit_and_in_the_next(store: LedgerStore) -> None:
    trade_id, client_order_id = planned(store)
    with store.unit() as unit:
        order = unit.orders_by_id(client_order_ids=[client_order_id], broker_order_ids=[])[client_order_id]
        working = order.model_copy(update={"life": Life.WORKING})
        unit.save_orders([working], at=NOW)
        named = working.model_copy(update={"broker_order_id": "b1"})
        unit.save_orders([named], at=NOW)
        assert unit.orders_by_id(client_order_ids=[], broker_order_ids=["b1"]) == {client_order_id: named}
        filled = named.model_copy(update={"filled_qty": EXACT})
        unit.save_orders([filled], at=NOW)
        done = filled.model_copy(update={"life": Life.DONE, "status": "filled"})
        late = done.model_copy(update={"filled_avg_price": EXACT})
        unit.save_orders([done, late], at=NOW)
        by_broker = unit.orders_by_id(client_order_ids=[], broker_order_ids=["b1"])
        assert by_broker == {client_order_id: late}
        assert unit.orders_of([trade_id]) == {trade_id: (late,)}
        assert unit.unsettled_orders() == ()
    assert the_order(store, client_order_id) == late


def test_what_the_ledger_lacks_cannot_be_saved(store: LedgerStore) -> None:
    trade_id, client_order_id = planned(store)
    order = the_order(store, client_order_id)
    with store.unit() as unit:
        trade = unit.trades([trade_id])[trade_id]
        with pytest.raises(RowMissing):
            unit.save_orders([order, order.model_copy(update={"client_order_id": "sf-x"})], at=NOW)
        with pytest.raises(RowMissing):
            unit.save_trades([trade.model_copy(update={"id": 99})], at=NOW)
        with pytest.raises(RowMissing):
            unit.note_attempt("sf-x", "sent", at=NOW)


def test_an_order_that_replaced_ours_belongs_to_the_same_trade(store: LedgerStore) -> None:
    trade_id, client_order_id = planned(store)
    first = the_order(store, client_order_id)
    replacement = first.model_copy(
        update={
            "client_order_id": "broker-made",
            "planned_at": LATER,
            "broker_order_id": "b2",
            "life": Life.WORKING,
            "status": "new",
            "filled_qty": EXACT,
        }
    )
    with store.unit() as unit:
        unit.add_replacement(replacement, at=LATER)
        assert unit.orders_of([trade_id]) == {trade_id: (first, replacement)}
    with store.unit() as unit:
        assert unit.orders_of([trade_id]) == {trade_id: (first, replacement)}
        with pytest.raises(RowMissing):
            unit.add_replacement(replacement.model_copy(update={"trade_id": 99}), at=LATER)


def test_thousands_of_ids_are_one_question(store: LedgerStore) -> None:
    _, client_order_id = planned(store)
    ids = [f"sf-{number}" for number in range(40_000)]
    with store.unit() as unit:
        found = unit.orders_by_id(client_order_ids=[*ids, client_order_id], broker_order_ids=ids)
    assert list(found) == [client_order_id]


def test_attempts_are_counted_and_their_outcome_bounded(store: LedgerStore) -> None:
    _, client_order_id = planned(store)
    with store.unit() as unit:
        unit.note_attempt(client_order_id, "timed out", at=NOW)
        unit.note_attempt(client_order_id, "x" * 10_000, at=NOW)
    with db_session:
        order = store.database.Order[client_order_id]
        assert (order.attempts, order.last_outcome) == (2, "x" * 500)


def test_an_execution_seen_twice_counts_once(store: LedgerStore, queries: Queries) -> None:
    _, client_order_id = planned(store)
    row = an_execution(client_order_id)
    for again in (row, an_execution(client_order_id, qty=Decimal(1))):
        with store.unit() as unit:
            unit.add_executions([again, again])
    assert queries.executions_of(client_order_id) == (row,)


def test_an_execution_needs_its_order(store: LedgerStore) -> None:
    def add() -> None:
        with store.unit() as unit:
            unit.add_executions([an_execution("sf-unknown")])

    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        add()


def test_the_tables_refuse_what_is_no_amount(store: LedgerStore) -> None:
    planned(store)
    with closing_connection(store.path) as connection:
        for wrong in ("1e5", "", "one", "-1"):
            with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
                connection.execute("UPDATE bot_order SET filled_qty = ?", (wrong,))
        with pytest.raises(sqlite3.IntegrityError, match="cannot store REAL"):
            connection.execute("UPDATE bot_trade SET created_at = ?", (1.5,))
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            connection.execute("UPDATE bot_trade SET status = 'opened'")


def closing_connection(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, isolation_level=None))


@pytest.mark.parametrize(
    "question",
    [
        signals_table._FIND,
        signals_table._FIND_ONE,
        signals_table._UNDECIDED,
        signals_table._COUNT_UNDECIDED,
        trades_table._OCCUPYING,
        trades_table._BY_ID,
        orders_table._BY_CLIENT_ID,
        orders_table._BY_BROKER_ID,
        orders_table._UNSETTLED,
        orders_table._OF_TRADES,
        account_table._POSITIONS_OF,
        account_table._HALTS,
    ],
)
def test_what_is_asked_while_trading_never_reads_a_whole_table(store: LedgerStore, question: str) -> None:
    with closing_connection(store.path) as connection:
        nothing = (None,) * question.count("?")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {question}", nothing)]
    assert [step for step in plan if step.startswith("SCAN") and "json_each" not in step] == []
