"""The judge is alpaca-py's TradingClient, as it comes."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, OrderStatus, OrderType, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopOrderRequest,
)

from simulator.server import Simulator
from tests.simulator.conftest import Api, Ear

Client = Any
"""A TradingClient. Its methods are typed as giving a model or a dict; here they give models."""


@pytest.fixture
def client(simulator: Simulator) -> Client:
    return TradingClient("simulator", "simulator", url_override=simulator.base_url)


def market(**changes: Any) -> MarketOrderRequest:
    terms = {"symbol": "ACME", "side": OrderSide.BUY, "time_in_force": TimeInForce.DAY, **changes}
    return MarketOrderRequest(**terms)


def limit(**changes: Any) -> LimitOrderRequest:
    terms = {"symbol": "ACME", "qty": 2, "side": OrderSide.BUY, "time_in_force": TimeInForce.DAY, **changes}
    return LimitOrderRequest(**terms)


def test_the_account_is_an_active_margin_account(client: Client) -> None:
    account = client.get_account()
    assert (account.status, account.cash, account.buying_power) == ("ACTIVE", "100000", "400000")


def test_assets_tell_what_is_fractionable_and_tradable(client: Client) -> None:
    assert client.get_asset("ACME").fractionable
    assert not client.get_asset("OCGN").fractionable
    assert not client.get_asset("NOTRD").tradable
    by_symbol = {asset.symbol: asset for asset in client.get_all_assets(GetAssetsRequest())}
    assert client.get_asset(by_symbol["KO"].id).symbol == "KO"


def test_an_asset_nobody_lists_is_not_found(client: Client) -> None:
    with pytest.raises(APIError) as refused:
        client.get_asset("ZZZZQX")
    assert (refused.value.status_code, refused.value.message) == (404, "asset not found for ZZZZQX")


def test_the_clock_and_the_calendar_are_read(client: Client) -> None:
    clock = client.get_clock()
    assert clock.is_open
    assert clock.next_close > clock.timestamp
    days = client.get_calendar(GetCalendarRequest(start=date(2026, 11, 23), end=date(2026, 11, 29)))
    assert len(days) == 7


def test_a_notional_order_fills_one_cent_short(client: Client, api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "86.878"})
    order = client.submit_order(market(notional=5, client_order_id="five-dollars"))
    assert (order.status, order.qty, order.notional) == (OrderStatus.PENDING_NEW, None, "5")
    ear.until("fill")
    filled = client.get_order_by_client_id("five-dollars")
    assert (filled.id, filled.status, filled.qty) == (order.id, OrderStatus.FILLED, None)
    assert (filled.filled_qty, filled.filled_avg_price) == ("0.057436865", "86.878")
    assert client.get_account().cash == "99995.01"


def test_orders_are_listed_and_canceled(client: Client, api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "10"})
    resting = client.submit_order(limit(limit_price=9))
    client.submit_order(market(qty=3))
    ear.until("fill")
    opened = client.get_orders()
    assert [order.id for order in opened] == [resting.id]
    closed = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.CLOSED, symbols=["ACME"]))
    assert [(order.status, order.filled_qty) for order in closed] == [(OrderStatus.FILLED, "3")]
    client.cancel_order_by_id(resting.id)
    assert client.get_order_by_id(resting.id).status == OrderStatus.CANCELED
    client.submit_order(limit(limit_price=8))
    assert [answer.status for answer in client.cancel_orders()] == [200]
    assert client.get_orders() == []


def test_a_replaced_order_leads_to_its_successor(client: Client, api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "10"})
    first = client.submit_order(limit(limit_price=9))
    ear.until("new")
    second = client.replace_order_by_id(first.id, ReplaceOrderRequest(limit_price=8.5))
    old = client.get_order_by_id(first.id)
    assert (old.status, old.replaced_by) == (OrderStatus.REPLACED, second.id)
    assert (second.replaces, second.limit_price, second.qty) == (first.id, "8.5", "2")


def stop(**changes: Any) -> StopOrderRequest:
    terms = {"symbol": "ACME", "qty": 2, "side": OrderSide.SELL, "time_in_force": TimeInForce.GTC, **changes}
    return StopOrderRequest(**terms)


def test_a_stop_is_placed_moved_and_met(client: Client, api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "10"})
    client.submit_order(market(qty=3))
    ear.until("fill")
    first = client.submit_order(stop(stop_price=9))
    assert (first.type, first.order_type, first.stop_price) == (OrderType.STOP, OrderType.STOP, "9")
    ear.until("new")
    assert [(order.id, order.status) for order in client.get_orders()] == [(first.id, OrderStatus.NEW)]
    assert client.get_open_position("ACME").qty_available == "1"
    second = client.replace_order_by_id(first.id, ReplaceOrderRequest(stop_price=9.5, qty=3))
    assert (second.replaces, second.stop_price, second.qty) == (first.id, "9.5", "3")
    ear.until("new")
    with pytest.raises(APIError) as refused:
        client.submit_order(market(qty=1))
    assert (refused.value.status_code, refused.value.code) == (403, 40310000)
    api.sim("prices", {"ACME": "8"})
    ear.until("fill")
    filled = client.get_order_by_id(second.id)
    assert (filled.status, filled.filled_qty, filled.filled_avg_price) == (OrderStatus.FILLED, "3", "8")
    assert client.get_all_positions() == []


def test_a_stop_above_the_market_is_refused(client: Client, api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "10"})
    client.submit_order(market(qty=2))
    ear.until("fill")
    with pytest.raises(APIError) as refused:
        client.submit_order(stop(stop_price=10.5))
    assert refused.value.status_code == 422
    assert refused.value.message == "stop price must be less than current price"


def test_positions_are_read_and_closed(client: Client, api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "10", "KO": "20"})
    client.submit_order(market(qty=4))
    client.submit_order(market(symbol="KO", qty=1))
    ear.until("fill")
    ear.until("fill")
    api.sim("prices", {"ACME": "12"})
    position = client.get_open_position("ACME")
    assert (position.qty, position.avg_entry_price, position.unrealized_pl) == ("4", "10", "8")
    client.close_position("ACME", ClosePositionRequest(percentage="25"))
    ear.until("fill")
    assert api.held() == Decimal(3)
    answers = client.close_all_positions(cancel_orders=True)
    assert [(answer.symbol, answer.status) for answer in answers] == [("ACME", 200), ("KO", 200)]
    ear.until("fill")
    ear.until("fill")
    assert client.get_all_positions() == []
    assert client.get_account().cash == "100008"
    with pytest.raises(APIError) as refused:
        client.get_open_position("ACME")
    assert refused.value.code == 40410000


def test_a_wrong_key_is_refused(simulator: Simulator) -> None:
    stranger = TradingClient("simulator", "wrong", url_override=simulator.base_url)
    with pytest.raises(APIError) as refused:
        stranger.get_account()
    assert refused.value.status_code == 401
