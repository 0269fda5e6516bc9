"""Words of the broker that only a person can judge halt a symbol, or everything."""

from typing import Any

import pytest

from domain.messages import AuditNow
from domain.orders import Life, OrderUpdate
from domain.reconcile import Snapshot
from tests.actors.books import Books, id_of
from tests.domain.builders import (
    a_position,
    a_signal,
    a_snapshot,
    an_update,
    dec,
    ended,
    filled,
    later,
    partly,
)

CID = id_of(a_signal())
BROKER_ID = "broker-" + CID
LOST = "sf-lostlostlostlostlostlostlo"
NAMES: dict[str, Any] = {"client_order_id": CID, "broker_order_id": BROKER_ID}


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


def test_an_order_that_the_broker_twice_does_not_know_any_more_halts_everything(ready: Books) -> None:
    ready.accept()
    ready.read(a_snapshot(missing=(CID,)))
    assert ready.halted() == []
    assert audits(ready)[-1].quiet
    ready.read(a_snapshot(missing=(CID,)))
    assert ready.halted() == ["all"]
    assert ready.order(CID).life is Life.WORKING


def test_an_order_that_was_only_slow_to_be_found_halts_nothing(ready: Books) -> None:
    ready.accept()
    for read in (a_snapshot(missing=(CID,)), a_snapshot(), a_snapshot(missing=(CID,))):
        ready.read(read)
    assert ready.halted() == []


def test_an_order_with_our_mark_that_the_ledger_lacks_halts_everything(ready: Books) -> None:
    ready.hear(partly("3", "12", client_order_id=LOST, broker_order_id="broker-lost"))
    assert ready.halted() == ["all"]
    assert ready.kinds("broker-lost") == ["order_external"]
    assert ready.rows("SELECT 1 FROM bot_order") == []
    assert ready.believed() == {"ACME": dec("3")}


def test_after_it_was_cleared_the_lost_order_does_not_halt_again(ready: Books) -> None:
    lost: dict[str, Any] = {"client_order_id": LOST, "broker_order_id": "broker-lost"}
    ready.hear(partly("3", "12", **lost))
    ready.clear("all")
    ready.read(holding("5", filled("5", "12", **lost)))
    assert ready.halts() == []


@pytest.mark.parametrize("event", ["trade_bust", "trade_correct"])
def test_an_execution_that_is_taken_back_halts_the_symbol_and_has_the_account_read(
    ready: Books, event: str
) -> None:
    ready.accept()
    ready.hear(filled("10", "12", **NAMES))
    ready.hear(an_update(status="filled", event=event, filled_qty=dec("10"), updated_at=later(9), **NAMES))
    assert ready.halted() == ["ACME"]
    assert len(audits(ready)) == 1
    assert ready.believed() == {"ACME": dec("10")}


def test_shares_that_fall_halt_the_symbol_and_stay_in_the_books(ready: Books) -> None:
    ready.accept()
    ready.hear(filled("10", "12", **NAMES), filled("6", "12", at=9, **NAMES))
    assert ready.halted() == ["ACME"]
    assert ready.believed() == {"ACME": dec("10")}


def test_shares_that_only_seem_to_fall_because_words_crossed_halt_nothing(ready: Books) -> None:
    ready.accept()
    ready.hear(filled("10", "12", **NAMES), partly("4", "12", **NAMES), an_update(**NAMES))
    assert ready.halts() == []


def test_more_shares_than_were_ordered_halt_the_symbol(ready: Books) -> None:
    ready.accept()
    two: dict[str, Any] = {"client_order_id": "b", "broker_order_id": "broker-two", "qty": dec("5")}
    ready.hear(ended("replaced", replaced_by="broker-two", **NAMES))
    ready.hear(an_update(replaces=BROKER_ID, **two))
    ready.hear(filled("5", "12", **two))
    assert ready.halts() == []
    ready.hear(filled("6", "12", at=9, **two))
    assert ready.halted() == ["ACME"]


def test_a_status_nobody_knows_has_the_account_read_and_halts_when_it_is_said_again(ready: Books) -> None:
    ready.accept()
    strange = an_update(status="halfway", updated_at=later(9), **NAMES)
    ready.hear(strange)
    assert (ready.halts(), len(audits(ready))) == ([], 1)
    ready.read(a_snapshot(strange))
    assert ready.halted() == ["ACME"]
    ready.read(a_snapshot(strange))
    ready.read(a_snapshot(strange))
    assert len(audits(ready)) == 1
    assert len(ready.halts()) == 1


def test_a_status_nobody_knows_that_passes_halts_nothing(ready: Books) -> None:
    ready.accept()
    ready.hear(an_update(status="halfway", updated_at=later(9), **NAMES))
    ready.read(holding("10", filled("10", "12", at=12, **NAMES)))
    assert ready.halts() == []
