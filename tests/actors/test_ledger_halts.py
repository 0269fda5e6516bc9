"""Halts: raised by a rule, a person or a file; cleared by a person only; standing in database and file."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from domain.messages import (
    AuditNow,
    CancelOrder,
    Declined,
    KeysRefused,
    LookUpFailed,
    OrderNotFound,
    OrderUnresolved,
    Planned,
)
from domain.orders import Life
from domain.rules import Deferred
from domain.trades import TradeStatus
from tests.actors.books import Books, id_of
from tests.actors.doubles import PATIENCE_S
from tests.domain.builders import a_position, a_signal, a_snapshot, an_update, dec, filled, later

CID = id_of(a_signal())
NAMES: dict[str, Any] = {"client_order_id": CID, "broker_order_id": "broker-" + CID}
UNRESOLVED = OrderUnresolved(client_order_id=CID, why="read timeout")
FAILED = LookUpFailed(client_order_id=CID, why="503")


@pytest.fixture
def ready(books: Books) -> Books:
    books.open_gate()
    return books


def on_file(books: Books) -> list[tuple[str, str]]:
    """Scope and reason of each halt in the file, as any other program reads it."""
    if not books.halt_path.exists():
        return []
    halts = json.loads(books.halt_path.read_text())["halts"]
    return [(halt["scope"], halt["reason"]) for halt in halts]


# --- a person ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["all", "ACME"])
def test_a_halt_keeps_new_orders_back_until_it_is_cleared(ready: Books, scope: str) -> None:
    answer = ready.halt(scope, "I say so")
    assert answer.changed == 1
    assert [(halt.scope, halt.reason, halt.by) for halt in answer.standing] == [(scope, "I say so", "owner")]
    ready.record(a_signal())
    declined = ready.plan(a_signal())
    assert not isinstance(declined, Planned)
    assert ready.clear(scope).changed == 1
    second = a_signal(signal_id="s-2")
    ready.record(second)
    assert isinstance(ready.plan(second), Planned)


def test_a_halt_of_one_symbol_leaves_the_others_alone(ready: Books) -> None:
    ready.halt("OTHR")
    assert ready.intend().symbol == "ACME"


def test_the_same_halt_twice_is_one(ready: Books) -> None:
    ready.halt("ACME")
    assert ready.halt("ACME").changed == 0
    assert len(ready.halts()) == len(on_file(ready)) == 1


def test_clearing_lifts_exactly_its_scope(ready: Books) -> None:
    ready.halt("all", "one")
    ready.halt("ACME", "two")
    ready.halt("ACME", "three")
    answer = ready.clear("ACME")
    assert (answer.changed, [halt.reason for halt in answer.standing]) == (2, ["one"])
    assert ready.halts() == on_file(ready) == [("all", "one")]


def test_clearing_what_does_not_stand_changes_nothing(ready: Books) -> None:
    assert ready.clear("ACME").changed == 0


def test_a_halt_leaves_open_orders_as_they_are(ready: Books) -> None:
    ready.ledger.subscribe(ready.news, CancelOrder)
    ready.accept()
    ready.halt("all")
    assert ready.news.told.all() == []
    ready.hear(filled("10", "12", **NAMES))
    assert ready.trade().shares == dec("10")


# --- database and file ------------------------------------------------------------------------------


def test_a_halt_stands_in_the_database_and_in_the_file_by_the_time_it_is_answered(ready: Books) -> None:
    ready.halt("ACME", "I say so")
    assert ready.halts() == on_file(ready) == [("ACME", "I say so")]


def test_a_halt_that_a_rule_raised_is_on_file_too(ready: Books) -> None:
    ready.accept()
    ready.read(a_snapshot(missing=(CID,)))
    ready.read(a_snapshot(missing=(CID,)))
    assert [scope for scope, _ in on_file(ready)] == ["all"]


def test_a_cleared_halt_leaves_nothing_behind(ready: Books) -> None:
    ready.halt("ACME")
    ready.clear("ACME")
    ready.tick()
    ready.tick()
    assert (ready.halts(), ready.halt_path.exists()) == ([], False)


def test_a_halt_survives_a_restart(ready: Books) -> None:
    ready.halt("ACME", "I say so")
    ready.restart()
    assert ready.halts() == on_file(ready) == [("ACME", "I say so")]


def test_a_file_that_was_removed_by_hand_lifts_nothing(ready: Books) -> None:
    ready.halt("ACME", "I say so")
    ready.halt_path.unlink()
    ready.tick()
    ready.restart()
    assert ready.halts() == on_file(ready) == [("ACME", "I say so")]


def test_an_older_copy_of_the_database_does_not_lift_a_halt(ready: Books, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    source, target = sqlite3.connect(ready.store.path), sqlite3.connect(copy)
    source.backup(target)
    source.close()
    target.close()
    ready.halt("ACME", "I say so")
    ready.ledger.stop(timeout=PATIENCE_S)
    shutil.copy(ready.halt_path, tmp_path / "HALT-of-the-copy")
    (tmp_path / "older").mkdir()
    shutil.copy(copy, tmp_path / "older" / "ledger.sqlite3")
    shutil.copy(ready.halt_path, tmp_path / "older" / "HALT")
    older = Books(tmp_path / "older", ready.stage, ready.clock)
    assert older.halts() == [("ACME", "I say so")]
    older.ledger.stop(timeout=PATIENCE_S)
    older.close()


def test_a_file_written_by_hand_halts_at_once_and_is_taken_over_by_the_next_tick(ready: Books) -> None:
    ready.halt_path.write_text("I have seen something odd")
    ready.record(a_signal())
    answer = ready.plan(a_signal())
    assert not isinstance(answer, Planned)
    assert ready.halts() == []
    ready.tick()
    ((scope, reason),) = ready.halts()
    assert scope == "all"
    assert "I have seen something odd" in reason
    ready.clear("all")
    ready.tick()
    assert (ready.halts(), ready.halt_path.exists()) == ([], False)


def test_a_file_written_by_hand_and_cleared_before_the_next_tick_is_gone(ready: Books) -> None:
    ready.halt_path.touch()
    assert ready.clear("all").changed == 1
    ready.tick()
    assert (ready.halts(), ready.halt_path.exists()) == ([], False)


def test_a_rule_that_halts_does_not_write_over_what_a_person_wrote(ready: Books) -> None:
    ready.halt_path.touch()
    ready.halt("ACME", "a rule's")
    ready.tick()
    assert sorted(ready.halted()) == ["ACME", "all"]
    assert sorted(scope for scope, _ in on_file(ready)) == ["ACME", "all"]


# --- the file cannot be written ---------------------------------------------------------------------


class Unwritable:
    """Keeps a folder's file from being written, for root too: something else stands where it should go."""

    def __init__(self, path: Path) -> None:
        self._folder, self._aside = path.parent, path.parent.with_name(path.parent.name + "-aside")

    def __enter__(self) -> None:
        self._folder.rename(self._aside)

    def __exit__(self, *_: object) -> None:
        self._aside.rename(self._folder)


