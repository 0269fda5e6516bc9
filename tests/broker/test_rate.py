"""How many requests may leave a minute, and who goes first."""

import threading
from collections.abc import Mapping

import pytest

from broker.rate import LONGEST_WAIT_S, RESERVED_FOR_ORDERS, SHORTEST_WAIT_S, WINDOW_S, Budget

WALL = 1_794_000_000.0


class Time:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return WALL + self.now - 1000.0


def a_budget(rate_per_min: int = 200) -> tuple[Budget, Time]:
    time = Time()
    return Budget(rate_per_min=rate_per_min, monotonic=time.monotonic, wall=time.wall), time


def left(remaining: int, *, reset_in: float) -> Mapping[str, str]:
    return {"X-RateLimit-Remaining": str(remaining), "X-RateLimit-Reset": str(int(WALL + reset_in))}


def taken(budget: Budget, *, for_order: bool) -> int:
    """How many requests leave before the first is held back."""
    count = 0
    while not budget.take(for_order=for_order):
        count += 1
        assert count < 10_000
    return count


def test_no_minute_sees_more_requests_than_the_rate() -> None:
    budget, time = a_budget(30)
    assert taken(budget, for_order=True) == 30
    time.now += WINDOW_S - 0.5
    assert budget.take(for_order=True) == pytest.approx(0.5)
    time.now += 0.5
    assert taken(budget, for_order=True) == 30


def test_what_was_held_back_costs_nothing() -> None:
    budget, time = a_budget(2)
    taken(budget, for_order=True)
    for _ in range(10):
        assert budget.take(for_order=True) > 0
    time.now += WINDOW_S
    assert taken(budget, for_order=True) == 2


def test_reads_leave_a_reserve_to_orders() -> None:
    budget, _ = a_budget(200)
    assert taken(budget, for_order=False) == 200 - RESERVED_FOR_ORDERS
    assert taken(budget, for_order=True) == RESERVED_FOR_ORDERS


def test_a_small_rate_still_lets_reads_through() -> None:
    budget, _ = a_budget(8)
    assert taken(budget, for_order=False) == 6


def test_a_held_back_read_learns_when_there_is_room_for_a_read() -> None:
    budget, time = a_budget(40)
    for _ in range(40):
        budget.take(for_order=True)
        time.now += 1
    # 10 are for orders: a read has to wait until the eleventh request is a minute old.
    assert budget.take(for_order=False) == pytest.approx(30)
    time.now += 30
    assert budget.take(for_order=False) == 0


def test_no_rate_is_no_limit_of_ours() -> None:
    budget, _ = a_budget(0)
    assert all(budget.take(for_order=False) == 0 for _ in range(1000))


@pytest.mark.parametrize("rate", [0, 200])
def test_alpacas_word_on_what_is_left_is_believed(rate: int) -> None:
    budget, time = a_budget(rate)
    budget.heed(200, left(3, reset_in=20))
    assert taken(budget, for_order=True) == 3
    assert budget.take(for_order=True) == pytest.approx(20)
    time.now += 20
    assert budget.take(for_order=True) == 0


def test_reads_leave_the_last_of_alpacas_count_to_orders() -> None:
    budget, _ = a_budget(200)
    budget.heed(200, left(RESERVED_FOR_ORDERS, reset_in=20))
    assert budget.take(for_order=False) == pytest.approx(20)
    assert budget.take(for_order=True) == 0


def test_an_answer_that_was_overtaken_does_not_raise_what_is_left() -> None:
    budget, _ = a_budget(200)
    budget.heed(200, left(1, reset_in=20))
    budget.heed(200, left(5, reset_in=21))
    assert taken(budget, for_order=True) == 1


def test_the_next_window_begins_with_what_alpaca_says() -> None:
    budget, time = a_budget(200)
    budget.heed(200, left(0, reset_in=2))
    time.now += 1
    budget.heed(200, left(50, reset_in=61))
    assert taken(budget, for_order=True) == 50


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"X-RateLimit-Reset": str(int(WALL) + 30)}, 30.0),
        ({"Retry-After": "7", "X-RateLimit-Reset": str(int(WALL) + 30)}, 30.0),
        ({"Retry-After": "40", "X-RateLimit-Reset": str(int(WALL) + 30)}, 40.0),
        ({}, SHORTEST_WAIT_S),
        ({"Retry-After": "0"}, SHORTEST_WAIT_S),
        ({"Retry-After": "-5"}, SHORTEST_WAIT_S),
        ({"Retry-After": "nan"}, SHORTEST_WAIT_S),
        ({"Retry-After": "Thu, 12 Nov 2026 15:00:00 GMT"}, SHORTEST_WAIT_S),
        ({"X-RateLimit-Reset": str(int(WALL) - 30)}, SHORTEST_WAIT_S),
        ({"Retry-After": "86400"}, LONGEST_WAIT_S),
        ({"X-RateLimit-Reset": "99999999999"}, LONGEST_WAIT_S),
    ],
)
def test_after_a_429_nothing_leaves_for_as_long_as_told_within_bounds(
    headers: dict[str, str], wait: float
) -> None:
    budget, time = a_budget(200)
    assert budget.heed(429, headers) == pytest.approx(wait)
    assert budget.take(for_order=True) == pytest.approx(wait)
    time.now += wait
    assert budget.take(for_order=True) == 0


def test_other_answers_hold_nothing_back() -> None:
    budget, _ = a_budget(200)
    assert budget.heed(503, {"Retry-After": "60"}) == 0
    assert budget.take(for_order=False) == 0


def test_threads_share_one_budget() -> None:
    budget, _ = a_budget(100)
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(taken(budget, for_order=True))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert sum(counts) == 100
