"""The judges are alpaca-py's TradingStream and StockHistoricalDataClient, as they come."""

import queue
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.requests import (
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.models import TradeUpdate
from alpaca.trading.stream import TradingStream

from simulator.server import Simulator
from tests.simulator.conftest import TIMEOUT_S, Api, Ear

Updates = queue.Queue[TradeUpdate]


@pytest.fixture
def updates(simulator: Simulator, api: Api, ear: Ear) -> Iterator[Updates]:
    heard: Updates = queue.Queue()
    stream = TradingStream(
        "simulator", "simulator", url_override=simulator.base_url.replace("http", "ws") + "/stream"
    )

    async def hear(update: TradeUpdate) -> None:
        heard.put(update)

    stream.subscribe_trade_updates(hear)
    thread = threading.Thread(target=stream.run)
    thread.start()
    _wait_until_it_listens(api, heard)
    yield heard
    stream.stop()
    # It waits up to five seconds for a frame before it looks whether it should stop; a close wakes it.
    api.sim("faults", {"act": "ws_close", "code": 1001})
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()


def _wait_until_it_listens(api: Api, heard: Updates) -> None:
    """The library doesn't tell when it's ready, so orders of another symbol are sent till one is heard."""
    for _ in range(100):
        api.sim(
            "orders", {"symbol": "RESTS", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day"}
        )
        try:
            heard.get(timeout=0.05)
        except queue.Empty:
            continue
        return
    pytest.fail("the stream never listened")


def _told(updates: Updates, last: str) -> list[TradeUpdate]:
    told: list[TradeUpdate] = []
    while not told or told[-1].event != last:
        update = updates.get(timeout=TIMEOUT_S)
        if update.order.symbol != "RESTS":
            told.append(update)
    return told


def test_an_order_that_fills_in_parts_is_followed(api: Api, updates: Updates) -> None:
    api.sim("prices", {"PARTS": "10"})
    api.order(symbol="PARTS", qty="10", client_order_id="parts")
    told = _told(updates, "fill")
    assert [update.event for update in told] == ["pending_new", "new", "partial_fill", "partial_fill", "fill"]
    executions = [update for update in told if update.qty is not None]
    assert sum(update.qty or 0 for update in executions) == 10
    assert executions[-1].position_qty == 10
    assert executions[-1].order.filled_qty == "10"
    assert len({update.execution_id for update in executions}) == 3


def test_a_cancel_is_told(api: Api, updates: Updates) -> None:
    api.sim("prices", {"ACME": "10"})
    order = api.order(type="limit", limit_price="9").json()
    api("DELETE", f"/v2/orders/{order['id']}")
    last = _told(updates, "canceled")[-1]
    assert (str(last.order.id), last.order.status) == (order["id"], "canceled")


def test_market_data_is_read_by_the_official_client(simulator: Simulator, api: Api) -> None:
    api.sim("prices", {"ACME": "12.5"})
    client: Any = StockHistoricalDataClient("simulator", "simulator", url_override=simulator.base_url)
    assert (
        client.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols="ACME"))["ACME"].price == 12.5
    )
    quote = client.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="ACME"))["ACME"]
    assert (quote.bid_price, quote.ask_price) == (12.49, 12.51)
    snapshot = client.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=["ACME", "KO"]))["ACME"]
    assert (snapshot.latest_trade.price, snapshot.daily_bar.close) == (12.5, 12.5)
    bar = client.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="ACME"))["ACME"]
    assert bar.high == 12.5


def test_bars_come_page_after_page(simulator: Simulator) -> None:
    client: Any = StockHistoricalDataClient("simulator", "simulator", url_override=simulator.base_url)
    end = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
    wanted = StockBarsRequest(
        symbol_or_symbols=["ACME", "KO"], timeframe=TimeFrame.Minute, start=end - timedelta(days=5), end=end
    )
    bars = client.get_stock_bars(wanted).data
    assert {symbol: len(found) for symbol, found in bars.items()} == {"ACME": 7195, "KO": 7195}
    times = [bar.timestamp for bar in bars["KO"]]
    assert times == sorted(set(times))
