"""The record of starts: a bot that fails again and again begins nothing new until it holds or a person looks.

A plain file of JSON lines, as the ledger itself may be what fails. Times are told by the machine's own
uptime as long as it has not been restarted, so that no step of the wall clock makes the failures look old.
"""

import json
import os
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from domain.values import Clock, Monotonic, in_utc
from persistence.codec import json_of
from persistence.files import append_durably, replace_durably

FILE: Final = "boots.jsonl"
FEW: Final = 3
"""More unclean starts than these within `SHORT` begin nothing new for as long."""
SHORT: Final = timedelta(minutes=10)
MANY: Final = 10
"""More than these within `LONG` begin nothing new until a person says so."""
LONG: Final = timedelta(hours=1)
KEPT: Final = 50
"""Unclean starts that the file remembers at most."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def since_boot() -> timedelta:
    """The machine's uptime, its sleep included."""
    return timedelta(microseconds=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000)


def this_boot() -> str:
    """The kernel's name for the time since the machine started; empty where it has none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


class Stamp(NamedTuple):
    """A moment by both clocks."""

    at: datetime
    boot_id: str
    uptime: timedelta

    def age(self, now: "Stamp") -> timedelta:
        """How long ago it was; a moment that seems to lie ahead was just now."""
        same_boot = bool(self.boot_id) and self.boot_id == now.boot_id
        age = now.uptime - self.uptime if same_boot else now.at - self.at
        return max(age, timedelta(0))


class _History(NamedTuple):
    """What the lines of the file amount to."""

    unclean: tuple[Stamp, ...] = ()
    """The starts that followed an end that was none."""
    locked: bool = False
    running: bool = False
    """The last start has not ended cleanly."""


class BootRecord:
    """The record, with this process's start in it. Any one thread at a time."""

    def __init__(self, folder: Path, now: Monotonic, started: Stamp, history: _History) -> None:
        """Use `begin`."""
        self._path = folder / FILE
        self._uptime = now
        self._started = started
        self._history = history
        self._settled = False
        self.after_failure = started in history.unclean
        """The run before this one did not end as it should."""

    @classmethod
    def begin(
        cls,
        folder: Path,
        *,
        clock: Clock,
        version: str,
        boottime: Monotonic = since_boot,
        boot_id: str | None = None,
    ) -> "BootRecord":
        """Write this start down, durably, and forget what is too old to count. OSError where that fails."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        now = Stamp(in_utc(clock()), this_boot() if boot_id is None else boot_id, boottime())
        before = _history(_lines(folder / FILE), now)
        unclean = (*before.unclean, now) if before.running else before.unclean
        recent = tuple(stamp for stamp in unclean if stamp.age(now) <= LONG)[-KEPT:]
        history = _History(recent, before.locked or len(recent) > MANY, running=True)
        kept = [_line("failed", stamp) for stamp in recent]
        if history.locked:
            kept.append(_line("locked", now))
        kept.append(_line("boot", now, pid=os.getpid(), version=version))
        replace_durably(folder / FILE, "\n".join(kept) + "\n")
        return cls(folder, boottime, now, history)

    @property
    def locked(self) -> bool:
        """It failed so often that only a person's `arm` lets it begin anything new."""
        return self._history.locked

    def verdict(self) -> str | None:
        """Why nothing new may be begun; None: all is normal."""
        if self.locked:
            return (
                f"Starfill has failed more than {MANY} times within an hour, so no order that adds risk is "
                "sent until a person has looked (python run.py resume --all); what is open is still watched"
            )
        failed = sum(stamp.age(self._started) <= SHORT for stamp in self._history.unclean)
        if failed <= FEW:
            return None
        return (
            f"Starfill has failed {failed} times within {SHORT // timedelta(minutes=1)} minutes, so no order "
            "that adds risk is sent until it has run that long without failing, or a person has looked "
            "(python run.py resume --all); what is open is still watched"
        )

    def settled(self) -> bool:
        """Whether this process has run long enough to forget the failures before it; then they are forgotten.

        What only a person lifts stays. Any number of times.
        """
        if not self._settled and self._uptime() - self._started.uptime >= SHORT:
            append_durably(self._path, _line("settled", self._started))
            self._history = self._history._replace(unclean=())
            self._settled = True
        return self._settled

    def arm(self) -> None:
        """A person has looked: forget every failure."""
        arm(self._path.parent)
        self._history = self._history._replace(unclean=(), locked=False)

    def end(self, clean: bool) -> None:
        """Write down that this process ends, and whether as it should."""
        append_durably(self._path, _line("end", self._started, clean=clean))


def arm(folder: Path) -> None:
    """A person has looked: forget every failure, from the next start on. For when the bot does not run."""
    append_durably(folder / FILE, json_of({"event": "armed"}))


def _history(lines: list[str], now: Stamp) -> _History:
    history = _History()
    for line in lines:
        event, stamp, clean = _understood(line)
        if event in {"failed", "damaged"}:
            history = history._replace(unclean=(*history.unclean, stamp or now))
        elif event == "boot":
            history = history._replace(running=True)
        elif event == "end":
            history = history._replace(running=not clean)
        elif event == "locked":
            history = history._replace(locked=True)
        elif event == "settled":
            history = history._replace(unclean=())
        elif event == "armed":
            history = history._replace(unclean=(), locked=False)
    return history


def _understood(line: str) -> tuple[str, Stamp | None, bool]:
    """The event, its time, and whether it was a clean end; a line that makes no sense is a failure."""
    try:
        fields = json.loads(line)
        if fields["event"] in {"armed", "settled", "locked", "boot", "end"}:
            return fields["event"], None, fields.get("clean") is True
        uptime = timedelta(microseconds=int(fields["uptime_us"]))
        stamp = Stamp(in_utc(datetime.fromisoformat(fields["at"])), str(fields["boot_id"]), uptime)
        return "failed", stamp, False
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError):
        return "damaged", None, False


def _line(event: str, stamp: Stamp, **more: object) -> str:
    fields: Mapping[str, object] = {
        "event": event,
        "at": stamp.at,
        "boot_id": stamp.boot_id,
        "uptime_us": stamp.uptime // timedelta(microseconds=1),
        **more,
    }
    return json_of(fields)


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if line.strip()]
