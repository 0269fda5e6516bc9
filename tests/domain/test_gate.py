from collections.abc import Callable
from datetime import timedelta
from itertools import permutations

import pytest

from domain.gate import AUDIT_GOOD_FOR, CLOCK_TOLERANCE, ClockReading, GateFacts
from domain.rules import Gate
from domain.values import Moment
from tests.domain.builders import NOW, later

START = timedelta(hours=7)
"""The monotonic clock's time at `NOW`."""


def moment(seconds: float, *, jumped: float = 0) -> Moment:
    """So many seconds after `NOW`; the wall clock has jumped besides."""
    return Moment(later(seconds + jumped), START + timedelta(seconds=seconds))


def clocks(ahead: float = 0) -> ClockReading:
    return ClockReading(ahead=timedelta(seconds=ahead), at=NOW, monotonic=START)


UP = GateFacts().opened(1).read(1, START).compared(clocks())


def gate(facts: GateFacts, seconds: float = 1) -> Gate:
    return facts.gate(moment(seconds))


def test_the_gate_is_closed_before_anything_is_known() -> None:
    shut = gate(GateFacts())
    assert (shut.open, shut.reason) == (False, "the trading stream is not connected yet")


def test_the_gate_opens_when_fills_are_heard_the_account_is_known_and_the_clock_is_right() -> None:
    assert gate(UP).open


def test_a_stream_alone_does_not_open_the_gate() -> None:
    shut = gate(GateFacts().opened(1))
    assert (shut.open, shut.reason) == (False, "the account has not been read since the stream opened")


def test_a_snapshot_alone_does_not_open_the_gate() -> None:
    assert not gate(GateFacts().read(1, START).compared(clocks())).open


def test_a_snapshot_of_an_older_connection_does_not_open_the_gate() -> None:
    assert not gate(UP.opened(2)).open
    assert gate(UP.opened(2).read(2, START)).open


def test_a_lost_stream_closes_the_gate_and_says_why() -> None:
    shut = gate(UP.lost(1, "ping timeout"))
    assert (shut.open, shut.reason) == (False, "the trading stream is down: ping timeout")


def test_the_end_of_a_replaced_connection_changes_nothing() -> None:
    up = UP.opened(2).read(2, START)
    assert up.lost(1, "its late goodbye") == up


def test_the_end_of_a_connection_that_never_opened_closes_the_gate() -> None:
    assert not gate(UP.lost(2, "the newer one failed")).open


def test_after_a_loss_the_account_has_to_be_read_again() -> None:
    again = UP.lost(1, "gone").opened(2)
    assert not gate(again).open
    assert gate(again.read(2, START)).open


# --- age --------------------------------------------------------------------------------------------


def test_three_audits_that_did_not_come_about_close_the_gate() -> None:
    assert AUDIT_GOOD_FOR.seconds == 90
    assert gate(UP, 90).open
    shut = gate(UP, 90.001)
    assert (shut.open, shut.reason) == (False, "the account has not been read for more than 90 s")


def test_another_read_of_the_account_opens_the_gate_again() -> None:
    assert gate(UP.read(1, START + timedelta(seconds=80)), 170).open


def test_the_age_of_a_read_is_not_measured_by_the_wall_clock() -> None:
    # Two hours forward by the wall clock at most close the gate for the clock's own sake.
    compared = UP.compared(ClockReading(ahead=timedelta(), at=later(7200), monotonic=START))
    assert compared.gate(moment(60, jumped=7200)).open
    assert not compared.gate(moment(91, jumped=7200)).open


# --- the clock --------------------------------------------------------------------------------------


def test_a_clock_that_was_never_compared_keeps_the_gate_shut() -> None:
    shut = gate(GateFacts().opened(1).read(1, START))
    assert (shut.open, shut.reason) == (False, "our clock has not been compared with the broker's")


@pytest.mark.parametrize("ahead", [30.0, -30.0, 29.9, 0.0])
def test_a_clock_up_to_half_a_minute_off_is_good_enough(ahead: float) -> None:
    assert CLOCK_TOLERANCE.seconds == 30
    assert gate(UP.compared(clocks(ahead))).open


