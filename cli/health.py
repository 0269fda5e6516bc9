"""The bot's condition, for those outside the process.

A file is touched while all is well, and a thread of C ends the process when Python itself stands still.
"""

import faulthandler
import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from domain.rules import Gate
from domain.values import Clock
from watch.silence import HEALTH

log = logging.getLogger(__name__)

HEALTH_EVERY_S: Final = 5.0
CRASH_LOG: Final = "crash.log"
CRASH_LOG_BYTES: Final = 1_000_000
WATCHDOG_S: Final = 30.0


class HealthFile:
    """`health` in the state folder: whoever finds it older than a minute finds a bot that is not well."""

    def __init__(self, folder: Path, *, gate: Callable[[], Gate], clock: Clock) -> None:
        self._path = folder / HEALTH
        self._gate = gate
        self._clock = clock
        self._written = -HEALTH_EVERY_S

    def all_well(self, oldest_pong_s: float) -> None:
        """Every actor answers; told at each turn, written each five seconds. Never raises for a full disk."""
        if time.monotonic() - self._written < HEALTH_EVERY_S - 0.1:
            return
        self._written = time.monotonic()
        gate = self._gate()
        text = json.dumps(
            {
                "pid": os.getpid(),
                "at": self._clock().isoformat(),
                "gate": "open" if gate.open else "closed",
                "reason": gate.reason,
                "oldest_pong_s": round(oldest_pong_s, 1),
            }
        )
        try:
            new = self._path.with_suffix(".new")
            new.write_text(text + "\n", encoding="utf-8")
            new.replace(self._path)
        except OSError as error:  # its age tells whoever looks at it
            log.warning("%s cannot be written: %s", self._path, error.strerror)


class Watchdog:
    """Ends the process with every thread's stack in `crash.log` unless `alive` is called in time.

    It works while a piece of C holds the interpreter, when no thread of Python's could. To leave it is
    to call it off; the process ends with 1, and whoever started it starts it again.
    """

    def __init__(self, folder: Path, period_s: float = WATCHDOG_S) -> None:
        """Raises OSError where the folder cannot be written."""
        path = folder / CRASH_LOG
        big = path.exists() and path.stat().st_size > CRASH_LOG_BYTES
        self._file = open(  # noqa: SIM115 - it stays open while the process runs
            path,
            "w" if big else "a",
            encoding="utf-8",
            opener=lambda name, flags: os.open(name, flags, 0o600),
        )
        self._period_s = period_s

    def __enter__(self) -> Self:
        self.alive()
        return self

    def alive(self, beyond_s: float = 0.0) -> None:
        """Python turns; the next call comes within the period and so many seconds more."""
        faulthandler.dump_traceback_later(self._period_s + beyond_s, exit=True, file=self._file)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._file.close()
