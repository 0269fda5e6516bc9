"""The `bot_trade` table: one row a trade."""

from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from sqlite3 import Cursor
from typing import Any, Final

from domain.trades import TradeRecord, TradeStatus
from persistence.codec import (
    built,
    json_of,
    micros_of,
    micros_or_none,
    moment_of,
    moment_or_none,
    text_of,
    text_or_none,
)
from persistence.errors import RowMissing
from persistence.rows import NewTrade

TRADE_COLUMNS: Final = (
    "id", "symbol", "status", "stars", "notional", "shares", "entry_price", "entry_at", "exit_price",
    "exit_at", "exit_reason", "pnl", "catalyst_type", "catalyst_tier", "alpaca_order_id",
    "client_order_id", "source", "signal_id", "created_at", "updated_at", "sold", "split", "taken",
    "taken_for", "exit_wanted", "exit_wanted_by", "exit_wanted_at", "exit_trouble", "peak_price",
    "mark_price", "mark_at", "watched_at", "naked_why", "naked_usd_s",
)  # fmt: skip
STATUSES: Final = {status.value: status for status in TradeStatus}

# Of several (a missed one that turned out filled beside a newer one) the oldest answers.
_OCCUPYING = (
    "SELECT status FROM bot_trade WHERE symbol = ? AND status IN ('pending', 'open', 'closing')"
    " ORDER BY id LIMIT 1"
)
_OPEN = (
    "SELECT id FROM bot_trade WHERE status IN ('pending', 'open', 'closing')"
    " AND (:symbol IS NULL OR symbol = :symbol) ORDER BY id"
)
_ADD = (
    "INSERT INTO bot_trade (source, signal_id, symbol, status, stars, notional, entry_at, catalyst_type,"
    " catalyst_tier, client_order_id, created_at, updated_at)"
    " VALUES (?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?)"
)
_BY_ID = f"SELECT {', '.join(TRADE_COLUMNS)} FROM bot_trade WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608
_SAVE = (
    "UPDATE bot_trade SET shares = ?, entry_price = ?, entry_at = ?, exit_price = ?,"
    " exit_reason = ?, alpaca_order_id = ?, sold = ?, split = ?, taken = ?, taken_for = ?,"
    " exit_wanted = ?, exit_wanted_by = ?, exit_wanted_at = ?, exit_trouble = ?, peak_price = ?,"
    " mark_price = ?, mark_at = ?, watched_at = ?, naked_why = ?, naked_usd_s = ?,"
    " updated_at = ?{indexed} WHERE id = ?"
)
# As with orders: an indexed column is named only when it changes.
_SAVE_IN_PLACE = _SAVE.format(indexed="")
_SAVE_MOVED = _SAVE.format(indexed=", status = ?, exit_at = ?, pnl = ?")


def trade_of(row: tuple[Any, ...]) -> TradeRecord:
    """The trade from `TRADE_COLUMNS`."""
    (
        id_, symbol, status, stars, notional, shares, entry_price, entry_at, exit_price,
        exit_at, exit_reason, pnl, catalyst_type, catalyst_tier, alpaca_order_id,
        client_order_id, source, signal_id, created_at, updated_at, sold, split, taken, taken_for,
        exit_wanted, exit_wanted_by, exit_wanted_at, exit_trouble, peak_price, mark_price, mark_at,
        watched_at, naked_why, naked_usd_s,
    ) = row  # fmt: skip
    return built(
        TradeRecord,
        {
            "id": id_,
            "symbol": symbol,
            "status": STATUSES[status],
            "stars": stars,
            "notional": Decimal(notional),
            "shares": None if shares is None else Decimal(shares),
            "entry_price": None if entry_price is None else Decimal(entry_price),
            "entry_at": moment_or_none(entry_at),
            "exit_price": None if exit_price is None else Decimal(exit_price),
            "exit_at": moment_or_none(exit_at),
            "exit_reason": exit_reason,
            "pnl": None if pnl is None else Decimal(pnl),
            "catalyst_type": catalyst_type,
            "catalyst_tier": catalyst_tier,
            "alpaca_order_id": alpaca_order_id,
            "client_order_id": client_order_id,
            "source": source,
            "signal_id": signal_id,
            "created_at": moment_of(created_at),
            "updated_at": moment_of(updated_at),
            "sold": Decimal(sold),
            "split": Decimal(split),
            "taken": Decimal(taken),
            "taken_for": None if taken_for is None else Decimal(taken_for),
            "exit_wanted": exit_wanted,
            "exit_wanted_by": exit_wanted_by,
            "exit_wanted_at": moment_or_none(exit_wanted_at),
            "exit_trouble": exit_trouble,
            "peak_price": None if peak_price is None else Decimal(peak_price),
            "mark_price": None if mark_price is None else Decimal(mark_price),
            "mark_at": moment_or_none(mark_at),
            "watched_at": moment_or_none(watched_at),
            "naked_why": naked_why,
            "naked_usd_s": Decimal(naked_usd_s),
        },
    )


