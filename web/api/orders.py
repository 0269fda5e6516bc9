"""`/api/orders`: every order that was ever intended, newest first."""

from typing import Annotated

from fastapi import APIRouter, Query

from domain.identity import Leg
from domain.orders import Life
from persistence.queries import LAST_ID, ListQueries, Queries
from persistence.queries.lists import OrderFilter
from web.api.paging import Cursor, Limit, Since, Until, page_of
from web.api.views import ListJson, OrderJson, list_json, order_json


def order_routes(lists: ListQueries, queries: Queries) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["trades"])

    @router.get("/orders", summary="Orders, newest intent first")
    def orders(
        *,
        limit: Limit = 100,
        cursor: Cursor = None,
        symbol: Annotated[str | None, Query(max_length=16, description="Only of this symbol")] = None,
        life: Annotated[Life | None, Query(description="Only those of which so much is known")] = None,
        leg: Annotated[Leg | None, Query(description="Only entries, exits or stops")] = None,
        trade_id: Annotated[int | None, Query(ge=0, le=LAST_ID, description="Only of this trade")] = None,
        since: Since = None,
        until: Until = None,
    ) -> ListJson[OrderJson]:
        wanted = OrderFilter(
            symbol=symbol, life=life and life.value, leg=leg, trade_id=trade_id, since=since, until=until
        )
        page = page_of(lambda: lists.orders(wanted, limit=limit, cursor=cursor))
        return list_json(page, lambda order: order_json(order, queries.executions_of(order.client_order_id)))

    return router
