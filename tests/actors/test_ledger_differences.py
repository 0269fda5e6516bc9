"""The account holds something else than the books explain: read again, explained, or halted."""

from typing import Any

import pytest

from domain.messages import AuditNow, StreamOpened
from domain.orders import OrderUpdate
from domain.reconcile import BrokerPosition, CorporateAction, Snapshot
from tests.actors.books import Books, id_of
from tests.domain.builders import (
    a_position,
    a_signal,
    a_snapshot,
    dec,
    filled,
    partly,
)

CID = id_of(a_signal())
BROKER_ID = "broker-" + CID
NAMES: dict[str, Any] = {"client_order_id": CID, "broker_order_id": BROKER_ID}
HAND: dict[str, Any] = {"client_order_id": "by-hand", "broker_order_id": "broker-hand"}
QUIET = 3
"""So many times a difference is read again."""


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


def test_a_position_beside_an_event_that_the_books_do_not_explain_has_the_account_read(ready: Books) -> None:
    ready.accept()
    ready.hear(filled("10", "12", position_qty=dec("11"), **NAMES))
    (audit,) = audits(ready)
    assert (audit.quiet, "ACME" in audit.why) == (True, True)
    assert ready.halts() == []


def test_a_position_beside_an_event_that_the_books_explain_has_nothing_read(ready: Books) -> None:
    ready.accept()
    ready.hear(filled("10", "12", position_qty=dec("10"), **NAMES))
    assert audits(ready) == []


def test_events_out_of_order_are_compared_with_their_own_positions_at_most_once(ready: Books) -> None:
    ready.accept()
    ready.hear(
        filled("10", "12", position_qty=dec("10"), **NAMES),
        partly("4", "12", position_qty=dec("4"), **NAMES),
    )
    assert audits(ready) == []
    assert ready.believed() == {"ACME": dec("10")}


def test_before_the_books_are_opened_no_event_is_suspicious(books: Books) -> None:
    books.ledger.subscribe(books.news, AuditNow)
    books.hear(filled("10", "12", position_qty=dec("500"), **HAND))
    assert audits(books) == []


def differ(books: Books, times: int, read: Snapshot | None = None) -> None:
    for _ in range(times):
        books.read(read or holding("5"))


def test_a_difference_is_read_again_three_times_before_it_halts_its_symbol(ready: Books) -> None:
    for again in range(1, QUIET + 1):
        differ(ready, 1)
        assert len(audits(ready)) == again
        assert ready.halts() == []
    differ(ready, 1)
    ((scope, reason),) = ready.halts()
    assert scope == "ACME"
    assert "holds 5 shares, the books explain 0" in reason
    assert ready.believed() == {}


def test_a_difference_that_has_halted_asks_for_no_further_reads_and_halts_once(ready: Books) -> None:
    differ(ready, QUIET + 10)
    assert len(audits(ready)) == QUIET
    assert len(ready.halts()) == 1


def test_a_difference_that_passes_by_itself_halts_nothing(ready: Books) -> None:
    differ(ready, QUIET)
    ready.read()
    differ(ready, QUIET)
    assert ready.halts() == []


def test_a_difference_that_keeps_changing_is_not_taken_for_one_that_stands(ready: Books) -> None:
    for number in range(10):
        ready.read(holding(str(1 + number % 2)))
    assert ready.halts() == []


def test_a_difference_that_becomes_another_is_counted_from_the_start(ready: Books) -> None:
    differ(ready, QUIET)
    for _ in range(QUIET):
        ready.read(holding("6"))
    assert ready.halts() == []
    ready.read(holding("6"))
    assert ready.halted() == ["ACME"]


def test_a_difference_whose_two_sides_move_together_is_counted_from_the_start_too(ready: Books) -> None:
    differ(ready, QUIET)
    ready.accept()
    ready.hear(filled("10", "12", **NAMES))
    for _ in range(QUIET):
        ready.read(holding("15"))
    assert ready.halts() == []


