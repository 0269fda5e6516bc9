import json
from typing import Any

import pykka
import pytest

from domain.messages import (
    CancelOrder,
    Declined,
    ExitRequested,
    LedgerUnwritable,
    OrdersUpdated,
    PlanExit,
    Planned,
    RequestExit,
)
from domain.rules import Deferred
from tests.web.conftest import Answering, Api
from tests.web.test_account import order
from tests.web.test_trades import fill, listed, plan


@pytest.fixture
def api(api: Api) -> Api:
    """With a trade of 7.5 ACME, one of KO whose buy has not been filled, and five MINE of the owner's own."""
    api.read_account(MINE="5")
    fill(api, plan(api, "ACME"))
    plan(api, "KO")
    return api


def post(api: Api, path: str, **given: Any) -> Any:
    return api.call("POST", f"/api/{path}", **given)


def to_be_sold(api: Api, path: str, **given: Any) -> dict[str, tuple[str, str, str]]:
    answer = post(api, path, **given)
    assert answer.status_code == 200
    assert answer.json().keys() == {"trades"}
    known = {trade["id"]: trade for trade in listed(api)}
    assert [known[trade["id"]]["exit_wanted"] for trade in answer.json()["trades"]] == [
        trade["exit_wanted"] for trade in answer.json()["trades"]
    ]
    return {trade["symbol"]: wanted(trade) for trade in answer.json()["trades"]}


def wanted(trade: dict[str, Any]) -> tuple[str, str, str]:
    return trade["exit_wanted"], trade["exit_wanted_by"], trade["exit_wanted_at"]


def journaled(api: Api) -> list[dict[str, Any]]:
    rows = api.queries._rows("SELECT kind, payload FROM journal ORDER BY seq", {})
    return [json.loads(payload) for kind, payload in rows if kind == "exit_wanted"]


AT = "2026-11-12T15:00:01Z"


def test_one_symbol_is_to_be_sold_and_the_others_stay(api: Api) -> None:
    assert to_be_sold(api, "positions/ACME/close") == {"ACME": ("manual", "api", AT)}
    assert {trade["symbol"]: trade["exit_wanted"] for trade in listed(api)} == {"ACME": "manual", "KO": None}


def test_everything_is_to_be_sold(api: Api) -> None:
    flat = ("flatten", "api", AT)
    assert to_be_sold(api, "flatten") == {"ACME": flat, "KO": flat}


def test_a_double_click_sells_once(api: Api) -> None:
    first = to_be_sold(api, "positions/ACME/close")
    api.clock.advance(1)
    assert to_be_sold(api, "positions/ACME/close") == first
    assert to_be_sold(api, "flatten")["ACME"] == first["ACME"]
    [trade] = listed(api, "?symbol=ACME")
    question = PlanExit(trade_id=trade["id"], reason="manual", detail="", by="api")
    answers = [api.ledger.ask(question, Planned, Declined, Deferred, timeout=5) for _ in range(2)]
    assert [type(answer) for answer in answers] == [Planned, Declined]
    assert to_be_sold(api, "positions/ACME/close") == first
    assert [order["leg"] for order in api.get(f"/api/trades/{trade['id']}").json()["orders"]] == [
        "entry",
        "exit",
    ]
    assert len(journaled(api)) == 2


def test_a_buy_that_still_works_is_canceled(api: Api) -> None:
    told: list[Any] = []

    class Listener:
        def send(self, mail: Any) -> bool:
            told.append(mail)
            return True

    [ko] = listed(api, "?symbol=KO")
    working = order("KO", "buy", "0", client_order_id=ko["client_order_id"], status="new")
    api.tell(OrdersUpdated(updates=(working,)))
    api.ledger.subscribe(Listener(), CancelOrder)
    to_be_sold(api, "positions/KO/close")
    api.tell()
    assert [mail.client_order_id for mail in told] == [ko["client_order_id"]]


@pytest.mark.parametrize("symbol", ["MINE", "NONE", "ALL", "BTC/USD"])
def test_what_is_no_open_trade_of_ours_is_404_and_not_sold(api: Api, symbol: str) -> None:
    answer = post(api, f"positions/{symbol}/close")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_open_trade")
    assert symbol in answer.json()["message"]
    assert "your own are never sold" in answer.json()["fix"]
    assert [trade["exit_wanted"] for trade in listed(api)] == [None, None]


