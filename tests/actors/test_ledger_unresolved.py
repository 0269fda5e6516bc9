"""What the broker has not answered: never guessed, never doubled, never given up too soon."""

import pytest

from domain.messages import (
    Declined,
    LedgerMail,
    OrderAccepted,
    OrderNotFound,
    OrderNotSent,
    OrderRejected,
    OrdersUpdated,
    OrderUnresolved,
    Planned,
    ResendOrder,
    StreamLost,
)
from domain.orders import Life, OrderTicket
from domain.rules import Deferred
from domain.trades import TradeStatus
from tests.actors.books import Books, id_of
from tests.actors.doubles import taken
from tests.domain.builders import a_signal, a_snapshot, an_update, dec, filled, later

CID = id_of(a_signal())
BROKER_ID = "broker-" + CID
RESEND = ResendOrder(client_order_id=CID, symbol="ACME")
UNRESOLVED = OrderUnresolved(client_order_id=CID, why="read timeout")
NOT_FOUND = OrderNotFound(client_order_id=CID)
REFUSED = OrderRejected(client_order_id=CID, reason="insufficient buying power")


@pytest.fixture
def ready(books: Books) -> Books:
    """The gate is open, one order is intended, and we hear what is published."""
    books.open_gate()
    books.intend()
    books.ledger.subscribe(books.news, ResendOrder)
    return books


def life(books: Books) -> Life:
    return books.order(CID).life


def resends(books: Books) -> list[ResendOrder]:
    return books.news.told.of(ResendOrder)


def test_an_unresolved_order_is_neither_here_nor_there(ready: Books) -> None:
    ready.tell(UNRESOLVED)
    assert life(ready) is Life.UNRESOLVED
    assert ready.trade().status is TradeStatus.PENDING
    assert ready.kinds(CID)[-1] == "order_unresolved"
    assert resends(ready) == []


def test_an_unresolved_order_keeps_its_symbol(ready: Books) -> None:
    ready.tell(UNRESOLVED)
    second = a_signal(signal_id="s-2")
    ready.record(second)
    answer = ready.plan(second)
    assert isinstance(answer, Declined)
    assert answer.verdict is not None
    assert answer.verdict.code == "duplicate_symbol"


def test_denied_within_its_time_it_is_sent_again_under_its_id(ready: Books) -> None:
    ready.tell(UNRESOLVED)
    ready.tell(NOT_FOUND)
    assert resends(ready) == [RESEND]
    planned = ready.plan_again(CID)
    assert isinstance(planned, Planned)
    assert planned.order.client_order_id == CID
    assert planned.order.notional == dec("100")
    assert len(ready.rows("SELECT 1 FROM bot_order")) == 1


def test_an_intent_that_was_never_answered_for_is_treated_alike(ready: Books) -> None:
    ready.tell(NOT_FOUND)
    assert resends(ready) == [RESEND]
    assert life(ready) is Life.INTENDED


def test_denied_past_its_time_it_is_not_sent_again_and_not_yet_given_up(ready: Books) -> None:
    ready.tell(UNRESOLVED)
    ready.clock.now = later(300)
    ready.tell(NOT_FOUND)
    assert resends(ready) == []
    assert life(ready) is Life.UNRESOLVED
    assert ready.plan_again(CID) == Declined(verdict=None)


def test_after_the_quarantine_it_is_a_missed_trade(ready: Books) -> None:
    ready.tell(UNRESOLVED)
    ready.tell(NOT_FOUND)
    ready.clock.now = later(599.9)
    ready.tell(NOT_FOUND)
    assert ready.trade().status is TradeStatus.PENDING
    ready.clock.now = later(600)
    ready.tell(NOT_FOUND)
    assert life(ready) is Life.LAPSED
    assert (ready.trade().status, ready.trade().exit_reason) == (TradeStatus.MISSED, "expired_unseen")
    assert "order_lapsed" in ready.kinds(CID)
    assert ready.unsettled().orders == ()


def test_one_late_denial_starts_the_quarantine_and_does_not_end_it(ready: Books) -> None:
    ready.tell(UNRESOLVED)
    ready.clock.now = later(9999)
    ready.tell(NOT_FOUND)
    assert life(ready) is Life.UNRESOLVED


def test_a_clock_that_jumps_does_not_shorten_the_quarantine(ready: Books) -> None:
    ready.tell(UNRESOLVED)
    ready.clock.now = later(301)
    ready.tell(NOT_FOUND)
    ready.clock.jump(3600)
    ready.tell(NOT_FOUND)
    assert life(ready) is Life.UNRESOLVED


def test_time_alone_gives_nothing_up(ready: Books) -> None:
    ready.tell(UNRESOLVED)
    ready.clock.now = later(99_999)
    ready.read()
    assert life(ready) is Life.UNRESOLVED
    assert [record.client_order_id for record in ready.unsettled().orders] == [CID]


def test_given_up_and_then_found_filled_it_is_an_open_position(ready: Books) -> None:
    ready.tell(UNRESOLVED)
    ready.tell(NOT_FOUND)
    ready.clock.now = later(600)
    ready.tell(NOT_FOUND)
    ready.hear(filled("10", "12.5", client_order_id=CID, broker_order_id=BROKER_ID))
    trade = ready.trade()
    assert (trade.status, trade.shares, trade.exit_reason) == (TradeStatus.OPEN, dec("10"), None)


