from datetime import timedelta
from typing import Any

import pytest

from persistence.rows import JournalRow
from tests.domain.builders import NOW
from watch.timings import REMEMBERED, Observed, Timings

T0 = NOW.timestamp()


def row(kind: str, ref: str, ms: int, **payload: Any) -> JournalRow:
    return JournalRow(seq=1, at=NOW + timedelta(milliseconds=ms), kind=kind, ref=ref, payload=payload)


def received(ms: int = 0) -> JournalRow:
    return row("signal_received", "s1", ms, source="test")


def intended(ms: int, leg: str = "entry") -> JournalRow:
    return row("order_intended", "sf-1", ms, leg=leg, source="test", signal_id="s1")


def heard(ms: int, filled: str = "0", status: str = "new") -> JournalRow:
    return row("order_heard", "sf-1", ms, status=status, filled_qty=filled)


def steps(observed: list[Observed]) -> dict[str, int]:
    return {step: round(seconds * 1000) for step, _, seconds in observed}


def test_each_step_of_a_buy_is_timed_once() -> None:
    timings = Timings()
    assert steps(timings.observed(received(0))) == {}
    assert steps(timings.observed(intended(40))) == {"signal_to_plan": 40}
    assert steps(timings.posted("sf-1", "entry", T0 + 0.050)) == {"plan_to_post": 10}
    assert steps(timings.observed(heard(120))) == {}
    assert steps(timings.observed(heard(300, "1"))) == {"ack_to_fill": 180, "signal_to_fill": 300}
    assert timings.observed(heard(900, "2")) == []
    assert timings.posted("sf-1", "entry", T0 + 5) == []


def test_a_post_that_is_told_before_its_intent_is_timed_too() -> None:
    timings = Timings()
    timings.observed(received(0))
    assert timings.posted("sf-1", "entry", T0 + 0.050) == []
    assert steps(timings.observed(intended(40))) == {"signal_to_plan": 40, "plan_to_post": 10}


def test_a_fill_that_is_the_first_word_took_no_time_after_it() -> None:
    timings = Timings()
    timings.observed(intended(0, "exit"))
    assert timings.observed(heard(10, "1")) == [("ack_to_fill", "exit", 0.0)]


def test_a_resting_stop_is_not_timed_and_nor_is_what_began_before_the_process() -> None:
    timings = Timings()
    timings.observed(intended(0, "stop"))
    assert timings.observed(heard(10, "1")) == []
    assert Timings().observed(heard(10, "1")) == []


def test_a_step_of_the_clock_backwards_is_no_negative_time() -> None:
    timings = Timings()
    timings.observed(received(100))
    assert steps(timings.observed(intended(40))) == {"signal_to_plan": 0}


@pytest.mark.parametrize(
    ("rows", "outcomes"),
    [
        ([heard(1), heard(2, "1"), heard(3, "2", "filled"), heard(4, "2", "filled")], ["accepted", "filled"]),
        ([row("order_refused", "sf-1", 1, reason="x")], ["refused"]),
        ([row("order_unresolved", "sf-1", 1), heard(2)], ["unresolved", "accepted"]),
    ],
)
def test_what_came_of_an_order_is_told_once_each(rows: list[JournalRow], outcomes: list[str]) -> None:
    timings = Timings()
    timings.observed(intended(0))
    told = [timings.outcome(each) for each in rows]
    assert [each for each in told if each is not None] == [("entry", outcome) for outcome in outcomes]


def test_what_never_comes_to_an_end_is_forgotten_in_time() -> None:
    timings = Timings()
    for number in range(2 * REMEMBERED):
        timings.observed(row("signal_received", f"s{number}", 0, source="test"))
        timings.posted(f"sf-{number}", "entry", T0)
    assert len(timings._received) == len(timings._posted) == REMEMBERED
