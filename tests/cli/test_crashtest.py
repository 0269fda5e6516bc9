"""The crash test itself: that it runs, and that it can say no."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import failpoint
from cli.crash import report
from cli.crash.cases import Case, sweep
from cli.crash.judge import Promise, judge
from cli.crash.play import Outcome, Patience, play
from cli.crashtest import play_all
from domain.holdings import Halt
from tests.cli.books import Books, an_order
from tests.cli.conftest import CommandLine
from tests.cli.test_oracle import accepted, told, written
from tests.domain.builders import NOW

ROOT = Path(__file__).resolve().parents[2]


# --- the command --------------------------------------------------------------------------------------


def crashtest(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), "crashtest", *arguments],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.timeout(240)
def test_two_points_are_really_passed_and_hold(tmp_path: Path) -> None:
    with crashtest(tmp_path, "--quick", "--points", "exec.after_post,sig.after_commit", "--json") as process:
        printed, complaint = process.communicate()
    assert (process.returncode, complaint) == (0, "")
    answer = json.loads(printed)
    assert answer["holds"] is True
    assert [(row["point"], row["kills"], row["restarts"]) for row in answer["points"]] == [
        ("sig.after_commit", 1, 1),
        ("exec.after_post", 1, 1),
    ]
    assert all(row["most_orders"] == 1 and row["lost"] == 0 for row in answer["points"])
    assert list(tmp_path.glob("starfill-crash-*")) == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_neither_process_nor_folder(tmp_path: Path, number: signal.Signals) -> None:
    with crashtest(tmp_path, "--quick", "--jobs", "1") as process:  # which lasts
        spawned = re.compile(r"started with pid (\d+)(?:.|\n)*spawned: 'starfill' with pid (\d+)")
        pids = until(lambda: (log := first_log(tmp_path)) and spawned.search(log))
        process.send_signal(number)
        process.communicate()
    assert process.returncode != 0
    for pid in map(int, pids.groups()):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert list(tmp_path.glob("starfill-crash-*")) == []


def first_log(folder: Path) -> str:
    return next((p.read_text() for p in folder.glob("starfill-crash-*/*/home/var/supervisord.log")), "")


def until(holds: Any) -> Any:
    pause = threading.Event()
    for _ in range(600):
        found = holds()
        if found:
            return found
        pause.wait(0.05)
    pytest.fail("waited 30 s")


@pytest.mark.parametrize(
    "arguments", [("--points", "sig.after_commit,nowhere"), ("--points", ""), ("--quick", "--full")]
)
def test_what_cannot_be_run_is_64_and_one_line(cli: CommandLine, arguments: tuple[str, ...]) -> None:
    done = cli("crashtest", *arguments)
    assert done.exit_code == 64
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def _handler() -> Iterator[None]:
    """The command sets the process's handler; it is put back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_handler")
@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_case_that_does_not_hold_is_told_and_the_exit_code_is_1(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    failed = outcome(tmp_path, "2 orders for the signal x")
    monkeypatch.setattr("cli.crashtest.play_all", lambda *_, **__: [outcome(tmp_path), failed])
    done = cli("crashtest", *flags)
    assert done.exit_code == 1
    assert "2 orders for the signal x" in done.stdout
    assert str(failed.folder) in done.stdout


# --- which cases --------------------------------------------------------------------------------------


def test_the_full_sweep_is_the_whole_cross_product_of_each_seed() -> None:
    cases = list(sweep(failpoint.NAMES, 3, "full"))
    ways = {(case.seed, case.point, case.redeliveries, case.ledger) for case in cases}
    assert len(cases) == len(ways) == 3 * 13 * 4 * 2


@pytest.mark.parametrize("extent", ["quick", "default"])
def test_a_shorter_sweep_still_has_every_point_and_both_ledgers(extent: Any) -> None:
    cases = list(sweep(failpoint.NAMES, 1, extent))
    assert {case.point for case in cases} == set(failpoint.NAMES)
    assert {case.ledger for case in cases} == {"kept", "deleted"}
    assert len({case.name for case in cases}) == len(cases)


def test_seeds_vary_which_passing_kills_and_when_signals_come_again() -> None:
    cases = list(sweep(("http.mid_send",), 3, "quick"))
    assert {case.passing for case in cases} == {1, 2, 3}
    assert {case.timing for case in cases} == {"at once", "settled", "both"}


# --- a case that fails --------------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_a_point_that_is_never_reached_is_no_success(tmp_path: Path) -> None:
    case = Case(point="recon.mid", passing=99)
    told = play(case, tmp_path, patience=Patience(death_s=0.1))
    assert not told.holds
    assert told.faults[0] == "never reached: recon.mid was not passed 99 times"
    assert (told.kills, told.restarts, told.converged_s) == (0, 0, None)
    assert (told.folder / "home/var/starfill.log").exists()


def test_an_error_of_the_test_itself_is_not_swallowed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        play_all([Case(point="recon.mid")], tmp_path / "file", jobs=1)


# --- the judgement ------------------------------------------------------------------------------------


class Ledger(Books):
    """Books that have these signals, and are halted or not."""

    halted: tuple[Halt, ...] = ()
    known: tuple[str, ...] = ("s1", "s2")

    def signal(self, signal_id: str, source: str | None = None) -> Any:
        return (signal_id,) if signal_id in self.known else ()

    def standing_halts(self) -> tuple[Halt, ...]:
        return self.halted


def at_broker(number: int, **changes: Any) -> list[dict[str, Any]]:
    symbol = {"symbol": f"CR{number}"} | changes
    return [accepted(number, **symbol), told(number, **symbol)]


ONE = Promise("s1", "CR1", acknowledged=True)
TWO = Promise("s2", "CR2", acknowledged=True)


def test_books_that_agree_hold(tmp_path: Path) -> None:
    told = judge(Ledger(an_order(1)), written(tmp_path / "o", *at_broker(1)), [ONE])
    assert (told.faults, told.most_orders, told.lost) == ((), 1, 0)


def test_a_planted_double_order_turns_the_verdict_red(tmp_path: Path) -> None:
    oracle = written(tmp_path / "o", *at_broker(1))
    planted = at_broker(2, symbol="CR1")
    with oracle.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in planted)
    told = judge(Ledger(an_order(1), an_order(2)), oracle, [ONE])
    assert told.faults == ("2 orders for the signal s1",)
    assert told.most_orders == 2
    assert report.verdict([outcome(tmp_path, *told.faults)], 1.0).startswith("1 of 1 cases do not hold")


