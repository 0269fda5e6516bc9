"""`POST /api/signals?preview=true`: the words of a real verdict, and not a trace of having been asked."""

from pathlib import Path
from typing import Any

import pytest

from broker.api import ReadFailed
from domain.config import BotConfig
from domain.messages import PlanEntry, Planned
from domain.rules import EntryReads
from tests.domain.builders import a_quote, an_asset
from tests.web.conftest import Api, body, serving

FULL: dict[str, Any] = {"signal_id": "s-1", "price_at_signal": "10"}


def preview(api: Api, **changes: Any) -> Any:
    return api.call("POST", "/api/signals?preview=true", json=body(**changes))


def told(api: Api, **changes: Any) -> dict[str, Any]:
    answer = preview(api, **changes)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def limited(tmp_path: Path) -> Any:
    """An API whose ledger has the limits that it comes with, in an open market."""
    with serving(tmp_path, config=BotConfig()) as api:
        api.broker.script("snapshots", lambda _: {"ACME": a_quote("10.1", at=api.clock())})
        api.read_account()
        yield api


def everything(api: Api) -> list[Any]:
    with api.store.unit() as unit:
        return [list(unit._cursor.execute(f"SELECT * FROM {t}")) for t in ("signal", "journal", "bot_trade")]


def test_it_tells_stars_dollars_the_order_and_every_check(limited: Api) -> None:
    found = told(limited, **FULL)
    assert (found["preview"], found["would"], found["reason"]) == (True, "trade", "every check passed")
    assert (found["stars"], found["notional"], found["verdict"]["code"]) == (5, "100", "trade")
    assert found["order"] == {
        "type": "market", "notional": "100", "qty": None, "limit_price": None, "extended_hours": False,
        "cost": "100",
    }  # fmt: skip
    assert len(found["checks"]) == 24
    assert all(check["passed"] for check in found["checks"])
    collar = next(check for check in found["checks"] if check["name"] == "price_collar_pct")
    assert collar["detail"] == "10.1 USD now, 10 USD at the signal: 1.00 % apart, 5 % allowed"


def test_it_changes_nothing(limited: Api) -> None:
    before = everything(limited)
    told(limited, **FULL)
    assert everything(limited) == before
    assert limited.get("/api/signals/s-1").status_code == 404
    assert limited.executor.mail == []


def test_the_signal_itself_then_has_the_same_words(limited: Api) -> None:
    found = told(limited, **FULL)
    assert limited.send(**FULL).status_code == 202
    reads = EntryReads(asset=an_asset(), quote=a_quote("10.1", at=limited.clock()), at=limited.clock())
    mail = PlanEntry(source="test", signal_id="s-1", reads=reads)
    assert isinstance(limited.ledger.ask(mail, Planned, timeout=5), Planned)
    view = limited.get("/api/signals/s-1").json()
    assert (view["checks"], view["verdict"]) == (found["checks"], found["verdict"])


def test_whole_shares_are_told_as_such(limited: Api) -> None:
    limited.broker.script("asset", an_asset(fractionable=False))
    found = told(limited, **FULL)
    assert (found["order"]["qty"], found["order"]["notional"], found["order"]["cost"]) == ("9", None, "90.9")


def test_what_would_be_declined_says_why(limited: Api) -> None:
    found = told(limited, **FULL | {"price_at_signal": "9"})
    assert (found["would"], found["verdict"]["code"], found["order"]) == ("decline", "price_moved", None)
    assert found["reason"] == "10.1 USD now, 9 USD at the signal: 12.22 % apart, 5 % allowed"


def test_what_would_wait_says_for_what(api: Api) -> None:
    found = told(api)
    assert (found["would"], found["reason"]) == ("wait", "the trading stream is not connected yet")


def test_a_known_signal_would_be_a_repeat_and_another_under_its_name_a_conflict(limited: Api) -> None:
    assert limited.send(**FULL).status_code == 202
    found = told(limited, **FULL)
    assert (found["would"], found["reason"]) == (
        "repeat",
        "the signal is known and received; it is not decided a second time",
    )
    answer = preview(limited, **FULL | {"symbol": "KO"})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"symbol": "acme"}, "symbol"),
        ({"issued_at": "2026-11-12T14:50:00Z"}, "issued_at"),
        ({"issued_at": "2026-11-12T15:10:00Z"}, "issued_at"),
    ],
)
def test_what_would_not_be_taken_in_is_refused_alike(api: Api, changes: dict[str, Any], field: str) -> None:
    answer, sent = preview(api, **changes), api.send(**changes)
    assert answer.status_code == 422
    assert answer.json() == sent.json()
    assert answer.json()["details"][0]["field"] == field


def test_without_the_brokers_word_there_is_no_preview(limited: Api) -> None:
    limited.broker.script("asset", ReadFailed(why="timed out"))
    answer = preview(limited, **FULL)
    assert answer.status_code == 503
    assert "The broker could not be asked for what this depends on (timed out)" in answer.json()["message"]


def test_while_the_bot_is_rebuilt_it_is_503(tmp_path: Path) -> None:
    with serving(tmp_path) as api:
        assert told(api)["would"] == "wait"
        api.ledger.stop(timeout=5)
        answer = preview(api)
        assert (answer.status_code, "started or stopped" in answer.json()["message"]) == (503, True)


def test_it_needs_the_token(api: Api) -> None:
    answer = api.call(
        "POST", "/api/signals?preview=true", json=body(), headers={"Authorization": "Bearer wrong"}
    )
    assert answer.status_code == 401


def test_it_is_described(shared: Api) -> None:
    schema = shared.get("/openapi.json").json()
    posted = schema["paths"]["/api/signals"]["post"]
    assert [each["name"] for each in posted["parameters"]] == ["preview"]
    assert "PreviewJson" in str(posted["responses"]["200"])
    assert "PreviewJson" in schema["components"]["schemas"]


def test_a_preview_that_is_none_stores_the_signal(limited: Api) -> None:
    answer = limited.call("POST", "/api/signals?preview=false", json=body(**FULL))
    assert answer.status_code == 202
    answer = limited.call("POST", "/api/signals?preview=perhaps", json=body(**FULL))
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_parameters")