@pytest.fixture
def apart(ready: Books, tmp_path: Path) -> Books:
    """The halts' file is in a folder of its own."""
    ready.ledger.stop(timeout=PATIENCE_S)
    (tmp_path / "halts").mkdir()
    ready.halt_path = tmp_path / "halts" / "HALT"
    ready.halt_file = type(ready.halt_file)(ready.halt_path)
    ready.start()
    ready.open_gate(2)
    return ready


def test_a_halt_whose_file_cannot_be_written_stands_and_is_written_later(apart: Books) -> None:
    with Unwritable(apart.halt_path):
        assert apart.halt("ACME", "I say so").changed == 1
        apart.tick()
    assert (apart.halts(), on_file(apart)) == ([("ACME", "I say so")], [])
    apart.tick()
    assert on_file(apart) == [("ACME", "I say so")]


def test_a_cleared_halt_whose_file_could_not_be_written_does_not_come_back(apart: Books) -> None:
    apart.halt("ACME", "I say so")
    with Unwritable(apart.halt_path):
        assert apart.clear("ACME").changed == 1
    assert on_file(apart) == [("ACME", "I say so")]  # as it was
    apart.tick()
    assert (apart.halts(), apart.halt_path.exists()) == ([], False)


def test_a_cleared_halt_does_not_come_back_after_a_crash_before_its_file_was_written(apart: Books) -> None:
    apart.halt("ACME", "I say so")
    with Unwritable(apart.halt_path):
        apart.clear("ACME")
        apart.ledger.stop(timeout=PATIENCE_S)
    apart.start()
    assert (apart.halts(), apart.halt_path.exists()) == ([], False)


