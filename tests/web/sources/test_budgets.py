from dataclasses import dataclass
from datetime import timedelta

from web.sources.budgets import FORGET_S, Budgets


@dataclass
class Watch:
    at: timedelta = timedelta(0)

    def __call__(self) -> timedelta:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def test_a_minutes_worth_may_come_at_once_and_then_one_as_each_is_due() -> None:
    watch = Watch()
    budgets = Budgets(6, watch)
    assert [budgets.wait_s("a") for _ in range(7)] == [0] * 6 + [10]
    watch.advance(9.5)
    assert budgets.wait_s("a") == 1
    watch.advance(0.5)
    assert [budgets.wait_s("a"), budgets.wait_s("a")] == [0, 10]


def test_what_is_not_used_is_not_saved_up() -> None:
    watch = Watch()
    budgets = Budgets(3, watch)
    budgets.wait_s("a")
    watch.advance(3600)
    assert [budgets.wait_s("a") for _ in range(4)] == [0, 0, 0, 20]


def test_each_source_has_its_own() -> None:
    budgets = Budgets(1, Watch())
    assert [budgets.wait_s("a"), budgets.wait_s("a"), budgets.wait_s("b")] == [0, 60, 0]


def test_repeats_of_one_request_leave_the_budget_for_new_ones() -> None:
    budgets = Budgets(3, Watch())
    assert budgets.wait_s("a", "one") == 0
    assert [budgets.wait_s("a", "one") for _ in range(50)] == [0] * 3 + [20] * 47
    assert [budgets.wait_s("a", "two"), budgets.wait_s("a", "three")] == [0, 0]


def test_a_signature_that_found_no_budget_is_new_the_next_time() -> None:
    watch = Watch()
    budgets = Budgets(1, watch)
    assert [budgets.wait_s("a", "one"), budgets.wait_s("a", "two")] == [0, 60]
    watch.advance(60)
    assert [budgets.wait_s("a", "two"), budgets.wait_s("a", "three")] == [0, 60]


def test_signatures_are_forgotten_when_none_of_them_is_good_any_more() -> None:
    watch = Watch()
    budgets = Budgets(1, watch)
    budgets.wait_s("a", "one")
    for _ in range(5):
        watch.advance(FORGET_S + 1)
        budgets.wait_s("a", f"at {watch.at}")
    assert len(budgets._seen) == 1
