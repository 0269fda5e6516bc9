from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

import pykka
import pytest

from domain.messages import Declined, ExecuteSignal, LedgerUnwritable, Planned
from domain.rules import Deferred
from tests.domain.builders import a_plan
from tests.web.conftest import Answering, Api, body, serving


def test_a_signal_is_answered_with_202_once_it_is_stored(api: Api) -> None:
    answer = api.send()
    assert answer.status_code == 202
    assert answer.json() == {
        "source": "test",
        "signal_id": "fda-1",
        "state": "received",
        "received_at": "2026-11-12T15:00:00Z",
        "repeated": False,
    }
    [view] = api.queries.signal("fda-1", "test")
    assert view.signal.price_at_signal == Decimal("12.5")
    assert [type(mail) for mail in api.executor.mail] == [ExecuteSignal]


def test_a_repeat_is_answered_with_200_and_the_first_receipt(api: Api) -> None:
    first = api.send().json()
    api.clock.advance(7)
    again = api.send(price_at_signal=12.50, issued_at="2026-11-12T16:00:00+01:00")
    assert again.status_code == 200
    assert again.json() == first | {"repeated": True}
    assert api.queries.counts().signals == {"received": 1}


def test_a_repeat_is_still_answered_with_200_when_its_time_has_passed(api: Api) -> None:
    first = api.send().json()
    api.clock.advance(3600)
    again = api.send()
    assert again.status_code == 200
    assert again.json() == first | {"repeated": True}


@pytest.mark.parametrize("later_s", [1, 3600])
def test_an_id_with_other_content_is_a_conflict_and_stores_nothing(api: Api, later_s: float) -> None:
    api.send()
    api.clock.advance(later_s)
    answer = api.send(symbol="KO")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    [view] = api.queries.signal("fda-1")
    assert view.signal.symbol == "ACME"


def test_a_signal_past_its_time_to_live_is_refused_and_not_stored(api: Api) -> None:
    answer = api.send(issued_at="2026-11-12T14:54:00Z")
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["details"]] == ["issued_at"]
    assert api.queries.signal("fda-1") == ()


def test_a_signal_from_the_future_is_refused_and_not_stored(api: Api) -> None:
    assert api.send(issued_at="2026-11-12T15:02:00Z").status_code == 422
    assert api.queries.signal("fda-1") == ()


def test_every_fault_is_named(api: Api) -> None:
    answer = api.send(symbol="acme", catalyst_tier=7, ai_confidence=..., color="red", price_at_signal=-1)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["details"]] == [
        "ai_confidence",
        "catalyst_tier",
        "color",
        "price_at_signal",
        "symbol",
    ]
    assert set(answer.json()) == {"code", "message", "fix", "details"}


def test_the_ledger_tells_why_a_signal_stands_where_it_stands(api: Api) -> None:
    api.send(ai_confidence=None, price_at_signal=0.1)
    answer = api.get("/api/signals/fda-1")
    assert answer.status_code == 200
    assert answer.json() == body() | {
        "ai_confidence": None,
        "price_at_signal": "0.1",
        "state": "received",
        "received_at": "2026-11-12T15:00:00Z",
        "decided_at": None,
        "verdict": None,
        "stars": None,
        "notional": None,
        "checks": [],
        "trade": None,
    }


def test_the_receipt_names_where_the_signal_can_be_read_whatever_its_id_is(api: Api) -> None:
    answer = api.send(signal_id="a/b?c#d%2F/..", source="me&you")
    assert answer.status_code == 202
    found = api.get(answer.headers["Location"])
    assert found.json()["signal_id"] == "a/b?c#d%2F/.."


def test_an_unknown_signal_is_404(api: Api) -> None:
    assert api.get("/api/signals/nobody").status_code == 404


def test_an_id_of_two_sources_asks_for_the_source(api: Api) -> None:
    api.send(source="one")
    api.send(source="two")
    answer = api.get("/api/signals/fda-1")
    assert answer.status_code == 409
    assert [each["fault"] for each in answer.json()["details"]] == ["one", "two"]
    assert api.get("/api/signals/fda-1?source=two").json()["source"] == "two"


