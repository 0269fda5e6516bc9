"""Readers get frozen models, page by page, without gaps or repeats."""

import tempfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.holdings import ExternalOrder
from domain.identity import Leg
from domain.orders import Life, OrderTicket
from domain.signals import SignalState
from domain.trades import TradeStatus
from persistence.queries import Queries
from persistence.queries.pages import cursor_of
from persistence.rows import LedgerCounts
from persistence.store import LedgerStore
from tests.persistence.making import (
    NOW,
    VERDICT,
    a_signal,
    add_entry,
    add_signal,
    an_execution,
    planned,
    the_order,
)


def walk_trades(queries: Queries, limit: int) -> list[int]:
    seen: list[int] = []
    page = queries.trades(limit=limit)
    seen += [trade.id for trade in page.items]
    while page.next is not None:
        page = queries.trades(limit=limit, cursor=page.next)
        assert 1 <= len(page.items) <= limit
        seen += [trade.id for trade in page.items]
    return seen


def test_a_signal_tells_why_it_traded_and_what_it_became(store: LedgerStore, queries: Queries) -> None:
    trade_id, _ = planned(store)
    with store.unit() as unit:
        unit.decide_signal(source="api", signal_id="s1", state=SignalState.PLANNED, verdict=VERDICT, at=NOW)
        add_signal(unit, a_signal("s1", source="cron"))
    first, second = queries.signal("s1")
    assert (first.signal, first.verdict, first.trade) == (a_signal(), VERDICT, queries.trade(trade_id))
    assert first.trade is not None
    assert (second.signal.source, second.state, second.verdict, second.trade) == (
        "cron",
        SignalState.RECEIVED,
        None,
        None,
    )
    assert queries.signal("s1", "cron") == (second,)
    assert queries.signal("s2") == ()


def test_a_trade_is_found_with_its_orders_and_their_evidence(store: LedgerStore, queries: Queries) -> None:
    trade_id, client_order_id = planned(store)
    with store.unit() as unit:
        unit.add_executions([an_execution(client_order_id)])
        written = unit.trades([trade_id])[trade_id]
    assert queries.trade(trade_id) == written
    assert queries.trade(99) is None
    assert queries.orders_of(trade_id) == (the_order(store, client_order_id),)
    assert queries.executions_of(client_order_id) == (an_execution(client_order_id),)


def test_trades_are_listed_by_status_and_symbol(store: LedgerStore, queries: Queries) -> None:
    ids = [planned(store, f"s{n}", symbol=symbol)[0] for n, symbol in enumerate(("AAPL", "MSFT", "AAPL"))]
    with store.unit() as unit:
        closed = unit.trades(ids)[ids[0]].model_copy(update={"status": TradeStatus.CLOSED})
        unit.save_trades([closed], at=NOW)
    assert [t.id for t in queries.trades(limit=9, symbol="AAPL").items] == [ids[2], ids[0]]
    assert [t.id for t in queries.trades(limit=9, status=TradeStatus.CLOSED).items] == [ids[0]]
    assert queries.trades(limit=9, status=TradeStatus.CLOSED, symbol="MSFT").items == ()
    assert [t.id for t in queries.trades(limit=9, standing=True).items] == [ids[2], ids[1]]
    assert [t.id for t in queries.trades(limit=9, standing=True, symbol="AAPL").items] == [ids[2]]
    assert queries.trades(limit=9, standing=True, status=TradeStatus.CLOSED).items == ()
    assert [t.id for t in queries.recent_trades(2)] == [ids[2], ids[1]]


def test_trades_that_stand_or_have_ended_lately_come_with_what_a_stop_covers(
    store: LedgerStore, queries: Queries
) -> None:
    symbols = ("AAPL", "MSFT", "KO", "IBM", "ACME")
    held, bare, old, new, missed = (
        planned(store, f"s{n}", symbol=symbol)[0] for n, symbol in enumerate(symbols)
    )
    with store.unit() as unit:
        trades = unit.trades([held, bare, old, new, missed])
        ended = {"status": TradeStatus.CLOSED}
        unit.save_trades(
            [
                trades[old].having(ended | {"exit_at": NOW - timedelta(microseconds=1)}),
                trades[new].having(ended | {"exit_at": NOW}),
                trades[missed].having({"status": TradeStatus.MISSED}),
            ],
            at=NOW,
        )
    add_stop(store, held, "one", life=Life.WORKING, filled_qty=Decimal("1.5"))
    add_stop(store, held, "two", life=Life.WORKING)
    add_stop(store, held, "three", life=Life.UNRESOLVED)
    add_stop(store, held, "four", life=Life.DONE)
    add_stop(store, held, "five", leg="exit", life=Life.WORKING)
    told = {each.trade.id: each.covered for each in queries.standing_trades(and_since=NOW)}
    assert told == {held: Decimal("12.5"), bare: 0, new: 0}
    assert list(told) == [held, bare, new]
    assert queries.standing_trades(and_since=NOW)[0].trade == queries.trade(held)


