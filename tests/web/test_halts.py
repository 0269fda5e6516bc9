from typing import Any

import pykka
import pytest

from domain.messages import Declined, HaltTrading, LedgerUnwritable, Planned
from domain.rules import Deferred
from tests.domain.builders import a_plan
from tests.web.conftest import Answering, Api

AT = "2026-11-12T15:00:00Z"
EVERYTHING = {"scope": "all", "reason": "stop", "by": "api", "at": AT}
ACME = {"scope": "ACME", "reason": "a rumour", "by": "api", "at": AT}


def post(api: Api, what: str, scope: Any, reason: Any) -> Any:
    return api.call("POST", f"/api/{what}", json={"scope": scope, "reason": reason})


def changed(api: Api, what: str, scope: str, reason: str) -> tuple[int, list[dict[str, str]]]:
    answer = post(api, what, scope, reason)
    assert answer.status_code == 200
    told = answer.json()
    assert told.keys() == {"changed", "standing"}
    assert api.get("/api/halts").json() == {"items": told["standing"], "next": None}
    return told["changed"], told["standing"]


def test_a_halt_stands_and_is_told(api: Api) -> None:
    assert changed(api, "halt", "all", "stop") == (1, [EVERYTHING])
    assert changed(api, "halt", "ACME", "a rumour") == (1, [EVERYTHING, ACME])


def test_a_halt_for_the_same_reason_stands_once(api: Api) -> None:
    changed(api, "halt", "ACME", "a rumour")
    api.clock.advance(60)
    assert changed(api, "halt", "ACME", "a rumour") == (0, [ACME])


def test_no_signal_of_a_halted_symbol_trades(api: Api) -> None:
    changed(api, "halt", "ACME", "a rumour")
    api.send()
    question = a_plan("fda-1", source="test")
    api.ledger.ask(question, Planned, Declined, Deferred, timeout=5)
    verdict = api.get("/api/signals/fda-1").json()["verdict"]
    assert (verdict["code"], "a rumour" in verdict["reason"]) == ("halted", True)


def test_a_resume_lifts_the_halts_of_exactly_its_scope(api: Api) -> None:
    changed(api, "halt", "all", "stop")
    changed(api, "halt", "ACME", "a rumour")
    assert changed(api, "resume", "all", "it is over") == (1, [ACME])
    assert changed(api, "resume", "KO", "it is over") == (0, [ACME])
    assert changed(api, "resume", "ACME", "it is over") == (1, [])


@pytest.mark.parametrize("what", ["halt", "resume"])
@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({}, ["reason", "scope"]),
        ({"scope": "ACME"}, ["reason"]),
        ({"scope": "acme", "reason": "x"}, ["scope"]),
        ({"scope": "All", "reason": "x"}, ["scope"]),
        ({"scope": "all\n", "reason": "x"}, ["scope"]),
        ({"scope": ["all"], "reason": "x"}, ["scope"]),
        ({"scope": "all", "reason": ""}, ["reason"]),
        ({"scope": "all", "reason": " "}, ["reason"]),
        ({"scope": "all", "reason": "two\nlines"}, ["reason"]),
        ({"scope": "all", "reason": "\x1b[2J"}, ["reason"]),
        ({"scope": "all", "reason": "\ud800"}, ["reason"]),
        ({"scope": "all", "reason": "x" * 201}, ["reason"]),
        ({"scope": "all", "reason": 5}, ["reason"]),
        ({"scope": "all", "reason": "x", "by": "me"}, ["by"]),
    ],
)
def test_what_cannot_be_halted_or_resumed_is_named_and_changes_nothing(
    shared: Api, what: str, given: dict[str, Any], fields: list[str]
) -> None:
    answer = shared.call("POST", f"/api/{what}", json=given)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_request")
    assert [each["field"] for each in answer.json()["details"]] == fields
    assert shared.get("/api/halts").json()["items"] == []


@pytest.mark.parametrize("reason", ["x", "x" * 200, "Übergabe — bis morgen"])
def test_a_reason_is_kept_to_the_letter(api: Api, reason: str) -> None:
    [standing] = changed(api, "halt", "all", reason)[1]
    assert standing["reason"] == reason


@pytest.mark.parametrize("scope", ["ACME", "BRK.B", "BTC/USD", "AAPL270115C00100000", "ALL"])
def test_whatever_the_account_may_hold_can_be_halted(api: Api, scope: str) -> None:
    assert changed(api, "halt", scope, "x")[0] == 1


@pytest.mark.parametrize("what", ["halt", "resume"])
@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (LedgerUnwritable(why="the disk is full"), "the disk is full"),
        (pykka.Timeout("8 seconds"), "or not"),
        (pykka.ActorDeadError("gone"), "started or stopped"),
        (RuntimeError("the ledger broke"), "or not"),
    ],
)
def test_a_ledger_that_cannot_answer_is_503_with_what_may_have_happened(
    api: Api, what: str, outcome: Any, told: str
) -> None:
    api.desk.swap(Answering(outcome))
    answer = post(api, what, "all", "stop")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert told in answer.json()["message"]
    assert int(answer.headers["Retry-After"]) > 0


def test_while_the_actors_are_rebuilt_nothing_is_halted_and_that_is_told(api: Api) -> None:
    api.desk.swap(None)
    answer = post(api, "halt", "all", "stop")
    assert (answer.status_code, "nothing was halted" in answer.json()["message"]) == (503, True)


def test_a_halt_says_who_asked(api: Api) -> None:
    desk = Answering(LedgerUnwritable(why=""))
    api.desk.swap(desk)
    post(api, "halt", "ACME", "a rumour")
    assert desk.mail == [HaltTrading(scope="ACME", reason="a rumour", by="api")]


@pytest.mark.parametrize("what", ["halt", "resume", "reconcile"])
def test_only_the_token_and_no_foreign_page_gives_orders(shared: Api, what: str) -> None:
    path, given = f"/api/{what}", {"scope": "all", "reason": "x"}
    assert shared.call("POST", path, json=given, headers={"Authorization": None}).status_code == 401
    assert shared.call("POST", path, json=given, headers={"Origin": "http://evil.com"}).status_code == 403
    assert shared.call("POST", path, json=given, headers={"Host": "evil.com"}).status_code == 403
    assert shared.get(path).status_code == 405
    assert shared.get("/api/halts").json()["items"] == []


@pytest.mark.parametrize("what", ["halt", "resume"])
def test_a_body_that_is_no_json_is_refused(shared: Api, what: str) -> None:
    sent = {"data": "scope=all&reason=x", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}
    assert shared.call("POST", f"/api/{what}", **sent).status_code == 415
    doubled = {"data": '{"scope": "all", "scope": "KO", "reason": "x"}'}
    refused = shared.call("POST", f"/api/{what}", headers={"Content-Type": "application/json"}, **doubled)
    assert refused.status_code == 400
