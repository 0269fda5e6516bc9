"""The gate, and the snapshots that open it: what was missed is made up for before anything leaves."""

from datetime import timedelta
from typing import Any

import pytest

from domain.gate import ClockReading
from domain.messages import (
    BrokerSnapshot,
    GateChanged,
    KeysRefused,
    LedgerChanged,
    OrderRejected,
    Planned,
    ResendOrder,
    SafeMode,
    StreamLost,
    StreamOpened,
)
from domain.orders import Life, OrderUpdate
from domain.rules import Deferred
from domain.trades import TradeStatus
from persistence.queries import Queries
from tests.actors.books import Books, id_of
from tests.actors.doubles import Outbox
from tests.domain.builders import a_position, a_signal, a_snapshot, an_update, dec, ended, filled, partly

CID = id_of(a_signal())
BROKER_ID = "broker-" + CID
NAMES: dict[str, Any] = {"client_order_id": CID, "broker_order_id": BROKER_ID}


def gates(box: Outbox) -> list[bool]:
    return [mail.gate.open for mail in box.told.of(GateChanged)]


@pytest.fixture
def heard(books: Books) -> Books:
    """We hear of the gate."""
    books.ledger.subscribe(books.news, GateChanged)
    books.settle()
    return books


def test_a_subscriber_hears_at_once_how_the_gate_stands(heard: Books) -> None:
    assert gates(heard.news) == [False]


def test_the_gate_opens_with_the_snapshot_after_the_stream(heard: Books) -> None:
    heard.tell(StreamOpened(generation=1))
    assert gates(heard.news) == [False, False]  # it stays closed for another reason
    heard.read(generation=1)
    assert gates(heard.news) == [False, False, True]


def test_news_of_the_gate_comes_only_when_it_or_its_reason_changes(heard: Books) -> None:
    heard.open_gate()
    heard.read()
    heard.read()
    assert gates(heard.news) == [False, False, True]


def test_a_lost_stream_closes_the_gate_and_defers_plans(heard: Books) -> None:
    heard.open_gate()
    heard.record(a_signal())
    heard.tell(StreamLost(generation=1, why="ping timeout"))
    assert gates(heard.news) == [False, False, True, False]
    assert heard.plan(a_signal()) == Deferred(reason="the trading stream is down: ping timeout")
    assert heard.rows("SELECT 1 FROM bot_order") == []


def test_after_a_loss_only_a_new_snapshot_opens_the_gate(heard: Books) -> None:
    heard.open_gate()
    heard.tell(StreamLost(generation=1, why="ping timeout"), StreamOpened(generation=2))
    heard.record(a_signal())
    assert isinstance(heard.plan(a_signal()), Deferred)
    heard.read(generation=2)
    assert isinstance(heard.plan(a_signal()), Planned)


def test_a_snapshot_of_an_older_connection_is_booked_and_does_not_open_the_gate(heard: Books) -> None:
    heard.open_gate()
    heard.intend()
    heard.tell(StreamOpened(generation=2))
    heard.read(a_snapshot(filled("10", "12", **NAMES), positions=(a_position("ACME", "10"),)), generation=1)
    assert heard.order(CID).life is Life.DONE
    assert heard.believed() == {"ACME": dec("10")}
    with heard.store.unit() as unit:
        assert unit.positions() == {"ACME": dec("10")}
    assert gates(heard.news)[-1] is False
    heard.read(generation=2)
    assert gates(heard.news)[-1] is True


def test_an_old_snapshot_that_comes_late_does_not_close_the_gate(heard: Books) -> None:
    heard.open_gate()
    heard.open_gate(2)
    heard.read(generation=1)
    assert gates(heard.news)[-1] is True


def test_a_snapshot_without_a_stream_does_not_open_the_gate(heard: Books) -> None:
    heard.read(generation=1)
    assert gates(heard.news) == [False]


def test_a_gate_that_nobody_reads_the_account_for_closes_by_itself(heard: Books) -> None:
    heard.open_gate()
    heard.clock.move(91)
    heard.tick()
    assert gates(heard.news) == [False, False, True, False]


