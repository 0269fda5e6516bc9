"""Whoever sends a signal never waits for the broker."""

import json
from pathlib import Path

import requests

from actors.clock import system_clock
from simulator.server import Simulator
from tests.flows.conftest import control
from tests.flows.process import started
from tests.flows.test_process import a_signal
from web.api.views import time_text
from web.sources.key_file import add_source


def test_signals_and_alerts_are_answered_while_every_order_hangs_at_the_broker(
    simulator: Simulator, tmp_path: Path
) -> None:
    with started(tmp_path / "state", simulator.base_url, STARFILL_TRADINGVIEW_ADDRESSES="127.0.0.1") as (
        _,
        api,
    ):
        hook = add_source(tmp_path / "state", "charts", "tradingview", system_clock)
        hangs = {"match": {"method": "POST", "path": "/v2/orders", "n": None}, "act": "delay", "seconds": 60}
        control(simulator, "faults", hangs)
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        api.until("/api/orders", lambda answer: answer.json()["items"], "the first order to be under way")
        alert = {
            "passphrase": hook.passphrase,
            "alert": "breakout",
            "symbol": "KO",
            "catalyst_tier": 2,
            "issued_at": time_text(system_clock()),
        }
        answer = requests.post(
            f"{api.url}/hooks/tradingview/{hook.secret}",
            data=json.dumps(alert),
            headers={"Content-Type": "text/plain"},
            timeout=10,
        )
        assert answer.status_code == 202
        lives = {each["symbol"]: each["life"] for each in api.get("/api/orders").json()["items"]}
        assert lives["ACME"] == "intended"  # the broker has not answered, and nobody waited for it
        requests.delete(f"{simulator.base_url}/_sim/faults", timeout=10).raise_for_status()
