"""Prices by script, and what can be wrong with a quote: as market data shows it and as orders feel it."""

from collections.abc import Iterator
from typing import Any

import pytest

from simulator.server import Simulator
from tests.simulator.conftest import Api, Start

NOW = "2026-11-23T15:00:00Z"


@pytest.fixture
def still(start: Start) -> Iterator[tuple[Simulator, Api]]:
    """A clock that stands still at three in the afternoon, UTC."""
    simulator = start()
    api = Api(simulator.base_url)
    simulator.run_at(0)
    api.sim("clock", {"now": NOW})
    yield simulator, api
    api.session.close()


def snapshot(api: Api, symbol: str = "ACME") -> Any:
    return api.get("/v2/stocks/snapshots", symbols=symbol)[symbol]


def price(api: Api) -> float:
    found: float = snapshot(api)["latestTrade"]["p"]
    return found


def ages(api: Api) -> tuple[str, str]:
    """Of the last trade and of the last quote."""
    found = snapshot(api)
    return found["latestTrade"]["t"], found["latestQuote"]["t"]


def test_a_script_is_played_scene_by_scene(still: tuple[Simulator, Api]) -> None:
    simulator, api = still
    own = price(api)
    api.sim("prices", {"ACME": {"script": [{"at_s": 0, "price": "10"}, {"at_s": 30, "price": "9.2"}]}})
    assert price(api) == 10
    simulator.advance(29)
    assert price(api) == 10
    simulator.advance(1)
    assert price(api) == 9.2
    api.sim("prices", {"ACME": {"script": [{"at_s": 10, "path": "own"}]}})
    simulator.advance(9)
    assert price(api) == 9.2
    simulator.advance(1)
    assert price(api) == pytest.approx(own, rel=0.01)
    assert price(api) != 9.2


def test_the_old_form_still_pins_a_price_and_lets_it_go(still: tuple[Simulator, Api]) -> None:
    _, api = still
    own = price(api)
    assert api.sim("prices", {"ACME": "12.50"}) == {"ACME": "12.5"}
    assert price(api) == 12.5
    api.sim("prices", {"ACME": None})
    assert price(api) == own


def test_a_stale_quote_is_always_as_old(still: tuple[Simulator, Api]) -> None:
    simulator, api = still
    api.sim("prices", {"ACME": {"price": "10", "stale_s": "120"}})
    assert ages(api) == ("2026-11-23T14:58:00Z", "2026-11-23T14:58:00Z")
    assert snapshot(api)["minuteBar"]["t"] == "2026-11-23T14:57:00Z"
    simulator.advance(30)
    assert ages(api) == ("2026-11-23T14:58:30Z", "2026-11-23T14:58:30Z")
    assert price(api) == 10


def test_a_stale_price_on_its_own_path_is_the_price_of_then(still: tuple[Simulator, Api]) -> None:
    simulator, api = still
    then = price(api)
    simulator.advance(3600)
    assert price(api) != then
    api.sim("prices", {"ACME": {"stale_s": 3600}})
    assert (price(api), ages(api)[0]) == (then, NOW)


def test_without_a_quote_bid_and_ask_are_nothing(still: tuple[Simulator, Api]) -> None:
    simulator, api = still
    api.sim("prices", {"ACME": {"price": "10", "no_quote": True}})
    found = snapshot(api)
    assert [found["latestQuote"][name] for name in ("ap", "as", "bp", "bs")] == [0, 0, 0, 0]
    assert found["latestTrade"]["p"] == 10
    assert api.get("/v2/stocks/ACME/quotes/latest")["quote"]["ap"] == 0
    api.order()
    simulator.advance(0)
    assert api.held() == 1


def test_a_missing_symbol_is_in_no_market_data_and_is_traded_all_the_same(
    still: tuple[Simulator, Api],
) -> None:
    simulator, api = still
    api.sim("prices", {"ACME": {"price": "10", "missing": True}, "KO": "20"})
    assert list(api.get("/v2/stocks/snapshots", symbols="ACME,KO")) == ["KO"]
    assert list(api.get("/v2/stocks/trades/latest", symbols="ACME,KO")["trades"]) == ["KO"]
    for path in ("/v2/stocks/ACME/snapshot", "/v2/stocks/ACME/quotes/latest"):
        assert api("GET", path).status_code == 404
    api.order()
    simulator.advance(0)
    assert api.held() == 1


