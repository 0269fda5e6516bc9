from decimal import Decimal
from typing import Any

import pytest

from domain.messages import HaltTrading, OrdersUpdated, StreamLost
from tests.web.conftest import ACCOUNT, Api
from tests.web.test_trades import fill, plan
from web.health import Readiness


def status(api: Api) -> dict[str, Any]:
    answer = api.get("/api/status")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def conditions(told: dict[str, Any]) -> dict[str, bool]:
    return {each["check"]: each["ok"] for each in told["gate"]["reasons"]}


def test_a_bot_that_may_buy_says_so_and_shows_every_condition(api: Api) -> None:
    api.read_account()
    told = status(api)
    assert (told["trading"], told["why_not"], told["account_number"]) == (True, None, ACCOUNT)
    assert conditions(told) == dict.fromkeys(
        ("keys", "ledger", "stream", "account", "clock", "safe_mode"), True
    )
    assert told["stream"]["connected"]
    assert told["audit"]["age_s"] == 0
    assert told["market"]["open"]


def test_a_halt_of_everything_is_the_first_thing_that_is_told(api: Api) -> None:
    api.read_account()
    api.tell(HaltTrading(scope="all", reason="a drill", by="test"))
    told = status(api)
    assert (told["trading"], told["halted_all"]) == (False, True)
    assert "a drill" in told["why_not"]


def test_a_halt_of_one_symbol_does_not_stop_the_others(api: Api) -> None:
    api.read_account()
    api.tell(HaltTrading(scope="ACME", reason="a rumour", by="test"))
    told = status(api)
    assert (told["trading"], told["halted_all"], told["halts"][0]["scope"]) == (True, False, "ACME")


def test_a_closed_gate_says_what_it_waits_for(api: Api) -> None:
    api.read_account()
    api.tell(StreamLost(generation=1, why="it was closed"))
    api.readiness.append(Readiness(ready=False, reason="the trading stream is down", gate="closed"))
    told = status(api)
    assert (told["trading"], told["gate"]["open"], told["stream"]["connected"]) == (False, False, False)
    assert "the trading stream is down" in told["why_not"]
    assert not conditions(told)["stream"]


def test_what_is_open_and_what_the_day_has_brought_are_counted(api: Api) -> None:
    api.read_account()
    fill(api, plan(api, "ACME"))
    plan(api, "KO")
    told = status(api)
    assert (told["open_trades"], told["undecided"], told["unresolved"]) == (2, 0, 0)
    assert told["today"]["orders"] == 2
    assert Decimal(told["today"]["buys_usd"]) == Decimal("7.500") * Decimal("13.3")
    assert told["stream"]["last_event_at"] == "2026-11-12T15:00:01Z"


def test_the_account_is_unknown_until_it_was_read(api: Api) -> None:
    answer = api.get("/api/account")
    assert (answer.status_code, answer.json()["code"]) == (503, "account_unheard")


def test_the_account_is_told_as_the_broker_told_it(api: Api) -> None:
    api.read_account(equity="5000.25")
    told = api.get("/api/account").json()
    assert (told["account_number"], told["equity"]) == (ACCOUNT, "5000.25")


def test_the_system_shows_its_actors_and_its_ledger(api: Api) -> None:
    api.read_account()
    told = api.get("/api/system").json()
    assert told["actors"] == [{"name": "TradeLedger", "mailbox": 0, "handled": 7, "answered_s_ago": 0.5}]
    assert told["requests"] == {"limit": 200, "remaining": 180, "held_s": 0.0}
    assert told["ledger"]["journal_rows"] == api.get("/api/journal").json()["items"][0]["seq"]
    assert told["ledger"]["bytes"] > 0
    assert told["stream"]["connects"] == 1


@pytest.mark.parametrize(
    ("query", "symbols"),
    [
        ("", ["KO", "ACME"]),
        ("?symbol=ACME", ["ACME"]),
        ("?life=done", ["ACME"]),
        ("?life=intended", ["KO"]),
        ("?leg=exit", []),
        ("?trade_id=2", ["KO"]),
        ("?since=2026-11-12T15:00:00Z&until=2026-11-12T16:00:00Z", ["KO", "ACME"]),
        ("?since=2026-11-12T16:00:00Z", []),
    ],
)
def test_orders_are_listed_newest_first_and_filtered(api: Api, query: str, symbols: list[str]) -> None:
    api.read_account()
    fill(api, plan(api, "ACME"))
    plan(api, "KO")
    assert [each["symbol"] for each in api.get("/api/orders" + query).json()["items"]] == symbols


def test_a_list_of_orders_goes_on_where_its_page_ended_although_more_came(api: Api) -> None:
    api.read_account()
    for symbol in ("ACME", "KO", "PEP"):
        plan(api, symbol)
    first = api.get("/api/orders?limit=2").json()
    plan(api, "IBM")
    second = api.get(f"/api/orders?limit=2&cursor={first['next']}").json()
    assert [each["symbol"] for each in first["items"] + second["items"]] == ["PEP", "KO", "ACME"]
    assert second["next"] is None


def test_a_trades_time_line_tells_each_step_with_its_message_and_how_long_it_took(api: Api) -> None:
    api.read_account()
    planned = plan(api, "ACME")
    api.clock.advance(2)
    fill(api, planned)
    told = api.get("/api/trades/1/timeline").json()
    assert [step["kind"] for step in told["steps"]] == ["signal", "signal", "order", "fill", "trade"]
    fill_step = told["steps"][3]
    assert fill_step["raw"]["payload"]["filled_avg_price"] == "13.3"
    assert (fill_step["since_previous_ms"], fill_step["client_order_id"]) == (
        2000,
        planned.order.client_order_id,
    )
    assert told["latencies"]["signal_to_fill_ms"] == 2000
    assert told["latencies"]["exit_to_fill_ms"] is None


def test_a_time_line_has_nothing_of_another_trade(api: Api) -> None:
    api.read_account()
    plan(api, "ACME")
    plan(api, "KO")
    steps = api.get("/api/trades/2/timeline").json()["steps"]
    assert {step["raw"]["ref"] for step in steps} <= {"s-KO", "2", api.queries.trade(2).client_order_id}  # type: ignore[union-attr]
    assert api.get("/api/trades/77/timeline").status_code == 404


def test_nothing_told_by_the_stream_is_no_event(api: Api) -> None:
    api.read_account()
    api.tell(OrdersUpdated(updates=()))
    assert status(api)["stream"]["last_event_at"] is None
