"""Stop orders: what they hold while they rest, when they trigger, and at what price they fill."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.clock import SECOND, read_time
from simulator.prices import Prices
from simulator.server import Simulator, SimulatorSettings
from tests.simulator import test_book
from tests.simulator.conftest import Api, Connect, Ear, Start

STOP = {"side": "sell", "type": "stop", "stop_price": "9"}
NOW = "2026-11-23T15:00:00Z"


@pytest.fixture
def holder(api: Api, ear: Ear) -> Api:
    """Holds three shares of ACME, bought at 10."""
    api.sim("prices", {"ACME": "10"})
    api.order(qty="3")
    ear.until("fill")
    return api


@pytest.fixture
def floor(start: Start) -> Iterator[tuple[Simulator, Api]]:
    """New York's hours and a clock that stands still, at ten in the morning; holds three shares of ACME."""
    simulator = start(hours="new_york")
    api = Api(simulator.base_url)
    simulator.run_at(0)
    api.sim("clock", {"now": NOW})
    api.sim("prices", {"ACME": "10"})
    api.order(qty="3")
    simulator.advance(0)
    assert api.held() == 3
    yield simulator, api
    api.session.close()


def status(api: Api, order: Any) -> tuple[str, str, str | None]:
    found = api.get(f"/v2/orders/{order['id']}")
    return found["status"], found["filled_qty"], found["filled_avg_price"]


def test_a_stop_rests_as_new_and_every_body_tells_its_price(holder: Api, ear: Ear) -> None:
    answered = holder.order(**STOP).json()
    assert (answered["type"], answered["order_type"], answered["status"]) == ("stop", "stop", "pending_new")
    rests = ear.until("new")[-1]["order"]
    assert rests["status"] == "new"
    read = holder.get(f"/v2/orders/{answered['id']}")
    (listed,) = holder.get("/v2/orders")
    assert [body["stop_price"] for body in (answered, rests, read, listed)] == ["9"] * 4
    assert read["limit_price"] is None


@pytest.mark.parametrize("price", ["9", "8.5"])
def test_a_sell_stop_fills_at_the_market_once_its_price_is_met(holder: Api, ear: Ear, price: str) -> None:
    order = holder.order(qty="3", **STOP).json()
    holder.sim("prices", {"ACME": "9.01"})
    holder.sim("prices", {"ACME": price})
    assert [heard["event"] for heard in ear.until("fill")] == ["pending_new", "new", "fill"]
    assert status(holder, order) == ("filled", "3", price)
    assert holder.held() == 0


@pytest.mark.parametrize("price", ["11", "11.5"])
def test_a_buy_stop_fills_once_the_price_has_risen_to_it(api: Api, ear: Ear, price: str) -> None:
    api.sim("prices", {"ACME": "10"})
    order = api.order(type="stop", stop_price="11").json()
    ear.until("new")
    api.sim("prices", {"ACME": "10.99"})
    assert status(api, order)[0] == "new"
    api.sim("prices", {"ACME": price})
    assert ear.until("fill")[-1]["price"] == price


def test_a_price_that_is_met_for_a_moment_triggers_for_good(floor: tuple[Simulator, Api]) -> None:
    simulator, api = floor
    api.sim("switches", {"fill_delay_s": 5})
    order = api.order(**STOP).json()
    simulator.advance(0)
    api.sim("prices", {"ACME": "8.9"})
    api.sim("prices", {"ACME": "10.5"})
    simulator.advance(4)
    assert status(api, order)[0] == "new"
    simulator.advance(1)
    assert status(api, order) == ("filled", "1", "10.5")


def test_a_fractional_stop_is_good_for_the_day(api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "10"})
    api.order(qty="1.5")
    ear.until("fill")
    order = api.order(qty="1.5", **STOP).json()
    ear.until("new")
    api.sim("prices", {"ACME": "8"})
    ear.until("fill")
    assert status(api, order) == ("filled", "1.5", "8")


def test_a_stop_in_parts_goes_on_at_whatever_the_price_is_then(holder: Api, ear: Ear) -> None:
    holder.sim("switches", {"auto_fill": False})
    order = holder.order(qty="3", **STOP).json()
    ear.until("new")
    holder.sim("fill", {"id": order["id"], "qty": "1", "price": "9"})
    holder.sim("switches", {"auto_fill": True})
    assert ear.until("fill")[-1]["price"] == "10"


