"""`python run.py`: killed, stopped and started again, against a simulator that outlives it."""

import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulator.server import Simulator
from tests.flows.conftest import control, oracle
from tests.flows.process import ROOT, Api, Process, environment, started


def a_signal(symbol: str, signal_id: str | None = None, **given: Any) -> dict[str, Any]:
    return {
        "signal_id": signal_id or f"{symbol.lower()}-1",
        "symbol": symbol,
        "catalyst_tier": 1,
        "ai_confidence": None,
        "catalyst_category": "FDA",
        "price_at_signal": None,  # any other is far from the simulator's
        "issued_at": datetime.now(UTC).isoformat(),
        "ttl_s": 300,
        "source": "test",
    } | given


def symbols(count: int) -> list[str]:
    letters = "ABCDEFGHIJKLMNOPQRST"
    return [f"Q{letters[n // 20]}{letters[n % 20]}X" for n in range(count)]


def decided(api: Api, signal_id: str) -> dict[str, Any]:
    answer = api.until(
        f"/api/signals/{signal_id}",
        lambda a: a.json().get("state") != "received",
        f"a verdict on {signal_id}",
    )
    body: dict[str, Any] = answer.json()
    return body


def filled(api: Api, signal_id: str) -> dict[str, Any]:
    answer = api.until(
        f"/api/signals/{signal_id}",
        lambda a: (a.json().get("trade") or {}).get("shares") is not None,
        f"the fill of {signal_id}",
    )
    trade: dict[str, Any] = answer.json()["trade"]
    return trade


def test_a_posted_signal_is_traded_and_can_be_asked_about(simulator: Simulator, tmp_path: Path) -> None:
    with started(tmp_path / "state", simulator.base_url) as (process, api):
        answer = api.post("/api/signals", a_signal("ACME"))
        assert answer.status_code == 202
        trade = filled(api, "acme-1")
        assert api.post("/api/signals", {**a_signal("ACME"), "symbol": "KO"}).status_code == 409
        [listed] = api.get("/api/trades").json()["items"]
        process.signal(signal.SIGTERM)
        assert process.ended() == 0

    assert listed["client_order_id"] == trade["client_order_id"]
    assert [order["client_order_id"] for order in oracle(simulator, "accepted")] == [trade["client_order_id"]]


