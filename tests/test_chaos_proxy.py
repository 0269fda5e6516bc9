"""Each toxic, met with plain sockets; and that HTTP and WebSocket pass through unharmed."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
import requests
import websocket

from simulator.server import Simulator, SimulatorSettings
from tests.chaos_proxy import ChaosProxy, Ways

SHORT_S = 0.1
"""Long enough to tell that nothing comes."""


class Upstream:
    """A server that takes connections and leaves them to the test."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]

    def accept(self) -> socket.socket:
        self._listening.settimeout(5)
        accepted, _ = self._listening.accept()
        accepted.settimeout(5)
        return accepted

    def close(self) -> None:
        self._listening.close()


Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    found = Upstream()
    yield found
    found.close()


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[ChaosProxy]:
    with ChaosProxy("127.0.0.1", upstream.port) as running:
        yield running


@pytest.fixture
def connect(upstream: Upstream, proxy: ChaosProxy) -> Iterator[Callable[[], Pair]]:
    """A client's socket and the server's, at both ends of the proxy."""
    with ExitStack() as stack:

        def connected() -> Pair:
            client = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
            server = upstream.accept()
            stack.callback(client.close)
            stack.callback(server.close)
            return client, server

        yield connected


@pytest.fixture
def ends(connect: Callable[[], Pair]) -> Pair:
    return connect()


def is_silent(end: socket.socket) -> bool:
    end.settimeout(SHORT_S)
    try:
        end.recv(1)
    except TimeoutError:
        return True
    finally:
        end.settimeout(5)
    return False


