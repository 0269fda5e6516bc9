from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.config import BotConfig
from domain.exits import (
    PRICE_RULES,
    Exit,
    Hold,
    Rule,
    decide_exit,
    peak_of,
    ways_out,
)
from domain.market import Priced, Unpriced
from domain.trades import TradeRecord, TradeStatus
from tests.domain.builders import A_DAY, NOW, a_trade, dec, later, modestly

OFF: dict[str, Any] = {
    "hard_stop_loss_pct": dec("0"),
    "trailing_stop_pct": dec("0"),
    "trailing_stop_dollar": dec("0"),
    "profit_target_pct": dec("0"),
    "max_hold_duration_sec": 0,
    "close_before_end_min": 0,
}
STALE = Unpriced(symbol="ACME", why="its last trade is 61.0 s old, more than 60 s")
CLOSES_AT = A_DAY.closes_at


def rules(**on: Any) -> BotConfig:
    """Only these rules are on."""
    return BotConfig(**(OFF | on))


def holding(**changes: Any) -> TradeRecord:
    """Ten shares at 100 dollars, bought at NOW."""
    given_: dict[str, Any] = {
        "status": TradeStatus.OPEN,
        "shares": dec("10"),
        "entry_price": dec("100"),
        "entry_at": NOW,
    }
    return a_trade(**(given_ | changes))


def at(price: str | Decimal) -> Priced:
    return Priced(symbol="ACME", price=Decimal(price), at=NOW)


def decided(
    config: BotConfig,
    price: str | Priced | Unpriced,
    *,
    after_s: float = 60,
    closes_at: datetime | None = CLOSES_AT,
    **trade: Any,
) -> str | None:
    """The rule that sells; None: it is held."""
    price = at(price) if isinstance(price, str) else price
    decision = decide_exit(holding(**trade), price, config, later(after_s), closes_at=closes_at)
    return decision.rule if isinstance(decision, Exit) else None


# --- each rule alone ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "holds", "sells", "rule"),
    [
        ({"hard_stop_loss_pct": dec("7")}, "93.0001", "93", "hard_stop"),
        ({"hard_stop_loss_pct": dec("0.000001")}, "100", "99.999999", "hard_stop"),
        ({"trailing_stop_pct": dec("5")}, "95.0001", "95", "trailing_stop"),
        ({"trailing_stop_dollar": dec("2.5")}, "97.5001", "97.5", "trailing_stop"),
        ({"profit_target_pct": dec("10")}, "109.9999", "110", "profit_target"),
        ({"profit_target_pct": dec("250")}, "349.9999", "350", "profit_target"),
    ],
)
def test_a_price_rule_sells_exactly_at_its_limit(
    on: dict[str, Any], holds: str, sells: str, rule: Rule
) -> None:
    assert decided(rules(**on), holds) is None
    assert decided(rules(**on), sells) == rule


def test_the_trailing_stop_follows_the_peak() -> None:
    config = rules(trailing_stop_pct=dec("5"))
    assert decided(config, "114.0001", peak_price=dec("120")) is None
    assert decided(config, "114", peak_price=dec("120")) == "trailing_stop"


def test_of_both_trailing_stops_the_percent_counts() -> None:
    config = rules(trailing_stop_pct=dec("5"), trailing_stop_dollar=dec("1"))
    assert decided(config, "98") is None
    assert decided(config, "95") == "trailing_stop"


def test_a_trailing_stop_of_more_dollars_than_the_price_never_sells() -> None:
    assert decided(rules(trailing_stop_dollar=dec("200")), "0.0001") is None


@pytest.mark.parametrize(("after_s", "rule"), [(299.999, None), (300, "time_exit"), (86_400, "time_exit")])
def test_the_longest_holding_time_sells_when_it_is_over(after_s: float, rule: Rule | None) -> None:
    assert decided(rules(max_hold_duration_sec=300), "100", after_s=after_s) == rule


@pytest.mark.parametrize(
    "closes_at", [CLOSES_AT, CLOSES_AT - timedelta(hours=3)], ids=["a whole day", "a half day"]
)
def test_what_is_held_is_sold_before_the_days_own_close(closes_at: datetime) -> None:
    config = rules(close_before_end_min=15)
    begins = (closes_at - timedelta(minutes=15) - NOW).total_seconds()
    assert decided(config, "100", after_s=begins - 0.001, closes_at=closes_at) is None
    assert decided(config, "100", after_s=begins, closes_at=closes_at) == "force_close_eod"


def test_while_the_market_is_closed_no_day_ends() -> None:
    assert decided(rules(close_before_end_min=390), "100", closes_at=None) is None


def test_a_rule_that_is_off_never_sells() -> None:
    for price in ("0.0001", "100", "1000000"):
        assert decided(rules(), price, after_s=10**9, closes_at=NOW, peak_price=dec("1000000")) is None
    assert ways_out(holding(), at("1"), rules(), later(60), closes_at=CLOSES_AT) == ()


