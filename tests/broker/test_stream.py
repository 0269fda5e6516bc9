"""Real WebSockets: how a connection begins, what it passes on, and that it always ends."""

import json
import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr
from websockets.sync.server import ServerConnection, serve

from broker.api import StreamEnd
from broker.stream import AlpacaStream, StreamConnection
from tests.broker import samples
from tests.broker.clients import KEY_ID, SECRET
from tests.broker.sockets import (
    BINARY,
    CLOSE,
    PATIENCE_S,
    PING,
    PONG,
    SELF_SIGNED,
    TEXT,
    Talk,
    answering,
    closed_port,
    dripping,
    http,
    raw_server,
    read_request,
    silent,
    ws_accept,
    ws_frame,
    ws_read,
)


class Heard:
    """Keeps what a listener hears, in order."""

    def __init__(self) -> None:
        self.said: queue.Queue[tuple[str, int, object, str]] = queue.Queue()

    def stream_opened(self, generation: int) -> None:
        self._put("opened", generation, None)

    def stream_frame(self, generation: int, frame: bytes | str) -> None:
        self._put("frame", generation, frame.encode() if isinstance(frame, str) else frame)

    def stream_ended(self, generation: int, end: StreamEnd) -> None:
        self._put("ended", generation, end)

    def _put(self, what: str, generation: int, told: object) -> None:
        self.said.put((what, generation, told, threading.current_thread().name))

    def next(self, what: str) -> object:
        said, generation, told, thread = self.said.get(timeout=PATIENCE_S)
        assert (said, generation, thread) == (what, 7, "stream-7"), told
        return told

    def end(self) -> StreamEnd:
        end = self.next("ended")
        assert isinstance(end, StreamEnd)
        return end

    def nothing_more(self) -> None:
        assert self.said.empty()


def a_stream(
    url: str,
    *,
    handshake_timeout_s: float = PATIENCE_S,
    ping_interval_s: float = PATIENCE_S,
    ping_timeout_s: float = PATIENCE_S,
) -> AlpacaStream:
    return AlpacaStream(
        base_url=url,
        key_id=KEY_ID,
        secret_key=SecretStr(SECRET),
        handshake_timeout_s=handshake_timeout_s,
        ping_interval_s=ping_interval_s,
        ping_timeout_s=ping_timeout_s,
    )


@contextmanager
def connected(stream: AlpacaStream) -> Iterator[tuple[StreamConnection, Heard]]:
    heard = Heard()
    connection = stream.connect(7, heard)
    try:
        yield connection, heard
    finally:
        connection.close()


def shake_hands(connection: socket.socket) -> None:
    """The whole of it, as Alpaca does."""
    ws_accept(connection)
    ws_read(connection)
    connection.sendall(ws_frame(samples.AUTHORIZED))
    ws_read(connection)
    connection.sendall(ws_frame(samples.LISTENING))


def then(*data: bytes) -> Talk:
    """Shake hands, send the data, and stay as long as the client does."""

    def talk(connection: socket.socket) -> None:
        shake_hands(connection)
        for piece in data:
            connection.sendall(piece)
        silent(connection)

    return talk


def ended(talk: Talk, *, opened: bool, **timeouts: float) -> StreamEnd:
    with raw_server(talk) as server, connected(a_stream(server.url, **timeouts)) as (_, heard):
        if opened:
            heard.next("opened")
        end = heard.end()
        heard.nothing_more()
    return end


# --- a connection as it should be ---------------------------------------------------------------


