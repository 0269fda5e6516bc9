"""Each fault act, as a client meets it."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import websocket

from simulator.server import Simulator
from tests.simulator.conftest import Api, Connect, Ear

ORDERS = {"method": "POST", "path": "/v2/orders"}


def plan(api: Api, act: str, match: dict[str, Any] | None = None, **options: Any) -> None:
    api.sim("faults", {"match": ORDERS if match is None else match, "act": act, **options})


def known(api: Api) -> list[str]:
    return [order["client_order_id"] for order in api.get("/v2/orders", status="all")]


@pytest.mark.parametrize(
    ("act", "how", "is_processed"),
    [
        ("accept_then_drop", "closed connection without response", True),
        ("rst_after", "reset by peer", True),
        ("rst_before", "reset by peer", False),
    ],
)
def test_a_lost_reply_tells_nothing_of_the_order(api: Api, act: str, how: str, is_processed: bool) -> None:
    plan(api, act)
    with pytest.raises(requests.ConnectionError, match=how):
        api.order(symbol="RESTS", client_order_id="lost")
    assert known(api) == (["lost"] if is_processed else [])
    assert api.order(symbol="RESTS", client_order_id="next").status_code == 200


def test_a_status_is_told_without_processing_and_after_it(api: Api) -> None:
    plan(api, "status", status=503, body="<p>busy</p>", headers={"Retry-After": "7"})
    answer = api.order(symbol="RESTS", client_order_id="one")
    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (503, "<p>busy</p>", "7")
    assert known(api) == []
    plan(api, "status_after", status=504)
    assert api.order(symbol="RESTS", client_order_id="two").status_code == 504
    assert known(api) == ["two"]


@pytest.mark.parametrize("kind", ["garbage", "truncated", "html", "empty"])
def test_a_spoiled_body_is_no_json_though_the_order_stands(api: Api, kind: str) -> None:
    plan(api, "body", body=kind)
    answer = api.order(symbol="RESTS", client_order_id="spoiled")
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()
    assert known(api) == ["spoiled"]


@pytest.mark.parametrize(("act", "seen_meanwhile"), [("delay", []), ("delay_reply", ["slow"])])
def test_a_delay_is_before_or_after_processing(api: Api, act: str, seen_meanwhile: list[str]) -> None:
    plan(api, act, seconds=0.4)
    with pytest.raises(requests.exceptions.ReadTimeout):
        api.session.post(
            f"{api.base_url}/v2/orders",
            json={"symbol": "RESTS", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day"}
            | {"client_order_id": "slow"},
            headers={"APCA-API-KEY-ID": "simulator", "APCA-API-SECRET-KEY": "simulator"},
            timeout=0.15,
        )
    assert known(api) == seen_meanwhile


def test_a_delayed_reply_takes_its_time(api: Api) -> None:
    plan(api, "delay", seconds=0.1)
    before = time.monotonic()
    assert api.order(symbol="RESTS").status_code == 200
    assert time.monotonic() - before >= 0.1


def test_a_plan_applies_n_times_after_those_it_skips(api: Api) -> None:
    plan(api, "status", {**ORDERS, "n": 2, "skip": 1}, status=500)
    assert [api.order(symbol="RESTS").status_code for _ in range(4)] == [200, 500, 500, 200]


def test_only_the_first_order_is_slow_and_the_next_overtakes_it(simulator: Simulator, api: Api) -> None:
    plan(api, "delay", {**ORDERS, "n": 1}, seconds=1)
    slow = Api(simulator.base_url)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(slow.order, symbol="RESTS", client_order_id="first")
        while api.get("/_sim/faults")[0]["match"]["n"]:
            pass
        assert api.order(symbol="RESTS", client_order_id="second").status_code == 200
        assert known(api) == ["second"]
        assert first.result().status_code == 200
    slow.session.close()
    assert known(api) == ["first", "second"]


def test_a_lookup_may_miss_an_order_that_exists(api: Api) -> None:
    api.order(symbol="RESTS", client_order_id="here")
    path = "/v2/orders:by_client_order_id"
    missing = {"code": 40410000, "message": "order not found"}
    plan(api, "status", {"method": "GET", "path": path, "n": 2}, status=404, body=missing)
    told = [api("GET", path, params={"client_order_id": "here"}) for _ in range(3)]
    assert [answer.status_code for answer in told] == [404, 404, 200]
    assert told[0].json() == missing


def test_a_plan_without_end_lasts_until_it_is_cleared(api: Api) -> None:
    plan(api, "status", {"path": "/v2/positions*", "n": None}, status=500)
    assert [api("GET", "/v2/positions").status_code for _ in range(3)] == [500] * 3
    assert api("GET", "/v2/positions/ACME").status_code == 500
    assert api("GET", "/v2/account").status_code == 200
    (entry,) = api("GET", "/_sim/faults").json()
    assert (entry["act"], entry["match"]["path"], entry["status"]) == ("status", "/v2/positions*", 500)
    api("DELETE", "/_sim/faults")
    assert api.get("/v2/positions") == []


@pytest.mark.parametrize(
    "entry",
    [
        {"act": "dance"},
        {"act": "status"},
        {"act": "body", "body": "wrong"},
        {"act": "delay", "match": {"url": "/v2/orders"}},
        {"act": "delay", "match": {"n": "two"}},
        {"act": "delay", "seconds": "2"},
        "delay",
    ],
)
def test_a_plan_that_cannot_be_read_is_refused(api: Api, entry: Any) -> None:
    assert api("POST", "/_sim/faults", json=[{"act": "delay"}, entry]).status_code == 422
    assert api.get("/_sim/faults") == []


def test_a_fill_may_outrun_the_reply(api: Api, ear: Ear) -> None:
    api.sim("switches", {"fill_delay_s": 60})
    plan(api, "fill_before_reply", {})
    order = api.order().json()
    ear.socket.settimeout(0.05)  # the frames have come already
    assert [heard["event"] for heard in ear.until("fill")] == ["pending_new", "new", "fill"]
    assert order["status"] == "pending_new"


def test_an_event_is_lost(api: Api, ear: Ear) -> None:
    plan(api, "ws_drop_event", {"event": "fill"})
    api.order(client_order_id="first")
    api.order(client_order_id="second")
    assert ear.until("fill")[-1]["order"]["client_order_id"] == "second"
    assert api.held() == 2


def test_an_event_comes_twice(api: Api, ear: Ear) -> None:
    plan(api, "ws_dup", {"event": "fill"})
    api.order()
    assert ear.until("fill")[-1] == ear.frame()["data"]


def test_null_data_and_unknown_events_come_between(api: Api, ear: Ear) -> None:
    plan(api, "ws_null_data", {"event": "new"})
    plan(api, "ws_unknown_event", {"event": "fill"}, name="trade_bust")
    api.order()
    frames = [ear.frame() for _ in range(5)]
    events = [frame["data"] and frame["data"]["event"] for frame in frames]
    assert events == ["pending_new", None, "new", "trade_bust", "fill"]


def test_a_status_may_be_unknown_and_an_execution_id_missing(api: Api, ear: Ear) -> None:
    plan(api, "ws_unknown_status", {"event": "new"})
    plan(api, "ws_no_execution_id", {"event": "fill"})
    api.order()
    _, new, fill = ear.until("fill")
    assert (new["order"]["status"], fill["execution_id"]) == ("under_review", None)


def test_a_fills_position_may_be_wrong_while_the_account_is_right(api: Api, ear: Ear) -> None:
    plan(api, "ws_wrong_position", {}, by="-0.5")
    api.order(qty="2")
    *before, fill = ear.until("fill")
    assert fill["position_qty"] == "1.5"
    assert all("position_qty" not in heard for heard in before)
    assert api.held() == 2
    api.order(qty="2", client_order_id="right again")
    assert ear.until("fill")[-1]["position_qty"] == "4"


def test_a_reordered_event_comes_after_the_next(api: Api, ear: Ear) -> None:
    plan(api, "ws_reorder", {"event": "new"})
    api.order()
    assert [ear.frame()["data"]["event"] for _ in range(3)] == ["pending_new", "fill", "new"]


def test_half_a_frame_never_becomes_a_whole_one(api: Api, ear: Ear) -> None:
    plan(api, "ws_half_frame", {"event": "new"})
    api.order()
    assert ear.frame()["data"]["event"] == "pending_new"
    ear.socket.settimeout(0.1)
    with pytest.raises(websocket.WebSocketTimeoutException):
        ear.frame()


def test_a_ping_may_stay_unanswered(api: Api, ear: Ear) -> None:
    plan(api, "ws_never_pong", {})
    ear.socket.ping("unheard")
    api.order()
    assert [heard["event"] for heard in ear.until("fill")] == ["pending_new", "new", "fill"]
    api("DELETE", "/_sim/faults")
    ear.socket.ping("heard")
    assert ear.socket.recv_data_frame(control_frame=True)[1].data == b"heard"


def test_a_reply_may_drip(api: Api) -> None:
    plan(api, "drip", {"path": "/v2/clock"}, bytes_per_s=1000)
    before = time.monotonic()
    answer = api("GET", "/v2/clock")
    assert answer.json()["is_open"] is True
    assert time.monotonic() - before >= len(answer.content) / 1000


def test_a_mute_stream_still_answers_pings(api: Api, ear: Ear) -> None:
    plan(api, "ws_mute", {})
    for _ in range(3):
        api.order(symbol="RESTS")
    ear.socket.ping()
    assert ear.socket.recv_data_frame(control_frame=True)[0] == websocket.ABNF.OPCODE_PONG
    api("DELETE", "/_sim/faults")
    api.order(symbol="RESTS", client_order_id="heard")
    assert ear.until("new")[-1]["order"]["client_order_id"] == "heard"


@pytest.mark.parametrize("match", [{}, {"event": "new"}])
def test_a_stream_is_closed_at_once_or_at_an_event(api: Api, ear: Ear, match: dict[str, Any]) -> None:
    plan(api, "ws_close", match, code=1012)
    if match:
        api.order(symbol="RESTS")
        assert ear.frame()["data"]["event"] == "pending_new"
    opcode, data = ear.socket.recv_data()
    assert (opcode, data[:2]) == (websocket.ABNF.OPCODE_CLOSE, (1012).to_bytes(2, "big"))


def test_a_handshake_is_refused_n_times(simulator: Simulator, api: Api, connect: Connect) -> None:
    plan(api, "ws_refuse", {"n": 2})
    for _ in range(2):
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            connect(simulator)
        assert refused.value.status_code == 429
    connect(simulator)
