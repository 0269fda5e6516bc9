"""What waits in the ledger's inbox is taken together: one commit, then every answer."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pykka
import pytest

from domain.messages import (
    Declined,
    GateChanged,
    LedgerChanged,
    LedgerMail,
    ListUndecided,
    ListUnsettled,
    OrderAccepted,
    OrdersUpdated,
    Planned,
    RecordSignal,
    SignalRecorded,
    StreamOpened,
)
from domain.signals import Signal
from persistence.errors import RowMissing
from tests.actors.books import Books, id_of
from tests.actors.doubles import PATIENCE_S, ask_later, taken
from tests.actors.test_inbox import STOP
from tests.domain.builders import a_plan, a_signal, an_update, dec, partly

MANY = [a_signal(signal_id=f"s-{number}", symbol="ABCDEFGHIJKLMNOPQRST"[number]) for number in range(20)]
POISON = OrderAccepted(update=an_update(client_order_id="sf-nobody-planned-this"))


@contextmanager
def queued(books: Books, first: LedgerMail = ListUndecided()) -> Iterator[None]:  # noqa: B008 - frozen
    """What is sent in the block lies in the inbox until its end, behind a first mail's open commit."""
    books.clock.hold()
    blocker = ask_later(books.ledger, first)
    books.clock.wait_held()
    yield
    books.clock.let_go()
    blocker.get(timeout=PATIENCE_S)


def record(books: Books, signal: Signal) -> Any:
    return ask_later(books.ledger, RecordSignal(signal=signal))


def plan(books: Books, signal: Signal) -> Any:
    return ask_later(books.ledger, a_plan(signal.signal_id, signal.symbol, source=signal.source))


def test_asks_that_wait_together_are_answered_after_one_commit(books: Books) -> None:
    with queued(books):
        answers = [record(books, signal) for signal in MANY]
        commits = books.clock.reads
    for signal, answer in zip(MANY, answers, strict=True):
        recorded = answer.get(timeout=PATIENCE_S)
        assert isinstance(recorded, SignalRecorded)
        assert recorded.receipt.signal_id == signal.signal_id
        # Whoever is answered finds it in the file, over any connection.
        assert books.rows("SELECT 1 FROM signal WHERE signal_id = ?", signal.signal_id) == [(1,)]
    assert books.clock.reads == commits + 1


