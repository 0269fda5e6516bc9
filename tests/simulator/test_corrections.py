"""Splits and busted trades, as a client meets them and as the book keeps them."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulator import corrections
from simulator.errors import ApiError
from simulator.exchange import Exchange
from simulator.orders import Event, OrderRequest, Side
from simulator.records import Record
from simulator.server import Simulator
from tests.simulator.conftest import Api, Connect, Ear
from tests.simulator.test_book import lines, settings
from tests.simulator.test_exchange import NOW, an_exchange
from tests.simulator.test_faults import plan

SPLITS = "/v2/account/activities/SPLIT"
FILLS = "/v2/account/activities/FILL"


@pytest.fixture
def scripted(api: Api) -> Api:
    api.sim("switches", {"auto_fill": False})
    api.sim("prices", {"ACME": "10"})
    return api


def filled(api: Api, *parts: str, side: str = "buy", qty: str = "10", name: str = "one") -> Any:
    order = api.order(qty=qty, side=side, client_order_id=name).json()
    for part in parts:
        order = api.sim("fill", {"id": order["id"], "qty": part})
    return order


def test_a_split_multiplies_the_shares_and_divides_their_price(scripted: Api) -> None:
    filled(scripted, "10")
    cash = scripted.get("/v2/account")["cash"]
    plan(scripted, "split", {}, symbol="ACME", ratio="2")
    (position,) = scripted.get("/v2/positions")
    told = [position[name] for name in ("qty", "avg_entry_price", "cost_basis", "current_price")]
    assert told == ["20", "5", "100", "5"]
    assert scripted.get("/v2/account")["cash"] == cash


def test_a_split_is_two_activities_and_no_fill(scripted: Api) -> None:
    filled(scripted, "10")
    plan(scripted, "split", {}, symbol="ACME", ratio="0.15")
    added, removed = scripted.get(SPLITS)
    assert [leg["qty"] for leg in (removed, added)] == ["-10", "1.5"]
    assert {leg["symbol"] for leg in (removed, added)} == {"ACME"}
    assert (removed["date"], removed["net_amount"]) == (added["date"], "0")
    assert added["description"] == "ADD, From QTY:-10, To QTY:1.5, Position Value:100"
    (fill,) = scripted.get(FILLS)
    assert scripted.get("/v2/account/activities") == [added, removed, fill]
    assert scripted.get("/v2/account/activities", activity_types="SPLIT,DIV") == [added, removed]
    assert scripted.get(SPLITS, page_size="1", page_token=added["id"]) == [removed]
    assert scripted.get("/v2/account/activities/DIV") == []


def test_there_is_no_split_of_what_is_not_held(api: Api) -> None:
    entry = {"act": "split", "symbol": "ACME", "ratio": "2"}
    assert api("POST", "/_sim/faults", json=entry).status_code == 404


def test_a_split_may_wait_for_a_read(scripted: Api) -> None:
    filled(scripted, "10")
    plan(scripted, "split", {"path": "/v2/positions", "skip": 1}, symbol="ACME", ratio="3")
    assert [scripted.held() for _ in range(3)] == [Decimal(10), Decimal(30), Decimal(30)]


def test_a_busted_trade_is_undone_in_order_position_cash_and_activities(scripted: Api, ear: Ear) -> None:
    cash = scripted.get("/v2/account")["cash"]
    order = filled(scripted, "4", "6")
    first, last = (heard for heard in ear.until("fill") if "price" in heard)
    plan(scripted, "trade_bust", {}, client_order_id="one")
    (bust,) = ear.until("trade_bust")
    assert (bust["qty"], bust["price"], bust["position_qty"], bust["reason"]) == (
        "6",
        "10",
        "4",
        "TRADE_BUST",
    )
    assert bust["previous_execution_id"] == last["execution_id"]
    assert bust["execution_id"] not in {first["execution_id"], last["execution_id"]}
    corrected = scripted.get(f"/v2/orders/{order['id']}")
    assert bust["order"] == {**corrected, "cancel_requested_at": None}
    assert (corrected["status"], corrected["filled_qty"], corrected["filled_avg_price"]) == (
        "filled",
        "4",
        "10",
    )
    assert scripted.held() == Decimal(4)
    plan(scripted, "trade_bust", {}, id=order["id"])
    assert ear.until("trade_bust")[0]["previous_execution_id"] == first["execution_id"]
    assert scripted.get("/v2/positions") == []
    assert scripted.get("/v2/account")["cash"] == cash
    told = [(each["type"], each["qty"], each["cum_qty"]) for each in scripted.get(FILLS, direction="asc")]
    assert told == [
        ("partial_fill", "4", "4"),
        ("fill", "6", "10"),
        ("trade_bust", "6", "4"),
        ("trade_bust", "4", "0"),
    ]
    again = scripted("POST", "/_sim/faults", json={"act": "trade_bust", "id": order["id"]})
    assert (again.status_code, again.json()["message"]) == (422, "the order has no execution to bust")


def test_an_open_order_works_on_for_what_was_busted(scripted: Api, ear: Ear) -> None:
    order = filled(scripted, "4")
    plan(scripted, "trade_bust", {}, id=order["id"])
    assert ear.until("trade_bust")[-1]["order"]["status"] == "new"
    scripted.sim("switches", {"auto_fill": True})
    assert ear.until("fill")[-1]["qty"] == "10"


def test_a_canceled_order_stays_canceled_when_its_fill_is_busted(scripted: Api) -> None:
    order = filled(scripted, "4")
    scripted.sim("cancel", {"id": order["id"]})
    plan(scripted, "trade_bust", {}, id=order["id"])
    corrected = scripted.get(f"/v2/orders/{order['id']}")
    assert (corrected["status"], corrected["filled_qty"]) == ("canceled", "0")


def test_a_busted_sale_brings_the_shares_back(scripted: Api) -> None:
    filled(scripted, "10")
    cash = scripted.get("/v2/account")["cash"]
    filled(scripted, "10", side="sell", name="two")
    assert scripted.get("/v2/positions") == []
    plan(scripted, "trade_bust", {}, client_order_id="two")
    assert (scripted.held(), scripted.get("/v2/account")["cash"]) == (Decimal(10), cash)


def test_shares_that_were_sold_on_cannot_be_taken_back(scripted: Api) -> None:
    filled(scripted, "10")
    filled(scripted, "4", side="sell", qty="4", name="two")
    entry = {"act": "trade_bust", "client_order_id": "one"}
    assert scripted("POST", "/_sim/faults", json=entry).status_code == 422
    assert scripted.held() == Decimal(6)


def test_a_bust_may_wait_for_a_request(scripted: Api) -> None:
    order = filled(scripted, "10")
    plan(scripted, "trade_bust", {"method": "GET", "path": "/v2/orders/*"}, id=order["id"])
    assert scripted.get(f"/v2/orders/{order['id']}")["filled_qty"] == "0"


def test_splits_and_busts_survive_a_restart_and_are_told_by_the_oracle(
    tmp_path: Path, connect: Connect
) -> None:
    paths = ("/v2/orders", "/v2/account/activities", "/v2/positions")
    quiet = replace(settings(tmp_path), auto_fill=False)
    with Simulator(quiet) as first:
        api = Api(first.base_url)
        connect(first)
        api.sim("prices", {"ACME": "10"})
        filled(api, "4", "6")
        plan(api, "trade_bust", {}, client_order_id="one")
        plan(api, "split", {}, symbol="ACME", ratio="2")
        before = {path: api.get(path, status="all") for path in paths}
        api.session.close()
        told = lines(first)
    assert [line["type"] for line in told] == ["accepted", "partial_fill", "fill", "trade_bust", "split"]
    busted, split = told[-2:]
    assert (busted["busts"], busted["cum_qty"]) == (told[2]["execution_id"], "4")
    terms = [split[name] for name in ("symbol", "ratio", "old_qty", "new_qty")]
    assert terms == ["ACME", "2", "4", "8"]
    (tmp_path / "oracle.jsonl").write_text("")
    with Simulator(quiet) as second:
        api = Api(second.base_url)
        api.sim("prices", {"ACME": "5"})
        assert {path: api.get(path, status="all") for path in paths} == before
        assert lines(second) == told
        api.session.close()


def bought(exchange: Exchange, qty: str, price: str, *, side: Side = "buy") -> list[Event]:
    terms = OrderRequest(symbol="ACME", side=side, type="market", time_in_force="day", qty=Decimal(qty))
    accepted = exchange.submit(terms, NOW)
    opened = exchange.confirm(accepted.order.id, NOW)
    return [accepted, opened, exchange.execute(accepted.order.id, None, Decimal(price), NOW)]


def test_a_replay_rebuilds_what_splits_busts_and_resets_made_of_the_account() -> None:
    exchange = an_exchange()
    gone: list[Record] = [*bought(exchange, "7", "3"), corrections.reset(exchange, NOW, new_account=True)]
    first = bought(exchange, "10", "12.34")
    split = corrections.split(exchange, "ACME", Decimal("1.5"), NOW)
    second = bought(exchange, "2", "8")
    bust = corrections.bust(exchange, second[-1].order.id, NOW)
    assert exchange.account.positions["ACME"].qty == Decimal(15)
    assert exchange.account.positions["ACME"].cost == Decimal("123.4")
    assert exchange.account.cash == exchange.account.starting_cash - Decimal("123.4")
    replayed = an_exchange()
    replayed.restore([*gone, *first, split, *second, bust])
    assert (replayed.account_id, replayed.orders) == (exchange.account_id, exchange.orders)
    assert replayed.account_id != an_exchange().account_id
    assert (replayed.account.cash, replayed.account.positions) == (
        exchange.account.cash,
        exchange.account.positions,
    )
    assert replayed.activities == exchange.activities
    assert [each.order_id for each in exchange.executions] == [first[-1].order.id, *[bust.order.id] * 2]


def test_a_bust_after_a_sale_never_leaves_a_cost_below_nothing() -> None:
    exchange = an_exchange()
    bought(exchange, "10", "1")
    dear = bought(exchange, "1", "100")[-1]
    bought(exchange, "9", "50", side="sell")
    corrections.bust(exchange, dear.order.id, NOW)
    left = exchange.account.positions["ACME"]
    assert (left.qty, left.avg_entry_price) == (Decimal(1), Decimal(10))


def test_a_split_that_leaves_nothing_is_refused() -> None:
    exchange = an_exchange()
    bought(exchange, "1", "1")
    with pytest.raises(ApiError, match="nothing is left"):
        corrections.split(exchange, "ACME", Decimal("0.0000000001"), NOW)