@pytest.mark.parametrize(
    ("terms", "code", "message"),
    [
        ({"stop_price": None}, 40010001, "stop orders require a stop price"),
        ({"limit_price": "8"}, 40010001, "stop orders require no limit price"),
        ({"type": "market"}, 40010001, "market orders require no stop or limit price"),
        ({"type": "limit", "limit_price": "8"}, 40010001, "limit orders require no stop price"),
        ({"stop_price": "0"}, 42210000, "stop price must be > 0"),
        (
            {"stop_price": "9.001"},
            42210000,
            "invalid stop_price 9.001. sub-penny increment does not fulfill minimum pricing criteria",
        ),
        ({"time_in_force": "ioc"}, 42210000, "stop orders must be DAY or GTC orders"),
        ({"extended_hours": True}, 42210000, "stop orders are not eligible for extended hours trading"),
        ({"qty": "0.5", "time_in_force": "gtc"}, 42210000, "fractional orders must be DAY orders"),
        ({"qty": None, "notional": "20"}, 42210000, "notional orders must be market orders"),
        ({"type": "stop_limit"}, 42210000, 'order type "stop_limit" is not supported by this simulator'),
        (
            {"type": "trailing_stop"},
            42210000,
            'order type "trailing_stop" is not supported by this simulator',
        ),
    ],
)
def test_a_stop_that_makes_no_sense_is_refused(
    holder: Api, terms: dict[str, Any], code: int, message: str
) -> None:
    refused = holder.order(**{**STOP, **terms})
    assert (refused.status_code, refused.json()) == (422, {"code": code, "message": message})


@pytest.mark.parametrize(
    ("side", "stop", "than"),
    [
        ("sell", "10", "less"),
        ("sell", "10.01", "less"),
        ("buy", "10", "greater"),
        ("buy", "9.99", "greater"),
    ],
)
def test_a_stop_that_the_market_has_met_already_is_refused(
    holder: Api, side: str, stop: str, than: str
) -> None:
    refused = holder.order(side=side, type="stop", stop_price=stop)
    assert refused.status_code == 422
    assert refused.json() == {
        "code": 42210000,
        "market_price": "10",
        "message": f"stop price must be {than} than current price",
        "stop_price": stop.removesuffix(".00"),
    }
    assert len(holder.get("/v2/orders", status="all")) == 1


def test_below_a_dollar_a_stop_may_have_four_decimals(api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "0.5"})
    api.order(qty="10")
    ear.until("fill")
    assert api.order(qty="10", **(STOP | {"stop_price": "0.4321"})).status_code == 200


def test_a_resting_stop_holds_its_shares(holder: Api, ear: Ear) -> None:
    order = holder.order(qty="2", **STOP).json()
    ear.until("new")
    assert holder.get("/v2/positions/ACME")["qty_available"] == "1"
    refused = holder.order(side="sell", qty="2")
    assert refused.status_code == 403
    assert refused.json() == {
        "available": "1",
        "code": 40310000,
        "existing_qty": "3",
        "held_for_orders": "2",
        "message": "insufficient qty available for order (requested: 2, available: 1)",
        "symbol": "ACME",
    }
    assert holder("DELETE", "/v2/positions/ACME").status_code == 403
    holder("DELETE", f"/v2/orders/{order['id']}")
    assert holder.get("/v2/positions/ACME")["qty_available"] == "3"
    assert holder("DELETE", "/v2/positions/ACME").status_code == 200


@pytest.mark.parametrize("terms", [{}, {"type": "limit", "limit_price": "9.5"}])
def test_a_buy_against_a_resting_stop_is_a_wash_trade(holder: Api, ear: Ear, terms: dict[str, Any]) -> None:
    order = holder.order(**STOP).json()
    ear.until("new")
    refused = holder.order(**terms)
    assert refused.status_code == 403
    assert refused.json() == {
        "code": 40310000,
        "existing_order_id": order["id"],
        "message": "potential wash trade detected. use complex orders",
        "reject_reason": "opposite side market/stop order exists",
    }


def test_a_stop_is_replaced_in_price_and_in_quantity(holder: Api, ear: Ear) -> None:
    first = holder.order(qty="3", time_in_force="gtc", **STOP).json()
    ear.until("new")
    second = holder("PATCH", f"/v2/orders/{first['id']}", json={"stop_price": "9.50"}).json()
    assert (second["stop_price"], second["qty"], second["replaces"]) == ("9.5", "3", first["id"])
    ear.until("new")
    third = holder("PATCH", f"/v2/orders/{second['id']}", json={"qty": "2"}).json()
    assert (third["stop_price"], third["qty"], third["time_in_force"]) == ("9.5", "2", "gtc")
    ear.until("new")
    assert holder.get("/v2/positions/ACME")["qty_available"] == "1"
    assert [status(holder, each)[0] for each in (first, second)] == ["replaced", "replaced"]
    holder.sim("prices", {"ACME": "9.4"})
    ear.until("fill")
    assert status(holder, third) == ("filled", "2", "9.4")


