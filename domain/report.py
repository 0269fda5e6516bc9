"""What a range of days has brought, from its closed trades: in all, by day, by rating, by what sold them."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from domain.market import new_york_day
from domain.performance import ClosedTrade, StarFigures, Tally, added, figures_of, sums_of, tally_of
from domain.values import Message, Shares, Usd, Utc


class SoldTrade(Message):
    """A closed trade, as a report lists it."""

    id: int
    symbol: str
    signal_id: str
    source: str
    stars: int | None
    notional: Usd
    shares: Shares | None
    entry_price: Usd | None
    entry_at: Utc
    exit_price: Usd | None
    exit_at: Utc
    exit_reason: str
    pnl: Usd | None
    """None: nobody knows what shares of it went for."""
    price_at_signal: Usd | None
    latency_ms: int | None

    def as_closed(self) -> ClosedTrade:
        """As much of it as figures depend on."""
        return ClosedTrade(
            self.stars,
            self.exit_reason,
            self.pnl,
            self.notional,
            self.entry_price,
            self.price_at_signal,
            self.latency_ms,
        )


class Line(Message):
    """Trades of one kind, counted."""

    name: str
    trades: int
    won: int
    unknown: int
    """Trades of which nobody knows what they brought; `pnl` is without them."""
    pnl: Usd


class StarLine(Message):
    """The trades of one rating, and what they say of it."""

    stars: int | None
    line: Line
    figures: StarFigures


class Report(Message):
    """Trades that ended on these days of New York, both included. Dollars."""

    first: date
    last: date
    total: Line
    days: tuple[Line, ...]
    """Days with a trade that ended, oldest first."""
    stars: tuple[StarLine, ...]
    exit_reasons: tuple[Line, ...]
    trades: tuple[SoldTrade, ...]
    """In the order in which they ended."""


def report_of(trades: Iterable[SoldTrade], first: date, last: date) -> Report:
    """`trades`: those that ended on these days, in that order."""
    sold = tuple(trades)
    closed = [trade.as_closed() for trade in sold]
    by_day: dict[date, list[ClosedTrade]] = defaultdict(list)
    for trade, as_closed in zip(sold, closed, strict=True):
        by_day[new_york_day(trade.exit_at)].append(as_closed)
    sums = sums_of(closed)
    return Report(
        first=first,
        last=last,
        total=_line("all", added(map(tally_of, by_day.values()))),
        days=tuple(_line(day.isoformat(), tally_of(those)) for day, those in sorted(by_day.items())),
        stars=tuple(
            StarLine(stars=stars, line=_line(_rating(stars), each.tally), figures=figures_of(each))
            for stars, each in sorted(sums.stars.items(), key=lambda item: -(item[0] or 0))
        ),
        exit_reasons=tuple(_line(reason, tally) for reason, tally in sorted(sums.reasons.items())),
        trades=sold,
    )


def _rating(stars: int | None) -> str:
    return "no rating" if stars is None else f"{stars} stars"


def _line(name: str, tally: Tally) -> Line:
    return Line(name=name, trades=tally.trades, won=tally.won, unknown=tally.unknown, pnl=Decimal(tally.pnl))
