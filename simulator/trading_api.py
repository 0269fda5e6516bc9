"""`/v2/orders`: submit, read, replace, cancel."""

from collections.abc import Sequence

from aiohttp import web

from simulator.context import (
    CONTEXT,
    Context,
    choice_from,
    count_from,
    list_from,
    read_json,
    reply,
    time_from,
)
from simulator.errors import ApiError, invalid
from simulator.orders import CLOSED, Order, read_changes, read_request
from simulator.wire import Body, order_body

_MOST = 500
routes = web.RouteTableDef()


@routes.post("/v2/orders")
async def submit(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    wanted = read_request(await read_json(request), context.switches.now)
    return _told(context, context.desk.submit(wanted))


@routes.get("/v2/orders")
async def list_orders(request: web.Request) -> web.Response:
    context, query = request.app[CONTEXT], request.query
    status = choice_from(query, "status", ("open", "closed", "all"))
    direction = choice_from(query, "direction", ("desc", "asc"))
    limit = count_from(query, "limit", default=50, most=_MOST)
    symbols, side = list_from(query, "symbols"), query.get("side")
    found = [
        order
        for order in _between(context, request)
        if (status == "all" or (order.status in CLOSED) == (status == "closed"))
        and (not symbols or order.symbol in symbols)
        and side in (None, "", order.side)
    ]
    if direction == "desc":
        found.reverse()
    return reply([order_body(context.exchange, order) for order in found[:limit]])


@routes.get("/v2/orders:by_client_order_id")
async def read_by_client_order_id(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    return _told(context, context.exchange.order_by_client_order_id(request.query.get("client_order_id", "")))


@routes.get("/v2/orders/{id}")
async def read_one(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    return _told(context, context.exchange.order(request.match_info["id"]))


@routes.patch("/v2/orders/{id}")
async def replace(request: web.Request) -> web.Response:
    context, order_id = request.app[CONTEXT], request.match_info["id"]
    payload = await read_json(request)
    changes = read_changes(payload, context.exchange.order(order_id))
    return _told(context, context.desk.replace(order_id, changes))


@routes.delete("/v2/orders/{id}")
async def cancel(request: web.Request) -> web.Response:
    request.app[CONTEXT].desk.cancel(request.match_info["id"])
    return web.Response(status=204)


@routes.delete("/v2/orders")
async def cancel_all(request: web.Request) -> web.Response:
    return reply(cancel_open_orders(request.app[CONTEXT]), status=207)


def cancel_open_orders(context: Context) -> list[Body]:
    """What became of each, as the 207 tells it."""
    told: list[Body] = []
    for order in context.exchange.open_orders():
        try:
            context.desk.cancel(order.id)
        except ApiError:
            told.append({"id": order.id, "status": 500})
        else:
            told.append({"id": order.id, "status": 200})
    return told


def _between(context: Context, request: web.Request) -> Sequence[Order]:
    """Oldest first; all bounds are exclusive."""
    query = request.query
    after, until = time_from(query, "after"), time_from(query, "until")
    after_id, before_id = query.get("after_order_id"), query.get("before_order_id")
    by_id, by_time = bool(after_id or before_id), after is not None or until is not None
    if (after_id and before_id) or (by_id and by_time):
        raise invalid("before_order_id, after_order_id and after/until exclude each other")
    if after_id:
        after = context.exchange.order(after_id).submitted_at
    if before_id:
        until = context.exchange.order(before_id).submitted_at
    return [
        order
        for order in context.exchange.orders.values()
        if (after is None or order.submitted_at > after) and (until is None or order.submitted_at < until)
    ]


def _told(context: Context, order: Order) -> web.Response:
    return reply(order_body(context.exchange, order))
