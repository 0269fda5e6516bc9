"""`/api/trades`: what became of the signals that traded, and what would end those that stand."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query

from domain.exits import last_mark, ways_out
from domain.market import Unpriced
from domain.trades import OCCUPYING, TradeRecord, TradeStatus
from persistence.queries import ListQueries, Queries
from persistence.queries.lists import TradeFilter, TradeSort
from web.api.paging import Cursor, Limit, Since, Text, Until, page_of
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
from web.errors import ErrorBody, Fault, Refusal

MAX_ID = 2**63 - 1
"""The largest id that SQLite can hold; it fails on a larger one."""


def trade_routes(lists: ListQueries, queries: Queries, session: Callable[[], Session]) -> APIRouter:
    router = APIRouter(prefix="/api/trades", tags=["trades"])

    @router.get("", summary="Trades, newest first")
    def trades(
        *,
        limit: Limit = 100,
        cursor: Cursor = None,
        status: Annotated[
            str | None, Query(max_length=64, description="Only of this status; several with commas between")
        ] = None,
        symbol: Annotated[str | None, Query(max_length=16, description="Only of this symbol")] = None,
        standing: Annotated[
            bool, Query(alias="open", description="Only those that are pending, open or closing")
        ] = False,
        stars: Annotated[int | None, Query(ge=3, le=5, description="Only of so many stars")] = None,
        exit_reason: Annotated[str | None, Query(max_length=32, description="Only sold for this")] = None,
        since: Since = None,
        until: Until = None,
        q: Text = None,
        sort: Annotated[TradeSort, Query(description="A minus: the largest first")] = "-created_at",
    ) -> ListJson[TradeJson]:
        wanted = TradeFilter(
            statuses=_statuses(status, standing=standing),
            symbol=symbol,
            stars=stars,
            exit_reason=exit_reason,
            since=since,
            until=until,
            text=q,
        )
        return list_json(
            page_of(lambda: lists.trades(wanted, limit=limit, cursor=cursor, sort=sort)), trade_json
        )

    @router.get(
        "/{trade_id}",
        summary="One trade with its orders, and what would sell it",
        responses={404: {"model": ErrorBody, "description": "No such trade"}},
    )
    def trade(trade_id: Annotated[int, Path(ge=0, le=MAX_ID)]) -> TradeWithOrders:
        found = known_trade(queries, trade_id)
        orders = queries.orders_of(found.id)
        exits, unpriced_why = _exits(found, queries, session())
        return trade_with_orders(
            found,
            tuple(order_json(each, queries.executions_of(each.client_order_id)) for each in orders),
            exits,
            unpriced_why=unpriced_why,
        )

    return router


def known_trade(queries: Queries, trade_id: int) -> TradeRecord:
    """The trade of this id; raises Refusal."""
    found = queries.trade(trade_id)
    if found is None:
        raise Refusal(404, "unknown_trade", "The ledger has no such trade.", "See /api/trades for their ids.")
    return found


def _statuses(told: str | None, *, standing: bool) -> tuple[str, ...]:
    """The statuses that are wanted, empty for all; raises Refusal. `none` is what no trade has."""
    named = [each.strip() for each in told.split(",")] if told else []
    unknown = [each for each in named if each not in set(TradeStatus)]
    if unknown:
        known = ", ".join(TradeStatus)
        raise Refusal(
            422,
            "bad_parameters",
            "A parameter is not usable.",
            "Correct what `details` names.",
            details=[Fault(field="status", fault=f"each must be one of {known}")],
        )
    if not standing:
        return tuple(named)
    both = {each.value for each in OCCUPYING} & (set(named) or {each.value for each in OCCUPYING})
    return tuple(sorted(both)) or ("none",)


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
