"""The `bot_trade` table: one row a trade."""

from collections.abc import Collection, Iterable
from datetime import datetime
from sqlite3 import Cursor
from typing import Any, Final

from domain.trades import TradeRecord, TradeStatus
from persistence.codec import (
    built,
    decimal_or_none,
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
    "client_order_id", "source", "signal_id", "created_at", "updated_at",
)  # fmt: skip
STATUSES: Final = {status.value: status for status in TradeStatus}

# Of several (a missed one that turned out filled beside a newer one) the oldest answers.
_OCCUPYING = (
    "SELECT status FROM bot_trade WHERE symbol = ? AND status IN ('pending', 'open', 'closing')"
    " ORDER BY id LIMIT 1"
)
_ADD = (
    "INSERT INTO bot_trade (source, signal_id, symbol, status, stars, notional, entry_at, catalyst_type,"
    " catalyst_tier, client_order_id, created_at, updated_at)"
    " VALUES (?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?)"
)
_BY_ID = f"SELECT {', '.join(TRADE_COLUMNS)} FROM bot_trade WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608
_SAVE = (
    "UPDATE bot_trade SET status = ?, shares = ?, entry_price = ?, entry_at = ?, exit_price = ?,"
    " exit_at = ?, exit_reason = ?, pnl = ?, alpaca_order_id = ?, updated_at = ? WHERE id = ?"
)


def trade_of(row: tuple[Any, ...]) -> TradeRecord:
    """The trade from `TRADE_COLUMNS`."""
    (
        id_, symbol, status, stars, notional, shares, entry_price, entry_at, exit_price,
        exit_at, exit_reason, pnl, catalyst_type, catalyst_tier, alpaca_order_id,
        client_order_id, source, signal_id, created_at, updated_at,
    ) = row  # fmt: skip
    return built(
        TradeRecord,
        {
            "id": id_,
            "symbol": symbol,
            "status": STATUSES[status],
            "stars": stars,
            "notional": decimal_or_none(notional),
            "shares": decimal_or_none(shares),
            "entry_price": decimal_or_none(entry_price),
            "entry_at": moment_or_none(entry_at),
            "exit_price": decimal_or_none(exit_price),
            "exit_at": moment_or_none(exit_at),
            "exit_reason": exit_reason,
            "pnl": decimal_or_none(pnl),
            "catalyst_type": catalyst_type,
            "catalyst_tier": catalyst_tier,
            "alpaca_order_id": alpaca_order_id,
            "client_order_id": client_order_id,
            "source": source,
            "signal_id": signal_id,
            "created_at": moment_of(created_at),
            "updated_at": moment_of(updated_at),
        },
    )


def trade_occupying(cursor: Cursor, symbol: str) -> TradeStatus | None:
    row = cursor.execute(_OCCUPYING, (symbol,)).fetchone()
    return None if row is None else STATUSES[row[0]]


def add_trade(cursor: Cursor, trade: NewTrade, *, at: datetime) -> int:
    """The new trade's id; it is pending, and until its first fill `entry_at` is when it was planned."""
    now = micros_of(at)
    cursor.execute(
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
    trade_id = cursor.lastrowid
    assert trade_id is not None
    return trade_id


def trades(cursor: Cursor, trade_ids: Collection[int]) -> dict[int, TradeRecord]:
    rows = cursor.execute(_BY_ID, (json_of(list(trade_ids)),))
    return {row[0]: trade_of(row) for row in rows}


def save_trades(cursor: Cursor, changed: Iterable[TradeRecord], *, at: datetime) -> None:
    """RowMissing: one of them is not in the ledger."""
    now = micros_of(at)
    rows = [
        (
            trade.status.value,
            text_or_none(trade.shares),
            text_or_none(trade.entry_price),
            micros_or_none(trade.entry_at),
            text_or_none(trade.exit_price),
            micros_or_none(trade.exit_at),
            trade.exit_reason,
            text_or_none(trade.pnl),
            trade.alpaca_order_id,
            now,
            trade.id,
        )
        for trade in changed
    ]
    if rows and cursor.executemany(_SAVE, rows).rowcount != len(rows):
        raise RowMissing(f"the ledger lacks one of the trades {sorted(row[-1] for row in rows)}")
