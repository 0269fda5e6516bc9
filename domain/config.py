"""What the owner sets while the bot runs; kept in the ledger, read anew for each decision."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from domain.stars import StarSizes
from domain.values import Message, Usd

_Positive = Annotated[Usd, Field(gt=0)]
_NotNegative = Annotated[Usd, Field(ge=0)]
_Percent = Annotated[Decimal, Field(ge=0, le=100, max_digits=9, decimal_places=6)]


class BotConfig(Message):
    """The origin's settings with the origin's defaults. Entry sizing reads the first three."""

    trade_size_stars_3: _Positive = Decimal(50)
    trade_size_stars_4: _Positive = Decimal(75)
    trade_size_stars_5: _Positive = Decimal(100)
    enabled_catalyst_tiers: tuple[int, ...] = (1, 2, 3, 4)
    max_concurrent_positions: Annotated[int, Field(ge=0)] = 3
    daily_loss_limit_usd: _NotNegative = Decimal(500)
    max_share_price_usd: _NotNegative = Decimal(0)
    hard_stop_loss_pct: _Percent = Decimal(7)
    profit_target_pct: _Percent = Decimal(10)
    trailing_stop_pct: _Percent = Decimal(0)
    trailing_stop_dollar: _NotNegative = Decimal(0)
    max_hold_duration_sec: Annotated[int, Field(ge=0)] = 300

    @property
    def star_sizes(self) -> StarSizes:
        """Dollars a signal of three, four and five stars may spend."""
        return StarSizes(
            three=self.trade_size_stars_3, four=self.trade_size_stars_4, five=self.trade_size_stars_5
        )