def test_a_stop_is_not_replaced_by_one_that_the_market_has_met(holder: Api, ear: Ear) -> None:
    order = holder.order(**STOP).json()
    ear.until("new")
    refused = holder("PATCH", f"/v2/orders/{order['id']}", json={"stop_price": "10.50"})
    assert (refused.status_code, refused.json()["market_price"]) == (422, "10")
    assert holder("PATCH", f"/v2/orders/{order['id']}", json={"limit_price": "9.5"}).status_code == 422
    assert holder("PATCH", f"/v2/orders/{order['id']}", json={"stop_price": "9.555"}).status_code == 422
    assert status(holder, order)[0] == "new"


def test_the_quantity_of_a_fractional_stop_is_not_replaced_but_its_price_is(api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "10"})
    api.order(qty="2.5")
    ear.until("fill")
    order = api.order(qty="1.5", **STOP).json()
    ear.until("new")
    assert api("PATCH", f"/v2/orders/{order['id']}", json={"qty": "2"}).status_code == 422
    replaced = api("PATCH", f"/v2/orders/{order['id']}", json={"stop_price": "9.5"})
    assert (replaced.status_code, replaced.json()["qty"]) == (200, "1.5")


def test_a_triggered_stop_is_not_replaced(floor: tuple[Simulator, Api]) -> None:
    simulator, api = floor
    api.sim("switches", {"fill_delay_s": 5})
    order = api.order(**STOP).json()
    simulator.advance(0)
    api.sim("prices", {"ACME": "9"})
    refused = api("PATCH", f"/v2/orders/{order['id']}", json={"stop_price": "8"})
    assert refused.json()["message"] == "unable to replace order in current state"


def test_a_stop_of_the_night_waits_and_fills_below_its_price_after_a_gap(
    floor: tuple[Simulator, Api],
) -> None:
    simulator, api = floor
    api.sim("clock", {"now": "2026-11-23T18:00:00-05:00"})
    order = api.order(time_in_force="gtc", **STOP).json()
    assert order["status"] == "accepted"
    api.sim("clock", {"now": "2026-11-24T09:29:00-05:00"})
    api.sim("prices", {"ACME": "7"})  # in the pre-market, where stops don't trigger
    assert status(api, order)[0] == "accepted"
    simulator.advance(60)
    assert status(api, order) == ("filled", "1", "7")


def test_a_resting_gtc_stop_outlives_the_day_and_does_not_trigger_after_hours(
    floor: tuple[Simulator, Api],
) -> None:
    simulator, api = floor
    kept = api.order(time_in_force="gtc", **STOP).json()
    gone = api.order(**STOP).json()
    simulator.advance(6 * 3600)  # to the close
    api.sim("prices", {"ACME": "8"})
    simulator.advance(3600)
    assert status(api, kept)[0] == "new"
    assert status(api, gone)[0] == "expired"
    api.sim("prices", {"ACME": "9.5"})
    simulator.advance(24 * 3600)
    assert status(api, kept)[0] == "new"


def test_a_halt_keeps_a_stop_from_triggering_until_it_ends(floor: tuple[Simulator, Api]) -> None:
    simulator, api = floor
    order = api.order(**STOP).json()
    simulator.advance(0)
    halt = [{"at_s": 0, "price": "8", "halted": True}, {"at_s": 300, "price": "6"}]
    api.sim("prices", {"ACME": {"script": halt}})
    simulator.advance(Decimal("299.9"))
    assert status(api, order)[0] == "new"
    simulator.advance(Decimal("0.1"))
    assert status(api, order) == ("filled", "1", "6")


def test_the_watch_sees_a_price_on_its_own_path_meet_a_stop(start: Start, connect: Connect) -> None:
    simulator = start()
    api, ear, now = Api(simulator.base_url), connect(simulator), read_time(NOW)
    api.sim("clock", {"now": NOW})
    api.order(symbol="KO")
    ear.until("fill")
    path = [Prices(7).last("KO", now + second * SECOND) for second in range(3 * 3600)]
    stop = ((min(path) + path[0]) / 2).quantize(Decimal("0.01"))
    assert stop < path[0], "choose another moment: here the price only rises"
    api.order(symbol="KO", **(STOP | {"stop_price": str(stop)}))
    ear.until("new")
    simulator.run_at(7200)
    filled = read_time(ear.until("fill")[-1]["timestamp"])
    met = next(second for second, price in enumerate(path) if price <= stop)
    assert now + (met - 1) * SECOND < filled < now + 3 * 3600 * SECOND
    api.session.close()


