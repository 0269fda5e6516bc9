"""The long lists, filtered and sorted in SQL: signals, trades, orders. Any thread, frozen models out.

A page is found by what its first row is sorted by and its row id, so no row that is added shifts it.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeVar, get_args

from domain.orders import OrderRecord
from domain.trades import TradeRecord
from persistence.codec import micros_of
from persistence.orders_table import RECORD_COLUMNS, record_of
from persistence.queries.ledger import SIGNAL_VIEW, view_of
from persistence.queries.pages import LAST_ID, bounded
from persistence.queries.snapshot import snapshot
from persistence.rows import Page, SignalView
from persistence.store import LedgerStore
from persistence.trades_table import TRADE_COLUMNS, trade_of

Item = TypeVar("Item")

TradeSort = Literal[
    "created_at",
    "-created_at",
    "pnl",
    "-pnl",
    "exit_at",
    "-exit_at",
    "notional",
    "-notional",
    "symbol",
    "-symbol",
]
"""A minus: the largest first. By `pnl` and `exit_at` only trades that have one are listed."""
TRADE_SORTS: Final = get_args(TradeSort)

_SORTED_BY: Final = {
    "created_at": "t.id",
    "pnl": "CAST(t.pnl AS REAL)",
    "exit_at": "t.exit_at",
    "notional": "CAST(t.notional AS REAL)",
    "symbol": "t.symbol",
}
_HAS: Final = {"pnl": "t.pnl IS NOT NULL", "exit_at": "t.exit_at IS NOT NULL"}
_TRADES: Final = ", ".join(f"t.{name}" for name in TRADE_COLUMNS)
_ORDERS: Final = ", ".join(f"o.{name}" for name in RECORD_COLUMNS)


class SignalFilter(NamedTuple):
    """None: of all."""

    state: str | None = None
    verdict: str | None = None
    symbol: str | None = None
    source: str | None = None
    stars: int | None = None
    since: datetime | None = None
    """Received from then on."""
    until: datetime | None = None
    """Received before then."""
    text: str | None = None
    """In its id, symbol or category, whatever the case."""


class TradeFilter(NamedTuple):
    """None: of all."""

    statuses: Sequence[str] = ()
    symbol: str | None = None
    stars: int | None = None
    exit_reason: str | None = None
    since: datetime | None = None
    """Planned from then on."""
    until: datetime | None = None
    text: str | None = None
    """In its symbol or its signal's id, whatever the case."""


class OrderFilter(NamedTuple):
    """None: of all."""

    symbol: str | None = None
    life: str | None = None
    leg: str | None = None
    trade_id: int | None = None
    since: datetime | None = None
    """Intended from then on."""
    until: datetime | None = None


