from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.performance import ClosedTrade, StarSums, Tally, all_of, figures_of, sums_of
from domain.statistics import FEWEST_FOR_MEAN, FEWEST_FOR_RATE
from tests.domain.builders import dec, modestly


def closed(**changes: Any) -> ClosedTrade:
    given: dict[str, Any] = {
        "stars": 5,
        "reason": "time_exit",
        "pnl": dec("2"),
        "notional": dec("100"),
        "entry_price": dec("10.01"),
        "price_at_signal": dec("10"),
        "latency_ms": 250,
    }
    return ClosedTrade(**(given | changes))


trades = st.lists(
    st.builds(
        closed,
        stars=st.sampled_from([None, 3, 4, 5]),
        reason=st.sampled_from(["hard_stop", "profit_target"]),
        pnl=st.none() | st.decimals("-50", "50", places=9),
        latency_ms=st.none() | st.integers(0, 5000),
        price_at_signal=st.none() | st.decimals("1", "90", places=4),
    ),
    max_size=40,
)


@modestly
@given(st.lists(trades, max_size=5))
def test_days_add_up_to_what_all_their_trades_are(days: list[list[ClosedTrade]]) -> None:
    together = all_of(map(sums_of, days))
    assert together == sums_of([trade for day in days for trade in day])


@modestly
@given(trades)
def test_each_trade_counts_once_by_stars_and_once_by_reason(given: list[ClosedTrade]) -> None:
    sums = sums_of(given)
    known = [trade.pnl for trade in given if trade.pnl is not None]
    by_stars = [each.tally for each in sums.stars.values()]
    for tallies in (by_stars, list(sums.reasons.values())):
        assert sum(each.trades for each in tallies) == len(given)
        assert sum((each.pnl for each in tallies), Decimal(0)) == sum(known, Decimal(0))
        assert sum(each.unknown for each in tallies) == len(given) - len(known)
    assert sums.tally.won == sum(pnl > 0 for pnl in known)


def test_a_trade_whose_result_nobody_knows_is_neither_won_nor_lost() -> None:
    sums = sums_of([closed(pnl=dec("3")), closed(pnl=None), closed(pnl=dec("0")), closed(pnl=dec("-1"))])
    assert sums.tally == Tally(trades=4, won=1, pnl=dec("2"), unknown=1)
    assert sums.stars[5].usd.n == sums.stars[5].pct.n == 3


def star(*given: ClosedTrade) -> StarSums:
    return sums_of(given).stars[5]


def test_the_figures_of_enough_trades() -> None:
    told = figures_of(star(*[closed(), closed(pnl=dec("-1"), notional=dec("50"))] * 15))
    assert told.note is None
    assert told.hit_rate is not None
    assert (told.hit_rate.value, told.hit_rate.n) == (dec("0.5"), 30)
    assert told.expectancy_usd is not None
    assert told.expectancy_usd.value == dec("0.5")
    assert told.expectancy_usd.low < 0 < told.expectancy_usd.high
    assert told.expectancy_pct is not None
    assert told.expectancy_pct.value == 0  # 2 % and -2 %
    assert told.slippage_bp is not None
    assert told.slippage_bp.value == told.slippage_bp.low == 10
    assert told.latency_ms is not None
    assert (told.latency_ms.p50, told.latency_ms.n) == (250, 30)


def test_too_few_trades_say_what_is_missing() -> None:
    few = figures_of(star(closed()))
    assert (few.hit_rate, few.expectancy_usd, few.latency_ms) == (None, None, None)
    assert few.note == "not enough data: 1 closed trade, 30 wanted"
    some = figures_of(star(*[closed()] * FEWEST_FOR_RATE))
    assert some.hit_rate is not None
    assert some.latency_ms is not None
    assert (some.expectancy_usd, some.slippage_bp) == (None, None)
    assert some.note == "not enough data: 10 closed trades, 30 wanted"
    assert figures_of(StarSums()).note == "not enough data: 0 closed trades, 30 wanted"


def test_signals_without_a_price_leave_the_slippage_open_and_say_so() -> None:
    told = figures_of(star(closed(), *[closed(price_at_signal=None)] * (FEWEST_FOR_MEAN - 1)))
    assert told.slippage_bp is None
    assert told.expectancy_usd is not None
    assert (
        told.note == "not enough data for the slippage: 1 closed trade whose signal told a price, 30 wanted"
    )
