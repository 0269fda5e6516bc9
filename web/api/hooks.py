"""`/hooks/tradingview/…`: alerts of TradingView, which can neither sign nor send a header.

An alert is let in by its sender's address, by the end of its path, which nobody can guess, and by a
passphrase in its body. What it asks for that is no purchase is answered and not stored.
"""

from typing import Annotated, Final
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from domain.values import Message
from web.api.signals import REFUSALS, WAITING_INTAKES, Intake
from web.api.views import ReceiptJson
from web.bodies import JSON, check_headers, object_from, read_body
from web.errors import ErrorBody, Refusal
from web.sources.door import Door
from web.sources.tradingview import Mapped, mapped

_CONFLICT: Final = 409
KINDS: Final = JSON | {"text/plain"}
"""TradingView sends JSON as such if it is valid, and as text if it thinks it is not."""


class NotASignalJson(Message):
    """The alert was understood, and asks for nothing that Starfill does."""

    ignored: str
    """Why."""


def hook_routes(intake: Intake, door: Door) -> APIRouter:
    router = APIRouter(prefix="/hooks", tags=["signals"])
    threads = CapacityLimiter(WAITING_INTAKES)

    @router.post(
        "/tradingview/{path_token}",
        summary="Take an alert of TradingView in",
        description=(
            "From TradingView's addresses only. The message is a JSON object with the fields of a signal, "
            "`alert` (your name for it) and `passphrase`. 202 after it is durable; 200 for a repeat, and for "
            "an alert that is no purchase."
        ),
        status_code=202,
        response_model=ReceiptJson,
        responses={
            200: {"model": ReceiptJson | NotASignalJson, "description": "A repeat, or nothing to do"},
            **REFUSALS,
            401: {"model": ErrorBody, "description": "It does not prove who sent it"},
            403: {"model": ErrorBody, "description": "It comes from another address than TradingView's"},
            429: {"model": ErrorBody, "description": "The source has used its budget up"},
        },
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
        },
    )
    async def tradingview(request: Request, path_token: Annotated[str, Path(max_length=128)]) -> JSONResponse:
        peer = "" if request.client is None else request.client.host
        known = door.hook(peer, request.headers, path_token)
        check_headers(request, KINDS)
        fields = door.alert(known, object_from(await read_body(request, KINDS)))
        told = mapped(fields, known.source)
        if told.signal is None:
            return JSONResponse(NotASignalJson(ignored=told.why_not).model_dump(), 200)
        status, receipt = await to_thread.run_sync(_take, intake, told, limiter=threads)
        where = f"/api/signals/{quote(receipt.signal_id, safe='')}?source={quote(receipt.source, safe='')}"
        return JSONResponse(receipt.model_dump(), status, {"Location": where})

    return router


def _take(intake: Intake, told: Mapped) -> tuple[int, ReceiptJson]:
    """The status and the receipt; raises Refusal. An alert that is sent again may tell another price."""
    assert told.signal is not None
    try:
        return intake.take(told.signal)
    except Refusal as refusal:
        first = None if told.names_itself or refusal.status != _CONFLICT else intake.first(told.signal)
        if first is None:
            raise
        return 200, first
