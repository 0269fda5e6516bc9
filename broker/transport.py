"""One thread's way to Alpaca: a request goes out once, and what became of it is known or said not to be.

`requests` tells by its exceptions what went wrong, but not reliably whether a byte had left before.
For an order that is the whole question. So the connection itself keeps account of it, and a failure is
"not sent" only where the connection saw that nothing was written. Environment proxies, netrc, cookies,
redirects and retries are all the business of `requests.Session`, which is left out: that is safer, and
the quicker way to the wire.
"""

import http.client
import io
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from failpoint import failpoint, is_armed

MAX_BODY: Final = 4 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_FIRST_FINAL_STATUS: Final = 200

_ERRORS: Final = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)
"""What the libraries below raise when a request fails, each layer in its own words."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. `total_s` covers a request from its first connect to the last byte of the answer."""

    connect_s: float = 3.0
    read_s: float = 10.0
    total_s: float = 15.0


class Answer(NamedTuple):
    """A complete response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Failure(NamedTuple):
    """No complete response."""

    why: str
    sent: bool
    """False only if it is certain that not a byte of the request left."""
    went_stale: bool = False
    """A connection kept from an earlier request broke; a new one may well do."""


class _Attempt:
    """What the request under way has come to. One for each thread, which sends one at a time."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self.limits = limits
        self._monotonic = monotonic
        self.start()

    def start(self) -> None:
        self.deadline = self._monotonic() + self.limits.total_s
        self.reached_transport = False
        self.wrote = False
        self.connected = False
        self.heard = False
        self.timed_out = False

    def left(self) -> float:
        """Seconds until the deadline; TimeoutError when there are none."""
        left = self.deadline - self._monotonic()
        if left <= 0:
            self.timed_out = True
            raise TimeoutError(f"no complete answer within {self.limits.total_s:g} s")
        return left


class _BoundedReader(io.RawIOBase):
    """A socket's bytes, as long as the deadline allows: a socket's own timeout starts anew with each byte."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, attempt: _Attempt) -> None:
        self._raw = raw
        self._sock = sock
        self._attempt = attempt

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(min(self._attempt.limits.read_s, self._attempt.left()))
        try:
            got = self._raw.readinto(buffer)
        except TimeoutError:
            self._attempt.timed_out = True
            raise
        self._attempt.heard |= bool(got)
        return got

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, attempt: _Attempt, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw: Any = self.fp.detach()
        self.fp = io.BufferedReader(_BoundedReader(raw, sock, attempt))


class _WatchedConnection(HTTPConnection):
    """Keeps account of what was written, and writes head and body at once: one packet, one system call."""

    def __init__(self, *args: Any, attempt: _Attempt, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._attempt = attempt
        self._held: list[bytes] | None = None
        self.response_class: Any = partial(_BoundedResponse, attempt)

    def connect(self) -> None:
        self._attempt.connected = True
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._held = []
        try:
            super().request(*args, **kwargs)
            data = b"".join(self._held)
        finally:
            self._held = None
        if self.sock is None:
            self.connect()
        self._attempt.left()  # several slow addresses can use up the time; then the order stays here
        self._attempt.wrote = True
        if args[0] == "POST" and is_armed("http.mid_send"):
            self.sock.sendall(data[: len(data) // 2])
            failpoint("http.mid_send")
            data = data[len(data) // 2 :]
        self.sock.sendall(data)
        if args[0] == "POST":
            failpoint("http.sent_no_reply")

    def send(self, data: Any) -> None:
        if self._held is None:
            self._attempt.wrote = True
            super().send(data)
        else:
            self._held.append(data)


class _WatchedTlsConnection(_WatchedConnection, HTTPSConnection):
    """The same over TLS; its handshake is part of `connect`."""


class _Adapter(HTTPAdapter):
    """`HTTPAdapter` with its choices made once: which pool, which certificates, which path."""

    def __init__(self, attempt: _Attempt) -> None:
        self._attempt = attempt
        self._pools: dict[str, Any] = {}
        self._path = ("", "")
        super().__init__(pool_connections=4, pool_maxsize=1, max_retries=0)

    # No proxies: the keys go straight to Alpaca.
    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: Any,
        proxies: Any = None,  # noqa: ARG002 - inherited
        cert: Any = None,
    ) -> Any:
        self._attempt.reached_transport = True
        url = request.url or ""
        origin = url[: url.find("/", len("https://"))]
        pool: Any = self._pools.get(origin)
        if pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies=None, cert=cert)
            super().cert_verify(pool, url, verify, cert)  # type: ignore[no-untyped-call]
            watched = _WatchedTlsConnection if pool.scheme == "https" else _WatchedConnection
            pool.ConnectionCls = partial(watched, attempt=self._attempt)
            self._pools[origin] = pool
        return pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing more: the pool was told to verify when it was made, above."""

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:  # noqa: ARG002 - inherited
        url, path = self._path
        if request.url != url:
            url, path = request.url or "", request.path_url
            self._path = (url, path)
        return path

    def close(self) -> None:
        super().close()
        self._pools.clear()


