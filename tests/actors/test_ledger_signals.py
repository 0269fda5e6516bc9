"""Signals: made durable once, decided on once, each with its answer to "why"."""

from typing import Any

import pytest

from domain.config import BotConfig
from domain.messages import Declined, ListUndecided, Planned, SignalConflict, SignalRecorded, Undecided
from domain.rules import Deferred, ReadsWanted
from domain.signals import Signal, SignalState
from domain.trades import TradeStatus
from persistence.queries import Queries
from persistence.store import verify_journal
from tests.actors.books import Books, id_of
from tests.actors.doubles import PATIENCE_S
from tests.domain.builders import NOW, a_signal, dec, later

UNRATED = {"catalyst_tier": 4, "ai_confidence": None}


@pytest.fixture
def ready(books: Books) -> Books:
    """The gate is open."""
    books.open_gate()
    return books


def test_a_recorded_signal_is_seen_by_others_before_the_answer_arrives(books: Books) -> None:
    answer = books.record(a_signal())
    assert isinstance(answer, SignalRecorded)
    assert (answer.repeated, answer.receipt.state) == (False, SignalState.RECEIVED)
    assert answer.receipt.received_at == later(1)
    assert books.rows("SELECT signal_id, state FROM signal") == [("s-1", "received")]
    assert books.kinds("s-1") == ["signal_received"]


def test_a_repeat_gets_the_first_receipt_and_stores_nothing(books: Books) -> None:
    books.record(a_signal(price_at_signal=dec("12.5")))
    books.clock.move(60)
    again = books.record(a_signal(price_at_signal=dec("12.50")))
    assert isinstance(again, SignalRecorded)
    assert (again.repeated, again.receipt.received_at) == (True, later(1))
    assert len(books.rows("SELECT 1 FROM signal")) == 1
    assert books.kinds("s-1") == ["signal_received"]


def test_a_repeat_tells_how_far_the_signal_has_come(ready: Books) -> None:
    ready.intend()
    again = ready.record(a_signal())
    assert isinstance(again, SignalRecorded)
    assert again.receipt.state is SignalState.PLANNED


def test_the_same_name_with_other_content_is_a_conflict_and_stores_nothing(books: Books) -> None:
    books.record(a_signal())
    assert books.record(a_signal(symbol="OTHR")) == SignalConflict(source="api", signal_id="s-1")
    assert books.rows("SELECT symbol FROM signal") == [("ACME",)]
    assert books.kinds("s-1") == ["signal_received", "signal_conflict"]


def test_two_sources_may_use_the_same_name(books: Books) -> None:
    books.record(a_signal())
    other = books.record(a_signal(source="cli", symbol="OTHR"))
    assert isinstance(other, SignalRecorded)
    assert not other.repeated


def test_undecided_signals_are_listed_oldest_first_until_they_are_decided(ready: Books) -> None:
    signals = [a_signal(signal_id=f"s-{number}", symbol=f"{'ABC'[number]}") for number in range(3)]
    for signal in signals:
        ready.record(signal)
    ready.plan(signals[1])
    undecided = ready.ledger.ask(ListUndecided(), Undecided, timeout=PATIENCE_S)
    assert undecided.signals == (signals[0], signals[2])


# --- plans ----------------------------------------------------------------------------------------


def test_a_plan_is_one_commit_of_verdict_trade_intent_and_journal(ready: Books) -> None:
    signal = a_signal(catalyst_category="fda", catalyst_tier=3, ai_confidence="medium")
    ready.record(signal)
    commits = ready.clock.reads
    planned = ready.plan_with(signal, ready.looked_up(ReadsWanted(symbol="ACME", asset=True, quote=False)))
    # All of it is there for every other process by the time the answer arrives.
    assert ready.clock.reads == commits + 1
    assert isinstance(planned, Planned)
    assert planned.order.client_order_id == id_of(signal)
    assert (planned.order.notional, planned.order.post_until) == (dec("75"), later(300))
    assert ready.state(signal) == "planned"
    trade = ready.trade()
    assert (trade.status, trade.symbol, trade.stars, trade.notional, trade.shares, trade.entry_price) == (
        TradeStatus.PENDING, "ACME", 4, dec("75"), None, None,
    )  # fmt: skip
    assert ready.rows("SELECT client_order_id, life, account_id, code_version, attempts FROM bot_order") == [
        (id_of(signal), "intended", "account-1", "1.2.3", 0)
    ]
    ((digest,),) = ready.rows("SELECT config_digest FROM bot_order")
    assert len(digest) == 16
    assert ready.kinds()[-2:] == ["order_intended", "signal_decided"]
    assert (trade.catalyst_type, trade.catalyst_tier, trade.entry_at) == ("fda", 3, later(6))


VERDICTS: list[tuple[dict[str, Any], float, str, str]] = [
    (UNRATED, 0, "declined", "no_rating"),
    ({}, 300, "expired", "expired"),
    ({"symbol": "TAKN"}, 0, "declined", "duplicate_symbol"),
    ({"symbol": "HALT"}, 0, "declined", "halted"),
]


