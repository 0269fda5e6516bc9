"""The `bot_order` and `execution` tables: our orders, and the evidence of their fills."""

from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from sqlite3 import Cursor
from typing import Any, Final

from domain.orders import Execution, Life, OrderRecord, OrderTicket
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
from persistence.rows import ExecutionRow

RECORD_COLUMNS: Final = (
    "client_order_id", "trade_id", "symbol", "side", "time_in_force", "life", "notional", "qty",
    "post_until", "qty_before", "broker_order_id", "status", "filled_qty", "filled_avg_price",
    "updated_at", "priced_filled_qty", "priced_at", "confirmed_qty", "confirmed_at_filled",
    "replaced_by", "missing_since",
)  # fmt: skip
TICKET_COLUMNS: Final = (
    "client_order_id", "symbol", "side", "type", "time_in_force", "notional", "qty", "limit_price",
    "extended_hours", "post_until",
)  # fmt: skip
EXECUTION_COLUMNS: Final = (
    "execution_id", "broker_order_id", "client_order_id", "qty", "price", "at", "filled_qty_after",
    "position_qty", "source",
)  # fmt: skip
LIVES: Final = {life.value: life for life in Life}
MAX_OUTCOME: Final = 500

_RECORD = ", ".join(RECORD_COLUMNS)
_UNSETTLED_LIFE = "life IN ('intended', 'unresolved', 'working')"
_LISTED = "(SELECT value FROM json_each(?))"

_ADD = (
    "INSERT INTO bot_order (client_order_id, trade_id, leg, symbol, side, type, time_in_force, notional, qty,"
    " limit_price, extended_hours, post_until, life, qty_before, account_id, config_digest, code_version,"
    " planned_at, saved_at)"
    " VALUES (?, ?, 'entry', ?, ?, ?, ?, ?, ?, ?, ?, ?, 'intended', ?, ?, ?, ?, ?, ?)"
)
# What the broker does not tell of a replacement is as it was in the trade's first order.
_ADD_REPLACEMENT = (
    "INSERT INTO bot_order (client_order_id, trade_id, symbol, side, time_in_force, notional, qty,"
    " post_until, qty_before, life, planned_at, saved_at,"
    " leg, type, extended_hours, account_id, config_digest, code_version)"
    " SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
    " leg, type, extended_hours, account_id, config_digest, code_version"
    " FROM bot_order WHERE trade_id = ? ORDER BY planned_at, rowid LIMIT 1"
)
_BY_CLIENT_ID = f"SELECT {_RECORD} FROM bot_order WHERE client_order_id IN {_LISTED}"  # noqa: S608
_BY_BROKER_ID = f"SELECT {_RECORD} FROM bot_order WHERE broker_order_id IN {_LISTED}"  # noqa: S608
_TICKETS = f"SELECT {', '.join(TICKET_COLUMNS)} FROM bot_order WHERE client_order_id IN {_LISTED}"  # noqa: S608
_SAVE = (
    "UPDATE bot_order SET life = ?, broker_order_id = ?, status = ?, filled_qty = ?, filled_avg_price = ?,"
    " updated_at = ?, priced_filled_qty = ?, priced_at = ?, confirmed_qty = ?, confirmed_at_filled = ?,"
    " replaced_by = ?, missing_since = ?, saved_at = ? WHERE client_order_id = ?"
)
_NOTE_ATTEMPT = (
    "UPDATE bot_order SET attempts = attempts + 1, last_outcome = ?, saved_at = ? WHERE client_order_id = ?"
)
_UNSETTLED = f"SELECT {_RECORD} FROM bot_order WHERE {_UNSETTLED_LIFE} ORDER BY planned_at, rowid"  # noqa: S608
_UNSETTLED_SINCE = f"SELECT min(planned_at) FROM bot_order WHERE {_UNSETTLED_LIFE}"  # noqa: S608
_ENTRY_ORDERS = (
    f"SELECT {_RECORD} FROM bot_order WHERE trade_id IN {_LISTED} AND leg = 'entry'"  # noqa: S608
    " ORDER BY planned_at, rowid"
)
_ADD_EXECUTION = (
    f"INSERT INTO execution ({', '.join(EXECUTION_COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    " ON CONFLICT (execution_id) DO NOTHING"
)


