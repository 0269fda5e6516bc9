"""What a restart keeps, and what the oracle tells."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import websocket

from simulator.server import Simulator, SimulatorSettings
from tests.simulator.conftest import Api, Connect, Start


def settings(folder: Path) -> SimulatorSettings:
    return SimulatorSettings(folder=folder, fill_delay_s=0.0, partial_fill_share=Decimal(0))


def lines(simulator: Simulator) -> list[Any]:
    assert simulator.oracle_path
    return [json.loads(line) for line in simulator.oracle_path.read_text().splitlines()]


def test_the_book_survives_a_restart(tmp_path: Path, connect: Connect) -> None:
    with Simulator(settings(tmp_path)) as first:
        api = Api(first.base_url)
        ear = connect(first)
        api.sim("prices", {"ACME": "10"})
        api.order(qty="2.5", client_order_id="filled")
        ear.until("fill")
        api.order(symbol="RESTS", client_order_id="resting")
        ear.until("new")
        before = {path: api.get(path, status="all") for path in ("/v2/orders", "/v2/account/activities/FILL")}
        cash = api.get("/v2/account")["cash"]
        api.session.close()
    with Simulator(settings(tmp_path)) as second:
        api = Api(second.base_url)
        assert {path: api.get(path, status="all") for path in before} == before
        assert (api.get("/v2/account")["cash"], api.held()) == (cash, Decimal("2.5"))
        assert api.order(client_order_id="filled").json()["message"] == "client_order_id must be unique"
        known = {order["id"] for order in before["/v2/orders"]}
        assert api.order(client_order_id="later").json()["id"] not in known
        assert api("DELETE", f"/v2/orders/{before['/v2/orders'][0]['id']}").status_code == 204
        api.session.close()


def test_an_order_under_way_goes_on_after_a_restart(tmp_path: Path, connect: Connect) -> None:
    with Simulator(settings(tmp_path)) as first:
        api = Api(first.base_url)
        api.sim("switches", {"auto_fill": False})
        api.order(client_order_id="slow")
        api.session.close()
    with Simulator(replace(settings(tmp_path), auto_fill=False)) as second:
        ear, api = connect(second), Api(second.base_url)
        api.sim("switches", {"auto_fill": True})
        assert ear.until("fill")[-1]["order"]["client_order_id"] == "slow"
        assert api.held() == Decimal(1)
        api.session.close()


def test_an_answered_order_survives_a_kill(tmp_path: Path) -> None:
    program = f"""
import pathlib, time
from simulator.server import Simulator, SimulatorSettings
simulator = Simulator(SimulatorSettings(folder=pathlib.Path({str(tmp_path)!r}), fill_delay_s=0.0))
simulator.start()
print(simulator.base_url, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        api = Api(process.stdout.readline().strip())
        answered = [api.order(client_order_id=f"order-{i}").json()["id"] for i in range(20)]
        os.kill(process.pid, signal.SIGKILL)
    api.session.close()
    with Simulator(settings(tmp_path)) as again:
        api = Api(again.base_url)
        known = {order["id"] for order in api.get("/v2/orders", status="all", limit="500")}
        assert known == set(answered)
        accepted = {line["order_id"] for line in lines(again) if line["type"] == "accepted"}
        assert accepted == known
        api.session.close()


def test_a_torn_last_line_is_cut_and_the_rest_read(tmp_path: Path) -> None:
    with Simulator(settings(tmp_path)) as first:
        api = Api(first.base_url)
        api.order(symbol="RESTS", client_order_id="whole")
        api.session.close()
    with (tmp_path / "book.jsonl").open("ab") as book:
        book.write(b'{"seq": 99, "kind": "pendi')
    with Simulator(settings(tmp_path)) as second:
        api = Api(second.base_url)
        assert [order["client_order_id"] for order in api.get("/v2/orders")] == ["whole"]
        assert api.order(symbol="RESTS").status_code == 200
        api.session.close()
    with Simulator(settings(tmp_path)) as third:
        api = Api(third.base_url)
        assert len(api.get("/v2/orders")) == 2
        api.session.close()


def test_the_oracle_tells_acceptance_executions_and_ends(tmp_path: Path, connect: Connect) -> None:
    with Simulator(settings(tmp_path)) as simulator:
        api = Api(simulator.base_url)
        ear = connect(simulator)
        api.sim("prices", {"PCANC": "10"})
        order = api.order(symbol="PCANC", qty="10", client_order_id="cut-short").json()
        ear.until("canceled")
        accepted, part, canceled = lines(simulator)
        assert api.get("/_sim/oracle") == [accepted, part, canceled]
        api.session.close()
    assert (accepted["type"], accepted["order_id"], accepted["qty"]) == ("accepted", order["id"], "10")
    assert (part["type"], part["price"], part["cum_qty"]) == ("partial_fill", "10", part["execution_qty"])
    assert (canceled["type"], canceled["cum_qty"], canceled["client_order_id"]) == (
        "canceled",
        part["cum_qty"],
        "cut-short",
    )


def test_the_oracle_catches_up_with_the_book(tmp_path: Path) -> None:
    with Simulator(settings(tmp_path)) as first:
        api = Api(first.base_url)
        api.order(symbol="RESTS")
        api.session.close()
        complete = lines(first)
    (tmp_path / "oracle.jsonl").write_text("")
    with Simulator(settings(tmp_path)) as second:
        assert lines(second) == complete


def test_a_refused_order_is_in_neither(start: Start, tmp_path: Path) -> None:
    simulator = start(folder=tmp_path)
    api = Api(simulator.base_url)
    api.order(symbol="NOTRD")
    assert lines(simulator) == []
    assert (tmp_path / "book.jsonl").read_text() == ""
    api.session.close()


def test_a_restart_on_the_control_api_drops_connections_and_keeps_orders(
    start: Start, connect: Connect
) -> None:
    simulator = start()
    api, ear = Api(simulator.base_url), connect(simulator)
    order = api.order(symbol="RESTS").json()
    ear.until("new")
    other = Api(simulator.base_url)
    other.sim("restart", {})
    with pytest.raises((websocket.WebSocketConnectionClosedException, ConnectionResetError)):
        ear.frame()
    assert other.get("/_sim/state")["streams"] == 0
    assert [each["id"] for each in other.get("/v2/orders")] == [order["id"]]
    api.session.close()
    other.session.close()
