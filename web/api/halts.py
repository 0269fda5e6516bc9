"""`/api/halt`, `/api/resume`, `/api/halts`: stopping what adds risk, and letting it go on."""

from typing import Annotated, Any, Final, Literal

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from pydantic import AfterValidator, Field

from actors.base import Mailbox
from domain.messages import ClearHalts, HaltsChanged, HaltTrading, LedgerUnwritable
from domain.values import Message
from persistence.queries import Queries
from web.api.account_views import HaltJson, HaltsChangedJson, halt_json
from web.api.asking import ASK_TIMEOUT_S, UNWRITABLE_RETRY_S, answered
from web.api.views import ListJson
from web.bodies import checked, object_from, read_body
from web.errors import ErrorBody, unavailable

BY: Final = "api"
WAITING_ORDERS: Final = 4
"""Threads that may wait for the ledger at once; a halt never waits behind signals or reads."""
LOOK_FIRST: Final = "See /api/halts for what stands, and ask again."

REQUIREMENTS: Final = {
    "scope": 'must be "all", or a symbol in capitals, as ACME or BRK.B',
    "reason": "must be text of 1 to 200 printable characters",
}
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorBody, "description": "Not one JSON object in UTF-8"},
    413: {"model": ErrorBody, "description": "Larger than 16 KiB"},
    415: {"model": ErrorBody, "description": "Not sent as application/json"},
    422: {"model": ErrorBody, "description": "Not a valid request; every fault is named"},
    503: {"model": ErrorBody, "description": "The ledger does not answer, or cannot be written"},
}


def _printable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise ValueError("is not printable")
    return text


Reason = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]


class ScopeAndReason(Message):
    """What to halt or to resume, and why."""

    # Wider than a signal's symbol: a halt may stand on whatever the account's owner holds.
    scope: Annotated[str, Field(pattern=r"^(all|[A-Z0-9][A-Z0-9./-]{0,31})$")]
    reason: Reason


class Halts:
    """Has halts raised and lifted; blocks while the ledger makes it durable."""

    def __init__(self, ledger: Mailbox[HaltTrading | ClearHalts]) -> None:
        self._ledger = ledger

    def change(self, what: Literal["halt", "resume"], asked: ScopeAndReason) -> HaltsChangedJson:
        """What changed and what stands; raises Refusal."""
        kind = HaltTrading if what == "halt" else ClearHalts
        mail = kind(scope=asked.scope, reason=asked.reason, by=BY)
        undone, in_doubt = {
            "halt": ("nothing was halted", "the halt may stand or not"),
            "resume": ("no halt was lifted", "the halts may have been lifted or not"),
        }[what]
        with answered(undone=undone, in_doubt=in_doubt, fix=LOOK_FIRST):
            answer = self._ledger.ask(mail, HaltsChanged, LedgerUnwritable, timeout=ASK_TIMEOUT_S)
        if isinstance(answer, LedgerUnwritable):
            raise unavailable(
                f"The ledger cannot be written ({answer.why}); {undone}.",
                "Until it can, no order leaves that adds risk. Then ask again.",
                retry_after_s=UNWRITABLE_RETRY_S,
            )
        standing = tuple(halt_json(each) for each in answer.standing)
        return HaltsChangedJson(changed=answer.changed, standing=standing)


def halt_routes(halts: Halts, queries: Queries) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["halts"])
    threads = CapacityLimiter(WAITING_ORDERS)
    described: dict[str, Any] = {
        "responses": REFUSALS,
        "openapi_extra": {
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": ScopeAndReason.model_json_schema()}},
            }
        },
    }

    async def change(what: Literal["halt", "resume"], request: Request) -> HaltsChangedJson:
        asked = checked(ScopeAndReason, object_from(await read_body(request)), REQUIREMENTS, "request")
        return await to_thread.run_sync(halts.change, what, asked, limiter=threads)

    @router.post(
        "/halt",
        summary="Stop what adds risk",
        description=(
            "Of everything (`all`) or of one symbol, across restarts, until a person resumes it. Orders that "
            "the broker has are still followed. A repeat changes nothing."
        ),
        **described,
    )
    async def halt(request: Request) -> HaltsChangedJson:
        return await change("halt", request)

    @router.post(
        "/resume",
        summary="Lift the halts of one scope",
        description=(
            "Of exactly this scope: `all` does not lift what stands on a symbol. A difference in positions "
            "that a halt stood for is thereby accepted."
        ),
        **described,
    )
    async def resume(request: Request) -> HaltsChangedJson:
        return await change("resume", request)

    @router.get("/halts", summary="What is halted, and why")
    def standing() -> ListJson[HaltJson]:
        return ListJson(items=tuple(halt_json(each) for each in queries.standing_halts()), next=None)

    return router
