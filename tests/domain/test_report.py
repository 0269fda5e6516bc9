from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.market import new_york_day
from domain.report import SoldTrade, report_of
from domain.values import ZERO
from tests.domain.builders import dec

BEGIN = datetime(2026, 10, 30, 4, tzinfo=UTC)
"""New York's midnight, two days before its clocks go back."""
DAYS = 5
dollars = st.integers(-(10**14), 10**14).map(lambda nanos: Decimal(nanos).scaleb(-9))


@st.composite
def sold(draw: st.DrawFn) -> SoldTrade:
    at = BEGIN + timedelta(minutes=draw(st.integers(0, DAYS * 24 * 60)))
    return SoldTrade(
        id=draw(st.integers(1, 10**6)), symbol="ACME", signal_id="n-1", source="news",
        stars=draw(st.sampled_from([5, 4, 3, None])), notional=dec("100"), shares=dec("1"),
        entry_price=dec("10"), entry_at=at, exit_price=dec("11"), exit_at=at,
        exit_reason=draw(st.sampled_from(["hard_stop", "manual", "unknown"])),
        pnl=draw(st.none() | dollars), price_at_signal=dec("10"), latency_ms=5,
    )  # fmt: skip


@given(st.lists(sold(), max_size=30))
def test_each_part_of_a_report_adds_up_to_its_trades_to_the_last_place(trades: list[SoldTrade]) -> None:
    told = report_of(trades, new_york_day(BEGIN), new_york_day(BEGIN + timedelta(days=DAYS)))
    known = [trade.pnl for trade in trades if trade.pnl is not None]
    whole = (
        len(trades),
        sum(pnl > 0 for pnl in known),
        len(trades) - len(known),
        sum(known, ZERO),
    )
    for lines in ((told.total,), told.days, [each.line for each in told.stars], told.exit_reasons):
        assert (
            sum(line.trades for line in lines),
            sum(line.won for line in lines),
            sum(line.unknown for line in lines),
            sum((line.pnl for line in lines), ZERO),
        ) == whole
    for line in told.days:
        of_it = [trade for trade in trades if new_york_day(trade.exit_at).isoformat() == line.name]
        assert (line.trades, line.pnl) == (len(of_it), sum((trade.pnl or ZERO for trade in of_it), ZERO))
