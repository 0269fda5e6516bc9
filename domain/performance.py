"""What closed trades have brought: by the stars of their signals, and by what sold them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from domain.statistics import (
    FEWEST_FOR_MEAN,
    Interval,
    Moments,
    Percentiles,
    mean_interval,
    moments_of,
    percentiles,
    rate_interval,
    slippage_bp,
)
from domain.values import ZERO, Message

_NINE_PLACES = Decimal("1e-9")


class ClosedTrade(NamedTuple):
    """As much of a closed trade as its figures depend on."""

    stars: int | None
    reason: str
    """What sold it."""
    pnl: Decimal | None
    """Dollars; None: shares of it went for nobody knows what."""
    notional: Decimal
    entry_price: Decimal | None
    price_at_signal: Decimal | None
    latency_ms: int | None
    """From the receipt of its signal to its first fill, by the broker's word on that."""


class Tally(NamedTuple):
    """So many trades, so many of them with a gain, and the dollars of all."""

    trades: int = 0
    won: int = 0
    pnl: Decimal = ZERO
    unknown: int = 0
    """Of these nobody knows what they brought; they count as nothing in `pnl`."""

    def plus(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(
            self.trades + other.trades,
            self.won + other.won,
            self.pnl + other.pnl,
            self.unknown + other.unknown,
        )


class StarSums(NamedTuple):
    """What the figures of one rating are made of; two add up."""

    tally: Tally = Tally()
    usd: Moments = Moments()
    pct: Moments = Moments()
    """P&L in percent of what the trade was to spend."""
    slippage: Moments = Moments()
    """Basis points."""
    latencies: tuple[int, ...] = ()
    """Milliseconds."""


class ClosedSums(NamedTuple):
    """What is kept of the closed trades of a day, or of many."""

    stars: Mapping[int | None, StarSums]
    reasons: Mapping[str, Tally]

    @property
    def tally(self) -> Tally:
        """All trades."""
        return added(self.reasons.values())


class StarFigures(Message):
    """What the closed trades of a rating say of it; None: too few say anything."""

    hit_rate: Interval | None
    expectancy_usd: Interval | None
    expectancy_pct: Interval | None
    slippage_bp: Interval | None
    latency_ms: Percentiles | None
    note: str | None
    """What is missing, and how much of it."""


def tally_of(trades: Iterable[ClosedTrade]) -> Tally:
    """The trades, counted."""
    pnls = [trade.pnl for trade in trades]
    known = [pnl for pnl in pnls if pnl is not None]
    return Tally(len(pnls), sum(pnl > ZERO for pnl in known), sum(known, ZERO), len(pnls) - len(known))


def added(tallies: Iterable[Tally]) -> Tally:
    """All of them together."""
    total = Tally()
    for each in tallies:
        total = total.plus(each)
    return total


def sums_of(trades: Iterable[ClosedTrade]) -> ClosedSums:
    """What is kept of these trades."""
    by_stars: dict[int | None, list[ClosedTrade]] = defaultdict(list)
    by_reason: dict[str, list[ClosedTrade]] = defaultdict(list)
    for trade in trades:
        by_stars[trade.stars].append(trade)
        by_reason[trade.reason].append(trade)
    return ClosedSums(
        {stars: _star_sums(those) for stars, those in by_stars.items()},
        {reason: tally_of(those) for reason, those in by_reason.items()},
    )


def all_of(days: Iterable[ClosedSums]) -> ClosedSums:
    """The sums of all days together."""
    stars: dict[int | None, list[StarSums]] = defaultdict(list)
    reasons: dict[str, list[Tally]] = defaultdict(list)
    for day in days:
        for rating, sums in day.stars.items():
            stars[rating].append(sums)
        for reason, tally in day.reasons.items():
            reasons[reason].append(tally)
    return ClosedSums(
        {rating: _together(those) for rating, those in stars.items()},
        {reason: added(those) for reason, those in reasons.items()},
    )


def figures_of(sums: StarSums) -> StarFigures:
    """What the trades of a rating say, with how sure that is."""
    known = sums.tally.trades - sums.tally.unknown
    return StarFigures(
        hit_rate=rate_interval(sums.tally.won, known),
        expectancy_usd=mean_interval(sums.usd),
        expectancy_pct=mean_interval(sums.pct),
        slippage_bp=mean_interval(sums.slippage),
        latency_ms=percentiles(sums.latencies),
        note=_missing(known, sums.slippage.n),
    )


def _missing(closed: int, compared: int) -> str | None:
    if closed < FEWEST_FOR_MEAN:
        return f"not enough data: {_trades(closed)}, {FEWEST_FOR_MEAN} wanted"
    if compared < FEWEST_FOR_MEAN:
        told = f"{_trades(compared)} whose signal told a price, {FEWEST_FOR_MEAN} wanted"
        return f"not enough data for the slippage: {told}"
    return None


def _trades(number: int) -> str:
    return "1 closed trade" if number == 1 else f"{number} closed trades"


def _star_sums(trades: list[ClosedTrade]) -> StarSums:
    known = [(trade.pnl, trade.notional) for trade in trades if trade.pnl is not None]
    prices = [(trade.entry_price, trade.price_at_signal) for trade in trades]
    return StarSums(
        tally_of(trades),
        moments_of(pnl for pnl, _ in known),
        moments_of((pnl * 100 / notional).quantize(_NINE_PLACES) for pnl, notional in known if notional),
        moments_of(slippage_bp(paid, then) for paid, then in prices if paid is not None and then),
        tuple(trade.latency_ms for trade in trades if trade.latency_ms is not None),
    )


def _together(sums: Iterable[StarSums]) -> StarSums:
    tally, usd, pct, slippage = Tally(), Moments(), Moments(), Moments()
    latencies: list[int] = []
    for each in sums:
        tally = tally.plus(each.tally)
        usd, pct, slippage = usd.plus(each.usd), pct.plus(each.pct), slippage.plus(each.slippage)
        latencies += each.latencies
    return StarSums(tally, usd, pct, slippage, tuple(latencies))
