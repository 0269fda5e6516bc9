"""What happens, handed on to all who listen to `/api/events`: one reader of the ledger, however many listen.

The ledger's thread only says that there is news. A thread of the hub's own reads the journal then, and only
while somebody listens; what it finds goes to each listener's queue. A listener that does not take what is
there loses it and is told so; nobody waits for it.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

from persistence.rows import JournalRow

MAX_STREAMS: Final = 16
MAX_WAITING: Final = 1000
"""Events that may wait for one listener, and that one may have missed and still be told."""
ROUND_S: Final = 0.1
"""The journal is read this often at most: a flood of fills makes large rounds, not many."""
STATE_S: Final = 1.0
"""So often at most the state and the prices are looked at."""
IDLE_S: Final = 5.0
"""After so long without news all is told again: what only time changes, as an account's age, is news too."""
ROWS: Final = 500


class Event(NamedTuple):
    """One frame of the stream."""

    kind: str
    data: str
    """JSON in one line."""
    seq: int | None = None
    """The journal's number; None: of what is no row of it."""

    def encoded(self) -> bytes:
        number = "" if self.seq is None else f"id: {self.seq}\n"
        return f"{number}event: {self.kind}\ndata: {self.data}\n\n".encode()


class Source(Protocol):
    """What the hub reads. All of it is called on the hub's thread or a worker's, never on an event loop."""

    def newest_seq(self) -> int: ...
    def rows_after(self, seq: int, limit: int) -> tuple[JournalRow, ...]: ...
    def event_of(self, row: JournalRow) -> Event: ...
    def moments(self) -> Iterable[Event]:
        """The state and the prices as they are now."""

    def same(self, one: Event, other: Event) -> bool:
        """Whether the second tells nothing that the first has not."""


class Listener:
    """One reader's queue. It lives on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._lost = False

    def offer(self, events: tuple[Event | None, ...]) -> None:
        """From any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._put, events)

    async def next(self, timeout_s: float) -> Event | None:
        """The next event; None: the hub has closed. TimeoutError when none came; lost ones are a `reset`."""
        event = await asyncio.wait_for(self._queue.get(), timeout_s)
        if self._lost and self._queue.empty():
            self._lost = False
            return Event("reset", '{"seq": null}')
        return event

    def _put(self, events: tuple[Event | None, ...]) -> None:
        for event in events:
            if event is not None and self._queue.qsize() >= MAX_WAITING:
                self._lost = True
            else:
                self._queue.put_nowait(event)


class Hub:
    """Begins to read with the first listener and ends with the last one."""

    def __init__(self, source: Source, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._monotonic = monotonic
        self._listeners: frozenset[Listener] = frozenset()
        self._news = threading.Condition()
        self._is_news = False
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def streams(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def tell(self, _: object = None) -> None:
        """Something has happened. From any thread; returns at once."""
        if self._listeners:
            with self._news:
                self._is_news = True
                self._news.notify()

    def join(self, listener: Listener) -> bool:
        """Whether there was room for it."""
        with self._news:
            if self._closed or len(self._listeners) >= MAX_STREAMS:
                return False
            self._listeners |= {listener}
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="events", daemon=True)
                self._thread.start()
            self._news.notify()
        return True

    def leave(self, listener: Listener) -> None:
        """It listens no more."""
        with self._news:
            self._listeners -= {listener}
            self._news.notify()

    def close(self) -> None:
        """End every stream; nobody can join any more."""
        with self._news:
            self._closed = True
            self._end_all()
            self._news.notify()

    def _run(self) -> None:
        try:
            self._hear()
        except BaseException:  # every reader comes back, and a new thread begins
            with self._news:
                self._end_all()
                self._thread = None
            raise

    def _hear(self) -> None:
        seq, looked = self._source.newest_seq(), self._monotonic()
        told = {event.kind: event for event in self._source.moments()}  # each begins with its own look
        wait_s = IDLE_S
        while self._wait(wait_s):
            rows = self._source.rows_after(seq, ROWS)
            if rows:
                seq = rows[-1].seq
                self._hand_on(tuple(self._source.event_of(row) for row in rows))
            since = self._monotonic() - looked
            if since >= STATE_S:
                idle, looked, since = since >= IDLE_S, looked + since, 0.0
                fresh = tuple(
                    event
                    for event in self._source.moments()
                    if idle or event.kind not in told or not self._source.same(told[event.kind], event)
                )
                told |= {event.kind: event for event in fresh}
                self._hand_on(fresh)
            time.sleep(0 if len(rows) == ROWS else ROUND_S)
            # What changed in this very round is looked at a little later.
            later_s = STATE_S - since if since else IDLE_S
            wait_s = 0.0 if len(rows) == ROWS else later_s

    def _wait(self, timeout_s: float) -> bool:
        """Until there is news, or time has passed; False: nobody listens any more."""
        with self._news:
            self._news.wait_for(lambda: self._is_news or self._closed or not self._listeners, timeout_s)
            self._is_news = False
            if self._closed or not self._listeners:
                self._thread = None
                return False
            return True

    def _end_all(self) -> None:
        for listener in self._listeners:
            listener.offer((None,))
        self._listeners = frozenset()

    def _hand_on(self, events: tuple[Event, ...]) -> None:
        if events:
            for listener in self._listeners:
                listener.offer(events)
