from collections.abc import Callable
from itertools import permutations

import pytest

from domain.gate import GateFacts

UP = GateFacts().opened(1).read(1)


def test_the_gate_is_closed_before_anything_is_known() -> None:
    gate = GateFacts().gate()
    assert (gate.open, gate.reason) == (False, "the trading stream is not connected yet")


def test_the_gate_opens_when_fills_are_heard_and_the_account_is_known() -> None:
    assert UP.gate().open


def test_a_stream_alone_does_not_open_the_gate() -> None:
    gate = GateFacts().opened(1).gate()
    assert (gate.open, gate.reason) == (False, "the account has not been read since the stream opened")


def test_a_snapshot_alone_does_not_open_the_gate() -> None:
    assert not GateFacts().read(1).gate().open


def test_a_snapshot_of_an_older_connection_does_not_open_the_gate() -> None:
    assert not UP.opened(2).gate().open
    assert UP.opened(2).read(2).gate().open


def test_a_lost_stream_closes_the_gate_and_says_why() -> None:
    gate = UP.lost(1, "ping timeout").gate()
    assert (gate.open, gate.reason) == (False, "the trading stream is down: ping timeout")


def test_the_end_of_a_replaced_connection_changes_nothing() -> None:
    up = UP.opened(2).read(2)
    assert up.lost(1, "its late goodbye") == up


def test_the_end_of_a_connection_that_never_opened_closes_the_gate() -> None:
    assert not UP.lost(2, "the newer one failed").gate().open


def test_after_a_loss_the_account_has_to_be_read_again() -> None:
    again = UP.lost(1, "gone").opened(2)
    assert not again.gate().open
    assert again.read(2).gate().open


STEPS: list[Callable[[GateFacts], GateFacts]] = [
    lambda facts: facts.opened(1),
    lambda facts: facts.read(1),
    lambda facts: facts.refused("access key verification failed"),
]


@pytest.mark.parametrize("steps", list(permutations(STEPS)))
def test_refused_keys_close_the_gate_for_good(
    steps: tuple[Callable[[GateFacts], GateFacts], ...],
) -> None:
    facts = GateFacts()
    for step in steps:
        facts = step(facts)
    assert facts.opened(2).read(2).gate().reason == (
        "the broker refuses the keys: access key verification failed"
    )
    assert not facts.opened(2).read(2).gate().open
