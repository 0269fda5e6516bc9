"""Pages of a list: newest first, each with a cursor to the next that no later row can shift."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from persistence.rows import Page

MAX_LIMIT: Final = 500
"""Rows in one answer at most."""
LAST_ID: Final = 2**63 - 1
"""SQLite's highest row id; what is above cannot even be asked for."""

Item = TypeVar("Item")


def bounded(limit: int) -> int:
    if limit < 1:
        raise ValueError("a page holds one row at least")
    return min(limit, MAX_LIMIT)


def page_of(
    kind: str,
    rows: Sequence[tuple[Any, ...]],
    limit: int,
    *,
    key: Callable[[tuple[Any, ...]], int],
    item: Callable[[tuple[Any, ...]], Item],
    page: type[Page[Item]],
) -> Page[Item]:
    """The page of `rows`, which are one more than `limit` if another page follows."""
    shown = rows[:limit]
    more = len(rows) > limit
    return page(items=tuple(map(item, shown)), next=cursor_of(kind, key(shown[-1])) if more else None)


def cursor_of(kind: str, last: int) -> str:
    """Where a page ended, so that the next begins there whatever was added meanwhile."""
    return base64.urlsafe_b64encode(f"{kind}{last}".encode()).decode().rstrip("=")


def row_before(kind: str, cursor: str | None) -> int:
    """The row id that the page ends before."""
    if cursor is None:
        return LAST_ID
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode(
            "ascii"
        )
    except (binascii.Error, ValueError):
        text = ""
    number = text.removeprefix(kind)
    ours = text != number and number.isdecimal() and len(number) <= len(str(LAST_ID))
    if not ours or int(number) > LAST_ID or cursor_of(kind, int(number)) != cursor:
        raise ValueError("this cursor does not come from a list of this kind")
    return int(number)
