"""Journal rows as the ledger writes them, in the words in which their owner reads them."""

from typing import Any

import pytest

from persistence.rows import JournalRow
from tests.watch.builders import a_row
from watch.kinds import Kind
from watch.telling import Teller

BUY: dict[str, Any] = {"symbol": "ACME", "side": "buy", "leg": "entry", "stars": 5}
SELL = BUY | {"side": "sell", "leg": "exit", "stars": None}


def told(*rows: JournalRow, intents: dict[str, Any] | None = None) -> list[tuple[Kind, str]]:
    teller = Teller((intents or {}).get)
    alarms = [teller.alarm_of(row) for row in rows]
    return [(alarm.kind, alarm.text) for alarm in alarms if alarm is not None]


def heard(status: str, filled: str, price: str | None = "28.5", ref: str = "sf-1") -> JournalRow:
    return a_row("order_heard", ref, event="fill", status=status, filled_qty=filled, filled_avg_price=price)


def test_a_filled_buy_is_told_once_with_what_was_paid() -> None:
    rows = [a_row("order_intended", "sf-1", **BUY), heard("partially_filled", "1"), heard("filled", "3.5")]
    assert told(*rows, heard("filled", "3.5", "28.4")) == [
        (Kind.FILL, "Bought 3.5 ACME at 28.5 USD, 99.75 USD in all (5 stars).")
    ]


def test_a_buy_whose_rest_was_canceled_is_told_as_such() -> None:
    [(_, text)] = told(a_row("order_intended", "sf-1", **BUY), heard("canceled", "1"))
    assert text.endswith("(5 stars); the rest was canceled.")


def test_an_intent_from_before_this_process_is_looked_up() -> None:
    [(kind, text)] = told(heard("filled", "2"), intents={"sf-1": BUY})
    assert (kind, "Bought 2 ACME" in text) == (Kind.FILL, True)


def test_a_filled_sale_is_told_when_its_trade_ends() -> None:
    rows = [a_row("order_intended", "sf-2", **SELL), heard("filled", "3.5", ref="sf-2")]
    closed: dict[str, Any] = {
        "symbol": "ACME",
        "was": "closing",
        "reason": "profit_target",
        "price": "31.35",
        "pnl": "9.975",
    }
    assert told(*rows, a_row("trade_closed", "17", **closed)) == [
        (Kind.EXIT, "Sold ACME at 31.35 USD, gain 9.98 USD (profit_target, trade 17).")
    ]


@pytest.mark.parametrize(
    ("pnl", "words"), [("-4.1", "loss 4.10 USD"), (None, "what it brought is not known")]
)
def test_a_loss_is_a_loss_and_what_is_not_known_is_not_guessed(pnl: str | None, words: str) -> None:
    [(_, text)] = told(a_row("trade_closed", "17", symbol="ACME", reason="hard_stop", price="27", pnl=pnl))
    assert words in text


@pytest.mark.parametrize(
    ("row", "kind", "words"),
    [
        (
            a_row("order_refused", "sf-1", reason="no buying power"),
            Kind.REFUSAL,
            "the buy of ACME (sf-1): no bu",
        ),
        (a_row("order_lapsed", "sf-1", why="too late"), Kind.REFUSAL, "Given up: the buy of ACME (sf-1)"),
        (a_row("trade_missed", "17", symbol="ACME", was="pending"), Kind.REFUSAL, "came to nothing"),
        (a_row("order_unresolved", "sf-1", why="read timeout"), Kind.UNRESOLVED, "may have it or not"),
        (a_row("order_appeared_late", "sf-1", was="lapsed"), Kind.UNRESOLVED, "after all"),
        (a_row("exit_trouble", "17", symbol="ACME", why="refused"), Kind.UNSOLD, "is not sold: refused"),
        (a_row("signal_decided", "s1", verdict="halted", reason="halted"), Kind.DECLINED, "s1 did not trade"),
        (
            a_row("halted", "all", reason="lost", by="ledger"),
            Kind.HALT,
            "Everything is halted by ledger: lost.",
        ),
        (a_row("halted", "ACME", reason="odd", by="api"), Kind.HALT, "run.py resume ACME"),
        (a_row("halts_cleared", "all", reason="ok", by="api"), Kind.HALT, "everything is lifted by api: ok"),
    ],
    ids=lambda value: value.kind if isinstance(value, JournalRow) else None,
)
def test_each_row_that_matters_is_told(row: JournalRow, kind: Kind, words: str) -> None:
    [(found, text)] = told(row, intents={"sf-1": BUY})
    assert found is kind
    assert words in text


@pytest.mark.parametrize(
    "row",
    [
        a_row("signal_decided", "s1", verdict="trade", reason="5 stars"),
        a_row("order_heard", "sf-1", status="canceled", filled_qty="0", filled_avg_price=None),
        a_row("account_read", "1"),
        a_row("a_kind_of_a_later_version", "1"),
    ],
)
def test_the_rest_is_no_alarm(row: JournalRow) -> None:
    assert told(row, intents={"sf-1": BUY}) == []