def test_a_plan_asks_the_gate_at_its_own_time_and_not_at_the_last_tick(heard: Books) -> None:
    heard.open_gate()
    heard.record(a_signal())
    heard.clock.move(91)
    assert heard.plan(a_signal()) == Deferred(reason="the account has not been read for more than 90 s")


def test_a_clock_that_jumped_defers_plans_until_it_is_compared_again(heard: Books) -> None:
    heard.open_gate()
    heard.record(a_signal())
    heard.clock.jump(40)
    answer = heard.plan(a_signal())
    assert isinstance(answer, Deferred)
    assert "our clock has jumped by 40 s" in answer.reason
    heard.read()
    assert isinstance(heard.plan(a_signal()), Planned)


def test_a_clock_that_is_wrong_by_the_brokers_keeps_the_gate_shut(heard: Books) -> None:
    wrong = ClockReading(ahead=timedelta(minutes=2), at=heard.clock.now, monotonic=heard.clock.monotonic())
    heard.tell(StreamOpened(generation=1))
    heard.read(a_snapshot(clock=wrong))
    assert gates(heard.news)[-1] is False
    assert "set this machine's clock" in heard.news.told.of(GateChanged)[-1].gate.reason


def test_safe_mode_closes_the_gate_until_it_is_over(heard: Books) -> None:
    heard.open_gate()
    heard.tell(SafeMode(why="the bot has failed three times within ten minutes"))
    heard.record(a_signal())
    assert heard.plan(a_signal()) == Deferred(reason="the bot has failed three times within ten minutes")
    heard.tell(SafeMode(why=None))
    assert isinstance(heard.plan(a_signal()), Planned)


@pytest.mark.parametrize(
    "mail",
    [
        StreamLost(generation=1, why="unauthorized", keys_refused=True),
        KeysRefused(why="unauthorized"),
        OrderRejected(client_order_id=CID, reason="unauthorized", keys_refused=True),
    ],
    ids=lambda mail: type(mail).__name__,
)
def test_refused_keys_close_the_gate_for_good(
    heard: Books, mail: StreamLost | KeysRefused | OrderRejected
) -> None:
    heard.open_gate()
    heard.intend()
    heard.tell(mail)
    assert gates(heard.news) == [False, False, True, False]
    heard.open_gate(2)
    second = a_signal(signal_id="s-2", symbol="OTHR")
    heard.record(second)
    assert heard.plan(second) == Deferred(reason="the broker refuses the keys: unauthorized")


def test_a_refusal_of_the_order_alone_leaves_the_gate_open(heard: Books) -> None:
    heard.open_gate()
    heard.intend()
    heard.tell(OrderRejected(client_order_id=CID, reason="insufficient buying power"))
    assert gates(heard.news) == [False, False, True]


def test_each_change_of_the_gate_is_in_the_journal(heard: Books) -> None:
    heard.open_gate()
    heard.tell(StreamLost(generation=1, why="ping timeout"))
    assert heard.kinds() == ["config_changed", "gate", "books_opened", "gate"]


def test_a_read_that_changes_nothing_is_no_entry_of_the_journal(heard: Books) -> None:
    heard.open_gate()
    before = heard.kinds()
    heard.read()
    assert heard.kinds() == before
    heard.read(a_snapshot(positions=(a_position("ACME", "1"),)))
    assert heard.kinds() == [*before, "account_read"]


# --- snapshots --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "status", "shares", "life"),
    [
        (an_update(**NAMES), TradeStatus.OPEN, None, Life.WORKING),
        (filled("10", "12.5", event=None, **NAMES), TradeStatus.OPEN, "10", Life.DONE),
        (partly("4", "12.5", event=None, **NAMES), TradeStatus.OPEN, "4", Life.WORKING),
        (ended("canceled", "4", event=None, **NAMES), TradeStatus.OPEN, "4", Life.DONE),
        (ended("expired", event=None, **NAMES), TradeStatus.MISSED, None, Life.DONE),
    ],
    ids=["new", "filled", "partly", "canceled partly", "expired"],
)
def test_a_snapshot_makes_up_for_what_was_missed(
    books: Books, read: OrderUpdate, status: TradeStatus, shares: str | None, life: Life
) -> None:
    books.open_gate()
    books.intend()
    books.tell(StreamLost(generation=1, why="gone"), StreamOpened(generation=2))
    books.read(a_snapshot(read), generation=2)
    trade = books.trade()
    assert (trade.status, trade.shares) == (status, None if shares is None else dec(shares))
    assert books.order(CID).life is life


