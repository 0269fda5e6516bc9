"""`/api/stars`, `/limits`, `/equity`, `/report`: what trading has brought, and how far it may go."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Response

from domain.limit_use import LimitUse, limit_uses
from domain.market import NEW_YORK, new_york_day
from domain.performance import StarFigures, StarSums, figures_of
from domain.report import Line, Report, SoldTrade, StarLine, report_of
from domain.statistics import Interval, Percentiles
from domain.values import ZERO, Message, in_utc
from persistence.queries.figures import FiguresQueries, everything
from web.api.paging import Since, Until
from web.api.report_files import POLICY, report_csv, report_html
from web.api.views import Amount, Time
from web.bot import Bot
from web.errors import ErrorBody, Fault, Refusal

RATINGS: Final = (5, 4, 3)
CSV: Final = "text/csv; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
MOST_POINTS: Final = 2000
LONGEST_DAYS: Final = 3660
LATEST: Final = date(2999, 12, 31)
MOST_REPORTED: Final = 20_000
"""Trades in one report, so that no request takes the time and memory of all there ever were."""


class IntervalJson(Message):
    """A figure of a sample, and between what the truth lies with 95 % confidence."""

    value: Amount
    low: Amount
    high: Amount
    n: int


class PercentilesJson(Message):
    """Half of the sample is at `p50` or below, nine tenths at `p90` or below."""

    p50: int
    p90: int
    n: int


class StarJson(Message):
    """What the closed trades of one rating say. null: too few say anything, see `note`."""

    stars: int | None
    trades: int
    """Closed ones."""
    open: int
    won: int
    unknown: int
    """Closed trades of which nobody knows what they brought."""
    pnl: Amount
    hit_rate: IntervalJson | None
    """Between 0 and 1."""
    expectancy: IntervalJson | None
    """Dollars a trade."""
    expectancy_pct: IntervalJson | None
    """Percent of what a trade was to spend."""
    slippage_bp: IntervalJson | None
    """Basis points paid more than the signal's price."""
    latency_ms: PercentilesJson | None
    """From the signal's receipt to the first fill."""
    note: str | None


class StarsJson(Message):
    """By rating, the best first."""

    ratings: tuple[StarJson, ...]


class LimitJson(Message):
    """One limit. `limit` null: it is off. `used` null: it is asked of each order alone."""

    name: str
    text: str
    unit: str
    limit: Amount | None
    used: Amount | None
    left: Amount | None
    used_pct: Amount | None
    breaker: bool
    """Reaching it halts everything."""
    reached: bool


class LimitsJson(Message):
    """Counted as the plan of an order counts them."""

    at: Time
    items: tuple[LimitJson, ...]


class PointJson(Message):
    """One moment of the curve. Dollars."""

    at: Time
    equity: Amount
    """Of the account."""
    pnl: Amount
    """Of our trades, in New York's day so far."""
    exposure: Amount


class EquityJson(Message):
    """Oldest first."""

    points: tuple[PointJson, ...]


class LineJson(Message):
    """Trades of one kind. `pnl` is without those of which nobody knows what they brought."""

    name: str
    trades: int
    won: int
    unknown: int
    pnl: Amount


class SoldTradeJson(Message):
    """A closed trade."""

    id: int
    symbol: str
    source: str
    signal_id: str
    stars: int | None
    notional: Amount
    shares: Amount | None
    entry_at: Time
    entry_price: Amount | None
    exit_at: Time
    exit_price: Amount | None
    exit_reason: str
    pnl: Amount | None


class ReportJson(Message):
    """Trades that ended on these days of New York, both included."""

    first: str
    last: str
    total: LineJson
    days: tuple[LineJson, ...]
    stars: tuple[StarJson, ...]
    exit_reasons: tuple[LineJson, ...]
    equity: tuple[PointJson, ...]
    trades: tuple[SoldTradeJson, ...]


Day = Annotated[date | None, Query(description="A day of New York, as 2026-11-27")]


def figure_routes(bot: Bot) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["figures"])
    figures = bot.figures

    @router.get(
        "/stars",
        summary="What each rating's trades have brought, and how sure that is",
        description="Of the trades that ended on the days from `since` to `until`, in UTC; or of all.",
    )
    def stars(since: Since = None, until: Until = None) -> StarsJson:
        first, last = everything()
        sums, standing = figures.closed(since or first, until or last), figures.open_by_stars()
        seen = sorted(sums.stars.keys() | standing.keys() | set(RATINGS), key=lambda each: -(each or 0))
        return StarsJson(
            ratings=tuple(
                _star(each, sums.stars.get(each, StarSums()), standing.get(each, 0)) for each in seen
            )
        )

    @router.get("/limits", summary="The limits, and how much of each is used")
    def limits() -> LimitsJson:
        return limits_json(bot)

    @router.get("/equity", summary="The account's equity and the day's P&L over time")
    def equity(
        since: Since = None,
        until: Until = None,
        points: Annotated[int, Query(ge=2, le=MOST_POINTS, description="So many at most")] = 500,
    ) -> EquityJson:
        now = bot.clock()
        first, last = since or now - timedelta(days=1), until or now + timedelta(minutes=1)
        return EquityJson(points=_points(figures, first, last, points))

    @router.get(
        "/report",
        summary="What a range of days has brought",
        description="Of New York's days, both included; without any, today's. As JSON, CSV or an HTML page. "
        f"With {MOST_REPORTED:,} trades at most.",
        response_model=ReportJson,
        responses={
            200: {"content": {"text/csv": {}, "text/html": {}}},
            422: {
                "model": ErrorBody,
                "description": "`to` is before `from`, no days, or more trades than one report tells",
            },
        },
    )
    def report(
        first: Annotated[date | None, Query(alias="from", description="A day of New York")] = None,
        last: Annotated[date | None, Query(alias="to", description="A day of New York")] = None,
        as_: Annotated[Literal["json", "csv", "html"], Query(alias="format")] = "json",
    ) -> Response:
        today = new_york_day(bot.clock())
        told = report_json(figures, first or last or today, last or first or today, most=MOST_REPORTED)
        name = f'attachment; filename="starfill-{told.first}-{told.last}.csv"'
        if as_ == "csv":
            return Response(report_csv(told), headers={"Content-Disposition": name}, media_type=CSV)
        if as_ == "html":
            return Response(report_html(told), headers={"Content-Security-Policy": POLICY}, media_type=HTML)
        return Response(told.model_dump_json(), media_type="application/json")

    return router


def limits_json(bot: Bot) -> LimitsJson:
    """How far the limits are used now; reads the ledger."""
    now, means = bot.clock(), bot.board.means
    facts = bot.figures.limit_facts(now, means)
    ratio = Decimal(facts.orders) / facts.trades if facts.trades else ZERO
    uses = limit_uses(
        facts.config,
        facts.exposure,
        means,
        refusals=facts.refusals,
        orders_a_trade=ratio.quantize(Decimal("0.01")),
    )
    return LimitsJson(at=now, items=tuple(map(_limit, uses)))


def report_json(figures: FiguresQueries, first: date, last: date, *, most: int | None) -> ReportJson:
    """The report of these days; raises Refusal, also for more than `most` trades."""
    if last < first or (last - first).days > LONGEST_DAYS or last > LATEST:
        raise Refusal(
            422,
            "bad_parameters",
            "These days make no range.",
            "Name `from` and `to` as 2026-11-27, `from` the earlier one, ten years apart at most.",
            details=[Fault(field="to", fault=f"has to be `from` or later, within ten years, until {LATEST}")],
        )
    since, until = _midnight(first), _midnight(last + timedelta(days=1))
    if most is not None and (count := figures.sold_count(since, until)) > most:
        raise Refusal(
            422,
            "report_too_long",
            f"{count:,} trades ended on these days, and one report tells {most:,} at most.",
            "Name fewer days.",
        )
    told = report_of(figures.sold(since, until), first, last)
    return _report(told, _points(figures, since, until, MOST_POINTS))


def _midnight(day: date) -> datetime:
    return in_utc(datetime.combine(day, time(), NEW_YORK))


def _points(figures: FiguresQueries, since: datetime, until: datetime, most: int) -> tuple[PointJson, ...]:
    return tuple(
        PointJson(at=each.at, equity=each.equity, pnl=each.realised + each.open, exposure=each.exposure)
        for each in figures.equity(since, until, most=most)
    )


def _star(stars: int | None, sums: StarSums, standing: int) -> StarJson:
    return _star_json(stars, Line(name="", **sums.tally._asdict()), figures_of(sums), standing)


def _star_json(stars: int | None, line: Line, figures: StarFigures, standing: int) -> StarJson:
    return StarJson(
        stars=stars,
        trades=line.trades,
        open=standing,
        won=line.won,
        unknown=line.unknown,
        pnl=line.pnl,
        hit_rate=_interval(figures.hit_rate),
        expectancy=_interval(figures.expectancy_usd),
        expectancy_pct=_interval(figures.expectancy_pct),
        slippage_bp=_interval(figures.slippage_bp),
        latency_ms=_percentiles(figures.latency_ms),
        note=figures.note,
    )


def _interval(told: Interval | None) -> IntervalJson | None:
    return None if told is None else IntervalJson(**dict(told))


def _percentiles(told: Percentiles | None) -> PercentilesJson | None:
    return None if told is None else PercentilesJson(**dict(told))


def _limit(use: LimitUse) -> LimitJson:
    return LimitJson(
        name=use.name,
        text=use.text,
        unit=use.unit,
        limit=use.limit,
        used=use.used,
        left=use.left,
        used_pct=use.used_pct,
        breaker=use.breaker,
        reached=use.reached,
    )


def _report(told: Report, equity: tuple[PointJson, ...]) -> ReportJson:
    return ReportJson(
        first=told.first.isoformat(),
        last=told.last.isoformat(),
        total=_line(told.total),
        days=tuple(map(_line, told.days)),
        stars=tuple(map(_star_line, told.stars)),
        exit_reasons=tuple(map(_line, told.exit_reasons)),
        equity=equity,
        trades=tuple(map(_trade, told.trades)),
    )


def _line(line: Line) -> LineJson:
    return LineJson(**dict(line))


def _star_line(each: StarLine) -> StarJson:
    return _star_json(each.stars, each.line, each.figures, 0)


def _trade(trade: SoldTrade) -> SoldTradeJson:
    return SoldTradeJson(**{name: getattr(trade, name) for name in SoldTradeJson.model_fields})
