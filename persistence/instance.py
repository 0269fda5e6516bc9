"""One process a state folder, and one a ledger: locks that the kernel lets go of when their holder dies.

A holder that is stopped and not dead keeps its lock. The ledger's lease then tells, as nobody renews it,
and its epoch keeps the stopped one from writing when it comes back.
"""

import fcntl
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from persistence.rows import Lease

LEASE_GOOD_FOR: Final = timedelta(seconds=15)
"""A lease that was renewed less than this ago has a holder that is well."""


class AlreadyRunning(Exception):  # noqa: N818 - it is a fact about another process, not an error of this one
    """Another process holds the state folder or the ledger; `holder` is what it wrote of itself."""

    def __init__(self, held: Path, holder: str) -> None:
        super().__init__(f"another Starfill ({holder or 'unknown process'}) already runs on {held}")
        self.holder = holder


class Instance:
    """The lock on a state folder, held until `release` or the end of the process."""

    def __init__(self, folder: Path) -> None:
        """Take the lock; raises AlreadyRunning, or OSError where the folder cannot be written."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        if not _locked(self._descriptor):
            holder = _text(self._descriptor)
            os.close(self._descriptor)
            raise AlreadyRunning(folder, holder)
        _write(self._descriptor, f"pid {os.getpid()}\n")

    def release(self) -> None:
        """Let another process have the folder; idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class DatabaseLock:
    """The lock on a ledger, held until `release` or the end of the process. Use `claim`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Let another process have the ledger; idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def claim(path: Path, *, now: datetime, lease: Lease) -> DatabaseLock:
    """Take the lock on the ledger at `path`; `lease` as it was read just before. Then take the lease.

    A free lock is taken whatever the lease says: its holder is dead. A held one is refused with
    AlreadyRunning as long as its holder is well. If that one only is, and the lease is overdue, the lock is
    replaced by one of our own: the old holder keeps a file that no longer has the name, and no epoch.
    OSError where the ledger's folder cannot be written.
    """
    ledger = path.resolve()  # by whatever name it is called: SQLite's own lock is on the file
    lock = ledger.with_name(ledger.name + ".lock")
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if _locked(descriptor):
            if not _is_still(descriptor, lock):
                os.close(descriptor)
                continue
            _write(descriptor, _claim_text(now))
            return DatabaseLock(descriptor)
        pid, _, since = _text(descriptor).partition("\n")
        os.close(descriptor)
        if _is_well(now, lease.renewed_at):
            raise AlreadyRunning(path, lease.holder)
        if _is_well(now, _moment(since)):  # it has the lock and is about to take the lease
            raise AlreadyRunning(path, pid)
        return _replaced(lock, now)


def _replaced(lock: Path, now: datetime) -> DatabaseLock:
    ours = lock.with_name(f"{lock.name}.{os.getpid()}")
    descriptor = os.open(ours, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    _write(descriptor, _claim_text(now))
    ours.rename(lock)
    return DatabaseLock(descriptor)


def _is_well(now: datetime, last_sign: datetime | None) -> bool:
    """A sign from the future is one of life too: clocks step back, and a lock is held by somebody."""
    return last_sign is not None and now - last_sign < LEASE_GOOD_FOR


def _is_still(descriptor: int, path: Path) -> bool:
    """Whether the open file still has this name, or was replaced while we waited for it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _claim_text(now: datetime) -> str:
    return f"pid {os.getpid()}\n{now.isoformat()}\n"


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def _text(descriptor: int) -> str:
    return os.pread(descriptor, 100, 0).decode(errors="replace").strip()


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)