def test_a_position_that_is_gone_differs_as_much_as_one_that_is_new(ready: Books) -> None:
    ready.accept()
    ready.hear(filled("10", "12", **NAMES))
    differ(ready, QUIET + 1, a_snapshot())
    assert ready.halted() == ["ACME"]
    assert ready.believed() == {"ACME": dec("10")}


def test_two_symbols_differ_each_for_itself(ready: Books) -> None:
    both: tuple[BrokerPosition, ...] = (a_position("ACME", "5"), a_position("OTHR", "1"))
    differ(ready, 2, a_snapshot(positions=both[:1]))
    differ(ready, 2, a_snapshot(positions=both))
    assert ready.halted() == ["ACME"]
    differ(ready, 2, a_snapshot(positions=both))
    assert ready.halted() == ["ACME", "OTHR"]


def a_split(qty: str, number: int = 1, symbol: str = "ACME") -> CorporateAction:
    return CorporateAction(activity_id=f"split-{number}", kind="SPLIT", symbol=symbol, qty=dec(qty))


def test_a_split_explains_a_difference_that_stood(ready: Books) -> None:
    ready.accept()
    ready.hear(filled("10", "12", **NAMES))
    differ(ready, QUIET + 1, holding("20", actions=(a_split("10"),)))
    assert ready.halts() == []
    assert ready.believed() == {"ACME": dec("20")}
    assert ready.rows("SELECT qty, reason, evidence FROM adjustment") == [("10", "SPLIT", "split-1")]
    differ(ready, QUIET + 1, holding("20", actions=(a_split("10"),)))
    assert ready.believed() == {"ACME": dec("20")}


def test_a_split_explains_one_difference_only(ready: Books) -> None:
    differ(ready, QUIET + 1, holding("5", actions=(a_split("5"),)))
    differ(ready, QUIET + 1, holding("9", actions=(a_split("5"),)))
    assert ready.halted() == ["ACME"]
    assert ready.believed() == {"ACME": dec("5")}


def test_a_split_that_is_told_as_shares_out_and_shares_in_explains_their_difference(ready: Books) -> None:
    actions = (a_split("-5", 1), a_split("10", 2))
    differ(ready, QUIET + 1, holding("5", actions=actions))
    assert (ready.halts(), ready.believed()) == ([], {"ACME": dec("5")})


def test_a_split_of_another_size_explains_nothing(ready: Books) -> None:
    differ(ready, QUIET + 1, holding("5", actions=(a_split("4"),)))
    assert ready.halted() == ["ACME"]
    assert ready.believed() == {}


def test_a_split_before_the_books_were_opened_explains_nothing_after(books: Books) -> None:
    books.tell(StreamOpened(generation=1))
    books.read(holding("10", actions=(a_split("-3"),)))
    differ(books, QUIET + 1, holding("7", actions=(a_split("-3"),)))
    assert books.halted() == ["ACME"]


def test_a_split_of_another_symbol_explains_nothing(ready: Books) -> None:
    differ(ready, QUIET + 1, holding("5", actions=(a_split("5", symbol="OTHR"),)))
    assert ready.halted() == ["ACME"]


def test_a_read_that_follows_the_last_one_at_once_does_not_count(ready: Books) -> None:
    differ(ready, QUIET)
    for _ in range(5):
        ready.clock.move(-5)  # the read itself moves it on
        differ(ready, 1)
    assert ready.halted() == []
    differ(ready, 1)
    assert ready.halted() == ["ACME"]


def test_nothing_halts_before_it_was_asked_whether_a_corporate_action_explains_it(ready: Books) -> None:
    differ(ready, QUIET + 3, holding("7", explained=False))
    assert ready.halted() == []
    assert audits(ready)[-1].quiet
    differ(ready, 1, holding("7"))
    assert ready.halted() == ["ACME"]


def test_a_fleeting_difference_does_not_use_up_the_split(ready: Books) -> None:
    differ(ready, QUIET, holding("5", actions=(a_split("5"),)))
    assert ready.believed() == {}
    assert ready.rows("SELECT 1 FROM adjustment") == []
