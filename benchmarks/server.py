"""A broker that does nothing but notice when a request has arrived: one thread, raw sockets, keep-alive.

A request is stamped in the moment its last byte has been read, before anything of it is looked at.
"""

import heapq
import json
import selectors
import socket
import sys
import time
from datetime import timedelta
from io import FileIO
from itertools import count

from actors.clock import system_clock
from benchmarks import names, shapes
from benchmarks.child import Child, say
from domain.market import new_york_day

_CHUNK = 64 * 1024
# It tells no buying power: thousands of orders that were written down ahead would count against it each time.
_ACCOUNT = json.dumps(
    {
        "id": names.ACCOUNT_ID, "account_number": "PA0000000000", "status": "ACTIVE", "currency": "USD",
        "cash": "1000000", "equity": "1000000",
    }
).encode()  # fmt: skip


class Server(Child):
    """The broker's process, as the benchmarks see it."""

    def __init__(self) -> None:
        super().__init__(__name__)
        self.url = str(self.ready["url"])

    def delay(self, seconds: float) -> None:
        """From now on a POST is answered so much later."""
        self.ask("delay", seconds=seconds)

    def arrivals(self) -> dict[str, int]:
        """When each order since the last question had been read, by client_order_id."""
        arrived: dict[str, int] = self.ask("arrivals")["arrivals"]
        return arrived


class _Broker:
    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._commands = FileIO(sys.stdin.fileno(), closefd=False)
        self._selector.register(self._commands, selectors.EVENT_READ)
        self._received: dict[socket.socket, bytearray] = {}
        self._delay_s = 0.0
        self._arrivals: dict[str, int] = {}
        self._due: list[tuple[float, int, socket.socket, bytes]] = []
        self._order = count()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        while True:
            for key, _ in self._selector.select(self._answer_due()):
                if key.fileobj is self._listener:
                    self._welcome()
                elif isinstance(key.fileobj, socket.socket):
                    self._read(key.fileobj)
                elif not self._obey():
                    return

    def _welcome(self) -> None:
        peer, _ = self._listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received[peer] = bytearray()
        self._selector.register(peer, selectors.EVENT_READ)

    def _read(self, peer: socket.socket) -> None:
        try:
            chunk = peer.recv(_CHUNK)
        except ConnectionError:
            chunk = b""
        if not chunk:
            self._selector.unregister(peer)
            del self._received[peer]
            peer.close()
            return
        received = self._received[peer]
        received += chunk
        head, end, body = received.partition(b"\r\n\r\n")
        if end and len(body) >= _body_size(bytes(head)):
            at = time.monotonic_ns()
            received.clear()
            self._respond(peer, bytes(head), bytes(body), at)

    def _respond(self, peer: socket.socket, head: bytes, body: bytes, at: int) -> None:
        if head.startswith(b"POST"):
            order = json.loads(body)
            self._arrivals[order["client_order_id"]] = at
            answer = shapes.accepted(order["client_order_id"], order["symbol"], str(order["notional"]))
            if self._delay_s:
                due = at / 1e9 + self._delay_s
                heapq.heappush(self._due, (due, next(self._order), peer, _response(200, answer)))
                return
            peer.sendall(_response(200, answer))
            return
        path = head.split(b" ", 2)[1].partition(b"?")[0]
        known = {
            b"/v2/account": _ACCOUNT,
            b"/v2/clock": _clock(),
            b"/v2/calendar": _calendar(),
            b"/v2/positions": b"[]",
            b"/v2/orders": b"[]",
            b"/v2/account/activities": b"[]",
            b"/v2/account/activities/FILL": b"[]",
            b"/v2/stocks/snapshots": b"{}",
        }
        if path in known:
            peer.sendall(_response(200, known[path]))
        elif path.startswith(b"/v2/assets/"):
            peer.sendall(_response(200, shapes.asset(path.rpartition(b"/")[2].decode())))
        else:
            peer.sendall(_response(404, b'{"code":40410000,"message":"not found"}'))

    def _answer_due(self) -> float | None:
        """Send the answers whose time has come; the seconds until the next one."""
        while self._due:
            left = self._due[0][0] - time.monotonic()
            if left > 0:
                return left
            _, _, peer, response = heapq.heappop(self._due)
            peer.sendall(response)
        return None

    def _obey(self) -> bool:
        line = self._commands.readline()
        if not line:
            return False
        asked = json.loads(line)
        if asked["do"] == "delay":
            self._delay_s = asked["seconds"]
            say({})
        else:
            say({"arrivals": self._arrivals})
            self._arrivals = {}
        return True


def _clock() -> bytes:
    now = system_clock()
    told = {
        "timestamp": now.isoformat(),
        "is_open": True,
        "next_open": (now + timedelta(days=1)).isoformat(),
        "next_close": (now + timedelta(hours=6)).isoformat(),
    }
    return json.dumps(told).encode()


def _calendar() -> bytes:
    today = new_york_day(system_clock()).isoformat()
    return json.dumps([{"date": today, "open": "00:00", "close": "23:59"}]).encode()


def _body_size(head: bytes) -> int:
    _, _, value = head.lower().partition(b"content-length:")
    return int(value.partition(b"\r\n")[0] or 0)


def _response(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


if __name__ == "__main__":
    broker = _Broker()
    say({"url": broker.url})
    broker.run()
