"""How far each channel has been told, kept over a restart in a file of the state folder."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from persistence.files import replace_durably

log = logging.getLogger(__name__)

FILE: Final = "alarms-{name}.json"
MAX_BYTES: Final = 64 * 1024


class Bookmark:
    """Of one ledger. A file that says nothing usable is as none: then only what comes is told."""

    def __init__(self, folder: Path, ledger: Path) -> None:
        self._path = folder / FILE.format(name=ledger.stem)
        self._ledger = str(ledger)
        self._written: Mapping[str, int] = {}

    def read(self, newest: int) -> dict[str, int]:
        """The last row that was told, by channel; of rows that the ledger does not have nothing is known.

        `newest`: the ledger's last row. An older copy of the ledger may have been put back.
        """
        try:
            told = json.loads(self._path.read_bytes()[:MAX_BYTES])
            if told["ledger"] != self._ledger:
                return {}
            places = {str(name): int(seq) for name, seq in told["channels"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("%s cannot be used (%s); alarms begin with what comes", self._path, error)
            return {}
        return {name: seq for name, seq in places.items() if 0 <= seq <= newest}

    def write(self, places: Mapping[str, int]) -> None:
        """Keep these, durably; a disk that is full costs a repeat after the next start, and no more."""
        if places == self._written:
            return
        try:
            replace_durably(self._path, json.dumps({"ledger": self._ledger, "channels": dict(places)}) + "\n")
        except OSError as error:
            log.warning("how far alarms were told cannot be kept (%s)", error.strerror)
        else:
            self._written = dict(places)
