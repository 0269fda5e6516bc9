"""Real sockets: what left, what came back, and for how long it is waited."""

import gzip
import json
import socket
import ssl
import threading
import time

import pytest

from broker.api import Accepted, NotSent, ReadFailed, Unresolved
from broker.rest import AlpacaRest
from domain.reconcile import BrokerPosition
from tests.broker import samples
from tests.broker.clients import BUY, CLIENT_ORDER_ID, a_client
from tests.broker.sockets import (
    SELF_SIGNED,
    Talk,
    answering,
    closed_port,
    dripping,
    http,
    raw_server,
    read_request,
    silent,
)

OURS = json.dumps(json.loads(samples.ORDER) | {"client_order_id": CLIENT_ORDER_ID})
ACCEPTED = http(200, OURS)


def client_of(url: str, *, total_timeout_s: float = 15.0, read_timeout_s: float = 10.0) -> AlpacaRest:
    return a_client(url, data_url=url, total_timeout_s=total_timeout_s, read_timeout_s=read_timeout_s)


def test_an_order_over_a_real_connection_is_accepted() -> None:
    with raw_server(answering(ACCEPTED)) as server:
        assert isinstance(client_of(server.url).submit(BUY), Accepted)


def test_an_order_leaves_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[bytes] = []
    sendall = socket.socket.sendall

    def look(self: socket.socket, data: bytes) -> None:
        pieces.append(data)
        sendall(self, data)

    monkeypatch.setattr(socket.socket, "sendall", look)
    with raw_server(answering(ACCEPTED)) as server:
        client_of(server.url).submit(BUY)
    request, answer = pieces
    assert request.startswith(b"POST /v2/orders HTTP/1.1\r\n")
    assert json.loads(request.partition(b"\r\n\r\n")[2])["client_order_id"] == CLIENT_ORDER_ID
    assert answer == ACCEPTED


# --- not sent -----------------------------------------------------------------------------------


def test_a_refused_connection_sent_nothing() -> None:
    outcome = client_of(f"http://127.0.0.1:{closed_port()}").submit(BUY)
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after_s > 0


def test_a_host_without_an_address_sent_nothing() -> None:
    assert isinstance(client_of("http://no-such-host.invalid").submit(BUY), NotSent)


def test_an_impossible_host_sent_nothing() -> None:
    assert isinstance(client_of("http://" + "a" * 300).submit(BUY), NotSent)


def test_a_certificate_nobody_vouches_for_is_not_spoken_to() -> None:
    seen: list[bytes] = []
    with raw_server(_over_tls(lambda connection: seen.append(read_request(connection)))) as server:
        outcome = client_of(server.url.replace("http:", "https:")).submit(BUY)
        assert isinstance(outcome, NotSent)
        assert "certificate" in outcome.why.lower()
    assert not any(seen)


def test_a_handshake_that_ends_early_sent_nothing() -> None:
    with raw_server(lambda connection: connection.close()) as server:
        assert isinstance(client_of(server.url.replace("http:", "https:")).submit(BUY), NotSent)


def test_no_time_left_after_connecting_sends_nothing() -> None:
    # Each address of a host may use up the connect timeout. Here the clock jumps instead.
    ticks = iter([0.0] * 4)
    with raw_server(answering(ACCEPTED)) as server:
        client = a_client(server.url, monotonic=lambda: next(ticks, 100.0))
        assert isinstance(client.submit(BUY), NotSent)


# --- unresolved ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"\x00\xff garbage",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + OURS.encode(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 99999 ?\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
        http(200, "not json"),
    ],
)
def test_a_connection_that_ends_before_a_whole_answer_proves_nothing(answer: bytes) -> None:
    with raw_server(answering(answer)) as server:
        assert isinstance(client_of(server.url).submit(BUY), Unresolved)
        assert server.connections == 1


def test_a_reset_after_the_request_proves_nothing() -> None:
    def reset(connection: socket.socket) -> None:
        read_request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.close()

    with raw_server(reset) as server:
        assert isinstance(client_of(server.url).submit(BUY), Unresolved)
        assert server.connections == 1


def test_a_connection_closed_without_reading_proves_nothing() -> None:
    with raw_server(lambda connection: connection.close()) as server:
        assert isinstance(client_of(server.url).submit(BUY), Unresolved)


def test_silence_beyond_the_read_timeout_proves_nothing() -> None:
    with raw_server(silent) as server:
        assert isinstance(client_of(server.url, read_timeout_s=0.1).submit(BUY), Unresolved)


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"."),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["head", "body", "chunks", "continue"],
)
def test_an_answer_that_drips_is_given_up_at_the_total_limit(start: bytes, drop: bytes) -> None:
    with raw_server(dripping(start, drop, every_s=0.02)) as server:
        client = client_of(server.url, total_timeout_s=0.3, read_timeout_s=0.2)
        began = time.monotonic()
        outcome = client.submit(BUY)
        assert time.monotonic() - began < 2.0
    assert isinstance(outcome, Unresolved)


def test_an_order_on_a_kept_connection_that_dies_proves_nothing() -> None:
    def once_then_drop(connection: socket.socket) -> None:
        answering(ACCEPTED)(connection)
        read_request(connection)

    with raw_server(once_then_drop) as server:
        client = client_of(server.url)
        assert isinstance(client.submit(BUY), Accepted)
        assert isinstance(client.submit(BUY), Unresolved)
        assert server.connections == 1


