"""The entry decision as a whole: what fails alone, what decides, what waits, and what is looked up first."""

from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest

from domain.config import BotConfig
from domain.exposure import DayPnl, Exposure
from domain.market import Means
from domain.rules import Deferred, ReadsWanted, decide_entry, weigh_entry
from domain.signals import EntryOrder, Verdict
from domain.trades import OCCUPYING, TradeStatus
from tests.domain.builders import (
    CLOSED,
    NOW,
    a_market,
    a_quote,
    a_signal,
    an_asset,
    dec,
    facts,
    later,
)

UNRATED = {"catalyst_tier": 3, "ai_confidence": None}
TINY = BotConfig(trade_size_stars_5=dec("0.99"))
SHUT = a_market(is_open=False, next_open=later(86_400), next_close=later(100_000), days=())
WHOLE = an_asset(fractionable=False)


def configured(**changes: Any) -> dict[str, Any]:
    """These settings, and no others of those that other rows set."""
    return {"config": changes}


FAILING: dict[str, dict[str, Any]] = {
    "expired": {"now": later(300)},
    "no_rating": {"signal": UNRATED},
    "tier_disabled": configured(enabled_catalyst_tiers=(2, 3, 4)),
    "symbol_not_allowed": configured(allowed_symbols=("KO",)),
    "symbol_denied": configured(denied_symbols=("ACME",)),
    "duplicate_symbol": {"occupied_by": TradeStatus.OPEN},
    "halted": {"halts": ("the owner said so",)},
    "market_closed": {"market": SHUT},
    "market_opening": configured(no_entries_first_min=45),
    "market_closing": configured(close_before_end_min=390),
    "symbol_cooldown": {"exposure": {"last_ended_at": NOW}},
    "orders_per_minute": {"exposure": {"orders_last_minute": 10}},
    "orders_per_day": {"exposure": {"orders_today": 100}},
    "max_positions": {"exposure": {"positions": 3}},
    "daily_loss_limit": {"exposure": {"today": DayPnl(realised=dec("-500"))}},
    "below_minimum": configured(trade_size_stars_5=dec("0.99")),
    "unknown_symbol": {"asset": None, "unknown_symbol": True},
    "not_tradable": {"asset": an_asset(tradable=False)},
    "share_price": {"quote": a_quote("10")} | configured(max_share_price_usd=dec("9.99")),
    "price_moved": {"quote": a_quote("10"), "signal": {"price_at_signal": dec("9")}},
    "no_whole_share": {"asset": WHOLE, "quote": a_quote("101")},
    "order_too_large": configured(max_order_notional_usd=dec("99.99")),
    "max_exposure": {"exposure": {"usd": dec("900.01")}},
    "buying_power": {"means": Means(buying_power=dec("99.99"), equity=None, cash=None, read_at=NOW)},
}
"""What makes each check fail alone, in the order in which the checks decide."""

CHECKS = [
    "time_to_live", "stars", "enabled_catalyst_tiers", "allowed_symbols", "denied_symbols", "symbol_free",
    "halts", "market_hours", "no_entries_first_min", "close_before_end_min", "symbol_cooldown_sec",
    "max_orders_per_minute", "max_orders_per_day", "max_concurrent_positions", "daily_loss_limit_usd",
    "notional", "asset", "max_share_price_usd", "price_collar_pct", "order", "max_order_notional_usd",
    "max_total_exposure_usd", "buying_power", "gate",
]  # fmt: skip


