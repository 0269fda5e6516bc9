import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.web.conftest import TOKEN, Api
from web import bodies, connections
from web.server import WebServer


async def nothing(_scope: Any, _receive: Any, _send: Any) -> None:
    """An app that is never called."""


def connected(api: Api) -> socket.socket:
    parts = urlsplit(api.url)
    return socket.create_connection((str(parts.hostname), parts.port or 0), timeout=5)


def head(api: Api, *lines: str) -> bytes:
    host = urlsplit(api.url).netloc
    return "\r\n".join(
        [
            "POST /api/signals HTTP/1.1",
            f"Host: {host}",
            f"Authorization: Bearer {TOKEN}",
            "Content-Type: application/json",
            *lines,
            "",
            "",
        ]
    ).encode()


def answer(connection: socket.socket) -> bytes:
    """All that the server says until it closes the connection."""
    said = b""
    while part := connection.recv(65536):
        said += part
    return said


def answer_or_reset(connection: socket.socket) -> bytes:
    try:
        return answer(connection)
    except ConnectionResetError:
        return b""


def is_over(connection: socket.socket) -> bool:
    """Whether the server has closed it, after all that it said."""
    connection.setblocking(False)
    try:
        answer_or_reset(connection)
    except BlockingIOError:
        return False
    return True


def test_a_port_in_use_is_an_oserror_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            WebServer(nothing, "127.0.0.1", taken.getsockname()[1])


def test_a_port_is_ours_from_the_constructor_on_and_free_after_the_stop() -> None:
    first = WebServer(nothing, "127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"):
        WebServer(nothing, "127.0.0.1", first.port)
    first.start()
    first.stop()
    first.stop()
    second = WebServer(nothing, "127.0.0.1", first.port)
    second.stop()


def test_a_server_can_be_stopped_before_it_was_started() -> None:
    WebServer(nothing, "127.0.0.1", 0).stop()


def test_it_listens_on_the_loopback_address_only(shared: Api) -> None:
    port = urlsplit(shared.url).port or 0
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", port), timeout=2)


def test_a_body_of_a_megabyte_is_413_and_the_sender_gets_to_read_it(shared: Api) -> None:
    refused = shared.raw(b"[" + b" " * 1_000_000 + b"]")
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
    assert shared.send().status_code == 202


def test_a_body_that_only_announces_to_be_large_is_413_before_it_is_sent(shared: Api) -> None:
    with connected(shared) as connection:
        connection.sendall(head(shared, "Content-Length: 1000000000", "Connection: close"))
        assert answer(connection).startswith(b"HTTP/1.1 413")


def test_a_chunked_body_is_counted_while_it_is_read(shared: Api) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 1000

    assert shared.raw(parts()).status_code == 413


def test_a_chunked_body_within_the_bound_is_taken(shared: Api) -> None:
    answered = shared.raw(iter([b"{", b'"symbol": "ACME"', b"}"]))
    assert answered.status_code == 422


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json; charset=utf-8", 422),
        ('Application/JSON; charset="UTF-8"', 422),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonx", 415),
        ("", 415),
    ],
)
def test_the_content_type_has_to_be_json(shared: Api, kind: str, status: int) -> None:
    assert shared.raw(b"{}", **{"Content-Type": kind}).status_code == status


def test_a_compressed_body_is_not_unpacked(shared: Api) -> None:
    assert shared.raw(b"\x1f\x8b", **{"Content-Encoding": "gzip"}).status_code == 415


def test_a_body_that_does_not_arrive_is_408(shared: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "READ_TIMEOUT_S", 0.1)
    with connected(shared) as connection:
        connection.sendall(head(shared, "Content-Length: 100") + b"{")
        assert answer(connection).startswith(b"HTTP/1.1 408")


def test_headers_that_do_not_arrive_end_the_connection(shared: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ARRIVAL_S", 0.1)
    with connected(shared) as connection:
        connection.sendall(b"POST /api/signals HTTP/1.1\r\n")
        assert answer_or_reset(connection) == b""


def test_headers_without_end_are_refused(shared: Api) -> None:
    with connected(shared) as connection:
        connection.sendall(head(shared).rstrip() + b"\r\nX-Long: " + b"x" * 70_000)
        said = answer(connection)
    assert said.startswith(b"HTTP/1.1 400")
    assert b"x-content-type-options: nosniff" in said.lower()
    assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == "http_error"


def test_the_time_to_arrive_counts_for_each_request_anew(shared: Api) -> None:
    for _ in range(3):
        assert shared.get("/livez").status_code == 200
        assert shared.send().status_code in {200, 202}


def test_a_sender_that_leaves_in_the_middle_stores_nothing(shared: Api) -> None:
    with connected(shared) as connection:
        connection.sendall(head(shared, "Content-Length: 100") + b"{")
    assert shared.get("/livez").status_code == 200
    assert shared.queries.signal("gone") == ()


@contextmanager
def crowd(api: Api, count: int, said: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many connections that have said this, and go on saying nothing."""
    with ExitStack() as stack:
        several = [stack.enter_context(connected(api)) for _ in range(count)]
        for each in several:
            each.sendall(said)
        yield several


@pytest.mark.parametrize("said", [b"", b"POST /hooks/tradingview/x HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost:"])
def test_who_opens_connections_without_a_token_locks_nobody_out(shared: Api, said: bytes) -> None:
    with crowd(shared, connections.MAX_CONNECTIONS + 20, said) as strangers:
        with requests.Session() as newcomer:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            assert newcomer.get(f"{shared.url}/api/status", headers=headers, timeout=5).status_code == 200
        assert answer_or_reset(strangers[0]) == b"", "the oldest made room"
        assert not is_over(strangers[-1])


def test_a_connection_with_a_token_makes_no_room_for_strangers(
    shared: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "GRACE_S", 0)
    with connected(shared) as stream:
        stream.sendall(head(shared).replace(b"POST /api/signals", b"GET /api/events"))
        assert stream.recv(65536).startswith(b"HTTP/1.1 200")
        assert shared.get("/api/status").status_code == 200
        with crowd(shared, connections.MAX_STRANGERS + 20) as strangers:
            assert answer_or_reset(strangers[0]) == b"", "the oldest made room"
            assert not is_over(stream)
            assert shared.get("/api/status").status_code == 200


def test_more_connections_than_it_serves_are_refused_in_the_shape_of_every_refusal(
    shared: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 1)
    assert shared.get("/api/status").status_code == 200, "and stays connected"
    with requests.Session() as late:
        refused = late.get(f"{shared.url}/livez", timeout=5)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["X-Frame-Options"] == "DENY"