# --- which of several -----------------------------------------------------------------------------

WOULD_SELL: dict[Rule, dict[str, Any]] = {
    "hard_stop": {"hard_stop_loss_pct": dec("7")},
    "trailing_stop": {"trailing_stop_pct": dec("5")},
    "profit_target": {"profit_target_pct": dec("10")},
    "time_exit": {"max_hold_duration_sec": 30},
    "force_close_eod": {"close_before_end_min": 390},
}
"""In the order in which they decide."""


@pytest.mark.parametrize(("first", "second"), list(combinations(WOULD_SELL, 2)))
def test_of_two_rules_that_apply_the_one_that_comes_first_sells(first: Rule, second: Rule) -> None:
    both = rules(**WOULD_SELL[first], **WOULD_SELL[second])
    # Down from a peak; only for the profit target the price has to be above the one that was paid.
    price, peak = ("111", "120") if "profit_target" in {first, second} else ("90", "100")
    changes: dict[str, Any] = {"peak_price": dec(peak)}
    if {first, second} == {"hard_stop", "profit_target"}:
        changes["entry_price"] = dec("120")  # no price is both, so the stop decides alone
    for alone in (first, second):
        expected = alone if (alone, changes.get("entry_price")) != ("profit_target", dec("120")) else None
        assert decided(rules(**WOULD_SELL[alone]), price, **changes) == expected
    assert decided(both, price, **changes) == first


def test_all_rules_stand_in_their_order() -> None:
    every = rules(**{name: value for on in WOULD_SELL.values() for name, value in on.items()})
    ways = ways_out(holding(), at("100"), every, NOW, closes_at=CLOSES_AT)
    assert [way.rule for way in ways] == list(WOULD_SELL)


# --- without a price ------------------------------------------------------------------------------


def test_without_a_fresh_price_no_price_rule_sells_but_time_and_the_days_end_do() -> None:
    prices = rules(**WOULD_SELL["hard_stop"], **WOULD_SELL["trailing_stop"], **WOULD_SELL["profit_target"])
    assert decided(prices, STALE, peak_price=dec("1000")) is None
    assert decided(rules(**WOULD_SELL["time_exit"]), STALE) == "time_exit"
    assert decided(rules(**WOULD_SELL["force_close_eod"]), STALE) == "force_close_eod"


@pytest.mark.parametrize(
    "nothing_paid",
    [{"entry_price": None}, {"shares": None, "entry_price": None}, {"split": dec("-10")}],
    ids=["no entry price", "no shares", "all gone in a split"],
)
def test_without_an_entry_price_only_time_and_the_days_end_sell(nothing_paid: dict[str, Any]) -> None:
    every = rules(**{name: value for on in WOULD_SELL.values() for name, value in on.items()})
    trade = holding(peak_price=dec("100"), **nothing_paid)
    for price in (at("0.0001"), at("1000000"), STALE):
        decision = decide_exit(trade, price, every, later(30), closes_at=CLOSES_AT)
        assert isinstance(decision, Exit)
        assert decision.rule == "time_exit"
        ways = ways_out(trade, price, every, later(30), closes_at=CLOSES_AT)
        assert [way.rule for way in ways] == ["time_exit", "force_close_eod"]


def test_a_trade_that_was_never_filled_has_no_holding_time() -> None:
    assert decided(rules(max_hold_duration_sec=1), "100", entry_at=None) is None


def test_a_split_moves_every_limit_with_the_price() -> None:
    """Twice the shares at half the price are worth the same, and nothing sells them."""
    config = rules(**WOULD_SELL["hard_stop"], **WOULD_SELL["profit_target"], **WOULD_SELL["trailing_stop"])
    after: dict[str, Any] = {"split": dec("10"), "peak_price": None}
    assert decided(config, "50", **after) is None
    assert decided(config, "46.5", **after) == "hard_stop"
    assert decided(config, "55", **after) == "profit_target"


# --- what it says ---------------------------------------------------------------------------------


def test_a_way_out_says_at_what_price_and_how_far_that_is() -> None:
    config = rules(hard_stop_loss_pct=dec("7"), profit_target_pct=dec("10"), max_hold_duration_sec=300)
    stop, target, time = ways_out(holding(), at("100"), config, later(60), closes_at=CLOSES_AT)
    assert (stop.price, stop.away_pct, stop.applies) == (dec("93"), dec("-7.00"), False)
    assert (target.price, target.away_pct) == (dec("110"), dec("10.00"))
    assert (time.price, time.at) == (None, later(300))


def test_without_a_fresh_price_it_is_not_known_how_far_a_way_out_is() -> None:
    [stop] = ways_out(holding(), STALE, rules(hard_stop_loss_pct=dec("7")), NOW, closes_at=CLOSES_AT)
    assert (stop.price, stop.away_pct, stop.applies) == (dec("93"), None, False)


