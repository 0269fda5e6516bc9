from decimal import Decimal
from typing import Any

import pytest

from domain.messages import (
    AuditNow,
    Declined,
    OrderRejected,
    OrdersUpdated,
    OrderUnresolved,
    Planned,
)
from domain.orders import OrderUpdate
from domain.rules import Deferred
from tests.domain.builders import a_plan
from tests.web.conftest import Answering, Api

ZEROS = dict.fromkeys(("opening", "ours", "external", "adjustments", "believed", "difference"), "0")


def order(symbol: str, side: str, filled: str, **changes: Any) -> OrderUpdate:
    """Somebody else's order."""
    return OrderUpdate(
        **{
            "broker_order_id": f"b-{symbol}-{side}",
            "client_order_id": f"by-hand-{symbol}-{side}",
            "symbol": symbol,
            "side": side,
            "status": "filled",
            "filled_qty": Decimal(filled),
            "updated_at": None,
            **changes,
        }
    )


def plan(api: Api, symbol: str) -> Planned:
    """A signal of this symbol becomes an order."""
    assert api.send(signal_id=symbol, symbol=symbol).status_code == 202
    question = a_plan(symbol, symbol, source="test")
    planned = api.ledger.ask(question, Planned, Declined, Deferred, timeout=5)
    assert isinstance(planned, Planned)
    return planned


def fill(api: Api, symbol: str, filled: str) -> None:
    """Our order of this symbol is filled."""
    [trade] = api.get(f"/api/trades?symbol={symbol}").json()["items"]
    cid = trade["client_order_id"]
    told = order(symbol, "buy", filled, client_order_id=cid, broker_order_id=f"ours-{symbol}", event="fill")
    api.tell(OrdersUpdated(updates=(told.having({"filled_avg_price": Decimal(2)}),)))


def positions(api: Api) -> dict[str, dict[str, Any]]:
    answer = api.get("/api/positions")
    assert (answer.status_code, answer.json()["next"]) == (200, None)
    return {each.pop("symbol"): each for each in answer.json()["items"]}


def test_it_is_told_whose_shares_are_whose(api: Api) -> None:
    api.read_account(MINE="10", SHRT="-4")
    plan(api, "ACME")
    fill(api, "ACME", "7.5")
    api.tell(OrdersUpdated(updates=(order("KO", "buy", "3"), order("MINE", "sell", "2"))))
    api.read_account(MINE="8", SHRT="-4", ACME="7.500", KO="3")
    assert positions(api) == {
        "ACME": ZEROS | {"account_qty": "7.5", "ours": "7.5", "believed": "7.5"} | heard("02"),
        "KO": ZEROS | {"account_qty": "3", "external": "3", "believed": "3"} | heard("02"),
        "MINE": ZEROS
        | {"account_qty": "8", "opening": "10", "external": "-2", "believed": "8"}
        | heard("02"),
        "SHRT": ZEROS | {"account_qty": "-4", "opening": "-4", "believed": "-4"} | heard("01"),
    }


def heard(second: str) -> dict[str, Any]:
    return {"heard_at": f"2026-11-12T15:00:{second}Z", "halted": []}


def test_a_symbol_that_nobody_holds_any_more_is_not_listed(api: Api) -> None:
    api.read_account()
    api.tell(OrdersUpdated(updates=(order("KO", "buy", "3"), order("KO", "sell", "3"))))
    api.read_account()
    assert positions(api) == {}


def test_a_difference_that_stays_is_told_halted_and_once_accepted_an_adjustment(api: Api) -> None:
    api.read_account()
    for _ in range(4):
        api.clock.advance(4)  # a read at once after another proves nothing
        api.read_account(ACME="2.5")
    expected = {"symbol": "ACME", "account_qty": "2.5", "believed": "0", "difference": "2.5"}
    audit = api.get("/api/audit").json()
    assert audit["differences"] == [expected]
    [halt] = audit["halts"]
    assert halt["scope"] == "ACME"
    assert positions(api)["ACME"]["halted"] == [halt["reason"]]

    given = {"scope": "ACME", "reason": "a gift"}
    assert api.call("POST", "/api/resume", json=given).json() == {"changed": 1, "standing": []}
    audit = api.get("/api/audit").json()
    assert (audit["differences"], audit["halts"]) == ([], [])
    told = positions(api)["ACME"]
    assert (told["adjustments"], told["believed"], told["difference"]) == ("2.5", "2.5", "0")