@pytest.mark.parametrize("binary", [True, False])
def test_trade_updates_arrive_from_a_real_server_in_either_kind_of_frame(binary: bool) -> None:
    asked: list[object] = []

    def serve_one(peer: ServerConnection) -> None:
        def send(text: str) -> None:
            peer.send(text.encode() if binary else text)

        asked.append(peer.request.path if peer.request else None)
        asked.append(json.loads(peer.recv()))
        send(samples.AUTHORIZED)
        asked.append(json.loads(peer.recv()))
        send(samples.LISTENING)
        send(samples.STREAM_NEW)
        send(samples.STREAM_FILL)
        peer.recv()

    with serve(serve_one, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        stream = a_stream(f"http://127.0.0.1:{server.socket.getsockname()[1]}/")
        with connected(stream) as (_, heard):
            heard.next("opened")
            assert heard.next("frame") == samples.STREAM_NEW.encode()
            frame = heard.next("frame")
            assert frame == samples.STREAM_FILL.encode()
        server.shutdown()
        thread.join(PATIENCE_S)
    update = stream.parse(frame)
    assert update is not None
    assert update.event == "fill"
    assert asked == [
        "/stream",
        {"action": "auth", "key": KEY_ID, "secret": SECRET},
        {"action": "listen", "data": {"streams": ["trade_updates"]}},
    ]


def test_events_between_the_authorization_and_the_acknowledgement_come_after_the_opening() -> None:
    def early(connection: socket.socket) -> None:
        ws_accept(connection)
        ws_read(connection)
        connection.sendall(ws_frame(samples.STREAM_PENDING_NEW) + ws_frame(samples.AUTHORIZED))
        connection.sendall(ws_frame(samples.STREAM_NEW))
        ws_read(connection)
        connection.sendall(ws_frame(samples.STREAM_FILL) + ws_frame(samples.LISTENING))
        connection.sendall(ws_frame(samples.STREAM_CANCELED))
        silent(connection)

    with raw_server(early) as server, connected(a_stream(server.url)) as (_, heard):
        heard.next("opened")
        order = [samples.STREAM_PENDING_NEW, samples.STREAM_NEW, samples.STREAM_FILL, samples.STREAM_CANCELED]
        assert [heard.next("frame") for _ in order] == [frame.encode() for frame in order]


def test_frames_are_passed_on_whole_however_the_bytes_arrive() -> None:
    long = b"x" * 60_000
    text = ws_frame(samples.STREAM_FILL, TEXT)
    parts = ws_frame("frag", TEXT, final=False) + ws_frame("", 0, final=False) + ws_frame("ment", 0)
    data = (
        text + ws_frame("", BINARY) + ws_frame("\n", PING) + ws_frame(long) + parts + ws_frame("\u00fc", TEXT)
    )
    pieces = [data[i : i + 1] for i in range(700)] + [data[700:]]
    with raw_server(then(*pieces)) as server, connected(a_stream(server.url)) as (_, heard):
        heard.next("opened")
        for expected in (samples.STREAM_FILL.encode(), b"", long, b"fragment", "\u00fc".encode()):
            assert heard.next("frame") == expected


def test_bad_utf8_is_the_parsers_to_refuse_and_ends_nothing() -> None:
    with raw_server(then(ws_frame(b"\xff\xfe", TEXT), ws_frame("fine"))) as server:
        stream = a_stream(server.url)
        with connected(stream) as (_, heard):
            heard.next("opened")
            assert heard.next("frame") == b"\xff\xfe"
            assert heard.next("frame") == b"fine"
        assert stream.parse(b"\xff\xfe") is None


def test_a_ping_of_the_peer_is_answered() -> None:
    answered: queue.Queue[tuple[int, bytes]] = queue.Queue()

    def ping(connection: socket.socket) -> None:
        shake_hands(connection)
        connection.sendall(ws_frame("hello", PING))
        answered.put(ws_read(connection))

    with raw_server(ping) as server, connected(a_stream(server.url)):
        assert answered.get(timeout=PATIENCE_S) == (PONG, b"hello")


def test_a_quiet_connection_lives_as_long_as_its_pings_are_answered() -> None:
    def pong_ten_times(connection: socket.socket) -> None:
        shake_hands(connection)
        for _ in range(10):
            opcode, data = ws_read(connection)
            assert opcode == PING
            connection.sendall(ws_frame(data, PONG))
        connection.sendall(ws_frame("still here"))

    # Ten pings take longer than a silence of interval and timeout would be borne.
    with raw_server(pong_ten_times) as server:
        stream = a_stream(server.url, ping_interval_s=0.1, ping_timeout_s=0.4)
        with connected(stream) as (_, heard):
            heard.next("opened")
            assert heard.next("frame") == b"still here"


# --- how it does not begin ----------------------------------------------------------------------


@pytest.mark.parametrize("status", [406, 429, 500, 502, 503, 200, 302, 307])
def test_a_handshake_answered_with_a_status_is_refused(status: int) -> None:
    answer = http(status, "no", "Location: http://127.0.0.1:1/stream")
    end = ended(answering(answer), opened=False)
    assert end.kind == "refused"
    assert str(status) in end.why


@pytest.mark.parametrize("status", [401, 403])
def test_a_handshake_can_refuse_the_keys(status: int) -> None:
    assert ended(answering(http(status, "no")), opened=False).kind == "keys_refused"


def test_a_redirect_of_the_handshake_is_not_followed() -> None:
    with raw_server(silent) as elsewhere:
        target = elsewhere.url.replace("http:", "ws:")
        ended(answering(http(302, "", f"Location: {target}/stream")), opened=False)
        assert elsewhere.connections == 0


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        (samples.UNAUTHORIZED, "keys_refused"),
        ('{"stream":"authorization","data":null}', "lost"),
        ('{"stream":"authorization","data":{"status":"try later"}}', "lost"),
    ],
)
def test_only_the_word_unauthorized_refuses_the_keys(word: str, kind: str) -> None:
    def refuse(connection: socket.socket) -> None:
        ws_accept(connection)
        ws_read(connection)
        connection.sendall(ws_frame(word))
        silent(connection)

    assert ended(refuse, opened=False).kind == kind


