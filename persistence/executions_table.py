"""The `execution` table: matches at the broker, each stored once.

One match may be told of three times: by the stream, by the account's history under another id, and by a
read that showed more filled than we knew. Its order's cumulative fill after it is the same in all three.
"""

from collections.abc import Iterable
from decimal import Decimal
from sqlite3 import Cursor
from typing import Any, Final

from domain.orders import Execution
from persistence.codec import (
    built,
    decimal_or_none,
    micros_of,
    moment_of,
    shortest_text_of,
    text_of,
    text_or_none,
)
from persistence.rows import ExecutionRow

EXECUTION_COLUMNS: Final = (
    "execution_id", "broker_order_id", "client_order_id", "qty", "price", "at", "filled_qty_after",
    "position_qty", "source",
)  # fmt: skip

_COLUMNS = ", ".join(EXECUTION_COLUMNS)
_ADD = f"INSERT INTO execution ({_COLUMNS})"
_ADD_FROM_STREAM = f"{_ADD} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (execution_id) DO NOTHING"
_ADD_FROM_READ = (
    f"{_ADD} SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9"  # noqa: S608
    " WHERE NOT EXISTS (SELECT 1 FROM execution WHERE client_order_id = ?3 AND filled_qty_after = ?7)"
    " ON CONFLICT (execution_id) DO NOTHING"
)
# The partial index holds what did not come from the stream, which is little, so this asks next to nothing.
_DROP_FROM_READ = (
    "DELETE FROM execution WHERE client_order_id = ? AND filled_qty_after = ? AND source <> 'stream'"
)
_DROP_INFERRED = f"{_DROP_FROM_READ} AND source = 'inferred'"


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
    """The stream's word takes the place of the history's, and either that of what was inferred."""
    by_source: dict[str, list[tuple[object, ...]]] = {}
    for row in rows:
        by_source.setdefault(row.source, []).append(_columns_of(row))
    if stream := by_source.get("stream"):
        cursor.executemany(_DROP_FROM_READ, [(columns[2], columns[6]) for columns in stream])
        cursor.executemany(_ADD_FROM_STREAM, stream)
    if activity := by_source.get("activity"):
        cursor.executemany(_DROP_INFERRED, [(columns[2], columns[6]) for columns in activity])
        cursor.executemany(_ADD_FROM_READ, activity)
    if inferred := by_source.get("inferred"):
        cursor.executemany(_ADD_FROM_READ, inferred)


def _columns_of(row: ExecutionRow) -> tuple[object, ...]:
    return (
        row.execution.execution_id,
        row.broker_order_id,
        row.client_order_id,
        text_of(row.execution.qty),
        text_of(row.execution.price),
        micros_of(row.execution.at),
        shortest_text_of(row.filled_qty_after),
        text_or_none(row.position_qty),
        row.source,
    )