def test_in_a_halt_orders_rest_and_the_last_trade_grows_older(still: tuple[Simulator, Api]) -> None:
    simulator, api = still
    halt = [{"at_s": 10, "price": "10", "halted": True}, {"at_s": 20, "price": "10.5", "halted": True}]
    api.sim("prices", {"ACME": {"script": [{"at_s": 0, "price": "10"}, *halt, {"at_s": 60, "price": "8"}]}})
    simulator.advance(25)
    order = api.order().json()
    simulator.advance(30)
    assert [at[:19] for at in ages(api)] == ["2026-11-23T15:00:10", "2026-11-23T15:00:55"]
    assert api.get(f"/v2/orders/{order['id']}")["status"] == "new"
    simulator.advance(5)
    assert api.get(f"/v2/orders/{order['id']}")["filled_avg_price"] == "8"
    assert ages(api)[0][:19] == "2026-11-23T15:01:00"


def test_a_halt_on_its_own_path_keeps_the_last_price(still: tuple[Simulator, Api]) -> None:
    simulator, api = still
    api.order()
    simulator.advance(0)
    last = price(api)
    api.sim("prices", {"ACME": {"halted": True}})
    simulator.advance(3600)
    assert (price(api), ages(api)[0][:19]) == (last, NOW[:19])
    assert api.get("/v2/positions/ACME")["current_price"] == f"{last:g}"
    api.sim("prices", {"ACME": None})
    assert price(api) != last


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2026-11-23T15:00:00-05:00", "2026-11-23T20:00:00Z"),
        ("2026-11-23T18:00:00-05:00", "2026-11-23T23:00:00Z"),
        ("2026-11-23T22:00:00-05:00", "2026-11-24T01:00:00Z"),  # 20:00 in New York
        ("2026-11-28T12:00:00-05:00", "2026-11-27T22:00:00Z"),  # 17:00, after a half day
        ("2026-11-26T12:00:00-05:00", "2026-11-26T01:00:00Z"),  # Thanksgiving
    ],
)
def test_once_the_market_has_closed_its_last_moment_is_shown(start: Start, now: str, last: str) -> None:
    simulator = start(hours="new_york")
    api = Api(simulator.base_url)
    simulator.run_at(0)
    api.sim("clock", {"now": now})
    found = snapshot(api)
    assert (found["latestTrade"]["t"], found["latestQuote"]["t"]) == (last, last)
    api.sim("clock", {"now": last})
    assert found["latestTrade"]["p"] == price(api)
    api.session.close()


def test_a_closed_markets_price_is_the_same_everywhere_and_a_night_scene_opens_the_day(
    start: Start,
) -> None:
    simulator = start(hours="new_york")
    api = Api(simulator.base_url)
    simulator.run_at(0)
    api.sim("clock", {"now": "2026-11-23T15:59:00-05:00"})
    api.order(qty="2")
    simulator.advance(6 * 3600)
    shown = price(api)
    assert api.get("/v2/positions/ACME")["current_price"] == f"{shown:g}"
    api.sim("prices", {"ACME": {"script": [{"at_s": 3600, "price": "3"}]}})
    simulator.advance(2 * 3600)
    assert price(api) == shown
    simulator.advance(4 * 3600 + 60)  # to the pre-market, at 4:00
    assert price(api) == 3
    api.session.close()


@pytest.mark.parametrize(
    "told",
    [
        "0",
        "-1",
        "much",
        True,
        [],
        {"price": "0"},
        {"price": "10", "path": "own"},
        {"path": "elsewhere"},
        {"halted": "yes"},
        {"stale_s": "-1"},
        {"prise": "10"},
        {"script": []},
        {"script": [{"price": "10"}]},
        {"script": [{"at_s": -1, "price": "10"}]},
        {"script": [{"at_s": 5, "price": "10"}, {"at_s": 5, "price": "11"}]},
        {"script": [{"at_s": 0}, {"at_s": 0}]},
        {"script": [{"at_s": 0, "price": "10"}], "halted": True},
        {"script": [{"at_s": 0, "script": []}]},
    ],
)
def test_what_is_no_scene_is_refused_and_nothing_is_changed(api: Api, told: Any) -> None:
    refused = api("POST", "/_sim/prices", json={"KO": "11", "ACME": told})
    assert refused.status_code == 422
    assert api.get("/v2/stocks/KO/trades/latest")["trade"]["p"] != 11
