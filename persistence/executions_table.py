"""The `execution` table: matches at the broker, each stored once."""

from collections.abc import Iterable
from decimal import Decimal
from sqlite3 import Cursor
from typing import Any, Final

from domain.orders import Execution
from persistence.codec import built, decimal_or_none, micros_of, moment_of, text_of, text_or_none
from persistence.rows import ExecutionRow

EXECUTION_COLUMNS: Final = (
    "execution_id", "broker_order_id", "client_order_id", "qty", "price", "at", "filled_qty_after",
    "position_qty", "source",
)  # fmt: skip

_ADD_EXECUTION = (
    f"INSERT INTO execution ({', '.join(EXECUTION_COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    " ON CONFLICT (execution_id) DO NOTHING"
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
