"""The control API: prices, a scripted hand, switches."""

import socket
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from simulator.server import Simulator, SimulatorSettings
from tests.simulator.conftest import Api, Ear


@pytest.fixture
def scripted(api: Api) -> Api:
    api.sim("switches", {"auto_fill": False})
    api.sim("prices", {"ACME": "10"})
    return api


def test_a_limit_is_met_once_the_price_is_set_past_it(api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "10"})
    api.order(type="limit", limit_price="9")
    ear.until("new")
    api.sim("prices", {"ACME": "8.5"})
    assert ear.until("fill")[-1]["price"] == "8.5"


def test_a_humans_order_is_in_the_account(api: Api, ear: Ear) -> None:
    terms = {"symbol": "KO", "qty": "3", "side": "buy", "type": "market", "time_in_force": "day"}
    order = api.sim("orders", terms)
    assert ear.until("fill")[-1]["order"]["id"] == order["id"]
    assert api.held("KO") == Decimal(3)


@pytest.mark.parametrize(
    ("verb", "status", "stamp"),
    [
        ("cancel", "canceled", "canceled_at"),
        ("expire", "expired", "expired_at"),
        ("reject", "rejected", "failed_at"),
        ("done_for_day", "done_for_day", "updated_at"),
    ],
)
def test_an_order_ends_on_command(scripted: Api, ear: Ear, verb: str, status: str, stamp: str) -> None:
    scripted.order(client_order_id="one")
    ear.until("new")
    order = scripted.sim(verb, {"client_order_id": "one"})
    assert order["status"] == status
    assert order[stamp]
    assert ear.until(status)[-1]["order"] == order | {"cancel_requested_at": None}


def test_no_more_is_filled_than_was_ordered(scripted: Api) -> None:
    order = scripted.order(qty="3").json()
    scripted.sim("fill", {"id": order["id"], "qty": "2"})
    refused = scripted("POST", "/_sim/fill", json={"id": order["id"], "qty": "1.5"})
    assert refused.status_code == 422
    assert scripted.sim("fill", {"id": order["id"]})["filled_qty"] == "3"
    assert scripted("POST", "/_sim/fill", json={"id": order["id"]}).status_code == 422


def test_a_notional_order_is_filled_by_hand_down_to_its_dollars(scripted: Api) -> None:
    order = scripted.order(qty=None, notional="10").json()
    part = scripted.sim("fill", {"id": order["id"], "qty": "0.5", "price": "10"})
    assert (part["status"], part["qty"]) == ("partially_filled", None)
    whole = scripted.sim("fill", {"id": order["id"], "price": "20"})
    assert (whole["status"], whole["filled_qty"]) == ("filled", "0.7495")  # 9.99 dollars


def test_a_late_fill_raises_the_sum_of_a_canceled_order(scripted: Api, ear: Ear) -> None:
    order = scripted.order(qty="3").json()
    scripted("DELETE", f"/v2/orders/{order['id']}")
    late = scripted.sim("fill", {"id": order["id"], "qty": "1", "late": True})
    assert (late["status"], late["filled_qty"]) == ("canceled", "1")
    assert ear.until("partial_fill")[-1]["position_qty"] == "1"


@pytest.mark.parametrize("verb", ["cancel", "expire", "reject", "done_for_day"])
@pytest.mark.parametrize("qty", ["1", "3"])
def test_a_late_fill_leaves_an_ended_order_ended(scripted: Api, verb: str, qty: str) -> None:
    order = scripted.order(qty="3").json()
    ended = scripted.sim(verb, {"id": order["id"]})
    assert scripted("POST", "/_sim/fill", json={"id": order["id"]}).status_code == 422
    late = scripted.sim("fill", {"id": order["id"], "qty": qty, "late": True})
    assert (late["status"], late["filled_qty"]) == (ended["status"], qty)
    assert scripted.held() == Decimal(qty)
    assert [each["id"] for each in scripted.get("/v2/orders")] == []


def test_a_cancel_may_be_pending_first(api: Api, ear: Ear) -> None:
    api.sim("switches", {"pending_cancel": True})
    order = api.order(symbol="RESTS").json()
    api("DELETE", f"/v2/orders/{order['id']}")
    events = [heard["event"] for heard in ear.until("canceled")]
    assert events[-2:] == ["pending_cancel", "canceled"]


@pytest.mark.parametrize(
    ("symbol", "events"),
    [
        ("REJCT", ["pending_new", "rejected"]),
        ("PCANC", ["pending_new", "new", "partial_fill", "canceled"]),
        ("PARTS", ["pending_new", "new", "partial_fill", "partial_fill", "fill"]),
    ],
)
def test_special_symbols_do_as_they_promise(api: Api, ear: Ear, symbol: str, events: list[str]) -> None:
    assert api.order(symbol=symbol, qty=None, notional="75").status_code == 200
    assert [heard["event"] for heard in ear.until(events[-1])] == events


def test_a_halted_symbol_goes_on_once_the_halt_is_lifted(api: Api, ear: Ear) -> None:
    api.sim("assets", {"ACME": "rests", "OCGN": None})
    order = api.order().json()
    ear.until("new")
    assert api.get("/v2/assets/OCGN")["fractionable"] is True
    api.sim("assets", {"ACME": None})
    assert ear.until("fill")[-1]["order"]["id"] == order["id"]
    assert api("POST", "/_sim/assets", json={"ACME": "dances"}).status_code == 422


def test_an_immediate_order_is_filled_or_canceled(api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "10"})
    api.order(type="limit", limit_price="9", time_in_force="ioc")
    assert [heard["event"] for heard in ear.until("canceled")] == ["pending_new", "new", "canceled"]
    api.order(type="limit", limit_price="11", time_in_force="fok")
    assert ear.until("fill")[-1]["price"] == "10"


def test_about_as_many_orders_fill_in_parts_as_was_set(api: Api, ear: Ear) -> None:
    api.sim("switches", {"partial_fill_share": "0.5"})
    split = 0
    for _ in range(60):
        api.order(qty="10")
        split += "partial_fill" in {heard["event"] for heard in ear.until("fill")}
    assert 15 < split < 45


@pytest.mark.parametrize(
    "switches",
    [{"port": 80}, {"unknown": 1}, {"auto_fill": "yes"}, {"hours": "tokyo"}, {"partial_fill_share": "x"}],
)
def test_what_is_no_switch_is_not_turned(api: Api, switches: dict[str, Any]) -> None:
    assert api("POST", "/_sim/switches", json=switches).status_code == 422


def test_the_state_counts_requests(api: Api) -> None:
    order = api.order(symbol="RESTS").json()
    api.order(symbol="NOTRD")
    api.get(f"/v2/orders/{order['id']}")
    counts = api.get("/_sim/state")["requests"]
    assert (counts["POST /v2/orders"], counts["GET /v2/orders/{id}"]) == (2, 1)


def test_a_taken_port_is_an_os_error(simulator: Simulator) -> None:
    port = int(simulator.base_url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="address already in use"):
        Simulator(SimulatorSettings(port=port)).start()


@pytest.fixture
def stopped() -> Iterator[Simulator]:
    simulator = Simulator(SimulatorSettings())
    simulator.start()
    simulator.stop()
    simulator.stop()
    yield simulator
    simulator.stop()


def test_a_stopped_simulator_is_gone_and_can_start_again(stopped: Simulator) -> None:
    host, port = stopped.base_url.removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=1)
    stopped.start()
    api = Api(stopped.base_url)
    assert api.get("/v2/clock")["is_open"] is True
    api.session.close()
