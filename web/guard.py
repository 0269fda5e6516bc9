"""Stands before every request: right host, right token, no foreign page behind it; then security headers.

Plain ASGI, so that it sees a request before anything reads its body.
"""

import hmac
import logging
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.errors import Refusal

log = logging.getLogger(__name__)

OPEN_PATHS: Final = frozenset({"/livez"})
"""Answered without a token: it says nothing but that the process serves."""
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
HTTP_PORT: Final = 80

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware. There are no CORS headers, so no foreign page can read an answer either."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_hardened(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal.response()(scope, receive, send_hardened)
            return
        try:
            await self._app(scope, receive, send_hardened)
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            if not started:
                await _internal_failure().response()(scope, receive, send_hardened)

    def _refusal(self, scope: Scope) -> Refusal | None:
        hosts = _own_hosts(scope)
        named = _values(scope, b"host")
        if len(named) != 1 or named[0].lower() not in hosts:
            # A page of a domain that now points to 127.0.0.1 (DNS rebinding) comes with its own name.
            return Refusal(
                403,
                "host_not_allowed",
                "The Host header names another host than this one.",
                "Use the address that Starfill prints at its start.",
            )
        if scope["path"] in OPEN_PATHS:
            return None
        if not self._authorized(scope):
            return Refusal(
                401,
                "unauthorized",
                "The token is missing or wrong.",
                "Send `Authorization: Bearer TOKEN` with the content of `token` in the state folder.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if scope["method"] not in READING and _is_foreign(scope, hosts):
            return Refusal(
                403,
                "foreign_origin",
                "A page of another origin sent this request.",
                "Send it from a program, or from a page of this server.",
            )
        return None

    def _authorized(self, scope: Scope) -> bool:
        given = _values(scope, b"authorization")
        if len(given) != 1:
            return False
        scheme, _, token = given[0].partition(" ")
        matches = hmac.compare_digest(token.strip().encode("latin-1"), self._token)
        return matches and scheme.lower() == "bearer"


def _internal_failure() -> Refusal:
    return Refusal(
        500,
        "internal",
        "Starfill failed to answer; what it has stored is safe.",
        "See the log; a signal can be sent again unchanged, a repeat is safe.",
    )


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _own_hosts(scope: Scope) -> frozenset[str]:
    """Our names as a Host header spells them, by the port the connection has in fact arrived at."""
    address, port = scope["server"]
    names = OWN_NAMES | {f"[{address}]" if ":" in address else address}
    with_port = {f"{name}:{port}" for name in names}
    return frozenset(with_port | names) if port == HTTP_PORT else frozenset(with_port)


def _is_foreign(scope: Scope, hosts: frozenset[str]) -> bool:
    """Whether a browser says that the request comes from elsewhere; programs say nothing."""
    origins = {f"http://{host}" for host in hosts}
    if any(origin.lower() not in origins for origin in _values(scope, b"origin")):
        return True
    return any(site not in {"same-origin", "none"} for site in _values(scope, b"sec-fetch-site"))
