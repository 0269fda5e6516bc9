"""Full reads of the account against the books: whose shares are whose, and what nobody can explain."""

from datetime import timedelta
from typing import Any

import pytest

from domain.gate import ClockReading
from domain.messages import (
    AuditNow,
    BrokerSnapshot,
    ListUnsettled,
    OrdersUpdated,
    PositionConfirmed,
    StreamOpened,
    Unsettled,
)
from domain.orders import Life, OrderTicket, OrderUpdate
from domain.reconcile import FillActivity, Snapshot
from persistence.queries import Queries
from tests.actors.books import Books, id_of
from tests.actors.doubles import PATIENCE_S, taken
from tests.domain.builders import (
    a_position,
    a_signal,
    a_snapshot,
    an_execution,
    an_update,
    dec,
    ended,
    filled,
    later,
    partly,
)

CID = id_of(a_signal())
BROKER_ID = "broker-" + CID
NAMES: dict[str, Any] = {"client_order_id": CID, "broker_order_id": BROKER_ID}
HAND: dict[str, Any] = {"client_order_id": "by-hand", "broker_order_id": "broker-hand"}


@pytest.fixture
def ready(books: Books) -> Books:
    """The gate is open, the books are opened on an empty account, and we hear of audits."""
    books.open_gate()
    books.ledger.subscribe(books.news, AuditNow)
    books.settle()
    return books


def holding(qty: str, *orders: OrderUpdate, symbol: str = "ACME", **changes: Any) -> Snapshot:
    return a_snapshot(*orders, positions=(a_position(symbol, qty),), **changes)


def audits(books: Books) -> list[AuditNow]:
    return books.news.told.of(AuditNow)


def a_fill(qty: str, cum: str, *, order: str = BROKER_ID, number: int = 1, side: str = "buy") -> FillActivity:
    return FillActivity(
        activity_id=f"activity-{number}",
        broker_order_id=order,
        symbol="ACME",
        side=side,
        qty=dec(qty),
        price=dec("12"),
        cum_qty=dec(cum),
        at=later(5),
    )


# --- the books are opened ---------------------------------------------------------------------------


def test_what_the_account_held_before_is_the_opening(books: Books) -> None:
    books.tell(StreamOpened(generation=1))
    books.read(a_snapshot(positions=(a_position("ACME", "100"), a_position("SHRT", "-5"))))
    assert books.believed() == {"ACME": dec("100"), "SHRT": dec("-5")}
    assert books.rows("SELECT symbol, opening FROM holding ORDER BY symbol") == [
        ("ACME", "100"),
        ("SHRT", "-5"),
    ]
    assert books.halts() == []


def test_the_books_are_opened_once(ready: Books) -> None:
    ready.read(holding("5"))
    assert ready.believed() == {}
    assert ready.kinds().count("books_opened") == 1


def test_a_restart_goes_on_with_the_books_as_they_are(ready: Books) -> None:
    ready.accept()
    ready.hear(filled("10", "12", **NAMES))
    ready.restart()
    ready.open_gate(2)
    assert ready.believed() == {"ACME": dec("10")}
    assert ready.kinds().count("books_opened") == 1


def test_an_open_order_of_the_owners_is_part_of_the_opening_as_far_as_it_is_filled(books: Books) -> None:
    books.read(holding("104", partly("4", "12", **HAND)))
    assert books.believed() == {"ACME": dec("104")}
    books.read(holding("107", filled("7", "12", **HAND)))
    assert books.believed() == {"ACME": dec("107")}


def test_an_order_that_was_done_just_before_the_opening_and_is_told_again_counts_once(books: Books) -> None:
    done = filled("7", "12", **HAND)
    books.read(holding("7", done))
    books.hear(done)  # the stream's word on it was late
    books.read(holding("7", done))  # the next read begins a little before the first
    assert books.believed() == {"ACME": dec("7")}


def test_what_the_owner_did_long_ago_is_not_kept_order_by_order(books: Books) -> None:
    long_ago = filled("7", "12", at=-100_000, **HAND)
    books.read(holding("7", long_ago))
    assert books.rows("SELECT 1 FROM external_order") == []
    assert books.believed() == {"ACME": dec("7")}


def test_orders_that_an_earlier_ledger_sent_halt_everything_at_the_opening(books: Books) -> None:
    books.read(holding("7", filled("7", "12", at=-100_000, client_order_id="sf-lostlostlostlostlostlostlo")))
    assert books.halted() == ["all"]
    assert books.believed() == {"ACME": dec("7")}


def test_fills_that_are_older_than_the_holdings_are_not_counted_into_the_opening(books: Books) -> None:
    # A ledger of an earlier version has orders and no holdings.
    books.open_gate()
    books.accept()
    books.hear(filled("10", "12", **NAMES))
    with books.store.unit() as unit:
        unit._cursor.execute("DELETE FROM holding")
        unit._cursor.execute("DELETE FROM ledger_meta WHERE key = 'books_opened_at'")
    books.restart()
    books.read(holding("15"))
    assert books.believed() == {"ACME": dec("15")}
    assert books.rows("SELECT opening FROM holding") == [("5",)]


