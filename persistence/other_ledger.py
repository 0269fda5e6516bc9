"""A look into a ledger that is not this process's own. Nothing of it is changed.

It is not brought to this version's schema either: that is for the bot whose ledger it is.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from domain.trades import OCCUPYING, TradeStatus
from domain.values import Message
from persistence.codec import json_of
from persistence.errors import LedgerUnusable
from persistence.migrate import APPLICATION_ID, PATIENCE_S, log_of, migrations, size_of, wants_a_look

_OPEN = "SELECT symbol, status FROM bot_trade WHERE status IN (SELECT value FROM json_each(?)) ORDER BY id"


class OpenTrade(Message):
    """A trade that is not over."""

    symbol: str
    status: TradeStatus


def open_trades(path: Path) -> tuple[OpenTrade, ...]:
    """The trades of the ledger at `path` that are pending, open or closing; where there is none, none is.

    LedgerUnusable where that cannot be told for certain: the file is damaged, locked, another program's, of
    a newer version, or gone while its log is still there.
    """
    if size_of(log_of(path)) > 0 and size_of(path) == 0:  # SQLite would delete such a log
        raise LedgerUnusable(f"the ledger {path} is missing or empty, and its log is still there")
    if not os.path.lexists(path):
        return ()
    with _connection(path) as connection:
        if not _schema(connection, path):
            return ()  # its first start ended before anything was in it
        rows = connection.execute(_OPEN, (json_of(sorted(OCCUPYING)),))
        return tuple(OpenTrade(symbol=symbol, status=TradeStatus(status)) for symbol, status in rows)


def check_readable(path: Path) -> None:
    """LedgerUnusable unless the file is a ledger as this version writes it, whole as far as can be seen."""
    with _connection(path) as connection:
        version, newest = _schema(connection, path), len(migrations())
        if version < newest:
            raise LedgerUnusable(
                f"the ledger {path} has schema {version}, and not yet this program's {newest}; its next "
                "start brings it up to that"
            )


@contextmanager
def _connection(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        # With `mode=ro` SQLite reads what a crash has left in the log, and does not fold it back.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=PATIENCE_S)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise LedgerUnusable(f"the ledger {path} cannot be read ({error})") from error


def _schema(connection: sqlite3.Connection, path: Path) -> int:
    """Its number, 0 where there is nothing in the file yet; raises LedgerUnusable."""
    if wants_a_look(path):
        fault = _one(connection, "PRAGMA quick_check(1)")
        if fault != "ok":
            raise LedgerUnusable(f"the ledger {path} is damaged ({fault})")
    if not _one(connection, "SELECT count(*) FROM sqlite_master"):
        return 0
    if _one(connection, "PRAGMA application_id") != APPLICATION_ID:
        raise LedgerUnusable(f"{path} is some other program's database")
    version, newest = int(_one(connection, "PRAGMA user_version")), len(migrations())
    if version > newest:
        raise LedgerUnusable(f"the ledger {path} has schema {version}, this program knows {newest} at most")
    return version


def _one(connection: sqlite3.Connection, sql: str) -> Any:
    return connection.execute(sql).fetchone()[0]