def add_stop(store: LedgerStore, trade_id: int, name: str, *, leg: Leg = "stop", **changes: object) -> None:
    """A sale of seven of the trade's shares."""
    ticket = OrderTicket(
        client_order_id=name, leg=leg, symbol="AAPL", side="sell", qty=Decimal(7), post_until=NOW
    )
    with store.unit() as unit:
        unit.add_exit(
            ticket,
            trade_id=trade_id,
            qty_before=Decimal(7),
            account_id="account-1",
            config_digest="config",
            code_version="0.1.0",
            at=NOW,
        )
    order = the_order(store, name)
    with store.unit() as unit:
        unit.save_orders([order.having(changes)], at=NOW)


def test_what_stands_where_is_counted(store: LedgerStore, queries: Queries) -> None:
    _, client_order_id = planned(store)
    planned(store, "s2", symbol="MSFT")
    order = the_order(store, client_order_id).model_copy(update={"life": Life.WORKING})
    with store.unit() as unit:
        unit.save_orders([order], at=NOW)
        unit.add_executions([an_execution(client_order_id)])
        unit.decide_signal(source="api", signal_id="s1", state=SignalState.PLANNED, verdict=VERDICT, at=NOW)
    assert queries.counts() == LedgerCounts(
        signals={"planned": 1, "received": 1},
        trades={"pending": 2},
        orders={"intended": 1, "working": 1},
        executions=1,
    )


@pytest.mark.parametrize("cursor", ["", "x", "dDk5OA==", "czE", "dC0x", "dDAx", "ä", "t1", "dMKy"])
def test_a_cursor_that_is_not_ours_is_refused(queries: Queries, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        queries.trades(limit=1, cursor=cursor)


@pytest.mark.parametrize("number", [2**63, 2**64, 10**30, int("9" * 4000)])
def test_a_cursor_beyond_the_highest_row_is_refused_too(queries: Queries, number: int) -> None:
    for kind, ask in (("t", queries.trades), ("s", queries.signals)):
        with pytest.raises(ValueError, match="cursor"):
            ask(limit=1, cursor=cursor_of(kind, number))


def test_a_page_holds_at_least_one_row(queries: Queries) -> None:
    with pytest.raises(ValueError, match="at least"):
        queries.trades(limit=0)


def test_what_is_added_meanwhile_does_not_shift_a_page(store: LedgerStore, queries: Queries) -> None:
    ids = [planned(store, f"s{n}")[0] for n in range(4)]
    page = queries.trades(limit=2)
    planned(store, "late")
    following = queries.trades(limit=2, cursor=page.next)
    assert [t.id for t in (*page.items, *following.items)] == ids[::-1]
    assert following.next is None


def test_signals_are_paged_newest_first(store: LedgerStore, queries: Queries) -> None:
    with store.unit() as unit:
        for number in range(5):
            add_signal(unit, a_signal(f"s{number}"))
    first = queries.signals(limit=3)
    second = queries.signals(limit=3, cursor=first.next)
    names = [view.signal.signal_id for view in (*first.items, *second.items)]
    assert names == ["s4", "s3", "s2", "s1", "s0"]
    assert second.next is None


@settings(max_examples=8, deadline=None)
@given(rows=st.integers(0, 12), limit=st.integers(1, 13))
def test_pages_of_any_size_show_every_trade_once(rows: int, limit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = LedgerStore.open(Path(folder) / "ledger.db", clock=lambda: NOW)
        with store.unit() as unit:
            ids = [add_entry(unit, a_signal(f"s{number}"))[0] for number in range(rows)]
        assert walk_trades(Queries(store), limit) == ids[::-1]
        store.close()


def test_only_halts_that_still_stand_are_told(store: LedgerStore, queries: Queries) -> None:
    with store.unit() as unit:
        unit.add_halt(scope="ACME", reason="a collision", by="ledger", at=NOW)
    with store.unit() as unit:
        unit.add_halt(scope="all", reason="an order of ours is unknown", by="ledger", at=NOW)
        unit.add_halt(scope="all", reason="drift", by="ledger", at=NOW)
    standing = [(halt.scope, halt.reason) for halt in queries.standing_halts()]
    assert standing == [("ACME", "a collision"), ("all", "an order of ours is unknown"), ("all", "drift")]
    with store.unit() as unit:
        unit.clear_halts(scope="all", by="owner", reason="looked", at=NOW)
    assert [halt.scope for halt in queries.standing_halts()] == ["ACME"]


def test_the_last_words_are_those_on_orders_of_ours_and_of_others(
    store: LedgerStore, queries: Queries
) -> None:
    planned(store, "never-sent", symbol="IBM")
    _, name = planned(store)
    ours = the_order(store, name).having(
        {"broker_order_id": "b1", "status": "partially_filled", "filled_qty": Decimal("1.5")}
    )
    theirs = ExternalOrder(
        broker_order_id="b2", client_order_id="mine", symbol="KO", side="buy", status="filled", done=True,
        filled_qty=Decimal(7),
    )  # fmt: skip
    with store.unit() as unit:
        unit.save_orders([ours], at=NOW)
        unit.save_external_orders([theirs], at=NOW)
    words = {"b1": ("partially_filled", Decimal("1.5")), "b2": ("filled", Decimal(7))}
    assert queries.last_words(["b1", "b2", "b3"]) == words
    assert queries.last_words(["b2"]) == {"b2": words["b2"]}
    assert queries.last_words([]) == {}
