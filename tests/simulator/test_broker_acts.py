"""What the plan does at the broker itself: keys, halts, others' orders, the clock, the stream's slot."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import websocket

from simulator.server import Simulator
from tests.simulator.conftest import Api, Connect, Ear
from tests.simulator.test_faults import ORDERS, plan

UNAUTHORIZED = {
    "stream": "authorization",
    "data": {"action": "authenticate", "message": "access key verification failed", "status": "unauthorized"},
}
AUTH = {"action": "auth", "key": "simulator", "secret": "simulator"}


def clear(api: Api) -> None:
    assert api("DELETE", "/_sim/faults").status_code == 204


def closed_with(ear: Ear) -> int:
    opcode, data = ear.socket.recv_data()
    assert opcode == websocket.ABNF.OPCODE_CLOSE
    return int.from_bytes(data[:2], "big")


def test_revoked_keys_open_neither_the_api_nor_the_stream_until_they_are_restored(
    simulator: Simulator, api: Api, ear: Ear, connect: Connect
) -> None:
    plan(api, "auth_revoke", {})
    for path in ("/v2/account", "/v2/orders", "/v2/stocks/ACME/bars/latest"):
        answer = api("GET", path)
        assert (answer.status_code, answer.json()) == (401, {"message": "unauthorized"})
    assert closed_with(ear) == 1008
    late = connect(simulator, listen=False)
    assert late.ask(AUTH) == UNAUTHORIZED
    (entry,) = api("GET", "/_sim/faults").json()
    assert (entry["act"], entry["match"]["n"]) == ("auth_revoke", 0)
    clear(api)
    assert api.get("/v2/orders") == []
    late.listen()


def test_connected_streams_may_outlive_their_keys(api: Api, ear: Ear) -> None:
    plan(api, "auth_revoke", {}, streams=False)
    api.sim("orders", {"symbol": "KO", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"})
    assert ear.until("fill")[-1]["order"]["symbol"] == "KO"


def test_keys_are_revoked_by_the_third_order_before_it_is_processed(api: Api) -> None:
    plan(api, "auth_revoke", {**ORDERS, "skip": 2})
    assert api.get("/v2/orders") == []  # another request: it doesn't count
    assert [api.order(symbol="RESTS").status_code for _ in range(4)] == [200, 200, 401, 401]
    clear(api)
    assert len(api.get("/v2/orders")) == 2


def test_orders_rest_under_a_halt_and_go_on_once_it_is_lifted(api: Api, ear: Ear) -> None:
    plan(api, "halt_symbol", {}, symbol="ACME")
    order = api.order(qty="2").json()
    assert api.get("/v2/assets/ACME")["tradable"] is True
    api.order(symbol="KO")
    assert {heard["order"]["symbol"] for heard in ear.until("fill") if heard["event"] == "fill"} == {"KO"}
    assert api.get(f"/v2/orders/{order['id']}")["status"] == "new"
    clear(api)
    assert ear.until("fill")[-1]["order"]["id"] == order["id"]


def test_a_halt_leaves_a_special_symbol_as_special_as_before(api: Api, ear: Ear) -> None:
    plan(api, "halt_symbol", {}, symbol="REJCT")
    plan(api, "halt_symbol", {}, symbol="REJCT")
    clear(api)
    api.order(symbol="REJCT")
    assert ear.until("rejected")


def test_an_asset_that_stops_being_tradable_refuses_orders(api: Api) -> None:
    api.sim("assets", {"ACME": "not_tradable"})
    assert api.order().json()["message"] == 'asset "ACME" is not tradable'
    assert api.get("/v2/assets/ACME")["tradable"] is False


@pytest.mark.parametrize("amount", [{"qty": 1.5}, {"notional": "30"}])
def test_somebody_else_trades_on_the_account(api: Api, ear: Ear, amount: dict[str, Any]) -> None:
    api.sim("prices", {"KO": "10"})
    terms = {"symbol": "KO", "side": "buy", "client_order_id": "human", **amount}
    plan(api, "external_order", {}, order=terms)
    assert ear.until("fill")[-1]["order"]["client_order_id"] == "human"
    assert api.held("KO") == Decimal("1.5" if "qty" in amount else "2.999")
    assert api("GET", "/_sim/faults").json() == []


def test_somebody_else_sells_just_before_our_order_comes(api: Api, ear: Ear) -> None:
    api.order(qty="3")
    ear.until("fill")
    api.sim("switches", {"auto_fill": False})
    theirs = {"symbol": "ACME", "side": "sell", "qty": "3"}
    plan(api, "external_order", {"method": "POST", "path": "/v2/orders"}, order=theirs)
    refused = api.order(side="sell", qty="3")
    assert (refused.status_code, refused.json()["held_for_orders"]) == (403, "3")
    api.sim("switches", {"auto_fill": True})
    assert ear.until("fill")[-1]["position_qty"] == "0"


def test_an_act_that_cannot_be_done_is_told_to_whoever_set_it_off(api: Api) -> None:
    theirs = {"act": "external_order", "order": {"symbol": "ACME", "side": "sell", "qty": "3"}}
    assert api("POST", "/_sim/faults", json=theirs).status_code == 403
    api.sim("faults", {**theirs, "match": {"path": "/v2/clock"}})
    answer = api("GET", "/v2/clock")
    assert answer.status_code == 500
    assert "external_order can't be done" in answer.json()["message"]


@pytest.mark.parametrize("seconds", [3600, -86400, 90.5])
def test_the_clock_is_off_until_it_is_set_right(api: Api, seconds: float) -> None:
    def seen() -> list[datetime]:
        answer = api("GET", "/v2/clock")
        order = api.order(symbol="RESTS").json()
        told = (answer.json()["timestamp"], order["created_at"])
        return [parsedate_to_datetime(answer.headers["Date"]), *(datetime.fromisoformat(t) for t in told)]

    plan(api, "clock_offset", {}, seconds=seconds)
    expected = datetime.now(UTC) + timedelta(seconds=seconds)
    assert all(abs(each - expected) < timedelta(seconds=30) for each in seen())
    clear(api)
    assert all(abs(each - datetime.now(UTC)) < timedelta(seconds=30) for each in seen())


def test_a_clock_that_was_moved_is_off_from_there(api: Api) -> None:
    api.sim("clock", {"now": "2026-11-23T15:00:00Z"})
    plan(api, "clock_offset", {}, seconds=60)
    assert api.get("/v2/clock")["timestamp"].startswith("2026-11-23T10:01:0")
    api.sim("clock", {"now": "2026-11-23T16:00:00Z"})
    assert api.get("/v2/clock")["timestamp"].startswith("2026-11-23T11:00:0")
    clear(api)
    assert api.get("/v2/clock")["timestamp"].startswith("2026-11-23T10:59:")


@pytest.mark.parametrize("status", [429, 406])
def test_a_zombie_holds_the_streams_slot_for_its_time(
    simulator: Simulator, api: Api, ear: Ear, connect: Connect, status: int
) -> None:
    plan(api, "zombie_slot", {}, seconds=90, status=status)
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        connect(simulator)
    assert refused.value.status_code == status
    api.order(symbol="RESTS")
    ear.until("new")  # who was connected still is
    plan(api, "clock_offset", {}, seconds=91)
    connect(simulator)


def test_a_zombie_goes_when_the_plan_is_cleared(simulator: Simulator, api: Api, connect: Connect) -> None:
    plan(api, "zombie_slot", {"path": "/stream"})
    for _ in range(2):
        with pytest.raises(websocket.WebSocketBadStatusException):
            connect(simulator)
    clear(api)
    connect(simulator)


def test_streams_are_closed_as_a_request_comes_in(api: Api, ear: Ear) -> None:
    plan(api, "ws_close", ORDERS, code=1012)
    theirs = {"symbol": "RESTS", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    api.sim("orders", theirs)
    ear.until("new")
    assert api.order(symbol="RESTS").status_code == 200
    assert closed_with(ear) == 1012


@pytest.mark.parametrize(
    "entry",
    [
        {"act": "halt_symbol"},
        {"act": "halt_symbol", "symbol": "ZZZZQX"},
        {"act": "split", "symbol": "ACME", "ratio": "0"},
        {"act": "split", "symbol": "ACME", "ratio": "two"},
        {"act": "split", "symbol": "ACME", "ratio": 0.1},
        {"act": "trade_bust"},
        {"act": "external_order", "order": "KO"},
        {"act": "clock_offset"},
        {"act": "restart", "book": "burnt"},
        {"act": "restart", "account": "mine"},
        {"act": "restart", "down_s": -1},
        {"act": "zombie_slot", "seconds": 0},
        {"act": "ws_wrong_position", "by": "x"},
    ],
)
def test_an_act_without_what_it_needs_is_refused(api: Api, entry: dict[str, Any]) -> None:
    assert api("POST", "/_sim/faults", json=entry).status_code == 422
    assert api.get("/_sim/faults") == []
