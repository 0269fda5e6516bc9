"""Serves the app: a socket bound before anything starts, uvicorn in a thread of its own.

uvicorn bounds how long an idle connection is kept; what it lacks is a bound on how long a request may
take to arrive, which is all that a slowloris needs.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Final

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from web.bodies import READ_TIMEOUT_S

KEEP_ALIVE_S: Final = 5
ARRIVAL_S: Final = 2 * READ_TIMEOUT_S
"""How long headers and body together may take; the intake's own, shorter bound answers with a reason."""
MAX_HEADERS: Final = 16 * 1024
MAX_CONNECTIONS: Final = 256
START_S: Final = 10.0


class WebServer:
    """Binds in the constructor, which raises OSError when the port is taken. Port 0: any free one."""

    def __init__(
        self, app: ASGIApp, host: str, port: int, *, closing: Callable[[], None] = lambda: None
    ) -> None:
        """`closing` is called first of all when it stops: to end what would last for ever."""
        self._closing = closing
        self._socket = _listen(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        config = uvicorn.Config(
            app,
            http=_TimedProtocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # on, it would believe X-Forwarded-For from any local process
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S,
            h11_max_incomplete_event_size=MAX_HEADERS,
        )
        self._server = _Server(config)
        # A daemon: a request that hangs must not keep a process alive that has decided to end.
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        """Returns once requests are answered; raises RuntimeError if that takes too long."""
        self._thread.start()
        if not self._server.serving.wait(START_S):
            raise RuntimeError(f"the web server has not started within {START_S:.0f} s")

    def stop(self, timeout: float = 5.0) -> None:
        """Refuse new connections, let the requests under way finish for `timeout` seconds. Idempotent."""
        self._closing()
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(timeout)
            self._server.force_exit = True
            self._thread.join(1.0)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that the port is ours from here on; raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(MAX_CONNECTIONS)
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """Tells when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()


class _TimedProtocol(H11Protocol):
    """Drops a connection whose request takes longer than `ARRIVAL_S` to arrive, headers and body.

    Also while the answer to it is already given: what a sender still sends then is thrown away, so that
    the sender gets to read the answer, but not for ever.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(ARRIVAL_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        arriving = self.conn.their_state is h11.SEND_BODY or bool(self.conn.trailing_data[0])
        if not arriving:
            self._forget_deadline()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(ARRIVAL_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
