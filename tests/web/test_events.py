"""The stream of events on a real socket, as a browser reads it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from itertools import takewhile
from typing import Any, NamedTuple

import pytest
import requests

from domain.exits import Look
from domain.messages import PositionsLooked
from tests.domain.builders import dec
from tests.web.conftest import TOKENS, Api
from tests.web.test_trades import fill, plan
from web.hub import MAX_STREAMS


class Frame(NamedTuple):
    event: str
    data: Any
    id: int | None


@contextmanager
def stream(api: Api, query: str = "", **headers: str) -> Iterator[Iterator[Frame]]:
    answer = requests.get(
        f"{api.url}/api/events{query}",
        headers={"Authorization": f"Bearer {TOKENS.view}"} | headers,
        stream=True,
        timeout=10,
    )
    with closing(answer):
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield frames(answer)


def frames(answer: requests.Response) -> Iterator[Frame]:
    fields: dict[str, str] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            number = fields.get("id")
            yield Frame(fields["event"], json.loads(fields["data"]), None if number is None else int(number))
            fields = {}


def until(told: Iterator[Frame], event: str) -> Frame:
    return next(frame for frame in told if frame.event == event)


def test_a_reader_is_told_first_how_all_stands(api: Api) -> None:
    api.read_account()
    with stream(api) as told:
        first, second = next(told), next(told)
    assert (first.event, first.data["trading"], first.id) == ("state", True, None)
    assert second == Frame("prices", {"trades": []}, None)


def test_what_happens_is_told_as_it_happens_with_its_number_in_the_journal(api: Api) -> None:
    api.read_account()
    with stream(api) as told:
        until(told, "prices")
        planned = plan(api, "ACME")
        signal, order = until(told, "signal"), until(told, "order")
        assert (signal.data["kind"], signal.data["ref"]) == ("signal_received", "s-ACME")
        assert order.data["ref"] == planned.order.client_order_id
        assert signal.id is not None
        assert order.id == order.data["seq"] > signal.id
        assert until(told, "state").data["open_trades"] == 1


def test_a_halt_moves_the_light(api: Api) -> None:
    api.read_account()
    with stream(api) as told:
        until(told, "prices")
        api.call("POST", "/api/halt", json={"scope": "all", "reason": "a drill"})
        assert until(told, "halt").data["ref"] == "all"
        state = until(told, "state")
        assert not state.data["trading"]


def test_prices_that_the_monitor_saw_are_told(api: Api) -> None:
    api.read_account()
    fill(api, plan(api, "ACME"))
    with stream(api) as told:
        until(told, "prices")
        look = Look(trade_id=1, price=dec("14.3"), priced_at=api.clock())
        api.tell(PositionsLooked(looks=(look,)))
        [trade] = until(told, "prices").data["trades"]
    assert (trade["id"], trade["mark_price"], trade["unrealised_pnl"]) == (1, "14.3", "7.5")


@pytest.mark.parametrize("by_header", [True, False])
def test_a_reader_that_comes_back_is_told_what_it_missed_and_nothing_twice(api: Api, by_header: bool) -> None:
    api.read_account()
    with stream(api) as told:
        until(told, "prices")
        plan(api, "ACME")
        seen = until(told, "order").id
    plan(api, "KO")
    again = stream(api, **{"Last-Event-ID": str(seen)}) if by_header else stream(api, f"?after={seen}")
    with again as told:
        missed = list(takewhile(lambda frame: frame.event != "state", told))
    numbers = [frame.id for frame in missed]
    assert seen is not None
    assert numbers == list(range(seen + 1, seen + 1 + len(numbers)))
    assert "s-KO" in {frame.data["ref"] for frame in missed}


def test_a_reader_from_another_ledgers_future_has_to_read_anew(api: Api) -> None:
    api.read_account()
    with stream(api, "?after=99999") as told:
        assert next(told).event == "reset"


@pytest.mark.parametrize("name", ["x", "-1", "1.5", "9" * 25])
def test_a_number_that_is_none_is_422(api: Api, name: str) -> None:
    assert api.get("/api/events", headers={"Last-Event-ID": name}).status_code == 422


def test_as_many_streams_are_served_as_there_is_room_for_and_one_that_ends_makes_room(api: Api) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        first.enter_context(stream(api))
        for _ in range(MAX_STREAMS - 1):
            stack.enter_context(stream(api))
        refused = api.get("/api/events")
        assert (refused.status_code, refused.json()["code"]) == (503, "too_many_streams")
        first.close()
        room_is_made(api)


def room_is_made(api: Api) -> None:
    """A reader that is gone is noticed when it is written to."""
    api.read_account()
    for number in range(200):
        api.call("POST", "/api/halt", json={"scope": f"S{number}", "reason": "something happens"})
        answer = requests.get(
            f"{api.url}/api/events",
            headers={"Authorization": f"Bearer {TOKENS.view}"},
            stream=True,
            timeout=10,
        )
        with closing(answer):
            if answer.status_code == 200:
                return
    pytest.fail("no room was made")


def test_nobody_without_a_token_listens(api: Api) -> None:
    assert requests.get(f"{api.url}/api/events", timeout=10).status_code == 401
    foreign = {"Sec-Fetch-Site": "cross-site", "Cookie": "starfill_1=x"}
    assert requests.get(f"{api.url}/api/events", headers=foreign, timeout=10).status_code == 401


def test_with_new_tokens_a_stream_that_the_old_ones_opened_tells_nothing_more(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.read_account()
    with stream(api) as told:
        until(told, "prices")
        monkeypatch.setattr("tests.web.conftest.TOKENS", replace(TOKENS, operate="o" * 43))
        plan(api, "ACME")
        assert next(told, None) is None


def test_a_server_that_stops_ends_its_streams_at_once(api: Api) -> None:
    with stream(api) as told:
        until(told, "prices")
        api.app.state.hub.close()
        assert list(told) == []
