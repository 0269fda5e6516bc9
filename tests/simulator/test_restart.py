"""Restarts on order: what they keep, what they reset, and how long nobody is at home."""

import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket

from simulator.server import Simulator
from tests.simulator.conftest import Api, Connect, Ear, Start
from tests.simulator.test_book import lines, settings
from tests.simulator.test_faults import plan

GONE = (websocket.WebSocketConnectionClosedException, ConnectionResetError)


def until_up(simulator: Simulator) -> int:
    """How many times nobody was there before somebody was."""
    host, port = simulator.base_url.removeprefix("http://").split(":")
    refused = 0
    while True:
        with suppress(ConnectionRefusedError), socket.create_connection((host, int(port)), timeout=5):
            return refused
        refused += 1


def test_a_restart_from_the_plan_drops_connections_and_keeps_the_book(
    api: Api, ear: Ear, simulator: Simulator, connect: Connect
) -> None:
    order = api.order(symbol="RESTS").json()
    ear.until("new")
    plan(api, "restart", {})
    with pytest.raises(GONE):
        ear.frame()
    assert [each["id"] for each in api.get("/v2/orders")] == [order["id"]]
    again = connect(simulator)
    api.order(client_order_id="after")
    assert again.until("fill")[-1]["order"]["client_order_id"] == "after"


@pytest.mark.parametrize("account", ["same", "new"])
def test_an_empty_book_is_an_account_that_begins_anew(tmp_path: Path, account: str) -> None:
    with Simulator(settings(tmp_path)) as first:
        api = Api(first.base_url)
        api.order(symbol="RESTS", client_order_id="gone")
        theirs = {"symbol": "ACME", "side": "buy", "qty": "2", "type": "market", "time_in_force": "day"}
        before, resting = api.get("/v2/account"), api.sim("orders", theirs)
        told = lines(first)
        api.sim("restart", {"book": "empty", "account": account})
        after = api.get("/v2/account")
        assert (after["id"] == before["id"]) is (account == "same")
        assert (after["account_number"] == before["account_number"]) is (account == "same")
        assert after["cash"] == "100000"
        assert (api.get("/v2/orders", status="all"), api.get("/v2/positions")) == ([], [])
        assert api.get("/v2/account/activities") == []
        assert api("GET", f"/v2/orders/{resting['id']}").status_code == 404
        assert lines(first)[: len(told)] == told
        mark = lines(first)[-1]
        assert (mark["type"], mark["account_id"]) == ("reset", after["id"])
        again = api.order(symbol="RESTS", client_order_id="gone").json()
        assert again["id"] not in {line.get("order_id") for line in told}
        api.session.close()
    with Simulator(settings(tmp_path)) as second:
        api = Api(second.base_url)
        assert [order["id"] for order in api.get("/v2/orders", status="all")] == [again["id"]]
        assert api.get("/v2/account")["id"] == after["id"]
        assert [line["seq"] for line in lines(second)] == sorted({line["seq"] for line in lines(second)})
        api.session.close()


def test_nobody_can_connect_while_it_is_down_and_then_the_same_port_answers(
    start: Start, tmp_path: Path, connect: Connect
) -> None:
    simulator = start(folder=tmp_path)
    api, ear = Api(simulator.base_url), connect(simulator)
    order = api.order(symbol="RESTS").json()
    ear.until("new")
    api.sim("restart", {"down_s": 0.3})
    with pytest.raises(requests.ConnectionError, match="refused"):
        api("GET", "/v2/clock")
    with pytest.raises(GONE):
        ear.frame()
    assert until_up(simulator) > 0
    assert [each["id"] for each in api.get("/v2/orders")] == [order["id"]]
    api.order(symbol="RESTS", client_order_id="after")
    api.session.close()


def test_orders_under_way_go_on_by_themselves_once_it_is_up_again(start: Start) -> None:
    simulator = start(fill_delay_s=0.2)
    api = Api(simulator.base_url)
    api.order()
    plan(api, "restart", {}, down_s=0.05)
    until_up(simulator)
    while not api.get("/_sim/state")["positions"]:
        pass
    api.session.close()


@pytest.mark.parametrize("down", [{}, {"down_s": 0.05}])
def test_the_request_that_sets_off_a_restart_is_never_processed(
    simulator: Simulator, api: Api, down: dict[str, Any]
) -> None:
    for name in ("first", "second"):
        api.order(symbol="RESTS", client_order_id=name)
    plan(api, "restart", {"method": "DELETE", "skip": 1}, **down)
    first, second = reversed(api.get("/v2/orders"))
    assert api("DELETE", f"/v2/orders/{first['id']}").status_code == 204
    with pytest.raises(requests.ConnectionError):
        api("DELETE", f"/v2/orders/{second['id']}")
    until_up(simulator)
    assert [order["client_order_id"] for order in api.get("/v2/orders")] == ["second"]


def test_a_simulator_can_be_stopped_while_it_is_down(start: Start) -> None:
    simulator = start()
    api = Api(simulator.base_url)
    api.sim("restart", {"down_s": 60})
    simulator.stop()
    simulator.start()
    up = Api(simulator.base_url)
    assert up.get("/v2/clock")["is_open"] is True
    for each in (api, up):
        each.session.close()
