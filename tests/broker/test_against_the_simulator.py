"""The client and the simulator, which share no code, understand each other."""

import queue
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import requests

from broker.api import Accepted, Account, NotFound, ReadFailed, Rejected, StreamEnd, Unresolved
from broker.rest import AlpacaRest
from broker.stream import AlpacaStream
from domain.market import Asset, Market, MarketDay, Priced, new_york_day, price_of
from domain.orders import OrderTicket, OrderUpdate
from domain.reconcile import BrokerPosition
from simulator.server import Simulator, SimulatorSettings

PATIENCE_S = 10.0


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    settings = SimulatorSettings(
        fill_delay_s=0, rate_limit_per_min=0, partial_fill_share=Decimal(0), notional_cent_short=False
    )
    with Simulator(settings) as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> AlpacaRest:
    return a_client(simulator)


def a_client(simulator: Simulator) -> AlpacaRest:
    return AlpacaRest(
        base_url=simulator.base_url,
        data_url=simulator.base_url,
        key_id="simulator",
        secret_key="simulator",
        rate_per_min=0,
    )


class Heard:
    def __init__(self) -> None:
        self.said: queue.Queue[object] = queue.Queue()

    def stream_opened(self, generation: int) -> None:
        self.said.put("opened")

    def stream_frame(self, generation: int, frame: bytes | str) -> None:
        self.said.put(frame)

    def stream_ended(self, generation: int, end: StreamEnd) -> None:
        self.said.put(end)


def a_stream(simulator: Simulator, *, secret: str = "simulator") -> AlpacaStream:
    return AlpacaStream(base_url=simulator.base_url, key_id="simulator", secret_key=secret)


def an_order(client_order_id: str, *, symbol: str = "ACME", dollars: str = "75") -> OrderTicket:
    return OrderTicket(
        client_order_id=client_order_id,
        symbol=symbol,
        side="buy",
        notional=Decimal(dollars),
        post_until=datetime.now(UTC) + timedelta(minutes=1),
    )


def filled(simulator: Simulator, client: AlpacaRest, order: OrderTicket) -> list[OrderUpdate]:
    """Submit an order and listen until it is filled."""
    stream, heard, updates = a_stream(simulator), Heard(), list[OrderUpdate]()
    connection = stream.connect(1, heard)
    assert heard.said.get(timeout=PATIENCE_S) == "opened"
    assert isinstance(client.submit(order), Accepted)
    while not updates or updates[-1].status != "filled":
        frame = heard.said.get(timeout=PATIENCE_S)
        assert isinstance(frame, bytes), frame
        update = stream.parse(frame)
        assert update is not None
        updates.append(update)
    connection.close()
    assert isinstance(heard.said.get(timeout=PATIENCE_S), StreamEnd)
    return updates


def test_an_order_is_submitted_once_and_found_by_both_ids(client: AlpacaRest) -> None:
    order = an_order("sf-one", symbol="RESTS")
    accepted = client.submit(order)
    assert isinstance(accepted, Accepted)
    again = client.submit(order)
    assert isinstance(again, Unresolved)
    assert again.id_taken
    by_ours = client.order_by_client_id("sf-one")
    assert isinstance(by_ours, OrderUpdate)
    assert by_ours.broker_order_id == accepted.update.broker_order_id
    assert client.order(by_ours.broker_order_id) == by_ours
    assert client.orders(status="open") == (by_ours,)


def test_what_does_not_exist_is_not_found(client: AlpacaRest) -> None:
    assert client.order_by_client_id("sf-nobody") == NotFound()
    assert client.order("00000000-0000-4000-8000-000000000000") == NotFound()
    assert client.position("ACME") == NotFound()
    assert client.asset("ZZZZQX") == NotFound()
    assert client.cancel("00000000-0000-4000-8000-000000000000") == NotFound()


@pytest.mark.parametrize("symbol", ["OCGN", "NOTRD", "NOBUY"])
def test_a_refusal_is_definitive(client: AlpacaRest, symbol: str) -> None:
    assert isinstance(client.submit(an_order("sf-no", symbol=symbol)), Rejected)
    assert client.order_by_client_id("sf-no") == NotFound()


def test_a_cancel_is_requested_once_and_then_too_late(client: AlpacaRest) -> None:
    accepted = client.submit(an_order("sf-c", symbol="RESTS"))
    assert isinstance(accepted, Accepted)
    assert client.cancel(accepted.update.broker_order_id) == "requested"
    assert client.cancel(accepted.update.broker_order_id) == "too_late"


