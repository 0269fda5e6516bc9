from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.exits import last_mark
from domain.market import Priced, Unpriced
from domain.naked import NakedSums, Uncovered, sums, uncovered
from domain.trades import TradeRecord, TradeStatus
from tests.domain.builders import NOW, a_market, a_trade, dec, later, modestly

OPEN = a_market()


def an_open_trade(**changes: Any) -> TradeRecord:
    """7.5 shares, bought at 10, last seen at 12, watched just now."""
    given = {
        "status": TradeStatus.OPEN,
        "shares": dec("7.5"),
        "entry_price": dec("10"),
        "mark_price": dec("12"),
        "mark_at": NOW,
        "watched_at": NOW,
    }
    return a_trade(**(given | changes))


def these(*numbers: str) -> tuple[Decimal, ...]:
    return tuple(map(dec, numbers))


def test_without_a_stop_all_that_is_held_is_at_risk() -> None:
    assert uncovered(an_open_trade(), dec("0"), NOW, OPEN) == Uncovered(
        whole=dec("7"),
        fraction=dec("0.5"),
        price=dec("12"),
        held_usd=dec("90"),
        at_risk_usd=dec("90"),
        fraction_usd=dec("6"),
        naked_usd_s=dec("0"),
    )


def test_a_stop_covers_whole_shares_and_the_fraction_stays() -> None:
    bare = uncovered(an_open_trade(), dec("7"), NOW, OPEN)
    assert (bare.whole, bare.fraction, bare.at_risk_usd, bare.held_usd) == these("0", "0.5", "6", "90")
    partly = uncovered(an_open_trade(), dec("5"), NOW, OPEN)
    assert (partly.whole, partly.fraction, partly.at_risk_usd) == these("2", "0.5", "30")


def test_a_stop_for_more_than_is_held_leaves_nothing_at_risk_and_never_less_than_nothing() -> None:
    sold = an_open_trade(sold=dec("4"))
    bare = uncovered(sold, dec("7"), NOW, OPEN)
    assert (bare.whole, bare.fraction, bare.at_risk_usd, bare.held_usd) == these("0", "0", "0", "42")


def test_what_is_not_seen_at_a_price_counts_at_what_was_paid() -> None:
    assert uncovered(an_open_trade(mark_price=None), dec("0"), NOW, OPEN).at_risk_usd == 75


def test_what_has_bought_nothing_has_nothing_at_risk() -> None:
    bare = uncovered(a_trade(), dec("0"), NOW, OPEN)
    assert bare.price is None
    assert (bare.whole, bare.fraction, bare.at_risk_usd) == these("0", "0", "0")


def test_time_without_a_way_out_counts_up_to_now() -> None:
    naked = an_open_trade(naked_why="refused", naked_usd_s=dec("100"))
    assert uncovered(naked, dec("0"), later(10), OPEN).naked_usd_s == 1000
    assert uncovered(naked, dec("7"), later(10), OPEN).naked_usd_s == 160
    watched = an_open_trade(naked_usd_s=dec("100"))
    assert uncovered(watched, dec("0"), later(15), OPEN).naked_usd_s == 100
    assert uncovered(watched, dec("0"), later(16), OPEN).naked_usd_s == 1540


def test_the_time_of_an_ended_trade_has_ended() -> None:
    ended = an_open_trade(status=TradeStatus.CLOSED, taken=dec("7.5"), naked_usd_s=dec("100"))
    assert uncovered(ended, dec("0"), later(1000), OPEN).naked_usd_s == 100


shares = st.decimals("0", "1000", places=9)


@modestly
@given(held=shares, covered=shares)
def test_what_is_covered_and_what_is_not_are_all_that_is_held(held: Decimal, covered: Decimal) -> None:
    bare = uncovered(an_open_trade(shares=held), covered, NOW, OPEN)
    assert bare.whole == int(bare.whole)
    assert 0 <= bare.fraction < 1
    assert bare.whole + bare.fraction == max(Decimal(0), held - covered)
    assert bare.fraction_usd <= bare.at_risk_usd <= bare.held_usd


def test_sums_are_of_what_is_shown() -> None:
    trades = [
        an_open_trade(),
        an_open_trade(naked_why="refused", naked_usd_s=dec("5"), shares=dec("1.0001")),
        an_open_trade(mark_price=None, shares=dec("1.0001")),
        a_trade(),
    ]
    assert sums((trade, uncovered(trade, dec("0"), NOW, OPEN)) for trade in trades) == NakedSums(
        trades=4,
        unpriced=1,
        held_usd=dec("112.00"),
        at_risk_usd=dec("112.00"),
        fraction_usd=dec("6.00"),
        naked_usd=dec("12.00"),
        naked_usd_s=dec("5"),
    )


def test_a_mark_is_a_price_as_long_as_it_is_fresh() -> None:
    trade = an_open_trade()
    assert last_mark(trade, later(60), max_age_s=60) == Priced(symbol="ACME", price=dec("12"), at=NOW)
    old = last_mark(trade, later(61), max_age_s=60)
    assert isinstance(old, Unpriced)
    assert old.why == "its last price is 61 s old, more than 60 s"
    never = last_mark(a_trade(), NOW, max_age_s=60)
    assert isinstance(never, Unpriced)
    assert "not been priced yet" in never.why


def test_what_it_would_bring_is_told_of_what_it_still_holds() -> None:
    assert an_open_trade().unrealised_pnl == 15
    assert an_open_trade(sold=dec("5")).unrealised_pnl == 5
    assert an_open_trade(split=dec("7.5")).unrealised_pnl == 105
    assert an_open_trade(mark_price=dec("9")).unrealised_pnl == dec("-7.5")
    assert an_open_trade(mark_price=None).unrealised_pnl is None
    assert a_trade(mark_price=dec("9")).unrealised_pnl is None