def record_of(row: tuple[Any, ...]) -> OrderRecord:
    """The order from `RECORD_COLUMNS`."""
    (
        client_order_id, trade_id, symbol, side, time_in_force, life, notional, qty,
        post_until, qty_before, broker_order_id, status, filled_qty, filled_avg_price,
        updated_at, priced_filled_qty, priced_at, confirmed_qty, confirmed_at_filled,
        replaced_by, missing_since,
    ) = row  # fmt: skip
    return built(
        OrderRecord,
        {
            "client_order_id": client_order_id,
            "trade_id": trade_id,
            "symbol": symbol,
            "side": side,
            "time_in_force": time_in_force,
            "life": LIVES[life],
            "notional": decimal_or_none(notional),
            "qty": decimal_or_none(qty),
            "post_until": moment_of(post_until),
            "qty_before": Decimal(qty_before),
            "broker_order_id": broker_order_id,
            "status": status,
            "filled_qty": Decimal(filled_qty),
            "filled_avg_price": decimal_or_none(filled_avg_price),
            "updated_at": moment_or_none(updated_at),
            "priced_filled_qty": Decimal(priced_filled_qty),
            "priced_at": moment_or_none(priced_at),
            "confirmed_qty": decimal_or_none(confirmed_qty),
            "confirmed_at_filled": decimal_or_none(confirmed_at_filled),
            "replaced_by": replaced_by,
            "missing_since": moment_or_none(missing_since),
        },
    )


def ticket_of(row: tuple[Any, ...]) -> OrderTicket:
    """The intent from `TICKET_COLUMNS`."""
    (
        client_order_id, symbol, side, type_, time_in_force, notional, qty, limit_price,
        extended_hours, post_until,
    ) = row  # fmt: skip
    return built(
        OrderTicket,
        {
            "client_order_id": client_order_id,
            "symbol": symbol,
            "side": side,
            "type": type_,
            "time_in_force": time_in_force,
            "notional": decimal_or_none(notional),
            "qty": decimal_or_none(qty),
            "limit_price": decimal_or_none(limit_price),
            "extended_hours": bool(extended_hours),
            "post_until": moment_of(post_until),
        },
    )


def execution_of(row: tuple[Any, ...]) -> ExecutionRow:
    """The evidence from `EXECUTION_COLUMNS`."""
    execution_id, broker_order_id, client_order_id, qty, price, at, after, position_qty, source = row
    match = {"execution_id": execution_id, "qty": Decimal(qty), "price": Decimal(price), "at": moment_of(at)}
    return built(
        ExecutionRow,
        {
            "execution": built(Execution, match),
            "broker_order_id": broker_order_id,
            "client_order_id": client_order_id,
            "filled_qty_after": Decimal(after),
            "position_qty": decimal_or_none(position_qty),
            "source": source,
        },
    )


def add_order(
    cursor: Cursor,
    order: OrderTicket,
    *,
    trade_id: int,
    qty_before: Decimal,
    account_id: str,
    config_digest: str,
    code_version: str,
    at: datetime,
) -> None:
    """The intent to enter a trade."""
    now = micros_of(at)
    cursor.execute(
        _ADD,
        (
            order.client_order_id,
            trade_id,
            order.symbol,
            order.side,
            order.type,
            order.time_in_force,
            text_or_none(order.notional),
            text_or_none(order.qty),
            text_or_none(order.limit_price),
            int(order.extended_hours),
            micros_of(order.post_until),
            text_of(qty_before),
            account_id,
            config_digest,
            code_version,
            now,
            now,
        ),
    )


