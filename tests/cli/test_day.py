"""The day's report: its arithmetic, and that no kind of difference passes it."""

import io
from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cli.day.report import Ledger, report_of, show
from cli.day.tie_out import Books, Executed, tie_out
from domain.orders import Life
from domain.signals import Signal, SignalState, Verdict, VerdictCode
from domain.trades import TradeRecord, TradeStatus
from domain.values import CENT, ZERO
from persistence.rows import SignalView
from simulator.account import Account
from simulator.orders import Execution
from simulator.statement import Line, Statement
from tests.cli.books import a_trade, an_order, our_id
from tests.web.conftest import NOW

DEC = Decimal


def line(number: int, side: str, qty: str, price: str, *, name: str = "", symbol: str = "ACME") -> Line:
    """As the simulator would tell of it: cash in cents, halves away from zero."""
    cents = (DEC(qty) * DEC(price)).quantize(CENT, ROUND_HALF_UP)
    return Line(
        client_order_id=name or our_id(number),
        symbol=symbol,
        side="buy" if side == "buy" else "sell",
        qty=DEC(qty),
        price=DEC(price),
        cash=-cents if side == "buy" else cents,
    )


def account(*lines: Line, start: str = "1000", **positions: str) -> Statement:
    cash = DEC(start) + sum((each.cash for each in lines), ZERO)
    held = {symbol: DEC(qty) for symbol, qty in positions.items()}
    return Statement(starting_cash=DEC(start), cash=cash, positions=held, lines=lines)


def closed(number: int, pnl: str, **changes: Any) -> TradeRecord:
    given: dict[str, Any] = {"status": TradeStatus.CLOSED, "pnl": DEC(pnl), "exit_reason": "time_exit"}
    return a_trade(number, **(given | changes))


LINES = (
    line(1, "buy", "1.5", "10.33"),  # 15.495: a cent's half more was taken
    line(2, "sell", "1", "11.111"),
    line(2, "sell", "0.5", "11"),
    line(0, "buy", "3", "7", name="the-owners-own", symbol="KO"),
)
TRADE = closed(1, "1.116", shares=DEC("1.5"))
"""11.111 and 5.5, less 15.495."""


def books(
    *trades: TradeRecord, lines: tuple[Line, ...] = LINES, shares: Mapping[str, str] | None = None
) -> Books:
    executions = tuple(
        Executed(each.client_order_id, each.side, each.qty, each.price)
        for each in lines
        if each.client_order_id.startswith("sf-")
    )
    held = {"KO": "3", "ACME": "0"} if shares is None else shares
    return Books(executions, trades or (TRADE,), {symbol: DEC(qty) for symbol, qty in held.items()})


# --- the sums ---------------------------------------------------------------------------------------


def test_cash_is_what_was_bought_and_sold_and_each_executions_rounding_and_the_owners_own() -> None:
    told = tie_out(books(), account(*LINES, KO="3"))

    assert told.differences == ()
    assert (told.bought, told.sold) == (DEC("15.495"), DEC("16.611"))
    assert told.rounding == DEC("-0.005") + DEC("-0.001")
    assert told.by_hand == -21
    assert told.cash == told.explained == DEC("1000") - DEC("15.50") + DEC("11.11") + DEC("5.50") - 21
    assert told.earned == DEC("1.11")
    assert told.pnl + told.rounding == told.earned
    assert told.left == {"KO": 3}


def test_what_the_owner_sold_of_a_trade_is_in_its_pnl_and_not_among_the_bots_executions() -> None:
    lines = (line(1, "buy", "2", "10"), line(0, "sell", "2", "12", name="by-hand"))
    trade = closed(1, "4", shares=DEC(2), taken=DEC(2), taken_for=DEC(24), exit_reason="sold_by_owner")
    told = tie_out(books(trade, lines=lines, shares={}), account(*lines))

    assert told.differences == ()
    assert [told.pnl, told.taken_for, told.by_hand, told.earned] == [4, 24, 24, -20]


executions = st.tuples(
    st.sampled_from(["buy", "sell"]),
    st.decimals("0.000000001", "50", places=9),
    st.decimals("0.0001", "900", places=4),
)