def test_a_halt_of_everything_is_a_halt_of_each_symbol(api: Api) -> None:
    api.read_account(MINE="10")
    api.call("POST", "/api/halt", json={"scope": "all", "reason": "stop"})
    api.call("POST", "/api/halt", json={"scope": "KO", "reason": "another's"})
    assert positions(api)["MINE"]["halted"] == ["stop"]


def test_orders_of_others_are_listed_newest_first_page_by_page(api: Api) -> None:
    api.read_account()
    for symbol in ("ONE", "TWO", "THREE"):
        api.tell(OrdersUpdated(updates=(order(symbol, "buy", "1.50", status="partially_filled"),)))
    first = api.get("/api/external-orders?limit=2").json()
    assert [each["symbol"] for each in first["items"]] == ["THREE", "TWO"]
    second = api.get(f"/api/external-orders?limit=2&cursor={first['next']}").json()
    assert second == {
        "items": [
            {
                "alpaca_order_id": "b-ONE-buy",
                "client_order_id": "by-hand-ONE-buy",
                "symbol": "ONE",
                "side": "buy",
                "status": "partially_filled",
                "done": False,
                "filled_qty": "1.5",
                "updated_at": None,
            }
        ],
        "next": None,
    }


@pytest.mark.parametrize(
    ("query", "field"), [("?cursor=nonsense", "cursor"), ("?limit=0", "limit"), ("?limit=501", "limit")]
)
def test_a_page_that_cannot_be_asked_for_is_named(shared: Api, query: str, field: str) -> None:
    answer = shared.get("/api/external-orders" + query)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_parameters")
    assert [each["field"] for each in answer.json()["details"]] == [field]


def test_an_audit_before_anything_was_read_says_so(api: Api) -> None:
    assert api.get("/api/audit").json() == {
        "last_audit": None,
        "gate": {"open": True, "reason": "all is well"},
        "differences": [],
        "halts": [],
        "unresolved": 0,
    }


def test_an_audit_tells_when_the_account_was_last_read_and_what_is_unresolved(api: Api) -> None:
    api.read_account()
    unresolved, refused = plan(api, "ACME").order, plan(api, "KO").order
    api.tell(
        OrderUnresolved(client_order_id=unresolved.client_order_id, why="no answer"),
        OrderRejected(client_order_id=refused.client_order_id, reason="no money"),
    )
    audit = api.get("/api/audit").json()
    assert (audit["last_audit"], audit["unresolved"]) == ("2026-11-12T15:00:01Z", 1)
    api.read_account()
    assert api.get("/api/audit").json()["last_audit"] == "2026-11-12T15:00:02Z"


def test_the_gate_is_told_as_closed_while_the_actors_are_rebuilt(api: Api) -> None:
    api.readiness.append(api.readiness[-1].having({"ready": False, "reason": "being started"}))
    assert api.get("/api/audit").json()["gate"] == {"open": False, "reason": "being started"}


def test_a_read_of_the_account_can_be_asked_for(api: Api) -> None:
    reconciler = Answering(None)
    api.reconciler.swap(reconciler)
    answer = api.call("POST", "/api/reconcile")
    assert (answer.status_code, answer.json()) == (202, {"asked_at": "2026-11-12T15:00:00Z"})
    assert reconciler.mail == [AuditNow(why="asked by the owner")]


def test_while_nobody_can_read_the_account_that_is_503(api: Api) -> None:
    api.reconciler.swap(None)
    answer = api.call("POST", "/api/reconcile")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
