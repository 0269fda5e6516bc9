"""What the API tells of figures: ratings, moments of the curve; and how they are made of the domain's."""

from datetime import datetime
from typing import Final

from domain.performance import StarFigures, StarSums, figures_of
from domain.report import Line
from domain.statistics import Interval, Percentiles
from domain.values import Message
from persistence.queries.figures import FiguresQueries
from web.api.views import Amount, Time

MOST_POINTS: Final = 2000


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


class PointJson(Message):
    """One moment of the curve. Dollars."""

    at: Time
    equity: Amount
    """Of the account."""
    pnl: Amount
    """Of our trades, in New York's day so far."""
    exposure: Amount


def points_json(
    figures: FiguresQueries, since: datetime, until: datetime, most: int
) -> tuple[PointJson, ...]:
    """The curve between these moments, of `most` points at most; reads the ledger."""
    return tuple(
        PointJson(at=each.at, equity=each.equity, pnl=each.realised + each.open, exposure=each.exposure)
        for each in figures.equity(since, until, most=most)
    )


def star_json(stars: int | None, sums: StarSums, standing: int) -> StarJson:
    return star_of_line(stars, Line(name="", **sums.tally._asdict()), figures_of(sums), standing)


def star_of_line(stars: int | None, line: Line, figures: StarFigures, standing: int) -> StarJson:
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
