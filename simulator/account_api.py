"""The account and what surrounds it: positions, activities, clock, calendar, assets."""

from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal

from aiohttp import web

from simulator import assets
from simulator.clock import SECOND, new_york, new_york_text
from simulator.context import CONTEXT, Context, choice_from, count_from, list_from, reply, time_from
from simulator.errors import ApiError, invalid, not_found
from simulator.orders import NINE_PLACES, Order, OrderRequest
from simulator.reading import read_decimal
from simulator.trading_api import cancel_open_orders
from simulator.wire import Body, account_body, activity_bodies, asset_body, order_body, position_body

_MOST = 100
_CALENDAR_SPAN = timedelta(days=365)
_LONGEST_CALENDAR = timedelta(days=3660)
routes = web.RouteTableDef()


@routes.get("/v2/account")
async def account(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    return reply(account_body(context.exchange, context.clock.now()))


@routes.get("/v2/positions")
async def positions(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    now = context.clock.now()
    held = sorted(context.exchange.account.positions)
    return reply([position_body(context.exchange, symbol, now) for symbol in held])


@routes.get("/v2/positions/{symbol}")
async def position(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    symbol = _held_symbol(context, request.match_info["symbol"])
    return reply(position_body(context.exchange, symbol, context.clock.now()))


@routes.delete("/v2/positions/{symbol}")
async def close_position(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    symbol = _held_symbol(context, request.match_info["symbol"])
    qty, percentage = read_decimal(request.query, "qty"), read_decimal(request.query, "percentage")
    if qty is not None and percentage is not None:
        raise invalid("only one of qty or percentage is accepted")
    if percentage is not None:
        if not 0 < percentage <= 100:  # noqa: PLR2004 - percent
            raise invalid("percentage must be between 0 and 100")
        held = context.exchange.account.qty(symbol)
        qty = (held * percentage / 100).quantize(NINE_PLACES, ROUND_DOWN)
    return reply(order_body(context.exchange, _close(context, symbol, qty)))


@routes.delete("/v2/positions")
async def close_all_positions(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    if request.query.get("cancel_orders", "").lower() == "true":
        cancel_open_orders(context)
    told: list[Body] = []
    for symbol in sorted(context.exchange.account.positions):
        try:
            order = _close(context, symbol, None)
        except ApiError as error:
            told.append({"symbol": symbol, "status": error.status, "body": error.body})
        else:
            told.append({"symbol": symbol, "status": 200, "body": order_body(context.exchange, order)})
    return reply(told, status=207)


@routes.get("/v2/account/activities")
async def activities(request: web.Request) -> web.Response:
    return _activities(request, list_from(request.query, "activity_types"))


@routes.get("/v2/account/activities/{type}")
async def activities_of_type(request: web.Request) -> web.Response:
    return _activities(request, (request.match_info["type"],))


@routes.get("/v2/clock")
async def clock(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    now, calendar = context.clock.now(), context.calendar
    return reply(
        {
            "timestamp": new_york_text(now),
            "is_open": calendar.is_open(now),
            "next_open": new_york_text(calendar.next_open(now)),
            "next_close": new_york_text(calendar.next_close(now)),
        }
    )


@routes.get("/v2/calendar")
async def calendar(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    today = new_york(context.clock.now()).date()
    start = _day(request, "start") or today - _CALENDAR_SPAN
    end = _day(request, "end") or max(start, today) + _CALENDAR_SPAN
    if end - start > _LONGEST_CALENDAR:
        raise invalid("start and end must be within ten years")
    return reply(
        [
            {
                "date": session.day.isoformat(),
                "open": f"{session.open:%H:%M}",
                "close": f"{session.close:%H:%M}",
                "session_open": f"{session.extended_open:%H%M}",
                "session_close": f"{session.extended_close:%H%M}",
                "settlement_date": context.calendar.settlement(session.day).isoformat(),
            }
            for session in context.calendar.sessions(start, end)
        ]
    )


@routes.get("/v2/assets")
async def list_assets(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    if request.query.get("status", "active") != "active" or (
        request.query.get("asset_class", "us_equity") != "us_equity"
    ):
        return reply([])
    return reply([asset_body(context.exchange, symbol) for symbol in _known_symbols(context)])


@routes.get("/v2/assets/{symbol}")
async def asset(request: web.Request) -> web.Response:
    context, wanted = request.app[CONTEXT], request.match_info["symbol"]
    symbol = wanted if assets.exists(wanted) else _symbol_of(context, wanted)
    if symbol is None:
        raise not_found(f"asset not found for {wanted}")
    return reply(asset_body(context.exchange, symbol))


def _activities(request: web.Request, types: tuple[str, ...]) -> web.Response:
    """Of these types, or of all."""
    context, query = request.app[CONTEXT], request.query
    size = count_from(query, "page_size", default=_MOST, most=_MOST)
    direction, token = choice_from(query, "direction", ("desc", "asc")), query.get("page_token")
    order_id = query.get("order_id")
    found = [
        each
        for each in _told_activities(context, request)
        if (not types or each["activity_type"] in types) and order_id in (None, "", each.get("order_id"))
    ]
    if direction == "desc":
        found.reverse()
    if token:
        ids = [each["id"] for each in found]
        if token not in ids:
            raise invalid("invalid page_token")
        found = found[ids.index(token) + 1 :]
    return reply(found[:size])


def _told_activities(context: Context, request: web.Request) -> list[Body]:
    """Oldest first; the bounds are exclusive, `date` is a day in New York."""
    day = _day(request, "date")
    after, until = time_from(request.query, "after"), time_from(request.query, "until")
    return [
        body
        for each in context.exchange.activities
        if (after is None or each.at > after)
        and (until is None or each.at < until)
        and day in (None, new_york(each.at - each.at % SECOND).date())
        for body in activity_bodies(each)
    ]


def _close(context: Context, symbol: str, qty: Decimal | None) -> Order:
    """Raises ApiError, as for any other sale."""
    wanted = OrderRequest(
        symbol=symbol,
        side="sell",
        type="market",
        time_in_force="day",
        qty=qty if qty is not None else context.exchange.account.qty(symbol),
    )
    return context.desk.submit(wanted)


def _held_symbol(context: Context, wanted: str) -> str:
    held = context.exchange.account.positions
    symbol = wanted if wanted in held else _symbol_of(context, wanted)
    if symbol not in held or symbol is None:
        raise not_found("position does not exist")
    return symbol


def _symbol_of(context: Context, asset_id: str) -> str | None:
    """An asset's id says nothing of its symbol, so only the known ones are found."""
    by_id = {context.exchange.ids.of(symbol): symbol for symbol in _known_symbols(context)}
    return by_id.get(asset_id)


def _known_symbols(context: Context) -> list[str]:
    met = (order.symbol for order in context.exchange.orders.values())
    return sorted({*assets.LISTED, *context.prices.known(), *met})


def _day(request: web.Request, name: str) -> date | None:
    text = request.query.get(name)
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        raise invalid(f"invalid {name}") from None
