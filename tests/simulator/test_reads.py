"""Lists of orders and of activities, page after page."""

from typing import Any

import pytest

from tests.simulator.conftest import Api, Ear


@pytest.fixture
def ids(api: Api) -> list[str]:
    """Five orders at rest, oldest first."""
    return [api.order(symbol="RESTS", qty=str(i + 1)).json()["id"] for i in range(5)]


def listed(api: Api, **params: str) -> list[str]:
    return [order["id"] for order in api.get("/v2/orders", **params)]


def test_open_orders_come_newest_first(api: Api, ids: list[str]) -> None:
    assert listed(api) == ids[::-1]
    assert listed(api, direction="asc", limit="2") == ids[:2]


def test_pages_by_submitted_at_are_exclusive(api: Api, ids: list[str]) -> None:
    seen: list[Any] = []
    while page := api.get(
        "/v2/orders", direction="asc", limit="2", after=seen[-1]["submitted_at"] if seen else "2020-01-01"
    ):
        seen.extend(page)
    assert [order["id"] for order in seen] == ids
    assert listed(api, until=seen[2]["submitted_at"], direction="asc") == ids[:2]


def test_pages_by_order_id_are_exclusive(api: Api, ids: list[str]) -> None:
    assert listed(api, after_order_id=ids[2], direction="asc") == ids[3:]
    assert listed(api, before_order_id=ids[2]) == ids[1::-1]
    answer = api("GET", "/v2/orders", params={"after_order_id": ids[0], "after": "2020-01-01"})
    assert answer.status_code == 422


def test_orders_are_filtered(api: Api, ids: list[str]) -> None:
    other = api.order(symbol="KO", type="limit", limit_price="1").json()["id"]
    api("DELETE", f"/v2/orders/{ids[0]}")
    assert listed(api, symbols="KO,MSFT") == [other]
    assert listed(api, status="closed") == [ids[0]]
    assert len(listed(api, status="all")) == 6
    assert listed(api, side="sell", status="all") == []
    assert api("GET", "/v2/orders", params={"limit": "501"}).status_code == 422


def test_activities_come_page_after_page(api: Api, ear: Ear) -> None:
    orders = []
    for _ in range(5):
        orders.append(api.order().json()["id"])
        ear.until("fill")
    path = "/v2/account/activities/FILL"
    seen = api.get(path, page_size="2", direction="asc")
    while page := api.get(path, page_size="2", direction="asc", page_token=seen[-1]["id"]):
        seen.extend(page)
    assert [fill["order_id"] for fill in seen] == orders
    assert [fill["order_id"] for fill in api.get(path)] == orders[::-1]
    assert [fill["id"] for fill in api.get(path, order_id=orders[3])] == [seen[3]["id"]]
    assert len(api.get(path, after=seen[1]["transaction_time"])) in {3, 4}  # its nanoseconds aren't told
    assert api.get("/v2/account/activities", activity_types="FILL,DIV", page_size="1") == [seen[-1]]
    assert api.get("/v2/account/activities", activity_types="DIV") == []
    assert api("GET", path, params={"page_token": "unknown"}).status_code == 422


def test_bars_are_paged_by_token(api: Api) -> None:
    terms = {
        "symbols": "KO,ACME",
        "timeframe": "1Day",
        "start": "2026-11-02",
        "end": "2026-11-06",
        "limit": "4",
    }
    first = api.get("/v2/stocks/bars", **terms)
    assert {symbol: len(bars) for symbol, bars in first["bars"].items()} == {"ACME": 4}
    second = api.get("/v2/stocks/bars", **terms, page_token=first["next_page_token"])
    assert {symbol: len(bars) for symbol, bars in second["bars"].items()} == {"ACME": 1, "KO": 3}
    last = api.get("/v2/stocks/bars", **terms, page_token=second["next_page_token"])
    assert {symbol: len(bars) for symbol, bars in last["bars"].items()} == {"KO": 2}
    assert last["next_page_token"] is None
    assert last["bars"]["KO"][0]["t"] == "2026-11-05T05:00:00Z"
