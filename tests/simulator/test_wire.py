"""Bodies as they are on the wire: keys, their order, types of values."""

import re
from typing import Any

import pytest

from tests.simulator.conftest import KEYS, Api, Ear

ORDER_KEYS = """asset_class asset_id canceled_at client_order_id created_at expired_at expires_at
extended_hours failed_at filled_at filled_avg_price filled_qty hwm id legs limit_price notional order_class
order_type position_intent qty replaced_at replaced_by replaces side source status stop_price submitted_at
subtag symbol time_in_force trail_percent trail_price type updated_at""".split()  # noqa: SIM905 - a list takes forty lines
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


def test_an_order_has_alpacas_keys_in_alphabetical_order(api: Api) -> None:
    order = api.order(qty=None, notional="75", client_order_id="entry").json()
    assert list(order) == ORDER_KEYS
    assert (order["qty"], order["notional"], order["filled_qty"]) == (None, "75", "0")
    assert (order["status"], order["order_class"], order["order_type"]) == ("pending_new", "", "market")
    assert RFC3339.fullmatch(order["submitted_at"])
    assert api.get("/v2/orders:by_client_order_id", client_order_id="entry")["id"] == order["id"]


def test_each_reply_has_an_id_of_its_own(api: Api) -> None:
    ids = [api("GET", "/v2/account", headers=keys).headers["X-Request-ID"] for keys in (KEYS, KEYS, {})]
    assert len(set(ids)) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_a_partly_filled_order_tells_sums_and_its_events_single_executions(api: Api, ear: Ear) -> None:
    api.sim("switches", {"auto_fill": False})
    api.order(qty="10", type="limit", limit_price="12.45", client_order_id="two-parts")
    api.sim("fill", {"client_order_id": "two-parts", "qty": "4", "price": "12.34"})
    api.sim("fill", {"client_order_id": "two-parts", "price": "12.40"})
    *_, first, second = ear.until("fill")
    assert (first["event"], first["qty"], first["price"], first["position_qty"]) == (
        "partial_fill",
        "4",
        "12.34",
        "4",
    )
    order = first["order"]
    assert (order["status"], order["filled_qty"], order["filled_avg_price"]) == (
        "partially_filled",
        "4",
        "12.34",
    )
    assert order["filled_at"] is None
    assert (second["qty"], second["price"], second["position_qty"]) == ("6", "12.4", "10")
    order = second["order"]
    assert (order["status"], order["filled_qty"], order["filled_avg_price"]) == ("filled", "10", "12.376")
    assert sorted(order) == sorted([*ORDER_KEYS, "cancel_requested_at"])


def test_the_first_events_of_an_order_are_pending_new_and_new(api: Api, ear: Ear) -> None:
    api.order()
    pending, new, _ = ear.until("fill")
    assert (pending["event"], pending["execution_id"], pending["order"]["status"]) == (
        "pending_new",
        None,
        "pending_new",
    )
    assert (new["event"], new["order"]["status"]) == ("new", "new")
    assert new["execution_id"]
    assert "qty" not in new


def test_a_position_is_all_text(api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "12.376"})
    api.order(qty="10")
    ear.until("fill")
    api.sim("prices", {"ACME": "12.5"})
    position = api.get("/v2/positions/ACME")
    assert position.pop("asset_marginable") is True
    assert all(isinstance(value, str) for value in position.values())
    expected = {
        "avg_entry_price": "12.376",
        "cost_basis": "123.76",
        "current_price": "12.5",
        "market_value": "125",
        "qty": "10",
        "qty_available": "10",
        "side": "long",
        "unrealized_pl": "1.24",
        "unrealized_plpc": "0.010019",
    }
    assert {name: position[name] for name in expected} == expected
    account = api.get("/v2/account")
    assert (account["cash"], account["equity"], account["long_market_value"]) == (
        "99876.24",
        "100001.24",
        "125",
    )
    assert account["buying_power"] == "399879.96"
    assert not {"daytrade_count", "pattern_day_trader", "daytrading_buying_power"} & set(account)


def test_an_activity_joins_through_its_order(api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "12.34"})
    order = api.order(qty="4").json()
    ear.until("fill")
    (fill,) = api.get("/v2/account/activities/FILL")
    assert re.fullmatch(r"\d{17}::[0-9a-f-]{36}", fill.pop("id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", fill.pop("transaction_time"))
    assert fill == {
        "activity_type": "FILL",
        "cum_qty": "4",
        "leaves_qty": "0",
        "order_id": order["id"],
        "order_status": "filled",
        "price": "12.34",
        "qty": "4",
        "side": "buy",
        "symbol": "ACME",
        "type": "fill",
    }
    assert api.get("/v2/account/activities/DIV") == []


@pytest.mark.parametrize(
    ("path", "wrapper"),
    [
        ("/v2/stocks/ACME/trades/latest", "trade"),
        ("/v2/stocks/ACME/quotes/latest", "quote"),
        ("/v2/stocks/ACME/bars/latest", "bar"),
        ("/v2/stocks/trades/latest?symbols=ACME,ZZZZQX", "trades"),
        ("/v2/stocks/quotes/latest?symbols=ACME", "quotes"),
        ("/v2/stocks/bars/latest?symbols=ACME", "bars"),
    ],
)
def test_latest_market_data_is_numbers_in_a_wrapper(api: Api, path: str, wrapper: str) -> None:
    answer = api.get(path)
    if wrapper.endswith("s"):
        assert list(answer[wrapper]) == ["ACME"]
        part = answer[wrapper]["ACME"]
    else:
        assert answer["symbol"] == "ACME"
        part = answer[wrapper]
    keys = {"trade": "t x p s c i z", "quote": "t ax ap as bx bp bs c z", "bar": "t o h l c v n vw"}
    assert sorted(part) == sorted(keys[wrapper.removesuffix("s")].split())
    assert all(isinstance(part[name], int | float) for name in part if name in {"p", "ap", "bp", "o", "vw"})


def test_snapshots_of_many_have_no_wrapper(api: Api) -> None:
    parts = {"latestTrade", "latestQuote", "minuteBar", "dailyBar", "prevDailyBar"}
    many = api.get("/v2/stocks/snapshots", symbols="ACME,KO")
    assert {symbol: set(found) for symbol, found in many.items()} == {"ACME": parts, "KO": parts}
    assert set(api.get("/v2/stocks/ACME/snapshot")) == parts | {"symbol", "currency"}


def test_prices_are_the_seeds_and_stay_between_bounds(api: Api) -> None:
    api.sim("clock", {"now": "2026-11-23T15:00:00Z"})
    prices = {
        symbol: api.get(f"/v2/stocks/{symbol}/trades/latest")["trade"]["p"] for symbol in ("KO", "TSLA")
    }
    api.sim("clock", {"now": "2026-11-23T15:00:00Z"})
    again: dict[str, Any] = {
        symbol: api.get(f"/v2/stocks/{symbol}/trades/latest")["trade"]["p"] for symbol in prices
    }
    assert prices == again
    assert all(1.8 < price < 425 for price in prices.values())
