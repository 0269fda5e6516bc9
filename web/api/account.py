"""`/api/account`, `/positions`, `/external-orders`, `/audit`, `/reconcile`: the books beside the account."""

from typing import Any, Final

from fastapi import APIRouter

from domain.holdings import ALL
from domain.messages import AuditNow
from domain.orders import Life
from web.api.account_views import (
    AccountJson,
    AskedJson,
    AuditJson,
    ExternalOrderJson,
    GateJson,
    PositionJson,
    difference_json,
    external_order_json,
    halt_json,
    position_json,
)
from web.api.paging import Cursor, Limit, page_of
from web.api.views import ListJson, list_json
from web.bot import Bot
from web.errors import ErrorBody, Refusal, unavailable

WHY: Final = "asked by the owner"
NOT_NOW: Final[dict[int | str, dict[str, Any]]] = {
    503: {"model": ErrorBody, "description": "Nobody is there to read the account"}
}


def account_routes(bot: Bot) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["account"])
    queries, reconciler, ready, clock = bot.queries, bot.reconciler, bot.ready, bot.clock

    @router.get(
        "/account",
        summary="What the account has, as the broker last told",
        responses={503: {"model": ErrorBody, "description": "It has not been read yet"}},
    )
    def account() -> AccountJson:
        means = bot.board.means
        if means is None:
            raise Refusal(
                503,
                "account_unheard",
                "The broker has not told yet what the account has.",
                "Ask again once the account has been read; GET /api/status tells whether it is.",
                headers={"Retry-After": "5"},
            )
        return AccountJson(
            account_number=bot.about.account_number,
            mode=bot.about.mode,
            equity=means.equity,
            cash=means.cash,
            buying_power=means.buying_power,
            read_at=means.read_at,
        )

    @router.get("/positions", summary="Whose shares are whose, symbol by symbol")
    def positions() -> ListJson[PositionJson]:
        halts = queries.standing_halts()
        return ListJson(
            items=tuple(
                position_json(each, tuple(halt.reason for halt in halts if halt.scope in {ALL, each.symbol}))
                for each in queries.shares()
            ),
            next=None,
        )

    @router.get("/external-orders", summary="Orders of others on this account, newest first; never touched")
    def external_orders(limit: Limit = 100, cursor: Cursor = None) -> ListJson[ExternalOrderJson]:
        page = page_of(lambda: queries.external_orders(limit=limit, cursor=cursor))
        return list_json(page, external_order_json)

    @router.get("/audit", summary="Do the books agree with the account?")
    def audit() -> AuditJson:
        state = ready()
        return AuditJson(
            last_audit=queries.last_audit(),
            gate=GateJson(open=state.ready, reason=state.reason),
            differences=tuple(map(difference_json, queries.differences())),
            halts=tuple(halt_json(each) for each in queries.standing_halts()),
            unresolved=queries.counts().orders.get(Life.UNRESOLVED.value, 0),
        )

    @router.post(
        "/reconcile",
        status_code=202,
        summary="Read the account now",
        description="What it shows is told by /api/audit once its `last_audit` is later than `asked_at`.",
        responses=NOT_NOW,
    )
    def reconcile() -> AskedJson:
        asked_at = clock()
        if not reconciler.send(AuditNow(why=WHY)):
            raise unavailable("Starfill is being started or stopped; nothing was asked.", "Ask again.")
        return AskedJson(asked_at=asked_at)

    return router