def test_a_limit_is_shown_as_the_first_price_that_sells() -> None:
    """Prices have four decimals at most; rounded to the nearest, a limit could be one that holds still."""
    config = rules(hard_stop_loss_pct=dec("7.00005"), profit_target_pct=dec("10.00005"))
    stop, target = ways_out(holding(), at("100"), config, NOW, closes_at=CLOSES_AT)
    assert (stop.price, target.price) == (dec("92.9999"), dec("110.0001"))


@pytest.mark.parametrize(
    ("on", "price", "said"),
    [
        (WOULD_SELL["hard_stop"], at("92.5"), "at 92.5 it reached 93, bought at 100"),
        (WOULD_SELL["time_exit"], STALE, "held for 60 s"),
        (WOULD_SELL["force_close_eod"], STALE, "the day's session is about to end"),
    ],
)
def test_an_exit_says_why_in_words(on: dict[str, Any], price: Priced | Unpriced, said: str) -> None:
    decision = decide_exit(holding(), price, rules(**on), later(60), closes_at=CLOSES_AT)
    assert isinstance(decision, Exit)
    assert decision.detail == said


# --- whatever the numbers -------------------------------------------------------------------------

pcts = st.decimals(min_value=0, max_value=100, places=3)
amounts = st.decimals(min_value="0.0001", max_value=10_000, places=4)


@st.composite
def configs(draw: st.DrawFn) -> BotConfig:
    return rules(
        hard_stop_loss_pct=draw(pcts),
        trailing_stop_pct=draw(st.just(Decimal(0)) | pcts),
        trailing_stop_dollar=draw(st.just(Decimal(0)) | amounts),
        profit_target_pct=draw(st.decimals(min_value=0, max_value=10_000, places=3)),
        max_hold_duration_sec=draw(st.integers(0, 1000)),
        close_before_end_min=draw(st.integers(0, 390)),
    )


@st.composite
def trades(draw: st.DrawFn) -> TradeRecord:
    return holding(
        entry_price=draw(st.none() | amounts),
        peak_price=draw(st.none() | amounts),
        entry_at=draw(st.none() | st.just(NOW)),
        split=draw(st.sampled_from([dec("0"), dec("10"), dec("-9"), dec("0.5")])),
    )


moments = st.integers(0, 7 * 3600).map(later)
closes = st.none() | st.just(CLOSES_AT)
quotes = amounts.map(at)


@modestly
@given(trades(), configs(), moments, closes)
def test_no_price_rule_ever_sells_without_a_price(
    trade: TradeRecord, config: BotConfig, now: datetime, closes_at: datetime | None
) -> None:
    decision = decide_exit(trade, STALE, config, now, closes_at=closes_at)
    assert isinstance(decision, Hold) or decision.rule not in PRICE_RULES


@modestly
@given(trades(), quotes, configs(), moments, closes)
def test_the_ways_out_say_what_is_decided(
    trade: TradeRecord, price: Priced, config: BotConfig, now: datetime, closes_at: datetime | None
) -> None:
    decision = decide_exit(trade, price, config, now, closes_at=closes_at)
    ways = ways_out(trade, price, config, now, closes_at=closes_at)
    due = [way.rule for way in ways if way.applies]
    assert (decision.rule if isinstance(decision, Exit) else None) == (due[0] if due else None)
    order = list(WOULD_SELL)
    assert [order.index(way.rule) for way in ways] == sorted({order.index(way.rule) for way in ways})
    for way in ways:  # the shown limit is the one that decides, and the distance points at it
        if way.price is not None:
            assert way.away_pct is not None
            reached = price.price >= way.price if way.rule == "profit_target" else price.price <= way.price
            assert way.applies == reached
        else:
            assert way.applies == (way.at is not None and now >= way.at)


@modestly
@given(trades(), amounts, amounts, configs(), moments)
def test_a_worse_price_never_stops_a_stop_and_a_better_one_never_a_profit(
    trade: TradeRecord, one: Decimal, other: Decimal, config: BotConfig, now: datetime
) -> None:
    low, high = sorted((one, other))
    # The peak moves with the price that is looked at, so it is given: a look never sees below it.
    trade = trade.having({"peak_price": max(high, trade.peak_price or high)})
    applied = {
        price: {w.rule for w in ways_out(trade, at(price), config, now, closes_at=CLOSES_AT) if w.applies}
        for price in (low, high)
    }
    for stop in ("hard_stop", "trailing_stop"):
        assert stop not in applied[high] or stop in applied[low]
    assert "profit_target" not in applied[low] or "profit_target" in applied[high]


@modestly
@given(trades(), st.lists(st.one_of(quotes, st.just(STALE)), max_size=6))
def test_the_peak_never_falls(trade: TradeRecord, prices: list[Priced | Unpriced]) -> None:
    seen = peak_of(trade, STALE)
    for price in prices:
        peak = peak_of(trade, price)
        assert seen is None or (peak is not None and peak >= seen)
        assert not isinstance(price, Priced) or (peak is not None and peak >= price.price)
        trade, seen = trade.having({"peak_price": peak}), peak