# --- our fills, and others' -------------------------------------------------------------------------


def test_our_fills_move_what_we_believe(ready: Books) -> None:
    ready.accept()
    ready.hear(partly("4", "12", **NAMES))
    assert ready.believed() == {"ACME": dec("4")}
    ready.hear(filled("10", "12", **NAMES))
    assert ready.believed() == {"ACME": dec("10")}
    ready.read(holding("10", filled("10", "12", **NAMES)))
    assert (ready.halts(), audits(ready)) == ([], [])


def test_what_the_owner_sells_by_hand_is_explained_and_halts_nothing(ready: Books) -> None:
    ready.accept()
    ready.hear(filled("10", "12", **NAMES), filled("6", "13", side="sell", **HAND))
    assert ready.believed() == {"ACME": dec("4")}
    ready.read(holding("4"))
    assert (ready.halts(), audits(ready)) == ([], [])
    assert ready.rows("SELECT client_order_id, done FROM external_order") == [("by-hand", 1)]


def test_what_the_owner_did_while_the_stream_was_down_is_found_by_the_next_read(ready: Books) -> None:
    ready.read(holding("7", filled("7", "12", **HAND)))
    assert ready.believed() == {"ACME": dec("7")}
    assert (ready.halts(), audits(ready)) == ([], [])


def test_a_fill_of_an_old_order_of_the_owners_is_found_in_the_accounts_history(ready: Books) -> None:
    # Placed long ago, open since, filled while the stream was down: no list of orders shows it any more.
    ready.hear(an_update(**HAND))
    fills = (a_fill("3", "3", order="broker-hand"), a_fill("4", "7", order="broker-hand", number=2))
    ready.read(holding("7", fills=fills))
    ready.read(holding("7", fills=fills))
    assert ready.believed() == {"ACME": dec("7")}
    assert audits(ready) == []


def test_a_late_fill_of_our_done_order_is_found_in_the_accounts_history(ready: Books) -> None:
    ready.accept()
    ready.hear(ended("canceled", "4", **NAMES))
    ready.read(holding("6", fills=(a_fill("4", "4"), a_fill("2", "6", number=2))))
    assert ready.believed() == {"ACME": dec("6")}
    assert (ready.trade().shares, ready.order(CID).life) == (dec("6"), Life.DONE)
    assert audits(ready) == []


def test_the_accounts_history_takes_the_place_of_what_was_only_inferred(ready: Books) -> None:
    ready.accept()
    ready.read(holding("10", filled("10", "12", event=None, **NAMES)))
    (inferred,) = Queries(ready.store).executions_of(CID)
    assert inferred.source == "inferred"
    ready.read(holding("10", filled("10", "12", event=None, **NAMES), fills=(a_fill("10", "10"),)))
    (told,) = Queries(ready.store).executions_of(CID)
    assert (told.source, told.execution.execution_id) == ("activity", "activity:activity-1")


def test_the_matches_of_the_history_take_the_place_of_one_that_was_inferred_for_all(ready: Books) -> None:
    ready.accept()
    read = holding("10", filled("10", "12", event=None, **NAMES))
    ready.read(read)
    ready.read(read.having({"fills": (a_fill("4", "4"), a_fill("6", "10", number=2))}))
    rows = Queries(ready.store).executions_of(CID)
    assert [(row.source, row.execution.qty) for row in rows] == [
        ("activity", dec("4")),
        ("activity", dec("6")),
    ]


def test_a_fill_that_only_a_look_up_showed_gets_its_execution_from_the_history(ready: Books) -> None:
    ready.accept()
    ready.hear(filled("10", "12", event=None, **NAMES))
    assert Queries(ready.store).executions_of(CID) == ()
    ready.read(holding("10", fills=(a_fill("10", "10"),)))
    (row,) = Queries(ready.store).executions_of(CID)
    assert (row.source, row.execution.qty) == ("activity", dec("10"))


def test_a_position_that_was_read_too_early_does_not_outlast_a_read_that_agrees(ready: Books) -> None:
    ready.accept()
    ready.hear(partly("4", "12", **NAMES))
    ready.tell(PositionConfirmed(client_order_id=CID, filled_qty=dec("4"), position_qty=dec("3")))
    assert ready.trade().shares == dec("3")
    ready.read(holding("4", partly("4", "12", event=None, **NAMES)))
    assert ready.trade().shares == dec("4")


