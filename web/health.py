"""`/livez`: the process serves. `/readyz`: signals can be taken in, and orders can leave."""

from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from domain.signals import Check
from domain.values import Message


class Readiness(Message):
    """Whether the bot can do its work, and what is in the way when it cannot."""

    ready: bool
    reason: str
    gate: str = ""
    """`open` or `closed`; empty: not told."""
    checks: tuple[Check, ...] = ()


class Liveness(Message):
    """The process serves requests; nothing more."""

    status: str = "alive"


def live_route() -> APIRouter:
    """The only route that needs no token."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", summary="Does the process serve?")
    async def live() -> Liveness:
        return Liveness()

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
