"""`broker.api.Feed` over the venue: connections that come up late or never, and frames that get lost."""

from broker import wire
from broker.api import Connection, StreamEnd, StreamListener
from domain.orders import OrderUpdate
from simulator import wire as told_as
from simulator.orders import Event
from tests.seeded.broker import Wire
from tests.seeded.fate import Fate
from tests.seeded.venue import Venue, as_bytes
from tests.seeded.virtual import VirtualTime

STRANGE = (
    b'{"stream":"trade_updates","data":null}',
    b'{"stream":"listening","data":{"streams":["trade_updates"]}}',
    b"not json at all",
    b"",
)


class SeededConnection:
    """One connection. Frames take their time, and keep their order unless the seed says otherwise."""

    def __init__(
        self,
        generation: int,
        listener: StreamListener,
        *,
        venue: Venue,
        time: VirtualTime,
        fate: Fate,
        line: Wire,
    ) -> None:
        self._generation = generation
        self._listener = listener
        self._venue = venue
        self._time = time
        self._fate = fate
        self._line = line
        self._over = False
        self._free_at_s = 0.0
        time.later(fate.between(0.01, 0.5), self._shake_hands)

    def close(self) -> None:
        if not self._over:
            self._end(StreamEnd(kind="lost", why="closed"))

    def cut(self, why: str) -> None:
        """The connection breaks; frames on their way are lost."""
        if not self._over:
            self._end(StreamEnd(kind="lost", why=why))

    def abandon(self) -> None:
        """Nobody is left to be told anything."""
        self._over = True
        self._venue.hang_up(self._hear)

    def _shake_hands(self) -> None:
        if self._over:
            return
        fault = self._fate.first("handshake_refused", "handshake_lost")
        if fault == "handshake_refused":
            self._end(StreamEnd(kind="refused", why="HTTP 429"))
        elif fault or self._line.is_down:
            self._end(StreamEnd(kind="lost", why="no answer to the handshake"))
        else:
            self._venue.listen(self._hear)
            self._listener.stream_opened(self._generation)

    def _hear(self, event: Event) -> None:
        frame = as_bytes(told_as.trade_update(self._venue.exchange, event))
        if self._line.is_mute or self._fate.strikes("frame_dropped"):
            return
        copies = 2 if self._fate.strikes("frame_doubled") else 1
        if self._fate.strikes("frame_strange"):
            self._send(self._fate.one_of(STRANGE))
        for _ in range(copies):
            self._send(frame)

    def _send(self, frame: bytes) -> None:
        now = self._time.elapsed_s
        arrives = now + self._fate.between(0, 0.05)
        if self._fate.strikes("frame_delayed"):
            arrives += self._fate.between(0, 10)
        else:
            arrives = self._free_at_s = max(arrives, self._free_at_s)
        self._time.later(arrives - now, lambda: self._arrives(frame))

    def _arrives(self, frame: bytes) -> None:
        if not self._over:
            self._listener.stream_frame(self._generation, frame)

    def _end(self, end: StreamEnd) -> None:
        self._over = True
        self._venue.hang_up(self._hear)
        self._listener.stream_ended(self._generation, end)


class SeededFeed:
    def __init__(self, *, venue: Venue, time: VirtualTime, fate: Fate, line: Wire) -> None:
        self._venue = venue
        self._time = time
        self._fate = fate
        self._line = line
        self._connections: list[SeededConnection] = []

    def connect(self, generation: int, listener: StreamListener) -> Connection:
        connection = SeededConnection(
            generation, listener, venue=self._venue, time=self._time, fate=self._fate, line=self._line
        )
        self._connections.append(connection)
        return connection

    def cut(self, why: str) -> None:
        """Every connection breaks."""
        for connection in self._connections:
            connection.cut(why)
        self._connections.clear()

    def forget(self) -> None:
        """The process is dead: its sockets are closed, and nobody is told."""
        for connection in self._connections:
            connection.abandon()
        self._connections.clear()

    def parse(self, frame: bytes | str) -> OrderUpdate | None:
        return wire.trade_update(frame)