def test_signals_are_listed_newest_first_page_by_page(api: Api) -> None:
    for number in range(3):
        api.send(signal_id=f"s{number}")
    first = api.get("/api/signals?limit=2").json()
    assert [each["signal_id"] for each in first["items"]] == ["s2", "s1"]
    second = api.get(f"/api/signals?limit=2&cursor={first['next']}").json()
    assert [each["signal_id"] for each in second["items"]] == ["s0"]
    assert second["next"] is None


def test_a_ledger_that_is_being_rebuilt_is_503_with_a_time_to_retry(api: Api) -> None:
    api.intake.swap(None)
    answer = api.send()
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert api.queries.signal("fda-1") == ()


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (LedgerUnwritable(why="the disk is full"), "the disk is full"),
        (pykka.ActorDeadError("gone"), "nothing was stored"),
        (pykka.Timeout("8 seconds"), "may have been stored"),
        (RuntimeError("the ledger broke"), "may have been stored"),
    ],
)
def test_a_ledger_that_cannot_answer_is_503_and_a_repeat_is_safe(api: Api, outcome: Any, told: str) -> None:
    owner = api.intake._owner
    api.intake.swap(Answering(outcome))
    answer = api.send()
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert told in answer.json()["message"]
    assert "cannot trade twice" in answer.json()["fix"]
    assert int(answer.headers["Retry-After"]) > 0
    api.intake.swap(owner)
    assert api.send().status_code == 202


def test_a_ledger_that_is_dead_is_503_and_nothing_was_stored(api: Api) -> None:
    api.ledger.stop(timeout=5)
    answer = api.send()
    assert (answer.status_code, "nothing was stored" in answer.json()["message"]) == (503, True)
    assert api.call("POST", "/api/halt", json={"scope": "all", "reason": "x"}).status_code == 503
    assert api.queries.signal("fda-1") == ()
    assert {death.actor for death in api.deaths} == {"SignalReceiver"}
    api.deaths.clear()


def test_a_ledger_that_dies_of_a_signal_is_503_and_no_500(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("the canary")

    monkeypatch.setattr(api.store, "unit", broken)
    answer = api.send()
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "may have been stored" in answer.json()["message"]
    assert "canary" not in answer.text
    assert "TradeLedger" in {death.actor for death in api.deaths}
    api.deaths.clear()


def test_too_many_signals_that_wait_for_their_verdict_are_503_and_not_stored(tmp_path: Path) -> None:
    with serving(tmp_path, most_waiting=2) as api:
        assert [api.send(signal_id=f"s{number}").status_code for number in range(2)] == [202, 202]
        answer = api.send(signal_id="s2")
        assert (answer.status_code, int(answer.headers["Retry-After"])) == (503, 5)
        assert api.queries.counts().signals == {"received": 2}


def test_a_verdict_makes_room_for_the_next_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.api.signals.RECOUNT_AGE_S", 0)
    with serving(tmp_path, most_waiting=1) as api:
        assert api.send(signal_id="s0", catalyst_tier=3, ai_confidence=None).status_code == 202
        assert api.send(signal_id="s1").status_code == 503
        question = a_plan("s0", source="test")
        assert isinstance(api.ledger.ask(question, Planned, Declined, Deferred, timeout=5), Declined)
        assert api.send(signal_id="s1").status_code == 202


def test_a_burst_from_many_threads_is_bounded_too(tmp_path: Path) -> None:
    with serving(tmp_path, most_waiting=3) as api:

        def post(number: int) -> int:
            return api.send(signal_id=f"s{number}").status_code

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(post, range(16)))
        assert set(answers) == {202, 503}
        assert answers.count(202) <= 3
        assert api.queries.counts().signals == {"received": answers.count(202)}


def test_the_same_signal_sent_by_many_at_once_is_stored_once(api: Api) -> None:
    answers: list[int] = []

    def post() -> None:
        answers.append(api.send().status_code)

    threads = [Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(answers) == [200] * 7 + [202]
    assert api.queries.counts().signals == {"received": 1}


def test_times_are_read_with_any_offset_and_told_in_utc(api: Api) -> None:
    api.send(issued_at="2026-11-12T16:00:00.250000+01:00")
    assert api.get("/api/signals/fda-1").json()["issued_at"] == "2026-11-12T15:00:00.250000Z"
    [view] = api.queries.signal("fda-1")
    assert view.signal.issued_at == datetime(2026, 11, 12, 15, 0, 0, 250_000, tzinfo=UTC)
