"""`/api/session`: a token is turned into a session of the dashboard, which can be armed and ended."""

import logging
import time
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import Field

from domain.values import Message
from web.api.views import Time
from web.bodies import M, checked, object_from, read_body
from web.bot import Bot
from web.errors import ErrorBody, Refusal
from web.guard import session_of
from web.roles import Caller, Role, caller_of, require, unauthorized
from web.sessions import CookieSession, armed, cookie_name, csrf_token, opened, sealed
from web.throttle import Throttle, too_many
from web.token import Tokens

log = logging.getLogger(__name__)

LONGEST: Final = 200
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorBody, "description": "Not one JSON object in UTF-8"},
    401: {"model": ErrorBody, "description": "The token is wrong, or the session has ended"},
    403: {"model": ErrorBody, "description": "Another account's number, a role too low, a foreign page"},
    408: {"model": ErrorBody, "description": "The body did not arrive in time"},
    409: {"model": ErrorBody, "description": "There is no session to arm"},
    413: {"model": ErrorBody, "description": "Larger than 16 KiB"},
    415: {"model": ErrorBody, "description": "Not sent as application/json"},
    422: {"model": ErrorBody, "description": "Not a valid request; every fault is named"},
    429: {"model": ErrorBody, "description": "Too many wrong tries"},
}


class TokenShown(Message):
    """What opens a session."""

    token: Annotated[str, Field(min_length=1, max_length=LONGEST)]


class AccountTyped(Message):
    """What arms a session: that its owner knows which account he lets trade."""

    account_number: Annotated[str, Field(min_length=1, max_length=LONGEST)]


REQUIREMENTS: Final = {
    "token": "must be the content of a token file in the state folder",
    "account_number": "must be the number of the broker's account, as it is written there",
}


class SessionJson(Message):
    """Who the caller is."""

    role: str
    """view, operate or arm: of the token. A session of arm counts as operate until it is armed."""
    armed_until: Time | None
    """Until when a session of the role arm is armed; null: it is not."""
    expires_at: Time | None
    """When the session ends; null: a token came with the request, and there is no session."""
    csrf: str | None
    """To be sent as X-CSRF-Token with every change that is made by the session."""


class Sessions:
    """Opens sessions and arms them. Any thread."""

    def __init__(self, tokens: Callable[[], Tokens], bot: Bot, monotonic: Callable[[], float]) -> None:
        self._tokens = tokens
        self._clock = bot.clock
        self._account_number = bot.about.account_number
        self._logins = Throttle(monotonic)
        self._armings = Throttle(monotonic)

    def open(self, shown: TokenShown) -> CookieSession:
        """A session of the token's role; raises Refusal. A right token is never kept waiting."""
        role = self._tokens().role_of(shown.token.encode(errors="replace"))
        if role is not Role.OPEN:
            return opened(role, self._clock())
        if wait := self._logins.failed():
            raise too_many(wait, "to open a session")
        log.warning("a session was asked for with a wrong token")
        raise unauthorized()

    def arm(self, request: Request, typed: AccountTyped) -> CookieSession:
        """The caller's session, armed; raises Refusal."""
        caller = caller_of(request)
        session = session_of(request.scope, self._tokens())
        if caller.session is None or session is None:
            raise Refusal(
                409,
                "no_session",
                "There is no session to arm: a token came with the request.",
                "A token of the role arm needs no arming. A page arms its own session.",
            )
        require(Caller(opened_with=caller.opened_with, armed=True), Role.ARM)
        if wait := self._armings.wait_s():
            raise too_many(wait, "to arm a session")
        if typed.account_number.strip() != self._account_number:
            self._armings.failed()
            log.warning("a session was to be armed with a wrong account number")
            raise Refusal(
                403,
                "wrong_account",
                "That is not the number of the account that this bot trades; the session is not armed.",
                "Type the account number as the broker's page and the bot's start show it.",
            )
        return armed(session, self._clock())

    def told(self, caller: Caller) -> SessionJson:
        csrf = None
        if caller.session is not None:
            csrf = csrf_token(caller.session, self._tokens().session_key)
        return SessionJson(
            role=caller.opened_with.word,
            armed_until=caller.armed_until,
            expires_at=caller.expires_at,
            csrf=csrf,
        )

    def hand_over(self, session: CookieSession, request: Request, response: Response) -> SessionJson:
        """Put the session's cookie into the answer."""
        now = self._clock()
        response.set_cookie(
            cookie_name(request.scope["server"][1]),
            sealed(session, self._tokens().session_key),
            max_age=int((session.expires_at() - now).total_seconds()),
            path="/",
            httponly=True,
            samesite="strict",
        )
        return self.told(session.caller(now))


def session_routes(
    tokens: Callable[[], Tokens], bot: Bot, monotonic: Callable[[], float] = time.monotonic
) -> APIRouter:
    router = APIRouter(prefix="/api/session", tags=["session"], responses=REFUSALS)
    sessions = Sessions(tokens, bot, monotonic)

    @router.post(
        "",
        summary="Open a session",
        description="Answers with a cookie that only this browser's pages of this server send back.",
        openapi_extra=_takes(TokenShown),
    )
    async def open_session(request: Request, response: Response) -> SessionJson:
        shown = await _read(request, TokenShown, "token")
        return sessions.hand_over(sessions.open(shown), request, response)

    @router.get("", summary="Who am I?")
    async def session(request: Request) -> SessionJson:
        return sessions.told(caller_of(request))

    @router.delete("", summary="End the session in this browser", status_code=204)
    async def end_session(request: Request, response: Response) -> None:
        response.delete_cookie(
            cookie_name(request.scope["server"][1]), path="/", httponly=True, samesite="strict"
        )

    @router.post(
        "/arm",
        summary="Let this session do what lets risk in, for ten minutes",
        description=(
            "The body names the account by its number, so that nobody arms the wrong bot. It needs a session "
            "that was opened with the token of the role arm."
        ),
        openapi_extra=_takes(AccountTyped),
    )
    async def arm(request: Request, response: Response) -> SessionJson:
        typed = await _read(request, AccountTyped, "account_number")
        return sessions.hand_over(sessions.arm(request, typed), request, response)

    return router


async def _read(request: Request, model: type[M], field: str) -> M:
    return checked(model, object_from(await read_body(request)), {field: REQUIREMENTS[field]}, "request")


def _takes(model: type[Message]) -> dict[str, Any]:
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
