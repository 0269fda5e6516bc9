from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.config import BotConfig
from domain.config_risk import LOOSER, loosened
from domain.settings_text import KEYS
from tests.domain.builders import dec

SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "trade_size_stars_5": st.integers(1, 500).map(lambda n: dec(str(n))),
        "max_total_exposure_usd": st.integers(0, 5000).map(lambda n: dec(str(n))),
        "max_orders_per_day": st.integers(0, 300),
        "hard_stop_loss_pct": st.integers(0, 100).map(lambda n: dec(str(n))),
        "symbol_cooldown_sec": st.integers(0, 300),
        "enabled_catalyst_tiers": st.sets(st.integers(1, 4), min_size=1).map(lambda s: tuple(sorted(s))),
        "allowed_symbols": st.sets(st.sampled_from(["ACME", "KO", "PEP"])).map(lambda s: tuple(sorted(s))),
        "denied_symbols": st.sets(st.sampled_from(["IBM", "XOM"])).map(lambda s: tuple(sorted(s))),
        "protective_stop": st.booleans(),
        "closed_market_policy": st.sampled_from(["expire", "hold", "extended_hours"]),
    },
)


def test_every_setting_has_its_direction() -> None:
    assert tuple(LOOSER) == KEYS


@given(SETTINGS, SETTINGS)
def test_a_change_that_does_not_loosen_loosens_when_it_is_taken_back(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    old, new = BotConfig(**one), BotConfig(**other)
    there, back = loosened(old, new), loosened(new, old)
    for key in KEYS:
        differs = getattr(old, key) != getattr(new, key)
        assert (key in there or key in back) == differs


@given(SETTINGS)
def test_what_stays_loosens_nothing(one: dict[str, Any]) -> None:
    assert loosened(BotConfig(**one), BotConfig(**one)) == ()


@pytest.mark.parametrize(
    ("key", "old", "new", "is_looser"),
    [
        ("max_total_exposure_usd", dec("1000"), dec("0"), True),
        ("max_total_exposure_usd", dec("0"), dec("1000"), False),
        ("max_total_exposure_usd", dec("1000"), dec("1001"), True),
        ("hard_stop_loss_pct", dec("7"), dec("0"), True),
        ("hard_stop_loss_pct", dec("0"), dec("7"), False),
        ("symbol_cooldown_sec", 60, 0, True),
        ("price_max_age_sec", 60, 1, True),
        ("price_max_age_sec", 60, 61, True),
        ("close_before_end_min", 15, 0, True),
        ("allowed_symbols", ("ACME",), (), True),
        ("allowed_symbols", (), ("ACME",), False),
        ("allowed_symbols", ("ACME", "KO"), ("ACME",), False),
        ("denied_symbols", ("ACME",), (), True),
        ("enabled_catalyst_tiers", (1, 2), (1, 3), True),
        ("protective_stop", True, False, True),
        ("closed_market_policy", "expire", "extended_hours", True),
        ("closed_market_policy", "extended_hours", "hold", False),
    ],
)
def test_off_none_and_all_are_where_they_belong(key: str, old: Any, new: Any, is_looser: bool) -> None:
    told = loosened(BotConfig(**{key: old}), BotConfig(**{key: new}))
    assert told == ((key,) if is_looser else ())


def test_a_trailing_stop_that_takes_the_place_of_another_may_be_looser() -> None:
    dollar = BotConfig(trailing_stop_pct=dec("0"), trailing_stop_dollar=dec("0.5"))
    both = BotConfig(trailing_stop_pct=dec("100"), trailing_stop_dollar=dec("0.5"))
    assert loosened(dollar, both) == ("trailing_stop_pct",)
    assert loosened(BotConfig(trailing_stop_pct=dec("0"), trailing_stop_dollar=dec("0")), both) == ()
