"""Tells what stops the ledger for a while from what is wrong with it.

The same fault comes as sqlite3's own error from a statement, wrapped by Pony from a connection, and
wrapped twice from a commit.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pony.orm import core

from persistence.errors import LedgerOutOfReach

_BUSY: Final = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")
_WHY: Final = (
    (_BUSY, "another process holds it"),
    (("SQLITE_FULL",), "the disk is full"),
    (("SQLITE_READONLY",), "it may only be read"),
    (("SQLITE_IOERR",), "the disk does not do what it is asked"),
    (("SQLITE_CANTOPEN",), "its file cannot be opened"),
)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """LedgerOutOfReach for what may pass; every other exception stays what it is."""
    try:
        yield
    except (sqlite3.OperationalError, core.OrmError, core.DBException) as error:
        told = out_of_reach(path, error)
        if told is None:
            raise
        raise told from error


def out_of_reach(path: Path, error: BaseException) -> LedgerOutOfReach | None:
    """What the owner is told of the error; None: it does not pass by itself."""
    cause = _cause(error)
    name = getattr(cause, "sqlite_errorname", "")
    for names, why in _WHY:
        if name.startswith(names):
            return LedgerOutOfReach(
                f"the ledger {path} cannot be written now: {why} ({cause}); nothing of this was booked "
                "and no order leaves until it can be; " + _advice(names)
            )
    return None


def missing(path: Path) -> LedgerOutOfReach:
    """What the owner is told of a ledger whose file is gone."""
    return LedgerOutOfReach(
        f"the ledger {path} is not there any more; nothing of this was booked and no order leaves until it "
        "is back; put the file back in its place, or stop the bot and restore a backup"
    )


def _advice(names: tuple[str, ...]) -> str:
    if names is _BUSY:
        return "stop whatever tool has the file open"
    return "check the disk's free space and who may write there"


def _cause(error: BaseException) -> BaseException:
    """SQLite's own error inside Pony's."""
    if isinstance(error, core.CommitException | core.RollbackException):
        return _cause(error.exceptions[0][1])
    original = getattr(error, "original_exc", None)
    return error if original is None else _cause(original)
