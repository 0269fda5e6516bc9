"""One writer: whoever takes the lease is it, and whoever had it before ends without writing again."""

from collections.abc import Iterator
from pathlib import Path

import pykka
import pytest

from domain.messages import GateChanged, LeaseRenewed, ListUndecided, OrdersUpdated, RecordSignal
from persistence.errors import LeaseLost
from tests.actors.books import Books
from tests.actors.doubles import PATIENCE_S, ManualClock, Stage, ask_later
from tests.domain.builders import a_signal, filled, later

BY_HAND = filled("7", "12", client_order_id="by-hand", broker_order_id="broker-hand")


@pytest.fixture
def other(books: Books, tmp_path: Path, clock: ManualClock) -> Iterator[Books]:
    """Another process on the same files; it has taken the lease."""
    stage = Stage()
    other = Books(tmp_path, stage, clock)
    yield other
    stage.close()
    other.close()


def lost(books: Books) -> bool:
    """Whether the ledger has ended because the lease is another's."""
    return isinstance(books.stage.deaths.take().error, LeaseLost)


def test_each_start_raises_the_epoch(books: Books) -> None:
    assert books.rows("SELECT epoch, holder FROM lease") == [(1, "the test")]
    books.restart()
    assert books.rows("SELECT epoch FROM lease") == [(2,)]


def test_the_older_ledger_answers_nothing_and_ends(books: Books, other: Books) -> None:
    question = ask_later(books.ledger, RecordSignal(signal=a_signal()))
    with pytest.raises(LeaseLost, match="another process"):
        question.get(timeout=PATIENCE_S)
    assert lost(books)
    assert other.rows("SELECT 1 FROM signal") == []


def test_everybody_who_asked_the_older_ledger_hears_that_it_ended(books: Books, other: Books) -> None:
    assert other.ledger.is_alive()
    questions = [ask_later(books.ledger, ListUndecided()) for _ in range(5)]
    for question in questions:
        with pytest.raises((LeaseLost, pykka.ActorDeadError)):
            question.get(timeout=PATIENCE_S)
    assert lost(books)


def test_the_older_ledger_books_no_fact(books: Books, other: Books) -> None:
    books.ledger.send(OrdersUpdated(updates=(BY_HAND,)))
    assert lost(books)
    assert other.rows("SELECT 1 FROM external_order") == []


def test_the_older_ledger_ends_with_its_next_tick_although_nothing_happens(
    books: Books, other: Books
) -> None:
    assert other.ledger.is_alive()
    books.timers.fire()
    assert lost(books)


def test_the_newer_ledger_goes_on(books: Books, other: Books) -> None:
    books.timers.fire()
    assert lost(books)
    other.record(a_signal())
    other.tick()
    assert other.state(a_signal()) == "received"


def test_the_lease_is_renewed_every_five_seconds_and_told_from_when_it_was_certain(books: Books) -> None:
    books.ledger.subscribe(books.news, LeaseRenewed)
    books.settle()
    books.clock.move(5)
    assert books.tick() == 5.0
    told = [mail.monotonic.total_seconds() for mail in books.news.told.of(LeaseRenewed)]
    assert told == [1.0, 6.0]
    assert books.store.lease().renewed_at == later(6)


def test_mail_between_two_ticks_renews_nothing_and_makes_no_second_chain_of_them(books: Books) -> None:
    books.ledger.subscribe(books.news, LeaseRenewed, GateChanged)
    books.open_gate()
    assert len(books.news.told.of(LeaseRenewed)) == 1
    assert len(books.timers.delays) == 1


def test_a_tick_that_another_has_overtaken_does_nothing(books: Books) -> None:
    stale = books.timers.all_actions()[0]
    books.tick()
    renewed = books.store.lease().renewed_at
    books.clock.move(1)
    stale()
    books.settle()
    assert books.store.lease().renewed_at == renewed
    assert len(books.timers.delays) == 1


def test_a_tick_taken_beside_other_mail_renews_the_lease_and_is_followed_by_the_next(books: Books) -> None:
    books.clock.move(5)
    books.clock.hold()
    blocker = ask_later(books.ledger, ListUndecided())
    books.clock.wait_held()
    question = ask_later(books.ledger, ListUndecided())
    books.timers.fire()
    books.clock.let_go()
    for answer in (blocker, question):
        answer.get(timeout=PATIENCE_S)
    books.settle()
    assert books.store.lease().renewed_at == later(6)
    assert books.timers.delays == [5.0]


def test_a_tick_taken_beside_a_flood_of_fills_counts_too(books: Books) -> None:
    books.clock.move(5)
    books.clock.hold()
    blocker = ask_later(books.ledger, ListUndecided())
    books.clock.wait_held()
    for _ in range(40):
        books.ledger.send(OrdersUpdated(updates=(BY_HAND,)))
    question = ask_later(books.ledger, ListUndecided())
    books.timers.fire()
    books.clock.let_go()
    for answer in (blocker, question):
        answer.get(timeout=PATIENCE_S)
    books.settle()
    assert books.store.lease().renewed_at == later(6)
    assert books.timers.delays == [5.0]
