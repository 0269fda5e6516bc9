"""How `python run.py` ends: with something in it that hangs, told to stop, after crash upon crash."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.clock import system_clock
from persistence.store import LedgerStore
from simulator.server import Simulator
from tests.flows.conftest import control, oracle
from tests.flows.process import ROOT, Api, Process, environment, started
from tests.flows.test_process import a_signal, filled, one_clear_line
from tests.flows.test_supervision import until
from tests.flows.test_supervisord import free_port, ready


class Faulty(Process):
    """A bot with a fault inside."""

    launcher = Path(__file__).with_name("launcher.py")


def test_an_actor_that_hangs_ends_the_process_with_70_and_shows_where(
    simulator: Simulator, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    with started(state, simulator.base_url, Faulty, FAULT_IN="TradeLedger", FAULT="hang", SHORT="1") as (
        process,
        _,
    ):
        until((state / "health").exists, "the first sign of health")
        health = json.loads((state / "health").read_text())
        process.signal(signal.SIGUSR1)
        assert process.ended() == 70
        told = (state / "health").stat().st_mtime

    assert health["pid"] == process.pid
    assert time.time() - told > 1  # not touched any more once it was late
    assert any("in hang" in line for line in process.lines)
    assert "TradeLedger" in process.lines[-1]
    assert "Traceback" not in process.lines[-1]


def test_a_piece_of_c_that_keeps_the_interpreter_ends_the_process_and_the_next_one_goes_on(
    simulator: Simulator, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    with started(state, simulator.base_url, Faulty, FAULT_IN="Lane 1", FAULT="gil", SHORT="1") as (
        process,
        api,
    ):
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        filled(api, "acme-1")
        process.signal(signal.SIGUSR1)
        assert process.ended() == 1
    assert "launcher.py" in (state / "crash.log").read_text()

    with started(state, simulator.base_url) as (_, api):
        assert api.post("/api/signals", a_signal("KO")).status_code == 202
        filled(api, "ko-1")
    assert [order["symbol"] for order in oracle(simulator, "accepted")] == ["ACME", "KO"]


@pytest.mark.parametrize(("name", "code"), [("Reconciler", 0), ("SignalReceiver", 0), ("OrderExecutor", 70)])
def test_a_stop_beside_an_actor_that_hangs_comes_within_its_budget(
    simulator: Simulator, tmp_path: Path, name: str, code: int
) -> None:
    with started(tmp_path / "state", simulator.base_url, Faulty, FAULT_IN=name, FAULT="hang") as (process, _):
        process.signal(signal.SIGUSR1)
        asked = time.monotonic()
        process.signal(signal.SIGTERM)
        assert process.ended() == code
        assert time.monotonic() - asked < 25


def test_being_told_to_stop_again_and_again_breaks_no_stop(simulator: Simulator, tmp_path: Path) -> None:
    slow = {"match": {"method": "POST", "path": "/v2/orders", "n": 1}, "act": "delay_reply", "seconds": 2}
    state = tmp_path / "state"
    with started(state, simulator.base_url) as (process, api):
        control(simulator, "faults", slow)
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        until(lambda: oracle(simulator, "accepted"), "the order to reach the broker")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            process.signal(number)
            threading.Event().wait(0.1)
        assert process.ended() == 0
    assert one_clear_line("\n".join(process.lines))

    with started(state, simulator.base_url) as (_, api):
        filled(api, "acme-1")
    assert len(oracle(simulator, "accepted")) == 1


def importing(library: str) -> Callable[[Process, Path], bool]:
    """Whether the process is at the import of this compiled library, or past it."""

    def is_there(process: Process, _: Path) -> bool:
        return library in Path(f"/proc/{process.pid}/maps").read_text()

    return is_there


def has_its_folder(_: Process, state: Path) -> bool:
    return (state / "lock").exists()


def has_its_ledger(_: Process, state: Path) -> bool:
    return (state / "ledger-simulator.sqlite3").exists()


@pytest.mark.parametrize(
    "moment",
    [importing("pydantic_core"), importing("msgspec"), importing("_sqlite3"), has_its_folder, has_its_ledger],
    ids=["pydantic", "msgspec", "sqlite3", "folder", "ledger"],
)
def test_ctrl_c_during_the_start_ends_without_a_traceback(
    simulator: Simulator, tmp_path: Path, moment: Callable[[Process, Path], bool]
) -> None:
    state = tmp_path / "state"
    process = Process(**environment(state, simulator.base_url))
    until(lambda: moment(process, state), "the moment")
    process.signal(signal.SIGINT)
    code = process.ended()
    assert "Traceback" not in "\n".join(process.lines)
    assert code in {0, -signal.SIGINT}


def test_a_stop_while_the_broker_is_waited_for_is_a_clean_one(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:1"
    for _ in range(6):  # more than would make a crash loop
        process = Process(**environment(tmp_path / "state", nobody))
        process.heard("waiting for http")
        process.signal(signal.SIGTERM)
        assert process.ended() == 0
        assert one_clear_line("\n".join(process.lines))
    assert not any("SAFE" in line for line in process.lines)


def test_a_bot_that_is_killed_again_and_again_comes_up_in_safe_mode(
    simulator: Simulator, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    for _ in range(4):
        with started(state, simulator.base_url) as (process, _):
            process.signal(signal.SIGKILL)
            process.ended()

    process = Process(**environment(state, simulator.base_url))
    try:
        process.heard("^SAFE mode")
        api = Api(process.heard(r"^dashboard\s+(http://\S+)$"), state)
        answer = api.until("/readyz", lambda a: "failed 4 times" in a.text, "the gate to tell of SAFE mode")
        assert answer.status_code == 503
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        assert api.get("/api/signals/acme-1").json()["state"] == "received"
        process.signal(signal.SIGTERM)
        assert process.ended() == 0
    finally:
        process.kill()
    assert oracle(simulator, "accepted") == []


def test_a_bot_whose_ledger_was_taken_over_ends_with_75_and_sends_nothing_more(
    simulator: Simulator, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    with started(state, simulator.base_url) as (process, _):
        process.signal(signal.SIGSTOP)
        store = LedgerStore.open(state / "ledger-simulator.sqlite3", clock=system_clock)
        store.take_lease(holder="pid 4711 elsewhere", at=system_clock())
        store.close()
        process.signal(signal.SIGCONT)
        assert process.ended() == 75
    assert "pid 4711 elsewhere" in process.lines[-1]
    assert "Traceback" not in process.lines[-1]
    assert oracle(simulator, "accepted") == []


def test_sys_exit_in_a_handler_ends_no_process_and_costs_no_signal(
    simulator: Simulator, tmp_path: Path
) -> None:
    with started(tmp_path / "state", simulator.base_url, Faulty, FAULT_IN="OrderExecutor", FAULT="exit") as (
        process,
        api,
    ):
        process.signal(signal.SIGUSR1)
        process.heard("died; rebuilding all actors")
        api.until("/readyz", lambda answer: answer.status_code == 200, "the bot to be ready again")
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        filled(api, "acme-1")
        process.signal(signal.SIGTERM)
        assert process.ended() == 0


def test_an_output_that_cannot_be_written_stops_no_order(simulator: Simulator, tmp_path: Path) -> None:
    state, port = tmp_path / "state", free_port()
    given = environment(state, simulator.base_url, STARFILL_HTTP=f"127.0.0.1:{port}")
    with Path("/dev/full").open("w") as nowhere:
        bot = subprocess.Popen(
            [sys.executable, str(ROOT / "run.py")],
            cwd=given.pop("cwd"), env={**os.environ, **given}, stdout=nowhere, stderr=nowhere,
        )  # fmt: skip
    try:
        api = ready(tmp_path, state, port)
        limited = {"match": {"method": "POST", "n": 1}, "act": "status", "status": 429}
        control(simulator, "faults", limited | {"headers": {"Retry-After": "1"}})  # which is logged
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        filled(api, "acme-1")
        bot.send_signal(signal.SIGTERM)
        assert bot.wait(timeout=30) == 0
    finally:
        bot.kill()
        bot.wait()