def test_an_order_found_by_a_look_up_is_simply_there(ready: Books) -> None:
    ready.tell(UNRESOLVED)
    ready.tell(NOT_FOUND)
    ready.tell(OrdersUpdated(updates=(an_update(client_order_id=CID, broker_order_id=BROKER_ID),)))
    assert (life(ready), ready.trade().status) == (Life.WORKING, TradeStatus.OPEN)
    assert ready.order(CID).missing_since is None
    ready.tell(NOT_FOUND)
    assert life(ready) is Life.WORKING
    assert resends(ready) == [RESEND]


def test_a_denial_that_crossed_the_acceptance_on_the_way_is_ignored(ready: Books) -> None:
    ready.tell(OrderAccepted(update=taken(ready_ticket(ready))))
    ready.tell(NOT_FOUND)
    assert life(ready) is Life.WORKING
    assert resends(ready) == []


def ready_ticket(books: Books) -> OrderTicket:
    with books.store.unit() as unit:
        return unit.tickets([CID])[CID]


def test_a_denial_of_an_order_nobody_knows_changes_nothing(ready: Books) -> None:
    ready.tell(OrderNotFound(client_order_id="sf-lost"))
    assert resends(ready) == []


# --- refusals of a later POST ----------------------------------------------------------------------


def test_a_refusal_of_a_second_post_proves_nothing_of_the_first(ready: Books) -> None:
    ready.tell(UNRESOLVED, REFUSED)
    assert life(ready) is Life.UNRESOLVED
    assert ready.trade().status is TradeStatus.PENDING
    ready.hear(filled("10", "12.5", client_order_id=CID, broker_order_id=BROKER_ID))
    assert ready.trade().status is TradeStatus.OPEN


def test_after_a_refusal_of_a_second_post_no_further_one_leaves(ready: Books) -> None:
    ready.tell(UNRESOLVED, REFUSED)
    ready.tell(NOT_FOUND)
    assert resends(ready) == []
    assert ready.plan_again(CID) == Declined(verdict=None)


# --- may it leave again? ---------------------------------------------------------------------------


def test_the_gate_holds_a_resend_back(ready: Books) -> None:
    ready.tell(UNRESOLVED, StreamLost(generation=1, why="ping timeout"))
    assert ready.plan_again(CID) == Deferred(reason="the trading stream is down: ping timeout")


def test_a_halt_holds_a_resend_back(ready: Books) -> None:
    with ready.store.unit() as unit:
        unit.add_halt(scope="ACME", reason="the owner said so", by="owner", at=later(0))
    assert ready.plan_again(CID) == Deferred(reason="the owner said so")


@pytest.mark.parametrize("word", ["accepted", "refused", "filled"])
def test_an_order_that_was_answered_for_does_not_leave_again(ready: Books, word: str) -> None:
    words: dict[str, LedgerMail] = {
        "accepted": OrderAccepted(update=an_update(client_order_id=CID, broker_order_id=BROKER_ID)),
        "refused": REFUSED,
        "filled": OrdersUpdated(
            updates=(filled("10", "12", client_order_id=CID, broker_order_id=BROKER_ID),)
        ),
    }
    ready.tell(words[word])
    assert ready.plan_again(CID) == Declined(verdict=None)
    assert ready.plan_again(CID, never_sent=True) == Declined(verdict=None)


def test_an_order_nobody_knows_does_not_leave(ready: Books) -> None:
    assert ready.plan_again("sf-lost") == Declined(verdict=None)


def test_what_was_never_sent_lapses_at_once_when_its_time_is_over(ready: Books) -> None:
    ready.tell(OrderNotSent(client_order_id=CID, why="connection refused"))
    ready.clock.now = later(300)
    assert ready.plan_again(CID, never_sent=True) == Declined(verdict=None)
    assert life(ready) is Life.LAPSED
    assert (ready.trade().status, ready.trade().exit_reason) == (TradeStatus.MISSED, "expired_unseen")


def test_what_may_have_been_sent_does_not_lapse_when_its_time_is_over(ready: Books) -> None:
    ready.clock.now = later(300)
    assert ready.plan_again(CID, never_sent=False) == Declined(verdict=None)
    assert life(ready) is Life.INTENDED


def test_a_sender_that_knows_of_no_post_does_not_speak_for_another_that_made_one(ready: Books) -> None:
    # A try of the executor's waits for its time; meanwhile a resend of the same intent was POSTed and
    # its answer was lost. The first knows nothing of that.
    ready.tell(OrderNotSent(client_order_id=CID, why="rate limit"), UNRESOLVED)
    ready.clock.now = later(300)
    assert ready.plan_again(CID, never_sent=True) == Declined(verdict=None)
    assert life(ready) is Life.UNRESOLVED
    assert ready.trade().status is TradeStatus.PENDING


def test_a_snapshot_that_misses_an_intent_has_it_sent_again(ready: Books) -> None:
    ready.read(a_snapshot(missing=(CID,)))
    assert resends(ready) == [RESEND]