def test_a_listen_that_is_called_unauthorized_refuses_the_keys() -> None:
    def refuse_later(connection: socket.socket) -> None:
        ws_accept(connection)
        ws_read(connection)
        connection.sendall(ws_frame(samples.AUTHORIZED))
        ws_read(connection)
        connection.sendall(ws_frame(samples.NOT_YET_AUTHORIZED))
        silent(connection)

    assert ended(refuse_later, opened=False).kind == "keys_refused"


@pytest.mark.parametrize("streams", ["[]", '["account_updates"]', "null"])
def test_an_acknowledgement_without_trade_updates_is_none(streams: str) -> None:
    def other_streams(connection: socket.socket) -> None:
        ws_accept(connection)
        ws_read(connection)
        connection.sendall(ws_frame(samples.AUTHORIZED))
        ws_read(connection)
        connection.sendall(ws_frame(f'{{"stream":"listening","data":{{"streams":{streams}}}}}'))
        silent(connection)

    assert ended(other_streams, opened=False).kind == "lost"


def accept_only(connection: socket.socket) -> None:
    ws_accept(connection)
    silent(connection)


def authorize_only(connection: socket.socket) -> None:
    ws_accept(connection)
    ws_read(connection)
    connection.sendall(ws_frame(samples.AUTHORIZED))
    silent(connection)


def chatter_instead(connection: socket.socket) -> None:
    ws_accept(connection)
    dripping(b"", ws_frame(samples.STREAM_NEW), every_s=0.02)(connection)


@pytest.mark.parametrize(
    "talk",
    [
        silent,
        dripping(b"HTTP/1.1 101 Switching\r\nX-Slow: ", b".", every_s=0.02),
        dripping(http(429, "")[:-4] + b"\r\nContent-Length: 9999\r\n\r\n", b".", every_s=0.02),
        accept_only,
        authorize_only,
        chatter_instead,
    ],
    ids=["silence", "dripping head", "dripping refusal", "no authorization", "no acknowledgement", "chatter"],
)
def test_a_handshake_has_to_be_over_in_time(talk: Talk) -> None:
    assert ended(talk, opened=False, handshake_timeout_s=0.3).kind == "lost"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101 ?\r\n\r\n", b"\x00garbage\r\n\r\n"])
