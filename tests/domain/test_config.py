from decimal import Decimal

import pytest
from pydantic import ValidationError

from domain.config import BotConfig


def test_the_defaults_are_the_origins_where_it_has_one() -> None:
    origins: dict[str, object] = {
        "trade_size_stars_3": 50,
        "trade_size_stars_4": 75,
        "trade_size_stars_5": 100,
        "enabled_catalyst_tiers": (1, 2, 3, 4),
        "max_concurrent_positions": 3,
        "daily_loss_limit_usd": 500,
        "max_share_price_usd": 0,
        "hard_stop_loss_pct": 7,
        "profit_target_pct": 10,
        "trailing_stop_pct": 0,
        "trailing_stop_dollar": 0,
        "max_hold_duration_sec": 300,
    }
    assert {name: value for name, value in BotConfig().model_dump().items() if name in origins} == origins


@pytest.mark.parametrize("size", ["0", "-1", "-0.01"])
def test_a_trade_size_is_more_than_nothing(size: str) -> None:
    with pytest.raises(ValidationError, match="trade_size_stars_3"):
        BotConfig(trade_size_stars_3=Decimal(size))


@pytest.mark.parametrize("percent", ["-1", "100.000001"])
def test_a_percentage_lies_between_nothing_and_all(percent: str) -> None:
    with pytest.raises(ValidationError, match="hard_stop_loss_pct"):
        BotConfig(hard_stop_loss_pct=Decimal(percent))