def test_a_stop_for_more_than_is_held_any_longer_is_canceled(holder: Api, ear: Ear) -> None:
    order = holder.order(qty="3", **STOP).json()
    ear.until("new")
    holder.sim("faults", {"act": "split", "symbol": "ACME", "ratio": "0.5"})
    holder.sim("prices", {"ACME": "8"})
    ear.until("canceled")
    assert status(holder, order)[:2] == ("canceled", "0")


def test_a_stop_and_its_trigger_survive_a_restart(tmp_path: Path) -> None:
    slow = replace(test_book.settings(tmp_path), fill_delay_s=3600.0)
    with Simulator(replace(slow, fill_delay_s=0.0)) as first:
        api = Api(first.base_url)
        api.sim("prices", {"ACME": "10"})
        api.order(qty="3")
        first.advance(0)
        resting = api.order(**STOP).json()
        met = api.order(**(STOP | {"stop_price": "9.5"})).json()
        first.advance(0)
        api.sim("switches", {"fill_delay_s": 3600})
        api.sim("prices", {"ACME": "9.2"})
        before = api.get("/v2/orders")
        api.session.close()
    with Simulator(slow) as second:
        api = Api(second.base_url)
        api.sim("prices", {"ACME": "10"})
        assert api.get("/v2/orders") == before
        assert api.get("/v2/positions/ACME")["qty_available"] == "1"
        second.advance(3600)
        assert status(api, met) == ("filled", "1", "10")
        assert status(api, resting)[0] == "new"
        api.sim("prices", {"ACME": "8.5"})
        second.advance(3600)
        assert status(api, resting) == ("filled", "1", "8.5")
        told = [line for line in test_book.lines(second) if line["order_id"] == resting["id"]]
        assert [line["type"] for line in told] == ["accepted", "triggered", "fill"]
        assert {(line["order_type"], line["stop_price"]) for line in told} == {("stop", "9")}
        api.session.close()


def test_a_book_from_before_there_were_stops_is_read(tmp_path: Path) -> None:
    with Simulator(test_book.settings(tmp_path)) as first:
        api = Api(first.base_url)
        api.order(symbol="RESTS", client_order_id="old")
        api.session.close()
    book = tmp_path / "book.jsonl"
    lines = [json.loads(line) for line in book.read_text().splitlines()]
    for line in lines:
        del line["order"]["stop_price"], line["order"]["triggered_at"]
    book.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with Simulator(test_book.settings(tmp_path)) as second:
        api = Api(second.base_url)
        assert [order["client_order_id"] for order in api.get("/v2/orders")] == ["old"]
        api.session.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Simulator, Api]]:
    options = SimulatorSettings(fill_delay_s=0, partial_fill_share=Decimal(0), rate_limit_per_min=0)
    with Simulator(options) as simulator:
        simulator.run_at(0)
        api = Api(simulator.base_url)
        yield simulator, api
        api.session.close()


cents = st.integers(500, 1500).map(lambda each: Decimal(each) / 100)


@given(
    stop=st.integers(500, 999).map(lambda each: Decimal(each) / 100),
    prices=st.lists(cents, min_size=1, max_size=8),
    cuts=st.lists(st.integers(0, 40), max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_a_stop_fills_at_the_first_price_that_meets_it_however_time_is_cut(
    shared: tuple[Simulator, Api], stop: Decimal, prices: list[Decimal], cuts: list[int]
) -> None:
    simulator, api = shared
    api.sim("prices", {"ACME": "10"})
    api.order(qty="1")
    simulator.advance(0)
    order = api.order(**(STOP | {"stop_price": str(stop)})).json()
    simulator.advance(0)
    scenes = [{"at_s": i * 5 + 5, "price": str(price)} for i, price in enumerate(prices)]
    api.sim("prices", {"ACME": {"script": scenes}})
    for cut in cuts:
        simulator.advance(cut)
    simulator.advance(max(0, 45 - sum(cuts)))
    met = next((price for price in prices if price <= stop), None)
    found = api.get(f"/v2/orders/{order['id']}")
    if met is None:
        assert found["status"] == "new"
        api("DELETE", f"/v2/orders/{order['id']}")
        api.order(side="sell")
        simulator.advance(0)
    else:
        assert (found["status"], Decimal(found["filled_avg_price"])) == ("filled", met)
    assert api.held() == 0