def test_a_handshake_that_is_none_is_a_lost_connection(answer: bytes) -> None:
    assert ended(answering(answer), opened=False).kind == "lost"


def test_nobody_there_is_a_lost_connection() -> None:
    with connected(a_stream(f"http://127.0.0.1:{closed_port()}")) as (_, heard):
        assert heard.end().kind == "lost"


def test_a_certificate_nobody_vouches_for_is_not_spoken_to() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)

    def secure(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as peer:
            read_request(peer)

    with (
        raw_server(secure) as server,
        connected(a_stream(server.url.replace("http:", "https:"))) as (_, heard),
    ):
        end = heard.end()
    assert end.kind == "lost"
    assert "certificate" in end.why.lower()


def test_over_tls_frames_arrive_and_a_close_ends_it() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)

    def secure(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as peer:
            then(ws_frame(samples.STREAM_NEW))(peer)

    with raw_server(secure) as server:
        stream = AlpacaStream(
            base_url=server.url.replace("http:", "https:"),
            key_id=KEY_ID,
            secret_key=SECRET,
            ca_bundle=SELF_SIGNED,
        )
        with connected(stream) as (connection, heard):
            heard.next("opened")
            assert heard.next("frame") == samples.STREAM_NEW.encode()
            connection.close()
            assert heard.end() == StreamEnd(kind="lost", why="closed by us")


def test_a_tls_handshake_has_to_be_over_in_time() -> None:
    with raw_server(silent) as server:
        stream = a_stream(server.url.replace("http:", "https:"), handshake_timeout_s=0.2)
        with connected(stream) as (_, heard):
            assert heard.end().kind == "lost"


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    with raw_server(then()) as server, connected(a_stream(server.url)) as (_, heard):
        heard.next("opened")


# --- how it ends --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        ws_frame(b"\x03\xe8bye", CLOSE),
        ws_frame(b"\x03\xf3", CLOSE),
        ws_frame(b"", CLOSE),
        b"\xff\xff\xff\xff",
        b"\x8a\xfe",
        ws_frame("x" * 126, PING),
    ],
    ids=["close", "close 1011", "close without code", "nonsense", "masked", "long ping"],
)
def test_a_close_or_a_broken_protocol_ends_the_connection(data: bytes) -> None:
    def send_and_leave(connection: socket.socket) -> None:
        shake_hands(connection)
        connection.sendall(data)

    assert ended(send_and_leave, opened=True).kind == "lost"


def test_a_frame_without_end_ends_the_connection() -> None:
    endless = b"\x82\x7f" + (2**40).to_bytes(8, "big") + b"x" * (5 * 1024 * 1024)
    assert ended(then(endless), opened=True).why.startswith("WebSocketException: a frame of more than")


def test_a_peer_that_goes_away_ends_the_connection() -> None:
    assert ended(shake_hands, opened=True).kind == "lost"


@pytest.mark.parametrize(
    "half", [b"\x82", b"\x82\x7e\x01", b"\x82\x05he", b""], ids=["head", "length", "payload", "no pong"]
)
def test_half_a_frame_or_a_missing_pong_ends_the_connection(half: bytes) -> None:
    end = ended(then(half), opened=True, ping_interval_s=0.1, ping_timeout_s=0.1)
    assert end.kind == "lost"


def test_a_frame_that_drips_ends_the_connection() -> None:
    def drip(connection: socket.socket) -> None:
        shake_hands(connection)
        connection.sendall(b"\x82\x7e\xff\xff")
        while True:
            connection.settimeout(0.01)
            try:
                if not connection.recv(65536):
                    return
            except TimeoutError:
                connection.sendall(b".")

    assert ended(drip, opened=True, ping_interval_s=0.1, ping_timeout_s=0.1).kind == "lost"


