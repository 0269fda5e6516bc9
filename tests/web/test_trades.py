import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.config import BotConfig
from domain.exits import Look
from domain.messages import (
    Declined,
    OrderRejected,
    OrdersUpdated,
    OrderUnresolved,
    PlanExit,
    Planned,
    PlanStop,
    PositionsLooked,
)
from domain.orders import Execution, OrderUpdate
from domain.rules import Deferred
from tests.domain.builders import a_plan
from tests.web.conftest import NOW, Api, serving

FIELDS = {
    "id", "symbol", "status", "stars", "notional", "shares", "entry_price", "entry_at", "exit_price",
    "exit_at", "exit_reason", "pnl", "catalyst_type", "catalyst_tier", "alpaca_order_id",
    "client_order_id", "signal_id", "sold", "split", "taken", "held", "mark_price", "mark_at",
    "unrealised_pnl", "peak_price", "exit_wanted", "exit_wanted_by", "exit_wanted_at", "exit_trouble",
    "naked_why", "naked_usd_s",
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


def seen(api: Api, trade_id: int, price: str | None, **changes: Any) -> None:
    """The monitor has looked at the trade, and this is what it saw."""
    told: dict[str, Any] = {} if price is None else {"price": Decimal(price), "priced_at": api.clock()}
    api.tell(PositionsLooked(looks=(Look(trade_id=trade_id, **(told | changes)),)))


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


def test_trades_that_stand_can_be_asked_for_alone(api: Api) -> None:
    api.read_account()
    refused = plan(api, "KO").order.client_order_id
    plan(api, "ACME")
    api.tell(OrderRejected(client_order_id=refused, reason="no money"))
    assert [each["symbol"] for each in listed(api, "?open=true")] == ["ACME"]
    assert [each["symbol"] for each in listed(api)] == ["ACME", "KO"]
    assert listed(api, "?open=true&symbol=KO") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?status=lost", "status"),
        ("?limit=0", "limit"),
        ("?limit=501", "limit"),
        ("?limit=many", "limit"),
        ("?open=perhaps", "open"),
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
    assert (trade.pop("unpriced_why"), len(trade.pop("exits"))) == ("it has not been priced yet", 4)
    assert trade == listed_trade
    assert (order["life"], order["status"], order["filled_qty"]) == ("done", "filled", "7.5")
    assert (order["leg"], order["type"], order["stop_price"], order["reason"]) == (
        "entry", "market", None, None,
    )  # fmt: skip
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


# --- what would sell it -----------------------------------------------------------------------------


@pytest.fixture
def acme(api: Api) -> int:
    """An open trade, 7.5 shares at 13.3; its id."""
    api.read_account()
    fill(api, plan(api, "ACME"))
    [trade] = listed(api, "?symbol=ACME")
    return int(trade["id"])


def detail(api: Api, trade_id: int) -> dict[str, Any]:
    answer = api.get(f"/api/trades/{trade_id}")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def configured(api: Api, **settings: Any) -> None:
    with api.store.unit() as unit:
        unit.save_config(BotConfig(**settings), at=NOW, by="test")


def exits(api: Api, trade_id: int) -> dict[str, tuple[Any, ...]]:
    return {
        way["rule"]: (way["price"], way["away_pct"], way["at"], way["away_s"], way["applies"])
        for way in detail(api, trade_id)["exits"]
    }


def test_a_trade_tells_what_would_sell_it_and_how_far_away_that_is(api: Api, acme: int) -> None:
    seen(api, acme, "13.965")
    api.clock.advance(59)
    assert detail(api, acme)["unpriced_why"] is None
    assert exits(api, acme) == {
        "hard_stop": ("12.369", "-11.43", None, None, False),
        "profit_target": ("14.63", "4.76", None, None, False),
        "time_exit": (None, None, "2026-11-12T15:05:00Z", 240, False),
        "force_close_eod": (None, None, "2026-11-12T20:45:00Z", 20640, False),
    }


def test_a_rule_that_applies_already_says_so(api: Api, acme: int) -> None:
    seen(api, acme, "12")
    api.clock.advance(400)
    seen(api, acme, "12")
    told = exits(api, acme)
    assert told["hard_stop"] == ("12.369", "3.08", None, None, True)
    assert told["time_exit"][3:] == (-101, True)


def test_an_old_price_is_none_and_the_times_stand_all_the_same(api: Api, acme: int) -> None:
    seen(api, acme, "13.965")
    api.clock.advance(61)
    assert detail(api, acme)["unpriced_why"] == "its last price is 61 s old, more than 60 s"
    told = exits(api, acme)
    assert told["hard_stop"] == ("12.369", None, None, None, False)
    assert told["time_exit"][3] == 238


def test_the_settings_of_now_count_and_a_rule_that_is_off_is_not_told(api: Api, acme: int) -> None:
    seen(api, acme, "14")
    configured(api, trailing_stop_pct=Decimal(5), profit_target_pct=Decimal(0), max_hold_duration_sec=0)
    assert list(exits(api, acme)) == ["hard_stop", "trailing_stop", "force_close_eod"]
    assert exits(api, acme)["trailing_stop"][:2] == ("13.3", "-5")


def test_a_trade_that_holds_nothing_has_nothing_to_be_sold(api: Api) -> None:
    api.read_account()
    plan(api, "KO")
    [trade] = listed(api)
    told = detail(api, trade["id"])
    assert (told["exits"], told["unpriced_why"], told["held"]) == ([], None, "0")


def test_what_a_trade_would_bring_now_is_told_by_its_last_price(api: Api, acme: int) -> None:
    assert listed(api)[0]["unrealised_pnl"] is None
    seen(api, acme, "13.5")
    seen(api, acme, "13.4")
    [trade] = listed(api)
    assert (trade["held"], trade["mark_price"], trade["unrealised_pnl"]) == ("7.5", "13.4", "0.75")
    assert (trade["mark_at"], trade["peak_price"]) == ("2026-11-12T15:00:01Z", "13.5")


def test_a_sale_that_is_under_way_and_its_trouble_are_told(api: Api, acme: int) -> None:
    question = PlanExit(trade_id=acme, reason="hard_stop", detail="at 12", by="monitor")
    planned = api.ledger.ask(question, Planned, Declined, Deferred, timeout=5)
    assert isinstance(planned, Planned)
    order = detail(api, acme)["orders"][-1]
    assert (order["leg"], order["side"], order["type"]) == ("exit", "sell", "market")
    assert (order["qty"], order["reason"], order["stop_price"]) == ("7.5", "hard_stop", None)
    [trade] = listed(api)
    assert (trade["status"], trade["exit_wanted"], trade["exit_wanted_by"]) == (
        "closing", "hard_stop", "monitor",
    )  # fmt: skip
    assert trade["exit_wanted_at"] == "2026-11-12T15:00:01Z"

    api.tell(OrderRejected(client_order_id=planned.order.client_order_id, reason="not now"))
    [trade] = listed(api)
    assert (trade["status"], "not now" in trade["exit_trouble"]) == ("open", True)


def test_a_stop_that_rests_is_told_with_its_price(api: Api, acme: int) -> None:
    stop(api, acme)
    order = detail(api, acme)["orders"][-1]
    assert (order["leg"], order["type"], order["stop_price"], order["qty"]) == ("stop", "stop", "12.36", "7")
    assert order["time_in_force"] == "gtc"


def stop(api: Api, trade_id: int, *, working: bool = True) -> None:
    """A stop for the trade's whole shares: it rests at the broker, or nobody knows."""
    configured(api, protective_stop=True)
    planned = api.ledger.ask(PlanStop(trade_id=trade_id), Planned, Declined, Deferred, timeout=5)
    assert isinstance(planned, Planned)
    cid = planned.order.client_order_id
    if not working:
        api.tell(OrderUnresolved(client_order_id=cid, why="no answer"))
        return
    update = OrderUpdate(
        broker_order_id=f"stop-{trade_id}",
        client_order_id=cid,
        symbol=planned.order.symbol,
        side="sell",
        status="new",
        updated_at=NOW,
    )
    api.tell(OrdersUpdated(updates=(update,)))


@pytest.mark.parametrize("sort", ["-pnl", "symbol", "exit_at", "-notional"])
def test_a_cursor_with_a_number_that_no_ledger_holds_is_422(api: Api, sort: str) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps([sort, 10**30, 5]).encode()).decode().rstrip("=")
    answer = api.get(f"/api/trades?sort={sort}&cursor={cursor}")
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_parameters")
