"""Whose shares are whose: what is believed can be recomputed from what it was made of, to the last digit."""

import sqlite3
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pony.orm import db_session

from domain.holdings import ExternalOrder, Halt, Holding
from persistence.queries import Queries
from persistence.rows import HeardPosition
from persistence.store import LedgerStore, Unit, verify_journal
from tests.persistence.making import EXACT, NOW, a_signal, add_entry, planned, the_order

LATER = NOW + timedelta(seconds=1, microseconds=1)
UNEXACT = Decimal("0.1")


def external(broker_order_id: str, **changes: object) -> ExternalOrder:
    order = ExternalOrder(
        broker_order_id=broker_order_id,
        client_order_id="by-hand",
        symbol="AAPL",
        side="sell",
        status="partially_filled",
        done=False,
        filled_qty=EXACT,
        updated_at=NOW,
    )
    return order.model_copy(update=changes)


def holding(symbol: str, opening: Decimal, believed: Decimal) -> Holding:
    return Holding(symbol=symbol, opening=opening, believed=believed)


def adjust(unit: Unit, evidence: str, *, symbol: str = "AAPL", qty: Decimal = -EXACT) -> bool:
    return unit.add_adjustment(symbol=symbol, qty=qty, reason="split", evidence=evidence, at=NOW)


def test_holdings_are_kept_exactly_long_or_short(store: LedgerStore, queries: Queries) -> None:
    long, short = holding("AAPL", EXACT, EXACT + 1), holding("TSLA", -EXACT, Decimal("-0.000000001"))
    with store.unit() as unit:
        unit.save_holdings([long, short])
        assert unit.holdings(["TSLA", "NONE"]) == {"TSLA": short}
        sold = long.moved(-long.believed)
        unit.save_holdings([sold])
    with store.unit() as unit:
        assert unit.holdings() == {"AAPL": sold, "TSLA": short}
        assert unit.holdings([]) == {}
    assert queries.holdings() == {"AAPL": sold, "TSLA": short}


def test_orders_of_others_are_kept_open_ones_at_hand(store: LedgerStore) -> None:
    working, silent = external("b1"), external("b2", updated_at=None, side="buy", filled_qty=Decimal(0))
    done = external("b3", done=True, status="canceled")
    with store.unit() as unit:
        unit.save_external_orders([working, silent, done], at=NOW)
    with store.unit() as unit:
        assert unit.external_orders() == {"b1": working, "b2": silent}
        assert unit.external_orders(["b3", "b9"]) == {"b3": done}
        assert unit.external_orders([]) == {}


def test_an_order_of_others_that_is_saved_again_is_changed_in_its_place(
    store: LedgerStore, queries: Queries
) -> None:
    with store.unit() as unit:
        unit.save_external_orders([external("b1"), external("b2")], at=NOW)
    done = external("b1", status="filled", done=True, filled_qty=EXACT + 1, updated_at=LATER)
    with store.unit() as unit:
        unit.save_external_orders([done], at=LATER)
        assert unit.external_orders() == {"b2": external("b2")}
    assert queries.external_orders(limit=9).items == (external("b2"), done)
    with db_session:
        assert (
            store.database.ExternalOrder["b1"].first_seen_at
            == store.database.ExternalOrder["b2"].first_seen_at
        )


def test_an_order_that_turned_out_to_be_ours_is_dropped(store: LedgerStore) -> None:
    with store.unit() as unit:
        unit.save_external_orders([external("b1"), external("b2")], at=NOW)
        unit.drop_external_orders(["b1", "b9"])
    with store.unit() as unit:
        assert list(unit.external_orders(["b1", "b2"])) == ["b2"]


def test_orders_of_others_are_paged_newest_first(store: LedgerStore, queries: Queries) -> None:
    with store.unit() as unit:
        unit.save_external_orders([external(f"b{n}") for n in range(5)], at=NOW)
    first = queries.external_orders(limit=3)
    second = queries.external_orders(limit=3, cursor=first.next)
    assert [order.broker_order_id for order in (*first.items, *second.items)] == [
        "b4",
        "b3",
        "b2",
        "b1",
        "b0",
    ]
    assert second.next is None
    with pytest.raises(ValueError, match="cursor"):
        queries.trades(limit=1, cursor=first.next)


def test_an_adjustment_is_made_once_for_its_evidence(store: LedgerStore, queries: Queries) -> None:
    with store.unit() as unit:
        assert adjust(unit, "activity-1")
        assert not adjust(unit, "activity-1", qty=Decimal(1))
    with store.unit() as unit:
        assert not adjust(unit, "activity-1")
        assert adjust(unit, "activity-2", symbol="KO")
    assert queries.recomputed_holdings() == {"AAPL": -EXACT, "KO": -EXACT}
    with db_session:
        journaled = store.database.select("SELECT kind, ref, payload FROM journal ORDER BY seq")
    assert [row[:2] for row in journaled] == [("adjusted", "AAPL"), ("adjusted", "KO")]
    assert journaled[0][2] == '{"evidence":"activity-1","qty":"-123456789.123456789","reason":"split"}'
    assert verify_journal(store).broken_at is None


