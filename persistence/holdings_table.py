"""The tables that say whose shares are whose: `holding`, `external_order`, `adjustment`."""

from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from sqlite3 import Cursor
from typing import Any, Final

from domain.holdings import ExternalOrder, Holding, signed
from domain.values import ZERO
from persistence.codec import built, json_of, micros_of, micros_or_none, moment_or_none, text_of, text_or_none

EXTERNAL_COLUMNS: Final = (
    "broker_order_id", "client_order_id", "symbol", "side", "status", "done", "filled_qty",
    "filled_avg_price", "updated_at", "taken",
)  # fmt: skip
_EXTERNAL = ", ".join(EXTERNAL_COLUMNS)
_LISTED = "(SELECT value FROM json_each(?))"

HOLDINGS: Final = "SELECT symbol, opening, believed FROM holding"
_HOLDINGS_OF = f"{HOLDINGS} WHERE symbol IN {_LISTED}"
_SAVE_HOLDING = (
    "INSERT INTO holding (symbol, opening, believed) VALUES (?, ?, ?)"
    " ON CONFLICT (symbol) DO UPDATE SET opening = excluded.opening, believed = excluded.believed"
)
_OPEN_EXTERNAL = f"SELECT {_EXTERNAL} FROM external_order WHERE done = 0 ORDER BY rowid"  # noqa: S608
_EXTERNAL_OF = f"SELECT {_EXTERNAL} FROM external_order WHERE broker_order_id IN {_LISTED}"  # noqa: S608
_SAVE_EXTERNAL = (
    f"INSERT INTO external_order ({_EXTERNAL}, first_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    " ON CONFLICT (broker_order_id) DO UPDATE SET client_order_id = excluded.client_order_id,"
    " symbol = excluded.symbol, side = excluded.side, status = excluded.status, done = excluded.done,"
    " filled_qty = excluded.filled_qty, filled_avg_price = excluded.filled_avg_price,"
    " updated_at = excluded.updated_at, taken = excluded.taken"
)
_EXTERNAL_SELLS = (
    f"SELECT {_EXTERNAL} FROM external_order WHERE symbol = ? AND updated_at >= ?"  # noqa: S608
    " AND side = 'sell' AND filled_qty <> '0' ORDER BY updated_at DESC, rowid DESC"
)
_DROP_EXTERNAL = f"DELETE FROM external_order WHERE broker_order_id IN {_LISTED}"  # noqa: S608
_ADD_ADJUSTMENT = (
    "INSERT INTO adjustment (symbol, qty, reason, evidence, at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (evidence) DO NOTHING"
)
MOVEMENTS: Final = (
    "SELECT symbol, 'buy', opening FROM holding"
    " UNION ALL SELECT symbol, side, filled_qty FROM bot_order WHERE filled_qty <> '0'"
    " UNION ALL SELECT symbol, side, filled_qty FROM external_order WHERE filled_qty <> '0'"
    " UNION ALL SELECT symbol, 'buy', qty FROM adjustment"
)
"""All that a symbol's `believed` is the sum of, each row as the shares that one side moved."""


def holding_of(row: tuple[Any, ...]) -> Holding:
    """The holding from `HOLDINGS`."""
    symbol, opening, believed = row
    return built(Holding, {"symbol": symbol, "opening": Decimal(opening), "believed": Decimal(believed)})


def holdings(cursor: Cursor, symbols: Collection[str] | None) -> dict[str, Holding]:
    rows = cursor.execute(HOLDINGS) if symbols is None else cursor.execute(_HOLDINGS_OF, (_list(symbols),))
    return {row[0]: holding_of(row) for row in rows}


def save_holdings(cursor: Cursor, changed: Iterable[Holding]) -> None:
    cursor.executemany(
        _SAVE_HOLDING, [(one.symbol, text_of(one.opening), text_of(one.believed)) for one in changed]
    )


def summed(movements: Iterable[tuple[str, str, str]]) -> dict[str, Decimal]:
    """The exact sums of `MOVEMENTS` by symbol."""
    sums: dict[str, Decimal] = {}
    for symbol, side, qty in movements:
        sums[symbol] = sums.get(symbol, ZERO) + signed(side, Decimal(qty))
    return sums


def recomputed(cursor: Cursor) -> dict[str, Decimal]:
    return summed(cursor.execute(MOVEMENTS))


def external_of(row: tuple[Any, ...]) -> ExternalOrder:
    """The order from `EXTERNAL_COLUMNS`."""
    broker_order_id, client_order_id, symbol, side, status, done, filled_qty, price, updated_at, taken = row
    return built(
        ExternalOrder,
        {
            "broker_order_id": broker_order_id,
            "client_order_id": client_order_id,
            "symbol": symbol,
            "side": side,
            "status": status,
            "done": bool(done),
            "filled_qty": Decimal(filled_qty),
            "filled_avg_price": None if price is None else Decimal(price),
            "updated_at": moment_or_none(updated_at),
            "taken": Decimal(taken),
        },
    )


def external_orders(cursor: Cursor, broker_order_ids: Collection[str] | None) -> dict[str, ExternalOrder]:
    if broker_order_ids is None:
        rows = cursor.execute(_OPEN_EXTERNAL)
    else:
        rows = cursor.execute(_EXTERNAL_OF, (_list(broker_order_ids),))
    return {row[0]: external_of(row) for row in rows}


def external_sells(cursor: Cursor, symbol: str, since: datetime) -> tuple[ExternalOrder, ...]:
    """Those that sold something of the symbol, by their last word since then, the latest first."""
    return tuple(map(external_of, cursor.execute(_EXTERNAL_SELLS, (symbol, micros_of(since)))))


def save_external_orders(cursor: Cursor, orders: Iterable[ExternalOrder], *, at: datetime) -> None:
    """`at` stays when the order was first seen."""
    now = micros_of(at)
    cursor.executemany(
        _SAVE_EXTERNAL,
        [
            (
                order.broker_order_id,
                order.client_order_id,
                order.symbol,
                order.side,
                order.status,
                int(order.done),
                text_of(order.filled_qty),
                text_or_none(order.filled_avg_price),
                micros_or_none(order.updated_at),
                text_of(order.taken),
                now,
            )
            for order in orders
        ],
    )


def drop_external_orders(cursor: Cursor, broker_order_ids: Collection[str]) -> None:
    cursor.execute(_DROP_EXTERNAL, (_list(broker_order_ids),))


def is_evidence(cursor: Cursor, evidence: str) -> bool:
    return cursor.execute("SELECT 1 FROM adjustment WHERE evidence = ?", (evidence,)).fetchone() is not None


def add_adjustment(
    cursor: Cursor, *, symbol: str, qty: Decimal, reason: str, evidence: str, at: datetime
) -> bool:
    """Whether it is new; what was explained by the same evidence before is left as it is."""
    row = (symbol, text_of(qty), reason, evidence, micros_of(at))
    return cursor.execute(_ADD_ADJUSTMENT, row).rowcount == 1


def _list(values: Collection[str]) -> str:
    return json_of(list(values))
