"""How many signals a minute a source may send.

Only who has proven to be the source draws on its budget: whoever merely uses its name leaves it whole.
"""

import math
from datetime import timedelta
from typing import Final

from domain.values import Monotonic

MINUTE_S: Final = 60.0
FORGET_S: Final = 125.0
"""Longer than one signature is good for: twice its window."""


class Bucket:
    """Holds a minute's worth, and fills up evenly."""

    def __init__(self, per_minute: int) -> None:
        self._most = per_minute
        self._left = float(per_minute)
        self._filled_at: timedelta | None = None

    def take(self, now: timedelta) -> float:
        """Take one; 0.0, or after how many seconds there is one again."""
        if self._filled_at is not None:
            since_s = (now - self._filled_at).total_seconds()
            self._left = min(self._most, self._left + since_s * self._most / MINUTE_S)
        self._filled_at = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) * MINUTE_S / self._most


class Budgets:
    """Each source's budget, for new signals and again for repeats. Used on one thread.

    A repeat is a request that was signed and taken before, which others may send as well as its author:
    these have a budget of their own, so that nobody's repeats keep a new signal out. What is remembered is
    bounded by the budget itself: a signature is only kept when it has drawn on it.
    """

    def __init__(self, per_minute: int, monotonic: Monotonic) -> None:
        self._per_minute = per_minute
        self._monotonic = monotonic
        self._buckets: dict[tuple[str, bool], Bucket] = {}
        self._seen: dict[str, timedelta] = {}

    def wait_s(self, source: str, signature: str | None = None) -> int:
        """Draw on the source's budget; 0, or the whole seconds after which it has something again."""
        now = self._monotonic()
        self._forget(now)
        repeated = signature in self._seen
        bucket = self._buckets.setdefault((source, repeated), Bucket(self._per_minute))
        wait_s = math.ceil(bucket.take(now))
        if not wait_s and signature is not None and not repeated:
            self._seen[signature] = now
        return wait_s

    def _forget(self, now: timedelta) -> None:
        """The oldest come first: a dict keeps the order."""
        while self._seen:
            signature, at = next(iter(self._seen.items()))
            if (now - at).total_seconds() <= FORGET_S:
                return
            del self._seen[signature]
