"""`/api/positions/SYMBOL/close`, `/api/flatten`: the owner has trades sold, one symbol's or all."""

import re
from typing import Annotated, Any, Final, Literal

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Path, Request

from actors.base import Mailbox
from domain.holdings import ALL
from domain.messages import ExitRequested, LedgerUnwritable, RequestExit
from domain.values import Message
from web.api.asking import ASK_TIMEOUT_S, UNWRITABLE_RETRY_S, answered
from web.api.halts import BY, REFUSALS, REQUIREMENTS, WAITING_ORDERS, Reason
from web.api.views import TradeJson, trade_json
from web.bodies import checked, read_object
from web.errors import ErrorBody, Refusal, unavailable

UNDONE: Final = "nothing is sold by this request"
LOOK_FIRST: Final = (
    "See `exit_wanted` in /api/trades?open=true for what is to be sold, and ask again: a repeat sells "
    "nothing twice. If it cannot wait, sell at the broker; Starfill books that too."
)

# As wide as what can be halted; `all` is no symbol, so that a slip of the pen does not sell everything.
SYMBOL: Final = re.compile(r"^[A-Z0-9][A-Z0-9./-]{0,31}$")
HeldSymbol = Annotated[str, Path(pattern=SYMBOL.pattern, description="The stock, as ACME")]


class WhySold(Message):
    """The owner's words on it; they go into the journal."""

    reason: Reason | None = None


class ToBeSoldJson(Message):
    """The trades that are to be sold, from now on or already; they stay so until nothing of them is held."""

    trades: tuple[TradeJson, ...]


class Exits:
    """Has trades sold; blocks while the ledger makes durable that they are to be."""

    def __init__(self, ledger: Mailbox[RequestExit]) -> None:
        self._ledger = ledger

    def close(self, symbol: str, asked: WhySold) -> ToBeSoldJson:
        """Which trades are to be sold; raises Refusal, also where Starfill has none in the symbol."""
        told = self._request(symbol, "manual", asked)
        if not told.trades:
            raise Refusal(
                404,
                "no_open_trade",
                f"Starfill has no open trade in {symbol}, so there is nothing of its own to sell.",
                "Shares that are your own are never sold by Starfill: sell them at the broker. "
                "/api/positions shows whose shares are whose.",
            )
        return told

    def flatten(self, asked: WhySold) -> ToBeSoldJson:
        """Which trades are to be sold; raises Refusal."""
        return self._request(ALL, "flatten", asked)

    def _request(self, scope: str, reason: Literal["manual", "flatten"], asked: WhySold) -> ToBeSoldJson:
        mail = RequestExit(scope=scope, reason=reason, by=BY, detail=asked.reason or "")
        with answered(undone=UNDONE, in_doubt="what was asked for may be sold or not", fix=LOOK_FIRST):
            answer = self._ledger.ask(mail, ExitRequested, LedgerUnwritable, timeout=ASK_TIMEOUT_S)
        if isinstance(answer, LedgerUnwritable):
            raise unavailable(
                f"The ledger cannot be written ({answer.why}); {UNDONE}.",
                LOOK_FIRST,
                retry_after_s=UNWRITABLE_RETRY_S,
            )
        return ToBeSoldJson(trades=tuple(map(trade_json, answer.trades)))


def exit_routes(exits: Exits) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["exits"])
    threads = CapacityLimiter(WAITING_ORDERS)
    body: dict[str, Any] = {
        "requestBody": {
            "required": False,
            "content": {"application/json": {"schema": WhySold.model_json_schema()}},
        }
    }

    async def why(request: Request) -> WhySold:
        wanted = {"reason": REQUIREMENTS["reason"]}
        return checked(WhySold, await read_object(request), wanted, "request")

    @router.post(
        "/positions/{symbol:path}/close",
        summary="Sell what Starfill holds of a symbol",
        description=(
            "Notes that its open trade is to be sold, and answers with it; the sale itself follows, and is "
            "tried again until nothing is held. A buy that still works is canceled. Shares that are the "
            "account owner's own are not sold. A repeat sells nothing twice."
        ),
        responses=REFUSALS | {404: {"model": ErrorBody, "description": "Starfill has no open trade in it"}},
        openapi_extra=body,
    )
    async def close(symbol: HeldSymbol, request: Request) -> ToBeSoldJson:
        return await to_thread.run_sync(exits.close, symbol, await why(request), limiter=threads)

    @router.post(
        "/flatten",
        summary="Sell all that Starfill holds",
        description=(
            "As the close of each symbol with an open trade. Signals that come later still trade: to stop "
            "them, halt everything first."
        ),
        responses=REFUSALS,
        openapi_extra=body,
    )
    async def flatten(request: Request) -> ToBeSoldJson:
        return await to_thread.run_sync(exits.flatten, await why(request), limiter=threads)

    return router