def with_both(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Both rows at once; where they say the same thing differently, the first counts."""
    both = second | first
    for part in ("config", "exposure", "signal"):
        if part in first and part in second:
            both[part] = second[part] | first[part]
    return both


def given(row: dict[str, Any]) -> dict[str, Any]:
    made = dict(row)
    made |= {"config": BotConfig(**row["config"])} if "config" in row else {}
    made |= {"exposure": Exposure(**row["exposure"])} if "exposure" in row else {}
    made |= {"signal": a_signal(**row["signal"])} if "signal" in row else {}
    return made


def verdict(**changes: Any) -> Verdict:
    decided = decide_entry(facts(**changes))
    assert isinstance(decided, Verdict), decided
    return decided


def failed(decided: Verdict) -> list[str]:
    return [check.name for check in decided.checks if not check.passed]


def test_a_signal_that_passes_every_check_trades() -> None:
    decided = verdict()
    assert (decided.code, decided.reason) == ("trade", "every check passed")
    assert (decided.stars, decided.notional) == (5, dec("100"))
    assert decided.order == EntryOrder(notional=dec("100"), cost=dec("100"))
    assert failed(decided) == []


@pytest.mark.parametrize(
    ("tier", "confidence", "stars", "notional"),
    [(1, "low", 5, "100"), (3, "high", 5, "100"), (3, "medium", 4, "75"), (4, "low", 3, "50")],
)
def test_the_verdict_tells_stars_and_dollars(tier: int, confidence: str, stars: int, notional: str) -> None:
    decided = verdict(signal=a_signal(catalyst_tier=tier, ai_confidence=confidence))
    assert (decided.code, decided.stars, decided.notional) == ("trade", stars, dec(notional))


# --- what fails ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", FAILING)
def test_each_check_that_fails_alone_gives_its_own_verdict(code: str) -> None:
    decided = verdict(**given(FAILING[code]))
    assert decided.code == code
    assert len(failed(decided)) == 1
    assert [check.detail for check in decided.checks if not check.passed] == [decided.reason]
    assert decided.order is None


CANNOT_BOTH = {
    # Who has no rating has no dollars, and who is not known has neither fractions nor whole shares.
    frozenset({"no_rating", "below_minimum"}), frozenset({"no_rating", "no_whole_share"}),
    frozenset({"no_rating", "order_too_large"}), frozenset({"no_rating", "max_exposure"}),
    frozenset({"no_rating", "buying_power"}), frozenset({"no_rating", "tier_disabled"}),
    frozenset({"unknown_symbol", "not_tradable"}), frozenset({"unknown_symbol", "no_whole_share"}),
    frozenset({"not_tradable", "no_whole_share"}), frozenset({"unknown_symbol", "order_too_large"}),
    frozenset({"unknown_symbol", "max_exposure"}), frozenset({"unknown_symbol", "buying_power"}),
    # When it has expired, the minute is over too.
    frozenset({"expired", "symbol_cooldown"}),
    # While it is shut there are no first and no last minutes.
    frozenset({"market_closed", "market_opening"}), frozenset({"market_closed", "market_closing"}),
    # Less than a dollar fits anywhere, and buys no share at all.
    frozenset({"below_minimum", "order_too_large"}), frozenset({"below_minimum", "max_exposure"}),
    frozenset({"below_minimum", "buying_power"}), frozenset({"below_minimum", "no_whole_share"}),
    # What buys no whole share is of no size, and the smallest fits.
    frozenset({"no_whole_share", "order_too_large"}), frozenset({"no_whole_share", "max_exposure"}),
    frozenset({"no_whole_share", "buying_power"}),
    # At 101 USD a share no signal has moved to 10.
    frozenset({"share_price", "no_whole_share"}), frozenset({"price_moved", "no_whole_share"}),
}  # fmt: skip


@pytest.mark.parametrize(("first", "second"), list(combinations(FAILING, 2)))
def test_of_two_failed_checks_the_first_decides_and_both_are_told(first: str, second: str) -> None:
    decided = verdict(**given(with_both(FAILING[first], FAILING[second])))
    assert decided.code == first
    if {first, second} not in CANNOT_BOTH:
        assert len(failed(decided)) == 2


@pytest.mark.parametrize("code", FAILING)
def test_what_can_never_trade_is_refused_while_the_gate_is_closed(code: str) -> None:
    decided = verdict(**given(FAILING[code]), gate=CLOSED)
    assert decided.code == code
    assert decided.checks[-1] == decided.checks[-1].model_copy(
        update={"name": "gate", "passed": False, "detail": CLOSED.reason}
    )


@pytest.mark.parametrize("code", [*FAILING, "trade"])
def test_every_check_is_listed_in_order_whatever_fails(code: str) -> None:
    assert [check.name for check in verdict(**given(FAILING.get(code, {}))).checks] == CHECKS


@pytest.mark.parametrize(("left", "code"), [(0.001, "trade"), (0, "expired"), (-1, "expired")])
def test_time_is_over_at_the_very_end_of_the_time_to_live(left: float, code: str) -> None:
    assert verdict(now=later(300 - left)).code == code


@pytest.mark.parametrize(
    ("size", "code"), [("1", "trade"), ("0.999999", "below_minimum"), ("1.009", "trade")]
)
def test_the_brokers_minimum_is_one_dollar_after_cutting_to_cents(size: str, code: str) -> None:
    assert verdict(config=BotConfig(trade_size_stars_5=dec(size))).code == code


@pytest.mark.parametrize("status", sorted(OCCUPYING))
def test_any_trade_that_has_the_symbol_keeps_a_second_one_out(status: TradeStatus) -> None:
    decided = verdict(occupied_by=status)
    assert decided.reason == f"ACME already has a trade that is {status}"


# --- what waits ---------------------------------------------------------------------------------------


def test_a_closed_gate_alone_defers_and_decides_nothing() -> None:
    assert decide_entry(facts(gate=CLOSED)) == Deferred(reason=CLOSED.reason)


def test_a_market_that_is_not_known_defers_and_is_no_reason_to_refuse() -> None:
    assert decide_entry(facts(market=None)) == Deferred(reason="the market's hours are not known yet")
    decided = verdict(market=None, halts=("stop",))
    assert (decided.code, failed(decided)) == ("halted", ["halts"])


def test_a_signal_that_may_wait_for_the_opening_is_not_judged_by_what_may_change_until_then() -> None:
    waiting = {"market": a_market(is_open=False, next_open=later(200), days=())}
    config = BotConfig(closed_market_policy="hold")
    full = Exposure(positions=3, usd=dec("1000"), orders_last_minute=10)
    decided = decide_entry(facts(**waiting, config=config, exposure=full, asset=None))
    assert isinstance(decided, Deferred)
    assert decided.reason.startswith("closed until 2026-11-12 10:03 New York")
    assert verdict(**waiting, config=config, halts=("stop",)).code == "halted"


# --- what is looked up first ----------------------------------------------------------------------------


def wanted(**changes: Any) -> tuple[bool, bool]:
    """Whether the asset, and whether the price, has to be looked up."""
    decided = decide_entry(facts(**changes))
    if isinstance(decided, Verdict):
        assert decided.code == "trade"
        return False, False
    assert isinstance(decided, ReadsWanted), decided
    assert decided.symbol == "ACME"
    return decided.asset, decided.quote


PRICED = a_signal(price_at_signal=dec("10"))


@pytest.mark.parametrize(
    ("changes", "reads"),
    [
        ({}, (False, False)),
        ({"asset": None}, (True, False)),
        ({"signal": PRICED}, (False, True)),
        ({"signal": PRICED, "asset": None}, (True, True)),
        ({"signal": PRICED, "config": BotConfig(price_collar_pct=dec("0"))}, (False, False)),
        ({"config": BotConfig(max_share_price_usd=dec("20"))}, (False, True)),
        ({"asset": WHOLE}, (False, True)),
        ({"asset": WHOLE, "quote": a_quote("10")}, (False, False)),
    ],
)
def test_only_what_the_decision_needs_is_looked_up(changes: dict[str, Any], reads: tuple[bool, bool]) -> None:
    assert wanted(**changes) == reads


def test_what_is_refused_without_it_is_not_looked_up() -> None:
    unread = {"asset": None, "signal": PRICED}
    for code, row in FAILING.items():
        if code in {"unknown_symbol", "not_tradable", "share_price", "price_moved", "no_whole_share"}:
            continue  # these are about what is looked up
        if code in {"order_too_large", "max_exposure", "buying_power"}:
            continue  # these depend on the order's size
        decided = decide_entry(facts(**unread | given(row)))
        assert isinstance(decided, Verdict), code
        asset = next(check for check in decided.checks if check.name == "asset")
        assert (asset.passed, asset.detail) == (True, "not looked up: the signal is refused without it")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exposure": Exposure(usd=dec("999.5"))}, "max_exposure"),
        ({"means": Means(buying_power=dec("0.5"), equity=None, cash=None, read_at=NOW)}, "buying_power"),
        ({"config": BotConfig(max_order_notional_usd=dec("0.5"))}, "order_too_large"),
    ],
)
def test_where_not_even_the_smallest_order_fits_nothing_is_looked_up(
    changes: dict[str, Any], code: str
) -> None:
    assert verdict(**changes, asset=None).code == code


def test_whole_shares_count_with_what_they_cost() -> None:
    room = Exposure(usd=dec("902"))
    assert verdict(exposure=room).code == "max_exposure"
    decided = verdict(exposure=room, asset=WHOLE, quote=a_quote("14"))
    assert decided.order == EntryOrder(qty=dec("7"), cost=dec("98"))


@pytest.mark.parametrize("quote", [a_quote(None), a_quote("10", at=later(-61))])
@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"signal": PRICED}, "price_collar_pct"),
        ({"config": BotConfig(max_share_price_usd=dec("20"))}, "max_share_price_usd"),
        ({"asset": WHOLE}, "order"),
    ],
)
def test_a_price_that_is_old_or_missing_buys_nothing_where_one_is_needed(
    changes: dict[str, Any], check: str, quote: Any
) -> None:
    decided = verdict(**changes, quote=quote)
    assert (decided.code, failed(decided)) == ("no_price", [check])


def test_the_price_is_judged_by_the_brokers_clock() -> None:
    fresh_by_theirs = {"signal": PRICED, "quote": a_quote("10", at=later(-50)), "market_now": later(5)}
    assert verdict(**fresh_by_theirs, now=later(25)).code == "trade"


# --- the words ------------------------------------------------------------------------------------------


def test_each_check_tells_its_inputs() -> None:
    decided = verdict(
        signal=PRICED,
        quote=a_quote("10.2"),
        exposure=Exposure(
            positions=1, usd=dec("250"), orders_last_minute=2, orders_today=7, last_ended_at=later(-99),
            today=DayPnl(realised=dec("-12.50"), open=dec("3"), unpriced=1), ordered_since=dec("75"),
        ),
        means=Means(buying_power=dec("20000"), equity=None, cash=None, read_at=later(-11)),
    )  # fmt: skip
    assert [check.detail for check in decided.checks] == [
        "299.0 s of 300 s left",
        "tier 1, AI confidence none: 5 stars",
        "tier 1; enabled: 1, 2, 3, 4",
        "off",
        "off",
        "ACME has no other trade",
        "nothing is halted",
        "open until 2026-11-12 16:00 New York",
        "off",
        "359 min left, everything is sold 15 min before the close",
        "the last trade in ACME ended 100.0 s ago, 60 s have to pass",
        "2 buys in the last minute, 10 allowed",
        "7 buys today in New York, 100 allowed",
        "1 held or ordered, 3 allowed",
        "-12.5 USD realised and 3 USD open today (1 without a price count as unmoved), -500 USD is the limit",
        "100 USD for 5 stars, the broker's minimum is 1 USD",
        "ACME is active and tradable, in fractions too",
        "off",
        "10.2 USD now, 10 USD at the signal: 2.00 % apart, 5 % allowed",
        "a market order of 100 USD",
        "100 USD, 250 USD allowed an order",
        "250 USD held or ordered, 100 USD more, 1000 USD allowed",
        "20000 USD left 12 s ago, 75 USD ordered since, 100 USD more",
        "the stream is up and the account is known",
    ]


def test_a_limit_of_0_passes_and_says_that_it_is_off() -> None:
    off = BotConfig(
        max_order_notional_usd=dec("0"), max_orders_per_minute=0, max_orders_per_day=0,
        max_concurrent_positions=0, max_total_exposure_usd=dec("0"), symbol_cooldown_sec=0,
        daily_loss_limit_usd=dec("0"), price_collar_pct=dec("0"), close_before_end_min=0,
    )  # fmt: skip
    full = Exposure(
        positions=999, usd=dec("99999"), orders_last_minute=999, orders_today=9999, last_ended_at=NOW,
        today=DayPnl(realised=dec("-99999")),
    )  # fmt: skip
    decided = verdict(
        config=off, exposure=full, signal=a_signal(price_at_signal=dec("1")), quote=a_quote("9")
    )
    assert decided.code == "trade"
    assert [check.name for check in decided.checks if check.detail == "off"] == [
        "allowed_symbols", "denied_symbols", "no_entries_first_min", "close_before_end_min",
        "symbol_cooldown_sec", "max_orders_per_minute", "max_orders_per_day", "max_concurrent_positions",
        "daily_loss_limit_usd", "max_share_price_usd", "price_collar_pct", "max_order_notional_usd",
        "max_total_exposure_usd",
    ]  # fmt: skip


def test_a_signal_that_tells_no_price_passes_the_collar_and_says_so() -> None:
    collar = next(check for check in verdict().checks if check.name == "price_collar_pct")
    assert (collar.passed, collar.detail) == (True, "the signal tells no price to compare with")


@pytest.mark.parametrize(
    ("means", "detail"),
    [
        (None, "it could not be read"),
        (Means(buying_power=None, equity=None, cash=None, read_at=NOW), "the broker does not tell it"),
    ],
)
def test_buying_power_that_nobody_tells_keeps_nothing_out(means: Means | None, detail: str) -> None:
    decided = verdict(means=means)
    assert decided.code == "trade"
    assert next(check.detail for check in decided.checks if check.name == "buying_power") == detail


def test_a_decision_depends_on_nothing_but_its_facts() -> None:
    assert decide_entry(facts()) == decide_entry(facts())


def test_what_is_weighed_while_it_waits_has_every_check_too() -> None:
    weighed = weigh_entry(facts(gate=CLOSED, asset=None))
    assert weighed.waits == Deferred(reason=CLOSED.reason)
    assert weighed.wants is None
    assert [check.name for check in weighed.verdict.checks] == CHECKS


def test_extended_hours_take_their_own_kind_of_order() -> None:
    day = a_market().days[0]
    closed_at = day.closes_at + timedelta(minutes=30)
    after_hours = {
        "config": BotConfig(closed_market_policy="extended_hours", price_collar_pct=dec("0")),
        "market": a_market(is_open=False, timestamp=closed_at),
        "market_now": closed_at,
    }
    decided = verdict(**after_hours, signal=PRICED)
    assert decided.order == EntryOrder(
        type="limit", qty=dec("9"), limit_price=dec("10.05"), extended_hours=True, cost=dec("90.45")
    )
    assert wanted(**after_hours) == (False, True)
    priced = verdict(**after_hours, quote=a_quote("20", at=closed_at))
    assert priced.order == EntryOrder(
        type="limit", qty=dec("4"), limit_price=dec("20.1"), extended_hours=True, cost=dec("80.4")
    )
