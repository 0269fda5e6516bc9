"""So many wrong tries a while: guessing gets slow, and fills no log."""

import math
from collections.abc import Callable
from threading import Lock
from typing import Final

from web.errors import Refusal

MOST: Final = 5
"""Wrong tries at once."""
PAUSE_S: Final = 12
"""Seconds after which one more is allowed."""


class Throttle:
    """Counts wrong tries; any thread."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._free_at = 0.0
        """When all tries are free again."""

    def wait_s(self) -> int:
        """Whole seconds until one more wrong try is allowed; 0: it is now."""
        with self._lock:
            return self._wait_s()

    def failed(self) -> int:
        """One more wrong try: 0, or the seconds to wait where there was none left."""
        with self._lock:
            wait = self._wait_s()
            if not wait:
                self._free_at = max(self._free_at, self._monotonic()) + PAUSE_S
            return wait

    def _wait_s(self) -> int:
        ahead = self._free_at - self._monotonic()
        return max(0, math.ceil(ahead - (MOST - 1) * PAUSE_S))


def too_many(wait_s: int, what: str) -> Refusal:
    """429: try again later."""
    return Refusal(
        429,
        "too_many_attempts",
        f"Too many wrong tries {what}. Nothing was done.",
        f"Try again in {wait_s} s; a program with a token in its Authorization header is not held up.",
        headers={"Retry-After": str(wait_s)},
    )
