"""Who may call what: every route of the app has its line in one table, and a route without one is refused.

The guard finds out who calls, before anything reads the request; here it is decided whether that is enough.
"""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from fastapi import Request

from web.errors import Refusal


class Role(IntEnum):
    """What a caller may do; each may also do what is below it."""

    OPEN = 0
    """Nothing proven: pages and answers that hold no data, and routes that ask for a proof of their own."""
    VIEW = 1
    """Read everything."""
    OPERATE = 2
    """Send signals, and whatever takes risk away: halt, close, tighter limits."""
    ARM = 3
    """Let risk in again: lift halts, loosen limits."""

    @property
    def word(self) -> str:
        """As people and programs read it."""
        return self.name.lower()


TABLE: Final[dict[tuple[str, str], Role]] = {
    ("GET", "/"): Role.OPEN,
    ("GET", "/static/{name:path}"): Role.OPEN,
    ("GET", "/livez"): Role.OPEN,
    ("POST", "/hooks/tradingview/{path_token}"): Role.OPEN,
    ("POST", "/api/session"): Role.OPEN,
    ("GET", "/api/session"): Role.VIEW,
    ("DELETE", "/api/session"): Role.VIEW,
    ("POST", "/api/session/arm"): Role.VIEW,
    ("GET", "/readyz"): Role.VIEW,
    ("GET", "/metrics"): Role.VIEW,
    ("GET", "/docs"): Role.VIEW,
    ("GET", "/openapi.json"): Role.VIEW,
    ("GET", "/api/status"): Role.VIEW,
    ("GET", "/api/system"): Role.VIEW,
    ("GET", "/api/events"): Role.VIEW,
    ("GET", "/api/signals"): Role.VIEW,
    ("POST", "/api/signals"): Role.OPERATE,
    ("GET", "/api/signals/{signal_id:path}"): Role.VIEW,
    ("GET", "/api/trades"): Role.VIEW,
    ("GET", "/api/trades/{trade_id}"): Role.VIEW,
    ("GET", "/api/trades/{trade_id}/timeline"): Role.VIEW,
    ("GET", "/api/orders"): Role.VIEW,
    ("GET", "/api/journal"): Role.VIEW,
    ("GET", "/api/halts"): Role.VIEW,
    ("POST", "/api/halt"): Role.OPERATE,
    ("POST", "/api/resume"): Role.ARM,
    ("GET", "/api/account"): Role.VIEW,
    ("GET", "/api/positions"): Role.VIEW,
    ("POST", "/api/positions/{symbol:path}/close"): Role.OPERATE,
    ("POST", "/api/flatten"): Role.OPERATE,
    ("GET", "/api/external-orders"): Role.VIEW,
    ("GET", "/api/audit"): Role.VIEW,
    ("POST", "/api/reconcile"): Role.OPERATE,
    ("GET", "/api/exposure"): Role.VIEW,
    ("GET", "/api/config"): Role.VIEW,
    # What loosens needs ARM; the ledger decides which change does, in the transaction that makes it.
    ("PUT", "/api/config"): Role.OPERATE,
    ("GET", "/api/config/history"): Role.VIEW,
    ("GET", "/api/equity"): Role.VIEW,
    ("GET", "/api/stars"): Role.VIEW,
    ("GET", "/api/limits"): Role.VIEW,
    ("GET", "/api/report"): Role.VIEW,
    ("GET", "/api/alarms"): Role.VIEW,
    ("POST", "/api/alarms/test"): Role.OPERATE,
}
"""By method and path, as the route spells it."""
SIGNED: Final = ("POST", "/api/signals")
SIGNATURE: Final = "x-signature"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who calls, as the guard found out."""

    opened_with: Role
    """The role of the token that was shown, now or when the session was opened."""
    armed_until: datetime | None = None
    """Until when a session may do what ARM may; None: it is not armed, or this is no session."""
    session: str | None = None
    """The session's id; None: the token itself came with the request, or nothing did."""
    armed: bool = False
    """Whether ARM counts now: with the token itself always, in a session while it is armed."""
    expires_at: datetime | None = None
    """When the session ends; None: this is no session."""

    @property
    def role(self) -> Role:
        """What counts now."""
        return self.opened_with if self.armed else min(self.opened_with, Role.OPERATE)

    @property
    def name(self) -> str:
        """Who it was, for the journal."""
        return "api" if self.session is None else "dashboard"


NOBODY: Final = Caller(opened_with=Role.OPEN)


def caller_of(request: Request) -> Caller:
    """Who calls; also usable as a dependency of a route."""
    caller: Caller = request.state.caller
    return caller


async def demand(request: Request) -> None:
    """The app's dependency for every route: refuse whom the table does not let in; raises Refusal."""
    route = request.scope["route"]
    needed = TABLE.get((request.method, route.path))
    if needed is None:
        raise RuntimeError(f"{request.method} {route.path} has no role in web/roles.py")
    caller = caller_of(request)
    if caller.role is Role.OPEN and is_signed(request.method, request.scope["path"], request.headers):
        return  # the route looks at the proof
    require(caller, needed)


def is_signed(method: str, path: str, headers: Container[str]) -> bool:
    """Whether this is a request that may prove itself by its signature, and has one."""
    return (method, path) == SIGNED and SIGNATURE in headers


def require(caller: Caller, needed: Role) -> None:
    """Raises Refusal unless the caller may do what needs this role."""
    if caller.role >= needed:
        return
    if caller.role is Role.OPEN:
        raise unauthorized()
    if caller.opened_with >= needed:
        raise not_armed()
    raise Refusal(
        403,
        "role_too_low",
        f"This needs the role {needed.word}; the token that was shown has the role "
        f"{caller.opened_with.word}. Nothing was done.",
        "Use a token of that role; in the state folder: token-view, token-operate, and token for arm.",
    )


def not_armed() -> Refusal:
    """403: the session could do it, once its owner has said that he means it."""
    return Refusal(
        403,
        "not_armed",
        "This lets risk in, and the session is not armed. Nothing was done.",
        "Arm the session first: type the account number (POST /api/session/arm); it holds for ten minutes.",
    )


def unauthorized() -> Refusal:
    """401: no token and no session, or not one that is good."""
    return Refusal(
        401,
        "unauthorized",
        "The token is missing or wrong, or the session has ended.",
        "Send `Authorization: Bearer TOKEN` with the content of `token` in the state folder.",
        headers={"WWW-Authenticate": "Bearer"},
    )
