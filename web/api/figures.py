"""`/api/stars`, `/limits`, `/equity`: what trading has brought, and how far it may go."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final

from fastapi import APIRouter, Query

from domain.limit_use import LimitUse, limit_uses
from domain.performance import StarSums
from domain.values import ZERO, Message
from persistence.queries.figures import everything
from web.api.figures_views import MOST_POINTS, PointJson, StarJson, points_json, star_json
from web.api.paging import Since, Until
from web.api.views import Amount, Time
from web.bot import Bot

RATINGS: Final = (5, 4, 3)


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


class EquityJson(Message):
    """Oldest first."""

    points: tuple[PointJson, ...]


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
                star_json(each, sums.stars.get(each, StarSums()), standing.get(each, 0)) for each in seen
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
        return EquityJson(points=points_json(figures, first, last, points))

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
