"""How many requests may still leave this minute, shared by all threads.

Alpaca allows an account so many requests a minute and tells in each answer what is left. Nothing here
sleeps: a request over the budget is held back and its caller told when to come again. The last few
requests of a minute belong to orders and cancels; reads leave them alone.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

WINDOW_S: Final = 60.0
RESERVED_FOR_ORDERS: Final = 20
SHORTEST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 120.0
"""A clock that is off, or a proxy's idea of Retry-After, must not stop trading for the day."""
_TOO_MANY_REQUESTS: Final = 429


class BudgetSeen(NamedTuple):
    """What is left of the requests of this minute."""

    limit: int | None
    """A minute, by our own count; None: we count none."""
    left: int | None
    """None: neither we count nor has the broker told."""
    held_s: float
    """Seconds in which nothing is sent, as the broker asked for."""


class Budget:
    """Counts our requests over any 60 seconds, and believes Alpaca where it says less is left."""

    def __init__(
        self,
        *,
        rate_per_min: int,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._rate = rate_per_min
        # A small rate keeps most of itself for reads, or the account could never be looked at.
        self._reserve = min(RESERVED_FOR_ORDERS, rate_per_min // 4) if rate_per_min else 0
        self._monotonic = monotonic
        self._wall = wall
        self._lock = threading.Lock()
        self._taken: deque[float] = deque()
        self._left: int | None = None
        self._reset_at = 0.0
        self._held_until = 0.0

    def take(self, *, for_order: bool) -> float:
        """Take one request: 0.0, or the seconds until it is worth asking again, with nothing taken."""
        with self._lock:
            now = self._monotonic()
            kept = 0 if for_order else self._reserve
            wait = max(self._held_until - now, self._told_wait(now, kept), self._own_wait(now, kept))
            if wait > 0:
                return wait
            if self._rate:
                self._taken.append(now)
            if self._left is not None:
                self._left -= 1
            return 0.0

    def seen(self) -> BudgetSeen:
        """How it stands, with nothing taken."""
        with self._lock:
            now = self._monotonic()
            self._own_wait(now, 0)  # forgets what is older than a minute
            own = self._rate - len(self._taken) if self._rate else None
            told = self._left if now < self._reset_at else None
            left = min((each for each in (own, told) if each is not None), default=None)
            return BudgetSeen(
                self._rate or None,
                None if left is None else max(0, left),
                max(0.0, self._held_until - now),
            )

    def heed(self, status: int, headers: Mapping[str, str]) -> float:
        """Learn from an answer. After a 429, the seconds in which nothing will be sent; else 0.0."""
        with self._lock:
            now = self._monotonic()
            self._learn_left(now, headers)
            if status != _TOO_MANY_REQUESTS:
                return 0.0
            told = max(_number(headers, "Retry-After") or 0.0, self._until_reset(headers) or 0.0)
            wait = _bounded(told)
            self._held_until = max(self._held_until, now + wait)
            return wait

    def _own_wait(self, now: float, kept: int) -> float:
        if not self._rate:
            return 0.0
        while self._taken and self._taken[0] <= now - WINDOW_S:
            self._taken.popleft()
        over = len(self._taken) - (self._rate - kept)
        return self._taken[over] + WINDOW_S - now if over >= 0 else 0.0

    def _told_wait(self, now: float, kept: int) -> float:
        if self._left is None:
            return 0.0
        if now >= self._reset_at:
            self._left = None
            return 0.0
        # Without a limit of ours there is still Alpaca's, and the last of it is for orders.
        return 0.0 if self._left > kept else self._reset_at - now

    def _learn_left(self, now: float, headers: Mapping[str, str]) -> None:
        left, until_reset = _number(headers, "X-RateLimit-Remaining"), self._until_reset(headers)
        if left is None or until_reset is None:
            return
        reset_at = now + min(max(until_reset, 0.0), WINDOW_S)
        # Answers overtake each other between threads: within one window the lowest word stands.
        # Reset comes in whole seconds, so two words on the same window may differ by one.
        if self._left is None or now >= self._reset_at or reset_at > self._reset_at + 2.0:
            self._left, self._reset_at = int(left), reset_at
        else:
            self._left = min(self._left, int(left))

    def _until_reset(self, headers: Mapping[str, str]) -> float | None:
        reset = _number(headers, "X-RateLimit-Reset")
        return None if reset is None else reset - self._wall()


def _bounded(seconds: float) -> float:
    return min(max(seconds, SHORTEST_WAIT_S), LONGEST_WAIT_S)


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        value = float(headers.get(name, ""))
    except ValueError:
        return None
    return value if 0 <= value < 1e12 else None  # noqa: PLR2004 - drops nan, inf and what is no number of seconds
