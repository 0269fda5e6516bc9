"""Halts in a plain file: they hold when the ledger cannot be written, and anybody can stop the bot by hand.

A file that is there and says nothing we understand stops everything: whoever put it there meant something.
"""

import fcntl
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from pydantic import Field, ValidationError

from domain.holdings import ALL, Halt
from domain.values import Message
from persistence.codec import EPOCH, moment_of
from persistence.files import put, remove_durably, staged

BY_HAND: Final = "file"
"""`Halt.by` of a file that is not of our writing."""
MAX_BYTES: Final = 1024 * 1024
MAX_TEXT: Final = 100
_SCOPE: Final = re.compile(r"all|[A-Z0-9][A-Z0-9./-]{0,31}")
"""Everything, or a symbol as the broker writes it. What is neither is not understood: it stops everything."""

_Stamp = tuple[int, int, int, int] | None
"""Inode, times of change and size; None: there is no file, or it cannot even be looked at."""


class _Content(Message):
    halts: Annotated[tuple[Halt, ...], Field(min_length=1)]


class _Seen(NamedTuple):
    stamp: _Stamp
    halts: tuple[Halt, ...]
    ours: bool


_NOTHING: Final = _Seen(None, (), ours=True)


class HaltFile:
    """The file at `path`. Any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen = _NOTHING
        self._told: _Stamp = None
        """Of the file that `read` answered with last."""
        self._untold: tuple[Halt, ...] = ()
        """What somebody else's file said that `write` has replaced before any `read`."""

    def read(self) -> tuple[Halt, ...]:
        """What the file halts now. One put there by hand, or damaged, is one halt of everything."""
        with self._lock:
            seen = self._look()
            self._told, self._untold = seen.stamp, ()
            return seen.halts

    def reasons(self, symbol: str) -> tuple[str, ...]:
        """Why this symbol is halted now; cheap enough to be asked before each POST."""
        with self._lock:
            halts = self._look().halts
        # ALL is a ticker too. Who wrote it into the file by hand is more likely to have meant everything.
        return tuple(halt.reason for halt in halts if halt.scope == symbol or halt.scope.lower() == ALL)

    def write(self, halts: Iterable[Halt]) -> None:
        """Make the file say this, atomically and durably; without any halt there is no file.

        What somebody else put there is not lost: its halts are written too until a `read` has told them.
        OSError, and the file stays as it was, where that cannot be done.
        """
        wanted = tuple(halts)
        with self._lock, self._alone():
            while not self._written(wanted):  # somebody else was faster, and is heard first
                pass
            # What we wrote is no news; what comes after it is somebody else's.
            self._told = self._look().stamp

    def add(self, halt: Halt) -> bool:
        """Have this halt stand too; whether it did not before. OSError as for `write`."""
        with self._lock, self._alone():
            while True:
                standing = self._look().halts
                if any((each.scope, each.reason) == (halt.scope, halt.reason) for each in standing):
                    return False
                if self._written((*standing, halt)):
                    return True

    def _written(self, halts: tuple[Halt, ...]) -> bool:
        """Whether the file says this now, and what nobody has been told of; False: it changed meanwhile."""
        found = self._look()
        if found.stamp != self._told:
            self._untold = tuple(dict.fromkeys((*self._untold, *found.halts)))
        all_of_them = tuple(dict.fromkeys((*halts, *self._untold)))
        new = None
        if all_of_them:
            new = staged(self._path, _Content(halts=all_of_them).model_dump_json(indent=1) + "\n")
        if self._look().stamp != found.stamp:
            return False
        if new is None:
            remove_durably(self._path)
        else:
            put(new, self._path)
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process of ours writes the file meanwhile."""
        descriptor = os.open(self._path.with_name(self._path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _look(self) -> _Seen:
        """The file as it is; read anew only when it was touched."""
        try:
            stamp = _stamp(self._path.stat())
        except FileNotFoundError as error:
            if self._path.is_symlink():  # somebody put it there, and it leads nowhere
                return _unreadable(self._path, error, None)
            self._seen = _NOTHING
            return self._seen
        except OSError as error:
            return _unreadable(self._path, error, None)
        if stamp == self._seen.stamp:
            return self._seen
        try:
            with open(self._path, "rb", opener=_without_waiting) as file:
                stamp = _stamp(os.fstat(file.fileno()))
                content = file.read(MAX_BYTES + 1) or b""
        except FileNotFoundError:
            self._seen = _NOTHING
        except OSError as error:
            return _unreadable(self._path, error, stamp)
        else:
            self._seen = _understood(self._path, content, stamp)
        return self._seen


def _without_waiting(path: str, flags: int) -> int:
    """A pipe of that name may have no writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def _understood(path: Path, content: bytes, stamp: _Stamp) -> _Seen:
    try:
        halts = _Content.model_validate_json(content).halts
    except (ValidationError, ValueError, OverflowError):  # also a time that no calendar has
        halts = ()
    if halts and all(_SCOPE.fullmatch(halt.scope) for halt in halts):
        return _Seen(stamp, halts, ours=True)
    return _Seen(stamp, (_by_hand(path, content, stamp),), ours=False)


def _stamp(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size


def _touched(stamp: _Stamp) -> datetime:
    return EPOCH if stamp is None else moment_of(stamp[1] // 1000)


def _by_hand(path: Path, content: bytes, stamp: _Stamp) -> Halt:
    text = content[: MAX_TEXT * 4].decode(errors="replace").strip()
    if text.startswith(("{", "\0")):
        reason = (
            f"the halt file {path} is damaged or half written, so everything is halted; "
            "see what was halted, then clear it"
        )
    else:
        said = "".join(char if char.isprintable() else " " for char in text[:MAX_TEXT]).strip()
        reason = f"halted by the file {path}" + (f": {said}" if said else "")
    return Halt(scope=ALL, reason=reason, by=BY_HAND, at=_touched(stamp))


def _unreadable(path: Path, error: OSError, stamp: _Stamp) -> _Seen:
    reason = (
        f"the halt file {path} cannot be read ({error.strerror}), so everything is halted; "
        "make it readable for this user, or remove it"
    )
    return _Seen(stamp, (Halt(scope=ALL, reason=reason, by=BY_HAND, at=_touched(stamp)),), ours=False)
