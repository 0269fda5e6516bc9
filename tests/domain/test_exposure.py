"""What a trade has at stake, and what it has gained: never less than may turn out to be so."""

from typing import Any

import pytest

from domain.exposure import DayPnl, dollars_at_stake, open_pnl
from domain.trades import TradeRecord
from tests.domain.builders import a_trade, dec

BOUGHT: dict[str, Any] = {"shares": dec("10"), "entry_price": dec("9")}


def bought(**changes: Any) -> TradeRecord:
    """Ten shares for nine dollars each, of the hundred that it might spend."""
    return a_trade(**BOUGHT | changes)


@pytest.mark.parametrize(
    ("trade", "entering", "usd"),
    [
        (a_trade(), True, "100"),
        (bought(shares=dec("4")), True, "100"),
        (bought(entry_price=dec("10.5")), True, "105"),
        (bought(), False, "90"),
        (bought(sold=dec("4")), False, "54"),
        (bought(sold=dec("4"), taken=dec("6")), False, "0"),
        (bought(entry_price=None), False, "100"),
        (bought(split=dec("10")), False, "90"),  # twice the shares at half the price
        (bought(split=dec("10"), sold=dec("10")), False, "45"),
        (a_trade(), False, "0"),
    ],
)
def test_dollars_at_stake(trade: TradeRecord, entering: bool, usd: str) -> None:
    assert dollars_at_stake(trade, entering=entering) == dec(usd)


@pytest.mark.parametrize(
    ("trade", "got", "pnl", "known"),
    [
        (bought(mark_price=dec("8")), "0", "-10", True),
        (bought(mark_price=dec("12.5")), "0", "35", True),
        (bought(), "0", "0", False),
        (bought(sold=dec("4"), mark_price=dec("8")), "30", "-12", True),
        (bought(sold=dec("4")), "30", "-6", False),
        (bought(sold=dec("4"), mark_price=dec("8")), None, "-6", False),
        (bought(sold=dec("10")), "80", "-10", True),
        (bought(taken=dec("5"), taken_for=dec("40"), mark_price=dec("9")), "0", "-5", True),
        (bought(taken=dec("5"), taken_for=None, mark_price=dec("9")), "0", "0", False),
        (bought(split=dec("10"), mark_price=dec("4.5")), "0", "0", True),
        (a_trade(), "0", "0", True),
        (bought(entry_price=None, mark_price=dec("1")), "0", "0", False),
    ],
)
def test_what_a_trade_has_gained_so_far(trade: TradeRecord, got: str | None, pnl: str, known: bool) -> None:
    assert open_pnl(trade, None if got is None else dec(got)) == (dec(pnl), known)


def test_a_day_is_what_it_has_realised_and_what_is_open() -> None:
    assert DayPnl(realised=dec("-20"), open=dec("5")).total == dec("-15")