@given(st.lists(executions, max_size=20))
def test_the_rounding_is_the_simulators_own_to_the_last_cent(
    moves: list[tuple[str, Decimal, Decimal]],
) -> None:
    real = Account(DEC(100_000))
    # Enough is held to sell from, so that only cash is at stake.
    fund = an_execution("buy", DEC(10_000), DEC(1))
    real.settle(fund)
    made = [Executed(our_id(n), *move) for n, move in enumerate(moves)]
    for each in made:
        real.settle(an_execution(each.side, each.qty, each.price))
    explained = DEC(90_000) + sum((each.cash + each.rounding for each in made), ZERO)
    assert explained == real.cash


def an_execution(side: str, qty: Decimal, price: Decimal) -> Execution:
    return Execution(
        execution_id="e", activity_id="a", order_id="o", symbol="ACME",
        side="buy" if side == "buy" else "sell", qty=qty, price=price, at=0,
        cum_qty=qty, leaves_qty=ZERO, order_status="filled", position_qty=ZERO,
    )  # fmt: skip


def test_average_prices_of_nine_places_are_no_difference_but_a_tenth_of_a_cent_is() -> None:
    hidden = closed(1, "1.116000001", shares=DEC("1.5"))
    assert tie_out(books(hidden), account(*LINES, KO="3")).differences == ()
    [difference] = tie_out(books(closed(1, "1.117")), account(*LINES, KO="3")).differences
    assert "P&L is 0.001 USD apart" in difference


# --- each kind of difference ------------------------------------------------------------------------


def differences(ledger: Books, statement: Statement) -> str:
    return "\n".join(tie_out(ledger, statement).differences)


def test_an_execution_that_only_the_account_has_is_told() -> None:
    [*most, _] = books().executions
    told = differences(books()._replace(executions=tuple(most)), account(*LINES, KO="3"))
    assert f"{our_id(2)}: a sell of 0.5 at 11 is in the account's statement only, 1 times" in told
    assert ": 5.5 apart" in told


def test_an_execution_that_is_in_the_ledger_twice_is_told() -> None:
    [first, *rest] = books().executions
    told = differences(books()._replace(executions=(first, first, *rest)), account(*LINES, KO="3"))
    assert "in the ledger only, 1 times" in told
    assert ": 15.5 apart" in told


def test_two_executions_that_make_up_for_each_other_are_told_all_the_same() -> None:
    executions = (
        Executed(our_id(1), "buy", DEC("1.5"), DEC("10.33")),
        Executed(our_id(2), "sell", DEC("0.5"), DEC("22.222")),
        Executed(our_id(2), "sell", DEC("1"), DEC("5.5")),
    )
    told = tie_out(books()._replace(executions=executions), account(*LINES, KO="3"))
    assert told.explained == told.cash
    assert len(told.differences) == 4


def test_cash_that_nothing_explains_is_told_to_the_cent() -> None:
    statement = account(*LINES, KO="3")
    short = replace(statement, cash=statement.cash - CENT)
    told = differences(books(), short)
    assert "the account has 980.1 USD, the ledger explains 980.11: -0.01 apart" in told


@pytest.mark.parametrize(
    ("shares", "positions", "words"),
    [
        ({"KO": "3"}, {"KO": "2"}, "KO: the account holds 2 shares, the ledger says 3"),
        ({"KO": "3"}, {}, "KO: the account holds 0 shares, the ledger says 3"),
        ({"ACME": "0"}, {"KO": "3"}, "KO: the account holds 3 shares, the ledger says 0"),
        ({"KO": "3", "ACME": "0.000000001"}, {"KO": "3"}, "ACME: the account holds 0 shares"),
    ],
)
def test_shares_that_differ_are_told(shares: dict[str, str], positions: dict[str, str], words: str) -> None:
    assert differences(books(shares=shares), account(*LINES, **positions)).startswith(words)


def test_a_trade_that_is_not_over_is_told() -> None:
    for status in (TradeStatus.PENDING, TradeStatus.OPEN, TradeStatus.CLOSING):
        left = a_trade(7, status=status, shares=DEC(2))
        told = differences(books(TRADE, left), account(*LINES, KO="3"))
        assert told == f"trade 7, ACME, is {status} and holds 2 shares"


