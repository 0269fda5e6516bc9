"""From paper to live with `run.py` itself: not over an open trade, then with new keys at the new address.

Two simulators stand in for the two brokers. Each takes its own keys only.
"""

import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from cli.play_money import new_ledger
from simulator.server import Simulator, SimulatorSettings
from tests.domain.builders import UNLIMITED
from tests.faults.kit import eventually, state
from tests.flows.conftest import control, oracle
from tests.flows.process import Process, environment, started
from tests.flows.test_process import a_signal, filled


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[dict[str, Simulator]]:
    def broker(mode: str) -> Simulator:
        return Simulator(
            SimulatorSettings(
                folder=tmp_path / mode, key_id=f"{mode}-key", secret_key=f"{mode}-secret",
                fill_delay_s=0.0, partial_fill_share=Decimal(0), rate_limit_per_min=0,
            )
        )  # fmt: skip

    with broker("paper") as paper, broker("live") as live:
        yield {"paper": paper, "live": live}


def of(mode: str, brokers: dict[str, Simulator]) -> dict[str, str]:
    """The environment of a bot in this mode."""
    keys = {"APCA-API-KEY-ID": f"{mode}-key", "APCA-API-SECRET-KEY": f"{mode}-secret"}
    account = requests.get(f"{brokers[mode].base_url}/v2/account", headers=keys, timeout=10).json()
    return {
        "STARFILL_MODE": mode,
        "APCA_API_KEY_ID": f"{mode}-key",
        "APCA_API_SECRET_KEY": f"{mode}-secret",
        "STARFILL_CONFIRM_LIVE": account["account_number"],
    }


def asked_of(broker: Simulator) -> dict[str, int]:
    """How often it was asked what, by bots."""
    return {what: number for what, number in state(broker)["requests"].items() if "/_sim/" not in what}


def has(name: str, value: str | None = None) -> Callable[[requests.Response], bool]:
    """Whether a trade's field has this value, or any."""
    return lambda answer: any(
        trade[name] == value if value else trade[name] for trade in answer.json()["items"]
    )


def test_a_switch_waits_for_the_last_trade_and_then_speaks_with_the_other_broker_alone(
    brokers: dict[str, Simulator], tmp_path: Path
) -> None:
    paper, live, folder = brokers["paper"], brokers["live"], tmp_path / "state"
    control(paper, "switches", {"auto_fill": False})
    new_ledger(folder / "ledger-paper.sqlite3", UNLIMITED)
    with started(folder, paper.base_url, Process, **of("paper", brokers)) as (process, api):
        assert state(paper)["streams"] == 1
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        api.until("/api/trades", has("alpaca_order_id"), "the order")
        process.signal(signal.SIGTERM)
        assert process.ended() == 0

    refused = Process(**environment(folder, live.base_url, **of("live", brokers)))
    assert refused.ended() == 64
    assert "1 trade is not closed (ACME open) in the paper ledger" in refused.lines[-1]
    assert "STARFILL_MODE=paper" in refused.lines[-1]
    assert state(live)["requests"].get("GET /v2/account", 0) == 1  # the test's own
    assert not (folder / "ledger-live.sqlite3").exists()

    [order] = oracle(paper, "accepted")
    with started(folder, paper.base_url, Process, **of("paper", brokers)) as (process, api):
        control(paper, "cancel", {"client_order_id": order["client_order_id"]})
        api.until("/api/trades", has("status", "missed"), "the end")
        process.signal(signal.SIGTERM)
        assert process.ended() == 0

    at_paper = asked_of(paper)
    new_ledger(folder / "ledger-live.sqlite3", UNLIMITED)
    with started(folder, live.base_url, Process, **of("live", brokers)) as (process, api):
        eventually(lambda: state(paper)["streams"] == 0, "the old stream's end")
        assert state(live)["streams"] == 1
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        filled(api, "acme-1")
        process.signal(signal.SIGTERM)
        assert process.ended() == 0

    assert asked_of(paper) == at_paper
    assert len(oracle(paper, "accepted")) == len(oracle(live, "accepted")) == 1


def test_one_brokers_keys_open_nothing_at_the_other(brokers: dict[str, Simulator], tmp_path: Path) -> None:
    """That the two brokers' keys differ is what the test above rests on."""
    given = of("live", brokers) | {"APCA_API_KEY_ID": "paper-key", "APCA_API_SECRET_KEY": "paper-secret"}
    process = Process(**environment(tmp_path / "state", brokers["live"].base_url, **given))
    assert process.ended() == 77
    assert state(brokers["live"])["streams"] == 0
