"""How much of each limit is used: the numbers that the plan's transaction counts, beside what is allowed."""

from decimal import Decimal
from typing import Literal

from domain.config import BotConfig
from domain.exposure import Exposure
from domain.market import Means
from domain.values import ZERO, Message

Unit = Literal["usd", "count", "ratio", "pct", "s"]


class LimitUse(Message):
    """One limit. `limit` None: it is off. `used` None: it is asked of each order alone."""

    name: str
    text: str
    unit: Unit
    limit: Decimal | None
    used: Decimal | None
    breaker: bool = False
    """Reaching it halts everything."""

    @property
    def left(self) -> Decimal | None:
        """What may still be used; None: that means nothing here."""
        if self.limit is None or self.used is None:
            return None
        return max(ZERO, self.limit - self.used)

    @property
    def used_pct(self) -> Decimal | None:
        """Percent of the limit, to a tenth."""
        if not self.limit or self.used is None:
            return None
        return (self.used * 100 / self.limit).quantize(Decimal("0.1"))

    @property
    def reached(self) -> bool:
        """Whether nothing more fits."""
        return self.limit is not None and self.used is not None and self.used >= self.limit


def limit_uses(
    config: BotConfig,
    exposure: Exposure,
    means: Means | None,
    *,
    refusals: int,
    orders_a_trade: Decimal,
) -> tuple[LimitUse, ...]:
    """`exposure`: with everything counted, for limits that are off too. `refusals`: of buys, in a row."""
    power = None if means is None else means.buying_power
    return (
        _use(config, "max_total_exposure_usd", "usd", exposure.usd, "Dollars in open trades"),
        _use(config, "max_concurrent_positions", "count", exposure.positions, "Trades open at once"),
        _use(config, "max_orders_per_minute", "count", exposure.orders_last_minute, "Buys within a minute"),
        _use(config, "max_orders_per_day", "count", exposure.orders_today, "Buys in New York's day"),
        _use(
            config,
            "daily_loss_limit_usd",
            "usd",
            max(ZERO, -exposure.today.total),
            "Lost today",
            breaker=True,
        ),
        _use(config, "max_consecutive_refusals", "count", refusals, "Buys refused in a row", breaker=True),
        _use(
            config,
            "max_orders_per_signal_ratio",
            "ratio",
            orders_a_trade,
            "Orders a trade took on average, over the last hour",
            breaker=True,
        ),
        LimitUse(
            name="buying_power",
            text="Ordered since the account's buying power was read",
            unit="usd",
            limit=power,
            used=None if power is None else exposure.ordered_since,
        ),
        _use(config, "max_order_notional_usd", "usd", None, "Dollars that one order may spend"),
        _use(config, "max_share_price_usd", "usd", None, "Dollars a share may cost"),
        _use(config, "price_collar_pct", "pct", None, "How far the price may have moved since the signal"),
        _use(config, "symbol_cooldown_sec", "s", None, "Seconds before a symbol is bought again"),
    )


def all_counted(config: BotConfig) -> BotConfig:
    """The settings with every limit on, so that everything is counted that a limit could ask for."""
    one = Decimal(1)
    return config.having(
        {
            "max_total_exposure_usd": one,
            "max_concurrent_positions": 1,
            "max_orders_per_minute": 1,
            "max_orders_per_day": 1,
            "daily_loss_limit_usd": one,
        }
    )


def _use(
    config: BotConfig, name: str, unit: Unit, used: Decimal | int | None, text: str, *, breaker: bool = False
) -> LimitUse:
    limit = Decimal(getattr(config, name))
    return LimitUse(
        name=name,
        text=text,
        unit=unit,
        limit=limit or None,
        used=None if used is None else Decimal(used),
        breaker=breaker,
    )
