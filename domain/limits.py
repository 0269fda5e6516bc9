"""The owner's limits on what is bought: one function a limit, each with its inputs in words.

A limit of 0 is off and passes.
"""

from datetime import datetime
from decimal import Decimal
from typing import Final

from domain.config import BotConfig
from domain.exposure import DayPnl, Exposure
from domain.market import Asset, Means, Priced, Unpriced
from domain.signals import Check, EntryOrder, Signal, decimal_text

MIN_NOTIONAL: Final = Decimal(1)
"""Alpaca refuses a smaller order: "cost basis must be >= minimal amount of order 1"."""
MOST_NAMED: Final = 20
"""Of a longer list of symbols only the length is told."""

NOT_READ: Final = "not looked up: the signal is refused without it"


def _off(name: str) -> Check:
    return Check(name=name, passed=True, detail="off")


def _usd(amount: Decimal) -> str:
    return f"{decimal_text(amount)} USD"


# --- which stocks -------------------------------------------------------------------------------


def enabled_catalyst_tiers(signal: Signal, config: BotConfig) -> Check:
    enabled = ", ".join(map(str, config.enabled_catalyst_tiers))
    return Check(
        name="enabled_catalyst_tiers",
        passed=signal.catalyst_tier in config.enabled_catalyst_tiers,
        detail=f"tier {signal.catalyst_tier}; enabled: {enabled}",
    )


def allowed_symbols(signal: Signal, config: BotConfig) -> Check:
    allowed = config.allowed_symbols
    if not allowed:
        return _off("allowed_symbols")
    return Check(
        name="allowed_symbols",
        passed=signal.symbol in allowed,
        detail=f"{signal.symbol}; allowed: {_listed(allowed)}",
    )


def denied_symbols(signal: Signal, config: BotConfig) -> Check:
    denied = config.denied_symbols
    if not denied:
        return _off("denied_symbols")
    return Check(
        name="denied_symbols",
        passed=signal.symbol not in denied,
        detail=f"{signal.symbol}; denied: {_listed(denied)}",
    )


def _listed(symbols: tuple[str, ...]) -> str:
    return ", ".join(symbols) if len(symbols) <= MOST_NAMED else f"{len(symbols)} symbols"


def asset(symbol: str, known: Asset | None, *, unknown_symbol: bool) -> Check:
    if unknown_symbol:
        return Check(name="asset", passed=False, detail=f"the broker knows no {symbol}")
    if known is None:
        return Check(name="asset", passed=True, detail=NOT_READ)
    fractions = "in fractions too" if known.fractionable else "in whole shares only"
    tradable = "tradable" if known.tradable else "not tradable"
    return Check(
        name="asset",
        passed=known.can_be_bought,
        detail=f"{symbol} is {known.status} and {tradable}, {fractions}",
    )


# --- at which price -----------------------------------------------------------------------------


def max_share_price_usd(config: BotConfig, price: Priced | Unpriced | None) -> Check:
    limit = config.max_share_price_usd
    if not limit:
        return _off("max_share_price_usd")
    if not isinstance(price, Priced):
        return _unpriced("max_share_price_usd", price)
    return Check(
        name="max_share_price_usd",
        passed=price.price <= limit,
        detail=f"{_usd(price.price)} a share, {_usd(limit)} allowed",
    )


def price_collar_pct(signal: Signal, config: BotConfig, price: Priced | Unpriced | None) -> Check:
    limit, then = config.price_collar_pct, signal.price_at_signal
    if not limit:
        return _off("price_collar_pct")
    if then is None:
        return Check(name="price_collar_pct", passed=True, detail="the signal tells no price to compare with")
    if not isinstance(price, Priced):
        return _unpriced("price_collar_pct", price)
    apart = abs(price.price - then) * 100
    return Check(
        name="price_collar_pct",
        passed=apart <= limit * then,
        detail=(
            f"{_usd(price.price)} now, {_usd(then)} at the signal: "
            f"{apart / then:.2f} % apart, {decimal_text(limit)} % allowed"
        ),
    )


def _unpriced(name: str, price: Unpriced | None) -> Check:
    if price is None:
        return Check(name=name, passed=True, detail=NOT_READ)
    return Check(name=name, passed=False, detail=f"no price of {price.symbol}: {price.why}")


# --- how much -----------------------------------------------------------------------------------