@pytest.mark.parametrize("ahead", [30.1, -30.1, 3600, -86400])
def test_a_clock_that_is_further_off_closes_the_gate_and_says_by_how_much(ahead: float) -> None:
    shut = gate(UP.compared(clocks(ahead)))
    assert not shut.open
    assert f"{round(ahead)} s ahead of the broker's" in shut.reason


@pytest.mark.parametrize("jumped", [31, -31, 3600, -86400])
def test_a_clock_that_jumped_since_it_was_compared_closes_the_gate_at_once(jumped: float) -> None:
    shut = UP.gate(moment(1, jumped=jumped))
    assert not shut.open
    assert shut.reason == f"our clock has jumped by {jumped} s since it was compared with the broker's"


@pytest.mark.parametrize("jumped", [30, -30])
def test_a_small_step_of_the_clock_changes_nothing(jumped: float) -> None:
    assert UP.gate(moment(1, jumped=jumped)).open


def test_a_clock_that_was_set_right_opens_the_gate_with_its_next_comparison() -> None:
    wrong = UP.compared(clocks(3600))
    assert not gate(wrong).open
    assert gate(wrong.compared(clocks(1))).open


# --- what else closes it ----------------------------------------------------------------------------


def test_a_ledger_that_cannot_be_written_closes_the_gate_until_it_can() -> None:
    shut = UP.having({"unwritable": "the disk is full"})
    assert gate(shut) == Gate(open=False, reason="the ledger cannot be written: the disk is full")
    assert gate(shut.having({"unwritable": None})).open


def test_safe_mode_closes_the_gate_with_its_own_reason() -> None:
    shut = UP.having({"safe_mode": "the bot has failed three times within ten minutes"})
    assert gate(shut) == Gate(open=False, reason="the bot has failed three times within ten minutes")
    assert gate(shut.having({"safe_mode": None})).open


SHUTTERS: list[Callable[[GateFacts], GateFacts]] = [
    lambda facts: facts.lost(1, "gone"),
    lambda facts: facts.opened(2),
    lambda facts: facts.read(1, START - timedelta(hours=1)),
    lambda facts: facts.compared(clocks(99)),
    lambda facts: facts.having({"unwritable": "locked"}),
    lambda facts: facts.having({"safe_mode": "too many failures"}),
    lambda facts: facts.refused("unauthorized"),
]


@pytest.mark.parametrize("shut", range(len(SHUTTERS)))
def test_each_condition_alone_closes_the_gate(shut: int) -> None:
    assert not gate(SHUTTERS[shut](UP)).open


STEPS: list[Callable[[GateFacts], GateFacts]] = [
    lambda facts: facts.opened(1),
    lambda facts: facts.read(1, START),
    lambda facts: facts.refused("access key verification failed"),
]


@pytest.mark.parametrize("steps", list(permutations(STEPS)))
def test_refused_keys_close_the_gate_for_good(
    steps: tuple[Callable[[GateFacts], GateFacts], ...],
) -> None:
    facts = GateFacts()
    for step in steps:
        facts = step(facts)
    again = gate(facts.opened(2).read(2, START).compared(clocks()))
    assert again == Gate(open=False, reason="the broker refuses the keys: access key verification failed")


# --- what others did would be known ---------------------------------------------------------------


def knows(facts: GateFacts, after: timedelta = timedelta()) -> bool:
    return facts.knows_account(Moment(NOW, START + after))


def test_before_the_first_read_nobody_knows_what_the_account_holds() -> None:
    assert not knows(GateFacts())
    assert not knows(GateFacts().opened(1))
    assert knows(GateFacts().saw(START))


def test_while_all_is_heard_since_a_read_no_read_is_too_old() -> None:
    assert knows(GateFacts().opened(1).saw(START).read(1, START), timedelta(days=1))


@pytest.mark.parametrize(
    "deaf",
    [GateFacts().saw(START), GateFacts().opened(1).saw(START).read(1, START).lost(1, "gone"),
     GateFacts().opened(1).saw(START).read(1, START).lost(1, "gone").opened(2)],
    ids=["never heard", "lost", "heard anew, not read since"],
)  # fmt: skip
def test_while_it_is_not_all_heard_a_read_is_good_for_as_long_as_the_gate_takes_it(deaf: GateFacts) -> None:
    assert knows(deaf, AUDIT_GOOD_FOR)
    assert not knows(deaf, AUDIT_GOOD_FOR + timedelta(microseconds=1))
    assert not gate(deaf).open
