"""The time a trade stands without a way out, in dollars times seconds."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.exits import Look, looked
from domain.market import Market
from domain.trades import TradeRecord
from tests.domain.builders import A_DAY, NOW, a_market, a_trade, dec, later, modestly

OPEN = a_market()
"""From half an hour before NOW to six hours after it."""
WHY = "its last trade is 61.0 s old, more than 60 s"


def holding(**changes: Any) -> TradeRecord:
    """Ten shares that cost 100 dollars each."""
    given_: dict[str, Any] = {"shares": dec("10"), "entry_price": dec("100"), "entry_at": NOW}
    return a_trade(**(given_ | changes))


def a_look(price: str | None = None, **changes: Any) -> Look:
    given_: dict[str, Any] = {
        "trade_id": 1,
        "price": None if price is None else dec(price),
        "priced_at": None if price is None else NOW,
    }
    return Look(**(given_ | changes))


def seen(trade: TradeRecord, *looks: tuple[float, Look], market: Market | None = OPEN) -> TradeRecord:
    """After looks at these seconds."""
    for at_s, look in looks:
        trade = looked(trade, look, later(at_s), market)
    return trade


def test_a_trade_that_is_watched_and_can_be_sold_is_never_naked() -> None:
    after = seen(holding(), (1, a_look("100")), (6, a_look("101")), (21, a_look("99")))
    assert (after.naked_usd_s, after.naked_why, after.watched_at) == (dec("0"), None, later(21))


def test_time_counts_from_the_look_that_found_no_way_out_to_the_one_after_it() -> None:
    blind = a_look(naked_why=WHY)
    after = seen(
        holding(), (1, a_look("90")), (6, blind), (11, blind), (16, a_look("95")), (21, a_look("95"))
    )
    assert after.naked_usd_s == 5 * 900 + 5 * 950  # at the price known by then
    assert after.naked_why is None


def test_what_a_stop_covers_is_not_naked() -> None:
    blind = a_look(naked_why=WHY, covered=dec("8"))
    after = seen(holding(), (1, a_look("90")), (6, blind), (11, blind))
    assert (after.naked_usd_s, after.naked_why) == (dec("900"), WHY)
    covered = seen(holding(), (1, a_look("90")), (6, a_look(naked_why=WHY, covered=dec("10"))), (11, blind))
    assert (covered.naked_usd_s, covered.naked_why) == (dec("0"), WHY)


def test_a_gap_in_which_nobody_looked_counts_whole() -> None:
    watched = seen(holding(), (1, a_look("90")))
    assert seen(watched, (16, a_look("90"))).naked_usd_s == 0
    assert seen(watched, (16.001, a_look("90"))).naked_usd_s == dec("13500.90")  # 15.001 s x 900
    assert seen(watched, (3601, a_look("80"))).naked_usd_s == 3600 * 800


def test_only_the_hours_in_which_the_market_was_open_count() -> None:
    closed_s = (A_DAY.closes_at - NOW).total_seconds()
    evening = seen(holding(), (closed_s - 60, a_look("100", naked_why=WHY)), (closed_s + 3600, a_look("100")))
    before = seen(holding(), (closed_s - 60, a_look("100", naked_why=WHY)))
    assert evening.naked_usd_s - before.naked_usd_s == 60 * 1000
    night = seen(evening, (closed_s + 7200, a_look("100")))
    assert night.naked_usd_s == evening.naked_usd_s


def test_before_the_days_that_are_known_every_hour_counts() -> None:
    long_ago = holding(entry_at=NOW - timedelta(days=2))
    midnight_s = 10 * 3600  # in New York, before NOW
    unknown_s = 2 * 86_400 - midnight_s
    assert seen(long_ago, (0, a_look("100"))).naked_usd_s == (unknown_s + 1800) * 1000
    assert seen(long_ago, (0, a_look("100")), market=a_market(days=())).naked_usd_s == 2 * 86_400 * 1000


def test_while_it_is_not_known_whether_the_market_is_open_the_time_is_left_to_the_next_look() -> None:
    why = "it is not known yet whether the market is open"
    blind = seen(holding(), (3, a_look("90", naked_why=why)), (6, a_look("80", naked_why=why)), market=None)
    assert (blind.naked_why, blind.naked_usd_s, blind.watched_at) == (why, dec("0"), None)
    assert (blind.mark_price, blind.peak_price) == (dec("80"), dec("100"))
    assert seen(blind, (9, a_look("80"))).naked_usd_s == 9 * 800


def test_before_the_first_look_a_trade_was_watched_by_nobody() -> None:
    assert seen(holding(), (15, a_look("100"))).naked_usd_s == 0
    assert seen(holding(), (20, a_look("100"))).naked_usd_s == 20 * 1000
    assert seen(holding(entry_at=None), (20, a_look("100"))).naked_usd_s == 0


def test_without_any_price_the_shares_are_worth_what_they_cost() -> None:
    assert seen(holding(), (30, a_look(naked_why=WHY))).naked_usd_s == 30 * 1000
    unpaid = seen(holding(entry_price=None), (30, a_look(naked_why=WHY)))
    assert (unpaid.naked_usd_s, unpaid.naked_why) == (dec("0"), None)


def test_only_what_is_still_held_counts() -> None:
    assert seen(holding(sold=dec("4"), taken=dec("1")), (30, a_look("100"))).naked_usd_s == 30 * 500


def test_a_clock_that_was_set_back_counts_nothing() -> None:
    watched = seen(holding(), (1000, a_look("100", naked_why=WHY)))
    before = watched.naked_usd_s
    after = seen(watched, (500, a_look("100", naked_why=WHY)))
    assert (after.naked_usd_s, after.watched_at) == (before, later(500))
    assert seen(after, (505, a_look("100"))).naked_usd_s == before + 5 * 1000


def test_a_look_keeps_the_price_and_the_best_one() -> None:
    after = seen(holding(), (1, a_look("120")), (6, a_look("110")), (11, a_look()))
    assert (after.mark_price, after.mark_at, after.peak_price) == (dec("110"), NOW, dec("120"))


def test_the_price_paid_is_a_peak_too() -> None:
    assert seen(holding(), (1, a_look("90"))).peak_price == 100


@modestly
@given(
    st.lists(
        st.tuples(
            st.integers(0, 40),
            st.none() | st.decimals(min_value="0.01", max_value=1000, places=2),
            st.sampled_from([None, WHY]),
            st.sampled_from([dec("0"), dec("4"), dec("10")]),
        ),
        max_size=12,
    )
)
def test_however_it_is_looked_at_nakedness_only_grows_and_no_faster_than_the_dollars_held(
    looks: list[tuple[int, Decimal | None, str | None, Decimal]],
) -> None:
    trade, at_s, highest = holding(), 0, dec("100")
    for pause_s, price, why, covered in looks:
        at_s += pause_s
        highest = max(highest, price or highest)
        look = a_look(naked_why=why, covered=covered).having({"price": price})
        after = looked(trade, look, later(at_s), OPEN)
        assert 0 <= after.naked_usd_s - trade.naked_usd_s <= pause_s * 10 * highest
        assert after.peak_price is None or after.peak_price == highest
        assert covered < 10 or after.naked_usd_s == trade.naked_usd_s
        trade = after
    assert trade.naked_usd_s <= at_s * 10 * highest


@pytest.mark.parametrize("now", [NOW, later(0.0004)])
def test_no_time_costs_nothing(now: datetime) -> None:
    assert looked(holding(watched_at=NOW, naked_why=WHY), a_look("100"), now, OPEN).naked_usd_s == 0
