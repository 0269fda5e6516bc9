"""While the database cannot be written: no promise is made, no fact is lost, nothing is booked twice.

The cause is real: another connection holds the write lock, or the file may not grow.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.ledger_backlog import MOST_KEPT, Backlog
from domain.messages import (
    AuditNow,
    BrokerSnapshot,
    ChangeConfig,
    ClearHalts,
    GateChanged,
    HaltTrading,
    KeysRefused,
    LeaseRenewed,
    LedgerFact,
    LedgerUnwritable,
    ListUndecided,
    ListUnsettled,
    LookUpFailed,
    MarketTold,
    OrderAccepted,
    OrderNotFound,
    OrderRejected,
    OrdersUpdated,
    OrderUnresolved,
    PlanEntry,
    Planned,
    PlanResend,
    RecordSignal,
    ResendOrder,
    SignalRecorded,
    StreamLost,
    StreamOpened,
)
from domain.orders import Life
from tests.actors.books import Books, id_of
from tests.actors.doubles import PATIENCE_S, ManualClock, Stage, ask_later, taken
from tests.domain.builders import a_market, a_position, a_signal, a_snapshot, an_update, dec, filled, partly

CID = id_of(a_signal())
NAMES: dict[str, Any] = {"client_order_id": CID, "broker_order_id": "broker-" + CID}
QUESTIONS = [
    RecordSignal(signal=a_signal(signal_id="s-9")),
    ListUndecided(),
    PlanEntry(source="api", signal_id="s-1"),
    PlanResend(client_order_id=CID),
    ListUnsettled(),
    HaltTrading(scope="all", reason="I say so", by="owner"),
    ClearHalts(scope="all", reason="I say so", by="owner"),
    ChangeConfig(changes=(("max_orders_per_day", "5"),), by="owner"),
]


@pytest.fixture
def ready(tmp_path: Path, stage: Stage, clock: ManualClock) -> Iterator[Books]:
    """A ledger that waits a moment only for whoever holds the file; its gate is open."""
    books = Books(tmp_path, stage, clock, busy_s=0.01)
    books.open_gate()
    yield books
    books.close()


def settle(books: Books) -> None:
    """Wait until all that was sent has been handled, booked or not."""
    books.ledger.ping(timeout=PATIENCE_S)
    ask_later(books.ledger, ListUnsettled()).get(timeout=PATIENCE_S)


def tell(books: Books, *mail: LedgerFact) -> None:
    for each in mail:
        books.ledger.send(each)
        settle(books)


def written_again(books: Books) -> None:
    """Let the ledger try again, and expect that it can."""
    books.timers.fire_all()
    books.settle()


def reason(books: Books) -> str:
    """Why the gate is shut, as it was last told."""
    gate = books.news.told.of(GateChanged)[-1].gate
    assert not gate.open
    return gate.reason


# --- questions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda mail: type(mail).__name__)
def test_each_question_is_answered_with_the_reason(ready: Books, question: Any) -> None:
    ready.intend()
    with ready.locked():
        answer = ask_later(ready.ledger, question).get(timeout=PATIENCE_S)
        again = ask_later(ready.ledger, question).get(timeout=PATIENCE_S)
    assert isinstance(answer, LedgerUnwritable)
    assert "another process holds it" in answer.why
    assert again == answer


def test_what_was_answered_so_was_not_done(ready: Books) -> None:
    with ready.locked():
        ask_later(ready.ledger, QUESTIONS[0]).get(timeout=PATIENCE_S)
    written_again(ready)
    assert ready.rows("SELECT 1 FROM signal") == []
    answer = ready.record(a_signal(signal_id="s-9"))
    assert isinstance(answer, SignalRecorded)
    assert not answer.repeated


def test_every_question_that_was_taken_together_is_answered_so(ready: Books) -> None:
    with ready.locked():
        answers = [ask_later(ready.ledger, question) for question in QUESTIONS * 3]
        kinds = {type(answer.get(timeout=PATIENCE_S)) for answer in answers}
    assert kinds == {LedgerUnwritable}


def test_a_full_disk_is_told_as_such_and_passes(ready: Books) -> None:
    limit_pages(ready, 1)
    answer = LedgerUnwritable(why="")
    for number in range(200):  # until what is free inside the file is used up
        signal = a_signal(signal_id=f"s-{number}")
        answer = ask_later(ready.ledger, RecordSignal(signal=signal)).get(timeout=PATIENCE_S)
        if isinstance(answer, LedgerUnwritable):
            break
    assert "the disk is full" in answer.why
    before = len(ready.rows("SELECT 1 FROM signal"))
    ready.ledger.send(KeysRefused(why="unauthorized"))
    settle(ready)
    limit_pages(ready, 1_000_000)
    written_again(ready)
    assert len(ready.rows("SELECT 1 FROM signal")) == before
    assert ready.kinds("KeysRefused") == ["gate"]


def limit_pages(books: Books, pages: int) -> None:
    """Let the database grow no further, on the ledger's own connection."""
    done = threading.Event()

    def limit() -> None:
        with books.store.unit() as unit:
            unit._cursor.execute(f"PRAGMA max_page_count = {pages}")
        done.set()

    books.ledger.send_ping(limit)  # what it calls runs in the actor's thread
    assert done.wait(PATIENCE_S)


