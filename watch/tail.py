"""Follows the journal, for all who make something of it: one reader, on one thread, behind every commit.

The ledger's thread only says that there is news. What follows reads it a moment later, and whatever goes
wrong here stays here: it is logged, and tried again.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

from persistence.rows import JournalRow

log = logging.getLogger(__name__)

ROWS: Final = 500
ROUND_S: Final = 0.25
"""The journal is read this often at most: a flood makes large rounds, not many."""
TRIES: Final = 3
"""So often rows are handed to a follower that fails at them; then they are left out, for this one only."""
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
        """Rows in their order; never one twice, unless it failed at them."""

    def look(self) -> bool:
        """After the rows of each round, and every few seconds; whether it wants the next round soon."""


class _Place:
    """How far a follower has come."""

    def __init__(self, follower: Follower, seq: int) -> None:
        self.follower = follower
        self.seq = seq
        self.failures = 0


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
        self._places: list[_Place] = []
        self._failing = False
        self._wants_more = False

    def start(self) -> None:
        """Have every follower begin at its place; raises what reading the ledger raises."""
        newest = self._journal.newest_seq()
        self._places = [_Place(each, each.begin(newest)) for each in self._followers]
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
            self._turn()
            if closing:
                while self._wants_more:
                    self._turn()
                return
            if self._wants_more:
                self._news.set()
            self._closing.wait(self._round_s)

    def _turn(self) -> None:
        try:
            well = self._round()
        except Exception as error:  # noqa: BLE001 - whoever watches must go on watching
            self._wants_more = False
            self._failed("the journal cannot be followed just now; it is tried again", error)
        else:
            self._failing = self._failing and not well

    def _round(self) -> bool:
        """Hand on all that there is; whether everybody could take it."""
        well = True
        while self._places and (rows := self._journal.after(min(p.seq for p in self._places), limit=ROWS)):
            took = [
                self._hand_on(place, [row for row in rows if row.seq > place.seq]) for place in self._places
            ]
            well = well and all(took)
            if len(rows) < ROWS or not all(took):
                break
        self._wants_more = False
        for place in self._places:
            well = self._guarded(partial(self._look, place.follower)) and well
        return well

    def _look(self, follower: Follower) -> None:
        self._wants_more = follower.look() or self._wants_more

    def _hand_on(self, place: _Place, rows: list[JournalRow]) -> bool:
        if not rows:
            return True
        if self._guarded(lambda: place.follower.take(rows)):
            place.seq, place.failures = rows[-1].seq, 0
            return True
        place.failures += 1
        if place.failures >= TRIES:
            log.error("rows %d to %d of the journal are left out", rows[0].seq, rows[-1].seq)
            place.seq, place.failures = rows[-1].seq, 0
        return False

    def _guarded(self, act: Callable[[], None]) -> bool:
        """One that fails keeps nobody else from anything."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - told, and tried again
            self._failed("what follows the journal failed; it is tried again", error)
            return False
        return True

    def _failed(self, what: str, error: Exception) -> None:
        """Told once, until all is well again: a full disk may last for hours."""
        if not self._failing:
            log.error(what, exc_info=error)
        self._failing = True
