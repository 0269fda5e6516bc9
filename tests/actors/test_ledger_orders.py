"""Orders in the books: what each word of the broker's, and its silence, makes of order and trade."""

from decimal import Decimal
from typing import Any

import pytest

from domain.messages import (
    LedgerMail,
    OrderAccepted,
    OrderNotSent,
    OrderRejected,
    OrdersUpdated,
    OrderUnresolved,
    PositionConfirmed,
)
from domain.orders import Life, OrderTicket, OrderUpdate
from domain.trades import TradeStatus
from persistence.queries import Queries
from tests.actors.books import Books
from tests.actors.doubles import taken
from tests.domain.builders import a_signal, an_execution, an_update, dec, ended, filled, later, partly


@pytest.fixture
def ready(books: Books) -> Books:
    books.open_gate()
    return books


def of(ticket: OrderTicket, update: OrderUpdate) -> OrderUpdate:
    """The update, said of this order."""
    names = {"client_order_id": ticket.client_order_id, "broker_order_id": "broker-" + ticket.client_order_id}
    return update.model_copy(update=names)


def confirmed(ticket: OrderTicket, at: str, qty: str | None) -> PositionConfirmed:
    return PositionConfirmed(
        client_order_id=ticket.client_order_id,
        filled_qty=dec(at),
        position_qty=None if qty is None else dec(qty),
        why="" if qty else "503",
    )


def stands(books: Books) -> tuple[TradeStatus, Decimal | None, Decimal | None, str | None]:
    trade = books.trade()
    return trade.status, trade.shares, trade.entry_price, trade.exit_reason


OPEN_10 = (TradeStatus.OPEN, dec("10"), dec("12.376"), None)
OPEN_4 = (TradeStatus.OPEN, dec("4"), dec("12.34"), None)


def test_an_accepted_order_opens_its_trade(ready: Books) -> None:
    ticket = ready.accept()
    assert stands(ready) == (TradeStatus.OPEN, None, None, None)
    assert ready.trade().alpaca_order_id == "broker-" + ticket.client_order_id
    assert ready.rows("SELECT attempts, last_outcome FROM bot_order") == [(1, "accepted")]
    assert ready.kinds(ticket.client_order_id) == ["order_intended", "order_heard"]


def test_a_fill_gives_shares_price_and_evidence(ready: Books) -> None:
    ticket = ready.accept()
    ready.hear(of(ticket, filled("10", "12.376", execution=an_execution(1, "10", "12.376"))))
    assert stands(ready) == OPEN_10
    assert ready.trade().entry_at == later(3)
    (row,) = Queries(ready.store).executions_of(ticket.client_order_id)
    assert (row.execution, row.source) == (an_execution(1, "10", "12.376"), "stream")


def test_a_fill_that_outruns_the_acceptance_is_not_lost(ready: Books) -> None:
    ticket = ready.intend()
    ready.hear(of(ticket, filled("10", "12.376")))
    assert stands(ready) == OPEN_10
    ready.tell(OrderAccepted(update=taken(ticket)))
    assert stands(ready) == OPEN_10
    assert ready.order(ticket.client_order_id).life is Life.DONE


@pytest.mark.parametrize("outcome", ["rejected", "unresolved", "not sent"])
def test_no_later_word_on_the_post_beats_the_fill(ready: Books, outcome: str) -> None:
    ticket = ready.intend()
    cid = ticket.client_order_id
    ready.hear(of(ticket, filled("10", "12.376")))
    words: dict[str, LedgerMail] = {
        "rejected": OrderRejected(client_order_id=cid, reason="client_order_id must be unique"),
        "unresolved": OrderUnresolved(client_order_id=cid, why="read timeout"),
        "not sent": OrderNotSent(client_order_id=cid, why="connection refused"),
    }
    ready.tell(words[outcome])
    assert stands(ready) == OPEN_10


def test_a_fill_said_twice_counts_once(ready: Books) -> None:
    ticket = ready.accept()
    fill = of(ticket, filled("10", "12.376", execution=an_execution(1, "10", "12.376")))
    ready.hear(fill, fill)
    ready.tell(OrdersUpdated(updates=(fill, fill)))
    assert stands(ready) == OPEN_10
    assert len(Queries(ready.store).executions_of(ticket.client_order_id)) == 1
    assert ready.kinds(ticket.client_order_id).count("order_heard") == 2


def test_a_partial_fill_then_the_rest(ready: Books) -> None:
    ticket = ready.accept()
    ready.hear(of(ticket, partly("4", "12.34", execution=an_execution(1, "4", "12.34"))))
    assert stands(ready) == OPEN_4
    ready.hear(of(ticket, filled("10", "12.376", execution=an_execution(2, "6", "12.4"))))
    assert stands(ready) == OPEN_10
    assert ready.trade().entry_at == later(2)
    assert len(Queries(ready.store).executions_of(ticket.client_order_id)) == 2


