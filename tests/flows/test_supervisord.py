"""deploy/supervisord.conf under a real supervisord: starts, restarts after kill -9, stops by TERM."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actors.clock import system_clock
from persistence.store import LedgerStore, verify_journal
from simulator.server import Simulator
from tests.flows.conftest import oracle
from tests.flows.process import ROOT, WAIT_S, Api
from tests.flows.test_process import a_signal, filled

TOOLS = Path(sys.executable).parent


def supervisorctl(home: Path, *command: str) -> str:
    done = subprocess.run(
        [str(TOOLS / "supervisorctl"), "-c", str(home / "deploy/supervisord.conf"), *command],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout


@contextmanager
def supervised(home: Path, **environment: str) -> Iterator[None]:
    """The shipped configuration in a folder laid out as a checkout."""
    (home / "var").mkdir(parents=True)
    (home / "deploy").mkdir()
    (home / "deploy/supervisord.conf").write_text((ROOT / "deploy/supervisord.conf").read_text())
    (home / "run.py").symlink_to(ROOT / "run.py")
    (home / ".venv").symlink_to(sys.prefix)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("STARFILL_", "APCA_"))}
    daemon = subprocess.Popen(
        [str(TOOLS / "supervisord"), "--nodaemon", "-c", str(home / "deploy/supervisord.conf")],
        env=clean | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        daemon.terminate()
        daemon.wait(timeout=60)


def pid_of(home: Path) -> int:
    text = supervisorctl(home, "pid", "starfill").strip()
    return int(text) if text.isdecimal() else 0


def until(condition: object, what: str) -> None:
    pause = threading.Event()
    for _ in range(int(WAIT_S / 0.1)):
        if condition():  # type: ignore[operator]
            return
        pause.wait(0.1)
    pytest.fail(f"waited {WAIT_S} s for {what}")


def test_it_starts_restarts_after_kill_9_and_stops_by_term(simulator: Simulator, tmp_path: Path) -> None:
    home = tmp_path / "home"
    state, port = home / "var", free_port()
    given = {"STARFILL_MODE": "simulator", "STARFILL_BROKER_URL": simulator.base_url}
    with supervised(home, STARFILL_HTTP=f"127.0.0.1:{port}", STARFILL_STATE_DIR=str(state), **given):
        api = ready(home, state, port)
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        first, killed = filled(api, "acme-1"), pid_of(home)

        os.kill(killed, signal.SIGKILL)
        until(lambda: pid_of(home) not in {0, killed}, "supervisord to start it again")
        api = ready(home, state, port)
        assert filled(api, "acme-1") == first
        assert api.post("/api/signals", a_signal("KO")).status_code == 202
        filled(api, "ko-1")

        assert "stopped" in supervisorctl(home, "stop", "starfill")

    store = LedgerStore.open(state / "ledger-simulator.sqlite3", clock=system_clock)
    assert verify_journal(store).broken_at is None
    store.close()
    assert [order["symbol"] for order in oracle(simulator, "accepted")] == ["ACME", "KO"]
    assert "Traceback" not in (state / "starfill.log").read_text()


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def ready(home: Path, state: Path, port: int) -> Api:
    until((state / "token").exists, "the token")
    api = Api(f"http://127.0.0.1:{port}", state)

    def answers() -> bool:
        import requests

        try:
            return api.get("/readyz").status_code == 200
        except requests.ConnectionError:
            return False

    until(answers, "the bot to be ready\n" + supervisorctl(home, "status"))
    return api
