"""What is learned besides the broker's word: that it knows no such order, and what the account holds."""

import pytest

from domain.orders import QUARANTINE, Life, confirm_position, fold, may_resend, not_found
from tests.domain.builders import a_record, dec, ended, filled, later, partly

TTL_S = 300
QUARANTINE_S = 300
UNHEARD = [Life.INTENDED, Life.UNRESOLVED]
HEARD = [Life.WORKING, Life.DONE, Life.REFUSED, Life.LAPSED]


def test_the_quarantine_lasts_five_minutes() -> None:
    assert QUARANTINE.total_seconds() == QUARANTINE_S


def test_the_first_denial_is_remembered_and_later_ones_do_not_move_it() -> None:
    once = not_found(a_record(), later(2))
    assert once.missing_since == later(2)
    assert not_found(once, later(9)) == once


@pytest.mark.parametrize("life", UNHEARD)
def test_a_denial_within_the_time_to_live_proves_nothing(life: Life) -> None:
    record = not_found(a_record(life=life), later(1))
    assert not_found(record, later(TTL_S - 0.001)).life is life


@pytest.mark.parametrize("life", UNHEARD)
@pytest.mark.parametrize("first_denied", [1, TTL_S, TTL_S + 60])
def test_an_intent_is_given_up_only_after_a_whole_quarantine_past_its_time(
    life: Life, first_denied: int
) -> None:
    ends = max(first_denied, TTL_S) + QUARANTINE_S
    record = not_found(a_record(life=life), later(first_denied))
    assert not_found(record, later(ends - 0.001)).life is life
    assert not_found(record, later(ends)).life is Life.LAPSED


def test_a_clock_that_was_set_back_does_not_lengthen_the_quarantine() -> None:
    denied_in_the_future = not_found(a_record(), later(TTL_S + 3600))
    assert not_found(denied_in_the_future, later(TTL_S)).missing_since == later(TTL_S)


@pytest.mark.parametrize("life", UNHEARD)
def test_one_denial_alone_never_gives_an_order_up(life: Life) -> None:
    assert not_found(a_record(life=life), later(99_999)).life is life


@pytest.mark.parametrize("life", HEARD)
def test_an_order_that_was_heard_of_is_not_given_up_for_a_denial(life: Life) -> None:
    record = a_record(life=life, missing_since=later(1))
    assert not_found(record, later(99_999)).life is life


def test_a_late_appearance_is_booked_all_the_same() -> None:
    given_up = not_found(a_record(missing_since=later(1)), later(TTL_S + QUARANTINE_S))
    found = fold(given_up, filled("10", "12.5"))
    assert (given_up.life, found.life, found.filled_qty, found.missing_since) == (
        Life.LAPSED, Life.DONE, dec("10"), None,
    )  # fmt: skip


@pytest.mark.parametrize("life", Life)
def test_only_what_the_broker_was_not_heard_on_may_be_sent_again_and_only_in_time(life: Life) -> None:
    assert may_resend(a_record(life=life), later(TTL_S - 0.001)) is (life in UNHEARD)
    assert not may_resend(a_record(life=life), later(TTL_S))


# --- the position ---------------------------------------------------------------------------------

PARTLY = fold(a_record(), partly("4", "12.34"))


def test_shares_are_what_the_position_endpoint_says_after_a_partial_fill() -> None:
    after = confirm_position(PARTLY, position_qty=dec("3.999999"), at_filled=dec("4"))
    assert (PARTLY.shares, after.shares, after.filled_qty) == (dec("4"), dec("3.999999"), dec("4"))


def test_shares_the_account_held_before_are_not_ours() -> None:
    record = PARTLY.model_copy(update={"qty_before": dec("100")})
    assert confirm_position(record, position_qty=dec("103.5"), at_filled=dec("4")).shares == dec("3.5")


@pytest.mark.parametrize("held", ["100", "99", "0", "-4"])
def test_a_position_below_what_was_there_before_us_says_nothing_of_our_order(held: str) -> None:
    record = PARTLY.model_copy(update={"qty_before": dec("100")})
    assert confirm_position(record, position_qty=dec(held), at_filled=dec("4")) == record


def test_a_read_that_a_newer_fill_has_overtaken_is_dropped() -> None:
    newer = fold(PARTLY, partly("7", "12.4", at=3))
    assert confirm_position(newer, position_qty=dec("4"), at_filled=dec("4")) == newer


def test_a_read_of_more_than_we_have_heard_of_is_dropped() -> None:
    assert confirm_position(PARTLY, position_qty=dec("7"), at_filled=dec("7")) == PARTLY


def test_a_read_never_overwrites_the_final_fill() -> None:
    done = fold(PARTLY, filled("10", "12.376"))
    assert confirm_position(done, position_qty=dec("4"), at_filled=dec("4")) == done
    assert confirm_position(done, position_qty=dec("9"), at_filled=dec("10")) == done


def test_a_confirmed_number_holds_until_more_is_filled() -> None:
    confirmed = confirm_position(PARTLY, position_qty=dec("3.9"), at_filled=dec("4"))
    assert confirmed.shares == dec("3.9")
    assert fold(confirmed, partly("5", "12.4", at=3)).shares == 5
    assert fold(confirmed, filled("10", "12.4")).shares == 10


def test_of_a_done_order_the_brokers_own_count_is_final() -> None:
    confirmed = confirm_position(PARTLY, position_qty=dec("3.9"), at_filled=dec("4"))
    done = fold(confirmed, ended("canceled", "4"))
    assert done.shares == 4
    assert confirm_position(done, position_qty=dec("3.9"), at_filled=dec("4")) == done


def test_shares_that_somebody_else_bought_meanwhile_are_not_ours() -> None:
    assert confirm_position(PARTLY, position_qty=dec("14"), at_filled=dec("4")) == PARTLY


def test_without_a_confirmation_the_brokers_own_count_stands() -> None:
    assert (a_record().shares, PARTLY.shares) == (dec("0"), dec("4"))