class Lane:
    """One thread's connections. Not to be shared between threads."""

    def __init__(
        self,
        *,
        headers: Mapping[str, str],
        limits: Limits,
        monotonic: Callable[[], float] = time.monotonic,
        ca_bundle: str | os.PathLike[str] | None = None,
    ) -> None:
        self._attempt = _Attempt(limits, monotonic)
        self._adapter = _Adapter(self._attempt)
        self._timeout: Any = urllib3.Timeout(connect=limits.connect_s, read=limits.read_s)
        self._verify = True if ca_bundle is None else os.fspath(ca_bundle)
        self._headers = headers
        self._no_cookies = requests.cookies.RequestsCookieJar()

    def post(self, url: str, body: bytes) -> Answer | Failure:
        """POST JSON, once."""
        request = self._prepare("POST", url, body)
        request.headers["Content-Type"] = "application/json"
        request.headers["Content-Length"] = str(len(body))
        return self._exchange(request)

    def get(self, url: str) -> Answer | Failure:
        """GET; once more if only a kept connection had gone stale."""
        request = self._prepare("GET", url)
        request.headers["Accept-Encoding"] = "gzip"
        told = self._exchange(request)
        return self._exchange(request) if isinstance(told, Failure) and told.went_stale else told

    def delete(self, url: str) -> Answer | Failure:
        """DELETE, once."""
        return self._exchange(self._prepare("DELETE", url))

    def close(self) -> None:
        """Close the connections."""
        self._adapter.close()

    def _prepare(self, method: str, url: str, body: bytes | None = None) -> requests.PreparedRequest:
        # By hand: `requests` would parse and quote again what we have quoted ourselves.
        request = requests.PreparedRequest()
        request.method, request.url, request.body = method, url, body
        # A plain dict: `requests`' own is walked in Python, twice for each request.
        request.headers = dict(self._headers)  # type: ignore[assignment]
        request.hooks = {}
        request._cookies = self._no_cookies  # type: ignore[attr-defined]  # noqa: SLF001
        return request

    def _exchange(self, request: requests.PreparedRequest) -> Answer | Failure:
        attempt = self._attempt
        attempt.start()
        try:
            response = self._adapter.send(request, stream=True, timeout=self._timeout, verify=self._verify)
            return self._complete(response)
        except _ERRORS as error:
            sent = attempt.wrote or not attempt.reached_transport
            if isinstance(error, requests.ConnectTimeout):
                sent = attempt.wrote
            kept = attempt.reached_transport and not attempt.connected
            stale = kept and not attempt.heard and not attempt.timed_out
            return Failure(why=_in_short(error), sent=sent, went_stale=stale)

    def _complete(self, response: requests.Response) -> Answer | Failure:
        body = bytearray()
        with response:
            for chunk in response.iter_content(_CHUNK):
                body += chunk
                if len(body) > MAX_BODY:
                    # Leaving `with` unread closes the connection.
                    return Failure(why=f"an answer of more than {MAX_BODY} bytes", sent=True)
        if response.status_code < _FIRST_FINAL_STATUS:
            # http.client takes an informational answer for the last one; the real one would then be
            # taken for the answer to our next request.
            self._adapter.close()
        return Answer(response.status_code, response.headers, bytes(body))


def _in_short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
