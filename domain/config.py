"""What the owner sets while the bot runs; kept in the ledger, read anew for each decision.

0 turns a limit off. A limit that is absent or makes no sense is an error, never "no limit".
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from domain.signals import Symbol
from domain.stars import StarSizes
from domain.values import Message, Usd

_Positive = Annotated[Usd, Field(gt=0)]
_NotNegative = Annotated[Usd, Field(ge=0)]
_Percent = Annotated[Decimal, Field(ge=0, le=100, max_digits=9, decimal_places=6)]
_Count = Annotated[int, Field(ge=0, le=1_000_000)]
_Tier = Annotated[int, Field(ge=1, le=4)]
ClosedMarketPolicy = Literal["expire", "hold", "extended_hours"]


class BotConfig(Message):
    """The origin's settings have the origin's defaults; the others are for an account of 5,000 USD."""

    # --- how much ---
    trade_size_stars_3: _Positive = Decimal(50)
    trade_size_stars_4: _Positive = Decimal(75)
    trade_size_stars_5: _Positive = Decimal(100)

    # --- what may be bought ---
    enabled_catalyst_tiers: Annotated[tuple[_Tier, ...], Field(min_length=1)] = (1, 2, 3, 4)
    allowed_symbols: tuple[Symbol, ...] = ()
    """Only these; none named: all."""
    denied_symbols: tuple[Symbol, ...] = ()
    max_share_price_usd: _NotNegative = Decimal(0)
    price_collar_pct: _Percent = Decimal(5)
    """How far the latest price may be from the signal's: beyond that the news is in the price."""

    # --- how much risk ---
    max_order_notional_usd: _NotNegative = Decimal(250)
    """A twentieth of the account: more in one order is a slip of the finger."""
    max_orders_per_minute: _Count = 10
    max_orders_per_day: _Count = 100
    max_concurrent_positions: _Count = 3
    max_total_exposure_usd: _NotNegative = Decimal(1000)
    """A fifth of the account."""
    symbol_cooldown_sec: _Count = 60
    """After a trade ended, before its symbol is bought again: one rumour, one trade."""
    daily_loss_limit_usd: _NotNegative = Decimal(500)
    """Realised and open, in New York's day; reaching it halts everything."""
    max_consecutive_refusals: _Count = 5
    """So many buys refused one after the other halt everything: retrying mends nothing then."""
    max_orders_per_signal_ratio: _NotNegative = Decimal(5)
    """A trade takes two orders, and more when sells are refused; this many, on average over the last hour,
    halt everything."""

    # --- when to sell ---
    hard_stop_loss_pct: _Percent = Decimal(7)
    trailing_stop_pct: _Percent = Decimal(0)
    trailing_stop_dollar: _NotNegative = Decimal(0)
    profit_target_pct: Annotated[Decimal, Field(ge=0, le=10_000, max_digits=11, decimal_places=6)] = Decimal(
        10
    )
    max_hold_duration_sec: _Count = 300
    close_before_end_min: Annotated[int, Field(ge=0, le=390)] = 15
    """Minutes before the day's close at which everything is sold."""
    price_max_age_sec: Annotated[int, Field(ge=1, le=3600)] = 60
    """An older price is none."""
    protective_stop: bool = False
    """Keep a stop order at the broker for the whole shares of each trade."""

    # --- the trading day ---
    closed_market_policy: ClosedMarketPolicy = "expire"
    """What becomes of a signal that comes while the market is closed."""
    no_entries_first_min: Annotated[int, Field(ge=0, le=390)] = 0

    @property
    def star_sizes(self) -> StarSizes:
        """Dollars a signal of three, four and five stars may spend."""
        return StarSizes(
            three=self.trade_size_stars_3, four=self.trade_size_stars_4, five=self.trade_size_stars_5
        )
