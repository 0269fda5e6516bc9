"""`/api/exposure`: what could not be sold now if it had to be, and what no stop covers, in numbers."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from fastapi import APIRouter

from domain.market import Market, day_began_at, new_york_day
from domain.naked import NakedSums, Uncovered, sums, uncovered
from domain.trades import OCCUPYING, TradeRecord
from domain.values import Message
from persistence.queries import Queries
from persistence.rows import StandingTrade
from web.api.views import Amount, Time
from web.bot import Session


class TradeExposureJson(Message):
    """What of an open trade is at risk, and whether it could be sold just now."""

    trade_id: int
    symbol: str
    status: str
    held: Amount
    price: Amount | None
    """The last one known, else the one paid."""
    price_at: Time | None
    """When it was made; null: it is the one paid."""
    held_usd: Amount
    covered: Amount
    """Shares that a stop order at the broker covers."""
    at_risk_usd: Amount
    """Of all that no stop covers: held times price, less what is covered."""
    unprotected_whole: Amount
    """Whole shares without a stop; the setting `protective_stop` has one placed."""
    unprotected_fraction: Amount
    """Less than one share: Alpaca takes no stop for it that outlasts the day."""
    unprotectable_usd: Amount
    """Of that fraction."""
    naked_why: str | None
    """Why it could not be sold just now if it had to be; null: it could."""
    naked_usd_s: Amount
    """Dollars times seconds that it stood so, up to now."""


class TotalsJson(Message):
    """Sums over the open trades."""

    trades: int
    unpriced: int
    """Trades that hold shares and were never seen at a price: they count at what was paid for them."""
    held_usd: Amount
    at_risk_usd: Amount
    unprotectable_usd: Amount
    naked_usd: Amount
    """Of what is at risk: in trades that could not be sold just now."""
    naked_usd_s: Amount


class DayJson(Message):
    """Of the trades that stand or ended in New York's day, each over its whole life."""

    date: str
    began_at: Time
    trades: int
    ended: int
    """Of these: nothing is held any more."""
    naked_trades: int
    """Of these: could not be sold at some time."""
    naked_usd_s: Amount


class ExposureJson(Message):
    """Exposure of this moment, and of the day."""

    at: Time
    trades: tuple[TradeExposureJson, ...]
    """The open ones, oldest first."""
    totals: TotalsJson
    today: DayJson


def exposure_routes(queries: Queries, session: Callable[[], Session]) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["exits"])

    @router.get(
        "/exposure",
        summary="What is at risk, and for how long nobody could have sold it",
        description=(
            "Naked is a trade that could not be sold if it had to be: no price, a refused sale, or nobody "
            "who watched. It is counted in dollars times seconds, while the market is open."
        ),
    )
    def exposure() -> ExposureJson:
        now, market = session()
        return exposure_json(queries.standing_trades(and_since=day_began_at(now)), now, market)

    return router


def exposure_json(trades: tuple[StandingTrade, ...], now: datetime, market: Market | None) -> ExposureJson:
    """`trades`: all that are open, and those that have ended today."""
    seen = [(each.trade, each.covered, uncovered(each.trade, each.covered, now, market)) for each in trades]
    standing = [each for each in seen if each[0].status in OCCUPYING]
    return ExposureJson(
        at=now,
        trades=tuple(_trade(*each) for each in standing),
        totals=_totals(sums((trade, bare) for trade, _, bare in standing)),
        today=DayJson(
            date=new_york_day(now).isoformat(),
            began_at=day_began_at(now),
            trades=len(seen),
            ended=len(seen) - len(standing),
            naked_trades=sum(1 for _, _, bare in seen if bare.naked_usd_s),
            naked_usd_s=sums((trade, bare) for trade, _, bare in seen).naked_usd_s,
        ),
    )


def _trade(trade: TradeRecord, covered: Decimal, bare: Uncovered) -> TradeExposureJson:
    return TradeExposureJson(
        trade_id=trade.id,
        symbol=trade.symbol,
        status=trade.status.value,
        held=trade.held,
        price=bare.price,
        price_at=trade.mark_at if trade.mark_price is not None else None,
        held_usd=bare.held_usd,
        covered=covered,
        at_risk_usd=bare.at_risk_usd,
        unprotected_whole=bare.whole,
        unprotected_fraction=bare.fraction,
        unprotectable_usd=bare.fraction_usd,
        naked_why=trade.naked_why,
        naked_usd_s=bare.naked_usd_s,
    )


def _totals(told: NakedSums) -> TotalsJson:
    return TotalsJson(
        trades=told.trades,
        unpriced=told.unpriced,
        held_usd=told.held_usd,
        at_risk_usd=told.at_risk_usd,
        unprotectable_usd=told.fraction_usd,
        naked_usd=told.naked_usd,
        naked_usd_s=told.naked_usd_s,
    )
