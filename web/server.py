"""Serves the app: a socket bound before anything starts, uvicorn in a thread of its own."""

import socket
import threading
from collections.abc import Callable
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from web.connections import BoundedConnection

KEEP_ALIVE_S: Final = 5
MAX_HEADERS: Final = 16 * 1024
BACKLOG: Final = 64
"""Taken in at once, before any of them is read: well below what would have the first of them make room."""
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
            http=BoundedConnection,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # on, it would believe X-Forwarded-For from any local process
            backlog=BACKLOG,
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
        listener.listen(BACKLOG)
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
