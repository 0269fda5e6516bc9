"""Every answer to a POST of an order, and what it proves."""

import json
from decimal import Decimal
from typing import Any

import pytest
import requests
import responses

from broker.api import Accepted, NotSent, Rejected, SubmitOutcome, Unresolved
from domain.orders import OrderTicket
from tests.broker import samples
from tests.broker.clients import BASE, BUY, CLIENT_ORDER_ID, KEY_ID, SECRET, a_client

URL = f"{BASE}/v2/orders"
SELL = OrderTicket(
    client_order_id=CLIENT_ORDER_ID,
    symbol="ACME",
    side="sell",
    type="limit",
    qty=Decimal("1.500000000"),
    limit_price=Decimal("12.50"),
    extended_hours=True,
    post_until=BUY.post_until,
)


def an_order(**changes: Any) -> str:
    return json.dumps(json.loads(samples.ORDER) | {"client_order_id": CLIENT_ORDER_ID} | changes)


def submitted(status: int, body: str | bytes | Exception, **headers: str) -> SubmitOutcome:
    with responses.RequestsMock() as mock:
        mock.post(URL, status=status, body=body, headers=headers)
        outcome = a_client().submit(BUY)
        assert len(mock.calls) == 1
    return outcome


# --- what is sent -------------------------------------------------------------------------------


def test_a_buy_is_sent_with_its_id_and_its_dollars_as_text() -> None:
    with responses.RequestsMock() as mock:
        mock.post(URL, body=an_order())
        a_client().submit(BUY)
        request = mock.calls[0].request
        assert json.loads(request.body or "") == {
            "symbol": "ACME",
            "side": "buy",
            "type": "market",
            "time_in_force": "day",
            "client_order_id": CLIENT_ORDER_ID,
            "notional": "75",
        }
        assert dict(request.headers) == {
            "User-Agent": "starfill",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "Content-Length": str(len(request.body or "")),
            "APCA-API-KEY-ID": KEY_ID,
            "APCA-API-SECRET-KEY": SECRET,
        }


def test_a_limit_order_is_sent_with_plain_decimals() -> None:
    with responses.RequestsMock() as mock:
        mock.post(URL, body="{}")
        client = a_client()
        client.submit(SELL)
        client.submit(SELL.model_copy(update={"qty": Decimal("1E+2")}))
        bodies = [json.loads(call.request.body or "") for call in mock.calls]
    assert bodies[0] == {
        "symbol": "ACME",
        "side": "sell",
        "type": "limit",
        "time_in_force": "day",
        "client_order_id": CLIENT_ORDER_ID,
        "qty": "1.500000000",
        "limit_price": "12.50",
        "extended_hours": True,
    }
    assert bodies[1]["qty"] == "100"


# --- accepted -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201])
def test_this_very_order_in_a_2xx_is_accepted(status: int) -> None:
    outcome = submitted(status, an_order())
    assert isinstance(outcome, Accepted)
    assert outcome.update.broker_order_id == "b8a0d6f4-21c3-4e9b-8f57-6a7b8c9d0e1f"
    assert (outcome.update.client_order_id, outcome.update.status) == (CLIENT_ORDER_ID, "pending_new")
    assert outcome.update.event is None


def test_equal_amounts_need_not_be_written_alike() -> None:
    assert isinstance(submitted(200, an_order(notional="75.00")), Accepted)


def test_an_order_that_is_rejected_at_once_is_the_brokers_order_all_the_same() -> None:
    outcome = submitted(200, an_order(status="rejected"))
    assert isinstance(outcome, Accepted)
    assert outcome.update.status == "rejected"


# --- unresolved ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, an_order(client_order_id="sf-another")),
        (200, an_order(client_order_id=None)),
        (200, an_order(symbol="OCGN")),
        (200, an_order(side="sell")),
        (200, an_order(notional="76")),
        (200, an_order(notional=None)),
        (200, an_order(id=None)),
        (200, an_order(id="")),
        (200, an_order(status=None)),
        (200, an_order(filled_qty="NaN")),
        (200, ""),
        (200, "{}"),
        (200, "[]"),
        (200, "null"),
        (200, an_order()[:-1]),
        (200, b"\xff"),
        (200, "<html>welcome</html>"),
        (202, an_order()),
        (204, ""),
        (207, an_order()),
        (301, an_order()),
        (302, ""),
        (307, ""),
        (308, ""),
        (400, "bad request"),
        (403, "<html>forbidden</html>"),
        (404, ""),
        (422, "[]"),
        (405, "{}"),
        (407, '{"message":"proxy"}'),
        (408, '{"message":"timeout"}'),
        (409, '{"message":"conflict"}'),
        (418, "{}"),
        (500, '{"message":"internal server error"}'),
        (502, "<html>bad gateway</html>"),
        (503, '{"message":"try later"}'),
        (504, '{"message":"timeout"}'),
        (504, ""),
        (599, "{}"),
    ],
)
def test_every_other_answer_proves_nothing(status: int, body: str | bytes) -> None:
    outcome = submitted(status, body)
    assert isinstance(outcome, Unresolved)
    assert not outcome.id_taken


