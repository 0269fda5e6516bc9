"""The tables: each life and trigger, each status and event of Alpaca's, and what they lead to."""

from itertools import product

import pytest

from domain.orders import (
    DONE_FOR_DAY,
    DONE_STATUSES,
    EVENT_STATUS,
    NEXT,
    OPEN_STATUSES,
    UNSETTLED,
    Life,
    Trigger,
    fold,
    is_done,
    learn,
)
from tests.domain.builders import a_record, an_update, dec

LED: dict[Life, dict[Trigger, Life]] = {
    Life.INTENDED: {
        Trigger.SEEN_OPEN: Life.WORKING, Trigger.SEEN_DONE: Life.DONE, Trigger.REFUSED: Life.REFUSED,
        Trigger.UNRESOLVED: Life.UNRESOLVED, Trigger.NOT_SENT: Life.INTENDED, Trigger.LAPSED: Life.LAPSED,
    },
    Life.UNRESOLVED: {
        Trigger.SEEN_OPEN: Life.WORKING, Trigger.SEEN_DONE: Life.DONE, Trigger.REFUSED: Life.UNRESOLVED,
        Trigger.UNRESOLVED: Life.UNRESOLVED, Trigger.NOT_SENT: Life.UNRESOLVED, Trigger.LAPSED: Life.LAPSED,
    },
    Life.WORKING: {
        Trigger.SEEN_OPEN: Life.WORKING, Trigger.SEEN_DONE: Life.DONE, Trigger.REFUSED: Life.WORKING,
        Trigger.UNRESOLVED: Life.WORKING, Trigger.NOT_SENT: Life.WORKING, Trigger.LAPSED: Life.WORKING,
    },
    Life.DONE: dict.fromkeys(Trigger, Life.DONE),
    Life.REFUSED: {
        Trigger.SEEN_OPEN: Life.WORKING, Trigger.SEEN_DONE: Life.DONE, Trigger.REFUSED: Life.REFUSED,
        Trigger.UNRESOLVED: Life.REFUSED, Trigger.NOT_SENT: Life.REFUSED, Trigger.LAPSED: Life.REFUSED,
    },
    Life.LAPSED: {
        Trigger.SEEN_OPEN: Life.WORKING, Trigger.SEEN_DONE: Life.DONE, Trigger.REFUSED: Life.LAPSED,
        Trigger.UNRESOLVED: Life.LAPSED, Trigger.NOT_SENT: Life.LAPSED, Trigger.LAPSED: Life.LAPSED,
    },
}  # fmt: skip

# Alpaca's own words, typed off its documentation apart from the code.
STATUSES = [
    "new", "partially_filled", "filled", "done_for_day", "canceled", "expired", "replaced",
    "pending_cancel", "pending_replace", "accepted", "pending_new", "accepted_for_bidding", "stopped",
    "rejected", "suspended", "calculated", "held", "pending_review",
]  # fmt: skip
FINAL_STATUSES = ["filled", "canceled", "expired", "replaced", "rejected"]
EVENTS = {
    "new": "new", "fill": "filled", "partial_fill": "partially_filled", "canceled": "canceled",
    "expired": "expired", "done_for_day": "done_for_day", "replaced": "replaced", "rejected": "rejected",
    "pending_new": "pending_new", "stopped": "stopped", "pending_cancel": "pending_cancel",
    "pending_replace": "pending_replace", "calculated": "calculated", "suspended": "suspended",
    "order_replace_rejected": None, "order_cancel_rejected": None, "accepted": "accepted",
    "restated": None, "held": "held", "trade_bust": None, "trade_correct": None,
}  # fmt: skip


@pytest.mark.parametrize(("life", "trigger"), list(product(Life, Trigger)))
def test_each_life_and_trigger_lead_where_they_should(life: Life, trigger: Trigger) -> None:
    assert NEXT[life, trigger] is LED[life][trigger]


def test_the_table_has_no_other_steps() -> None:
    assert set(NEXT) == set(product(Life, Trigger))


@pytest.mark.parametrize(("life", "trigger"), list(product(Life, Trigger)))
def test_what_is_learned_changes_the_life_alone(life: Life, trigger: Trigger) -> None:
    record = a_record(life=life, filled_qty=dec("1"), status="new")
    assert learn(record, trigger) == record.model_copy(update={"life": LED[life][trigger]})


def test_nothing_but_the_brokers_word_makes_an_order_working_or_done() -> None:
    for life, trigger in product(Life, Trigger):
        after = NEXT[life, trigger]
        if after is not life and after in {Life.WORKING, Life.DONE}:
            assert trigger in {Trigger.SEEN_OPEN, Trigger.SEEN_DONE}


def test_the_broker_is_asked_about_all_that_it_may_still_fill() -> None:
    assert {Life.INTENDED, Life.UNRESOLVED, Life.WORKING} == UNSETTLED


def test_each_status_of_alpacas_is_known() -> None:
    assert set(STATUSES) == OPEN_STATUSES | DONE_STATUSES | {DONE_FOR_DAY}
    assert not OPEN_STATUSES & DONE_STATUSES


@pytest.mark.parametrize("status", STATUSES)
def test_exactly_the_final_statuses_are_final(status: str) -> None:
    assert is_done(status, "gtc") is (status in FINAL_STATUSES)
    assert is_done(status, "day") is (status in {*FINAL_STATUSES, "done_for_day"})


@pytest.mark.parametrize("status", ["", "halfway", "FILLED", "cancelled"])
@pytest.mark.parametrize("time_in_force", ["day", "gtc", None])
def test_a_status_nobody_knows_counts_as_open(status: str, time_in_force: str | None) -> None:
    assert not is_done(status, time_in_force)


def test_each_event_of_the_stream_is_known_by_its_status() -> None:
    assert EVENT_STATUS == EVENTS


def test_each_event_speaks_of_a_status_that_exists() -> None:
    assert {status for status in EVENT_STATUS.values() if status} <= set(STATUSES)


@pytest.mark.parametrize(("life", "status"), list(product(Life, [*STATUSES, "halfway"])))
def test_each_word_of_the_brokers_is_a_legal_step_from_each_life(life: Life, status: str) -> None:
    after = fold(a_record(life=life), an_update(status=status))
    final = status in {*FINAL_STATUSES, "done_for_day"}
    assert after.life is LED[life][Trigger.SEEN_DONE if final else Trigger.SEEN_OPEN]
    assert (after.status, after.broker_order_id) == (status, "broker-one")


def test_done_for_day_pauses_an_order_that_is_good_till_canceled() -> None:
    after = fold(a_record(time_in_force="gtc"), an_update(status="done_for_day"))
    assert after.life is Life.WORKING
