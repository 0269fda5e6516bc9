"""Which changes of the owner's settings let more risk in: they need a person who means it.

A setting is looser when more may be bought, dearer, at worse prices or times, or when what is held may lose
more or be held longer before it is sold.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from domain.config import BotConfig

Looser = Callable[[Any, Any], bool]
"""Whether the second value is looser than the first."""
POLICIES: Final = ("expire", "hold", "extended_hours")
"""From what buys least to what buys most."""


def _higher(old: Any, new: Any) -> bool:
    return bool(new > old)


def _lower(old: Any, new: Any) -> bool:
    return bool(new < old)


def _higher_or_off(old: Any, new: Any) -> bool:
    return bool(old and (not new or new > old))


def _more(old: tuple[Any, ...], new: tuple[Any, ...]) -> bool:
    return bool(set(new) - set(old))


def _fewer(old: tuple[Any, ...], new: tuple[Any, ...]) -> bool:
    return bool(set(old) - set(new))


def _more_or_all(old: tuple[Any, ...], new: tuple[Any, ...]) -> bool:
    """None named means all."""
    return bool(old and (not new or _more(old, new)))


def _bolder(old: str, new: str) -> bool:
    return POLICIES.index(new) > POLICIES.index(old)


def _other(old: Any, new: Any) -> bool:
    return bool(old != new)


def _given_up(old: bool, new: bool) -> bool:
    return old and not new


LOOSER: Final[Mapping[str, Looser]] = {
    "trade_size_stars_3": _higher,
    "trade_size_stars_4": _higher,
    "trade_size_stars_5": _higher,
    "enabled_catalyst_tiers": _more,
    "allowed_symbols": _more_or_all,
    "denied_symbols": _fewer,
    "max_share_price_usd": _higher_or_off,
    "price_collar_pct": _higher_or_off,
    "max_order_notional_usd": _higher_or_off,
    "max_orders_per_minute": _higher_or_off,
    "max_orders_per_day": _higher_or_off,
    "max_concurrent_positions": _higher_or_off,
    "max_total_exposure_usd": _higher_or_off,
    "symbol_cooldown_sec": _lower,
    "daily_loss_limit_usd": _higher_or_off,
    "max_consecutive_refusals": _higher_or_off,
    "max_orders_per_signal_ratio": _higher_or_off,
    "hard_stop_loss_pct": _higher_or_off,
    "trailing_stop_pct": _higher_or_off,
    "trailing_stop_dollar": _higher_or_off,
    "profit_target_pct": _higher_or_off,
    "max_hold_duration_sec": _higher_or_off,
    "close_before_end_min": _lower,
    "price_max_age_sec": _other,  # a price too old sells nothing: so may every price be for a low one
    "protective_stop": _given_up,
    "closed_market_policy": _bolder,
    "no_entries_first_min": _lower,
}
"""By setting, all of them."""


def loosened(old: BotConfig, new: BotConfig) -> tuple[str, ...]:
    """The settings that are looser than they were, in the order in which settings are told."""
    before, after = dict(old), dict(new)
    told = {key for key, looser in LOOSER.items() if looser(before[key], after[key])}
    if old.trailing_stop_dollar and not old.trailing_stop_pct and new.trailing_stop_pct:
        told.add("trailing_stop_pct")  # it takes the place of the one in dollars
    return tuple(key for key in LOOSER if key in told)