def received(end: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (more := end.recv(size - len(found))):
        found += more
    return found


def is_reset(end: socket.socket) -> bool:
    try:
        while end.recv(1000):
            pass
    except ConnectionResetError:
        return True
    return False


def test_without_a_toxic_all_goes_both_ways(ends: Pair, proxy: ChaosProxy) -> None:
    client, server = ends
    data = bytes(range(256)) * 4000
    sender = threading.Thread(target=client.sendall, args=(data,))
    sender.start()
    assert received(server, len(data)) == data
    sender.join()
    server.sendall(b"reply")
    assert received(client, 5) == b"reply"
    client.close()
    assert server.recv(1) == b""
    assert proxy.url == f"http://127.0.0.1:{proxy.port}"


def test_latency_delays_one_way_or_both(ends: Pair, proxy: ChaosProxy) -> None:
    client, server = ends
    proxy.latency(0.2, "downstream")
    before = time.monotonic()
    server.sendall(b"late")
    client.sendall(b"soon")
    assert received(server, 4) == b"soon"
    assert received(client, 4) == b"late"
    assert time.monotonic() - before >= 0.19


@pytest.mark.parametrize(("ways", "silent"), [("both", {0, 1}), ("downstream", {0}), ("upstream", {1})])
def test_a_blackhole_lets_nothing_through_until_it_heals(
    ends: Pair, proxy: ChaosProxy, ways: Ways, silent: set[int]
) -> None:
    client, server = ends
    proxy.blackhole(ways)
    client.sendall(b"up")
    server.sendall(b"down")
    assert {which for which, end in enumerate(ends) if is_silent(end)} == silent
    proxy.heal()
    for which in silent:
        assert ends[which].recv(4) == (b"down", b"up")[which]


def test_a_blackhole_takes_new_connections_and_hides_their_end(
    connect: Callable[[], Pair], proxy: ChaosProxy
) -> None:
    proxy.blackhole()
    client, server = connect()
    server.close()
    assert is_silent(client)
    proxy.heal()
    assert client.recv(1) == b""


def test_reset_peer_resets_both_ends_and_lets_new_ones_in(
    ends: Pair, connect: Callable[[], Pair], proxy: ChaosProxy
) -> None:
    proxy.reset_peer()
    assert all(is_reset(end) for end in ends)
    client, server = connect()
    client.sendall(b"again")
    assert received(server, 5) == b"again"


def test_reset_peer_works_inside_a_blackhole(ends: Pair, proxy: ChaosProxy) -> None:
    proxy.blackhole()
    ends[1].sendall(b"lost")
    proxy.reset_peer()
    assert all(is_reset(end) for end in ends)


def test_a_slicer_sends_piece_by_piece(ends: Pair, proxy: ChaosProxy) -> None:
    client, server = ends
    proxy.slicer(2, 0.05, "upstream")
    before = time.monotonic()
    client.sendall(b"123456")
    assert received(server, 6) == b"123456"
    assert time.monotonic() - before >= 0.09


def test_a_half_closed_connection_still_takes_what_is_sent(ends: Pair, proxy: ChaosProxy) -> None:
    client, server = ends
    proxy.half_close()
    assert client.recv(1) == b""
    client.sendall(b"still here")
    assert received(server, 10) == b"still here"
    server.sendall(b"unheard")
    assert client.recv(1) == b""


@pytest.mark.parametrize("reset", [False, True])
def test_a_limit_ends_each_connection_after_so_many_bytes(
    connect: Callable[[], Pair], proxy: ChaosProxy, reset: bool
) -> None:
    client, server = connect()
    server.sendall(b"before")
    assert received(client, 6) == b"before"
    proxy.limit_data(4, reset=reset)
    for end, peer in ((client, server), connect()):
        peer.sendall(b"123")
        assert received(end, 3) == b"123"
        peer.sendall(b"456")
        if reset:
            assert is_reset(end)
        else:
            assert received(end, 3) == b"4"


def test_a_limit_is_lifted_from_connections_that_have_not_reached_it(ends: Pair, proxy: ChaosProxy) -> None:
    client, server = ends
    proxy.limit_data(4)
    server.sendall(b"123")
    assert received(client, 3) == b"123"
    proxy.heal()
    server.sendall(b"456")
    assert received(client, 3) == b"456"


def test_a_limit_upstream_cuts_a_request_short(ends: Pair, proxy: ChaosProxy) -> None:
    client, server = ends
    proxy.limit_data(3, "upstream")
    client.sendall(b"request")
    assert received(server, 7) == b"req"


def test_refuse_lets_nobody_in_and_leaves_who_is_in(
    ends: Pair, connect: Callable[[], Pair], proxy: ChaosProxy
) -> None:
    proxy.refuse()
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    ends[0].sendall(b"inside")
    assert received(ends[1], 6) == b"inside"
    proxy.heal()
    connect()


def test_a_dead_upstream_is_a_reset(upstream: Upstream, proxy: ChaosProxy) -> None:
    upstream.close()
    with (
        suppress(ConnectionResetError),
        socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client,
    ):
        assert client.recv(1) == b""


def test_http_and_websocket_pass_and_are_cut() -> None:
    with (
        Simulator(SimulatorSettings()) as simulator,
        ChaosProxy("127.0.0.1", int(simulator.base_url.rsplit(":", 1)[1])) as proxy,
        requests.Session() as session,
    ):
        keys = {"APCA-API-KEY-ID": "simulator", "APCA-API-SECRET-KEY": "simulator"}
        proxy.slicer(7)
        assert session.get(f"{proxy.url}/v2/account", headers=keys, timeout=5).status_code == 200
        stream = websocket.create_connection(proxy.url.replace("http", "ws") + "/stream", timeout=5)
        stream.send(json.dumps({"action": "auth", "key": "simulator", "secret": "simulator"}))
        assert json.loads(stream.recv())["data"]["status"] == "authorized"
        assert proxy.connections == 2
        proxy.heal()
        proxy.blackhole("downstream")
        with pytest.raises(requests.exceptions.ReadTimeout):
            session.get(f"{proxy.url}/v2/account", headers=keys, timeout=SHORT_S)
        proxy.reset_peer()
        with pytest.raises((ConnectionResetError, websocket.WebSocketConnectionClosedException)):
            stream.recv()
        stream.close()
        proxy.heal()
        assert session.get(f"{proxy.url}/v2/account", headers=keys, timeout=5).status_code == 200
