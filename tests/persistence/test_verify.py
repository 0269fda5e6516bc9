"""What is found of books that somebody changed behind the journal's back."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from persistence.verify import Verified, verify
from tests.web.conftest import Api, serving
from tests.web.test_figures import buy_and_sell
from tests.web.test_trades import plan

TAMPERED = [
    ("signal", "symbol", "'X'"),
    ("signal", "verdict_reason", "'because'"),
    ("signal", "stars", "1"),
    ("signal", "checks", "'[]'"),
    ("signal", "body_digest", "'0'"),
    ("bot_order", "filled_qty", "'99'"),
    ("bot_order", "status", "'canceled'"),
    ("bot_order", "qty", "'3'"),
    ("bot_order", "life", "'lapsed'"),
    ("bot_order", "notional", "'1'"),
    ("bot_order", "filled_avg_price", "'1'"),
    ("bot_order", "planned_at", "1"),
    ("bot_trade", "pnl", "'1000'"),
    ("bot_trade", "exit_reason", "'luck'"),
    ("bot_trade", "shares", "'1'"),
    ("bot_trade", "status", "'missed'"),
    ("bot_trade", "exit_price", "'1'"),
    ("holding", "believed", "'7'"),
    ("holding", "opening", "'7'"),
    ("bot_config", "max_orders_per_day", "1"),
    ("bot_config", "hard_stop_loss_pct", "'99'"),
]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trades that ended, one that is pending, a halt, a setting."""
    folder = tmp_path_factory.mktemp("verify")
    with serving(folder) as api:
        tell_a_story(api)
    return folder / "ledger.sqlite3"


def tell_a_story(api: Api) -> None:
    api.read_account(IBM="5")
    buy_and_sell(api, "ACME", "14.3")
    buy_and_sell(api, "KO", "12.3")
    plan(api, "PEP")
    api.call("PUT", "/api/config", json={"max_orders_per_day": 77, "denied_symbols": ["XOM"]})
    api.call("POST", "/api/halt", json={"scope": "IBM", "reason": "a drill"})
    api.call("POST", "/api/halt", json={"scope": "T", "reason": "a drill"})
    api.call("POST", "/api/resume", json={"scope": "T", "reason": "over"})


def changed(ledger: Path, folder: Path, *statements: str, unlocked: str = "") -> Verified:
    copy = folder / "copy.sqlite3"
    with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    with closing(sqlite3.connect(copy)) as connection, connection:
        if unlocked:
            connection.execute(unlocked)
        for statement in statements:
            assert connection.execute(statement).rowcount, statement
    return verify(copy)


def test_books_that_nobody_touched_are_what_the_journal_makes_of_them(ledger: Path) -> None:
    told = verify(ledger)
    assert (told.broken_at, told.differences) == (None, ())
    assert told.compared["signal"] == 3
    assert told.compared["bot_order"] == 5
    assert told.compared["halt"] == 1


@pytest.mark.parametrize(("table", "column", "value"), TAMPERED)
def test_a_cell_that_was_changed_is_found(
    ledger: Path, tmp_path: Path, table: str, column: str, value: str
) -> None:
    key = {"bot_config": "id = 1"}.get(table, f"rowid = (SELECT min(rowid) FROM {table})")
    if table == "holding":
        key = "symbol = 'ACME'" if column == "believed" else "symbol = 'IBM'"
    told = changed(ledger, tmp_path, f"UPDATE {table} SET {column} = {value} WHERE {key}")
    assert (table, column if table != "bot_config" else "value") in {
        (each.table, each.column) for each in told.differences
    }


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM halt WHERE scope = 'IBM'",
        "UPDATE halt SET cleared_at = 1, cleared_by = 'x' WHERE scope = 'IBM'",
        "INSERT INTO halt (scope, reason, halted_by, halted_at) VALUES ('Z', 'z', 'z', 1)",
        "DELETE FROM signal WHERE signal_id = 's-PEP'",
    ],
)
def test_a_row_too_many_or_too_few_is_found(ledger: Path, tmp_path: Path, statement: str) -> None:
    assert len(changed(ledger, tmp_path, statement).differences) == 1


def test_a_journal_that_was_changed_says_where_and_nothing_more(ledger: Path, tmp_path: Path) -> None:
    rewrite = "UPDATE journal SET payload = replace(payload, '14.3', '15.3') WHERE payload LIKE '%14.3%'"
    told = changed(ledger, tmp_path, rewrite, unlocked="DROP TRIGGER journal_is_not_rewritten")
    assert told.broken_at is not None
    assert told.rows == told.broken_at - 1
    assert told.differences == ()
