"""One connection of the web server: how long a request may take to arrive, and who goes when there are many.

uvicorn bounds how long an idle connection is kept, and how many there are. It lacks a bound on how long a
request may take to arrive, which is all that a slowloris needs; and its bound on how many counts those that
only connect, so that whoever opens enough of them without a token shuts everybody else out.
"""

import asyncio
from typing import Final

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from web.bodies import READ_TIMEOUT_S
from web.errors import Refusal
from web.guard import HEADERS
from web.roles import NOBODY, Role

ARRIVAL_S: Final = 2 * READ_TIMEOUT_S
"""How long headers and body together may take; the intake's own, shorter bound answers with a reason."""
MAX_CONNECTIONS: Final = 256
MAX_STRANGERS: Final = 128
"""Of these, the ones that have shown no token or session: the oldest makes room for a new one."""
GRACE_S: Final = 0.5
"""So long a newcomer may take to show one, while there is room at all."""

CROWDED: Final = Refusal(
    503,
    "unavailable",
    "Starfill has more connections open than it serves; the request was not read and nothing was done.",
    "Close connections that are not needed, and send it again.",
    headers=HEADERS | {"Retry-After": "1", "Connection": "close"},
)
NO_HTTP: Final = Refusal(
    400,
    "http_error",
    "The request is not HTTP, or its headers are too long; nothing was done.",
    "See /docs.",
    headers=dict(HEADERS),
)


class BoundedConnection(H11Protocol):
    """HTTP/1.1 within bounds of time and number; runs on the server's loop.

    The time counts also while the answer is already given: what a sender still sends then is thrown away, so
    that the sender gets to read the answer, but not for ever.
    """

    since: float
    """By the loop's clock."""
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.since = self.loop.time()
        super().connection_made(transport)
        self._deadline = self.loop.call_later(ARRIVAL_S, transport.abort)
        self._make_room()
        if len(self.connections) > MAX_CONNECTIONS:
            self.app = _refuse_as_crowded

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        arriving = self.conn.their_state is h11.SEND_BODY or bool(self.conn.trailing_data[0])
        if not arriving:
            self._forget_deadline()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(ARRIVAL_S, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is refused in the shape of every refusal; uvicorn would send `msg` as text."""
        del msg
        answer = NO_HTTP.response()
        headers = [*answer.raw_headers, (b"connection", b"close")]
        for event in (
            h11.Response(status_code=answer.status_code, headers=headers),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _make_room(self) -> None:
        others = (each for each in self.connections if each is not self)
        strangers = [each for each in others if isinstance(each, BoundedConnection) and each.is_strange]
        if not strangers:
            return
        oldest = min(strangers, key=lambda each: (each.is_answering, each.since))
        many = len(strangers) >= MAX_STRANGERS and self.since - oldest.since > GRACE_S
        if many or len(self.connections) > MAX_CONNECTIONS:
            # Not only the transport's: it would still be counted until the loop gets to it.
            self.connections.discard(oldest)
            oldest.transport.abort()

    @property
    def is_strange(self) -> bool:
        """Whether the guard knew no token or session of its last request, if there was one."""
        caller = self.scope["state"].get("caller", NOBODY) if self.scope is not None else NOBODY
        return bool(caller.role is Role.OPEN)

    @property
    def is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete


async def _refuse_as_crowded(scope: Scope, receive: Receive, send: Send) -> None:
    """The app of a connection too many: nobody has looked yet at who it is."""
    await CROWDED.response()(scope, receive, send)
