"""The database as Pony sees it: the mapped tables, and every connection set up the same way.

Each store has a `Database` of its own, made here, so that several ledgers can live in one process.
Pony keeps one connection a thread.
"""

import sqlite3
from pathlib import Path
from typing import Any, Final

from pony.orm import Database, core
from pony.orm.dbproviders import sqlite as _provider  # noqa: F401 - imported by `bind`, which two threads may do at once

from persistence.entities import map_tables
from persistence.errors import LedgerUnusable
from persistence.migrate import why_unusable

Seconds = float
BUSY_S: Final[Seconds] = 5.0
"""How long a statement waits for another process that writes."""
PRAGMAS: Final = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
"""What every connection must report. Synchronous 2 is FULL: a commit returns when it is on the disk;
with NORMAL, the last orders could vanish with the power (sqlite.org/pragma.html#pragma_synchronous)."""


def mapped_database(path: Path, *, busy_s: Seconds = BUSY_S) -> Any:
    """Pony's Database for the migrated file at the absolute `path`, its entities checked against it.

    LedgerUnusable if the file cannot be used after all.
    """
    database = Database()
    database.on_connect(provider="sqlite")(_set_up)
    map_tables(database)
    # Pony resolves a relative path against the module that binds it.
    try:
        database.bind(provider="sqlite", filename=str(path), create_db=False, timeout=busy_s)
        database.generate_mapping(create_tables=False, check_tables=True)
    except core.DBException as error:
        raise LedgerUnusable(why_unusable(path, error.original_exc or error)) from error
    return database


def _set_up(_database: Any, connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # Pony decodes each text with a Python function that replaces broken bytes; SQLite's own decoder
    # is faster, and a broken byte in the books should be heard of.
    connection.text_factory = str
    wrong = {name: value for name, value in pragmas_of(connection).items() if value != PRAGMAS[name]}
    if wrong:
        raise LedgerUnusable(
            f"the database refuses the settings that make a commit durable (it has {wrong}), so nothing "
            "is traded; move the ledger to a local disk, network file systems cannot hold it"
        )


def pragmas_of(connection: sqlite3.Connection) -> dict[str, object]:
    """What the connection itself says of the settings in `PRAGMAS`."""
    return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}


def thread_connection(database: Any) -> sqlite3.Connection:
    """The calling thread's connection, inside a `db_session`; begins an immediate transaction."""
    connection: sqlite3.Connection = database.get_connection()
    return connection
