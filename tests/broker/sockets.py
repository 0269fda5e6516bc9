"""Loopback servers that say exactly what a test tells them to, byte by byte."""

import base64
import contextlib
import hashlib
import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

Talk = Callable[[socket.socket], None]
"""What a server does with one connection."""

SELF_SIGNED = Path(__file__).with_name("self_signed.pem")
PATIENCE_S = 5.0
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class RawServer:
    """Serves each connection by the next talk, on a thread of its own; the last talk serves all others."""

    def __init__(self, *talks: Talk) -> None:
        self._talks = talks
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.connections = 0
        self.errors: queue.Queue[Exception] = queue.Queue()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        for connection in self._open:
            connection.close()

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            talk = self._talks[min(self.connections, len(self._talks) - 1)]
            self.connections += 1
            self._open.append(connection)
            self._start(lambda connection=connection, talk=talk: self._serve(connection, talk))  # type: ignore[misc]

    def _serve(self, connection: socket.socket, talk: Talk) -> None:
        try:
            talk(connection)
        except OSError:  # the client went away, which is for the client's test to judge
            pass
        finally:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


# --- HTTP ---------------------------------------------------------------------------------------


def read_request(connection: socket.socket) -> bytes:
    """One request, head and body; empty if the client has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def http(status: int, body: str | bytes, *headers: str) -> bytes:
    payload = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(payload)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + payload


def answering(*answers: bytes) -> Talk:
    """Read a request, send an answer, and so on; then close."""

    def talk(connection: socket.socket) -> None:
        for answer in answers:
            if not read_request(connection):
                return
            connection.sendall(answer)

    return talk


def silent(connection: socket.socket) -> None:
    """Read for ever, say nothing."""
    while connection.recv(65536):
        pass


def dripping(start: bytes, drop: bytes, *, every_s: float) -> Talk:
    """Send `start`, then `drop` again and again, for as long as the client stays."""

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(start)
        connection.settimeout(every_s)
        while True:
            try:
                if not connection.recv(65536):
                    return
            except TimeoutError:
                connection.sendall(drop)

    return talk


# --- WebSocket ----------------------------------------------------------------------------------


def ws_frame(payload: str | bytes, opcode: int = BINARY, *, final: bool = True) -> bytes:
    data = payload.encode() if isinstance(payload, str) else payload
    first = opcode | (0x80 if final else 0)
    if len(data) < 126:
        return bytes([first, len(data)]) + data
    return bytes([first, 126]) + struct.pack("!H", len(data)) + data


def ws_accept(connection: socket.socket) -> bytes:
    """Answer a WebSocket handshake; returns the request."""
    request = read_request(connection)
    if not request:
        raise ConnectionError("the client has gone")
    lines = dict(line.split(b": ", 1) for line in request.split(b"\r\n")[1:] if b": " in line)
    key = lines[b"Sec-WebSocket-Key"] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key).digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    return request


def ws_read(connection: socket.socket) -> tuple[int, bytes]:
    """One short frame of the client, unmasked: opcode and payload."""
    head = _exactly(connection, 2)
    length = head[1] & 0x7F
    if length == 126:
        length = struct.unpack("!H", _exactly(connection, 2))[0]
    mask, data = _exactly(connection, 4), _exactly(connection, length)
    return head[0] & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise ConnectionError("the client has gone")
        data += piece
    return data


@contextlib.contextmanager
def raw_server(*talks: Talk) -> Iterator[RawServer]:
    with RawServer(*talks) as server:
        yield server
