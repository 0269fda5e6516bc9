"""Reads of many pages that either hold everything or fail: a part of a list looks like a whole one."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from broker import wire
from broker.api import ReadFailed
from broker.bodies import Order
from domain.orders import OrderUpdate
from domain.reconcile import FillActivity

PAGE_OF_ORDERS: Final = 500
PAGE_OF_FILLS: Final = 100
MAX_PAGES: Final = 1000
"""Beyond that the broker is telling the same pages again and again."""

_OVERLAPS: Final = (timedelta(milliseconds=1), timedelta(microseconds=1))
"""How far pages of orders overlap. Orders can share a time, Alpaca counts it in nanoseconds and we in
microseconds, so a page begins a little before the last one's end. The narrow one is for the case that
the wide one holds a whole page."""


def all_orders(
    page: Callable[[datetime | None], list[Order] | ReadFailed], after: datetime | None
) -> tuple[OrderUpdate, ...] | ReadFailed:
    """All orders that `page`, which gives those submitted later than its argument, has to give."""
    found: dict[str, OrderUpdate] = {}
    overlaps = iter(_OVERLAPS)
    overlap = next(overlaps)
    for _ in range(MAX_PAGES):
        told = page(after)
        if isinstance(told, ReadFailed):
            return told
        known = len(found)
        try:
            # Of two words on one order the later read is the newer.
            found.update((order.id, wire.order_update(order)) for order in told)
            last = _submitted_at(told)
        except wire.UNREADABLE as error:
            return ReadFailed(why=f"unreadable order: {type(error).__name__}")
        if len(told) < PAGE_OF_ORDERS:
            return tuple(found.values())
        if len(found) == known:
            overlap = next(overlaps, timedelta())
        if not overlap or last is None:
            break
        after = last - overlap
    return ReadFailed(why="the pages of orders do not come to an end")


def _submitted_at(told: list[Order]) -> datetime | None:
    return max((wire.moment(each.submitted_at) for each in told if each.submitted_at), default=None)


def all_fills(
    page: Callable[[str | None], list[FillActivity] | ReadFailed], most: int | None = None
) -> tuple[FillActivity, ...] | ReadFailed:
    """All executions that `page`, which gives those after the activity of its argument, has to give.

    With `most`, no more pages than are needed for so many.
    """
    found: dict[str, FillActivity] = {}
    token: str | None = None
    for _ in range(MAX_PAGES):
        told = page(token)
        if isinstance(told, ReadFailed):
            return told
        known = len(found)
        found.update((fill.activity_id, fill) for fill in told)
        if len(told) < PAGE_OF_FILLS or (most is not None and len(found) >= most):
            return tuple(found.values())
        if len(found) == known:
            break
        token = told[-1].activity_id
    return ReadFailed(why="the pages of executions do not come to an end")