def test_an_acknowledged_signal_without_an_order_is_lost(tmp_path: Path) -> None:
    told = judge(Ledger(an_order(1)), written(tmp_path / "o", *at_broker(1)), [ONE, TWO])
    assert (told.lost, len(told.faults)) == (1, 1)
    assert "s2 was acknowledged and came to nothing" in told.faults[0]
    unheard = Promise("s2", "CR2", acknowledged=False)
    assert judge(Ledger(an_order(1)), tmp_path / "o", [ONE, unheard]).faults == ()


def test_an_acknowledged_signal_that_the_ledger_does_not_have_is_lost(tmp_path: Path) -> None:
    ledger = Ledger(an_order(1))
    ledger.known = ()
    assert judge(ledger, written(tmp_path / "o", *at_broker(1)), [ONE]).lost == 1


def test_an_order_that_nobody_asked_for_is_told(tmp_path: Path) -> None:
    oracle = written(tmp_path / "o", *at_broker(1), *at_broker(3))
    [fault] = judge(Ledger(an_order(1), an_order(3)), oracle, [ONE]).faults
    assert fault == "an order in CR3 that no signal asked for"


def test_orders_of_a_deleted_ledger_may_stay_unknown_until_their_signals_come_again(tmp_path: Path) -> None:
    oracle = written(tmp_path / "o", *at_broker(1), *at_broker(2))
    unheard = Promise("s1", "CR1", acknowledged=False)
    orphans = frozenset({"CR1"})
    assert judge(Ledger(an_order(2)), oracle, [unheard, TWO], orphans=orphans).faults == ()
    assert judge(Ledger(an_order(2)), oracle, [unheard, TWO]).faults != ()
    assert judge(Ledger(an_order(2)), oracle, [ONE, TWO], orphans=orphans).faults != ()


def test_a_bot_that_halts_over_orders_it_does_not_know_is_right_as_long_as_none_is_doubled(
    tmp_path: Path,
) -> None:
    oracle = written(tmp_path / "o", *at_broker(1))
    halted = Ledger()
    halted.halted = (Halt(scope="all", reason="an order of ours is not here", by="ledger", at=NOW),)
    orphans = frozenset({"CR1"})
    assert judge(halted, oracle, [ONE, TWO], orphans=orphans).faults == ()
    assert judge(halted, oracle, [ONE, TWO]).lost == 1  # with nothing at the broker there is no reason
    written(tmp_path / "o", *at_broker(1), *at_broker(2, symbol="CR1"))
    assert judge(halted, oracle, [ONE, TWO], orphans=orphans).faults == ("2 orders for the signal s1",)


# --- the report ---------------------------------------------------------------------------------------


def outcome(
    folder: Path, *faults: str, point: str = "recon.mid", converged_s: float | None = 1.25
) -> Outcome:
    return Outcome(
        case=Case(point=point),
        kills=1,
        restarts=1,
        most_orders=1,
        lost=0,
        converged_s=None if faults else converged_s,
        faults=faults,
        folder=folder / "case",
    )


def test_the_table_has_a_row_for_each_point_and_the_worst_of_its_cases(tmp_path: Path) -> None:
    outcomes = [outcome(tmp_path, converged_s=seconds) for seconds in (1.0, 2.5)]
    outcomes.append(outcome(tmp_path, "a fault", point="plan.after_intent"))
    first, second = report.by_point(outcomes)
    assert (first["point"], first["holds"], first["slowest_s"]) == ("plan.after_intent", False, None)
    assert (second["kills"], second["restarts"], second["slowest_s"]) == (2, 2, 2.5)
    printed = StringIO()
    report.show(outcomes, 9.0, Console(file=printed, width=80))
    assert all(point in printed.getvalue() for point in ("plan.after_intent", "recon.mid"))
    assert printed.getvalue().endswith("1 of 3 cases do not hold; 9 s\n")