@pytest.mark.parametrize("talk", [silent, accept_only, authorize_only, then(), then(b"\x82")])
def test_a_close_from_another_thread_ends_it_at_any_stage_exactly_once(talk: Talk) -> None:
    reached = threading.Event()

    def served(connection: socket.socket) -> None:
        reached.set()
        talk(connection)

    with raw_server(served) as server, connected(a_stream(server.url)) as (connection, heard):
        assert reached.wait(PATIENCE_S)
        if talk.__qualname__.startswith("then"):
            heard.next("opened")
        for _ in range(3):
            connection.close()
        assert heard.end() == StreamEnd(kind="lost", why="closed by us")
        heard.nothing_more()


def test_a_close_before_the_connection_is_made_still_ends_it() -> None:
    with raw_server(then()) as server:
        heard = Heard()
        a_stream(server.url).connect(7, heard).close()
        said = [heard.said.get(timeout=PATIENCE_S)]
        while said[-1][0] != "ended":
            said.append(heard.said.get(timeout=PATIENCE_S))
    assert said[-1][2] == StreamEnd(kind="lost", why="closed by us")


class Slow(Heard):
    """Takes its time over the first frame."""

    def __init__(self, until: threading.Event) -> None:
        super().__init__()
        self._until = until
        self.busy = threading.Event()

    def stream_frame(self, generation: int, frame: bytes | str) -> None:
        self.busy.set()
        self._until.wait(PATIENCE_S)
        super().stream_frame(generation, frame)


def test_a_slow_listener_is_not_taken_for_a_silent_peer() -> None:
    now, until = [0.0], threading.Event()
    large = ws_frame("x" * 60_000)

    def in_pieces(connection: socket.socket) -> None:
        shake_hands(connection)
        connection.sendall(ws_frame("one"))
        until.wait(PATIENCE_S)
        connection.sendall(large[:100])
        connection.sendall(large[100:])
        silent(connection)

    with raw_server(in_pieces) as server:
        stream = AlpacaStream(base_url=server.url, key_id="k", secret_key="s", monotonic=lambda: now[0])
        heard = Slow(until)
        connection = stream.connect(7, heard)
        heard.next("opened")
        assert heard.busy.wait(PATIENCE_S)
        now[0] += 1000
        until.set()
        assert heard.next("frame") == b"one"
        assert heard.next("frame") == b"x" * 60_000
        connection.close()


class Failing(Heard):
    def __init__(self, at: str) -> None:
        super().__init__()
        self._at = at

    def _put(self, what: str, generation: int, told: object) -> None:
        super()._put(what, generation, told)
        if what == self._at:
            raise OSError("the listener's own trouble")


@pytest.mark.parametrize(("at", "heard_before"), [("opened", ["opened"]), ("frame", ["opened", "frame"])])
def test_a_listener_that_fails_loses_the_connection(at: str, heard_before: list[str]) -> None:
    with raw_server(then(ws_frame("one"), ws_frame("two"))) as server:
        heard = Failing(at)
        a_stream(server.url).connect(7, heard)
        for what in heard_before:
            heard.next(what)
        assert heard.end() == StreamEnd(kind="lost", why="the listener failed")


# --- secrets, addresses -------------------------------------------------------------------------


def test_no_secret_shows_in_what_is_printed_or_told() -> None:
    with raw_server(accept_only) as server:
        stream = a_stream(server.url, handshake_timeout_s=0.1)
        with connected(stream) as (connection, heard):
            end = heard.end()
    assert SECRET not in repr(stream) + repr(connection) + repr(end)


def test_a_key_with_a_line_end_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="no key has") as caught:
        AlpacaStream(base_url="https://x", key_id="k", secret_key="with-a-line-end\n")
    assert "with-a" not in str(caught.value)


@pytest.mark.parametrize("url", ["paper-api.alpaca.markets", "ftp://x", ""])
def test_an_address_without_its_scheme_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        AlpacaStream(base_url=url, key_id="k", secret_key="s")


def test_the_stream_of_an_https_address_is_encrypted() -> None:
    stream = AlpacaStream(base_url="https://paper-api.alpaca.markets/", key_id="k", secret_key="s")
    assert "wss://paper-api.alpaca.markets/stream" in repr(stream)