def test_no_answer_is_given_before_the_commit(books: Books) -> None:
    other = sqlite3.connect(books.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # nobody else can commit now
    answer = record(books, a_signal())
    with pytest.raises(pykka.Timeout):
        answer.get(timeout=0.05)
    assert books.rows("SELECT 1 FROM signal") == []
    other.execute("ROLLBACK")
    other.close()
    assert isinstance(answer.get(timeout=PATIENCE_S), SignalRecorded)


def test_two_racing_plans_of_one_symbol_in_one_commit_make_one_trade(books: Books) -> None:
    books.open_gate()
    signals = [a_signal(signal_id=f"s-{number}") for number in range(5)]
    with queued(books):
        for signal in signals:
            record(books, signal)
        answers = [plan(books, signal) for signal in signals]
    first, *others = [answer.get(timeout=PATIENCE_S) for answer in answers]
    assert isinstance(first, Planned)
    assert [type(other) for other in others] == [Declined] * 4
    assert {other.verdict.code for other in others} == {"duplicate_symbol"}
    assert len(books.trades()) == len(books.rows("SELECT 1 FROM bot_order")) == 1


def test_one_signal_planned_twice_in_one_commit_is_planned_once(books: Books) -> None:
    books.open_gate()
    with queued(books):
        record(books, a_signal())
        answers = [plan(books, a_signal()) for _ in range(3)]
    kinds = [type(answer.get(timeout=PATIENCE_S)) for answer in answers]
    assert kinds == [Planned, Declined, Declined]
    assert len(books.trades()) == 1


def test_one_signal_recorded_twice_in_one_commit_is_stored_once(books: Books) -> None:
    with queued(books):
        answers = [record(books, a_signal()) for _ in range(3)]
    assert [answer.get(timeout=PATIENCE_S).repeated for answer in answers] == [False, True, True]
    assert len(books.rows("SELECT 1 FROM signal")) == 1


@pytest.mark.parametrize(
    ("blocker", "fills_before"), [(ListUnsettled(), 0), (ListUndecided(), 16)], ids=["its turn", "their turn"]
)
def test_a_plan_waits_for_one_step_of_fills_at_most(
    books: Books, blocker: LedgerMail, fills_before: int
) -> None:
    books.open_gate()
    ticket = books.accept()
    second = a_signal(signal_id="s-2", symbol="OTHR")
    books.record(second)
    names: dict[str, Any] = {"client_order_id": ticket.client_order_id, "broker_order_id": "b"}
    with queued(books, blocker):
        for shares in range(1, 201):
            books.ledger.send(OrdersUpdated(updates=(partly(str(shares), "12", **names),)))
        answer = plan(books, second)
    assert isinstance(answer.get(timeout=PATIENCE_S), Planned)
    books.settle()
    kinds = books.kinds()
    decided = [seq for seq, kind in enumerate(kinds) if kind == "signal_decided"][1]
    assert kinds[decided:].count("order_heard") == 200 - fills_before
    assert books.trade_of("s-1").shares == 200


def test_fills_that_wait_together_are_one_commit(books: Books) -> None:
    books.open_gate()
    tickets = [books.accept(signal) for signal in MANY]
    with queued(books):
        for ticket in tickets:
            fill = taken(ticket).model_copy(update={"status": "filled", "filled_qty": dec("10")})
            books.ledger.send(OrdersUpdated(updates=(fill,)))
        commits = books.clock.reads
    books.settle()
    assert [trade.shares for trade in books.trades()] == [10] * 20
    # One for the fills, or two when a ping comes between their steps, and one for the question by
    # which `settle` waits.
    assert books.clock.reads <= commits + 3


def test_answers_go_to_those_who_asked(books: Books) -> None:
    books.open_gate()
    with queued(books):
        recorded = record(books, a_signal())
        books.ledger.send(StreamOpened(generation=1))
        planned = plan(books, a_signal())
        listed = ask_later(books.ledger, ListUndecided())
    assert isinstance(recorded.get(timeout=PATIENCE_S), SignalRecorded)
    assert isinstance(planned.get(timeout=PATIENCE_S), Planned)
    assert listed.get(timeout=PATIENCE_S).signals == ()


# --- failures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [1, 2, 3])
def test_one_failing_mail_fails_all_that_was_taken_with_it(books: Books, place: int) -> None:
    with queued(books):
        answers = []
        for number in range(4):
            if number == place:
                books.ledger.send(POISON)
            answers.append(record(books, MANY[number]))
    for answer in answers:
        with pytest.raises(RowMissing):
            answer.get(timeout=PATIENCE_S)
    assert isinstance(books_death(books), RowMissing)
    assert (
        books.rows("SELECT 1 FROM signal")
        == books.rows("SELECT 1 FROM journal WHERE kind <> 'config_changed'")
        == []
    )


def books_death(books: Books) -> BaseException:
    """The ledger's death, as its supervisor hears it."""
    death = books.stage.deaths.take()
    assert death.actor == "TradeLedger"
    return death.error


def test_a_failing_tell_at_the_head_fails_the_asks_beside_it_too(books: Books) -> None:
    with queued(books):
        books.ledger.send(POISON)
        answer = record(books, a_signal())
    with pytest.raises(RowMissing):
        answer.get(timeout=PATIENCE_S)
    assert isinstance(books_death(books), RowMissing)
    with pytest.raises(pykka.ActorDeadError):
        books.settle()
    assert books.rows("SELECT 1 FROM signal") == []


def test_what_failed_is_no_news(books: Books) -> None:
    books.ledger.subscribe(books.news, LedgerChanged, GateChanged)
    books.settle()
    with queued(books):
        answer = record(books, a_signal())
        books.ledger.send(StreamOpened(generation=1))
        books.ledger.send(POISON)
    with pytest.raises(RowMissing):
        answer.get(timeout=PATIENCE_S)
    books_death(books)
    assert [type(mail) for mail in books.news.told.all()] == [GateChanged]  # how it stood at the start


def test_what_is_wrong_with_the_database_and_does_not_pass_is_a_death_and_no_answer(books: Books) -> None:
    other = sqlite3.connect(books.store.path)
    other.execute("DROP TABLE journal")
    other.close()
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        books.record(a_signal())
    assert isinstance(books_death(books), sqlite3.OperationalError)


def test_the_order_to_stop_is_obeyed_after_what_was_sent_before_it(books: Books) -> None:
    mail: list[LedgerMail] = [OrdersUpdated(updates=(an_update(),)), OrdersUpdated(updates=())]
    with queued(books):
        answers = [record(books, signal) for signal in MANY[:3]]
        for each in mail:
            books.ledger.send(each)
        stopped = ask_later(books.ledger, STOP)
    stopped.get(timeout=PATIENCE_S)
    assert all(isinstance(answer.get(timeout=PATIENCE_S), SignalRecorded) for answer in answers)
    assert len(books.rows("SELECT 1 FROM signal")) == 3
    assert not books.ledger.is_alive()


def test_what_the_ledger_knew_is_there_for_the_next_one(books: Books) -> None:
    books.open_gate()
    ticket = books.intend()
    books.ledger.stop(timeout=PATIENCE_S)
    assert books.order(ticket.client_order_id).client_order_id == id_of(a_signal())
    with books.store.unit() as unit:
        assert [record.client_order_id for record in unit.unsettled_orders()] == [ticket.client_order_id]