# --- the gate ---------------------------------------------------------------------------------------


def test_the_gate_closes_at_once_and_opens_with_the_first_commit(ready: Books) -> None:
    ready.ledger.subscribe(ready.news, GateChanged)
    with ready.locked():
        tell(ready, OrdersUpdated(updates=(an_update(),)))
        assert "the ledger cannot be written" in reason(ready)
    written_again(ready)
    assert [mail.gate.open for mail in ready.news.told.of(GateChanged)] == [True, False, True]


def test_a_stream_that_is_lost_meanwhile_keeps_the_gate_shut_afterwards(ready: Books) -> None:
    ready.ledger.subscribe(ready.news, GateChanged)
    with ready.locked():
        tell(ready, StreamLost(generation=1, why="ping timeout"))
    written_again(ready)
    assert reason(ready) == "the trading stream is down: ping timeout"


def test_a_stream_that_came_back_meanwhile_needs_another_read(ready: Books) -> None:
    ready.ledger.subscribe(ready.news, GateChanged)
    with ready.locked():
        tell(ready, StreamLost(generation=1, why="gone"), StreamOpened(generation=2))
    written_again(ready)
    assert reason(ready) == "the account has not been read since the stream opened"
    ready.read(generation=2)
    assert ready.news.told.of(GateChanged)[-1].gate.open


def test_keys_that_were_refused_meanwhile_stay_refused(ready: Books) -> None:
    ready.ledger.subscribe(ready.news, GateChanged)
    with ready.locked():
        tell(ready, KeysRefused(why="unauthorized"))
        assert reason(ready) == "the broker refuses the keys: unauthorized"
    written_again(ready)
    assert reason(ready) == "the broker refuses the keys: unauthorized"


def test_a_read_of_the_account_that_had_to_wait_is_as_old_as_it_is(ready: Books) -> None:
    ready.ledger.subscribe(ready.news, GateChanged)
    with ready.locked():
        read = BrokerSnapshot(
            generation=1, snapshot=a_snapshot(clock=ready.clock_reading(), positions=(a_position("X", "1"),))
        )
        tell(ready, read)
        ready.clock.move(91)
    written_again(ready)
    assert ready.rows("SELECT symbol FROM position") == [("X",)]
    assert reason(ready) == "the account has not been read for more than 90 s"


def test_the_market_is_told_once_it_is_written_and_not_before(ready: Books) -> None:
    ready.ledger.subscribe(ready.news, MarketTold)
    closed = a_market(is_open=False)
    with ready.locked():
        tell(ready, BrokerSnapshot(generation=1, snapshot=a_snapshot(market=closed)))
        assert closed not in [told.market for told in ready.news.told.of(MarketTold)]
    written_again(ready)
    assert ready.news.told.of(MarketTold)[-1] == MarketTold(market=closed)


# --- facts ------------------------------------------------------------------------------------------


def test_a_fill_that_comes_first_of_all_is_not_lost(ready: Books) -> None:
    ready.accept()
    with ready.locked():
        tell(ready, OrdersUpdated(updates=(filled("10", "12", **NAMES),)))
        assert ready.rows("SELECT filled_qty FROM bot_order") == [("0",)]
    written_again(ready)
    assert ready.trade().shares == dec("10")
    assert ready.believed() == {"ACME": dec("10")}


def test_facts_are_booked_in_their_order_and_once(ready: Books) -> None:
    ready.intend()
    with ready.locked():
        tell(
            ready,
            OrderUnresolved(client_order_id=CID, why="read timeout"),
            OrderNotFound(client_order_id=CID),
            LookUpFailed(client_order_id=CID, why="503"),
            OrdersUpdated(updates=(partly("4", "12", **NAMES),)),
            OrdersUpdated(updates=(filled("10", "12", **NAMES),)),
        )
    written_again(ready)
    assert ready.kinds(CID) == ["order_intended", "order_unresolved", "order_heard", "order_heard"]
    assert ready.rows("SELECT attempts, last_outcome FROM bot_order") == [(1, "unresolved: read timeout")]
    assert ready.believed() == {"ACME": dec("10")}
    entries = ready.kinds()
    ready.tick()
    ready.tick()
    assert ready.kinds() == entries


@pytest.mark.parametrize("refused_first", [True, False])
def test_of_two_outcomes_the_order_in_which_they_came_decides(ready: Books, refused_first: bool) -> None:
    ready.intend()
    words = [
        OrderRejected(client_order_id=CID, reason="no buying power"),
        OrderUnresolved(client_order_id=CID, why="read timeout"),
    ]
    with ready.locked():
        tell(ready, *(words if refused_first else reversed(words)))
    written_again(ready)
    assert ready.order(CID).life is (Life.REFUSED if refused_first else Life.UNRESOLVED)


