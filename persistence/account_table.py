"""The tables about the account and its owner's will: `position`, `bot_config`, `halt`, `ledger_meta`."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from sqlite3 import Cursor
from typing import Any, Final

from pydantic import ValidationError

from domain.config import BotConfig
from domain.holdings import Halt
from persistence.codec import built, json_of, micros_of, moment_of, moment_or_none, text_of
from persistence.errors import LedgerUnusable

_SETTINGS: Final = tuple(BotConfig.model_fields)

WATERMARK: Final = "watermark"
"""The meta key of when the last full read of the account began."""
BOOKS_OPENED: Final = "books_opened_at"

_POSITIONS = "SELECT symbol, qty FROM position"
_POSITIONS_OF = "SELECT symbol, qty FROM position WHERE symbol IN (SELECT value FROM json_each(?))"
_SET_POSITION = (
    "INSERT INTO position (symbol, qty, heard_at) VALUES (?, ?, ?)"
    " ON CONFLICT (symbol) DO UPDATE SET qty = excluded.qty, heard_at = excluded.heard_at"
)
CONFIG: Final = f"SELECT {', '.join(_SETTINGS)} FROM bot_config WHERE id = 1"  # noqa: S608
_SAVE_CONFIG = f"UPDATE bot_config SET {', '.join(f'{name} = ?' for name in _SETTINGS)} WHERE id = 1"  # noqa: S608
_HALTS = "SELECT reason FROM halt WHERE cleared_at IS NULL AND scope IN ('all', ?) ORDER BY id"
STANDING_HALTS: Final = (
    "SELECT scope, reason, halted_by, halted_at FROM halt WHERE cleared_at IS NULL ORDER BY id"
)
_WAS_CLEARED = (
    "SELECT 1 FROM halt WHERE scope = ? AND reason = ? AND halted_at = ? AND cleared_at IS NOT NULL"
)
_WAS_RAISED = "SELECT 1 FROM halt WHERE scope = ? AND reason = ? LIMIT 1"
_LAST_CLEARED = "SELECT max(cleared_at) FROM halt WHERE scope = ?"
_ADD_HALT = (
    "INSERT INTO halt (scope, reason, halted_by, halted_at) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (scope, reason) WHERE cleared_at IS NULL DO NOTHING"
)
_CLEAR_HALTS = (
    "UPDATE halt SET cleared_at = ?, cleared_by = ?, clear_reason = ? WHERE scope = ? AND cleared_at IS NULL"
)


def positions(cursor: Cursor, symbols: Collection[str] | None) -> dict[str, Decimal]:
    """What was last heard; of all symbols, only what is held."""
    if symbols is None:
        held = {symbol: Decimal(qty) for symbol, qty in cursor.execute(_POSITIONS)}
        return {symbol: qty for symbol, qty in held.items() if qty}
    rows = cursor.execute(_POSITIONS_OF, (json_of(list(symbols)),))
    return {symbol: Decimal(qty) for symbol, qty in rows}


def set_positions(cursor: Cursor, quantities: Mapping[str, Decimal], *, at: datetime) -> None:
    now = micros_of(at)
    cursor.executemany(_SET_POSITION, [(symbol, text_of(qty), now) for symbol, qty in quantities.items()])


def config(cursor: Cursor) -> BotConfig:
    return config_of(cursor.execute(CONFIG).fetchone())


@lru_cache(maxsize=8)
def config_of(row: tuple[Any, ...]) -> BotConfig:
    """The settings from the row; it is read for each decision and seldom differs from the last.

    LedgerUnusable for a row that somebody wrote past `save_config` and that sets no sizes or limits.
    """
    values: dict[str, object] = {}
    try:
        for name, column in zip(_SETTINGS, row, strict=True):
            values[name] = _setting_of(name, column)
        return BotConfig.model_validate(values)
    except ValidationError as error:
        wrong = ", ".join(str(each["loc"][0]) for each in error.errors())
    except (ArithmeticError, ValueError, TypeError):
        wrong = _SETTINGS[len(values)]
    raise LedgerUnusable(
        f"the settings in the ledger's table bot_config cannot be used ({wrong}); nothing is ordered by "
        "them. Correct them, then start again."
    )


def _setting_of(name: str, column: Any) -> object:
    default = BotConfig.model_fields[name].default
    if isinstance(default, Decimal):
        return Decimal(column)
    if isinstance(default, tuple):
        return tuple(json.loads(column))
    return bool(column) if isinstance(default, bool) else column


def save_config(cursor: Cursor, changed: BotConfig) -> None:
    cursor.execute(_SAVE_CONFIG, [_column_of(getattr(changed, name)) for name in _SETTINGS])


def _column_of(value: object) -> object:
    if isinstance(value, Decimal):
        return text_of(value)
    if isinstance(value, tuple):
        return json_of(value)
    return int(value) if isinstance(value, bool) else value


def active_halts(cursor: Cursor, symbol: str | None) -> tuple[str, ...]:
    return tuple(reason for (reason,) in cursor.execute(_HALTS, (symbol or "all",)))


def standing_halts(cursor: Cursor) -> tuple[Halt, ...]:
    return tuple(map(halt_of, cursor.execute(STANDING_HALTS)))


def halt_of(row: tuple[Any, ...]) -> Halt:
    """The halt from `STANDING_HALTS`."""
    scope, reason, by, at = row
    return built(Halt, {"scope": scope, "reason": reason, "by": by, "at": moment_of(at)})


def was_cleared(cursor: Cursor, halt: Halt) -> bool:
    """Whether exactly this halt, raised at this time, was cleared."""
    row = (halt.scope, halt.reason, micros_of(halt.at))
    return cursor.execute(_WAS_CLEARED, row).fetchone() is not None


def was_raised(cursor: Cursor, scope: str, reason: str) -> bool:
    """Whether there ever was such a halt."""
    return cursor.execute(_WAS_RAISED, (scope, reason)).fetchone() is not None


def last_cleared(cursor: Cursor, scope: str) -> datetime | None:
    [at] = cursor.execute(_LAST_CLEARED, (scope,)).fetchone()
    return moment_or_none(at)


def add_halt(cursor: Cursor, *, scope: str, reason: str, by: str, at: datetime) -> bool:
    """Whether the halt is new; one that stands for the same reason is left as it is."""
    return cursor.execute(_ADD_HALT, (scope, reason, by, micros_of(at))).rowcount == 1


def clear_halts(cursor: Cursor, *, scope: str, by: str, reason: str, at: datetime) -> int:
    """How many were cleared."""
    return cursor.execute(_CLEAR_HALTS, (micros_of(at), by, reason, scope)).rowcount


def meta(cursor: Cursor, key: str) -> str | None:
    row = cursor.execute("SELECT value FROM ledger_meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def set_meta(cursor: Cursor, key: str, value: str) -> None:
    """Once for ever: IntegrityError if the key has a value."""
    cursor.execute("INSERT INTO ledger_meta (key, value) VALUES (?, ?)", (key, value))


def put_meta(cursor: Cursor, key: str, value: str) -> None:
    cursor.execute(
        "INSERT INTO ledger_meta (key, value) VALUES (?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )


def watermark(cursor: Cursor) -> datetime | None:
    return moment_of_meta(meta(cursor, WATERMARK))


def set_watermark(cursor: Cursor, at: datetime) -> None:
    put_meta(cursor, WATERMARK, str(micros_of(at)))


def open_books(cursor: Cursor, at: datetime) -> None:
    """IntegrityError if they were opened before."""
    set_meta(cursor, BOOKS_OPENED, str(micros_of(at)))


def moment_of_meta(value: str | None) -> datetime | None:
    """The time that a fact about the ledger holds."""
    return None if value is None else moment_of(int(value))
