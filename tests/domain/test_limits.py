"""Each limit at its very edge: what still passes, and the next cent, order or second that does not."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import limits
from domain.config import BotConfig
from domain.exposure import DayPnl, Exposure
from domain.market import Means, Priced, Unpriced
from domain.signals import EntryOrder
from tests.domain.builders import NOW, a_signal, dec, later, modestly

PRICE = Priced(symbol="ACME", price=dec("10"), at=NOW)
GONE = Unpriced(symbol="ACME", why="its last trade is 61.0 s old, more than 60 s")


def an_order(cost: str) -> EntryOrder:
    return EntryOrder(notional=dec(cost), cost=dec(cost))


def means(buying_power: str) -> Means:
    return Means(buying_power=dec(buying_power), equity=None, cash=None, read_at=NOW)


EDGES: dict[str, tuple[Any, Any]] = {
    "order": (
        limits.max_order_notional_usd(BotConfig(max_order_notional_usd=dec("100")), an_order("100")),
        limits.max_order_notional_usd(BotConfig(max_order_notional_usd=dec("100")), an_order("100.01")),
    ),
    "exposure": (
        limits.max_total_exposure_usd(BotConfig(), Exposure(usd=dec("900")), an_order("100")),
        limits.max_total_exposure_usd(BotConfig(), Exposure(usd=dec("900")), an_order("100.01")),
    ),
    "positions": (
        limits.max_concurrent_positions(BotConfig(), Exposure(positions=2)),
        limits.max_concurrent_positions(BotConfig(), Exposure(positions=3)),
    ),
    "a minute": (
        limits.max_orders_per_minute(BotConfig(), Exposure(orders_last_minute=9)),
        limits.max_orders_per_minute(BotConfig(), Exposure(orders_last_minute=10)),
    ),
    "a day": (
        limits.max_orders_per_day(BotConfig(), Exposure(orders_today=99)),
        limits.max_orders_per_day(BotConfig(), Exposure(orders_today=100)),
    ),
    "cooldown": (
        limits.symbol_cooldown_sec(a_signal(), BotConfig(), Exposure(last_ended_at=NOW), later(60)),
        limits.symbol_cooldown_sec(a_signal(), BotConfig(), Exposure(last_ended_at=NOW), later(59.999)),
    ),
    "cooldown, by a clock that was set back": (
        limits.symbol_cooldown_sec(a_signal(), BotConfig(), Exposure(), NOW),
        limits.symbol_cooldown_sec(a_signal(), BotConfig(), Exposure(last_ended_at=later(900)), NOW),
    ),
    "loss, reached": (
        limits.daily_loss_limit_usd(BotConfig(), DayPnl(realised=dec("-499.99"))),
        limits.daily_loss_limit_usd(BotConfig(), DayPnl(realised=dec("-500"))),
    ),
    "loss, of both kinds": (
        limits.daily_loss_limit_usd(BotConfig(), DayPnl(realised=dec("-600"), open=dec("100.01"))),
        limits.daily_loss_limit_usd(BotConfig(), DayPnl(realised=dec("-400"), open=dec("-100"))),
    ),
    "buying power": (
        limits.buying_power(means("175"), Exposure(ordered_since=dec("75")), an_order("100"), NOW),
        limits.buying_power(means("174.99"), Exposure(ordered_since=dec("75")), an_order("100"), NOW),
    ),
    "share price": (
        limits.max_share_price_usd(BotConfig(max_share_price_usd=dec("10")), PRICE),
        limits.max_share_price_usd(BotConfig(max_share_price_usd=dec("9.9999")), PRICE),
    ),
    "collar, above": (
        limits.price_collar_pct(
            a_signal(price_at_signal=dec("8")), BotConfig(price_collar_pct=dec("25")), PRICE
        ),
        limits.price_collar_pct(
            a_signal(price_at_signal=dec("7.999999")), BotConfig(price_collar_pct=dec("25")), PRICE
        ),
    ),
    "collar, below": (
        limits.price_collar_pct(
            a_signal(price_at_signal=dec("12.5")), BotConfig(price_collar_pct=dec("20")), PRICE
        ),
        limits.price_collar_pct(
            a_signal(price_at_signal=dec("12.500001")), BotConfig(price_collar_pct=dec("20")), PRICE
        ),
    ),
    "tier": (
        limits.enabled_catalyst_tiers(a_signal(), BotConfig(enabled_catalyst_tiers=(1,))),
        limits.enabled_catalyst_tiers(a_signal(), BotConfig(enabled_catalyst_tiers=(2,))),
    ),
    "allowed": (
        limits.allowed_symbols(a_signal(), BotConfig(allowed_symbols=("KO", "ACME"))),
        limits.allowed_symbols(a_signal(), BotConfig(allowed_symbols=("KO", "ACM"))),
    ),
    "denied": (
        limits.denied_symbols(a_signal(), BotConfig(denied_symbols=("KO", "ACM"))),
        limits.denied_symbols(a_signal(), BotConfig(denied_symbols=("KO", "ACME"))),
    ),
}


@pytest.mark.parametrize("edge", EDGES)
def test_a_limit_passes_up_to_its_edge_and_not_beyond(edge: str) -> None:
    inside, beyond = EDGES[edge]
    assert (inside.passed, beyond.passed) == (True, False)
    assert inside.name == beyond.name
    assert inside.detail
    assert beyond.detail


@pytest.mark.parametrize(
    "check",
    [
        limits.max_share_price_usd(BotConfig(max_share_price_usd=dec("20")), GONE),
        limits.price_collar_pct(a_signal(price_at_signal=dec("10")), BotConfig(), GONE),
    ],
)
def test_without_a_price_a_limit_that_needs_one_fails_and_says_why(check: Any) -> None:
    assert (check.passed, check.detail) == (
        False,
        "no price of ACME: its last trade is 61.0 s old, more than 60 s",
    )


def test_a_long_list_of_symbols_is_not_told_one_by_one() -> None:
    many = tuple(f"A{chr(65 + number)}" for number in range(21))
    assert (
        limits.denied_symbols(a_signal(), BotConfig(denied_symbols=many)).detail == "ACME; denied: 21 symbols"
    )
    assert limits.allowed_symbols(a_signal(), BotConfig(allowed_symbols=many[:2])).detail == (
        "ACME; allowed: AA, AB"
    )


PRICES = st.decimals("0.000000001", "999999999999999999", places=9)


@modestly
@given(PRICES, PRICES, st.decimals("0.000001", "100", places=6))
def test_the_collar_is_the_exact_distance_of_any_two_prices(
    now: Decimal, then: Decimal, limit: Decimal
) -> None:
    signal, config = a_signal(price_at_signal=then), BotConfig(price_collar_pct=limit)
    check = limits.price_collar_pct(signal, config, Priced(symbol="ACME", price=now, at=NOW))
    # In whole numbers, so that nothing is rounded.
    now_n, then_n, limit_n = (int(each.scaleb(9)) for each in (now, then, limit))
    assert check.passed == (abs(now_n - then_n) * 100 * 10**9 <= limit_n * then_n)


def test_a_symbol_that_is_on_both_lists_is_denied() -> None:
    listed = BotConfig(denied_symbols=("ACME",), allowed_symbols=("ACME",))
    assert not limits.denied_symbols(a_signal(), listed).passed
    assert limits.allowed_symbols(a_signal(), listed).passed