def test_a_trade_whose_profit_nobody_knows_is_told() -> None:
    lost = a_trade(7, status=TradeStatus.CLOSED, shares=DEC(2), pnl=None)
    never = a_trade(8, status=TradeStatus.MISSED, shares=None, pnl=None)
    told = differences(books(TRADE, lost, never), account(*LINES, KO="3"))
    assert told == "trade 7, ACME, is over and its P&L is not known"


# --- the report -------------------------------------------------------------------------------------


def view(number: int, code: VerdictCode | None, reason: str = "") -> SignalView:
    signal = Signal(signal_id=f"s{number}", symbol="ACME", catalyst_tier=1, ai_confidence=None, issued_at=NOW)
    verdict = None
    if code is not None:
        verdict = Verdict(code=code, reason=reason, stars=5, notional=DEC(100), checks=())
    return SignalView(
        signal=signal,
        digest="",
        state=SignalState.RECEIVED if code is None else SignalState.DECLINED,
        received_at=NOW,
        verdict=verdict,
        decided_at=NOW,
        trade=None,
    )


def a_ledger(*signals: SignalView, trades: tuple[TradeRecord, ...] = (TRADE,)) -> Ledger:
    orders = (an_order(1), an_order(2, side="sell"), an_order(3, life=Life.REFUSED))
    return Ledger(signals, books(*trades), orders)


def printed(ledger: Ledger, statement: Statement) -> str:
    said = io.StringIO()
    show(Console(file=said, width=200), report_of(ledger, statement))
    return said.getvalue()


def test_signals_are_counted_by_verdict_with_the_first_ones_reason_and_limits_apart() -> None:
    newest_first = (view(3, "max_positions", "late"), view(2, "max_positions", "early"), view(1, "trade"))
    report = report_of(a_ledger(*newest_first), account(*LINES, KO="3"))
    assert [tuple(row) for row in report.verdicts] == [("max_positions", 2, "early"), ("trade", 1, "")]
    assert [row.by_limit for row in report.verdicts] == [True, False]
    assert report.differences == ()


def test_a_signal_without_a_verdict_is_a_difference() -> None:
    report = report_of(a_ledger(view(1, None)), account(*LINES, KO="3"))
    assert report.differences == ("1 signals are undecided",)


def test_trades_are_counted_by_what_sold_them_with_wins_and_dollars() -> None:
    trades = (
        closed(1, "3"), closed(2, "-1"), closed(3, "0"), closed(4, "5", exit_reason="profit_target"),
        a_trade(5, status=TradeStatus.MISSED, shares=None, exit_reason="alpaca_canceled"),
        a_trade(6, status=TradeStatus.REJECTED, shares=None, exit_reason="alpaca_refused"),
    )  # fmt: skip
    report = report_of(a_ledger(trades=trades), account(*LINES, KO="3"))
    assert [tuple(row) for row in report.exits] == [("profit_target", 1, 1, 5), ("time_exit", 3, 1, 2)]
    assert report.never_bought == (("alpaca_canceled", 1), ("alpaca_refused", 1))
    assert (report.orders, report.refused, report.own_orders) == (3, 1, 1)


def test_naked_exposure_is_summed_over_all_trades() -> None:
    trades = (closed(1, "1", naked_usd_s=DEC("1800.50")), closed(2, "1", naked_usd_s=DEC("1799.5")), TRADE)
    report = report_of(a_ledger(trades=trades), account(*LINES, KO="3"))
    assert [report.naked_usd_s, report.naked_trades] == [3600, 2]
    assert "3,600.00 dollar-seconds (1.00 dollar-hours), in 2 of 3 trades" in printed(
        a_ledger(trades=trades), account(*LINES, KO="3")
    )


def test_the_printed_sums_have_all_their_places_and_end_with_the_word_on_them() -> None:
    said = printed(a_ledger(view(1, "trade", "every check passed")), account(*LINES, KO="3"))
    for words in ("-15.495", "+16.611", "-0.006", "-21.00", "980.11", "+1.116", "KO", "3 shares"):
        assert words in said
    assert said.rstrip().endswith("every execution, every share and every cent.")


def test_a_printed_difference_takes_the_place_of_that_word() -> None:
    said = printed(a_ledger(), account(*LINES, KO="2"))
    assert "difference: KO: the account holds 2 shares, the ledger says 3" in said
    assert "tie out" not in said
