"""The `lease` table: which process may write the ledger.

The locks of `instance` tell who lives; that no two processes write is the epoch's matter alone.
"""

from datetime import datetime
from sqlite3 import Cursor
from typing import Any, Final

from persistence.codec import micros_of, moment_or_none
from persistence.errors import LeaseLost
from persistence.rows import Lease

LEASE: Final = "SELECT epoch, holder, renewed_at FROM lease WHERE id = 1"
_EPOCH = "SELECT epoch, holder FROM lease WHERE id = 1"
_TAKE = "UPDATE lease SET epoch = epoch + 1, holder = ?, renewed_at = ? WHERE id = 1 RETURNING epoch"
_RENEW = "UPDATE lease SET renewed_at = ? WHERE id = 1"


def lease_of(row: tuple[Any, ...]) -> Lease:
    """The lease from `LEASE`."""
    epoch, holder, renewed_at = row
    return Lease(epoch=epoch, holder=holder, renewed_at=moment_or_none(renewed_at))


def take(cursor: Cursor, *, holder: str, at: datetime) -> int:
    """The new epoch; from this commit on every older one is refused."""
    return int(cursor.execute(_TAKE, (holder, micros_of(at))).fetchone()[0])


def check(cursor: Cursor, epoch: int) -> None:
    """LeaseLost if the epoch is not the newest."""
    newest, holder = cursor.execute(_EPOCH).fetchone()
    if newest != epoch:
        raise LeaseLost(holder)


def renew(cursor: Cursor, *, at: datetime) -> None:
    """Say that its holder is well."""
    cursor.execute(_RENEW, (micros_of(at),))