@pytest.mark.parametrize(
    "error",
    [
        requests.ReadTimeout("read timed out"),
        requests.ConnectionError("connection reset by peer"),
        requests.exceptions.ChunkedEncodingError("incomplete read"),
        requests.exceptions.ContentDecodingError("not gzip"),
        requests.exceptions.SSLError("bad record"),
        requests.TooManyRedirects("no"),
        OSError("no such file"),
    ],
)
def test_a_failure_that_does_not_show_that_nothing_was_sent_proves_nothing(error: Exception) -> None:
    assert isinstance(submitted(200, error), Unresolved)


@pytest.mark.parametrize("status", [400, 403, 409, 422])
@pytest.mark.parametrize(
    "message",
    [
        "client_order_id must be unique",
        "client order id must be unique",
        "Client-Order-ID must be unique.",
        "invalid order: clientOrderId must be unique",
    ],
)
def test_a_taken_id_says_that_an_earlier_post_arrived(status: int, message: str) -> None:
    outcome = submitted(status, json.dumps({"code": 40010001, "message": message}))
    assert isinstance(outcome, Unresolved)
    assert outcome.id_taken


def test_a_taken_id_counts_only_in_a_refusal() -> None:
    outcome = submitted(500, samples.ID_TAKEN)
    assert isinstance(outcome, Unresolved)
    assert not outcome.id_taken


def test_an_answer_without_end_is_given_up() -> None:
    outcome = submitted(200, an_order() + " " * (4 * 1024 * 1024))
    assert isinstance(outcome, Unresolved)


# --- rejected -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "body"), samples.REFUSALS)
def test_a_refusal_in_alpacas_words_is_definitive(status: int, body: str) -> None:
    outcome = submitted(status, body)
    said = json.loads(body)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == said.get("message", f"HTTP {status}")
    assert (outcome.http_status, outcome.code) == (status, said.get("code"))
    assert not outcome.keys_refused


@pytest.mark.parametrize("body", ['{"message":"unauthorized"}', "", "<html>401</html>"])
def test_refused_keys_are_told_apart(body: str) -> None:
    outcome = submitted(401, body)
    assert isinstance(outcome, Rejected)
    assert (outcome.http_status, outcome.keys_refused) == (401, True)


@pytest.mark.parametrize(
    ("body", "code"), [('{"code":"x"}', None), ('{"code":true}', None), ('{"message":7}', None)]
)
def test_a_refusal_of_an_odd_shape_is_still_a_refusal(body: str, code: int | None) -> None:
    outcome = submitted(403, body)
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.code) == ("HTTP 403", code)


# --- not sent -----------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ['{"message":"too many requests"}', "", "slow down"])
def test_a_429_took_nothing_and_tells_when_to_come_again(body: str) -> None:
    outcome = submitted(429, body, **{"Retry-After": "7"})
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after_s == 7


def test_a_429_can_name_the_time_of_the_wall() -> None:
    with responses.RequestsMock() as mock:
        mock.post(URL, status=429, headers={"X-RateLimit-Reset": "1794000030"})
        outcome = a_client(wall=lambda: 1_794_000_000.0).submit(BUY)
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after_s == 30


def test_after_a_429_nothing_is_sent_until_its_time_has_come() -> None:
    now = [100.0]
    with responses.RequestsMock() as mock:
        mock.post(URL, status=429, headers={"Retry-After": "7"})
        client = a_client(monotonic=lambda: now[0])
        client.submit(BUY)
        now[0] += 3
        held = client.submit(BUY)
        assert len(mock.calls) == 1
        now[0] += 4
        client.submit(BUY)
        assert len(mock.calls) == 2
    assert isinstance(held, NotSent)
    assert held.retry_after_s == pytest.approx(4)


def test_an_order_over_our_own_limit_stays_here() -> None:
    with responses.RequestsMock() as mock:
        mock.post(URL, body=an_order())
        client = a_client(rate_per_min=1, monotonic=lambda: 100.0)
        assert isinstance(client.submit(BUY), Accepted)
        held = client.submit(BUY)
        assert len(mock.calls) == 1
    assert isinstance(held, NotSent)
    assert held.retry_after_s == pytest.approx(60)


def test_a_connect_timeout_sent_nothing() -> None:
    assert isinstance(submitted(200, requests.ConnectTimeout("no route")), NotSent)
