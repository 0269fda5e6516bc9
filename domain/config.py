"""What the owner sets while the bot runs; kept in the ledger, read anew for each decision.

0 turns a limit off. A limit that is absent or makes no sense is an error, never "no limit".
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

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
    """The origin's settings have the origin's defaults; the others are for an account of 5,000 USD.

    The text below a setting is its description for the owner, who reads beside it what values it takes.
    """

    model_config = ConfigDict(use_attribute_docstrings=True)

    # --- how much ---
    trade_size_stars_3: _Positive = Decimal(50)
    """Dollars for a signal of three stars."""
    trade_size_stars_4: _Positive = Decimal(75)
    """Dollars for a signal of four stars."""
    trade_size_stars_5: _Positive = Decimal(100)
    """Dollars for a signal of five stars."""

    # --- what may be bought ---
    enabled_catalyst_tiers: Annotated[tuple[_Tier, ...], Field(min_length=1)] = (1, 2, 3, 4)
    """Signals of these catalyst tiers may trade."""
    allowed_symbols: tuple[Symbol, ...] = ()
    """Only these are bought; none named: all."""
    denied_symbols: tuple[Symbol, ...] = ()
    """These are never bought."""
    max_share_price_usd: _NotNegative = Decimal(0)
    """Dollars a share: what costs more is not bought."""
    price_collar_pct: _Percent = Decimal(5)
    """How far the latest price may be from the signal's, in percent: beyond that the news is in the price."""

    # --- how much risk ---
    max_order_notional_usd: _NotNegative = Decimal(250)
    """Dollars that one order may spend. A twentieth of the account: more is a slip of the finger."""
    max_orders_per_minute: _Count = 10
    """Orders to buy that may leave within a minute."""
    max_orders_per_day: _Count = 100
    """Orders to buy that may leave in New York's day."""
    max_concurrent_positions: _Count = 3
    """Trades that may be open at once."""
    max_total_exposure_usd: _NotNegative = Decimal(1000)
    """Dollars that may be in open trades, all together. A fifth of the account."""
    symbol_cooldown_sec: _Count = 60
    """Seconds after a trade ended, before its symbol is bought again: one rumour, one trade."""
    daily_loss_limit_usd: _NotNegative = Decimal(500)
    """Dollars lost, realised and open, in New York's day; reaching it halts everything."""
    max_consecutive_refusals: _Count = 5
    """So many buys refused one after the other halt everything: retrying mends nothing then."""
    max_orders_per_signal_ratio: _NotNegative = Decimal(5)
    """A trade takes two orders, and more when sells are refused; this many, on average over the last hour,
    halt everything."""

    # --- when to sell ---
    hard_stop_loss_pct: _Percent = Decimal(7)
    """Percent below its entry price at which a trade is sold."""
    trailing_stop_pct: _Percent = Decimal(0)
    """Percent below its best price since the entry at which a trade is sold."""
    trailing_stop_dollar: _NotNegative = Decimal(0)
    """The same in dollars a share; with trailing_stop_pct set, that one counts."""
    profit_target_pct: Annotated[Decimal, Field(ge=0, le=10_000, max_digits=11, decimal_places=6)] = Decimal(
        10
    )
    """Percent above its entry price at which a trade is sold."""
    max_hold_duration_sec: _Count = 300
    """Seconds after which a trade is sold."""
    close_before_end_min: Annotated[int, Field(ge=0, le=390)] = 15
    """Minutes before the day's close at which everything is sold, and from which on nothing is bought."""
    price_max_age_sec: Annotated[int, Field(ge=1, le=3600)] = 60
    """Seconds: an older price is none."""
    protective_stop: bool = False
    """Keep a stop order at the broker for the whole shares of each trade."""

    # --- the trading day ---
    closed_market_policy: ClosedMarketPolicy = "expire"
    """What becomes of a signal that comes while the market is closed: it expires, it waits for the open as
    long as it lives, or it is bought in extended hours."""
    no_entries_first_min: Annotated[int, Field(ge=0, le=390)] = 0
    """Minutes after the day's open in which nothing is bought."""

    @property
    def star_sizes(self) -> StarSizes:
        """Dollars a signal of three, four and five stars may spend."""
        return StarSizes(
            three=self.trade_size_stars_3, four=self.trade_size_stars_4, five=self.trade_size_stars_5
        )
