"""Settings in words: there and back, everything that is wrong named, and what is told of them is true."""

from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.config import BotConfig, ClosedMarketPolicy
from domain.settings_text import (
    KEYS,
    changed,
    description,
    differences,
    takes,
    texts_of,
    unknown,
    warnings,
)
from tests.domain.builders import dec

DEFAULTS = BotConfig()
NUMBERS = [key for key in KEYS if type(getattr(DEFAULTS, key)) in {int, Decimal}]
OFF_AT_ZERO = [key for key in NUMBERS if not key.startswith("trade_size") and key != "price_max_age_sec"]


def set_to(**texts: str) -> BotConfig:
    done = changed(DEFAULTS, list(texts.items()))
    assert isinstance(done, BotConfig), done
    return done


def faults_of(*changes: tuple[str, str], config: BotConfig = DEFAULTS) -> list[str]:
    found = changed(config, changes)
    assert isinstance(found, tuple), found
    return [str(each) for each in found]


# --- there and back ----------------------------------------------------------------------------------


def dollars(lowest: str) -> st.SearchStrategy[Decimal]:
    return st.decimals(lowest, "999999999999999999.999999999", places=9)


def percent(highest: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(0, highest, places=6)


def symbols(alphabet: str) -> st.SearchStrategy[tuple[str, ...]]:
    name = st.text(alphabet, min_size=1, max_size=6)
    return st.sets(st.one_of(name, name.map(lambda each: each + ".B"))).map(
        lambda found: tuple(sorted(found))
    )


COUNTS = st.integers(0, 1_000_000)
MINUTES = st.integers(0, 390)
TIERS = st.sets(st.integers(1, 4), min_size=1).map(lambda found: tuple(sorted(found)))
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "trade_size_stars_3": dollars("0.000000001"),
    "trade_size_stars_4": dollars("0.000000001"),
    "trade_size_stars_5": dollars("0.000000001"),
    "enabled_catalyst_tiers": TIERS,
    "allowed_symbols": symbols("ABC"),
    "denied_symbols": symbols("XYZ"),
    "max_share_price_usd": dollars("0"),
    "price_collar_pct": percent(100),
    "max_order_notional_usd": dollars("0"),
    "max_orders_per_minute": COUNTS,
    "max_orders_per_day": COUNTS,
    "max_concurrent_positions": COUNTS,
    "max_total_exposure_usd": dollars("0"),
    "symbol_cooldown_sec": COUNTS,
    "daily_loss_limit_usd": dollars("0"),
    "max_consecutive_refusals": COUNTS,
    "max_orders_per_signal_ratio": dollars("0"),
    "hard_stop_loss_pct": percent(100),
    "trailing_stop_pct": percent(100),
    "trailing_stop_dollar": dollars("0"),
    "profit_target_pct": percent(10_000),
    "max_hold_duration_sec": COUNTS,
    "close_before_end_min": MINUTES,
    "price_max_age_sec": st.integers(1, 3600),
    "protective_stop": st.booleans(),
    "closed_market_policy": st.sampled_from(get_args(ClosedMarketPolicy)),
    "no_entries_first_min": MINUTES,
}
CONFIGS = st.builds(BotConfig, **FIELDS)


@given(config=CONFIGS)
def test_what_is_told_of_settings_sets_them_so(config: BotConfig) -> None:
    assert changed(DEFAULTS, list(texts_of(config).items())) == config


@given(old=CONFIGS, new=CONFIGS)
def test_the_differences_make_one_of_the_other(old: BotConfig, new: BotConfig) -> None:
    assert changed(old, [(each.key, each.new) for each in differences(old, new)]) == new
    assert [each.old for each in differences(old, new)] == [each.new for each in differences(new, old)]


@given(changes=st.lists(st.tuples(st.one_of(st.sampled_from(KEYS), st.text()), st.text())))
def test_whatever_is_given_either_is_set_or_has_faults_and_nothing_else_moves(
    changes: list[tuple[str, str]],
) -> None:
    done = changed(DEFAULTS, changes)
    if isinstance(done, tuple):
        assert done
    else:
        assert {each.key for each in differences(DEFAULTS, done)} <= {key for key, _ in changes}
        assert changed(DEFAULTS, list(texts_of(done).items())) == done


def test_no_change_is_none() -> None:
    assert changed(DEFAULTS, []) == DEFAULTS
    assert differences(DEFAULTS, DEFAULTS) == ()


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("trade_size_stars_3", " 62.50 ", dec("62.5")),
        ("hard_stop_loss_pct", "100", dec("100")),
        ("max_concurrent_positions", "007", 7),
        ("protective_stop", "true", True),
        ("protective_stop", "false", False),
        ("closed_market_policy", "extended_hours", "extended_hours"),
        ("enabled_catalyst_tiers", "3, 1,3", (1, 3)),
        ("allowed_symbols", "KO, BRK.B,KO", ("BRK.B", "KO")),
        ("allowed_symbols", "", ()),
        ("denied_symbols", "  ", ()),
    ],
)
def test_a_text_means_this(key: str, text: str, value: object) -> None:
    assert getattr(set_to(**{key: text}), key) == value


