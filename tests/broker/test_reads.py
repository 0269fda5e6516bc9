"""What a read answers, and that no answer is never an empty one."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import responses
from pydantic import SecretStr

from broker.api import NotFound, ReadFailed
from broker.rest import AlpacaRest
from domain.orders import OrderUpdate
from tests.broker import samples
from tests.broker.clients import BASE, DATA, SECRET, a_client

ORDER_ID = "b8a0d6f4-21c3-4e9b-8f57-6a7b8c9d0e1f"
CALLS: dict[str, Callable[[AlpacaRest], object]] = {
    "cancel": lambda c: c.cancel("x"),
    "order": lambda c: c.order("x"),
    "order_by_client_id": lambda c: c.order_by_client_id("x"),
    "orders": lambda c: c.orders(status="all"),
    "positions": lambda c: c.positions(),
    "position": lambda c: c.position("ACME"),
    "account": lambda c: c.account(),
    "clock": lambda c: c.clock(),
    "calendar": lambda c: c.calendar(start="2026-11-12", end="2026-11-12"),
    "asset": lambda c: c.asset("ACME"),
    "fills": lambda c: c.fills(),
    "snapshots": lambda c: c.snapshots(("ACME",)),
}
ALL = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
ONE_THING = pytest.mark.parametrize("name", ["cancel", "order", "order_by_client_id", "position", "asset"])
MANY_THINGS = pytest.mark.parametrize(
    "name", ["orders", "positions", "account", "clock", "calendar", "fills", "snapshots"]
)


def answered(call: Callable[[AlpacaRest], object], status: int, body: object, **headers: str) -> object:
    with responses.RequestsMock() as mock:
        _everywhere(mock, status=status, body=body, headers=headers)
        return call(a_client())


def _everywhere(mock: responses.RequestsMock, **answer: Any) -> None:
    for method in (responses.GET, responses.DELETE):
        mock.add(method, re.compile("https://.*"), **answer)
    mock.assert_all_requests_are_fired = False


# --- failures -----------------------------------------------------------------------------------


@ALL
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (302, ""),
        (400, '{"message":"bad"}'),
        (403, '{"message":"forbidden."}'),
        (404, "<html>no such page</html>"),
        (404, '{"message":"no Route matched with those values"}'),
        (404, '{"code":50010000,"message":"not found"}'),
        (500, "{}"),
        (503, ""),
        (504, '{"message":"timeout"}'),
    ],
)
def test_no_answer_is_told_as_none(call: Callable[[AlpacaRest], object], status: int, body: str) -> None:
    told = answered(call, status, body)
    assert isinstance(told, ReadFailed)
    assert not told.keys_refused


@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"cancel"}))
@pytest.mark.parametrize("body", ["", "<html>", "7", '{"code":0}', "[null]", '[{"id":null}]'])
def test_an_unreadable_answer_is_none(name: str, body: str) -> None:
    assert isinstance(answered(CALLS[name], 200, body), ReadFailed)


@ALL
@pytest.mark.parametrize(
    "error", [requests.ReadTimeout("t"), requests.ConnectionError("c"), requests.exceptions.SSLError("s")]
)
def test_no_failure_of_the_libraries_gets_out(call: Callable[[AlpacaRest], object], error: Exception) -> None:
    assert isinstance(answered(call, 200, error), ReadFailed)


@ALL
def test_refused_keys_are_told_by_every_read(call: Callable[[AlpacaRest], object]) -> None:
    told = answered(call, 401, '{"message":"unauthorized"}')
    assert isinstance(told, ReadFailed)
    assert told.keys_refused


@ALL
def test_a_429_tells_a_read_when_to_come_again(call: Callable[[AlpacaRest], object]) -> None:
    told = answered(call, 429, "", **{"Retry-After": "9"})
    assert isinstance(told, ReadFailed)
    assert told.retry_after_s == 9


@pytest.mark.parametrize("call", [CALLS[name] for name in sorted(CALLS.keys() - {"snapshots"})])
def test_over_the_budget_nothing_is_asked(call: Callable[[AlpacaRest], object]) -> None:
    with responses.RequestsMock() as mock:
        mock.get(f"{BASE}/v2/clock", body=samples.CLOCK)
        client = a_client(rate_per_min=1, monotonic=lambda: 100.0)
        client.clock()
        told = call(client)
        assert len(mock.calls) == 1
    assert isinstance(told, ReadFailed)
    assert told.retry_after_s == pytest.approx(60)


def test_prices_are_counted_apart_from_orders() -> None:
    with responses.RequestsMock() as mock:
        mock.get(f"{DATA}/v2/stocks/snapshots", status=429, headers={"Retry-After": "60"})
        mock.get(f"{BASE}/v2/clock", body=samples.CLOCK)
        client = a_client(rate_per_min=100)
        assert isinstance(client.snapshots(("ACME",)), ReadFailed)
        held = client.snapshots(("ACME",))
        assert not isinstance(client.clock(), ReadFailed)
        assert len(mock.calls) == 2
    assert isinstance(held, ReadFailed)
    assert held.retry_after_s > 0


@ONE_THING
@pytest.mark.parametrize("body", [samples.NO_POSITION, '{"message":"order not found"}'])
def test_alpacas_404_on_one_thing_is_an_answer(name: str, body: str) -> None:
    assert answered(CALLS[name], 404, body) == NotFound()


@MANY_THINGS
def test_a_404_on_what_always_exists_is_no_answer(name: str) -> None:
    assert isinstance(answered(CALLS[name], 404, samples.NO_POSITION), ReadFailed)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("order", samples.ORDER),
        ("order_by_client_id", samples.ORDER),
        ("position", samples.POSITION.replace("ACME", "OCGN")),
        ("asset", samples.ASSET.replace("ACME", "OCGN")),
    ],
)
def test_an_answer_on_something_else_is_no_answer(name: str, body: str) -> None:
    assert isinstance(answered(CALLS[name], 200, body), ReadFailed)


def test_one_unreadable_order_spoils_the_list() -> None:
    assert isinstance(answered(CALLS["orders"], 200, f'[{samples.ORDER},{{"id":"y"}}]'), ReadFailed)


# --- answers ------------------------------------------------------------------------------------


def asked(call: Callable[[AlpacaRest], object], url: str, query: dict[str, str], body: str) -> object:
    with responses.RequestsMock() as mock:
        mock.get(url, body=body, match=[responses.matchers.query_param_matcher(query)])
        return call(a_client())


def test_an_order_is_looked_up_by_our_id() -> None:
    told = asked(
        lambda c: c.order_by_client_id("entry-7c1e0a4b"),
        f"{BASE}/v2/orders:by_client_order_id",
        {"client_order_id": "entry-7c1e0a4b"},
        samples.ORDER,
    )
    assert isinstance(told, OrderUpdate)
    assert told.broker_order_id == ORDER_ID


def test_an_order_is_looked_up_by_alpacas_id() -> None:
    told = asked(lambda c: c.order(ORDER_ID), f"{BASE}/v2/orders/{ORDER_ID}", {}, samples.ORDER)
    assert isinstance(told, OrderUpdate)
    assert told.client_order_id == "entry-7c1e0a4b"


def test_a_name_with_a_slash_stays_one_part_of_the_path() -> None:
    with responses.RequestsMock() as mock:
        mock.get(f"{BASE}/v2/positions/BTC%2FUSD", status=404, body=samples.NO_POSITION)
        assert a_client().position("BTC/USD") == NotFound()


def test_no_symbols_need_no_request() -> None:
    with responses.RequestsMock():
        assert a_client().snapshots(()) == {}


def test_prices_are_asked_of_the_data_host_in_one_call() -> None:
    told = asked(
        lambda c: c.snapshots(("ACME", "KO")),
        f"{DATA}/v2/stocks/snapshots",
        {"symbols": "ACME,KO"},
        samples.SNAPSHOTS,
    )
    assert isinstance(told, dict)
    assert list(told) == ["ACME"]


def test_an_empty_list_is_an_answer() -> None:
    assert answered(CALLS["positions"], 200, "[]") == ()
    assert answered(CALLS["orders"], 200, "[]") == ()
    assert answered(CALLS["fills"], 200, "[]") == ()


@pytest.mark.parametrize("status", [200, 204])
def test_a_cancel_is_only_requested(status: int) -> None:
    assert answered(CALLS["cancel"], status, "") == "requested"


def test_a_cancel_can_come_too_late() -> None:
    body = '{"code":42210000,"message":"order is already in \\"filled\\" state"}'
    assert answered(CALLS["cancel"], 422, body) == "too_late"


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_cancel_that_names_no_order_is_never_sent(name: str) -> None:
    with responses.RequestsMock(), pytest.raises(ValueError, match="names nothing"):
        a_client().cancel(name)


# --- pages --------------------------------------------------------------------------------------

NOON = datetime(2026, 11, 12, 17, tzinfo=UTC)


class Pages:
    """Answers for orders as Alpaca does: `after` is exclusive, the oldest first, `limit` at most."""

    def __init__(self, times: list[datetime]) -> None:
        self.orders = [
            json.loads(samples.ORDER) | {"id": f"id-{i}", "submitted_at": at.isoformat()}
            for i, at in enumerate(times)
        ]
        self.queries: list[dict[str, str]] = []

    def __call__(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        query: dict[str, str] = request.params  # type: ignore[attr-defined]
        self.queries.append(query)
        after = datetime.fromisoformat(query["after"]) if "after" in query else NOON - timedelta(days=1)
        later = [o for o in self.orders if datetime.fromisoformat(o["submitted_at"]) > after]
        return 200, {}, json.dumps(later[: int(query["limit"])])


def listed(pages: Pages, after: datetime | None = None) -> list[str] | ReadFailed:
    with responses.RequestsMock() as mock:
        mock.add_callback(responses.GET, f"{BASE}/v2/orders", pages)
        told = a_client().orders(status="all", after=after)
    return told if isinstance(told, ReadFailed) else [update.broker_order_id for update in told]


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1300])
@pytest.mark.parametrize("apart_us", [1, 100, 2000])
def test_every_order_is_listed_once_however_many_share_a_millisecond(count: int, apart_us: int) -> None:
    # At most 500 in any one microsecond: see the next test.
    pages = Pages([NOON + timedelta(microseconds=apart_us * (i // 400)) for i in range(count)])
    assert listed(pages) == [f"id-{i}" for i in range(count)]


def test_more_orders_at_one_time_than_fit_a_page_are_no_complete_list() -> None:
    assert isinstance(listed(Pages([NOON] * 501)), ReadFailed)


def test_full_pages_without_times_are_no_complete_list() -> None:
    pages = Pages([NOON] * 500)
    body = json.dumps([order | {"submitted_at": None} for order in pages.orders])
    assert isinstance(answered(CALLS["orders"], 200, body), ReadFailed)


def test_a_list_of_orders_begins_at_the_moment_asked_for() -> None:
    pages = Pages([NOON - timedelta(seconds=1), NOON, NOON + timedelta(seconds=1)])
    assert listed(pages, after=NOON) == ["id-1", "id-2"]
    assert pages.queries[0]["direction"] == "asc"
    assert pages.queries[0]["status"] == "all"


def test_a_page_that_fails_fails_the_list() -> None:
    pages = Pages([NOON + timedelta(seconds=i) for i in range(600)])
    with responses.RequestsMock() as mock:
        mock.get(f"{BASE}/v2/orders", body=json.dumps(pages.orders[:500]))
        mock.get(f"{BASE}/v2/orders", status=500)
        told = a_client().orders(status="open")
    assert isinstance(told, ReadFailed)


@pytest.mark.parametrize("count", [0, 99, 100, 101, 250])
def test_every_execution_is_listed_once(count: int) -> None:
    fills = [json.loads(samples.FILL) | {"id": f"f{i}"} for i in range(count)]

    def page(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        query: dict[str, str] = request.params  # type: ignore[attr-defined]
        assert (query["direction"], query["page_size"]) == ("asc", "100")
        assert query["after"] == "2026-11-12T16:59:59.999000Z"
        start = int(query["page_token"][1:]) + 1 if "page_token" in query else 0
        return 200, {}, json.dumps(fills[start : start + 100])

    with responses.RequestsMock() as mock:
        mock.add_callback(responses.GET, f"{BASE}/v2/account/activities/FILL", page)
        told = a_client().fills(after=NOON)
    assert not isinstance(told, ReadFailed)
    assert [fill.activity_id for fill in told] == [f"f{i}" for i in range(count)]


def test_executions_that_repeat_page_by_page_are_no_complete_list() -> None:
    body = json.dumps([json.loads(samples.FILL) | {"id": f"f{i}"} for i in range(100)])
    assert isinstance(answered(CALLS["fills"], 200, body), ReadFailed)


# --- secrets ------------------------------------------------------------------------------------


def test_no_secret_shows_in_what_is_printed() -> None:
    client = a_client()
    assert SECRET not in repr(client) + str(client)


@pytest.mark.parametrize("bad", ["", "two words", "with-a-line-end\n", "ümlaut"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(bad: str) -> None:
    for keys in ({"key_id": bad, "secret_key": "s"}, {"key_id": "k", "secret_key": SecretStr(bad)}):
        with pytest.raises(ValueError, match="no key has") as caught:
            AlpacaRest(base_url=BASE, data_url=DATA, **keys)
        assert not bad or bad not in str(caught.value)