def test_more_orders_than_fit_a_page_are_all_listed(client: AlpacaRest) -> None:
    names = [f"sf-{i}" for i in range(520)]
    assert all(isinstance(client.submit(an_order(n, symbol="RESTS", dollars="1")), Accepted) for n in names)
    listed = client.orders(status="all")
    assert not isinstance(listed, ReadFailed)
    assert [update.client_order_id for update in listed] == names
    since = client.orders(status="all", after=datetime.now(UTC) + timedelta(minutes=1))
    assert since == ()


def test_a_fill_shows_in_the_stream_the_position_and_the_history(
    simulator: Simulator, client: AlpacaRest
) -> None:
    last = filled(simulator, client, an_order("sf-fill"))[-1]
    assert (last.client_order_id, last.event) == ("sf-fill", "fill")
    assert last.execution is not None
    assert last.filled_qty > 0
    assert last.position_qty == last.filled_qty
    held = client.position("ACME")
    assert isinstance(held, BrokerPosition)
    assert held.qty == last.filled_qty
    assert client.positions() == (held,)
    history = client.fills()
    assert not isinstance(history, ReadFailed)
    assert [(fill.broker_order_id, fill.qty) for fill in history] == [(last.broker_order_id, last.filled_qty)]
    assert client.fills(after=datetime.now(UTC) + timedelta(minutes=1)) == ()


def test_parts_of_a_fill_add_up(simulator: Simulator, client: AlpacaRest) -> None:
    updates = filled(simulator, client, an_order("sf-parts", symbol="PARTS"))
    parts = [update.execution for update in updates if update.execution is not None]
    assert len({part.execution_id for part in parts}) == len(parts) == 3
    assert sum(part.qty for part in parts) == updates[-1].filled_qty
    history = client.fills()
    assert not isinstance(history, ReadFailed)
    assert [fill.cum_qty for fill in history][-1] == updates[-1].filled_qty


def test_the_account_is_read(client: AlpacaRest) -> None:
    account = client.account()
    assert isinstance(account, Account)
    assert (account.status, account.currency) == ("ACTIVE", "USD")
    assert (account.cash, account.equity) == (Decimal(100000), Decimal(100000))
    assert account.buying_power == Decimal(400000)


def test_what_may_be_done_with_a_symbol_is_read(client: AlpacaRest) -> None:
    assert [client.asset(symbol) for symbol in ("ACME", "OCGN", "NOTRD")] == [
        Asset(symbol="ACME", status="active", tradable=True, fractionable=True),
        Asset(symbol="OCGN", status="active", tradable=True, fractionable=False),
        Asset(symbol="NOTRD", status="active", tradable=False, fractionable=True),
    ]


def test_prices_are_read_in_one_call(client: AlpacaRest) -> None:
    quotes = client.snapshots(("ACME", "BRK.B"))
    assert not isinstance(quotes, ReadFailed)
    assert sorted(quotes) == ["ACME", "BRK.B"]
    for symbol, quote in quotes.items():
        assert isinstance(price_of(symbol, quote, datetime.now(UTC), max_age_s=60), Priced)
        assert quote.quoted_at is not None
        assert abs(datetime.now(UTC) - quote.quoted_at) < timedelta(minutes=1)
        assert quote.bid is not None
        assert quote.ask is not None
        assert 0 < quote.bid < quote.ask


# --- the trading day ----------------------------------------------------------------------------


@pytest.fixture
def exchange() -> Iterator[Simulator]:
    """It keeps New York's hours."""
    with Simulator(SimulatorSettings(hours="new_york", rate_limit_per_min=0)) as running:
        yield running


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def market_at(exchange: Simulator, now: str) -> Market:
    """As the client reads it when the exchange's clock shows this."""
    requests.post(f"{exchange.base_url}/_sim/clock", json={"now": now + "Z"}, timeout=5).raise_for_status()
    client = a_client(exchange)
    clock = client.clock()
    days = client.calendar(start="2026-11-25", end="2026-11-30")
    assert not isinstance(clock, ReadFailed)
    assert not isinstance(days, ReadFailed)
    assert timedelta() <= clock.timestamp - utc(now) < timedelta(minutes=1)
    return Market(clock=clock, days=days)


