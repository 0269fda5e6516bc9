"""Follows the journal, for all who make something of it: one reader, on one thread, behind every commit.

The ledger's thread only says that there is news. What follows reads it a moment later, and whatever goes
wrong here stays here: it is logged, and tried again.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Final, Protocol

from persistence.rows import JournalRow

log = logging.getLogger(__name__)

ROWS: Final = 500
ROUND_S: Final = 0.25
"""The journal is read this often at most: a flood makes large rounds, not many."""
LOOK_S: Final = 5.0
"""So often also without news: what lasts too long is news too."""


class Journal(Protocol):
    """Where the rows are read."""

    def newest_seq(self) -> int: ...
    def after(self, seq: int, *, limit: int) -> tuple[JournalRow, ...]: ...


class Changed(Protocol):
    """What the ledger says after a commit."""

    @property
    def journaled(self) -> bool: ...


class Follower(Protocol):
    """Called on the tail's thread only."""

    def begin(self, newest: int) -> int:
        """The row behind which it wants to be told; `newest` is the last one there is."""

    def take(self, rows: Sequence[JournalRow]) -> None:
        """Rows in their order; never one twice."""

    def look(self) -> None:
        """After the rows of each round, and every few seconds."""


class Tail:
    """`tell` is for the ledger's thread and returns at once."""

    def __init__(
        self,
        journal: Journal,
        followers: Sequence[Follower],
        *,
        round_s: float = ROUND_S,
        look_s: float = LOOK_S,
    ) -> None:
        self._journal = journal
        self._followers = followers
        self._round_s = round_s
        self._look_s = look_s
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._places: dict[int, int] = {}
        self._seq = 0

    def start(self) -> None:
        """Have every follower begin at its place; raises what reading the ledger raises."""
        newest = self._journal.newest_seq()
        self._places = {number: each.begin(newest) for number, each in enumerate(self._followers)}
        self._seq = min(self._places.values(), default=newest)
        self._news.set()
        self._thread.start()

    def tell(self, changed: Changed | None = None) -> None:
        """Something has happened; of what is no row of the journal (None) the next look tells."""
        if changed is None or changed.journaled:
            self._news.set()

    def close(self, timeout_s: float = 2.0) -> None:
        """Read what there is, and end."""
        self._closing.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            self._news.wait(self._look_s)
            closing = self._closing.is_set()
            self._news.clear()
            try:
                self._round()
            except Exception:  # whoever watches must go on watching
                log.exception("the journal cannot be followed just now; it is tried again")
            if closing:
                return
            self._closing.wait(self._round_s)

    def _round(self) -> None:
        while rows := self._journal.after(self._seq, limit=ROWS):
            self._seq = rows[-1].seq
            for number, follower in enumerate(self._followers):
                fresh = [row for row in rows if row.seq > self._places[number]]
                if fresh:
                    follower.take(fresh)
            if len(rows) < ROWS:
                break
        for follower in self._followers:
            follower.look()
