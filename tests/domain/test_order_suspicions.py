"""What about an order only a person can judge: another one, undone, too much, unknown, silent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.orders import (
    DONE_STATUSES,
    OPEN_STATUSES,
    SILENCE,
    Life,
    OrderRecord,
    OrderUpdate,
    Trigger,
    differs,
    fell,
    fold,
    is_known_status,
    learn,
    not_found,
    overfilled,
    silent_too_long,
    unheard,
)
from tests.domain.builders import a_record, an_update, dec, ended, filled, later, modestly, partly

UNHEARD = [Life.INTENDED, Life.UNRESOLVED]
HEARD = [Life.WORKING, Life.DONE, Life.REFUSED, Life.LAPSED]
SILENCE_S = 300

# --- another order ----------------------------------------------------------------------------------


def test_the_order_as_we_sent_it_does_not_differ() -> None:
    assert not differs(a_record(), an_update(notional=dec("100")))
    assert not differs(a_record(notional=None, qty=dec("4")), an_update(qty=dec("4.000")))


@pytest.mark.parametrize(
    "told", [{"symbol": "OTHR"}, {"side": "sell"}, {"notional": dec("100.01")}], ids=repr
)
def test_another_symbol_side_or_amount_is_another_order(told: dict[str, object]) -> None:
    assert differs(a_record(), an_update(**told))


def test_another_quantity_is_another_order_only_where_a_quantity_was_ordered() -> None:
    assert differs(a_record(notional=None, qty=dec("4")), an_update(qty=dec("5")))
    # Of an order by amount the broker may tell the shares that it came to.
    assert not differs(a_record(), an_update(qty=dec("5")))


@pytest.mark.parametrize("told", [{"symbol": ""}, {"side": ""}, {"notional": None}, {"qty": None}], ids=repr)
def test_what_the_broker_leaves_out_is_no_difference(told: dict[str, object]) -> None:
    assert not differs(a_record(), an_update(**told))
    assert not differs(a_record(notional=None, qty=dec("4")), an_update(**told))


# --- undone, and too much ---------------------------------------------------------------------------

TEN = fold(a_record(), filled("10", "12", at=5))


def test_fewer_shares_in_a_later_word_are_an_execution_undone() -> None:
    assert fell(TEN, ended("canceled", "4", at=6))


@pytest.mark.parametrize(
    "word",
    [filled("10", "12", at=6), filled("11", "12", at=6), partly("4", "12", at=4), partly("4", "12", at=5)],
    ids=["as many", "more", "an older word", "a word of the same time"],
)
def test_nothing_else_is_an_execution_undone(word: OrderUpdate) -> None:
    assert not fell(TEN, word)


def test_without_times_nobody_can_say_which_word_is_the_later() -> None:
    assert not fell(TEN, partly("4", "12", updated_at=None))
    assert not fell(a_record(filled_qty=dec("10")), partly("4", "12", at=6))


HISTORY = [an_update(), partly("3", "12", at=2), partly("7", "12", at=3), filled("10", "12", at=5)]


@modestly
@given(st.lists(st.sampled_from(HISTORY), max_size=10))
def test_no_shuffling_of_a_history_in_which_shares_only_rise_looks_undone(words: list[OrderUpdate]) -> None:
    record = a_record()
    for word in words:
        assert not fell(record, word)
        record = fold(record, word)


@pytest.mark.parametrize(("qty", "shares", "too_many"), [("10", "10", False), ("10", "10.000000001", True)])
def test_an_order_is_overfilled_when_more_came_than_was_ordered(
    qty: str, shares: str, too_many: bool
) -> None:
    record = a_record(notional=None, qty=dec(qty), filled_qty=dec(shares))
    assert overfilled(record) is too_many


def test_an_order_by_amount_has_no_number_of_shares_to_exceed() -> None:
    assert not overfilled(a_record(filled_qty=Decimal(99_999)))


# --- unknown words ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [*sorted(OPEN_STATUSES), *sorted(DONE_STATUSES), "done_for_day"])
def test_each_of_alpacas_statuses_is_known(status: str) -> None:
    assert is_known_status(status)


@pytest.mark.parametrize("status", ["", "halfway", "FILLED", "cancelled"])
def test_any_other_status_is_not(status: str) -> None:
    assert not is_known_status(status)


# --- silence ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("life", UNHEARD)
def test_silence_begins_with_the_first_question_that_had_no_answer(life: Life) -> None:
    once = unheard(a_record(life=life), later(2))
    assert once.silent_since == later(2)
    assert unheard(once, later(99)) is once


@pytest.mark.parametrize("life", HEARD)
def test_an_order_that_was_settled_is_not_silent(life: Life) -> None:
    record = a_record(life=life)
    assert unheard(record, later(2)) is record


@pytest.mark.parametrize("life", UNHEARD)
def test_five_minutes_of_silence_are_too_long(life: Life) -> None:
    assert SILENCE.total_seconds() == SILENCE_S
    record = unheard(a_record(life=life), later(1))
    assert not silent_too_long(record, later(1 + SILENCE_S - 0.001))
    assert silent_too_long(record, later(1 + SILENCE_S))


def test_an_order_that_nothing_was_asked_about_is_never_too_long_silent() -> None:
    assert not silent_too_long(a_record(life=Life.UNRESOLVED), later(99_999))


@pytest.mark.parametrize("answer", [an_update(), None], ids=["found", "denied"])
def test_any_answer_ends_the_silence(answer: OrderUpdate | None) -> None:
    silent = unheard(a_record(life=Life.UNRESOLVED), later(1))
    after = not_found(silent, later(2)) if answer is None else fold(silent, answer)
    assert after.silent_since is None
    assert unheard(after, later(400)).silent_since == (later(400) if answer is None else None)


@pytest.mark.parametrize("trigger", [Trigger.REFUSED, Trigger.LAPSED])
def test_the_silence_of_an_order_that_was_settled_is_over(trigger: Trigger) -> None:
    settled: OrderRecord = learn(unheard(a_record(), later(1)), trigger)
    assert not silent_too_long(settled, later(99_999))


def test_no_time_turns_silence_into_a_no() -> None:
    silent = unheard(a_record(life=Life.UNRESOLVED), later(1))
    assert unheard(silent, later(99_999)).life is Life.UNRESOLVED
