"""What the trading stream has told of late, to hold beside what reads of the account show."""

from collections import OrderedDict
from decimal import Decimal
from typing import Final

from domain.orders import OrderUpdate, is_done
from domain.values import ZERO

REMEMBERED: Final = 4096
"""Of so many orders the last word is kept."""
NOTHING_TO_TELL: Final = frozenset({"accepted", "pending_new"})
"""What an order is before its first event."""


class StreamMemory:
    """The stream's last word on orders, by the broker's id. Of one thread."""

    def __init__(self) -> None:
        self._told: OrderedDict[str, tuple[Decimal, bool]] = OrderedDict()
        """Shares filled, and whether it was the end."""

    def __contains__(self, broker_order_id: str) -> bool:
        return broker_order_id in self._told

    def add(self, update: OrderUpdate) -> None:
        """The stream has told this."""
        before, done = self._told.pop(update.broker_order_id, (ZERO, False))
        done = done or is_done(update.status, update.time_in_force)
        self._told[update.broker_order_id] = (max(before, update.filled_qty), done)
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)

    def covers(self, update: OrderUpdate) -> bool:
        """Whether the stream has told as much of an order as this read shows."""
        told = self._told.get(update.broker_order_id)
        if told is None:
            return update.status in NOTHING_TO_TELL
        filled, done = told
        return filled >= update.filled_qty and (done or not is_done(update.status, update.time_in_force))
