"""The fold by example: what each part of the broker's word changes."""

import pytest

from domain.orders import Life, fold
from tests.domain.builders import a_record, an_update, dec, ended, filled, later, partly


def test_a_partial_fill_is_booked_with_its_price() -> None:
    after = fold(a_record(), partly("4", "12.34"))
    assert (after.life, after.filled_qty, after.filled_avg_price) == (Life.WORKING, dec("4"), dec("12.34"))
    assert (after.priced_filled_qty, after.priced_at) == (dec("4"), later(2))


def test_filled_qty_never_falls() -> None:
    after = fold(fold(a_record(), partly("6", "12")), partly("4", "11", at=9))
    assert (after.filled_qty, after.filled_avg_price) == (dec("6"), dec("12"))


def test_the_price_stays_that_of_the_most_shares() -> None:
    after = fold(fold(a_record(), filled("10", "12.376")), partly("4", "12.34"))
    assert (after.filled_qty, after.filled_avg_price, after.priced_filled_qty) == (
        dec("10"),
        dec("12.376"),
        dec("10"),
    )


def test_a_price_that_comes_after_its_shares_is_taken() -> None:
    bare = an_update(status="filled", filled_qty=dec("10"))
    after = fold(fold(a_record(), bare), filled("10", "12.5"))
    assert (after.filled_avg_price, after.priced_filled_qty) == (dec("12.5"), dec("10"))


def test_a_word_without_a_price_keeps_the_one_we_have() -> None:
    after = fold(fold(a_record(), partly("4", "12.34")), ended("canceled", "4"))
    assert (after.filled_avg_price, after.status, after.life) == (dec("12.34"), "canceled", Life.DONE)


def test_a_corrected_price_for_the_same_shares_counts_when_it_is_later() -> None:
    record = fold(a_record(), filled("10", "12.40", at=3))
    assert fold(record, filled("10", "12.39", at=4)).filled_avg_price == dec("12.39")
    assert fold(record, filled("10", "12.39", at=2)).filled_avg_price == dec("12.40")


def test_a_done_order_never_works_again() -> None:
    after = fold(fold(a_record(), ended("canceled")), an_update(status="new", updated_at=later(99)))
    assert (after.life, after.status) == (Life.DONE, "canceled")


def test_shares_of_a_late_fill_count_although_the_order_is_done() -> None:
    after = fold(fold(a_record(), ended("canceled", "4")), partly("7", "12"))
    assert (after.life, after.filled_qty, after.status) == (Life.DONE, dec("7"), "canceled")


@pytest.mark.parametrize(
    ("first", "second"),
    [("pending_cancel", "partially_filled"), ("held", "new"), ("stopped", "new"), ("new", "pending_new")],
)
def test_of_two_open_statuses_the_later_word_stands(first: str, second: str) -> None:
    one = an_update(status=first, updated_at=later(1))
    two = an_update(status=second, updated_at=later(2))
    assert fold(fold(a_record(), one), two).status == second
    assert fold(fold(a_record(), two), one).status == second


def test_a_word_without_a_time_is_the_oldest_of_all() -> None:
    timeless = an_update(status="accepted", updated_at=None)
    assert fold(fold(a_record(), an_update()), timeless).status == "new"
    assert fold(a_record(), timeless).status == "accepted"


def test_the_first_broker_id_stays() -> None:
    after = fold(a_record(broker_order_id="broker-one"), an_update(broker_order_id="other"))
    assert after.broker_order_id == "broker-one"


def test_an_order_that_turns_up_is_no_longer_missing() -> None:
    assert fold(a_record(missing_since=later(5)), an_update()).missing_since is None


def test_a_replaced_order_names_its_successor_and_keeps_its_name() -> None:
    after = fold(a_record(), ended("replaced", replaced_by="broker-two"))
    assert after.replaced_by == "broker-two"
    assert fold(after, an_update()).replaced_by == "broker-two"


def test_what_an_order_was_planned_as_never_changes() -> None:
    planned = {"client_order_id", "trade_id", "symbol", "side", "notional", "qty", "post_until", "qty_before"}
    before, after = (
        a_record(),
        fold(a_record(), filled("10", "12", symbol="OTHER", side="sell", qty=dec("99"))),
    )
    assert before.model_dump(include=planned) == after.model_dump(include=planned)