def add_replacement(cursor: Cursor, record: OrderRecord, *, at: datetime) -> None:
    """RowMissing: its trade has no order that it could have replaced."""
    now = micros_of(at)
    cursor.execute(
        _ADD_REPLACEMENT,
        (
            record.client_order_id,
            record.trade_id,
            record.symbol,
            record.side,
            record.time_in_force,
            text_or_none(record.notional),
            text_or_none(record.qty),
            micros_of(record.post_until),
            text_of(record.qty_before),
            record.life.value,
            now,
            now,
            record.trade_id,
        ),
    )
    if cursor.rowcount != 1:
        raise RowMissing(f"trade {record.trade_id} has no order that {record.client_order_id} could replace")
    save_orders(cursor, (record,), at=at)


def orders_by_id(
    cursor: Cursor, *, client_order_ids: Collection[str], broker_order_ids: Collection[str]
) -> dict[str, OrderRecord]:
    found: dict[str, OrderRecord] = {}
    if client_order_ids:
        for row in cursor.execute(_BY_CLIENT_ID, (json_of(list(client_order_ids)),)):
            found[row[0]] = record_of(row)
    if broker_order_ids:
        for row in cursor.execute(_BY_BROKER_ID, (json_of(list(broker_order_ids)),)):
            if row[0] not in found:
                found[row[0]] = record_of(row)
    return found


def tickets(cursor: Cursor, client_order_ids: Collection[str]) -> dict[str, OrderTicket]:
    rows = cursor.execute(_TICKETS, (json_of(list(client_order_ids)),))
    return {row[0]: ticket_of(row) for row in rows}


def save_orders(cursor: Cursor, records: Iterable[OrderRecord], *, at: datetime) -> None:
    """RowMissing: one of them is not in the ledger. What an order was planned as never changes."""
    now = micros_of(at)
    rows = [
        (
            record.life.value,
            record.broker_order_id,
            record.status,
            text_of(record.filled_qty),
            text_or_none(record.filled_avg_price),
            micros_or_none(record.updated_at),
            text_of(record.priced_filled_qty),
            micros_or_none(record.priced_at),
            text_or_none(record.confirmed_qty),
            text_or_none(record.confirmed_at_filled),
            record.replaced_by,
            micros_or_none(record.missing_since),
            now,
            record.client_order_id,
        )
        for record in records
    ]
    if rows and cursor.executemany(_SAVE, rows).rowcount != len(rows):
        raise RowMissing(f"the ledger lacks one of the orders {sorted(str(row[-1]) for row in rows)}")


def note_attempt(cursor: Cursor, client_order_id: str, outcome: str, *, at: datetime) -> None:
    cursor.execute(_NOTE_ATTEMPT, (outcome[:MAX_OUTCOME], micros_of(at), client_order_id))
    if cursor.rowcount != 1:
        raise RowMissing(f"the ledger lacks the order {client_order_id}")


def unsettled_orders(cursor: Cursor) -> tuple[OrderRecord, ...]:
    return tuple(map(record_of, cursor.execute(_UNSETTLED)))


def unsettled_since(cursor: Cursor) -> datetime | None:
    return moment_or_none(cursor.execute(_UNSETTLED_SINCE).fetchone()[0])


def entry_orders(cursor: Cursor, trade_ids: Collection[int]) -> dict[int, tuple[OrderRecord, ...]]:
    found: dict[int, list[OrderRecord]] = {}
    for row in cursor.execute(_ENTRY_ORDERS, (json_of(list(trade_ids)),)):
        found.setdefault(row[1], []).append(record_of(row))
    return {trade_id: tuple(orders) for trade_id, orders in found.items()}


def add_executions(cursor: Cursor, rows: Iterable[ExecutionRow]) -> None:
    cursor.executemany(
        _ADD_EXECUTION,
        [
            (
                row.execution.execution_id,
                row.broker_order_id,
                row.client_order_id,
                text_of(row.execution.qty),
                text_of(row.execution.price),
                micros_of(row.execution.at),
                text_of(row.filled_qty_after),
                text_or_none(row.position_qty),
                row.source,
            )
            for row in rows
        ],
    )