def test_the_same_amount_is_the_same_text_however_it_was_written() -> None:
    assert texts_of(set_to(hard_stop_loss_pct="5.500"))["hard_stop_loss_pct"] == "5.5"
    assert (
        set_to(hard_stop_loss_pct="5.500").model_dump_json()
        == set_to(hard_stop_loss_pct="5.5").model_dump_json()
    )


# --- what is wrong -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "text", "fault"),
    [
        ("max_concurrent_positions", "three", "must be a whole number from 0 to 1000000, 0 = off"),
        ("max_concurrent_positions", "-1", "must be a whole number from 0 to 1000000, 0 = off"),
        ("max_concurrent_positions", "1000001", "must be a whole number from 0 to 1000000, 0 = off"),
        ("max_concurrent_positions", "3.0", "must be a whole number from 0 to 1000000, 0 = off"),
        ("max_concurrent_positions", "", "must be a whole number from 0 to 1000000, 0 = off"),
        ("max_concurrent_positions", "٣", "must be a whole number from 0 to 1000000, 0 = off"),
        ("price_max_age_sec", "0", "must be a whole number from 1 to 3600"),
        ("hard_stop_loss_pct", "7%", "must be a number from 0 to 100 with at most 6 decimals, 0 = off"),
        ("hard_stop_loss_pct", "100.01", "must be a number from 0 to 100 with at most 6 decimals, 0 = off"),
        (
            "hard_stop_loss_pct",
            "1.1234567",
            "must be a number from 0 to 100 with at most 6 decimals, 0 = off",
        ),
        ("hard_stop_loss_pct", "NaN", "must be a number from 0 to 100 with at most 6 decimals, 0 = off"),
        ("trade_size_stars_5", "0", "must be a number above 0 and below 10^18 with at most 9 decimals"),
        ("trade_size_stars_5", "1e9", "must be a number above 0 and below 10^18 with at most 9 decimals"),
        ("trade_size_stars_5", "1,000", "must be a number above 0 and below 10^18 with at most 9 decimals"),
        ("trade_size_stars_5", "9" * 19, "must be a number above 0 and below 10^18 with at most 9 decimals"),
        (
            "trade_size_stars_5",
            "9" * 5000,
            "must be a number above 0 and below 10^18 with at most 9 decimals",
        ),
        (
            "trailing_stop_dollar",
            "-0.1",
            "must be a number of 0 or more and below 10^18 with at most 9 decimals, 0 = off",
        ),
        ("protective_stop", "yes", "must be true or false"),
        ("protective_stop", "1", "must be true or false"),
        ("closed_market_policy", "wait", "must be one of expire, hold, extended_hours"),
        ("enabled_catalyst_tiers", "", "must be one or more of 1, 2, 3, 4, separated by commas"),
        ("enabled_catalyst_tiers", "1,5", "must be one or more of 1, 2, 3, 4, separated by commas"),
        ("enabled_catalyst_tiers", "1,,2", "must be one or more of 1, 2, 3, 4, separated by commas"),
        (
            "allowed_symbols",
            "acme",
            "must be symbols in capitals, as ACME or BRK.B, separated by commas; empty = none",
        ),
        (
            "allowed_symbols",
            "ACME;KO",
            "must be symbols in capitals, as ACME or BRK.B, separated by commas; empty = none",
        ),
    ],
)
def test_a_value_that_is_none_is_named_with_what_it_must_be(key: str, text: str, fault: str) -> None:
    assert faults_of((key, text)) == [f"{key} {fault}"]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("max_order_per_day", "did you mean max_orders_per_day?"),
        ("MAX_ORDERS_PER_DAY", "did you mean max_orders_per_day?"),
        ("max-orders-per-day", "did you mean max_orders_per_day?"),
        ("tradeSizeStars3", "did you mean trade_size_stars_3?"),
        ("hardStopLossPct", "did you mean hard_stop_loss_pct?"),
        ("colour", "`config get` lists them all"),
        ("", "`config get` lists them all"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest_known_one(key: str, hint: str) -> None:
    assert faults_of((key, "1")) == [f"{key} is no setting; {hint}"]
    assert [str(each) for each in unknown([key, "protective_stop"])] == [f"{key} is no setting; {hint}"]


def test_an_unknown_name_is_short_and_plain_in_the_answer() -> None:
    [fault] = unknown(["\udcff\n" + "x" * 1000])
    assert fault.key.startswith("\\udcff\\n")
    assert len(fault.key) < 80


def test_all_that_is_wrong_is_told_at_once_in_the_order_given() -> None:
    changes = [
        ("protective_stop", "x"),
        ("nonsense", "1"),
        ("max_orders_per_day", "x"),
        ("protective_stop", "true"),
    ]
    assert [fault.partition(" ")[0] for fault in faults_of(*changes)] == [
        "nonsense",
        "max_orders_per_day",
        "protective_stop",
        "protective_stop",
    ]


def test_a_setting_that_is_given_twice_is_refused_even_with_one_value() -> None:
    assert faults_of(("max_orders_per_day", "5"), ("max_orders_per_day", "5")) == [
        "max_orders_per_day is given twice"
    ]


def test_a_symbol_cannot_be_allowed_and_denied_whichever_came_first() -> None:
    fault = "denied_symbols names ACME, KO, and so does allowed_symbols: a symbol is one or the other"
    allowed = BotConfig(allowed_symbols=("ACME", "KO", "PEP"))
    assert faults_of(("denied_symbols", "KO,ACME"), config=allowed) == [fault]
    denied = BotConfig(denied_symbols=("ACME", "KO", "PEP"))
    assert faults_of(("allowed_symbols", "ACME,KO"), config=denied) == [fault]
    assert changed(allowed, [("denied_symbols", "KO"), ("allowed_symbols", "PEP")]) == BotConfig(
        denied_symbols=("KO",), allowed_symbols=("PEP",)
    )


# --- what is told ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
def test_each_setting_is_described_in_one_line_with_its_default(key: str) -> None:
    told = description(key)
    default = texts_of(DEFAULTS)[key] or "none"
    assert told.endswith(f"; default {default}.")
    assert len(told.splitlines()) == 1
    meaning = told.removesuffix(f"; default {default}.")
    assert len(meaning) > len(takes(key)) + 10
    assert meaning.lower().endswith(takes(key).lower())


@pytest.mark.parametrize("key", NUMBERS)
def test_zero_is_off_exactly_where_that_is_told(key: str) -> None:
    assert ("0 = off" in takes(key)) is (key in OFF_AT_ZERO)
    assert isinstance(changed(DEFAULTS, [(key, "0")]), BotConfig) is (key in OFF_AT_ZERO)


@pytest.mark.parametrize("key", [key for key in NUMBERS if " to " in takes(key)])
def test_the_highest_value_is_as_told(key: str) -> None:
    highest = takes(key).partition(" to ")[2].split(" ")[0].rstrip(",")
    assert getattr(set_to(**{key: highest}), key) == int(highest)
    assert faults_of((key, str(int(highest) + 1)))


# --- what may not be meant ---------------------------------------------------------------------------

WAYS_OUT = {
    "hard_stop_loss_pct": "0",
    "profit_target_pct": "0",
    "max_hold_duration_sec": "0",
    "close_before_end_min": "0",
}


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (
            {"max_order_notional_usd": "99.99"},
            ["trade_size_stars_5 (100) is above max_order_notional_usd (99.99): no signal of 5 stars trades"],
        ),
        (
            {"max_total_exposure_usd": "75", "max_order_notional_usd": "0"},
            ["trade_size_stars_5 (100) is above max_total_exposure_usd (75): no signal of 5 stars trades"],
        ),
        (
            {"trade_size_stars_3": "0.99"},
            ["trade_size_stars_3 (0.99) is below the broker's minimum of 1: no signal of 3 stars trades"],
        ),
        (
            {"trailing_stop_pct": "2", "trailing_stop_dollar": "1"},
            ["trailing_stop_pct is set, so trailing_stop_dollar does not count"],
        ),
        (WAYS_OUT, ["every way out is off: nothing that is bought is ever sold"]),
        (WAYS_OUT | {"trailing_stop_dollar": "1"}, []),
        (
            {"no_entries_first_min": "375"},
            ["no_entries_first_min and close_before_end_min leave no minute of the day to buy in"],
        ),
        ({"no_entries_first_min": "374"}, []),
        (
            {"max_orders_per_signal_ratio": "2"},
            ["max_orders_per_signal_ratio (2) halts everything soon: a trade takes 2 at least"],
        ),
        ({"max_orders_per_signal_ratio": "2.1"}, []),
        (
            {"max_orders_per_signal_ratio": "2.1", "protective_stop": "true"},
            ["max_orders_per_signal_ratio (2.1) halts everything soon: a trade takes 3 at least"],
        ),
        ({"max_orders_per_signal_ratio": "0", "max_order_notional_usd": "0"}, []),
        ({"hard_stop_loss_pct": "100", "max_order_notional_usd": "100"}, []),
    ],
)
def test_what_is_allowed_and_may_not_be_meant_is_told(texts: dict[str, str], told: list[str]) -> None:
    assert list(warnings(set_to(**texts))) == told


def test_nothing_is_to_be_said_of_the_defaults() -> None:
    assert warnings(DEFAULTS) == ()
