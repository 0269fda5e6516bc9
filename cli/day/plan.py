"""A trading day for play: which day, how many signals, by which settings, and what can happen in it.

Everything in it follows from the plan alone: the same plan is the same day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from domain.config import BotConfig
from domain.market import NEW_YORK
from domain.values import in_utc
from settings import ConfigurationError

ORDINARY: Final = date(2026, 11, 12)
SIGNALS: Final = 500
SEED: Final = 7
STARTS: Final = time(9, 15)
"""In New York: before the open, so that some signals come too early."""
AFTER_CLOSE: Final = timedelta(minutes=10)
"""And so long after the close, so that some come too late."""

CONFIG: Final = BotConfig(
    enabled_catalyst_tiers=(1, 2, 3),
    denied_symbols=("GME",),
    max_share_price_usd=Decimal(500),
    max_orders_per_minute=4,
    max_orders_per_day=400,
    max_concurrent_positions=7,
    max_total_exposure_usd=Decimal(650),
    symbol_cooldown_sec=600,
    hard_stop_loss_pct=Decimal(4),
    trailing_stop_pct=Decimal("1.8"),
    profit_target_pct=Decimal(5),
    max_hold_duration_sec=900,
    closed_market_policy="hold",
    no_entries_first_min=2,
)
"""So tight that every limit and every reason to sell has its turn within the day; the rest is as it comes."""


@dataclass(frozen=True, kw_only=True)
class DayPlan:
    """`opens_at` and `closes_at` are the exchange's; use `plan_of`."""

    day: date
    opens_at: datetime
    closes_at: datetime
    signals: int = SIGNALS
    seed: int = SEED

    @property
    def starts_at(self) -> datetime:
        return in_utc(datetime.combine(self.day, STARTS, NEW_YORK))

    @property
    def opens_s(self) -> int:
        """Seconds from the start to the open."""
        return round((self.opens_at - self.starts_at).total_seconds())

    @property
    def closes_s(self) -> int:
        return round((self.closes_at - self.starts_at).total_seconds())

    @property
    def ends_s(self) -> int:
        return self.closes_s + round(AFTER_CLOSE.total_seconds())


def plan_of(day: date = ORDINARY, *, signals: int = SIGNALS, seed: int = SEED) -> DayPlan:
    """The plan of a market day; raises ConfigurationError for a day on which nothing is traded."""
    from simulator.calendar import Calendar
    from simulator.settings import SimulatorSettings, Switchboard

    calendar = Calendar(Switchboard(SimulatorSettings(hours="new_york")))
    session = next(calendar.sessions(day, day), None)
    if session is None:
        raise ConfigurationError(f"--date {day} is no market day: the exchange is closed, name another one")
    opens_at, closes_at = (
        in_utc(datetime.combine(day, each, NEW_YORK)) for each in (session.open, session.close)
    )
    return DayPlan(day=day, opens_at=opens_at, closes_at=closes_at, signals=signals, seed=seed)


# --- what happens in it ---------------------------------------------------------------------------
# `at_s`: seconds from the day's start.


@dataclass(frozen=True, kw_only=True)
class SendSignal:
    """A signal comes; `fields` as the API takes them, but for the time of its issue, which is now."""

    at_s: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class OwnOrder:
    """The account's owner buys or sells shares of their own, past the bot."""

    at_s: int
    symbol: str
    side: str
    qty: str


@dataclass(frozen=True, kw_only=True)
class SellByHand:
    """The owner sells, past the bot, all that one of its trades holds."""

    at_s: int


@dataclass(frozen=True, kw_only=True)
class CloseTrade:
    """The owner has the bot close one of its trades; `refused`: the broker says no at first."""

    at_s: int
    refused: bool = False


DayEvent = SendSignal | OwnOrder | SellByHand | CloseTrade
