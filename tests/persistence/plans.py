"""What SQLite does for a statement, so that a list does not become slow only once a ledger is large."""

from collections.abc import Iterator
from contextlib import contextmanager

from pony.orm import db_session

from persistence.database import thread_connection
from persistence.store import LedgerStore


@contextmanager
def statements(store: LedgerStore) -> Iterator[list[str]]:
    """The SELECTs that this thread has run in the block, their values filled in."""
    seen: list[str] = []

    def note(sql: str) -> None:
        if sql.lstrip().upper().startswith("SELECT"):
            seen.append(sql)

    with db_session:
        connection = thread_connection(store.database)
    connection.set_trace_callback(note)
    try:
        yield seen
    finally:
        connection.set_trace_callback(None)


def plan(store: LedgerStore, sql: str) -> list[str]:
    """The steps in SQLite's own words."""
    with db_session:
        return [str(row[3]) for row in thread_connection(store.database).execute("EXPLAIN QUERY PLAN " + sql)]
