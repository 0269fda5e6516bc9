from itertools import combinations
from typing import Any

import pytest

from domain.config import BotConfig
from domain.rules import Deferred, decide_entry
from domain.signals import Verdict
from domain.trades import OCCUPYING, TradeStatus
from tests.domain.builders import CLOSED, a_signal, dec, facts, later

UNRATED = {"catalyst_tier": 3, "ai_confidence": None}
TINY = BotConfig(trade_size_stars_5=dec("0.99"))

FAILING: dict[str, dict[str, Any]] = {
    "expired": {"now": later(300)},
    "no_rating": {"signal": a_signal(**UNRATED)},
    "duplicate_symbol": {"occupied_by": TradeStatus.OPEN},
    "halted": {"halts": ("the owner said so",)},
    "below_minimum": {"config": TINY},
}
"""What makes each check fail alone, in the order in which the checks decide."""

CHECKS = ["time_to_live", "stars", "symbol_free", "halts", "notional", "gate"]


def verdict(**changes: Any) -> Verdict:
    decided = decide_entry(facts(**changes))
    assert isinstance(decided, Verdict)
    return decided


def test_a_signal_that_passes_every_check_trades() -> None:
    decided = verdict()
    assert (decided.code, decided.reason) == ("trade", "every check passed")
    assert (decided.stars, decided.notional) == (5, dec("100"))
    assert all(check.passed for check in decided.checks)


@pytest.mark.parametrize(
    ("tier", "confidence", "stars", "notional"),
    [(1, "low", 5, "100"), (3, "high", 5, "100"), (3, "medium", 4, "75"), (4, "low", 3, "50")],
)
def test_the_verdict_tells_stars_and_dollars(tier: int, confidence: str, stars: int, notional: str) -> None:
    decided = verdict(signal=a_signal(catalyst_tier=tier, ai_confidence=confidence))
    assert (decided.code, decided.stars, decided.notional) == ("trade", stars, dec(notional))


@pytest.mark.parametrize("code", FAILING)
def test_each_check_that_fails_alone_gives_its_own_verdict(code: str) -> None:
    decided = verdict(**FAILING[code])
    failed = [check for check in decided.checks if not check.passed]
    assert decided.code == code
    assert [check.detail for check in failed] == [decided.reason]


@pytest.mark.parametrize(("first", "second"), list(combinations(FAILING, 2)))
def test_of_two_failed_checks_the_first_decides_and_both_are_told(first: str, second: str) -> None:
    decided = verdict(**FAILING[second] | FAILING[first])
    both = {"no_rating", "below_minimum"} == {first, second}
    assert decided.code == first
    assert [check.passed for check in decided.checks].count(False) == (1 if both else 2)


@pytest.mark.parametrize("code", FAILING)
def test_what_can_never_trade_is_refused_while_the_gate_is_closed(code: str) -> None:
    decided = verdict(**FAILING[code], gate=CLOSED)
    assert decided.code == code
    assert decided.checks[-1] == decided.checks[-1].model_copy(
        update={"name": "gate", "passed": False, "detail": CLOSED.reason}
    )


def test_a_closed_gate_alone_defers_and_decides_nothing() -> None:
    assert decide_entry(facts(gate=CLOSED)) == Deferred(reason=CLOSED.reason)


@pytest.mark.parametrize("code", [*FAILING, "trade"])
def test_every_check_is_listed_in_order(code: str) -> None:
    names = [check.name for check in verdict(**FAILING.get(code, {})).checks]
    # Who is not rated has no notional to check.
    assert names == [name for name in CHECKS if not (code == "no_rating" and name == "notional")]


@pytest.mark.parametrize(("left", "code"), [(0.001, "trade"), (0, "expired"), (-1, "expired")])
def test_time_is_over_at_the_very_end_of_the_time_to_live(left: float, code: str) -> None:
    assert verdict(now=later(300 - left)).code == code


@pytest.mark.parametrize(
    ("size", "code"), [("1", "trade"), ("0.999999", "below_minimum"), ("1.009", "trade")]
)
def test_the_brokers_minimum_is_one_dollar_after_cutting_to_cents(size: str, code: str) -> None:
    assert verdict(config=BotConfig(trade_size_stars_5=dec(size))).code == code


@pytest.mark.parametrize("status", sorted(OCCUPYING))
def test_any_trade_that_has_the_symbol_keeps_a_second_one_out(status: TradeStatus) -> None:
    decided = verdict(occupied_by=status)
    assert decided.reason == f"ACME already has a trade that is {status}"


@pytest.mark.parametrize(
    ("changes", "details"),
    [
        (
            {"now": later(1)},
            ["299.0 s of 300 s left", "tier 1, AI confidence none: 5 stars", "ACME has no other trade",
             "nothing is halted", "100 USD for 5 stars, the broker's minimum is 1 USD",
             "the stream is up and the account is known"],
        ),
        (
            {"now": later(312.5), "halts": ("one", "two"), "config": TINY},
            ["its 300 s ended 12.5 s ago", "tier 1, AI confidence none: 5 stars", "ACME has no other trade",
             "halted: one; two", "0.99 USD for 5 stars, the broker's minimum is 1 USD",
             "the stream is up and the account is known"],
        ),
        (
            {"signal": a_signal(**UNRATED)},
            ["299.0 s of 300 s left", "tier 3, AI confidence none: no rating, no trade",
             "ACME has no other trade", "nothing is halted", "the stream is up and the account is known"],
        ),
    ],
)  # fmt: skip
def test_each_check_tells_its_inputs(changes: dict[str, Any], details: list[str]) -> None:
    assert [check.detail for check in verdict(**changes).checks] == details


def test_a_decision_depends_on_nothing_but_its_facts() -> None:
    assert decide_entry(facts()) == decide_entry(facts())