def test_half_days_are_read_and_holidays_are_absent(exchange: Simulator) -> None:
    days = a_client(exchange).calendar(start="2026-11-25", end="2026-11-27")
    assert days == (
        MarketDay(
            date="2026-11-25",
            opens_at=utc("2026-11-25T14:30"),
            closes_at=utc("2026-11-25T21:00"),
            extended_opens_at=utc("2026-11-25T09:00"),
            extended_closes_at=utc("2026-11-26T01:00"),
        ),
        MarketDay(
            date="2026-11-27",
            opens_at=utc("2026-11-27T14:30"),
            closes_at=utc("2026-11-27T18:00"),
            extended_opens_at=utc("2026-11-27T09:00"),
            extended_closes_at=utc("2026-11-27T22:00"),
        ),
    )


@pytest.mark.parametrize("date", ["2026-03-06", "2026-03-09", "2026-10-30", "2026-11-02"])
def test_days_on_either_side_of_a_change_of_the_clocks_open_when_the_exchange_does(
    exchange: Simulator, date: str
) -> None:
    days = a_client(exchange).calendar(start=date, end=date)
    assert not isinstance(days, ReadFailed)
    for moment, is_open in ((days[0].opens_at, True), (days[0].closes_at, False)):
        for seconds, told in ((0, is_open), (-30, not is_open)):
            now = (moment + timedelta(seconds=seconds)).isoformat()
            requests.post(f"{exchange.base_url}/_sim/clock", json={"now": now}, timeout=5)
            clock = a_client(exchange).clock()
            assert not isinstance(clock, ReadFailed)
            assert clock.is_open is told


def test_the_clock_and_the_calendar_tell_the_half_day_after_a_holiday(exchange: Simulator) -> None:
    thursday = market_at(exchange, "2026-11-26T15:00:00")
    assert not thursday.clock.is_open
    assert thursday.opens_at(utc("2026-11-26T15:00")) == utc("2026-11-27T14:30")
    assert thursday.clock.next_close == utc("2026-11-27T18:00")

    friday = market_at(exchange, "2026-11-27T17:45:00")
    assert friday.clock.is_open
    assert friday.opened_at(friday.clock.timestamp) == utc("2026-11-27T14:30")
    assert friday.closes_at(friday.clock.timestamp) == utc("2026-11-27T18:00")
    assert friday.extended_until(utc("2026-11-27T18:00")) == utc("2026-11-27T22:00")

    after = market_at(exchange, "2026-11-27T18:00:00")
    assert not after.clock.is_open
    assert after.opens_at(after.clock.timestamp) == utc("2026-11-30T14:30")
    assert after.extended_until(after.clock.timestamp) == utc("2026-11-27T22:00")


def test_an_exchange_that_never_closes_is_open_all_day(client: AlpacaRest) -> None:
    clock = client.clock()
    assert not isinstance(clock, ReadFailed)
    day = new_york_day(clock.timestamp).isoformat()
    days = client.calendar(start=day, end=day)
    assert not isinstance(days, ReadFailed)
    market = Market(clock=clock, days=days)
    closes_at = market.closes_at(clock.timestamp)
    assert abs(clock.timestamp - datetime.now(UTC)) < timedelta(minutes=1)
    assert closes_at is not None
    assert closes_at - clock.timestamp > timedelta(hours=20)
    assert market.extended_until(clock.timestamp) is None


# --- answers that get lost, keys that are refused -------------------------------------------------


def test_an_order_whose_answer_was_lost_is_found(simulator: Simulator, client: AlpacaRest) -> None:
    fault = {"match": {"method": "POST", "path": "/v2/orders", "n": 1}, "act": "accept_then_drop"}
    requests.post(f"{simulator.base_url}/_sim/faults", json=fault, timeout=5).raise_for_status()
    assert isinstance(client.submit(an_order("sf-lost", symbol="RESTS")), Unresolved)
    assert isinstance(client.order_by_client_id("sf-lost"), OrderUpdate)


def test_wrong_keys_are_refused_by_both(simulator: Simulator) -> None:
    stranger = AlpacaRest(
        base_url=simulator.base_url, data_url=simulator.base_url, key_id="simulator", secret_key="wrong"
    )
    refused = stranger.submit(an_order("sf-x"))
    assert isinstance(refused, Rejected)
    assert refused.keys_refused
    read = stranger.account()
    assert isinstance(read, ReadFailed)
    assert read.keys_refused
    heard = Heard()
    a_stream(simulator, secret="wrong").connect(1, heard)
    end = heard.said.get(timeout=PATIENCE_S)
    assert isinstance(end, StreamEnd)
    assert end.kind == "keys_refused"
