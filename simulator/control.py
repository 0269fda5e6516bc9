"""`/_sim/`: prices, a human's hand in the account, switches, faults, restarts. Loopback only, no keys.

POST   /_sim/prices       {"ACME": "12.50", "KO": null}     null: back to its own path; more below
POST   /_sim/assets       {"ACME": "rests", "OCGN": null}   the behaviours of assets.py; null: none
POST   /_sim/orders       an order as for /v2/orders, sent by somebody else with the same account
POST   /_sim/fill         {"client_order_id" | "id", "qty"?, "price"?, "late"?}   or all, at the market
POST   /_sim/cancel, /_sim/expire, /_sim/reject, /_sim/done_for_day   {"client_order_id" | "id"}
POST   /_sim/switches     {"auto_fill": false, "fill_delay_s": 0, ...}    the names of SimulatorSettings
POST   /_sim/clock        {"now": "2026-11-27T12:59:59-05:00"}            runs on from there
                          {"advance_s": "12.5"}    lives through so much at once, see Desk.advance
                          {"speed": 60}            that much faster from here on; 0: only an advance moves it
POST   /_sim/faults       a plan entry or a list of them, see faults.py;  GET and DELETE too
POST   /_sim/restart      {} or the options of that act    drops every connection and reloads the book
GET    /_sim/oracle       the oracle's lines
GET    /_sim/state        orders, positions, counts of requests, listening streams

In the place of a price, /_sim/prices takes a scene, which lasts until something else is told of the symbol,
or a script of scenes, each of which begins `at_s` seconds from now by the simulator's clock:

    {"ACME": {"price": "10", "stale_s": 120}}      its last trade and quote are always so old
    {"ACME": {"price": "10", "no_quote": true}}    bid, ask and their sizes are 0
    {"ACME": {"price": "10", "halted": true}}      orders rest, its last trade grows older; quotes go on
    {"ACME": {"missing": true}}                    not in snapshots, nor in any latest; orders execute
    {"ACME": {"path": "own"}}                      the same as no price: its own path
    {"ACME": {"script": [{"at_s": 0, "price": "10"}, {"at_s": 30, "price": "9.2", "halted": true},
                         {"at_s": 45, "price": "7"}, {"at_s": 60, "path": "own"}]}}

What goes together may be in one scene. A script that begins later than 0 leaves until then what is.
Once the market has closed (hours: new_york), market data shows its last moment.
"""

from collections.abc import Mapping
from decimal import Decimal

from aiohttp import web

from simulator.assets import Behaviour
from simulator.broker_acts import perform
from simulator.clock import FASTEST, LONGEST_ADVANCE_S, SECOND, read_time, rfc3339
from simulator.context import CONTEXT, Context, read_json, reply
from simulator.errors import ApiError, invalid, number
from simulator.exchange import End
from simulator.fault import Fault
from simulator.faults import read_fault
from simulator.orders import read_request
from simulator.reading import read_decimal
from simulator.scenes import read_script
from simulator.wire import order_body, position_body

_ENDS: dict[str, End] = {
    "cancel": "canceled",
    "expire": "expired",
    "reject": "rejected",
    "done_for_day": "done_for_day",
}
routes = web.RouteTableDef()


@routes.post("/_sim/prices")
async def set_prices(request: web.Request) -> web.Response:
    context, payload = request.app[CONTEXT], await read_json(request)
    put_prices(context, payload)
    now = context.clock.now()
    return reply({symbol: number(context.exchange.price(symbol, now)) for symbol in payload})


def put_prices(context: Context, payload: Mapping[str, object]) -> None:
    """All of them or, at the first that can't be read, none. Raises ApiError."""
    now, prices = context.clock.now(), context.prices
    read = {each: read_script(told, now, prices.scene(each, now)) for each, told in payload.items()}
    for symbol, script in read.items():
        prices.direct(symbol, script)
    context.desk.look()


@routes.post("/_sim/assets")
async def set_behaviours(request: web.Request) -> web.Response:
    context, payload = request.app[CONTEXT], await read_json(request)
    try:
        read = {symbol: None if name is None else Behaviour(str(name)) for symbol, name in payload.items()}
    except ValueError as error:
        raise invalid(str(error)) from None
    for symbol, behaviour in read.items():
        context.exchange.assets.put(symbol, behaviour)
    context.desk.look()
    return reply(read)