def test_what_is_believed_is_recomputed_from_all_it_is_made_of(store: LedgerStore, queries: Queries) -> None:
    _, client_order_id = planned(store)
    order = the_order(store, client_order_id).having({"filled_qty": EXACT + 5})
    with store.unit() as unit:
        unit.save_orders([order], at=NOW)
        unit.save_holdings([holding("AAPL", Decimal(3), Decimal(0)), holding("KO", Decimal(-1), Decimal(-1))])
        unit.save_external_orders([external("b1"), external("b2", symbol="X", side="buy", done=True)], at=NOW)
        adjust(unit, "activity-1", qty=Decimal("-0.000000001"))
    assert queries.recomputed_holdings() == {
        "AAPL": Decimal("7.999999999"),
        "KO": Decimal(-1),
        "X": EXACT,
    }


@settings(max_examples=10, deadline=None)
@given(
    fills=st.lists(st.integers(0, 10**9), max_size=6),
    theirs=st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(0, 10**9)), max_size=6),
)
def test_believed_moved_step_by_step_equals_believed_recomputed(
    tmp_path_factory: pytest.TempPathFactory, fills: list[int], theirs: list[tuple[str, int]]
) -> None:
    """In ten-millionths, of which binary fractions would lose some."""
    store = LedgerStore.open(tmp_path_factory.mktemp("s") / "ledger.db", clock=lambda: NOW)
    held = holding("AAPL", UNEXACT, UNEXACT)
    with store.unit() as unit:
        for number, fill in enumerate(fills):
            _, cid = add_entry(unit, a_signal(f"s{number}"))
            order = unit.orders_by_id(client_order_ids=[cid], broker_order_ids=[])[cid]
            qty = Decimal(fill).scaleb(-7)
            unit.save_orders([order.having({"filled_qty": qty})], at=NOW)
            held = held.moved(qty)
        for number, (side, fill) in enumerate(theirs):
            qty = Decimal(fill).scaleb(-7)
            order_of_theirs = external(f"b{number}", side=side, filled_qty=qty)
            unit.save_external_orders([order_of_theirs], at=NOW)
            held = held.moved(qty if side == "buy" else -qty)
        unit.save_holdings([held])
    assert Queries(store).recomputed_holdings() == {"AAPL": held.believed}
    store.close()


def test_the_tables_refuse_shares_that_are_no_amount(store: LedgerStore) -> None:
    for table, column in (("holding", "believed"), ("holding", "opening"), ("external_order", "filled_qty")):
        with store.unit() as unit:
            unit.save_holdings([holding("AAPL", EXACT, EXACT)])
            unit.save_external_orders([external("b1")], at=NOW)
            for wrong in ("1e5", "", "one"):
                with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
                    unit._cursor.execute(f"UPDATE {table} SET {column} = ?", (wrong,))


def test_halts_that_stand_are_told_oldest_first_with_who_and_when(
    store: LedgerStore, queries: Queries
) -> None:
    with store.unit() as unit:
        assert unit.add_halt(scope="AAPL", reason="unexplained", by="ledger", at=NOW)
        assert unit.add_halt(scope="all", reason="the owner said so", by="owner", at=LATER)
        assert not unit.add_halt(scope="AAPL", reason="unexplained", by="ledger", at=LATER)
        assert unit.add_halt(scope="KO", reason="busted", by="ledger", at=LATER)
        unit.clear_halts(scope="KO", by="owner", reason="looked", at=LATER)
        standing = unit.standing_halts()
    assert standing == (
        Halt(scope="AAPL", reason="unexplained", by="ledger", at=NOW),
        Halt(scope="all", reason="the owner said so", by="owner", at=LATER),
    )
    assert queries.standing_halts() == standing


def test_the_web_sees_when_positions_and_the_account_were_last_heard(
    store: LedgerStore, queries: Queries
) -> None:
    assert (queries.positions(), queries.last_audit()) == ({}, None)
    with store.unit() as unit:
        assert unit.watermark() is None
        unit.set_positions({"TSLA": -EXACT, "KO": Decimal(1)}, at=NOW)
        unit.set_positions({"KO": Decimal(0)}, at=LATER)
        unit.set_watermark(NOW)
        unit.set_watermark(LATER)
    with store.unit() as unit:
        assert unit.watermark() == LATER
    assert queries.last_audit() == LATER
    assert queries.positions() == {
        "KO": HeardPosition(symbol="KO", qty=Decimal(0), heard_at=LATER),
        "TSLA": HeardPosition(symbol="TSLA", qty=-EXACT, heard_at=NOW),
    }


def test_the_books_are_opened_once(store: LedgerStore) -> None:
    with store.unit() as unit:
        assert not unit.books_opened()
        unit.open_books(NOW)
    with store.unit() as unit:
        assert unit.books_opened()
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            unit.open_books(LATER)


def test_a_fact_of_the_ledger_can_be_put_in_place_of_another(store: LedgerStore) -> None:
    with store.unit() as unit:
        unit.put_meta("seen", "1")
        unit.put_meta("seen", "2")
        assert unit.meta("seen") == "2"
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            unit.set_meta("seen", "3")
