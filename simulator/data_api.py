"""Market data, out of the same prices the exchange executes at. Numbers are JSON numbers here."""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from random import Random

from aiohttp import web

from simulator import assets
from simulator.clock import MINUTE, NEW_YORK, nanos, new_york, rfc3339
from simulator.context import CONTEXT, Context, choice_from, count_from, list_from, reply, time_from
from simulator.errors import invalid, not_found
from simulator.prices import bid_ask

Part = dict[str, object]
_DAY = 1440 * MINUTE
_UNITS = {"Min": MINUTE, "T": MINUTE, "Hour": 60 * MINUTE, "H": 60 * MINUTE, "Day": _DAY, "D": _DAY}
_TIMEFRAME = re.compile(r"(\d{1,2})(Min|T|Hour|H|Day|D)")
_SAMPLES = 4
_MOST = 10_000
routes = web.RouteTableDef()


@dataclass(frozen=True)
class Sight:
    """What can be seen of a symbol's market, and when that was: not always now."""

    price: Decimal
    traded_at: int
    quoted_at: int
    has_quote: bool


def see(context: Context, symbol: str, now: int) -> Sight | None:
    """None: market data doesn't know the symbol.

    Nothing is traded or quoted once the market has closed, and nothing traded in a halt.
    """
    open_at = context.calendar.last_traded(now)
    scene = context.prices.scene(symbol, open_at)
    if scene.missing:
        return None
    halted_since = context.prices.halted_since(symbol, open_at)
    traded_at = (open_at if halted_since is None else min(open_at, halted_since)) - scene.stale
    # A price that was set is the old trade's too; on its own path the old trade had the price of then.
    price = scene.price if scene.price is not None else context.prices.last(symbol, traded_at)
    return Sight(price, traded_at, open_at - scene.stale, not scene.no_quote)


