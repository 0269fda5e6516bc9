"""The socket under the trading stream, and its frames."""

import os
import socket
import ssl
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from websocket import (
    WebSocket,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketTimeoutException,
)

_CHUNK: Final = 64 * 1024
_MAX_FRAME: Final = 4 * 1024 * 1024
_KEEPALIVE: Final = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 30),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
)


def dial(url: str, *, timeout_s: float) -> socket.socket:
    """A plain connection to the URL's host: never by way of a proxy, whatever the environment says."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    sock = socket.create_connection((parts.hostname or "", port), timeout=timeout_s)
    for level, name, value in _KEEPALIVE:
        if hasattr(socket, name):
            sock.setsockopt(level, getattr(socket, name), value)
    return sock


def encrypted(sock: socket.socket, url: str, ca_bundle: str | os.PathLike[str] | None) -> ssl.SSLSocket:
    """The same connection, with TLS to begin on it; trusts whom `requests` trusts."""
    context = ssl.create_default_context(cafile=ca_bundle or DEFAULT_CA_BUNDLE_PATH)
    return context.wrap_socket(
        sock, server_hostname=urlsplit(url).hostname, do_handshake_on_connect=False, suppress_ragged_eofs=True
    )


class BufferedWebSocket(WebSocket):
    """Reads the socket in large pieces; as it comes, the library asks it three times for each frame.

    A piece is only fetched when the last one is used up, so nothing ever waits here unnoticed.
    """

    def __init__(self, *, still_allowed: Callable[[], None]) -> None:
        # Only the connection's own thread sends and receives, so no locks. The library checks UTF-8 in
        # Python, at 2,700 frames a second; the parser refuses bad UTF-8 all the same.
        super().__init__(enable_multithread=False, skip_utf8_validation=True)
        self._still_allowed = still_allowed
        self._piece = b""
        self._at = 0
        self.frame_bytes = 0

    def _recv(self, bufsize: int) -> bytes:
        at = self._at
        part = self._piece[at : at + bufsize]
        if part:
            self._at = at + len(part)
            return part
        return self._fetch(bufsize)

    def _fetch(self, bufsize: int) -> bytes:
        # A peer that sends a byte now and then never runs into the socket's timeout.
        self._still_allowed()
        if self.sock is None:
            raise WebSocketConnectionClosedException("closed")
        try:
            piece = self.sock.recv(_CHUNK)
        except TimeoutError as error:
            raise WebSocketTimeoutException("nothing heard") from error
        if not piece:
            raise WebSocketConnectionClosedException("the peer closed the connection")
        self.frame_bytes += len(piece)
        if self.frame_bytes > _MAX_FRAME:
            raise WebSocketException(f"a frame of more than {_MAX_FRAME} bytes")
        self._piece, self._at = piece, min(bufsize, len(piece))
        return piece[:bufsize]
