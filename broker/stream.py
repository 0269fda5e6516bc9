"""The trading stream: the `Feed` of `broker/api.py`, one connection an attempt.

In:  `AlpacaStream.connect`, `Connection.close`
Out: `stream_opened`, `stream_frame`, `stream_ended`, on the connection's own daemon thread

Environment proxies are not used: the keys travel in the first frame, and go straight to Alpaca.
"""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Literal

from pydantic import SecretStr
from websocket import (
    ABNF,
    WebSocketBadStatusException,
    WebSocketException,
    WebSocketTimeoutException,
)

from broker import wire
from broker.api import StreamEnd, StreamListener
from broker.bodies import ControlData
from broker.frames import BufferedWebSocket, dial, encrypted
from broker.keys import printable, revealed
from domain.orders import OrderUpdate

_log = logging.getLogger(__name__)

Kind = Literal["lost", "refused", "keys_refused"]

GOODBYE_S: Final = 0.5
_TRADE_UPDATES: Final = "trade_updates"
_DATA: Final = frozenset({ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY})
_MAX_EARLY: Final = 10_000
_REDIRECTS: Final = range(300, 400)
_KEYS_REFUSED: Final = frozenset({401, 403})


class AlpacaStream:
    """Connects to the account's stream of trade updates."""

    def __init__(
        self,
        *,
        base_url: str,
        key_id: str,
        secret_key: SecretStr | str,
        handshake_timeout_s: float = 10.0,
        ping_interval_s: float = 10.0,
        ping_timeout_s: float = 5.0,
        ca_bundle: str | os.PathLike[str] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = _stream_url(base_url)
        self._auth = json.dumps(
            {
                "action": "auth",
                "key": printable("key id", key_id),
                "secret": printable("secret key", revealed(secret_key)),
            }
        )
        self._handshake_timeout_s = handshake_timeout_s
        self._ping_interval_s = ping_interval_s
        self._ping_timeout_s = ping_timeout_s
        self._ca_bundle = ca_bundle
        self._monotonic = monotonic

    def __repr__(self) -> str:
        return f"AlpacaStream(url={self._url!r})"

    def connect(self, generation: int, listener: StreamListener) -> "StreamConnection":
        """Start connecting on a thread of its own; returns at once."""
        connection = StreamConnection(
            url=self._url,
            auth=self._auth,
            generation=generation,
            listener=listener,
            handshake_timeout_s=self._handshake_timeout_s,
            ping_interval_s=self._ping_interval_s,
            ping_timeout_s=self._ping_timeout_s,
            ca_bundle=self._ca_bundle,
            monotonic=self._monotonic,
        )
        connection.start()
        return connection

    def parse(self, frame: bytes | str) -> OrderUpdate | None:
        """The order a frame speaks of; None for a frame that speaks of none. Never raises."""
        return wire.trade_update(frame)


def _stream_url(base_url: str) -> str:
    scheme, _, rest = base_url.rstrip("/").partition("://")
    if scheme not in {"http", "https"}:
        raise ValueError(f"a base URL begins with https:// or http://, not {base_url!r}")
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/stream"


class _Ended(Exception):  # noqa: N818 - not an error: the way out of the loop
    def __init__(self, kind: Kind, why: str) -> None:
        super().__init__(why)
        self.end = StreamEnd(kind=kind, why=why)


class StreamConnection:
    """One connection, from its making to its end."""

    def __init__(
        self,
        *,
        url: str,
        auth: str,
        generation: int,
        listener: StreamListener,
        handshake_timeout_s: float,
        ping_interval_s: float,
        ping_timeout_s: float,
        ca_bundle: str | os.PathLike[str] | None,
        monotonic: Callable[[], float],
    ) -> None:
        self._url = url
        self._auth = auth
        self._generation = generation
        self._listener = listener
        self._handshake_timeout_s = handshake_timeout_s
        self._ping_interval_s = ping_interval_s
        self._silence_s = ping_interval_s + ping_timeout_s
        self._ca_bundle = ca_bundle
        self._monotonic = monotonic
        self._sock: socket.socket | None = None
        self._lock = threading.Lock()
        self._closed_because: str | None = None
        self._heard_at = monotonic()
        self._subscribed = False
        self._ws = BufferedWebSocket(still_allowed=self._still_allowed)

    def __repr__(self) -> str:
        return f"StreamConnection(generation={self._generation})"

    def start(self) -> None:
        """Begin, on a thread of its own."""
        threading.Thread(target=self._run, name=f"stream-{self._generation}", daemon=True).start()

    def close(self) -> None:
        """Cut it off, from any thread, without waiting for the peer; idempotent."""
        self._cut("closed by us")

    def _cut(self, because: str) -> None:
        with self._lock:
            self._closed_because = self._closed_because or because
            if self._sock is not None:
                # The plain socket's shutdown also for TLS: it wakes the reader and waits for nobody. The
                # way out stays open for the goodbye.
                with suppress(OSError):
                    socket.socket.shutdown(self._sock, socket.SHUT_RD)

    def _still_allowed(self) -> None:
        if self._closed_because is not None:
            raise _Ended("lost", self._closed_because)
        if self._subscribed and self._monotonic() - self._heard_at >= self._silence_s:
            raise _Ended("lost", f"no complete frame and no pong for {self._silence_s:g} s")

    # --- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            end = self._live()
        except Exception:  # noqa: BLE001 - whatever it is, the connection has to be reported over
            # A listener that fails has not taken its frame: without it the stream is not whole.
            _log.exception("stream %d: the listener failed", self._generation)
            end = StreamEnd(kind="lost", why="the listener failed")
        self._say_goodbye()
        with self._lock:
            if self._sock is not None:
                self._sock.close()
        try:
            self._listener.stream_ended(self._generation, end)
        except Exception:  # noqa: BLE001 - the thread ends here in any case
            _log.exception("stream %d: the listener failed at the end", self._generation)

    def _say_goodbye(self) -> None:
        """Without a close frame Alpaca keeps the account's only stream slot taken for up to 90 seconds."""
        if self._closed_because is not None and self._subscribed and self._sock is not None:
            with suppress(OSError, WebSocketException, ValueError):
                self._sock.settimeout(GOODBYE_S)
                self._ws.send_close()

    def _live(self) -> StreamEnd:
        try:
            early = self._open()
        except _Ended as ended:
            return ended.end
        self._heard_at = self._monotonic()
        self._subscribed = True
        self._listener.stream_opened(self._generation)
        for frame in early:
            self._listener.stream_frame(self._generation, frame)
        return self._pass_frames_on()

    def _open(self) -> list[bytes]:
        """Connect, authenticate, subscribe. Returns the frames of others that came in between."""
        # Every step has a socket timeout of its own, but a peer can stretch each by trickling. The
        # timer bounds the sum.
        timer = threading.Timer(
            self._handshake_timeout_s, self._cut, (f"no handshake within {self._handshake_timeout_s:g} s",)
        )
        timer.daemon = True
        timer.start()
        try:
            self._shake_hands()
            return self._subscribe()
        except (WebSocketException, OSError, ValueError) as error:
            raise _Ended("lost", self._closed_because or _in_short(error)) from error
        finally:
            timer.cancel()

    def _shake_hands(self) -> None:
        self._keep(dial(self._url, timeout_s=self._handshake_timeout_s))
        if self._url.startswith("wss:") and self._sock is not None:
            secure = encrypted(self._sock, self._url, self._ca_bundle)
            self._keep(secure)
            secure.do_handshake()
        try:
            # No redirects: the keys are for the host we were told.
            self._ws.connect(  # type: ignore[no-untyped-call]
                self._url, timeout=self._handshake_timeout_s, socket=self._sock, redirect_limit=0
            )
        except WebSocketBadStatusException as error:
            # Its own text holds the peer's headers and body.
            kind: Kind = "keys_refused" if error.status_code in _KEYS_REFUSED else "refused"
            raise _Ended(kind, f"the handshake was answered with HTTP {error.status_code}") from error
        except WebSocketException as error:
            if self._ws.status in _REDIRECTS:
                raise _Ended("refused", f"the handshake was answered with HTTP {self._ws.status}") from error
            raise

    def _keep(self, sock: socket.socket) -> None:
        with self._lock:
            self._sock = sock
        # A close that came while there was no socket yet found nothing to cut off.
        self._still_allowed()

    def _subscribe(self) -> list[bytes]:
        early: list[bytes] = []
        self._ws.send(self._auth)
        told = self._next_control("authorization", early)
        if told.status != "authorized":
            kind: Kind = "keys_refused" if told.status == "unauthorized" else "lost"
            raise _Ended(kind, f"authorization: {told.status!r:.80}")
        self._ws.send(json.dumps({"action": "listen", "data": {"streams": [_TRADE_UPDATES]}}))
        told = self._next_control("listening", early)
        if _TRADE_UPDATES not in (told.streams or ()):
            raise _Ended("lost", f"the subscription was not acknowledged: {told.streams!r:.80}")
        return early

    def _next_control(self, stream: str, early: list[bytes]) -> ControlData:
        while True:
            frame = self._receive()
            if frame is None:
                continue
            told = wire.control(frame)
            if told is None:
                early.append(frame)
                if len(early) > _MAX_EARLY:
                    raise _Ended("lost", "a flood of frames before the subscription was acknowledged")
                continue
            data = told.data or ControlData()
            if told.stream == stream:
                return data
            if data.status == "unauthorized":
                raise _Ended("keys_refused", "unauthorized")

    def _pass_frames_on(self) -> StreamEnd:
        ws, receive, monotonic = self._ws, self._receive, self._monotonic
        pass_on, generation, interval = self._listener.stream_frame, self._generation, self._ping_interval_s
        # Woken often enough to ping in time and to notice silence in time.
        ws.settimeout(max(min(interval, self._silence_s - interval) / 2, 0.01))
        ping_at = monotonic() + interval
        while True:
            try:
                if monotonic() >= ping_at:
                    ws.ping()
                    ping_at = monotonic() + interval
                frame = receive()
            except WebSocketTimeoutException:
                continue
            except _Ended as ended:
                return ended.end
            except (WebSocketException, OSError, ValueError) as error:
                return StreamEnd(kind="lost", why=self._closed_because or _in_short(error))
            if frame is not None:
                pass_on(generation, frame)
            # Only now: the time that the listener took is not the peer's silence.
            self._heard_at = monotonic()

    def _receive(self) -> bytes | None:
        """The next text or binary frame, as bytes; None for a ping or pong, which count as heard."""
        ws = self._ws
        opcode, frame = ws.recv_data_frame(control_frame=True)
        ws.frame_bytes = 0
        if opcode in _DATA:
            data: bytes = frame.data
            return data
        if opcode == ABNF.OPCODE_CLOSE:
            code = int.from_bytes(frame.data[:2], "big") if len(frame.data) > 1 else None
            raise _Ended("lost", f"closed by the peer, code {code}")
        return None


def _in_short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
