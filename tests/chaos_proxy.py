"""A TCP proxy that misbehaves on order, between a client and a server of a test. Its words are toxiproxy's.

    with ChaosProxy("127.0.0.1", port) as proxy:
        client.connect(proxy.url)
        proxy.blackhole("downstream")
        ...
        proxy.heal()

Upstream is from client to server, downstream from server to client. A toxic holds for all connections,
present and to come, until `heal`; `reset_peer` and `half_close` are done once, to those present.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

Way = Literal["upstream", "downstream"]
Ways = Literal["upstream", "downstream", "both"]
_CHUNK = 65536


@dataclass
class _Toxics:
    """Those of one way."""

    latency_s: float = 0.0
    slice_bytes: int = _CHUNK
    slice_delay_s: float = 0.0
    limit: int | None = None
    limit_resets: bool = False
    flows: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.flows.set()


@dataclass(eq=False)
class _Link:
    """One client's connection and the one made for it upstream."""

    writers: dict[Way, asyncio.StreamWriter]
    """By the way they write."""
    left: dict[Way, int | None]
    """Bytes until the limit."""
    ended: set[Way] = field(default_factory=set)

    def close(self) -> None:
        for writer in self.writers.values():
            writer.close()

    def reset(self) -> None:
        for writer in self.writers.values():
            connection: socket.socket = writer.get_extra_info("socket")
            with suppress(OSError):  # gone already
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def end(self, way: Way) -> None:
        """Sends a FIN that way; what comes for it from now on is thrown away."""
        if way not in self.ended:
            self.ended.add(way)
            with suppress(OSError, RuntimeError):
                self.writers[way].write_eof()


class ChaosProxy:
    """Every method is for the test's thread, and done when it returns."""

    def __init__(self, upstream_host: str, upstream_port: int) -> None:
        self._upstream = (upstream_host, upstream_port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chaos-proxy", daemon=True)
        self._listening: asyncio.Server | None = None
        self._held = _bound(0)
        self._toxics: dict[Way, _Toxics] = {}
        self._opening = 0
        self._opened = asyncio.Event()
        self._opened.set()
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port: int = self._held.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self.heal()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._links)

    def latency(self, seconds: float, ways: Ways = "both") -> None:
        """Each piece of data is so late."""

        def be_late(_: Way, toxics: _Toxics) -> None:
            toxics.latency_s = seconds

        self._poison(ways, be_late)

    def blackhole(self, ways: Ways = "both") -> None:
        """Connections are taken and nothing goes through; `heal` brings it late, as TCP would."""
        self._poison(ways, lambda _, toxics: toxics.flows.clear())

    def slicer(self, size: int, delay_s: float = 0.0, ways: Ways = "both") -> None:
        """Data goes in pieces of `size` bytes, `delay_s` apart."""

        def slice_up(_: Way, toxics: _Toxics) -> None:
            toxics.slice_bytes, toxics.slice_delay_s = size, delay_s

        self._poison(ways, slice_up)

    def limit_data(self, size: int, ways: Ways = "downstream", *, reset: bool = False) -> None:
        """Each connection ends after `size` more bytes that way: both its sides are closed, or reset."""

        def limit(way: Way, toxics: _Toxics) -> None:
            toxics.limit, toxics.limit_resets = size, reset
            for link in self._links:
                link.left[way] = size

        self._poison(ways, limit)

    def reset_peer(self) -> None:
        """All connections end with a TCP reset, on both sides."""

        def reset() -> None:
            for link in self._links:
                link.reset()

        self._call(reset)

    def half_close(self, way: Way = "downstream") -> None:
        """Nothing more comes that way, and its reader is told so; the other way stays open."""

        def end() -> None:
            for link in self._links:
                link.end(way)

        self._call(end)

    def refuse(self) -> None:
        """Nobody can connect; who is connected stays."""
        self._call(self._stop_listening)

    def heal(self) -> None:
        """All toxics are gone, and everybody may connect."""
        asyncio.run_coroutine_threadsafe(self._heal(), self._loop).result()

    def _call(self, work: Callable[[], object]) -> None:
        async def called() -> None:
            await self._opened.wait()  # what the server has accepted is a link, for the test too
            work()

        asyncio.run_coroutine_threadsafe(called(), self._loop).result()

    def _poison(self, ways: Ways, change: Callable[[Way, _Toxics], object]) -> None:
        chosen = [(way, each) for way, each in self._toxics.items() if ways in (way, "both")]
        self._call(lambda: [change(way, toxics) for way, toxics in chosen])

    async def _heal(self) -> None:
        for toxics in self._toxics.values():
            toxics.flows.set()
        self._toxics = {"upstream": _Toxics(), "downstream": _Toxics()}
        for link in self._links:
            link.left = {"upstream": None, "downstream": None}
        if self._listening is None:
            self._listening = await asyncio.start_server(self._take, sock=self._held)

    def _stop_listening(self) -> None:
        if self._listening:
            self._listening.close()
            self._listening = None
            # Bound, though nobody listens: else the system might lend the port to an outgoing connection.
            self._held = _bound(self.port)

    async def _close(self) -> None:
        self._stop_listening()
        self._held.close()
        for link in self._links:
            link.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._opening += 1
        self._opened.clear()
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._upstream)
            link = _Link(
                writers={"upstream": upstream_writer, "downstream": writer},
                left={way: toxics.limit for way, toxics in self._toxics.items()},
            )
            self._links.add(link)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
            return
        finally:
            self._opening -= 1
            if not self._opening:
                self._opened.set()
        try:
            await asyncio.gather(
                self._pump(link, "upstream", reader), self._pump(link, "downstream", upstream_reader)
            )
        finally:
            self._links.discard(link)
            link.close()

    async def _pump(self, link: _Link, way: Way, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(_CHUNK):
                await asyncio.sleep(self._toxics[way].latency_s)
                for piece in self._pieces(way, data):
                    await self._forward(link, way, piece)
            if not link.writers[way].is_closing():
                await self._toxics[way].flows.wait()
            link.end(way)
        except ConnectionError:
            link.reset()  # that of one side is one of both

    def _pieces(self, way: Way, data: bytes) -> Iterator[bytes]:
        while data:
            size = self._toxics[way].slice_bytes
            yield data[:size]
            data = data[size:]

    async def _forward(self, link: _Link, way: Way, piece: bytes) -> None:
        """Raises ConnectionError for a side that's gone."""
        await self._toxics[way].flows.wait()
        left = link.left[way]
        if left is not None:
            piece = piece[:left]
            link.left[way] = left - len(piece)
        if way not in link.ended:
            link.writers[way].write(piece)
            await link.writers[way].drain()
        if link.left[way] == 0:
            link.ended.add(way)
            if self._toxics[way].limit_resets:
                link.reset()
            else:
                link.close()
        await asyncio.sleep(self._toxics[way].slice_delay_s)


def _bound(port: int) -> socket.socket:
    """A socket with the port, 0: any. Not yet listening."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound
