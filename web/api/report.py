"""`/api/report`: what a range of days has brought, as JSON, CSV or one HTML page."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Response

from domain.market import NEW_YORK, new_york_day
from domain.report import Line, Report, SoldTrade, StarLine, report_of
from domain.values import Message, in_utc
from persistence.queries.figures import FiguresQueries
from web.api.figures_views import MOST_POINTS, PointJson, StarJson, points_json, star_of_line
from web.api.report_files import POLICY, report_csv, report_html
from web.api.views import Amount, Time
from web.bot import Bot
from web.errors import ErrorBody, Fault, Refusal

CSV: Final = "text/csv; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
LONGEST_DAYS: Final = 3660
LATEST: Final = date(2999, 12, 31)
MOST_REPORTED: Final = 20_000
"""Trades in one report, so that no request takes the time and memory of all there ever were."""


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


def report_routes(bot: Bot) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["figures"])

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
        told = report_json(bot.figures, first or last or today, last or first or today, most=MOST_REPORTED)
        if as_ == "csv":
            name = f'attachment; filename="starfill-{told.first}-{told.last}.csv"'
            return Response(report_csv(told), headers={"Content-Disposition": name}, media_type=CSV)
        if as_ == "html":
            return Response(report_html(told), headers={"Content-Security-Policy": POLICY}, media_type=HTML)
        return Response(told.model_dump_json(), media_type="application/json")

    return router


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
    return _report(told, points_json(figures, since, until, MOST_POINTS))


def _midnight(day: date) -> datetime:
    return in_utc(datetime.combine(day, time(), NEW_YORK))


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
    return star_of_line(each.stars, each.line, each.figures, 0)


def _trade(trade: SoldTrade) -> SoldTradeJson:
    return SoldTradeJson(**{name: getattr(trade, name) for name in SoldTradeJson.model_fields})