def test_an_acceptance_that_had_to_wait_is_booked(ready: Books) -> None:
    ticket = ready.intend()
    with ready.locked():
        tell(ready, OrderAccepted(update=taken(ticket)))
    written_again(ready)
    assert ready.order(CID).life is Life.WORKING


def test_what_comes_after_the_lock_is_gone_waits_behind_what_came_before(ready: Books) -> None:
    ready.intend()
    with ready.locked():
        tell(ready, OrderRejected(client_order_id=CID, reason="no buying power"))
    tell(ready, OrderUnresolved(client_order_id=CID, why="read timeout"))
    written_again(ready)
    assert ready.order(CID).life is Life.REFUSED


def test_the_news_of_what_had_to_wait_is_told_after_the_commit(ready: Books) -> None:
    ready.intend()
    ready.ledger.subscribe(ready.news, ResendOrder)
    with ready.locked():
        tell(ready, OrderNotFound(client_order_id=CID))
        assert ready.news.told.all() == []
    written_again(ready)
    assert ready.news.told.all() == [ResendOrder(client_order_id=CID, symbol="ACME")]


def test_it_tries_again_every_second_for_as_long_as_it_takes(ready: Books) -> None:
    with ready.locked():
        tell(ready, OrdersUpdated(updates=(filled("7", "12", client_order_id="by-hand"),)))
        assert [ready.tick() for _ in range(5)] == [1.0] * 5
    assert ready.tick() == 1.0
    assert ready.believed() == {"ACME": dec("7")}
    assert ready.tick() == 5.0


def test_a_tick_that_is_taken_together_with_other_mail_comes_all_the_same(ready: Books) -> None:
    with ready.locked():
        tell(ready, OrdersUpdated(updates=(filled("7", "12", client_order_id="by-hand"),)))
    ready.timers.wait()
    ready.clock.hold()
    blocker = ask_later(ready.ledger, ListUndecided())
    others = [ask_later(ready.ledger, ListUndecided()) for _ in range(3)]
    ready.timers.fire_all()
    ready.clock.let_go()
    for answer in (blocker, *others):
        answer.get(timeout=PATIENCE_S)
    ready.settle()
    assert ready.believed() == {"ACME": dec("7")}
    assert ready.timers.delays == [5.0]


def test_a_subscription_that_waits_beside_what_cannot_be_written_is_one_subscription(ready: Books) -> None:
    with ready.locked():
        answers = [ask_later(ready.ledger, ListUndecided()) for _ in range(2)]
        ready.ledger.subscribe(ready.news, ResendOrder)
        answers += [ask_later(ready.ledger, ListUndecided()) for _ in range(2)]
        for answer in answers:
            answer.get(timeout=PATIENCE_S)
    written_again(ready)
    ready.intend()
    ready.tell(OrderNotFound(client_order_id=CID))
    assert len(ready.news.told.of(ResendOrder)) == 1


def test_the_lease_is_not_told_as_renewed_while_nothing_can_be_written(ready: Books) -> None:
    ready.ledger.subscribe(ready.news, LeaseRenewed)
    settle(ready)
    with ready.locked():
        ready.tick()
        ready.tick()
        assert len(ready.news.told.of(LeaseRenewed)) == 1  # how it stood
    ready.tick()
    assert len(ready.news.told.of(LeaseRenewed)) == 2


def test_after_all_that_a_signal_is_planned_as_ever(ready: Books) -> None:
    ready.record(a_signal())
    with ready.locked():
        answer = ask_later(ready.ledger, PlanEntry(source="api", signal_id="s-1")).get(timeout=PATIENCE_S)
        assert isinstance(answer, LedgerUnwritable)
    written_again(ready)
    assert isinstance(ready.plan(a_signal()), Planned)
    assert len(ready.rows("SELECT 1 FROM bot_order")) == 1


# --- how much is kept -------------------------------------------------------------------------------


def test_a_backlog_keeps_what_nobody_else_has_and_lets_go_what_the_broker_tells_again() -> None:
    backlog = Backlog()
    keys, words = KeysRefused(why="unauthorized"), OrdersUpdated(updates=())
    backlog.keep(keys)
    for _ in range(MOST_KEPT):
        assert not backlog.overflowed
        backlog.keep(words)
    assert backlog.overflowed
    assert backlog.facts == [keys, words]


def test_after_an_overflow_the_gate_waits_for_another_read_of_the_account(
    ready: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.ledger_backlog.MOST_KEPT", 2)
    ready.ledger.subscribe(ready.news, AuditNow, GateChanged)
    with ready.locked():
        for number in range(4):
            tell(ready, OrdersUpdated(updates=(an_update(client_order_id=f"by-hand-{number}"),)))
    written_again(ready)
    assert len(ready.news.told.of(AuditNow)) == 1
    assert reason(ready) == "the account has not been read since the stream opened"
    ready.read()
    assert ready.news.told.of(GateChanged)[-1].gate.open
