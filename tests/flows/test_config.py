"""`run.py config` beside `run.py` itself: while it runs, while it starts, when it has stopped."""

import json
import signal
import socket
from pathlib import Path
from typing import Any

from simulator.server import Simulator
from tests.flows.conftest import oracle
from tests.flows.process import Process, environment, started
from tests.flows.test_process import a_signal, filled


def config(state: Path, broker_url: str, *arguments: str, http: str = "127.0.0.1:1") -> tuple[int, str]:
    """The command's exit code and what it printed."""
    process = Process("config", *arguments, **environment(state, broker_url, STARFILL_HTTP=http))
    code = process.ended()
    return code, "\n".join(process.lines)


def test_what_is_set_counts_for_the_next_signal_and_stays_set(simulator: Simulator, tmp_path: Path) -> None:
    state, url = tmp_path / "state", simulator.base_url
    assert config(state, url, "set", "trade_size_stars_5=70", "price_collar_pct=0")[0] == 0
    with started(state, url) as (process, api):
        http = api.url.removeprefix("http://")
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        filled(api, "acme-1")
        code, said = config(state, url, "set", "trade_size_stars_5=60.5", http=http)
        assert (code, "trade_size_stars_5: 70 -> 60.5" in said) == (0, True)
        assert api.post("/api/signals", a_signal("KO")).status_code == 202
        filled(api, "ko-1")
        process.signal(signal.SIGTERM)
        assert process.ended() == 0

    assert [order["notional"] for order in oracle(simulator, "accepted")] == ["70", "60.5"]
    code, said = config(state, url, "diff", "--json")
    told: dict[str, Any] = json.loads(said)
    assert (code, told["running"]) == (0, False)
    assert told["differences"] == [
        {"key": "trade_size_stars_5", "default": "100", "value": "60.5"},
        {"key": "price_collar_pct", "default": "5", "value": "0"},
    ]


def test_a_bot_that_is_still_starting_is_not_written_under(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"http://127.0.0.1:{server.getsockname()[1]}"
    starting = Process(**environment(state, nobody))
    try:
        starting.heard("waiting for")
        code, said = config(state, nobody, "set", "trade_size_stars_5=60")
        assert (code, f"pid {starting.pid}" in said) == (75, True)
        assert starting.running
        assert not (state / "ledger-simulator.sqlite3").exists()
    finally:
        starting.kill()
    assert config(state, nobody, "set", "trade_size_stars_5=60")[0] == 0
