"""Stands before every request: right host, known caller, no foreign page behind it; then security headers.

Plain ASGI, so that it sees a request before anything reads its body. Who calls is put into the request's
state as `caller`; whether that is enough is for `web.roles` to say, which knows the route.
"""

import hmac
import logging
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.values import Clock
from web.errors import Refusal
from web.roles import NOBODY, Caller, Role, is_signed, unauthorized
from web.sessions import CookieSession, cookie_name, csrf_token, unsealed
from web.token import Tokens

log = logging.getLogger(__name__)

OPEN_PATHS: Final = frozenset({"/", "/livez", "/api/session"})
"""Reached without a token: they hold no data, or read their proof from the body."""
STATIC: Final = "/static/"
"""The dashboard's files; with `/` they are the same for everybody."""
HOOKS: Final = "/hooks/"
"""Addresses that ask for a proof of their own."""
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
HTTP_PORT: Final = 80

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware. There are no CORS headers, so no foreign page can read an answer either."""

    def __init__(
        self, app: ASGIApp, tokens: Callable[[], Tokens], clock: Clock, public_host: str | None = None
    ) -> None:
        """`public_host`: the name of a proxy, which requests may bear that prove themselves."""
        self._app = app
        self._public_host = public_host
        self._tokens = tokens
        self._clock = clock

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
            path = HOOKS if scope["path"].startswith(HOOKS) else scope["path"]  # the rest of it is a secret
            log.exception("%s %s failed", scope["method"], path)
            if not started:
                await _internal_failure().response()(scope, receive, send_hardened)

    def _refusal(self, scope: Scope) -> Refusal | None:
        hosts = _own_hosts(scope)
        named = _values(scope, b"host")
        public = {self._public_host} if self._public_host and _proves_itself(scope) else set()
        if len(named) != 1 or named[0].lower() not in hosts | public:
            # A page of a domain that now points to 127.0.0.1 (DNS rebinding) comes with its own name.
            return Refusal(
                403,
                "host_not_allowed",
                "The Host header names another host than this one.",
                "Use the address that Starfill prints at its start.",
            )
        changes, foreign = scope["method"] not in READING, _is_foreign(scope, hosts)
        if changes and foreign:
            return _foreign_origin("A page of another origin sent this request.")
        tokens = self._tokens()
        # By the public name nothing counts but a proof that the route itself looks at.
        caller = self._caller(scope, tokens) if named[0].lower() in hosts else NOBODY
        scope.setdefault("state", {})["caller"] = caller
        if caller.role is Role.OPEN:
            return None if _is_open(scope) else unauthorized()
        if caller.session is None or (_is_shell(scope) and not changes):
            return None
        if foreign:
            return _foreign_origin("A page of another origin sent this request.")
        return _cookie_misused(scope, csrf_token(caller.session, tokens.session_key), changes=changes)

    def _caller(self, scope: Scope, tokens: Tokens) -> Caller:
        """Who this is: by the token, where one is sent, else by the session."""
        given = _values(scope, b"authorization")
        if given:
            scheme, _, token = given[0].partition(" ")
            known = len(given) == 1 and scheme.lower() == "bearer"
            role = tokens.role_of(token.strip().encode("latin-1")) if known else Role.OPEN
            return Caller(opened_with=role, armed=True)
        now = self._clock()
        session = session_of(scope, tokens)
        return session.caller(now) if session is not None and session.is_good(now) else NOBODY


def session_of(scope: Scope, tokens: Tokens) -> CookieSession | None:
    """The session whose cookie came with the request, if it is one of ours; it may have ended."""
    name = cookie_name(scope["server"][1])
    cookies = (cookie for header in _values(scope, b"cookie") for cookie in header.split(";"))
    for found, _, value in (cookie.strip().partition("=") for cookie in cookies):
        # Another server on this machine may have set one of the same name: the one that is ours counts.
        if found == name and (session := unsealed(value, tokens.session_key)) is not None:
            return session
    return None


def _is_open(scope: Scope) -> bool:
    """Whether the path may be reached by anybody. A wrong token is wrong there too."""
    if _values(scope, b"authorization"):
        return bool(scope["path"] == "/livez")
    if scope["path"] in OPEN_PATHS or scope["path"].startswith(STATIC):
        return True
    return _proves_itself(scope)


def _proves_itself(scope: Scope) -> bool:
    """Whether the route looks at a proof of its own: a signature, or an address and a passphrase."""
    if scope["path"].startswith(HOOKS):
        return True
    return is_signed(scope["method"], scope["path"], Headers(scope=scope))


def _is_shell(scope: Scope) -> bool:
    path: str = scope["path"]
    return path == "/" or path.startswith(STATIC)


def _cookie_misused(scope: Scope, csrf: str, *, changes: bool) -> Refusal | None:
    """A browser sends the cookie for whoever asks it to: there has to be proof that a page of ours did."""
    if not changes:
        return None
    if not _values(scope, b"origin"):
        return _foreign_origin(
            "The request changes something by a session and does not say which page sent it."
        )
    sent = _values(scope, b"x-csrf-token")
    if len(sent) != 1 or not hmac.compare_digest(sent[0].encode("latin-1"), csrf.encode()):
        return _bad_csrf("its header X-CSRF-Token is missing or not this session's")
    kind = ",".join(_values(scope, b"content-type")).partition(";")[0].strip().lower()
    if kind != "application/json":
        return _bad_csrf("its content type is not application/json, as a form's is not")
    return None


def _foreign_origin(message: str) -> Refusal:
    return Refusal(
        403,
        "foreign_origin",
        f"{message} Nothing was done.",
        "Send it from a program with a token, or from a page of this server.",
    )


def _bad_csrf(why: str) -> Refusal:
    return Refusal(
        403,
        "bad_csrf",
        f"The request comes with a session, and {why}. Nothing was done.",
        "Send the `csrf` that GET /api/session tells as X-CSRF-Token, and the content type application/json.",
    )


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
