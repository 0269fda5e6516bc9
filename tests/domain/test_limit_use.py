from decimal import Decimal

import pytest

from domain.config import BotConfig
from domain.exposure import DayPnl, Exposure
from domain.limit_use import LimitUse, all_counted, limit_uses
from tests.domain.builders import UNLIMITED, dec


def uses(config: BotConfig, **counted: object) -> dict[str, LimitUse]:
    exposure = Exposure().having(counted)
    told = limit_uses(config, exposure, None, refusals=2, orders_a_trade=dec("2.5"))
    return {each.name: each for each in told}


def test_what_is_left_is_the_limit_less_what_is_used_and_never_negative() -> None:
    told = uses(BotConfig(), usd=dec("250"))["max_total_exposure_usd"]
    assert (told.left, told.used_pct, told.reached) == (dec("750"), dec("25"), False)
    told = uses(BotConfig(), usd=dec("1200"))["max_total_exposure_usd"]
    assert (told.left, told.used_pct, told.reached) == (dec("0"), dec("120"), True)


def test_a_limit_that_is_off_is_used_all_the_same_and_never_reached() -> None:
    told = uses(UNLIMITED, orders_today=7)["max_orders_per_day"]
    assert (told.limit, told.used, told.left, told.reached) == (None, Decimal(7), None, False)


@pytest.mark.parametrize(("realised", "used"), [("-12", "12"), ("12", "0")])
def test_only_a_loss_uses_the_days_limit(realised: str, used: str) -> None:
    told = uses(BotConfig(), today=DayPnl(realised=dec(realised)))["daily_loss_limit_usd"]
    assert (told.used, told.breaker) == (dec(used), True)


def test_every_limit_that_a_plan_counts_is_counted_although_it_is_off() -> None:
    on = all_counted(UNLIMITED)
    assert all(
        getattr(on, name)
        for name in (
            "max_total_exposure_usd",
            "max_concurrent_positions",
            "max_orders_per_minute",
            "max_orders_per_day",
            "daily_loss_limit_usd",
        )
    )


def test_buying_power_that_nobody_told_is_no_limit() -> None:
    assert uses(BotConfig())["buying_power"].limit is None
