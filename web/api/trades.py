"""`/api/trades`: what became of the signals that traded, and what would end those that stand."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query

from domain.exits import last_mark, ways_out
from domain.market import Unpriced
from domain.trades import OCCUPYING, TradeRecord, TradeStatus
from persistence.queries import Queries
from persistence.rows import Page
from web.api.paging import Cursor, Limit, page_of
from web.api.views import (
    ListJson,
    TradeJson,
    TradeWithOrders,
    WayOutJson,
    list_json,
    order_json,
    trade_json,
    trade_with_orders,
    way_out_json,
)
from web.bot import Session
from web.errors import ErrorBody, Refusal

MAX_ID = 2**63 - 1
"""The largest id that SQLite can hold; it fails on a larger one."""


def trade_routes(queries: Queries, session: Callable[[], Session]) -> APIRouter:
    router = APIRouter(prefix="/api/trades", tags=["trades"])

    @router.get("", summary="Trades, newest first")
    def trades(
        limit: Limit = 100,
        cursor: Cursor = None,
        status: Annotated[TradeStatus | None, Query(description="Only of this status")] = None,
        symbol: Annotated[str | None, Query(max_length=16, description="Only of this symbol")] = None,
        standing: Annotated[
            bool, Query(alias="open", description="Only those that are pending, open or closing")
        ] = False,
    ) -> ListJson[TradeJson]:
        def page() -> Page[TradeRecord]:
            return queries.trades(limit=limit, cursor=cursor, status=status, symbol=symbol, standing=standing)

        return list_json(page_of(page), trade_json)

    @router.get(
        "/{trade_id}",
        summary="One trade with its orders, and what would sell it",
        responses={404: {"model": ErrorBody, "description": "No such trade"}},
    )
    def trade(trade_id: Annotated[int, Path(ge=0, le=MAX_ID)]) -> TradeWithOrders:
        found = queries.trade(trade_id)
        if found is None:
            raise Refusal(
                404, "unknown_trade", "The ledger has no such trade.", "See /api/trades for their ids."
            )
        orders = queries.orders_of(found.id)
        exits, unpriced_why = _exits(found, queries, session())
        return trade_with_orders(
            found,
            tuple(order_json(each, queries.executions_of(each.client_order_id)) for each in orders),
            exits,
            unpriced_why=unpriced_why,
        )

    return router


def _exits(
    trade: TradeRecord, queries: Queries, session: Session
) -> tuple[tuple[WayOutJson, ...], str | None]:
    """What would sell the trade, and why it is not known how far away the prices for that are."""
    if trade.status not in OCCUPYING or not trade.held:
        return (), None
    config, now = queries.config(), session.now
    price = last_mark(trade, now, max_age_s=config.price_max_age_sec)
    ways = ways_out(trade, price, config, now, closes_at=session.closes_at)
    return (
        tuple(way_out_json(way, now) for way in ways),
        price.why if isinstance(price, Unpriced) else None,
    )