@pytest.mark.parametrize("symbol", ["all", "acme", "ACME%20", "A" * 33, "*"])
def test_what_is_no_symbol_sells_nothing(api: Api, symbol: str) -> None:
    answer = post(api, f"positions/{symbol}/close")
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_parameters")
    assert [each["field"] for each in answer.json()["details"]] == ["symbol"]
    assert [trade["exit_wanted"] for trade in listed(api)] == [None, None]


def test_with_nothing_open_there_is_nothing_to_flatten_and_that_is_fine(shared: Api) -> None:
    assert to_be_sold(shared, "flatten") == {}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"data": b""},
        {"json": {}},
        {"json": {"reason": None}},
        {"data": b"", "headers": {"Content-Type": "application/json"}},
    ],
)
def test_no_reason_has_to_be_given(api: Api, given: dict[str, Any]) -> None:
    assert to_be_sold(api, "positions/ACME/close", **given).keys() == {"ACME"}
    assert [entry["detail"] for entry in journaled(api)] == [""]


def test_a_reason_is_journaled_to_the_letter(api: Api) -> None:
    to_be_sold(api, "flatten", json={"reason": "Übergabe — bis morgen"})
    assert [(each["symbol"], each["reason"], each["by"], each["detail"]) for each in journaled(api)] == [
        ("ACME", "flatten", "api", "Übergabe — bis morgen"),
        ("KO", "flatten", "api", "Übergabe — bis morgen"),
    ]


@pytest.mark.parametrize("path", ["positions/ACME/close", "flatten"])
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "two\nlines"}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"reason": 5}, "reason"),
        ({"scope": "all"}, "scope"),
    ],
)
def test_what_cannot_be_a_reason_is_named_and_sells_nothing(
    api: Api, path: str, given: dict[str, Any], field: str
) -> None:
    answer = post(api, path, json=given)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_request")
    assert [each["field"] for each in answer.json()["details"]] == [field]
    assert [trade["exit_wanted"] for trade in listed(api)] == [None, None]


@pytest.mark.parametrize("path", ["positions/ACME/close", "flatten"])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": "reason=x", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 415),
        ({"data": '{"reason": "x", "reason": "y"}', "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": iter([b"[]"]), "headers": {"Content-Type": "application/json"}}, 400),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    shared: Api, path: str, sent: dict[str, Any], status: int
) -> None:
    assert post(shared, path, **sent).status_code == status


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (LedgerUnwritable(why="the disk is full"), "the disk is full"),
        (pykka.Timeout("8 seconds"), "or not"),
        (pykka.ActorDeadError("gone"), "started or stopped"),
        (RuntimeError("the ledger broke"), "or not"),
    ],
)
@pytest.mark.parametrize("path", ["positions/ACME/close", "flatten"])
def test_a_ledger_that_cannot_answer_is_503_with_what_may_have_happened(
    api: Api, path: str, outcome: Any, told: str
) -> None:
    api.desk.swap(Answering(outcome))
    answer = post(api, path)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert told in answer.json()["message"]
    assert "sell at the broker" in answer.json()["fix"]
    assert int(answer.headers["Retry-After"]) > 0


def test_while_the_actors_are_rebuilt_nothing_is_sold_and_that_is_told(api: Api) -> None:
    api.desk.swap(None)
    answer = post(api, "flatten")
    assert (answer.status_code, "nothing is sold" in answer.json()["message"]) == (503, True)


def test_what_is_asked_of_the_ledger_names_the_one_symbol_or_all(api: Api) -> None:
    desk = Answering(ExitRequested(trades=()))
    api.desk.swap(desk)
    post(api, "positions/ACME/close", json={"reason": "a rumour"})
    post(api, "flatten")
    assert desk.mail == [
        RequestExit(scope="ACME", reason="manual", by="api", detail="a rumour"),
        RequestExit(scope="all", reason="flatten", by="api"),
    ]


@pytest.mark.parametrize("path", ["positions/ACME/close", "flatten"])
def test_only_the_token_and_no_foreign_page_has_anything_sold(api: Api, path: str) -> None:
    for headers, status in (
        ({"Authorization": None}, 401),
        ({"Origin": "http://evil.com"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.com"}, 403),
    ):
        assert post(api, path, headers=headers).status_code == status
    assert api.get(f"/api/{path}").status_code == 405
    assert [trade["exit_wanted"] for trade in listed(api)] == [None, None]
