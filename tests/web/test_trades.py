from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.messages import (
    Declined,
    OrdersUpdated,
    Planned,
)
from domain.orders import Execution, OrderUpdate
from domain.rules import Deferred
from tests.domain.builders import a_plan
from tests.web.conftest import NOW, Api, serving

FIELDS = {
    "id", "symbol", "status", "stars", "notional", "shares", "entry_price", "entry_at", "exit_price",
    "exit_at", "exit_reason", "pnl", "catalyst_type", "catalyst_tier", "alpaca_order_id",
    "client_order_id", "signal_id",
}  # fmt: skip


def plan(api: Api, symbol: str) -> Planned:
    """Take a signal of this symbol in and have it decided, with the gate open."""
    assert api.send(signal_id=f"s-{symbol}", symbol=symbol).status_code == 202
    question = a_plan(f"s-{symbol}", symbol, source="test")
    answer = api.ledger.ask(question, Planned, Declined, Deferred, timeout=5)
    assert isinstance(answer, Planned)
    return answer


def fill(api: Api, planned: Planned) -> None:
    execution = Execution(execution_id="e1", qty=Decimal("7.500"), price=Decimal("13.3"), at=NOW)
    update = OrderUpdate(
        broker_order_id="b1",
        client_order_id=planned.order.client_order_id,
        symbol=planned.order.symbol,
        side="buy",
        status="filled",
        filled_qty=Decimal("7.500"),
        filled_avg_price=Decimal("13.3"),
        updated_at=NOW,
        event="fill",
        execution=execution,
    )
    api.tell(OrdersUpdated(updates=(update,)))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A ledger with three trades, of which ACME's is filled."""
    folder: Path = tmp_path_factory.mktemp("trades")
    with serving(folder) as api:
        api.read_account()
        fill(api, plan(api, "ACME"))
        plan(api, "KO")
        plan(api, "BRK.B")
        yield api


def listed(api: Api, query: str = "") -> list[dict[str, Any]]:
    answer = api.get("/api/trades" + query)
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_a_trade_has_its_fields_with_money_as_text_and_times_in_utc(shared: Api) -> None:
    [trade] = listed(shared, "?symbol=ACME")
    assert trade.keys() >= FIELDS
    assert (trade["status"], trade["stars"], trade["notional"]) == ("open", 5, "100")
    assert (trade["shares"], trade["entry_price"]) == ("7.5", "13.3")
    assert trade["entry_at"] == "2026-11-12T15:00:00Z"
    assert (trade["exit_price"], trade["exit_at"], trade["pnl"]) == (None, None, None)
    assert (trade["signal_id"], trade["alpaca_order_id"]) == ("s-ACME", "b1")


def test_trades_are_listed_newest_first_page_by_page(shared: Api) -> None:
    first = shared.get("/api/trades?limit=2").json()
    assert [each["symbol"] for each in first["items"]] == ["BRK.B", "KO"]
    second = shared.get(f"/api/trades?limit=2&cursor={first['next']}").json()
    assert [each["symbol"] for each in second["items"]] == ["ACME"]
    assert second["next"] is None


def test_trades_can_be_asked_for_by_status_and_symbol(shared: Api) -> None:
    assert [each["symbol"] for each in listed(shared, "?status=pending")] == ["BRK.B", "KO"]
    assert listed(shared, "?status=pending&symbol=ACME") == []
    assert listed(shared, "?status=closed") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?status=lost", "status"),
        ("?limit=0", "limit"),
        ("?limit=501", "limit"),
        ("?limit=many", "limit"),
        ("?cursor=nonsense", "cursor"),
        ("?cursor=" + "x" * 300, "cursor"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(shared: Api, query: str, field: str) -> None:
    answer = shared.get("/api/trades" + query)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_parameters")
    assert [each["field"] for each in answer.json()["details"]] == [field]


def test_one_trade_comes_with_its_orders_and_their_executions(shared: Api) -> None:
    [listed_trade] = listed(shared, "?symbol=ACME")
    trade = shared.get(f"/api/trades/{listed_trade['id']}").json()
    [order] = trade.pop("orders")
    assert trade == listed_trade
    assert (order["life"], order["status"], order["filled_qty"]) == ("done", "filled", "7.5")
    assert order["executions"] == [
        {"execution_id": "e1", "qty": "7.5", "price": "13.3", "at": "2026-11-12T15:00:00Z"}
    ]


@pytest.mark.parametrize(("trade_id", "status"), [("999", 404), ("-1", 422), ("x", 422), (str(2**63), 422)])
def test_a_trade_that_does_not_exist_is_a_refusal(shared: Api, trade_id: str, status: int) -> None:
    assert shared.get(f"/api/trades/{trade_id}").status_code == status


def test_a_signal_that_traded_tells_its_verdict_every_check_and_its_trade(shared: Api) -> None:
    signal = shared.get("/api/signals/s-ACME").json()
    assert (signal["state"], signal["stars"], signal["notional"]) == ("planned", 5, "100")
    assert signal["verdict"] == {"code": "trade", "reason": "every check passed"}
    assert {check["name"] for check in signal["checks"]} >= {"time_to_live", "stars", "symbol_free", "gate"}
    assert all(check["passed"] for check in signal["checks"])
    assert signal["trade"] == listed(shared, "?symbol=ACME")[0]
    assert signal["decided_at"] == "2026-11-12T15:00:01Z"
