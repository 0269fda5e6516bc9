"""The exact bodies of refusals, as recorded or documented of Alpaca."""

from typing import Any

import pytest

from tests.simulator.conftest import Api, Connect, Ear, Start


@pytest.mark.parametrize(
    ("terms", "status", "body"),
    [
        (
            {"symbol": "OCGN", "qty": "0.5"},
            403,
            {"code": 40310000, "message": 'asset "OCGN" is not fractionable'},
        ),
        (
            {"symbol": "OCGN", "qty": None, "notional": "50"},
            403,
            {"code": 40310000, "message": 'asset "OCGN" is not fractionable'},
        ),
        ({"symbol": "NOTRD"}, 422, {"code": 42210000, "message": 'asset "NOTRD" is not tradable'}),
        ({"symbol": "ZZZZQX"}, 422, {"code": 42210000, "message": 'asset "ZZZZQX" not found'}),
        ({"symbol": "acme"}, 422, {"code": 42210000, "message": 'asset "acme" not found'}),
        ({"symbol": "NOBUY"}, 403, {"code": 40310000, "message": "insufficient buying power"}),
        ({"qty": "40001"}, 403, {"code": 40310000, "message": "insufficient buying power"}),
        ({"qty": None}, 422, {"code": 40010001, "message": "qty or notional is required"}),
        (
            {"notional": "5"},
            422,
            {"code": 40010001, "message": "only one of qty or notional is accepted"},
        ),
        (
            {"qty": None, "notional": "5.001"},
            422,
            {"code": 42210000, "message": "notional value must be limited to 2 decimal places"},
        ),
        (
            {"qty": None, "notional": "0.99"},
            403,
            {"code": 40310000, "message": "cost basis must be >= minimal amount of order 1"},
        ),
        (
            {"qty": "0.05"},
            403,
            {"code": 40310000, "message": "cost basis must be >= minimal amount of order 1"},
        ),
        (
            {"type": "limit", "limit_price": "290.123"},
            422,
            {
                "code": 42210000,
                "message": "invalid limit_price 290.123. "
                "sub-penny increment does not fulfill minimum pricing criteria",
            },
        ),
        (
            {"qty": "1.5", "time_in_force": "gtc"},
            422,
            {"code": 42210000, "message": "fractional orders must be DAY orders"},
        ),
        (
            {"qty": "1.5", "order_class": "bracket"},
            422,
            {"code": 42210000, "message": "fractional orders must be simple orders"},
        ),
        (
            {"type": "stop_limit", "stop_price": "11", "limit_price": "12"},
            422,
            {"code": 42210000, "message": 'order type "stop_limit" is not supported by this simulator'},
        ),
        ({"symbol": None}, 422, {"code": 40010001, "message": "symbol is required"}),
        ({"side": "hold"}, 422, {"code": 40010001, "message": "invalid side"}),
        ({"qty": "1e999999999", "side": "sell"}, 422, {"code": 40010001, "message": "qty is invalid"}),
        (
            {"qty": "0.1234567891"},
            422,
            {"code": 42210000, "message": "qty must be limited to 9 decimal places"},
        ),
        ({"qty": "NaN"}, 422, {"code": 40010001, "message": "qty is invalid"}),
        (
            {"client_order_id": "x" * 129},
            422,
            {"code": 40010001, "message": "client_order_id must be no more than 128 characters"},
        ),
        (
            {"side": "sell", "qty": "1.5"},
            403,
            {
                "available": "0",
                "code": 40310000,
                "existing_qty": "0",
                "held_for_orders": "0",
                "message": "insufficient qty available for order (requested: 1.5, available: 0)",
                "symbol": "ACME",
            },
        ),
    ],
)
def test_an_order_is_refused_in_alpacas_words(
    api: Api, terms: dict[str, Any], status: int, body: dict[str, Any]
) -> None:
    api.sim("prices", {"ACME": "10"})
    answer = api.order(**terms)
    assert (answer.status_code, answer.json()) == (status, body)
    assert api.get("/_sim/state")["orders"] == []


def test_four_decimals_are_fine_below_a_dollar(api: Api) -> None:
    api.sim("prices", {"ACME": "0.5"})
    assert api.order(type="limit", limit_price="0.4321", qty="10").status_code == 200


def test_a_client_order_id_is_never_free_again(api: Api, ear: Ear) -> None:
    order = api.order(type="limit", limit_price="1", client_order_id="once").json()
    ear.until("new")
    refusal = {"code": 40010001, "message": "client_order_id must be unique"}
    again = api.order(symbol="KO", client_order_id="once")
    assert (again.status_code, again.json()) == (422, refusal)
    api("DELETE", f"/v2/orders/{order['id']}")
    again = api.order(client_order_id="once")
    assert (again.status_code, again.json()) == (422, refusal)


def test_shares_held_for_an_order_are_not_sold_twice(api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "10"})
    api.order(qty="3")
    ear.until("fill")
    api.order(side="sell", qty="2", type="limit", limit_price="11")
    ear.until("new")
    refused = api.order(side="sell", qty="2")
    assert refused.status_code == 403
    assert refused.json() == {
        "available": "1",
        "code": 40310000,
        "existing_qty": "3",
        "held_for_orders": "2",
        "message": "insufficient qty available for order (requested: 2, available: 1)",
        "symbol": "ACME",
    }
    assert api.get("/v2/positions/ACME")["qty_available"] == "1"
    assert api("DELETE", "/v2/positions/ACME").status_code == 403