def test_a_halt_raised_anew_for_the_same_reason_is_another_halt(apart: Books) -> None:
    apart.halt("ACME", "I say so")
    apart.clear("ACME")
    apart.clock.move(60)
    apart.halt("ACME", "I say so")
    apart.restart()
    assert apart.halts() == on_file(apart) == [("ACME", "I say so")]


def test_a_halt_by_hand_that_was_cleared_does_not_come_back_from_a_file_nobody_could_write(
    ready: Books,
) -> None:
    in_the_way = ready.halt_path.with_name(ready.halt_path.name + ".new")
    in_the_way.mkdir()
    ready.halt_path.write_text("stop")
    ready.clock.move(3600)
    ready.tick()
    ready.halt("OTHR", "another one")
    assert ready.clear("all").changed == 1
    ready.tick()
    assert ready.halts() == [("OTHR", "another one")]
    in_the_way.rmdir()
    ready.tick()
    assert ready.halts() == on_file(ready) == [("OTHR", "another one")]


# --- differences ------------------------------------------------------------------------------------


def differ(books: Books, qty: str, times: int = 4) -> None:
    for _ in range(times):
        books.read(a_snapshot(positions=(a_position("ACME", qty),)))


def test_clearing_a_difference_that_stood_accepts_the_accounts_word(ready: Books) -> None:
    differ(ready, "5")
    assert ready.halted() == ["ACME"]
    ready.clear("ACME")
    assert ready.believed() == {"ACME": dec("5")}
    assert ready.rows("SELECT qty FROM adjustment") == [("5",)]
    differ(ready, "5")
    assert ready.halts() == []


def test_what_is_accepted_is_the_difference_and_no_more(ready: Books) -> None:
    ready.accept()
    ready.hear(filled("10", "12", **NAMES))
    differ(ready, "7")
    ready.clear("ACME")
    assert ready.believed() == {"ACME": dec("7")}
    ((reason, evidence),) = ready.rows("SELECT reason, evidence FROM adjustment")
    assert reason == "accepted by owner: I have looked"
    assert "ACME" in evidence


def test_a_difference_that_may_still_pass_is_not_accepted_with_another_halt(ready: Books) -> None:
    ready.halt("ACME")
    differ(ready, "5", times=2)
    ready.clear("ACME")
    assert ready.believed() == {}
    ready.read()
    assert ready.halts() == []


def test_a_difference_whose_symbol_moved_since_it_was_read_is_read_again_first(ready: Books) -> None:
    ready.accept()
    differ(ready, "5")
    ready.hear(filled("10", "12", **NAMES))
    ready.clear("ACME")
    assert ready.believed() == {"ACME": dec("10")}
    differ(ready, "15")
    assert ready.halted() == ["ACME"]
    ready.clear("ACME")
    assert ready.believed() == {"ACME": dec("15")}


def test_clearing_one_symbol_accepts_nothing_of_another(ready: Books) -> None:
    differ(ready, "5")
    ready.halt("OTHR")
    ready.clear("OTHR")
    assert ready.believed() == {}
    assert ready.halted() == ["ACME"]


def test_after_it_was_accepted_another_difference_halts_again(ready: Books) -> None:
    differ(ready, "5")
    ready.clear("ACME")
    ready.clock.move(60)
    differ(ready, "6")
    assert ready.halted() == ["ACME"]
    ready.clear("ACME")
    assert ready.believed() == {"ACME": dec("6")}


def test_a_difference_is_counted_anew_after_a_restart(ready: Books) -> None:
    differ(ready, "5", times=3)
    ready.restart()
    differ(ready, "5", times=3)
    assert ready.halts() == []
    differ(ready, "5", times=1)
    assert ready.halted() == ["ACME"]


