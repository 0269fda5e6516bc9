import csv
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from typer.testing import Result

from settings import ledger_in
from tests.cli.conftest import CommandLine, write_tokens
from tests.web.conftest import Api
from tests.web.test_figures import buy_and_sell


@pytest.fixture
def traded(api: Api, cli: CommandLine, tmp_path: Path) -> Any:
    """`report` with these arguments, of a day on which two trades ended."""
    api.read_account(equity="5000")
    buy_and_sell(api, "ACME", "14.3")
    buy_and_sell(api, "KO", "12.9")
    (tmp_path / "state").mkdir()
    write_tokens(tmp_path / "state")

    def report(*arguments: str) -> Result:
        place = ("--http", urlsplit(api.url).netloc, "--state-dir", tmp_path / "state")
        return cli("report", *arguments, *place)

    return report


def test_the_days_sum_its_ratings_and_its_ways_out_are_shown(traded: Any) -> None:
    told = traded()
    assert told.exit_code == 0
    assert "+4.50 USD, 2 trades ended, 1 with a gain" in told.stdout
    assert "not enough data: 2 closed trades, 30 wanted" in told.stdout
    assert "manual" in told.stdout


def test_json_and_csv_have_every_trade(traded: Any) -> None:
    told = json.loads(traded("--json").stdout)
    assert [trade["pnl"] for trade in told["trades"]] == ["7.5", "-3"]
    rows = list(csv.DictReader(io.StringIO(traded("--format", "csv").stdout)))
    assert [row["symbol"] for row in rows] == ["ACME", "KO"]


def test_a_page_is_written_once_and_over_nothing(traded: Any, tmp_path: Path) -> None:
    page = tmp_path / "day.html"
    assert traded("--format", "html", "--output", str(page)).exit_code == 0
    assert "+4.50 USD" in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    again = traded("--format", "html", "--output", str(page))
    assert again.exit_code == 64
    assert "not written over" in again.stderr


def test_another_day_has_nothing(traded: Any) -> None:
    assert "0 trades ended" in traded("--day", "2026-11-11").stdout
    assert "0 trades ended" in traded("--from", "2026-11-13", "--to", "2026-11-14").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", "2026-11-30", "--to", "2026-11-01"),
        ("--day", "tuesday"),
        ("--day", "2026-11-12", "--to", "2026-11-13"),
        ("--output", "x.txt"),
    ],
)
def test_what_makes_no_report_is_64_and_one_line(traded: Any, arguments: tuple[str, ...]) -> None:
    told = traded(*arguments)
    assert told.exit_code == 64
    assert len(told.stderr.splitlines()) == 1


def test_without_a_bot_its_ledger_is_read(traded: Any, api: Api, cli: CommandLine, tmp_path: Path) -> None:
    place = ("--http", "127.0.0.1:9", "--state-dir", tmp_path / "state")
    with (
        closing(sqlite3.connect(api.store.path)) as ledger,
        closing(sqlite3.connect(ledger_in(tmp_path / "state", "simulator"))) as copy,
    ):
        ledger.backup(copy)
    told = cli("report", "--day", "2026-11-12", "--json", *place)
    assert told.exit_code == 0
    assert json.loads(told.stdout) == json.loads(traded("--json").stdout)
    assert "this is read from the ledger" in told.stderr
    backwards = cli("report", "--from", "2026-11-13", "--to", "2026-11-12", *place)
    assert (backwards.exit_code, len(backwards.stderr.splitlines())) == (64, 1)
    (ledger_in(tmp_path / "state", "simulator")).write_text("no ledger")
    damaged = cli("report", *place)
    assert (damaged.exit_code, len(damaged.stderr.splitlines())) == (1, 1)


def test_without_a_bot_it_says_how_to_start_one(cli: CommandLine, tmp_path: Path) -> None:
    told = cli("report", "--state-dir", tmp_path)
    assert told.exit_code == 1
    assert "python run.py" in told.stderr
