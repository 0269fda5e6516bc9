"""Brings the database file to this version's schema, or says why it cannot be used.

Numbered SQL files own the tables. Each is applied in one transaction together with its own mark
(`PRAGMA user_version`), so that a crash in between leaves the schema either before it or behind it.
An existing ledger is copied beside itself before its schema changes.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from domain.values import Clock
from failpoint import failpoint
from persistence.errors import LedgerOutOfReach, LedgerUnusable

APPLICATION_ID: Final = 0x53544652
"""In the file's header: this SQLite file is a ledger of ours ("STFR")."""
PATIENCE_S: Final = 2.0
"""How long another process may hold the file when we open it."""
SMALL: Final = 8 * 1024 * 1024
"""Bytes up to which a ledger is always examined before it is used: some 3,000 trades."""
_FOLDER: Final = Path(__file__).parent / "migrations"


class Migration(NamedTuple):
    """One step of the schema; versions count from 1 without a gap."""

    version: int
    name: str
    sql: str


def migrations(folder: Path = _FOLDER) -> tuple[Migration, ...]:
    """The steps in `folder`, `0001_what.sql` first."""
    steps = tuple(
        Migration(int(file.name[:4]), file.stem, file.read_text(encoding="utf-8"))
        for file in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    )
    if [step.version for step in steps] != list(range(1, len(steps) + 1)):
        raise ValueError(f"the migrations in {folder} are not numbered 1 to {len(steps)}")
    return steps


def make_ready(
    path: Path, *, clock: Clock, steps: Sequence[Migration] | None = None, patience_s: float = PATIENCE_S
) -> None:
    """Create or check the file at the absolute `path` and apply what it lacks. LedgerUnusable if that fails.

    New folders are for their owner alone (0700), and so is the file (0600), with what SQLite puts beside it.
    """
    steps = migrations() if steps is None else steps
    examine_now = wants_a_look(path)
    _refuse_lone_log(path)
    _own_file(path)
    with _explained(path):
        connection = sqlite3.connect(path, timeout=patience_s, isolation_level=None)
        try:
            if examine_now:
                _look_through(connection, path)
            version = _checked_version(connection, path, newest=len(steps))
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            if 0 < version < len(steps):
                _back_up(connection, path, version, clock)
            for step in steps[version:]:
                _apply(connection, step, path)
            # Taking the write lock once proves that the file can be written now, not at the first order.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        finally:
            connection.close()


def examine(path: Path) -> None:
    """Read the whole file and check how it hangs together; LedgerUnusable if it does not.

    It takes a second for each 100,000 trades, on a connection of its own that keeps nobody waiting.
    """
    with _explained(path):
        connection = sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None)
        try:
            _look_through(connection, path)
        finally:
            connection.close()


def settle(path: Path) -> None:
    """Fold SQLite's log back into the file and empty it; where somebody still reads, it stays as it is."""
    with (
        suppress(sqlite3.Error),  # the log then stays, and the next start examines the file
        closing(sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def wants_a_look(path: Path) -> bool:
    """Whether the start has to wait for `examine`: the last stop was none, or it costs nothing.

    A log that was not folded back into the database is what a crash leaves.
    """
    return size_of(log_of(path)) > 0 or not path.exists() or size_of(path) < SMALL


def log_of(path: Path) -> Path:
    """SQLite's log beside the database."""
    return path.with_name(path.name + "-wal")


def size_of(path: Path) -> int:
    """Bytes; of what is not there, 0."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _refuse_lone_log(path: Path) -> None:
    """SQLite deletes a log whose database is empty: with it would go what was booked last."""
    if size_of(log_of(path)) > 0 and size_of(path) == 0:
        raise LedgerUnusable(
            f"the ledger {path} is missing or empty and its log {log_of(path).name} is still there, so what "
            "was bought cannot be told and nothing is traded; put the ledger back beside its log, or put a "
            "backup in its place and the log elsewhere"
        )


def _look_through(connection: sqlite3.Connection, path: Path) -> None:
    fault = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if fault != "ok":
        raise LedgerUnusable(_corrupt(path, str(fault)))


def _own_file(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its -wal and -shm files the mode of the database.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(handle, 0o600)
        finally:
            os.close(handle)
    except OSError as error:
        raise LedgerUnusable(
            f"the ledger {path} cannot be written ({error.strerror}), so nothing is traded; "
            "make its folder writable for this user or set STARFILL_DATABASE to another place"
        ) from error


def _checked_version(connection: sqlite3.Connection, path: Path, *, newest: int) -> int:
    """The schema version of a ledger of ours; 0: the file is empty."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner != APPLICATION_ID and (version or tables):
        raise LedgerUnusable(
            f"{path} is some other program's database and was left as it is, so nothing is traded; "
            "set STARFILL_DATABASE to a file of its own"
        )
    if version > newest:
        raise LedgerUnusable(
            f"the ledger {path} has schema {version} and this version of the program knows {newest} at most, "
            "so nothing is traded with half-understood books; install the newer version again, "
            "or restore the backup that was made beside the ledger before the upgrade"
        )
    return version


def _back_up(connection: sqlite3.Connection, path: Path, version: int, clock: Clock) -> None:
    copy = path.with_name(f"{path.name}.schema{version}-{clock():%Y%m%dT%H%M%S%fZ}.bak")
    # VACUUM INTO accepts an empty file, so the copy never exists with a wider mode. A plain copy of
    # the file would lack what is still in the WAL.
    handle = os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        connection.execute("VACUUM INTO ?", (str(copy),))
        os.fsync(handle)
    finally:
        os.close(handle)


def _apply(connection: sqlite3.Connection, step: Migration, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done this step while we waited for the lock.
        if connection.execute("PRAGMA user_version").fetchone()[0] < step.version:
            for statement in _statements(step.sql):
                connection.execute(statement)
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise sqlite3.IntegrityError("a row refers to one that is not there")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {step.version:d}")
            failpoint("migration.mid")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise LedgerUnusable(
            f"the ledger {path} could not be brought to schema {step.name} ({error}), so nothing is traded; "
            "it was left as it was, so the version that wrote it still runs"
        ) from error


def _statements(sql: str) -> Iterator[str]:
    """Statements one by one: `executescript` would commit before it begins."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise sqlite3.ProgrammingError("the last statement does not end")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """SQLite's complaints as sentences for the owner."""
    try:
        yield
    except sqlite3.Error as error:
        raise unusable(path, error) from error


PASSING: Final = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR")


def unusable(path: Path, error: Exception) -> LedgerUnusable:
    """The exception that an error of SQLite becomes; LedgerOutOfReach where it may pass."""
    passing = getattr(error, "sqlite_errorname", "").startswith(PASSING)
    return (LedgerOutOfReach if passing else LedgerUnusable)(why_unusable(path, error))


def why_unusable(path: Path, error: Exception) -> str:
    """What an error of SQLite means for the ledger at `path`."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return (
            f"the ledger {path} is locked by another process, so nothing is traded; "
            "stop the other instance (or whatever tool has the file open) and start again"
        )
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return _corrupt(path, str(error))
    return (
        f"the ledger {path} cannot be written ({error}), so nothing is traded; "
        "check the disk's free space and who may write there"
    )


def _corrupt(path: Path, fault: str) -> str:
    return (
        f"{path} is damaged or no database ({fault}), so what was bought cannot be told from it and nothing "
        "is traded; keep the file, put a backup in its place and compare with the broker's account"
    )
