"""The ledger's writer side: one file, and units of work that are durable when they end."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from sqlite3 import Cursor
from typing import Any

from pony.orm import core, db_session

from domain.values import Clock
from persistence import journal, lease, migrate
from persistence.database import BUSY_S, Seconds, mapped_database, thread_connection
from persistence.errors import LeaseLost, LedgerBelongsElsewhere, LedgerOutOfReach, LedgerUnusable
from persistence.reach import missing, writing
from persistence.rows import ExecutionRow, JournalCheck, Lease, NewTrade, StoredSignal
from persistence.unit import Unit

__all__ = [
    "ExecutionRow",
    "Lease",
    "LeaseLost",
    "LedgerBelongsElsewhere",
    "LedgerOutOfReach",
    "LedgerStore",
    "LedgerUnusable",
    "NewTrade",
    "StoredSignal",
    "Unit",
    "verify_journal",
]

_ACCOUNT = "account_id"


class LedgerStore:
    """One ledger file, open. Any thread may use it, each gets a connection of its own."""

    def __init__(self, path: Path, database: Any, clock: Clock) -> None:
        """Use `open`."""
        self.path = path
        self.database = database
        self._clock = clock

    @classmethod
    def open(cls, path: Path, *, clock: Clock, busy_s: Seconds = BUSY_S) -> "LedgerStore":
        """Create, check and migrate the file, then map it. LedgerUnusable says why it cannot be used.

        `busy_s`: how long a unit waits for another process that writes.
        """
        path = path.expanduser().absolute()
        migrate.make_ready(path, clock=clock)
        return cls(path, mapped_database(path, busy_s=busy_s), clock)

    @contextmanager
    def unit(self, epoch: int | None = None) -> "Iterator[Unit]":
        """One transaction that holds the write lock from its start; durable when the block is left.

        An exception in the block undoes everything. With an `epoch`, LeaseLost if another process has taken
        the lease since. LedgerOutOfReach, and nothing was written, while another process holds the file, the
        disk is full, and the like; the next unit works again when that is over. RuntimeError inside another
        `db_session` of this thread: Pony would not commit here, and the outer one's rollback would undo it.
        """
        with self._transaction() as cursor:
            if epoch is not None:
                lease.check(cursor, epoch)
            unit = Unit(cursor)
            yield unit
            unit.finish()

    def take_lease(self, *, holder: str, at: datetime) -> int:
        """Make the caller the one that may write; its epoch. Units of every older epoch raise LeaseLost.

        LedgerOutOfReach as with a unit: then nobody took it.
        """
        with self._transaction() as cursor:
            return lease.take(cursor, holder=holder, at=at)

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        if core.local.db_context_counter:
            raise RuntimeError("a unit inside another db_session would not be committed when it ends")
        with writing(self.path), db_session(immediate=True):
            try:
                connection = thread_connection(self.database)
            except OSError as error:  # Pony looks for the file before it connects
                raise missing(self.path) from error
            # Closed before the commit: a later write through it would be a transaction of its own.
            with closing(connection.cursor()) as cursor:
                yield cursor

    def lease(self) -> Lease:
        """Who may write. Any thread; the writer is not held up."""
        with db_session:
            [row] = self.database.select(lease.LEASE)
        return lease.lease_of(row)

    def bind_account(self, account_id: str) -> None:
        """The first call says whose ledger this is; LedgerBelongsElsewhere for any other account.

        LedgerOutOfReach when it cannot be written now, LedgerUnusable when its settings are none.
        """
        try:
            self._bind(account_id)
        except core.DBException as error:
            raise migrate.unusable(self.path, error.original_exc or error) from error

    def _bind(self, account_id: str) -> None:
        with self.unit() as unit:
            known = unit.meta(_ACCOUNT)
            if known is None:
                unit.set_meta(_ACCOUNT, account_id)
                unit.journal("account_bound", account_id, {}, at=self._clock())
            elif known != account_id:
                raise LedgerBelongsElsewhere(known, account_id)
            unit.config()  # no order may be the first to find that it sets nothing

    def account_id(self) -> str | None:
        """Whose ledger this is; None: nobody's yet."""
        with db_session:
            known = self.database.Meta.get(key=_ACCOUNT)
            return None if known is None else str(known.value)

    def examine(self) -> None:
        """Check the whole file beside the work; LedgerUnusable if it is damaged."""
        migrate.examine(self.path)

    def settle(self) -> None:
        """Fold SQLite's log back into the file, the sign of a clean stop; for when nobody writes any more."""
        migrate.settle(self.path)

    def close(self) -> None:
        """Close the calling thread's connection; those of other threads close when their threads end."""
        self.database.disconnect()


def verify_journal(store: LedgerStore) -> JournalCheck:
    """Whether the journal is as it was written. Any thread; the writer is not held up."""

    def rows_after(seq: int) -> list[journal.Row]:
        with db_session:
            rows: list[journal.Row] = store.database.select(journal.ROWS_AFTER, {}, {"seq": seq})
        return rows

    return journal.verified(rows_after)
