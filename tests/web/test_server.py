import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.web.conftest import TOKEN, Api
from web import bodies, server
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
    monkeypatch.setattr(server, "ARRIVAL_S", 0.1)
    with connected(shared) as connection:
        connection.sendall(b"POST /api/signals HTTP/1.1\r\n")
        try:
            said = answer(connection)
        except ConnectionResetError:
            said = b""
    assert said == b""


def test_headers_without_end_are_refused(shared: Api) -> None:
    with connected(shared) as connection:
        connection.sendall(head(shared, "X-Long: " + "x" * 70_000, "Connection: close"))
        assert answer(connection).startswith(b"HTTP/1.1 400")


def test_the_time_to_arrive_counts_for_each_request_anew(shared: Api) -> None:
    for _ in range(3):
        assert shared.get("/livez").status_code == 200
        assert shared.send().status_code in {200, 202}


def test_a_sender_that_leaves_in_the_middle_stores_nothing(shared: Api) -> None:
    with connected(shared) as connection:
        connection.sendall(head(shared, "Content-Length: 100") + b"{")
    assert shared.get("/livez").status_code == 200
    assert shared.queries.signal("gone") == ()