def test_a_strangers_order_that_turns_out_to_have_replaced_ours_counts_once(ready: Books) -> None:
    ready.accept()
    successor: dict[str, Any] = {"client_order_id": "theirs", "broker_order_id": "broker-two"}
    ready.hear(ended("replaced", "4", replaced_by="broker-two", **NAMES))
    ready.hear(partly("3", "12", **successor))  # the stream does not say what it replaced
    assert ready.rows("SELECT broker_order_id FROM external_order") == [("broker-two",)]
    assert ready.believed() == {"ACME": dec("7")}
    ready.read(holding("7", partly("3", "12", replaces=BROKER_ID, **successor)))
    assert ready.rows("SELECT broker_order_id FROM external_order") == []
    assert ready.believed() == {"ACME": dec("7")}
    ready.hear(filled("6", "12", **successor))
    assert ready.believed() == {"ACME": dec("10")}
    assert ready.trade().shares == dec("10")


@pytest.mark.parametrize("word", ["a look-up", "a read of the account"])
def test_an_order_that_an_older_copy_of_the_ledger_had_lost_and_plans_again_counts_once(
    ready: Books, word: str
) -> None:
    lost = filled("10", "12", **NAMES)
    ready.hear(lost)
    assert ready.believed() == {"ACME": dec("10")}
    ready.clear("all")
    ready.intend()  # its signal is delivered again; the broker refuses the id as taken, and it is looked up
    if word == "a look-up":
        ready.hear(lost.having({"event": None}))
    else:
        ready.read(holding("10", lost.having({"event": None})))
    assert ready.believed() == {"ACME": dec("10")}
    assert ready.rows("SELECT 1 FROM external_order") == []
    assert (ready.trade().shares, ready.halts()) == (dec("10"), [])


def test_a_chain_of_replacements_within_one_read_is_ours_altogether(ready: Books) -> None:
    ready.accept()
    third = filled("3", "12", client_order_id="c", broker_order_id="broker-three", replaces="broker-two")
    second = ended("replaced", "2", client_order_id="b", broker_order_id="broker-two", replaces=BROKER_ID)
    first = ended("replaced", "1", replaced_by="broker-two", **NAMES)
    ready.read(holding("6", third, second, first))
    assert ready.believed() == {"ACME": dec("6")}
    assert ready.trade().shares == dec("6")
    assert ready.rows("SELECT 1 FROM external_order") == []


# --- the watermark, and the gate --------------------------------------------------------------------


def test_the_next_read_is_told_since_when(ready: Books) -> None:
    assert ready.unsettled().watermark == later(10)
    ready.read(a_snapshot(taken_at=later(40)))
    assert ready.unsettled().watermark == later(40)


def test_before_the_first_read_there_is_no_watermark(books: Books) -> None:
    assert books.unsettled().watermark is None


def test_the_watermark_survives_a_restart(ready: Books) -> None:
    ready.restart()
    assert ready.unsettled().watermark == later(10)


@pytest.mark.parametrize("ahead", [3600, -3600])
def test_the_watermark_is_by_the_brokers_clock(ready: Books, ahead: float) -> None:
    wrong = ClockReading(
        ahead=timedelta(seconds=ahead), at=later(10 + ahead), monotonic=ready.clock.monotonic()
    )
    ready.read(a_snapshot(taken_at=later(10 + ahead), clock=wrong))
    assert ready.unsettled().watermark == later(10)


def test_only_the_order_that_is_asked_about_is_told_with_the_watermark(ready: Books) -> None:
    ready.intend()
    ready.intend(a_signal(signal_id="s-2", symbol="OTHR"))
    answer = ready.ledger.ask(ListUnsettled(client_order_id=CID), Unsettled, timeout=PATIENCE_S)
    assert [record.client_order_id for record in answer.orders] == [CID]
    assert answer.watermark == later(10)


def test_a_read_that_is_old_by_the_time_it_is_booked_does_not_count_as_new(ready: Books) -> None:
    old = ClockReading(ahead=timedelta(), at=ready.clock.now, monotonic=ready.clock.monotonic())
    ready.clock.move(91)
    ready.read(a_snapshot(clock=old))
    ready.record(a_signal())
    assert "for more than 90 s" in getattr(ready.plan(a_signal()), "reason", "")


# --- every word, in any order -----------------------------------------------------------------------


def ticket_words(ticket: OrderTicket) -> tuple[OrderUpdate, ...]:
    """What the broker says of an order that is filled in three steps."""
    steps = [("2", "2", 1), ("5", "3", 2), ("9", "4", 3)]
    words = [
        partly(
            cum, "12", at=number + 1, execution=an_execution(number, qty, "12"), position_qty=dec(cum)
        ).having({"client_order_id": CID, "broker_order_id": BROKER_ID})
        for cum, qty, number in steps
    ]
    words[-1] = words[-1].having({"status": "filled", "event": "fill"})
    return (taken(ticket), *words)


def test_both_ways_of_hearing_of_one_fill_count_it_once(ready: Books) -> None:
    words = ticket_words(ready.accept())
    ready.tell(OrdersUpdated(updates=(words[1], words[3])))
    ready.tell(BrokerSnapshot(generation=1, snapshot=holding("9", words[3].having({"event": None}))))
    ready.tell(OrdersUpdated(updates=(words[2],)))
    assert ready.believed() == {"ACME": dec("9")}