def test_reading_the_same_account_twice_changes_nothing_more(books: Books) -> None:
    books.open_gate()
    books.intend()
    account = a_snapshot(filled("10", "12.5", event=None, **NAMES), positions=(a_position("ACME", "10"),))
    books.read(account)
    before = (books.trades(), books.order(CID), books.kinds(CID))
    books.read(account)
    assert (books.trades(), books.order(CID), books.kinds(CID)) == before
    assert len(Queries(books.store).executions_of(CID)) == 1


def test_fills_that_only_a_snapshot_told_of_are_inferred_evidence(books: Books) -> None:
    books.open_gate()
    books.accept()
    books.hear(partly("4", "12.34", **NAMES))
    books.read(a_snapshot(filled("10", "12.376", event=None, **NAMES)))
    (row,) = Queries(books.store).executions_of(CID)
    assert (row.source, row.execution.qty, row.execution.price) == ("inferred", dec("6"), dec("12.4"))
    assert row.execution.execution_id == f"inferred:{BROKER_ID}:10"


def test_a_look_up_or_an_answer_to_a_post_infers_nothing(books: Books) -> None:
    # The stream is up and may tell the same fills in a moment; only a snapshot fills a gap.
    books.open_gate()
    books.accept()
    books.hear(filled("10", "12.376", event=None, **NAMES))
    assert Queries(books.store).executions_of(CID) == ()


def test_positions_are_those_of_the_snapshot(books: Books) -> None:
    with books.store.unit() as unit:
        unit.set_positions({"GONE": dec("3"), "MORE": dec("1")}, at=a_snapshot().taken_at)
    books.tell(StreamOpened(generation=1))
    books.read(a_snapshot(positions=(a_position("MORE", "2.5"), a_position("NEWS", "-1"))))
    with books.store.unit() as unit:
        assert unit.positions() == {"MORE": dec("2.5"), "NEWS": dec("-1")}


def test_the_snapshot_that_opens_the_gate_sends_what_is_missing_after_that_news(books: Books) -> None:
    books.open_gate()
    books.intend()
    books.tell(StreamLost(generation=1, why="gone"), StreamOpened(generation=2))
    books.ledger.subscribe(books.news, GateChanged, ResendOrder)
    books.read(a_snapshot(missing=(CID,)), generation=2)
    assert [type(mail) for mail in books.news.told.all()] == [GateChanged, GateChanged, ResendOrder]
    assert isinstance(books.plan_again(CID), Planned)


def test_a_successor_met_in_the_same_snapshot_is_followed(books: Books) -> None:
    books.open_gate()
    books.intend()
    old = ended("replaced", event=None, replaced_by="broker-two", **NAMES)
    new = filled("10", "12", client_order_id="theirs", broker_order_id="broker-two", replaces=BROKER_ID)
    books.read(a_snapshot(old, new))
    assert (books.trade().status, books.trade().shares) == (TradeStatus.OPEN, dec("10"))


# --- news -------------------------------------------------------------------------------------------


def test_who_subscribed_hears_what_each_commit_changed(books: Books) -> None:
    books.open_gate()
    books.ledger.subscribe(books.news, LedgerChanged)
    books.accept()
    fill = filled("10", "12", **NAMES)
    books.hear(fill)
    recorded, planned, accepted, heard = books.news.told.of(LedgerChanged)
    assert (recorded.signals, recorded.trades) == (("s-1",), ())
    assert (planned.signals, planned.trades) == (("s-1",), (1,))
    assert [update.status for update in accepted.orders] == ["new"]
    assert (heard.trades, heard.orders) == ((1,), (fill,))


def test_a_commit_that_changes_nothing_is_no_news(books: Books) -> None:
    books.tell(BrokerSnapshot(generation=7, snapshot=a_snapshot()))  # which opens the books
    books.ledger.subscribe(books.news, LedgerChanged)
    books.tell(BrokerSnapshot(generation=7, snapshot=a_snapshot()))
    assert books.news.told.all() == []
