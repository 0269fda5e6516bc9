"""What stands outside the process: the file that is touched while all is well, the watchdog in C."""

import json
import os
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from cli import health
from cli.health import HealthFile, Watchdog
from domain.rules import Gate
from tests.domain.builders import NOW

GATE = Gate(open=False, reason="the trading stream is down")


class Watch:
    """A health file, and a clock that is set by hand."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.path = 1000.0, folder / "health"
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.file = HealthFile(folder, gate=lambda: GATE, clock=lambda: NOW)

    def told(self) -> Any:
        return json.loads(self.path.read_text())


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(tmp_path, monkeypatch)


def test_it_tells_who_how_and_when(watch: Watch) -> None:
    watch.file.all_well(0.43)
    assert watch.told() == {
        "pid": os.getpid(),
        "at": NOW.isoformat(),
        "gate": "closed",
        "reason": "the trading stream is down",
        "oldest_pong_s": 0.4,
    }
    assert list(watch.path.parent.iterdir()) == [watch.path]


def test_it_is_written_each_five_seconds_and_not_at_each_turn(watch: Watch) -> None:
    written = []
    for _ in range(9):
        watch.file.all_well(watch.now)
        written.append(watch.told()["oldest_pong_s"])
        watch.now += 2.5
    assert written == [1000, 1000, 1005, 1005, 1010, 1010, 1015, 1015, 1020]


def test_nobody_touches_it_while_nobody_says_that_all_is_well(watch: Watch) -> None:
    assert not watch.path.exists()


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    HealthFile(tmp_path / "gone", gate=lambda: GATE, clock=lambda: NOW).all_well(0)


# --- the watchdog ------------------------------------------------------------------------------------


def child(folder: Path, code: str) -> "subprocess.CompletedProcess[str]":
    """Python with a watchdog of one second in this folder, doing this under it."""
    code = (
        "import ctypes, sys, time\nfrom pathlib import Path\nfrom cli.health import Watchdog\n"
        + textwrap.dedent(code)
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=30, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip


def test_a_piece_of_c_that_keeps_the_interpreter_to_itself_ends_the_process(tmp_path: Path) -> None:
    done = child(
        tmp_path,
        """
        def holds_the_interpreter():
            ctypes.PyDLL(None).sleep(60)
        with Watchdog(Path(sys.argv[1]), 1.0):
            holds_the_interpreter()
        """,
    )
    assert done.returncode == 1
    crash_log = tmp_path / "crash.log"
    assert "in holds_the_interpreter" in crash_log.read_text()
    assert stat.S_IMODE(crash_log.stat().st_mode) == 0o600


def test_a_sign_of_life_in_time_keeps_it_quiet_and_leaving_calls_it_off(tmp_path: Path) -> None:
    done = child(
        tmp_path,
        """
        with Watchdog(Path(sys.argv[1]), 0.5) as watchdog:
            for _ in range(6):
                time.sleep(0.2)
                watchdog.alive()
            watchdog.alive(2.0)
            time.sleep(1.0)
        time.sleep(1.0)
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "crash.log").read_text() == ""


def test_earlier_crashes_are_kept_until_there_are_too_many(tmp_path: Path) -> None:
    crash_log = tmp_path / "crash.log"
    crash_log.write_text("the last one\n")
    with Watchdog(tmp_path, 60):
        assert crash_log.read_text() == "the last one\n"
    crash_log.write_text("x" * (health.CRASH_LOG_BYTES + 1))
    with Watchdog(tmp_path, 60):
        assert crash_log.read_text() == ""