# --- orders nobody can say anything about -----------------------------------------------------------


def test_five_minutes_without_any_answer_halt_the_symbol(ready: Books) -> None:
    ready.intend()
    ready.tell(UNRESOLVED, FAILED)
    ready.clock.move(299)
    ready.tell(FAILED)
    assert ready.halts() == []
    ready.clock.move(1)
    ready.tell(FAILED)
    assert ready.halted() == ["ACME"]
    assert ready.order(CID).life is Life.UNRESOLVED
    assert ready.trade().status is TradeStatus.PENDING


def test_the_silence_goes_on_through_a_restart(ready: Books) -> None:
    ready.intend()
    ready.tell(UNRESOLVED)
    ready.restart()
    ready.clock.move(300)
    ready.tell(FAILED)
    assert ready.halted() == ["ACME"]


def test_a_denial_in_between_begins_the_silence_anew(ready: Books) -> None:
    ready.intend()
    ready.tell(UNRESOLVED, FAILED)
    ready.clock.move(200)
    ready.tell(OrderNotFound(client_order_id=CID))
    ready.clock.move(200)
    ready.tell(FAILED)
    ready.clock.move(299)
    ready.tell(FAILED)
    assert ready.halts() == []
    ready.clock.move(1)
    ready.tell(FAILED)
    assert ready.halted() == ["ACME"]


def test_a_failed_question_for_an_order_nobody_knows_changes_nothing(ready: Books) -> None:
    ready.tell(LookUpFailed(client_order_id="sf-lost", why="503"))
    assert ready.halts() == []


def give_up(books: Books) -> None:
    """Take the order through a quarantine at whose end it is given up."""
    books.intend()
    books.tell(UNRESOLVED, OrderNotFound(client_order_id=CID))
    books.clock.now = later(600)
    books.tell(OrderNotFound(client_order_id=CID))
    assert books.order(CID).life is Life.LAPSED


def test_an_order_that_was_given_up_and_appears_open_is_cancelled_and_halts_its_symbol(ready: Books) -> None:
    ready.ledger.subscribe(ready.news, CancelOrder)
    give_up(ready)
    ready.hear(an_update(**NAMES))
    cancel = CancelOrder(client_order_id=CID, broker_order_id=NAMES["broker_order_id"], symbol="ACME")
    assert ready.news.told.all() == [cancel]
    assert ready.halted() == ["ACME"]
    ready.hear(an_update(**NAMES))
    assert ready.news.told.all() == [cancel]


def test_an_order_that_was_given_up_and_appears_filled_is_booked_and_not_cancelled(ready: Books) -> None:
    ready.ledger.subscribe(ready.news, CancelOrder)
    give_up(ready)
    ready.hear(filled("10", "12", **NAMES))
    assert ready.news.told.all() == []
    assert ready.halted() == ["ACME"]
    assert (ready.trade().status, ready.believed()) == (TradeStatus.OPEN, {"ACME": dec("10")})
    assert "order_appeared_late" in ready.kinds(CID)


def test_a_halt_keeps_a_resend_back_and_a_cleared_one_lets_it_go(ready: Books) -> None:
    ready.intend()
    ready.tell(UNRESOLVED)
    ready.halt("ACME", "I say so")
    assert ready.plan_again(CID) == Deferred(reason="I say so")
    ready.clear("ACME")
    assert isinstance(ready.plan_again(CID), Planned)


def test_no_halt_of_itself_has_the_account_read(ready: Books) -> None:
    ready.ledger.subscribe(ready.news, AuditNow)
    ready.halt("all")
    ready.clear("all")
    ready.record(a_signal())
    assert not isinstance(ready.plan(a_signal()), Declined)
    assert ready.news.told.all() == []


def test_refused_keys_are_forgotten_when_a_person_lets_everything_go_on(ready: Books) -> None:
    ready.tell(KeysRefused(why="unauthorized"))
    ready.clear("ACME")
    ready.record(a_signal())
    assert isinstance(ready.plan(a_signal()), Deferred)
    ready.clear("all")
    assert isinstance(ready.plan(a_signal()), Planned)
