"""A trading day in seconds, as its owner has it played: the process itself, then its books without it.

The sums here are the test's own, from the ledger's rows and the simulator's book: nothing of the report.
"""

import csv
import io
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest
from rich.console import Console

from actors.clock import LeapingTime, system_clock
from cli.day.lockstep import BUSY_STEP_S
from cli.day.plan import CONFIG, plan_of
from cli.day.play import play_day
from cli.day.report import read_ledger, report_of
from cli.day.tie_out import tie_out
from domain.identity import is_ours
from domain.market import NEW_YORK
from domain.trades import TradeRecord, TradeStatus
from domain.values import CENT, ZERO
from persistence.queries import FiguresQueries, Queries
from persistence.store import LedgerStore
from settings import Exit
from simulator.server import Simulator, SimulatorSettings
from simulator.statement import Statement
from tests.flows.conftest import running
from tests.flows.process import ROOT, environment
from web.api.report import report_json
from web.api.report_files import report_csv

SIGNALS = 60
HALF_DAY, DST_MONDAY = date(2026, 11, 27), date(2026, 11, 2)


@dataclass(frozen=True)
class Played:
    """What is left of a day."""

    state: Path
    code: int
    said: str
    day: date

    @property
    def ledger(self) -> Path:
        return self.state / "ledger-simulator.sqlite3"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(connect(self.ledger)) as connection:
            return connection.execute(sql).fetchall()

    def new_york(self, hour: int, minute: int) -> datetime:
        return datetime.combine(self.day, time(hour, minute), NEW_YORK)

    def trades(self) -> tuple[TradeRecord, ...]:
        with queries_of(self.ledger) as queries:
            return queries.trades(limit=500).items


class queries_of:  # noqa: N801 - reads as a function
    """The reader side of a ledger that nobody writes any more."""

    def __init__(self, ledger: Path) -> None:
        self._store = LedgerStore.open(ledger, clock=system_clock)

    def __enter__(self) -> Queries:
        return Queries(self._store)

    def __exit__(self, *_: object) -> None:
        self._store.close()


def play(folder: Path, day: date, signals: int = SIGNALS) -> Played:
    state = folder / "state"
    given = environment(state, None)
    flags = ["--date", str(day), "--signals", str(signals), "--state-dir", str(state)]
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "--demo-day", *flags],
        env=given, cwd=given.pop("cwd"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=80, check=False,
    )  # fmt: skip
    return Played(state, done.returncode, done.stdout, day)


@pytest.fixture(scope="module")
def half_day(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("half-day"), HALF_DAY)


@pytest.fixture(scope="module")
def dst_monday(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("dst"), DST_MONDAY, signals=30)


@pytest.fixture(params=["half_day", "dst_monday"])
def played(request: pytest.FixtureRequest) -> Played:
    found: Played = request.getfixturevalue(request.param)
    return found


def statement_of(played: Played) -> Statement:
    """The account after its book is read anew."""
    with Simulator(SimulatorSettings(folder=played.state / "simulator")) as simulator:
        return simulator.statement()


def test_a_day_ends_with_a_report_in_which_all_ties_out(played: Played) -> None:
    assert played.code == 0, played.said
    assert "every execution, every share and every cent" in played.said
    assert "difference" not in played.said


def test_starting_cash_and_what_the_ledger_says_was_bought_and_sold_is_the_cash_to_the_cent(
    played: Played,
) -> None:
    told = statement_of(played)
    cash = told.starting_cash
    for side, qty, price in played.rows(
        "SELECT o.side, e.qty, e.price FROM execution e JOIN bot_order o USING (client_order_id)"
    ):
        cents = (Decimal(qty) * Decimal(price)).quantize(Decimal("0.01"), ROUND_HALF_UP)
        cash += -cents if side == "buy" else cents
    own = [line for line in told.lines if not is_ours(line.client_order_id)]
    for line in own:
        cents = (line.qty * line.price).quantize(Decimal("0.01"), ROUND_HALF_UP)
        cash += -cents if line.side == "buy" else cents

    assert cash == told.cash
    assert len(own) >= 5
    assert told.cash != told.starting_cash


def test_what_the_account_holds_at_the_end_is_its_owners_and_in_the_books(played: Played) -> None:
    believed = played.rows("SELECT symbol, believed FROM holding")
    held = {symbol: Decimal(qty) for symbol, qty in believed if Decimal(qty)}
    assert held == statement_of(played).positions == {"KO": Decimal(7)}


def test_the_trades_profit_is_what_they_changed_of_the_cash(played: Played) -> None:
    told = statement_of(played)
    ours = sum((line.cash for line in told.lines if is_ours(line.client_order_id)), ZERO)
    taken = sum((trade.taken_for or ZERO for trade in played.trades()), ZERO)
    pnl = sum((trade.pnl or ZERO for trade in played.trades()), ZERO)
    executions = sum(is_ours(line.client_order_id) for line in told.lines)
    assert abs(pnl - taken - ours) <= executions * Decimal("0.005")


def test_no_trade_is_open_and_every_signal_has_its_verdict(played: Played) -> None:
    over = {TradeStatus.CLOSED, TradeStatus.MISSED, TradeStatus.REJECTED}
    assert {trade.status for trade in played.trades()} <= over
    assert all(trade.held == ZERO for trade in played.trades())
    assert played.rows("SELECT count(*) FROM signal WHERE state = 'received'") == [(0,)]
    [(signals,)] = played.rows("SELECT count(*) FROM signal")
    assert signals == (SIGNALS if played.day == HALF_DAY else 30)


