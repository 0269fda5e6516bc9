"""A trade's life in the log, row by row."""

import logging
from typing import Any

import pytest
from structlog.contextvars import get_contextvars

from persistence.rows import JournalRow
from tests.watch.builders import a_row
from watch import life
from watch.life import MOST_A_ROUND, Life, Names

BUY = a_row("order_intended", "sf-buy", trade=17, leg="entry", source="test", signal_id="s-1", symbol="ACME")
SALE = a_row("order_intended", "sf-sale", trade=17, leg="exit", symbol="ACME")
BUYS = {"signal_id": "s-1", "client_order_id": "sf-buy"}
SALES = {"signal_id": "s-1", "client_order_id": "sf-sale"}


class Lines(logging.Handler):
    """What is logged, with what it bears."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[str, dict[str, Any]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append((record.getMessage(), get_contextvars()))


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    handler = Lines()
    monkeypatch.setattr(life.log, "handlers", [handler])
    monkeypatch.setattr(life.log, "level", logging.INFO)
    return handler


def a_life(**intents: Any) -> Life:
    known = {7: Names("s-old", "sf-old")}
    return Life(find_order=intents.get, find_trade=known.get)


def names(lines: Lines, told: Life, *rows: JournalRow) -> list[dict[str, Any]]:
    told.take(rows)
    while told.look():
        pass
    return [bound for _, bound in lines.said]


def test_every_line_bears_the_signal_and_the_order_that_it_is_about(lines: Lines) -> None:
    rows = (
        a_row("signal_received", "s-1", source="test"),
        BUY,
        a_row("signal_decided", "s-1", source="test", verdict="trade"),
        a_row("order_heard", "sf-buy", status="filled"),
        a_row("exit_wanted", "17", reason="manual"),
        SALE,
        a_row("order_heard", "sf-sale", status="filled"),
        a_row("trade_closed", "17", reason="manual"),
    )
    of_trade = {"trade_id": "17", **BUYS}
    assert names(lines, a_life(), *rows) == [
        {"signal_id": "s-1"}, BUYS, BUYS, BUYS, of_trade, SALES, SALES, of_trade,
    ]  # fmt: skip


def test_what_was_begun_before_this_process_is_looked_up(lines: Lines) -> None:
    told = a_life(**{"sf-old-sale": {"trade": 7, "leg": "exit"}})
    rows = (a_row("order_heard", "sf-old-sale", status="filled"), a_row("trade_closed", "7"))
    old = {"signal_id": "s-old"}
    assert names(lines, told, *rows) == [
        {"client_order_id": "sf-old-sale", **old},
        {"trade_id": "7", "client_order_id": "sf-old", **old},
    ]


def test_an_order_that_replaced_one_of_ours_is_of_the_same_signal(lines: Lines) -> None:
    rows = (BUY, a_row("order_replaced", "sf-buy", by="their-id"), a_row("order_heard", "their-id"))
    assert names(lines, a_life(), *rows)[-1] == {"client_order_id": "their-id", "signal_id": "s-1"}


def test_what_is_about_no_trade_is_left_to_the_journal(lines: Lines) -> None:
    rows = (a_row("account_read", "1"), a_row("order_external", "b-1"), a_row("halted", "all"))
    assert names(lines, a_life(), *rows) == []


def test_a_flood_is_logged_little_by_little(lines: Lines) -> None:
    told = a_life()
    told.take([BUY] * (2 * MOST_A_ROUND + 1))
    assert [told.look(), len(lines.said)] == [True, MOST_A_ROUND]
    assert [told.look(), told.look(), len(lines.said)] == [True, False, 2 * MOST_A_ROUND + 1]


def test_what_does_not_fit_is_counted(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "MOST_WAITING", 3)
    told = a_life()
    told.take([BUY] * 5)
    told.look()
    assert lines.said[0][0] == "2 rows of the journal are not in this log: too much happened"
    assert len(lines.said) == 4