def _cost(order: EntryOrder | None) -> tuple[Decimal, str]:
    """What the order counts for; while its size is not known, whether the smallest there is would fit."""
    if order is None:
        return MIN_NOTIONAL, f"at least {_usd(MIN_NOTIONAL)}"
    return order.cost, _usd(order.cost)


def max_order_notional_usd(config: BotConfig, order: EntryOrder | None) -> Check:
    limit, (cost, told) = config.max_order_notional_usd, _cost(order)
    if not limit:
        return _off("max_order_notional_usd")
    return Check(
        name="max_order_notional_usd",
        passed=cost <= limit,
        detail=f"{told}, {_usd(limit)} allowed an order",
    )


def max_total_exposure_usd(config: BotConfig, exposure: Exposure, order: EntryOrder | None) -> Check:
    limit, (cost, told) = config.max_total_exposure_usd, _cost(order)
    if not limit:
        return _off("max_total_exposure_usd")
    return Check(
        name="max_total_exposure_usd",
        passed=exposure.usd + cost <= limit,
        detail=f"{_usd(exposure.usd)} held or ordered, {told} more, {_usd(limit)} allowed",
    )


def max_concurrent_positions(config: BotConfig, exposure: Exposure) -> Check:
    limit = config.max_concurrent_positions
    if not limit:
        return _off("max_concurrent_positions")
    return Check(
        name="max_concurrent_positions",
        passed=exposure.positions < limit,
        detail=f"{exposure.positions} held or ordered, {limit} allowed",
    )


def buying_power(means: Means | None, exposure: Exposure, order: EntryOrder | None, now: datetime) -> Check:
    """What the broker had left, less what was ordered since."""
    cost, told = _cost(order)
    if means is None:
        return Check(name="buying_power", passed=True, detail="it could not be read")
    if means.buying_power is None:
        return Check(name="buying_power", passed=True, detail="the broker does not tell it")
    age = max(round((now - means.read_at).total_seconds()), 0)
    return Check(
        name="buying_power",
        passed=exposure.ordered_since + cost <= means.buying_power,
        detail=(
            f"{_usd(means.buying_power)} left {age} s ago, {_usd(exposure.ordered_since)} ordered since, "
            f"{told} more"
        ),
    )


# --- how often ----------------------------------------------------------------------------------


def max_orders_per_minute(config: BotConfig, exposure: Exposure) -> Check:
    limit = config.max_orders_per_minute
    if not limit:
        return _off("max_orders_per_minute")
    return Check(
        name="max_orders_per_minute",
        passed=exposure.orders_last_minute < limit,
        detail=f"{exposure.orders_last_minute} buys in the last minute, {limit} allowed",
    )


def max_orders_per_day(config: BotConfig, exposure: Exposure) -> Check:
    limit = config.max_orders_per_day
    if not limit:
        return _off("max_orders_per_day")
    return Check(
        name="max_orders_per_day",
        passed=exposure.orders_today < limit,
        detail=f"{exposure.orders_today} buys today in New York, {limit} allowed",
    )


def symbol_cooldown_sec(signal: Signal, config: BotConfig, exposure: Exposure, now: datetime) -> Check:
    limit, ended_at = config.symbol_cooldown_sec, exposure.last_ended_at
    if not limit:
        return _off("symbol_cooldown_sec")
    if ended_at is None:
        return Check(
            name="symbol_cooldown_sec", passed=True, detail=f"{signal.symbol} has had no trade that ended"
        )
    since = (now - ended_at).total_seconds()
    return Check(
        name="symbol_cooldown_sec",
        passed=since >= limit,
        detail=f"the last trade in {signal.symbol} ended {since:.1f} s ago, {limit} s have to pass",
    )


# --- at which loss ------------------------------------------------------------------------------


def daily_loss_limit_usd(config: BotConfig, today: DayPnl) -> Check:
    limit = config.daily_loss_limit_usd
    if not limit:
        return _off("daily_loss_limit_usd")
    detail = f"{_usd(today.realised)} realised and {_usd(today.open)} open today"
    if today.unpriced:
        detail += f" ({today.unpriced} without a price count as unmoved)"
    return Check(
        name="daily_loss_limit_usd",
        passed=today.total > -limit,
        detail=f"{detail}, {_usd(-limit)} is the limit",
    )