def test_both_fills_in_one_message_are_one_commit_with_the_evidence_of_both(ready: Books) -> None:
    ticket = ready.accept()
    words = (
        of(ticket, partly("4", "12.34", execution=an_execution(1, "4", "12.34"))),
        of(ticket, filled("10", "12.376", execution=an_execution(2, "6", "12.4"))),
    )
    ready.tell(OrdersUpdated(updates=words))
    assert stands(ready) == OPEN_10
    assert len(Queries(ready.store).executions_of(ticket.client_order_id)) == 2


@pytest.mark.parametrize("status", ["canceled", "expired", "done_for_day"])
def test_a_partial_fill_and_then_no_more_stays_an_open_position(ready: Books, status: str) -> None:
    ticket = ready.accept()
    ready.hear(of(ticket, partly("4", "12.34")), of(ticket, ended(status, "4")))
    assert stands(ready) == OPEN_4
    assert ready.order(ticket.client_order_id).life is Life.DONE


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("rejected", "alpaca_rejected"),
        ("canceled", "alpaca_canceled"),
        ("expired", "alpaca_expired"),
        ("done_for_day", "alpaca_expired"),
    ],
)
def test_an_order_that_ends_unfilled_is_a_missed_trade_and_frees_its_symbol(
    ready: Books, status: str, reason: str
) -> None:
    ticket = ready.accept()
    ready.hear(of(ticket, ended(status)))
    assert stands(ready) == (TradeStatus.MISSED, None, None, reason)
    assert ready.intend(a_signal(signal_id="s-2")).symbol == "ACME"


def test_a_refusal_at_placement_is_a_rejected_trade(ready: Books) -> None:
    ticket = ready.intend()
    ready.tell(OrderRejected(client_order_id=ticket.client_order_id, reason="insufficient buying power"))
    assert stands(ready) == (TradeStatus.REJECTED, None, None, "alpaca_refused")
    assert ready.rows("SELECT last_outcome FROM bot_order") == [("refused: insufficient buying power",)]
    assert ready.order(ticket.client_order_id).life is Life.REFUSED


def test_a_status_nobody_knows_keeps_the_order_open_and_asked_about(ready: Books) -> None:
    ticket = ready.accept()
    ready.hear(of(ticket, an_update(status="halfway", event="halfway", updated_at=later(9))))
    assert stands(ready) == (TradeStatus.OPEN, None, None, None)
    assert [record.status for record in ready.unsettled().orders] == ["halfway"]


def test_an_order_not_sent_stays_what_it_was(ready: Books) -> None:
    ticket = ready.intend()
    ready.tell(OrderNotSent(client_order_id=ticket.client_order_id, why="connection refused"))
    assert ready.order(ticket.client_order_id).life is Life.INTENDED
    assert stands(ready) == (TradeStatus.PENDING, None, None, None)
    assert ready.rows("SELECT attempts, last_outcome FROM bot_order") == [(1, "not sent: connection refused")]


# --- replaced ---------------------------------------------------------------------------------------

SUCCESSOR = {"client_order_id": "theirs", "broker_order_id": "broker-two"}


def test_a_replaced_order_is_followed_to_its_successor(ready: Books) -> None:
    ticket = ready.accept()
    old = "broker-" + ticket.client_order_id
    ready.hear(
        of(ticket, ended("replaced", replaced_by="broker-two")),
        an_update(**SUCCESSOR, replaces=old, updated_at=later(4)),
    )
    assert stands(ready) == (TradeStatus.OPEN, None, None, None)
    ready.hear(filled("10", "12.376", at=5, **SUCCESSOR, replaces=old))
    assert stands(ready) == OPEN_10
    assert ready.trade().alpaca_order_id == old
    assert ready.order("theirs").life is Life.DONE


def test_a_replaced_order_keeps_its_symbol_until_its_successor_is_heard(ready: Books) -> None:
    # Until then the broker has an order that buys; a second trade beside it would double the stake.
    ticket = ready.accept()
    ready.hear(of(ticket, ended("replaced", replaced_by="broker-two")))
    assert stands(ready)[0] is TradeStatus.OPEN


def test_what_an_order_bought_before_it_was_replaced_counts_too(ready: Books) -> None:
    ticket = ready.accept()
    old = "broker-" + ticket.client_order_id
    ready.tell(
        OrdersUpdated(
            updates=(
                of(ticket, partly("4", "12.34")),
                of(ticket, ended("replaced", "4", replaced_by="broker-two")),
                filled("6", "12.40", at=5, **SUCCESSOR, replaces=old),
            )
        )
    )
    assert stands(ready) == (TradeStatus.OPEN, dec("10"), dec("12.376"), None)


def test_a_confirmed_position_of_a_successor_is_not_counted_twice(ready: Books) -> None:
    ticket = ready.accept()
    old = "broker-" + ticket.client_order_id
    ready.hear(
        of(ticket, partly("4", "12.34")),
        of(ticket, ended("replaced", "4", replaced_by="broker-two")),
        partly("3", "12.40", at=5, **SUCCESSOR, replaces=old),
    )
    # The account holds what both orders bought.
    ready.tell(PositionConfirmed(client_order_id="theirs", filled_qty=dec("3"), position_qty=dec("7")))
    assert ready.trade().shares == dec("7")


# --- orders of others -------------------------------------------------------------------------------


