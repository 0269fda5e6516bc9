"""`/api/trades`: what became of the signals that traded."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from domain.trades import TradeStatus
from persistence.queries import Queries
from web.errors import ErrorBody, Refusal
from web.paging import Cursor, Limit, page_of
from web.views import (
    ListJson,
    TradeJson,
    TradeWithOrders,
    list_json,
    order_json,
    trade_json,
    trade_with_orders,
)

MAX_ID = 2**63 - 1
"""The largest id that SQLite can hold; it fails on a larger one."""


def trade_routes(queries: Queries) -> APIRouter:
    router = APIRouter(prefix="/api/trades", tags=["trades"])

    @router.get("", summary="Trades, newest first")
    def trades(
        limit: Limit = 100,
        cursor: Cursor = None,
        status: Annotated[TradeStatus | None, Query(description="Only of this status")] = None,
        symbol: Annotated[str | None, Query(max_length=16, description="Only of this symbol")] = None,
    ) -> ListJson[TradeJson]:
        return list_json(
            page_of(lambda: queries.trades(limit=limit, cursor=cursor, status=status, symbol=symbol)),
            trade_json,
        )

    @router.get(
        "/{trade_id}",
        summary="One trade with its orders and executions",
        responses={404: {"model": ErrorBody, "description": "No such trade"}},
    )
    def trade(trade_id: Annotated[int, Path(ge=0, le=MAX_ID)]) -> TradeWithOrders:
        found = queries.trade(trade_id)
        if found is None:
            raise Refusal(
                404, "unknown_trade", "The ledger has no such trade.", "See /api/trades for their ids."
            )
        orders = queries.orders_of(found.id)
        return trade_with_orders(
            found, tuple(order_json(each, queries.executions_of(each.client_order_id)) for each in orders)
        )

    return router