def test_a_sale_against_an_open_buy_is_a_wash_trade(api: Api, ear: Ear) -> None:
    api.sim("prices", {"RESTS": "10"})
    api.sim("switches", {"auto_fill": False})
    bought = api.order(symbol="RESTS", qty="3").json()
    api.sim("fill", {"id": bought["id"], "qty": "2"})
    refused = api.order(symbol="RESTS", qty="1", side="sell")
    assert refused.status_code == 403
    assert refused.json() == {
        "code": 40310000,
        "existing_order_id": bought["id"],
        "message": "potential wash trade detected. use complex orders",
        "reject_reason": "opposite side market/stop order exists",
    }
    api.sim("switches", {"wash_trade_status": 422})
    refused = api.order(symbol="RESTS", qty="1", side="sell")
    assert (refused.status_code, refused.json()["code"]) == (422, 42210000)


def test_limits_that_cannot_meet_are_no_wash_trade(api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "10"})
    api.order(qty="3")
    ear.until("fill")
    assert api.order(type="limit", limit_price="9").status_code == 200
    assert api.order(side="sell", type="limit", limit_price="11").status_code == 200
    assert api.order(side="sell", type="limit", limit_price="9").status_code == 403


def test_an_order_that_has_ended_is_not_canceled(api: Api, ear: Ear) -> None:
    order = api.order().json()
    ear.until("fill")
    refused = api("DELETE", f"/v2/orders/{order['id']}")
    assert (refused.status_code, refused.json()["code"]) == (422, 42210000)


def test_what_does_not_exist_is_404(api: Api) -> None:
    for method, path in (
        ("GET", "/v2/orders/b8a0d6f4-21c3-4e9b-8f57-6a7b8c9d0e1f"),
        ("DELETE", "/v2/orders/b8a0d6f4-21c3-4e9b-8f57-6a7b8c9d0e1f"),
        ("GET", "/v2/orders:by_client_order_id?client_order_id=unknown"),
        ("GET", "/v2/positions/ACME"),
        ("GET", "/v2/assets/ZZZZQX"),
        ("GET", "/v2/nothing"),
    ):
        answer = api(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, 40410000), path


def test_a_notional_order_is_not_replaced(api: Api) -> None:
    order = api.order(symbol="RESTS", qty=None, notional="50").json()
    refused = api("PATCH", f"/v2/orders/{order['id']}", json={"qty": "2"})
    assert refused.status_code == 422
    assert refused.json() == {"code": 42210000, "message": "unable to replace order in current state"}


def test_a_body_that_is_not_json_is_refused(api: Api) -> None:
    assert api("POST", "/v2/orders", data=b"{").status_code == 400


def test_no_keys_and_wrong_keys_are_told_apart(api: Api) -> None:
    nothing = api("GET", "/v2/account", headers={})
    assert (nothing.status_code, nothing.json()) == (403, {"message": "forbidden."})
    wrong = {"APCA-API-KEY-ID": "simulator", "APCA-API-SECRET-KEY": "wrong"}
    for path in ("/v2/account", "/v2/stocks/ACME/snapshot"):
        refused = api("GET", path, headers=wrong)
        assert (refused.status_code, refused.json()) == (401, {"message": "unauthorized"})


@pytest.mark.parametrize(("kind", "text"), [("empty", ""), ("text", "too many requests")])
def test_over_the_limit_is_429_until_the_minute_ends(start: Start, kind: str, text: str) -> None:
    api = Api(start(rate_limit_per_min=2, rate_limit_body=kind).base_url)
    api.sim("clock", {"now": "2026-11-23T15:00:10Z"})
    left = [api("GET", "/v2/account").headers["X-RateLimit-Remaining"] for _ in range(2)]
    assert left == ["1", "0"]
    refused = api.order()
    assert (refused.status_code, refused.text) == (429, text)
    assert refused.headers["X-RateLimit-Reset"] == "1795446060"
    assert refused.headers["X-RateLimit-Limit"] == "2"
    assert api("GET", "/v2/stocks/ACME/snapshot").status_code == 200
    api.sim("clock", {"now": "2026-11-23T15:01:00Z"})
    assert api.order().status_code == 200
    api.session.close()


def test_a_second_stream_is_refused_where_there_is_one_slot(start: Start, connect: Connect) -> None:
    simulator = start(stream_connections="one")
    first = connect(simulator)
    with pytest.raises(Exception, match="429"):
        connect(simulator)
    first.socket.close()
    connect(simulator)


def test_an_unclean_end_keeps_the_slot_for_a_while(start: Start, connect: Connect) -> None:
    simulator = start(stream_connections="one", stream_reap_s=90.0)
    api = Api(simulator.base_url)
    connect(simulator)
    api.sim("restart", {})
    with pytest.raises(Exception, match="429"):
        connect(simulator)
    api.sim("clock", {"now": "2100-01-01T00:00:00Z"})
    connect(simulator)
    api.session.close()