def trade(_: Context, __: str, seen: Sight) -> Part:
    at, price = seen.traded_at, float(seen.price)
    return {"t": rfc3339(at), "x": "V", "p": price, "s": 100, "c": ["@"], "i": at // 1_000_000, "z": "C"}


def quote(_: Context, __: str, seen: Sight) -> Part:
    """Without a quote prices and sizes are 0."""
    bid, ask = (float(price) for price in bid_ask(seen.price)) if seen.has_quote else (0, 0)
    bid_size, ask_size = (300, 200) if seen.has_quote else (0, 0)
    sides: Part = {"ax": "V", "ap": ask, "as": ask_size, "bx": "V", "bp": bid, "bs": bid_size}
    return {"t": rfc3339(seen.quoted_at), **sides, "c": ["R"], "z": "C"}


def bar(context: Context, symbol: str, start: int, span: int) -> Part:
    """The bar that begins at `start` and lasts `span`, both in nanoseconds."""
    seen = [context.prices.last(symbol, start + span * i // _SAMPLES) for i in range(_SAMPLES + 1)]
    volume = Random(f"{symbol}/{start}/{span}").randint(100, 10_000)  # noqa: S311 - volumes, not secrets
    return {
        "t": rfc3339(start),
        "o": float(seen[0]),
        "h": float(max(seen)),
        "l": float(min(seen)),
        "c": float(seen[-1]),
        "v": volume,
        "n": volume // 50 + 1,
        "vw": float(round(sum(seen, start=Decimal(0)) / len(seen), 6)),
    }


def minute_bar(context: Context, symbol: str, seen: Sight) -> Part:
    """The last whole minute with a trade in it."""
    return bar(context, symbol, seen.traded_at - seen.traded_at % MINUTE - MINUTE, MINUTE)


def snapshot(context: Context, symbol: str, seen: Sight) -> Part:
    today = _midnight(new_york(seen.traded_at))
    yesterday = _midnight(new_york(context.calendar.previous_close(seen.traded_at)))
    return {
        "latestTrade": trade(context, symbol, seen),
        "latestQuote": quote(context, symbol, seen),
        "minuteBar": minute_bar(context, symbol, seen),
        "dailyBar": bar(context, symbol, today, seen.traded_at - today),
        "prevDailyBar": bar(context, symbol, yesterday, _DAY),
    }


_LATEST: dict[str, Callable[[Context, str, Sight], Part]] = {
    "trades": trade,
    "quotes": quote,
    "bars": minute_bar,
}


@routes.get("/v2/stocks/{kind:trades|quotes|bars}/latest")
async def latest_of_many(request: web.Request) -> web.Response:
    kind = request.match_info["kind"]
    return reply({kind: _of_each(request, _LATEST[kind])}, sort_keys=False)


@routes.get("/v2/stocks/{symbol}/{kind:trades|quotes|bars}/latest")
async def latest_of_one(request: web.Request) -> web.Response:
    context, kind = request.app[CONTEXT], request.match_info["kind"]
    symbol = _symbol(request)
    part = _LATEST[kind](context, symbol, _seen(request, symbol))
    return reply({"symbol": symbol, kind.removesuffix("s"): part}, sort_keys=False)


@routes.get("/v2/stocks/snapshots")
async def snapshots(request: web.Request) -> web.Response:
    return reply(_of_each(request, snapshot), sort_keys=False)


@routes.get("/v2/stocks/{symbol}/snapshot")
async def snapshot_of_one(request: web.Request) -> web.Response:
    context, symbol = request.app[CONTEXT], _symbol(request)
    parts = snapshot(context, symbol, _seen(request, symbol))
    return reply({"symbol": symbol, **parts, "currency": "USD"}, sort_keys=False)


@routes.get("/v2/stocks/bars")
async def bars(request: web.Request) -> web.Response:
    context, query = request.app[CONTEXT], request.query
    limit = count_from(query, "limit", default=1000, most=_MOST)
    page: dict[str, list[Part]] = {}
    token: str | None = None
    for taken, (symbol, start, span) in enumerate(_wanted_bars(context, request)):
        if taken == limit:
            token = base64.urlsafe_b64encode(f"{symbol}|{start}".encode()).decode()
            break
        page.setdefault(symbol, []).append(bar(context, symbol, start, span))
    return reply({"bars": page, "next_page_token": token}, sort_keys=False)


def _of_each(request: web.Request, told: Callable[[Context, str, Sight], Part]) -> dict[str, Part]:
    """Of the symbols asked for, those that market data knows."""
    context = request.app[CONTEXT]
    now = context.clock.now()
    sights = ((symbol, see(context, symbol, now)) for symbol in _symbols(request))
    return {symbol: told(context, symbol, seen) for symbol, seen in sights if seen}


def _seen(request: web.Request, symbol: str) -> Sight:
    context = request.app[CONTEXT]
    seen = see(context, symbol, context.clock.now())
    if seen is None:
        raise not_found(f"no data for {symbol}")
    return seen


def _wanted_bars(context: Context, request: web.Request) -> Iterator[tuple[str, int, int]]:
    """Symbol, start and span of each bar from the page token on, symbol after symbol."""
    query, now = request.query, context.clock.now()
    span = _span(query.get("timeframe", "1Day"))
    descending = choice_from(query, "sort", ("asc", "desc")) == "desc"
    start = time_from(query, "start")
    start = _midnight(new_york(now)) if start is None else start
    end = time_from(query, "end")
    # A bar is there once it's over, but today's is there from the start.
    end = min(now if end is None else end, now)
    from_symbol, from_start = _position(query.get("page_token"))
    starts = sorted(_bar_starts(context, start, end, span), reverse=descending)
    for symbol in sorted(_symbols(request)):
        for each in starts:
            passed = symbol < from_symbol
            if symbol == from_symbol and from_start is not None:
                passed = each > from_start if descending else each < from_start
            if not passed:
                yield symbol, each, span


def _bar_starts(context: Context, start: int, end: int, span: int) -> Iterator[int]:
    """Daily bars begin at New York's midnight; shorter ones lie within the hours of the market."""
    for session in context.calendar.sessions(new_york(start).date(), new_york(end).date()):
        midnight = nanos(datetime.combine(session.day, datetime.min.time(), NEW_YORK))
        if span >= _DAY:
            if start <= midnight <= end:
                yield midnight
            continue
        first, last = session.at(session.open), min(session.at(session.close), end)
        skipped = max(0, -(-(start - first) // span))
        yield from range(first + skipped * span, last - span + 1, span)


def _span(timeframe: str) -> int:
    found = _TIMEFRAME.fullmatch(timeframe)
    if not found or not int(found[1]):
        raise invalid("invalid timeframe")
    return int(found[1]) * _UNITS[found[2]]


def _position(token: str | None) -> tuple[str, int | None]:
    if not token:
        return "", None
    try:
        symbol, start = base64.urlsafe_b64decode(token).decode().split("|")
        return symbol, int(start)
    except ValueError:
        raise invalid("invalid page_token") from None


def _midnight(moment: datetime) -> int:
    return nanos(moment.replace(hour=0, minute=0, second=0, microsecond=0))


def _symbol(request: web.Request) -> str:
    symbol = request.match_info["symbol"]
    if not assets.exists(symbol):
        raise invalid(f"invalid symbol: {symbol}")
    return symbol


def _symbols(request: web.Request) -> tuple[str, ...]:
    """Those that exist; Alpaca leaves the others out without a word."""
    wanted = list_from(request.query, "symbols")
    if not wanted:
        raise invalid("symbols is required")
    return tuple(symbol for symbol in dict.fromkeys(wanted) if assets.exists(symbol))
