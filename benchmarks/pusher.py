"""A trading stream that pushes made-up fills: the frames are built beforehand, each push is stamped.

The connection is called by the key it authenticates with, so that several listeners can be pushed to in
turn. Whoever asks is answered with pongs, as Alpaca does.
"""

import base64
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable

from benchmarks import shapes
from benchmarks.child import Answer, Child, serve

_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FRAMES_A_SEND = 64
_PING, _PONG, _CLOSE = 0x9, 0x8A, 0x8
_TWO_BYTES = 126


class Pusher(Child):
    """The stream's process, as the benchmarks see it."""

    def __init__(self) -> None:
        super().__init__(__name__)
        self.url = str(self.ready["url"])


class _Stream:
    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._peers: dict[str, _Peer] = {}
        threading.Thread(target=self._welcome, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def push(self, to: str, first: int, count: int, rate: float) -> Answer:
        """Push `count` frames at `rate` a second (0: as fast as they are taken); when each one left."""
        frames = list(shapes.updates(first, count))
        send = self._peers[to].send
        if rate:
            return {"sent": _paced(frames, rate, send)}
        begin = time.monotonic_ns()
        for at in range(0, count, _FRAMES_A_SEND):
            send(b"".join(frames[at : at + _FRAMES_A_SEND]))
        return {"sent": [begin]}

    def _welcome(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._live, args=(_Peer(connection),), daemon=True).start()

    def _live(self, peer: "_Peer") -> None:
        peer.shake_hands()
        while (frame := peer.receive()) is not None:
            opcode, payload = frame
            if opcode == _PING:
                peer.send(shapes.framed(payload, _PONG))
                continue
            asked = json.loads(payload)
            if asked["action"] == "listen":
                streams = {"stream": "listening", "data": {"streams": ["trade_updates"]}}
                peer.send(shapes.framed(json.dumps(streams).encode()))
                continue
            key = asked["key"] if "key" in asked else asked["data"]["key_id"]
            self._peers[key] = peer
            authorized = {"status": "authorized", "action": "authenticate"}
            peer.send(
                shapes.framed(json.dumps({"stream": "authorization", "data": authorized}).encode()),
            )


class _Peer:
    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._reader = connection.makefile("rb")
        self._lock = threading.Lock()

    def send(self, data: bytes) -> None:
        with self._lock:
            self._socket.sendall(data)

    def shake_hands(self) -> None:
        key = b""
        while (line := self._reader.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"sec-websocket-key":
                key = value.strip()
        accept = base64.b64encode(hashlib.sha1(key + _ACCEPT, usedforsecurity=False).digest())
        self.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    def receive(self) -> tuple[int, bytes] | None:
        """Opcode and payload of a client's frame; None: it has gone."""
        try:
            head = self._reader.read(2)
            if len(head) < 2 or head[0] & 0x0F == _CLOSE:
                return None
            size = head[1] & 0x7F
            if size == _TWO_BYTES:
                size = int.from_bytes(self._reader.read(2), "big")
            mask, masked = self._reader.read(4), self._reader.read(size)
        except OSError:
            return None
        return head[0] & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked))


def _paced(frames: list[bytes], rate: float, send: Callable[[bytes], None]) -> list[int]:
    sent: list[int] = []
    begin = time.monotonic_ns() + 1_000_000
    for number, frame in enumerate(frames):
        left = begin + int(number * 1e9 / rate) - time.monotonic_ns()
        if left > 0:
            time.sleep(left / 1e9)
        sent.append(time.monotonic_ns())
        send(frame)
    return sent


if __name__ == "__main__":
    stream = _Stream()
    serve({"push": stream.push}, {"url": stream.url})