def test_a_kill_between_the_order_and_its_answer_leaves_one_order_and_one_trade(
    simulator: Simulator, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    slow = {"match": {"method": "POST", "path": "/v2/orders", "n": 1}, "act": "delay_reply", "seconds": 8}
    with started(state, simulator.base_url) as (process, api):
        control(simulator, "faults", slow)
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        api.until("/api/trades", lambda _: oracle(simulator, "accepted"), "the order to reach the broker")
        process.signal(signal.SIGKILL)
        process.ended()

    with started(state, simulator.base_url) as (_, api):
        trade = filled(api, "acme-1")
        repeat = api.post("/api/signals", api_signal_again(api, "acme-1"))
        trades = api.get("/api/trades").json()["items"]

    [accepted] = oracle(simulator, "accepted")
    assert accepted["client_order_id"] == trade["client_order_id"]
    assert len(trades) == 1
    assert repeat.status_code == 200


def api_signal_again(api: Api, signal_id: str) -> dict[str, Any]:
    """The signal as it was sent, taken from the ledger."""
    stored = api.get(f"/api/signals/{signal_id}").json()
    return {name: stored[name] for name in a_signal("ACME")}


def test_a_kill_right_after_the_receipt_loses_no_signal(simulator: Simulator, tmp_path: Path) -> None:
    state, names = tmp_path / "state", symbols(30)
    with started(state, simulator.base_url) as (process, api):
        for name in names:
            assert api.post("/api/signals", a_signal(name)).status_code == 202
        process.signal(signal.SIGKILL)
        process.ended()

    with started(state, simulator.base_url) as (_, api):
        for name in names:
            filled(api, f"{name.lower()}-1")

    assert sorted(order["symbol"] for order in oracle(simulator, "accepted")) == sorted(names)


def test_a_stop_under_load_loses_nothing(simulator: Simulator, tmp_path: Path) -> None:
    state, names = tmp_path / "state", symbols(120)
    control(
        simulator,
        "faults",
        {"match": {"method": "POST", "path": "/v2/orders", "n": None}, "act": "delay", "seconds": 0.05},
    )
    with started(state, simulator.base_url) as (process, api):
        for name in names:
            assert api.post("/api/signals", a_signal(name)).status_code == 202
        process.signal(signal.SIGTERM)
        asked = datetime.now(UTC)
        assert process.ended() == 0
        assert datetime.now(UTC) - asked < timedelta(seconds=15)

    with started(state, simulator.base_url) as (_, api):
        trades = [filled(api, f"{name.lower()}-1") for name in names]

    orders = oracle(simulator, "accepted")
    assert sorted(order["client_order_id"] for order in orders) == sorted(
        t["client_order_id"] for t in trades
    )


def ends(process: Process) -> tuple[int, str]:
    code = process.ended()
    return code, "\n".join(process.lines)


def one_clear_line(said: str) -> bool:
    return "Traceback" not in said and bool(said.strip())


def test_wrong_keys_end_with_77_and_one_clear_line(simulator: Simulator, tmp_path: Path) -> None:
    keys = {"APCA_API_KEY_ID": "PKWRONG", "APCA_API_SECRET_KEY": "not-a-real-secret"}
    code, said = ends(Process(**environment(tmp_path / "state", simulator.base_url, **keys)))

    assert code == 77
    assert one_clear_line(said)
    assert "APCA_API_KEY_ID" in said
    assert "not-a-real-secret" not in said


def test_a_broker_that_does_not_answer_ends_with_70_after_patience(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"http://127.0.0.1:{server.getsockname()[1]}"
    code, said = ends(Process(**environment(tmp_path / "state", nobody)))

    assert code == 70
    assert one_clear_line(said)
    assert "STARFILL_BROKER_URL" in said


def test_a_broken_database_file_ends_with_64(simulator: Simulator, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "ledger-simulator.sqlite3").write_bytes(b"this is not a database " * 100)
    code, said = ends(Process(**environment(state, simulator.base_url)))

    assert code == 64
    assert one_clear_line(said)
    assert "ledger-simulator.sqlite3" in said


def test_a_port_in_use_ends_with_64(simulator: Simulator, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = f"127.0.0.1:{server.getsockname()[1]}"
        code, said = ends(Process(**environment(tmp_path / "state", simulator.base_url, STARFILL_HTTP=taken)))

    assert code == 64
    assert one_clear_line(said)
    assert "STARFILL_HTTP" in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STARFILL_MODE", "casino"),
        ("STARFILL_MODE", "live"),
        ("STARFILL_HTTP", "0.0.0.0:8787"),
        ("STARFILL_DATABASE", "postgresql://localhost/starfill"),
        ("STARFILL_BROKER_URL", "http://example.com"),
        ("STARFILL_LANES", "0"),
    ],
)
def test_a_setting_that_cannot_be_used_ends_with_64(tmp_path: Path, name: str, value: str) -> None:
    code, said = ends(Process(**environment(tmp_path / "state", None, **{name: value})))

    assert code == 64
    assert one_clear_line(said)


def test_a_second_instance_ends_with_75_and_says_who_holds_the_ledger(
    simulator: Simulator, tmp_path: Path
) -> None:
    with started(tmp_path / "state", simulator.base_url) as (first, _):
        code, said = ends(Process(**environment(tmp_path / "state", simulator.base_url)))

    assert code == 75
    assert str(first.pid) in said


def test_the_demo_ends_by_itself_with_a_summary_and_agrees_with_the_oracle(tmp_path: Path) -> None:
    process = Process("--demo", **environment(tmp_path / "state", None))

    code, said = ends(process)

    assert code == 0, said
    assert "agree" in said
    # It shows limits too, and what is found out before an order leaves.
    assert "verdict max_positions" in said
    assert "verdict not_tradable" in said


def test_a_demo_whose_output_fails_ends_all_the_same(tmp_path: Path) -> None:
    given = environment(tmp_path / "state", None)
    with Path("/dev/full").open("w") as nowhere:
        done = subprocess.run(
            [sys.executable, str(ROOT / "run.py"), "--demo", "--once"],
            env={**os.environ, **given}, stdout=nowhere, stderr=subprocess.DEVNULL, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1


def test_without_keys_it_trades_against_its_own_simulator(tmp_path: Path) -> None:
    with started(tmp_path / "state", None) as (_, api):
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        assert filled(api, "acme-1")["status"] == "open"


def test_help_and_version_need_no_configuration() -> None:
    for flag in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, str(ROOT / "run.py"), flag],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout.strip()


def test_what_it_keeps_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with started(state, None) as (_, api):
        api.until("/readyz", lambda _: (state / "health").exists(), "a sign of life")
        kept = [each for each in state.rglob("*") if each.is_file()]
    names = {each.name for each in kept}
    assert {"ledger-simulator.sqlite3", "token", "token-view", "lock", "health", "book.jsonl"} <= names
    assert [str(each) for each in kept if each.stat().st_mode & 0o077] == []
