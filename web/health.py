"""`/livez`: the process serves. `/readyz`: signals can be taken in, and orders can leave."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from domain.signals import Check
from domain.values import Message
from web.token import Tokens


class Readiness(Message):
    """Whether the bot can do its work, and what is in the way when it cannot."""

    ready: bool
    reason: str
    gate: str = ""
    """`open` or `closed`; empty: not told."""
    checks: tuple[Check, ...] = ()


class Liveness(Message):
    """The process serves requests; and who it is, to whom asks."""

    status: str = "alive"
    proofs: tuple[str, ...] = ()
    """HMAC-SHA-256, in hexadecimal, of the lines `starfill proof 1`, port, challenge: under each token."""


Challenge = Annotated[
    str | None,
    Query(pattern="^[A-Za-z0-9_-]{16,64}$", description="Random, to see that the bot knows your token."),
]


def live_route(tokens: Callable[[], Tokens]) -> APIRouter:
    """The only route that needs no token. A program can first see here to whom it would show one."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", summary="Does the process serve, and is it the one with my token?")
    async def live(request: Request, challenge: Challenge = None) -> Liveness:
        port = request.scope["server"][1]
        return Liveness(proofs=tokens().proofs(challenge, port) if challenge else ())

    return router


def ready_route(ready: Callable[[], Readiness]) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get(
        "/readyz",
        summary="Can signals be taken in, and orders leave?",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Not ready, and why"}},
    )
    def readyz() -> JSONResponse:
        state = ready()
        return JSONResponse(state.model_dump(mode="json"), 200 if state.ready else 503)

    return router