def bells(played: Played) -> tuple[datetime, datetime]:
    """From when on something may be bought, and from when on everything is sold."""
    opens_at = played.new_york(9, 30) + timedelta(minutes=CONFIG.no_entries_first_min)
    closes_at = played.new_york(13, 0) if played.day == HALF_DAY else played.new_york(16, 0)
    return opens_at, closes_at - timedelta(minutes=CONFIG.close_before_end_min)


def test_everything_is_sold_fifteen_minutes_before_the_close_and_nothing_is_bought_after(
    played: Played,
) -> None:
    opens_at, eve = bells(played)
    bought = [trade for trade in played.trades() if trade.shares]
    at_the_eve = [trade for trade in bought if trade.exit_reason == "force_close_eod"]
    assert at_the_eve
    for trade in bought:
        assert trade.entry_at is not None
        assert trade.exit_at is not None
        assert opens_at <= trade.entry_at < eve
        assert trade.exit_at <= eve + timedelta(seconds=2 * BUSY_STEP_S)
    for trade in at_the_eve:
        assert trade.exit_at is not None
        assert trade.exit_at >= eve


def test_nothing_came_late_or_had_to_be_found_out(played: Played) -> None:
    """Time leapt only while nothing was under way: the stream told it all, on one connection."""
    kinds = dict(played.rows("SELECT kind, count(*) FROM journal GROUP BY kind"))
    assert {
        "order_unresolved",
        "order_lapsed",
        "order_not_sent",
        "order_appeared_late",
    } & kinds.keys() == set()
    assert played.rows("SELECT count(*) FROM execution WHERE source <> 'stream'") == [(0,)]
    assert played.rows("SELECT count(*) FROM halt") == [(0,)]
    assert "connecting" not in (played.state / "starfill.log").read_text()


def test_each_reason_to_sell_has_its_turn_on_the_half_day(half_day: Played) -> None:
    reasons = {trade.exit_reason for trade in half_day.trades() if trade.shares}
    assert reasons >= {
        "hard_stop", "trailing_stop", "profit_target", "time_exit", "force_close_eod", "manual",
        "sold_by_owner",
    }  # fmt: skip


def test_the_refused_sell_was_tried_again(half_day: Played) -> None:
    refused = half_day.rows("SELECT trade_id FROM bot_order WHERE life = 'refused' AND side = 'sell'")
    assert len(refused) == 1
    [trade] = [trade for trade in half_day.trades() if (trade.id,) == refused[0]]
    assert (trade.status, trade.held, trade.sold) == (TradeStatus.CLOSED, ZERO, trade.shares)


def test_an_execution_that_the_ledger_loses_is_a_difference(half_day: Played, tmp_path: Path) -> None:
    copy = tmp_path / "ledger.sqlite3"
    shutil.copy2(half_day.ledger, copy)
    told = statement_of(half_day)
    with queries_of(copy) as queries:
        assert report_of(read_ledger(queries), told).differences == ()
        with closing(connect(copy)) as connection, connection:
            connection.execute("DELETE FROM execution WHERE rowid = (SELECT max(rowid) FROM execution)")
        differences = report_of(read_ledger(queries), told).differences
    assert any("is in the account's statement only" in each for each in differences)
    assert any("the ledger explains" in each for each in differences)


def test_the_report_of_the_day_ties_out_with_the_trades_and_with_the_account(played: Played) -> None:
    with queries_of(played.ledger) as queries:
        tied = tie_out(read_ledger(queries).books, statement_of(played))
        closed = [trade for trade in queries.trades(limit=500).items if trade.status is TradeStatus.CLOSED]
    told = report_json(FiguresQueries(played.ledger), played.day, played.day, most=len(closed))
    pnl = sum((trade.pnl or ZERO for trade in closed), ZERO)
    assert {trade.id for trade in told.trades} == {trade.id for trade in closed}
    assert (told.total.pnl, told.total.trades, told.total.unknown) == (pnl, len(closed), 0)
    for parts in (told.days, told.stars, told.exit_reasons):
        assert sum((each.pnl for each in parts), ZERO) == pnl
        assert sum(each.trades for each in parts) == len(closed)
    rows = csv.DictReader(io.StringIO(report_csv(told)))
    assert sum((Decimal(row["pnl"]) for row in rows), ZERO) == pnl
    # The account rounds each execution to the cent; what shares brought that the owner sold is not ours.
    assert (pnl - tied.taken_for + tied.rounding).quantize(CENT, ROUND_HALF_UP) == tied.earned


def test_a_day_that_ends_early_is_reported_as_far_as_it_came(tmp_path: Path) -> None:
    plan, said = plan_of(HALF_DAY, signals=10), io.StringIO()
    settings = SimulatorSettings(folder=tmp_path / "simulator", hours="new_york", fill_delay_s=0.0)
    with Simulator(settings) as simulator:
        simulator.run_at(0)
        simulator.set_clock(plan.starts_at)
        with running(simulator, tmp_path / "state", time=LeapingTime(plan.starts_at)) as bot:
            parts = replace(bot.parts, simulator=simulator)
            code = play_day(plan, parts, "http://127.0.0.1:1", "token", Console(file=said, width=200))
    assert code == Exit.DIFFERENT
    assert "difference: the day ended early, at 09:" in said.getvalue()
    assert "no Starfill answers at http://127.0.0.1:1" in said.getvalue()
    assert "100,000.00" in said.getvalue()
