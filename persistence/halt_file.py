"""Halts in a plain file: they hold when the ledger cannot be written, and anybody can stop the bot by hand.

A file that is there and says nothing we understand stops everything: whoever put it there meant something.
"""

import os
import threading
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from pydantic import Field, ValidationError

from domain.holdings import ALL, Halt
from domain.values import Message
from persistence.codec import EPOCH, moment_of
from persistence.files import remove_durably, replace_durably

BY_HAND: Final = "file"
"""`Halt.by` of a file that is not of our writing."""
MAX_BYTES: Final = 1024 * 1024
MAX_TEXT: Final = 100

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
        return tuple(halt.reason for halt in halts if halt.scope in {ALL, symbol})

    def write(self, halts: Iterable[Halt]) -> None:
        """Make the file say this, atomically and durably; without any halt there is no file.

        What somebody else put there is not lost: its halts are written too until a `read` has told them.
        OSError, and the file stays as it was, where that cannot be done.
        """
        with self._lock:
            found = self._look()
            if found.stamp != self._told:
                self._untold = found.halts
            all_of_them = tuple(dict.fromkeys((*halts, *self._untold)))
            if all_of_them:
                text = _Content(halts=all_of_them).model_dump_json(indent=1) + "\n"
                replace_durably(self._path, text)
            else:
                remove_durably(self._path)
            # What we wrote is no news; what comes after it is somebody else's.
            self._told = self._look().stamp

    def _look(self) -> _Seen:
        """The file as it is; read anew only when it was touched."""
        try:
            stamp = _stamp(self._path.stat())
        except FileNotFoundError:
            self._seen = _NOTHING
            return self._seen
        except OSError as error:
            return _unreadable(self._path, error, None)
        if stamp == self._seen.stamp:
            return self._seen
        try:
            with self._path.open("rb") as file:
                stamp = _stamp(os.fstat(file.fileno()))
                content = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            self._seen = _NOTHING
        except OSError as error:
            return _unreadable(self._path, error, stamp)
        else:
            self._seen = _understood(self._path, content, stamp)
        return self._seen


def _understood(path: Path, content: bytes, stamp: _Stamp) -> _Seen:
    try:
        return _Seen(stamp, _Content.model_validate_json(content).halts, ours=True)
    except ValidationError:
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
