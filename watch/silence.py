"""From outside the bot: is its sign of life fresh, and has its owner been told that it is not?

It knows the bot by one file only, and remembers in another what it has told, so that a look each minute is
one alarm, a reminder each hour, and one word when all is well again.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from domain.values import in_utc
from persistence.files import remove_durably, replace_durably

HEALTH: Final = "health"
TOLD: Final = "deadman.json"
REMIND: Final = timedelta(hours=1)
MAX_BYTES: Final = 16 * 1024


class Sign(NamedTuple):
    """What the file in the state folder says."""

    at: datetime | None
    """When it was last touched; None: it is not there, or cannot be looked at."""
    told: str
    """Its last words: the gate and the reason; empty where there are none."""


class Word(NamedTuple):
    """What one look amounts to."""

    silent: bool
    text: str | None
    """What the owner has to be told now; None: nothing."""


class Silence:
    """One look at a time, from one process."""

    def __init__(self, folder: Path, max_age: timedelta) -> None:
        self._folder = folder
        self._max_age = max_age
        self._told_at: datetime | None = self._read_told()

    def sign(self) -> Sign:
        """The sign of life as it is."""
        path = self._folder / HEALTH
        try:
            touched = path.stat().st_mtime_ns
            said = json.loads(path.read_bytes()[:MAX_BYTES])
            words = f"the gate was {said['gate']}: {said['reason']}"
        except OSError:
            return Sign(None, "")
        except (ValueError, KeyError, TypeError):
            words = ""
        return Sign(_moment(touched), words)

    def look(self, now: datetime) -> Word:
        """Look at the sign. One from the future is from before a step of the clock, and counts."""
        sign = self.sign()
        if sign.at is not None and now - sign.at <= self._max_age:
            return Word(False, None if self._told_at is None else "Starfill shows signs of life again.")
        if self._told_at is not None and now - self._told_at < REMIND:
            return Word(True, None)
        if sign.at is None:
            since = f"There is no sign of life in {self._folder}"
        else:
            since = f"No sign of life for {_words(now - sign.at)}"
        last = f" At the last one {sign.told}." if sign.told else ""
        return Word(
            True,
            f"{since}: Starfill has stopped, hangs, or was never started. Nobody watches the open trades."
            f"{last} Look at the account at the broker, then start it: python run.py",
        )

    def was_told(self, word: Word, now: datetime) -> None:
        """The owner has it. OSError if that cannot be kept; this process knows it all the same."""
        self._told_at = now if word.silent else None
        if word.silent:
            replace_durably(self._folder / TOLD, json.dumps({"told_at": now.isoformat()}) + "\n")
        else:
            remove_durably(self._folder / TOLD)

    def _read_told(self) -> datetime | None:
        try:
            told = json.loads((self._folder / TOLD).read_bytes()[:MAX_BYTES])
            return in_utc(datetime.fromisoformat(told["told_at"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _moment(nanoseconds: int) -> datetime:
    return in_utc(datetime.fromisoformat("1970-01-01T00:00:00+00:00")) + timedelta(
        microseconds=nanoseconds // 1000
    )


def _words(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    return f"{int(span.total_seconds())} s" if minutes < 3 else f"{minutes} min"  # noqa: PLR2004 - minutes