class _Where:
    """Conditions that all have to hold, with their values."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.values: list[object] = []

    def add(self, condition: str, *values: object) -> None:
        """Unless the only value is None."""
        if values != (None,):
            self._conditions.append(condition)
            self.values += values

    def between(self, column: str, since: datetime | None, until: datetime | None) -> None:
        self.add(f"{column} >= ?", None if since is None else micros_of(since))
        self.add(f"{column} < ?", None if until is None else micros_of(until))

    def text(self, wanted: str | None, *columns: str) -> None:
        """Any of the columns has the text in it."""
        if wanted:
            escaped = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            self.add(
                "(" + " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in columns) + ")",
                *([f"%{escaped}%"] * len(columns)),
            )

    def __str__(self) -> str:
        return " WHERE " + " AND ".join(self._conditions) if self._conditions else ""


class ListQueries:
    """Pages of lists. ValueError for a cursor that is none of this list, sorted as it is."""

    def __init__(self, store: LedgerStore) -> None:
        self._path = store.path

    def signals(self, wanted: SignalFilter, *, limit: int, cursor: str | None = None) -> Page[SignalView]:
        """Newest first."""
        where = _Where()
        where.add("s.state = ?", wanted.state)
        where.add("s.verdict_code = ?", wanted.verdict)
        where.add("s.symbol = ?", wanted.symbol)
        where.add("s.source = ?", wanted.source)
        where.add("s.stars = ?", wanted.stars)
        where.between("s.received_at", wanted.since, wanted.until)
        where.text(wanted.text, "s.signal_id", "s.symbol", "s.catalyst_category")
        if cursor is not None:
            where.add("s.id < ?", _place("signals", cursor)[1])
        rows = self._rows(f"{SIGNAL_VIEW}{where} ORDER BY s.id DESC LIMIT ?", where, limit)
        return _page(rows, limit, view_of, lambda row: _cursor("signals", None, row[0]))

    def trades(
        self, wanted: TradeFilter, *, limit: int, cursor: str | None = None, sort: TradeSort = "-created_at"
    ) -> Page[TradeRecord]:
        """Sorted as is said; of equals, the same way by age."""
        name, falling = sort.lstrip("-"), sort.startswith("-")
        key, than, order = _SORTED_BY[name], "<" if falling else ">", "DESC" if falling else "ASC"
        where = _Where()
        if wanted.statuses:
            where.add(f"t.status IN ({', '.join('?' * len(wanted.statuses))})", *wanted.statuses)
        where.add("t.symbol = ?", wanted.symbol)
        where.add("t.stars = ?", wanted.stars)
        where.add("t.exit_reason = ?", wanted.exit_reason)
        where.between("t.created_at", wanted.since, wanted.until)
        where.text(wanted.text, "t.symbol", "t.signal_id")
        if name in _HAS:
            where.add(_HAS[name])
        if cursor is not None:
            value, row_id = _place(sort, cursor)
            if name == "created_at":
                where.add(f"t.id {than} ?", row_id)
            else:
                where.add(f"({key}, t.id) {than} (?, ?)", value, row_id)
        rows = self._rows(
            f"SELECT {key}, {_TRADES} FROM bot_trade t{where} ORDER BY {key} {order}, t.id {order} LIMIT ?",  # noqa: S608
            where,
            limit,
        )
        return _page(rows, limit, lambda row: trade_of(row[1:]), lambda row: _cursor(sort, row[0], row[1]))

    def orders(self, wanted: OrderFilter, *, limit: int, cursor: str | None = None) -> Page[OrderRecord]:
        """Newest intent first."""
        where = _Where()
        if wanted.symbol is not None:
            where.add("o.trade_id IN (SELECT id FROM bot_trade WHERE symbol = ?)", wanted.symbol)
        where.add("o.life = ?", wanted.life)
        where.add("o.leg = ?", wanted.leg)
        where.add("o.trade_id = ?", wanted.trade_id)
        where.between("o.planned_at", wanted.since, wanted.until)
        if cursor is not None:
            where.add("o.rowid < ?", _place("orders", cursor)[1])
        rows = self._rows(
            f"SELECT o.rowid, {_ORDERS} FROM bot_order o{where} ORDER BY o.rowid DESC LIMIT ?",  # noqa: S608
            where,
            limit,
        )
        return _page(rows, limit, lambda row: record_of(row[1:]), lambda row: _cursor("orders", None, row[0]))

    def _rows(self, sql: str, where: _Where, limit: int) -> list[tuple[Any, ...]]:
        """One more than a page has, if another follows."""
        with snapshot(self._path) as cursor:
            return cursor.execute(sql, (*where.values, bounded(limit) + 1)).fetchall()


def _page(
    rows: Sequence[tuple[Any, ...]],
    limit: int,
    item: Callable[[tuple[Any, ...]], Item],
    cursor: Callable[[tuple[Any, ...]], str],
) -> Page[Item]:
    shown = rows[: bounded(limit)]
    following = cursor(shown[-1]) if len(rows) > len(shown) else None
    return Page[Any](items=tuple(map(item, shown)), next=following)


def _cursor(list_: str, value: object, row_id: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([list_, value, row_id]).encode()).decode().rstrip("=")


def _place(list_: str, cursor: str) -> tuple[object, int]:
    """What the page before ended with."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        of, value, row_id = json.loads(raw)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        of = value = row_id = None
    number = isinstance(row_id, int) and not isinstance(row_id, bool) and 0 <= row_id <= LAST_ID
    known = not isinstance(value, list | dict | bool) and not (
        isinstance(value, int) and abs(value) > LAST_ID
    )
    if of != list_ or not number or not known or _cursor(list_, value, row_id) != cursor:
        raise ValueError("this cursor does not come from a list of this kind")
    return value, row_id
