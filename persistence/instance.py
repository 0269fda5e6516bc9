"""One process a state folder: a lock that the kernel lets go of when its holder dies, however it dies."""

import fcntl
import os
from pathlib import Path


class AlreadyRunning(Exception):  # noqa: N818 - it is a fact about another process, not an error of this one
    """Another process holds the state folder; `holder` is what it wrote of itself."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(f"another Starfill ({holder or 'unknown process'}) already runs on {folder}")
        self.holder = holder


class Instance:
    """The lock, held until `release` or the end of the process."""

    def __init__(self, folder: Path) -> None:
        """Take the lock; raises AlreadyRunning, or OSError where the folder cannot be written."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 100, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise AlreadyRunning(folder, holder) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"pid {os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another process have the folder; idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
