"""How long the steps of a trade take, and what comes of orders: from journal rows and the moments of POSTs.

The rows come a moment after their commits, so a POST may be told before the intent that it follows. What is
waited for is remembered within bounds; what was begun before this process is not timed.
"""

import threading
from collections import OrderedDict
from decimal import Decimal, InvalidOperation
from typing import Final, Generic, TypeVar

from persistence.rows import JournalRow

REMEMBERED: Final = 10_000
Key = TypeVar("Key")
Value = TypeVar("Value")

Observed = tuple[str, str, float]
"""Step, leg, seconds."""
NEVER_TIMED: Final = frozenset({"stop"})
"""A stop rests; when it is filled says nothing of us."""
KINDS: Final = {
    "order_intended": "intended",
    "order_refused": "refused",
    "order_unresolved": "unresolved",
    "order_not_sent": "not_sent",
    "order_lapsed": "lapsed",
}
"""What a row says of an order, by its kind."""
ENDS: Final = frozenset({"filled", "canceled", "expired", "rejected", "replaced", "done_for_day"})


class _Bounded(OrderedDict[Key, Value], Generic[Key, Value]):
    """The oldest gives way."""

    def __setitem__(self, key: Key, value: Value) -> None:
        super().__setitem__(key, value)
        while len(self) > REMEMBERED:
            self.popitem(last=False)


class Timings:
    """`posted` is for the lanes' threads, the rest for the tail's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received: _Bounded[tuple[str, str], float] = _Bounded()
        self._intended: _Bounded[str, float] = _Bounded()
        self._posted: _Bounded[str, tuple[str, float]] = _Bounded()
        self._legs: _Bounded[str, str] = _Bounded()
        self._bought_for: _Bounded[str, float] = _Bounded()
        """By order: when its signal was received; for buys that have no fill yet."""
        self._heard: _Bounded[str, float] = _Bounded()
        """When the broker first told of an order that has no fill yet."""
        self._told: _Bounded[tuple[str, str], None] = _Bounded()

    def posted(self, client_order_id: str, leg: str, at: float) -> list[Observed]:
        """A POST began at this Unix time; the first of an order is timed."""
        with self._lock:
            intended = self._intended.pop(client_order_id, None)
            if intended is not None:
                return [("plan_to_post", leg, max(0.0, at - intended))]
            if client_order_id not in self._legs:  # its intent has not been read yet
                self._posted.setdefault(client_order_id, (leg, at))
            return []

    def observed(self, row: JournalRow) -> list[Observed]:
        """The steps that this row ends."""
        at, told = row.at.timestamp(), row.payload
        if row.kind == "signal_received":
            self._received[str(told.get("source")), row.ref] = at
        elif row.kind == "order_intended":
            return self._planned(row, at)
        elif row.kind == "order_heard":
            return self._heard_of(row, at)
        return []

    def outcome(self, row: JournalRow) -> tuple[str, str] | None:
        """The leg and the outcome that a row tells of its order, once each; None: nothing new."""
        outcome = KINDS.get(row.kind)
        if row.kind == "order_heard":
            status = str(row.payload.get("status"))
            outcome = status if status in ENDS else "accepted"
        if outcome is None or (row.ref, outcome) in self._told:
            return None
        self._told[row.ref, outcome] = None
        return self._legs.get(row.ref, "unknown"), outcome

    def _planned(self, row: JournalRow, at: float) -> list[Observed]:
        leg = str(row.payload.get("leg"))
        steps: list[Observed] = []
        with self._lock:
            self._legs[row.ref] = leg
            posted = self._posted.pop(row.ref, None)
            if posted is None:
                self._intended[row.ref] = at
            else:
                steps.append(("plan_to_post", leg, max(0.0, posted[1] - at)))
        name = (str(row.payload.get("source")), str(row.payload.get("signal_id")))
        received = self._received.pop(name, None)
        if leg == "entry" and received is not None:
            self._bought_for[row.ref] = received
            steps.append(("signal_to_plan", leg, max(0.0, at - received)))
        return steps

    def _heard_of(self, row: JournalRow, at: float) -> list[Observed]:
        leg = self._legs.get(row.ref)
        if leg is None or leg in NEVER_TIMED:
            return []
        if (row.ref, "filled at all") in self._told:
            return []
        first = self._heard.setdefault(row.ref, at)
        if not _is_positive(row.payload.get("filled_qty")):
            return []
        self._told[row.ref, "filled at all"] = None
        self._heard.pop(row.ref, None)
        steps: list[Observed] = [("ack_to_fill", leg, max(0.0, at - first))]
        received = self._bought_for.pop(row.ref, None)
        if received is not None:
            steps.append(("signal_to_fill", leg, max(0.0, at - received)))
        return steps


def _is_positive(text: object) -> bool:
    try:
        return Decimal(str(text)) > 0
    except InvalidOperation:
        return False