def test_the_owners_own_orders_are_left_alone(ready: Books) -> None:
    ready.hear(filled("7", "1", client_order_id="by-hand", broker_order_id="broker-hand"))
    assert ready.trades() == []
    assert ready.rows("SELECT 1 FROM bot_order") == []
    assert ready.believed() == {"ACME": dec("7")}
    assert ready.halts() == []


@pytest.mark.parametrize("symbol", ["ACME", "OTHR"])
@pytest.mark.parametrize("ours_first", [True, False])
def test_the_owners_own_order_beside_the_first_word_on_ours_is_left_alone(
    ready: Books, symbol: str, ours_first: bool
) -> None:
    ticket = ready.intend()
    ours = of(ticket, filled("10", "12.376"))
    theirs = filled("7", "1", client_order_id="by-hand", broker_order_id="broker-hand", symbol=symbol)
    ready.tell(OrdersUpdated(updates=(ours, theirs) if ours_first else (theirs, ours)))
    assert stands(ready) == OPEN_10
    assert ready.rows("SELECT client_order_id FROM bot_order") == [(ticket.client_order_id,)]
    assert ready.rows("SELECT 1 FROM halt") == []


@pytest.mark.parametrize("wrong", [{"symbol": "OTHR"}, {"side": "sell"}])
def test_another_order_under_our_id_is_not_believed_and_halts_the_symbol(
    ready: Books, wrong: dict[str, Any]
) -> None:
    ticket = ready.intend()
    ready.hear(of(ticket, filled("10", "12.376", **wrong)))
    # The broker takes an id once, so ours is not there and can never be.
    assert stands(ready) == (TradeStatus.REJECTED, None, None, "alpaca_refused")
    assert ready.order(ticket.client_order_id).life is Life.REFUSED
    assert ready.halted() == ["ACME"]
    assert "order_collision" in ready.kinds(ticket.client_order_id)


def test_another_amount_under_our_id_is_another_order_too(ready: Books) -> None:
    ticket = ready.intend()
    ready.tell(OrderUnresolved(client_order_id=ticket.client_order_id, why="read timeout"))
    ready.hear(of(ticket, an_update(notional=dec("999"))))
    assert ready.order(ticket.client_order_id).life is Life.LAPSED
    assert ready.halted() == ["ACME"]


def test_the_order_that_was_found_under_our_id_is_told_once(ready: Books) -> None:
    ticket = ready.intend()
    wrong = of(ticket, an_update(symbol="OTHR"))
    ready.hear(wrong, wrong, wrong)
    assert ready.kinds(ticket.client_order_id).count("order_collision") == 1
    assert len(ready.halts()) == 1


# --- the position -----------------------------------------------------------------------------------


def test_the_confirmed_position_gives_the_shares_of_a_partial_fill(ready: Books) -> None:
    ticket = ready.accept()
    ready.hear(of(ticket, partly("4", "12.34")))
    ready.tell(confirmed(ticket, "4", "3.999"))
    assert stands(ready) == (TradeStatus.OPEN, dec("3.999"), dec("12.34"), None)


def test_a_position_that_could_not_be_read_leaves_the_brokers_own_count(ready: Books) -> None:
    ticket = ready.accept()
    ready.hear(of(ticket, partly("4", "12.34")))
    ready.tell(confirmed(ticket, "4", None))
    assert stands(ready) == OPEN_4
    assert ready.kinds(ticket.client_order_id)[-1] == "position_confirmed"


def test_a_late_confirmation_never_overwrites_the_newer_fill(ready: Books) -> None:
    ticket = ready.accept()
    ready.hear(of(ticket, partly("4", "12.34")), of(ticket, filled("10", "12.376")))
    ready.tell(confirmed(ticket, "4", "4"))
    assert stands(ready) == OPEN_10


def test_a_confirmation_is_overtaken_by_the_next_fill(ready: Books) -> None:
    ticket = ready.accept()
    ready.hear(of(ticket, partly("4", "12.34")))
    ready.tell(confirmed(ticket, "4", "3.999"))
    ready.hear(of(ticket, filled("10", "12.376")))
    assert stands(ready) == OPEN_10


def test_shares_the_account_held_before_are_not_taken_for_ours(ready: Books) -> None:
    with ready.store.unit() as unit:
        unit.set_positions({"ACME": dec("100")}, at=later(0))
    ticket = ready.accept()
    ready.hear(of(ticket, partly("4", "12.34")))
    ready.tell(confirmed(ticket, "4", "103.5"))
    assert ready.trade().shares == dec("3.5")


def test_a_confirmation_for_an_order_nobody_knows_changes_nothing(ready: Books) -> None:
    ready.tell(PositionConfirmed(client_order_id="sf-lost", filled_qty=dec("1"), position_qty=dec("1")))
    assert ready.trades() == []


def test_the_position_the_stream_tells_of_is_kept(ready: Books) -> None:
    ticket = ready.accept()
    ready.hear(of(ticket, filled("10", "12.376", position_qty=dec("110"))))
    with ready.store.unit() as unit:
        assert unit.positions() == {"ACME": dec("110")}