# --- connections --------------------------------------------------------------------------------


def test_a_thread_keeps_its_connection() -> None:
    with raw_server(answering(http(200, samples.CLOCK), ACCEPTED, ACCEPTED)) as server:
        client = client_of(server.url)
        client.warm()
        assert isinstance(client.submit(BUY), Accepted)
        assert isinstance(client.submit(BUY), Accepted)
        assert server.connections == 1


def test_each_thread_has_a_connection_of_its_own() -> None:
    with raw_server(answering(ACCEPTED, ACCEPTED)) as server:
        client = client_of(server.url)
        client.submit(BUY)
        other = threading.Thread(target=client.submit, args=(BUY,))
        other.start()
        other.join(5)
        assert server.connections == 2


def test_an_order_is_not_sent_into_a_connection_known_to_be_closed() -> None:
    closed = threading.Event()

    def answer_and_close(connection: socket.socket) -> None:
        answering(ACCEPTED)(connection)
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    with raw_server(answer_and_close, answering(ACCEPTED)) as server:
        client = client_of(server.url)
        client.submit(BUY)
        assert closed.wait(5)
        assert isinstance(client.submit(BUY), Accepted)
        assert server.connections == 2


def test_warming_up_never_raises() -> None:
    client_of(f"http://127.0.0.1:{closed_port()}").warm()
    with raw_server(lambda connection: connection.close()) as server:
        client_of(server.url).warm()


def test_a_read_is_repeated_once_when_a_kept_connection_dies() -> None:
    def once_then_drop(connection: socket.socket) -> None:
        answering(http(200, samples.CLOCK))(connection)
        read_request(connection)

    with raw_server(once_then_drop, answering(http(200, samples.CLOCK))) as server:
        client = client_of(server.url)
        assert not isinstance(client.clock(), ReadFailed)
        assert not isinstance(client.clock(), ReadFailed)
        assert server.connections == 2


def test_a_read_on_a_new_connection_is_not_repeated() -> None:
    with raw_server(answering(b"")) as server:
        assert isinstance(client_of(server.url).clock(), ReadFailed)
        assert server.connections == 1


def test_a_read_that_ran_out_of_time_is_not_repeated() -> None:
    def once_then_nothing(connection: socket.socket) -> None:
        answering(http(200, samples.CLOCK))(connection)
        silent(connection)

    with raw_server(once_then_nothing) as server:
        client = client_of(server.url, read_timeout_s=0.1)
        client.clock()
        assert isinstance(client.clock(), ReadFailed)
        assert server.connections == 1


def test_an_informational_answer_does_not_shift_the_answers_to_come() -> None:
    def late(connection: socket.socket) -> None:
        answering(b"HTTP/1.1 103 Early Hints\r\n\r\n", http(404, samples.NO_POSITION))(connection)

    with raw_server(late, answering(http(200, samples.POSITION))) as server:
        client = client_of(server.url)
        assert isinstance(client.submit(BUY), Unresolved)
        assert isinstance(client.position("ACME"), BrokerPosition)
        assert server.connections == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with raw_server(answering(ACCEPTED)) as elsewhere:
        moved = http(status, "", f"Location: {elsewhere.url}/v2/orders")
        with raw_server(answering(moved, moved)) as server:
            client = client_of(server.url)
            assert isinstance(client.submit(BUY), Unresolved)
            assert isinstance(client.clock(), ReadFailed)
        assert elsewhere.connections == 0


@pytest.mark.parametrize("status", [429, 500, 503, 504])
def test_no_answer_makes_the_order_leave_twice(status: int) -> None:
    requests: list[bytes] = []

    def count(connection: socket.socket) -> None:
        while request := read_request(connection):
            requests.append(request)
            connection.sendall(http(status, "", "Retry-After: 0"))

    with raw_server(count) as server:
        client_of(server.url).submit(BUY)
    assert len(requests) == 1


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    with raw_server(answering(ACCEPTED)) as server:
        assert isinstance(client_of(server.url).submit(BUY), Accepted)


def test_a_compressed_read_is_unpacked() -> None:
    packed = http(200, gzip.compress(samples.CLOCK.encode()), "Content-Encoding: gzip")
    with raw_server(answering(packed)) as server:
        assert not isinstance(client_of(server.url).clock(), ReadFailed)


def test_a_small_answer_that_unpacks_without_end_is_given_up() -> None:
    packed = http(200, gzip.compress(b" " * 20_000_000), "Content-Encoding: gzip")
    with raw_server(answering(packed)) as server:
        assert isinstance(client_of(server.url).clock(), ReadFailed)


def test_over_tls_an_order_is_accepted_and_the_total_limit_holds() -> None:
    slow = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" ", every_s=0.02)
    with raw_server(_over_tls(answering(ACCEPTED)), _over_tls(slow)) as server:
        url = server.url.replace("http:", "https:")
        client = a_client(url, total_timeout_s=0.5, ca_bundle=str(SELF_SIGNED))
        assert isinstance(client.submit(BUY), Accepted)
        assert isinstance(client.submit(BUY), Unresolved)


def _over_tls(talk: Talk) -> Talk:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)

    def wrapped(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=True) as secure:
            talk(secure)

    return wrapped
