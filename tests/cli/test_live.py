import io

import pytest
from rich.console import Console

from cli.live import LiveTable
from domain.rules import Gate
from domain.trades import TradeStatus
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
    assert a_trade(1).client_order_id in "\n".join(shown(Books(trades=(a_trade(1),)), 120))
    assert "sf-" not in "\n".join(shown(Books(trades=(a_trade(1),)), 80))


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