@pytest.mark.parametrize(("changes", "wait", "state", "code"), VERDICTS, ids=[v[-1] for v in VERDICTS])
def test_a_signal_that_does_not_trade_has_its_verdict_and_no_trade(
    ready: Books, changes: dict[str, Any], wait: float, state: str, code: str
) -> None:
    ready.intend(a_signal(signal_id="taken", symbol="TAKN"))
    with ready.store.unit() as unit:
        unit.add_halt(scope="HALT", reason="the owner said so", by="owner", at=NOW)
    signal = a_signal(**changes)
    ready.record(signal)
    ready.clock.move(wait)
    answer = ready.plan(signal)
    assert isinstance(answer, Declined)
    assert answer.verdict is not None
    assert answer.verdict.code == code
    (stored,) = Queries(ready.store).signal("s-1")
    assert (stored.state, stored.verdict, stored.trade) == (SignalState(state), answer.verdict, None)
    assert stored.decided_at == ready.clock.now
    assert ready.kinds("s-1") == ["signal_received", "signal_decided"]
    assert ready.rows("SELECT 1 FROM bot_order WHERE symbol = ?", signal.symbol) == (
        [(1,)] if code == "duplicate_symbol" else []
    )


def test_a_closed_gate_defers_and_the_signal_goes_on_waiting(books: Books) -> None:
    books.record(a_signal())
    answer = books.plan(a_signal())
    assert answer == Deferred(reason="the trading stream is not connected yet")
    assert books.state(a_signal()) == "received"
    assert books.kinds("s-1") == ["signal_received"]
    books.open_gate()
    assert isinstance(books.plan(a_signal()), Planned)


def test_a_signal_that_waited_too_long_for_the_gate_expires(books: Books) -> None:
    books.record(a_signal())
    books.clock.now = later(301)
    assert isinstance(books.plan(a_signal()), Declined)
    assert books.state(a_signal()) == "expired"


@pytest.mark.parametrize("status", [TradeStatus.PENDING, TradeStatus.OPEN, TradeStatus.CLOSING])
def test_a_symbol_with_a_trade_takes_no_second_one(ready: Books, status: TradeStatus) -> None:
    ready.intend()
    with ready.store.unit() as unit:
        unit.save_trades([ready_trade(unit).model_copy(update={"status": status})], at=NOW)
    second = a_signal(signal_id="s-2")
    ready.record(second)
    answer = ready.plan(second)
    assert isinstance(answer, Declined)
    assert answer.verdict is not None
    assert answer.verdict.code == "duplicate_symbol"
    assert len(ready.trades()) == 1


def ready_trade(unit: Any) -> Any:
    (trade,) = unit.trades([1]).values()
    return trade


@pytest.mark.parametrize("status", [TradeStatus.CLOSED, TradeStatus.MISSED, TradeStatus.REJECTED])
def test_a_symbol_whose_trade_is_over_may_trade_again(ready: Books, status: TradeStatus) -> None:
    ready.intend()
    with ready.store.unit() as unit:
        unit.save_trades([ready_trade(unit).model_copy(update={"status": status})], at=NOW)
    assert ready.intend(a_signal(signal_id="s-2")).symbol == "ACME"


def test_a_decided_signal_is_never_planned_again(ready: Books) -> None:
    ready.intend()
    ready.record(a_signal(signal_id="s-2", **UNRATED))
    ready.plan(a_signal(signal_id="s-2"))
    for signal_id in ("s-1", "s-2"):
        assert ready.plan(a_signal(signal_id=signal_id)) == Declined(verdict=None)
    assert len(ready.trades()) == 1


def test_a_signal_nobody_recorded_is_not_planned(ready: Books) -> None:
    assert ready.plan(a_signal()) == Declined(verdict=None)


def test_the_owners_sizes_count_from_the_moment_they_are_saved(ready: Books) -> None:
    with ready.store.unit() as unit:
        unit.save_config(BotConfig(trade_size_stars_5=dec("12.345")), at=NOW, by="owner")
    assert ready.intend().notional == dec("12.34")


def test_what_the_account_holds_already_is_kept_with_the_intent(ready: Books) -> None:
    with ready.store.unit() as unit:
        unit.set_positions({"ACME": dec("100.5")}, at=NOW)
    assert ready.order(ready.intend().client_order_id).qty_before == dec("100.5")


def test_the_journal_of_a_whole_walk_is_as_it_was_written(ready: Books) -> None:
    ready.accept()
    ready.record(a_signal(signal_id="s-2", **UNRATED))
    ready.plan(a_signal(signal_id="s-2"))
    check = verify_journal(ready.store)
    assert (check.broken_at, check.rows) == (None, len(ready.kinds()))


def test_every_signal_has_its_own_id(ready: Books) -> None:
    signals: list[Signal] = [a_signal(signal_id=f"s-{n}", symbol="ABCDE"[n]) for n in range(5)]
    assert len({ready.intend(signal).client_order_id for signal in signals}) == 5
