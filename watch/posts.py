"""How long an intent waits for its POST. The two are told by two threads, in either order.

What is waited for is remembered within bounds; what was intended before this process is not timed.
"""

import threading
from collections import OrderedDict
from typing import Final

REMEMBERED: Final = 10_000


class Posts:
    """Times are Unix times. Any thread; each method tells the seconds, once an order, or None."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._intended: OrderedDict[str, float] = OrderedDict()
        self._posted: OrderedDict[str, float] = OrderedDict()
        self._timed: OrderedDict[str, float] = OrderedDict()

    def posted(self, client_order_id: str, at: float) -> float | None:
        """A POST of this order began; it may be a later one."""
        with self._lock:
            if client_order_id in self._timed or client_order_id in self._posted:
                return None
            begun = self._intended.pop(client_order_id, None)
            if begun is None:  # the intent's row is read a moment after its commit
                _remember(self._posted, client_order_id, at)
                return None
            _remember(self._timed, client_order_id, at)
        return max(0.0, at - begun)

    def intended(self, client_order_id: str, at: float) -> float | None:
        """The intent of this order became durable."""
        with self._lock:
            posted = self._posted.pop(client_order_id, None)
            if posted is None:
                _remember(self._intended, client_order_id, at)
                return None
            _remember(self._timed, client_order_id, at)
        return max(0.0, posted - at)


def _remember(kept: OrderedDict[str, float], key: str, at: float) -> None:
    kept[key] = at
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