class TradesTable:
    """The table in one transaction. It holds the write lock, so what was read or saved once stays true."""

    __slots__ = ("_cursor", "_known")

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._known: dict[int, TradeRecord] = {}

    def occupying(self, symbol: str) -> TradeStatus | None:
        """The status of the trade that has the symbol; None: it is free."""
        row = self._cursor.execute(_OCCUPYING, (symbol,)).fetchone()
        return None if row is None else STATUSES[row[0]]

    def open(self, symbol: str | None) -> tuple[TradeRecord, ...]:
        """Those that have a symbol, or this one, oldest first."""
        ids = [row[0] for row in self._cursor.execute(_OPEN, {"symbol": symbol})]
        return tuple(self.by_id(ids).values())

    def add(self, trade: NewTrade, *, at: datetime) -> int:
        """The new trade's id; it is pending, and until its first fill `entry_at` is when it was planned."""
        now = micros_of(at)
        self._cursor.execute(
            _ADD,
            (
                trade.source,
                trade.signal_id,
                trade.symbol,
                trade.stars,
                text_of(trade.notional),
                now,
                trade.catalyst_type,
                trade.catalyst_tier,
                trade.client_order_id,
                micros_of(trade.created_at),
                now,
            ),
        )
        trade_id = self._cursor.lastrowid
        assert trade_id is not None
        return trade_id

    def by_id(self, trade_ids: Collection[int]) -> dict[int, TradeRecord]:
        """Those the table has, by id."""
        known = self._known
        unread = [trade_id for trade_id in trade_ids if trade_id not in known]
        if unread:
            for row in self._cursor.execute(_BY_ID, (json_of(unread),)):
                known[row[0]] = trade_of(row)
        return {trade_id: known[trade_id] for trade_id in trade_ids if trade_id in known}

    def save(self, trades: Iterable[TradeRecord], *, at: datetime) -> None:
        """RowMissing: one of them is not in the table. `at` becomes `updated_at`."""
        now = micros_of(at)
        in_place, moved = [], []
        changed = {trade.id: trade for trade in trades}
        for trade_id, trade in changed.items():
            row = (
                text_or_none(trade.shares),
                text_or_none(trade.entry_price),
                micros_or_none(trade.entry_at),
                text_or_none(trade.exit_price),
                trade.exit_reason,
                trade.alpaca_order_id,
                text_of(trade.sold),
                text_of(trade.split),
                text_of(trade.taken),
                text_or_none(trade.taken_for),
                trade.exit_wanted,
                trade.exit_wanted_by,
                micros_or_none(trade.exit_wanted_at),
                trade.exit_trouble,
                text_or_none(trade.peak_price),
                text_or_none(trade.mark_price),
                micros_or_none(trade.mark_at),
                micros_or_none(trade.watched_at),
                trade.naked_why,
                text_of(trade.naked_usd_s),
                now,
            )
            old = self._known.pop(trade_id, None)
            if old and _indexed(old) == _indexed(trade):
                in_place.append((*row, trade_id))
            else:
                moved.append((*row, *_indexed(trade), trade_id))
        saved = sum(
            self._cursor.executemany(sql, rows).rowcount
            for sql, rows in ((_SAVE_IN_PLACE, in_place), (_SAVE_MOVED, moved))
            if rows
        )
        if saved != len(changed):
            raise RowMissing(f"the ledger lacks one of the trades {sorted(changed)}")


def _indexed(trade: TradeRecord) -> tuple[str, int | None, str | None]:
    """What an index goes by and can change: status, exit_at, pnl."""
    return trade.status.value, micros_or_none(trade.exit_at), text_or_none(trade.pnl)
