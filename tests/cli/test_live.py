import io
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from cli.live import LiveTable
from domain.rules import Gate
from domain.trades import TradeRecord, TradeStatus
from persistence.rows import LedgerCounts
from tests.cli.books import Books, a_trade

OPEN = Gate(open=True, reason="all is well")


def shown(books: Books, width: int, gate: Gate = OPEN, height: int = 30) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    console.print(LiveTable(books, gate=lambda: gate, headline="Starfill " + "x" * 200, console=console))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


ALL = tuple(
    a_trade(number, status=status, symbol="BRKBRK", stars=None if number else 5)
    for number, status in enumerate(TradeStatus)
)


@pytest.mark.parametrize("width", [40, 80, 104, 200])
def test_the_table_fits_the_terminal_and_shows_every_status(width: int) -> None:
    lines = shown(Books(trades=ALL), width, Gate(open=False, reason="the stream is down " * 20))
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    if width >= 80:
        assert all(status in text for status in TradeStatus)
        assert "gate closed" in text


def test_the_order_id_is_shown_where_there_is_room() -> None:
    assert a_trade(1).client_order_id in "\n".join(shown(Books(trades=(a_trade(1),)), 140))
    assert "sf-" not in "\n".join(shown(Books(trades=(a_trade(1),)), 120))


def row(trade: TradeRecord, width: int = 80) -> list[str]:
    """The cells of the one row."""
    [line] = [line for line in shown(Books(trades=(trade,)), width) if "│" in line]
    return [cell.strip() for cell in line.strip("│").split("│")]


BOUGHT: dict[str, Any] = {"shares": Decimal("7.5"), "entry_price": Decimal("13.3")}


def test_a_closed_trade_shows_what_it_brought_and_why_it_was_sold() -> None:
    sold = a_trade(1, status=TradeStatus.CLOSED, sold=Decimal("7.5"), **BOUGHT)
    lost = sold.having({"pnl": Decimal("-3.255"), "exit_reason": "hard_stop", "mark_price": Decimal(20)})
    assert row(lost) == ["ACME", "closed", "7.5", "13.3", "-3.26", "hard_stop"]
    unknown = sold.having({"exit_reason": "sold_by_owner", "mark_price": Decimal(20)})
    assert row(unknown) == ["ACME", "closed", "7.5", "13.3", "", "sold_by_owner"]


def test_an_open_trade_shows_what_it_would_bring_and_whether_it_is_to_be_sold() -> None:
    trade = a_trade(1, mark_price=Decimal("13.5"), **BOUGHT)
    assert row(trade) == ["ACME", "open", "7.5", "13.3", "+1.50", ""]
    assert row(trade.having({"exit_wanted": "manual"}))[-1] == "manual"
    assert row(trade.having({"exit_wanted": "manual", "exit_trouble": "refused"}))[-1] == "refused"
    assert row(trade.having({"naked_why": "no price"}))[-1] == "no price"


def test_the_pnl_is_shown_on_a_narrow_terminal_too() -> None:
    assert row(a_trade(1, mark_price=Decimal("13.5"), **BOUGHT), 60) == ["ACME", "open", "+1.50", ""]


def test_there_are_no_more_rows_than_lines() -> None:
    many = tuple(a_trade(number) for number in range(300))
    assert len(shown(Books(trades=many), 80, height=24)) <= 24


def test_an_empty_ledger_is_a_table_too() -> None:
    assert "trades: 1 open" in "\n".join(shown(Books(trades=(a_trade(1),)), 80))


def test_a_ledger_that_cannot_be_read_does_not_end_the_table() -> None:
    class Broken(Books):
        def counts(self) -> LedgerCounts:
            raise OSError("disk")

    assert "cannot be read" in shown(Broken(trades=()), 80)[0]


def test_it_starts_and_stops_on_a_terminal() -> None:
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True)
    with LiveTable(Books(trades=ALL), gate=lambda: OPEN, headline="Starfill", console=console) as table:
        table.console.print("a line above")
    file = console.file
    assert isinstance(file, io.StringIO)
    assert "a line above" in file.getvalue()
    assert "gate open" in file.getvalue()
