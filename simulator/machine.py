"""The machine that serves: its port, the connections on it, and its restarts.

In:  `restart` from a fault or the control API
Out: `boot`, at the start and at each restart
All on the loop's thread.
"""

import asyncio
import socket
from collections.abc import Callable

from aiohttp import web

_GOODBYE_S = 0.5
"""How long a stop lets requests under way finish."""
_KEEPALIVE_S = 3600
"""A pooled connection that the server closes while it's idle is a fault, and faults come on order only."""
_BACKLOG = 128


class Machine:
    def __init__(self, app: web.Application, *, host: str, port: int, boot: Callable[[], None]) -> None:
        self._host = host
        self._port = port
        self._boot = boot
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_GOODBYE_S,
            keepalive_timeout=_KEEPALIVE_S,
        )
        self._doors: list[asyncio.Server] = []
        self._held: list[socket.socket] = []
        self._coming_up: asyncio.Task[None] | None = None

    async def open(self) -> int:
        """The port it serves from here on. Raises OSError if that's taken."""
        await self._runner.setup()
        loop, connection = asyncio.get_running_loop(), self._runner.server
        assert connection is not None
        door = await loop.create_server(connection, self._host, self._port, backlog=_BACKLOG)
        self._doors.append(door)
        self._boot()
        port: int = door.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        if self._coming_up:
            self._coming_up.cancel()
        for door in self._doors:
            door.close()
        for held in self._held:
            held.close()
        self._drop_connections(spare=None)
        await self._runner.cleanup()

    def restart(self, down_s: float, *, spare: web.Request | None) -> None:
        """Drops each connection but `spare`'s; boots at once, or after `down_s` seconds without a port."""
        self._drop_connections(spare)
        if down_s:
            self._close_doors()
            self._coming_up = asyncio.get_running_loop().create_task(self._come_up(down_s))
        else:
            self._boot()

    def _close_doors(self) -> None:
        """Nobody can connect from here on.

        The ports stay bound, though nobody listens: else the system might lend one to an outgoing connection.
        """
        found = [(door.family, door.getsockname()) for server in self._doors for door in server.sockets]
        for server in self._doors:
            server.close()
        self._doors.clear()
        for family, address in found:
            held = socket.socket(family, socket.SOCK_STREAM)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(address)
            self._held.append(held)

    async def _come_up(self, down_s: float) -> None:
        await asyncio.sleep(down_s)
        self._boot()
        loop, connection = asyncio.get_running_loop(), self._runner.server
        assert connection is not None
        for held in self._held:
            self._doors.append(await loop.create_server(connection, sock=held, backlog=_BACKLOG))
        self._held.clear()

    def _drop_connections(self, spare: web.Request | None) -> None:
        for connection in self._runner.server.connections if self._runner.server else ():
            if connection.transport and (spare is None or connection is not spare.protocol):
                connection.transport.abort()