@routes.post("/_sim/orders")
async def submit_from_outside(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    order = context.desk.submit(read_request(await read_json(request), context.switches.now))
    return reply(order_body(context.exchange, order))


@routes.post("/_sim/fill")
async def fill(request: web.Request) -> web.Response:
    context, payload = request.app[CONTEXT], await read_json(request)
    qty, price = read_decimal(payload, "qty"), read_decimal(payload, "price")
    if price is not None and price <= Decimal(0):
        raise invalid("a price is more than 0")
    order = context.desk.execute(_order_id(context, payload), qty, price, late=payload.get("late") is True)
    return reply(order_body(context.exchange, order))


@routes.post("/_sim/{how:cancel|expire|reject|done_for_day}")
async def end(request: web.Request) -> web.Response:
    context, payload = request.app[CONTEXT], await read_json(request)
    order_id = _order_id(context, payload)
    context.desk.end(order_id, _ENDS[request.match_info["how"]])
    return reply(order_body(context.exchange, context.exchange.order(order_id)))


@routes.post("/_sim/switches")
async def turn_switches(request: web.Request) -> web.Response:
    context, payload = request.app[CONTEXT], await read_json(request)
    try:
        context.switches.turn(payload)
    except ValueError as error:
        raise invalid(str(error)) from None
    context.desk.look()
    return reply({name: str(getattr(context.switches.now, name)) for name in payload})


@routes.post("/_sim/clock")
async def set_clock(request: web.Request) -> web.Response:
    context, payload = request.app[CONTEXT], await read_json(request)
    match payload:
        case {"now": told, **rest} if not rest:
            context.desk.move_to(_time(told))
        case {"advance_s": _, **rest} if not rest:
            context.desk.advance(int(_amount(payload, "advance_s", LONGEST_ADVANCE_S) * SECOND))
        case {"speed": _, **rest} if not rest:
            context.desk.run_at(_amount(payload, "speed", FASTEST))
        case _:
            raise invalid("one of now, advance_s and speed is required")
    return reply({"now": rfc3339(context.clock.now()), "speed": number(context.clock.speed)})


@routes.post("/_sim/faults")
async def add_faults(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    try:
        payload = await request.json()
        faults = [read_fault(entry) for entry in (payload if isinstance(payload, list) else [payload])]
    except ValueError as error:
        raise invalid(str(error)) from None
    for fault in faults:
        if fault.at_once:
            _do_now(context, fault, request)
        else:
            context.plan.add(fault)
    told = reply(context.plan.body())
    if any(fault.act == "restart" and fault.at_once for fault in faults):
        told.force_close()
    return told


def _do_now(context: Context, fault: Fault, request: web.Request) -> None:
    """What lasts joins the plan, to be ended with it. Raises ApiError."""
    perform(fault, context, request)
    if fault.undo:
        context.plan.add(fault)


@routes.get("/_sim/faults")
async def list_faults(request: web.Request) -> web.Response:
    return reply(request.app[CONTEXT].plan.body())


@routes.delete("/_sim/faults")
async def clear_faults(request: web.Request) -> web.Response:
    request.app[CONTEXT].plan.clear()
    return web.Response(status=204)


@routes.post("/_sim/restart")
async def restart(request: web.Request) -> web.Response:
    context, payload = request.app[CONTEXT], await read_json(request)
    try:
        fault = read_fault({**payload, "act": "restart"})
    except ValueError as error:
        raise invalid(str(error)) from None
    perform(fault, context, request)
    told = reply({})
    told.force_close()
    return told


@routes.get("/_sim/oracle")
async def oracle(request: web.Request) -> web.Response:
    return reply(request.app[CONTEXT].oracle.lines())


@routes.get("/_sim/state")
async def state(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    exchange, now = context.exchange, context.clock.now()
    return reply(
        {
            "orders": [order_body(exchange, order) for order in exchange.orders.values()],
            "positions": [position_body(exchange, each, now) for each in sorted(exchange.account.positions)],
            "requests": dict(context.requests),
            "streams": context.streams.listening,
        }
    )


def _time(told: object) -> int:
    try:
        return read_time(str(told))
    except ValueError:
        raise invalid("now is an RFC 3339 time") from None


def _amount(payload: Mapping[str, object], name: str, most: int) -> Decimal:
    amount = read_decimal(payload, name)
    if amount is None or not 0 <= amount <= most:
        raise invalid(f"{name} is between 0 and {most}")
    return amount


def _order_id(context: Context, payload: dict[str, object]) -> str:
    """Raises ApiError."""
    order_id, client_order_id = payload.get("id"), payload.get("client_order_id")
    if order_id:
        return context.exchange.order(str(order_id)).id
    if not client_order_id:
        raise ApiError(422, "id or client_order_id is required")
    return context.exchange.order_by_client_order_id(str(client_order_id)).id
