"""The peers, at Python's defaults: alpaca-py, which keeps no ledger, and a bare `requests.Session`."""

import json
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks import names
from benchmarks.child import Answer, clean_slate, serve

_PAUSE_S = 0.002
_PATIENCE_S = 30.0


class _Orders:
    """Orders one after the other; subclasses know how to send one."""

    def post(self, number: int) -> int:
        """Send the order of this trade; when the call was made."""
        raise NotImplementedError

    def one_by_one(self, first: int, count: int) -> Answer:
        clean_slate()
        called: dict[str, int] = {}
        for number in range(first, first + count):
            called[names.order_id(number)] = self.post(number)
            time.sleep(_PAUSE_S)
        return {"called": called}

    def burst(self, first: int, count: int) -> Answer:
        clean_slate()
        begin = time.monotonic_ns()
        for number in range(first, first + count):
            self.post(number)
        return {"begin": begin}


class AlpacaOrders(_Orders):
    """`TradingClient.submit_order` of a `MarketOrderRequest` by notional."""

    def __init__(self, broker_url: str) -> None:
        from alpaca.trading.client import TradingClient

        self._client = TradingClient(names.KEY, names.KEY, paper=True, url_override=broker_url)

    def post(self, number: int) -> int:
        from alpaca.trading.enums import OrderSide, TimeInForce
        from alpaca.trading.requests import MarketOrderRequest

        order = MarketOrderRequest(
            symbol=names.symbol(number),
            notional=100,
            side=OrderSide.BUY,
            time_in_force=TimeInForce.DAY,
            client_order_id=names.order_id(number),
        )
        called = time.monotonic_ns()
        self._client.submit_order(order)
        return called


class RequestsOrders(_Orders):
    """`requests.Session.post` of the same body, and no more."""

    def __init__(self, broker_url: str) -> None:
        import requests

        self._url = f"{broker_url}/v2/orders"
        self._session = requests.Session()
        self._session.headers.update({"APCA-API-KEY-ID": names.KEY, "APCA-API-SECRET-KEY": names.KEY})

    def post(self, number: int) -> int:
        body = json.dumps(
            {
                "symbol": names.symbol(number), "side": "buy", "type": "market", "time_in_force": "day",
                "client_order_id": names.order_id(number), "notional": names.NOTIONAL,
            }
        ).encode()  # fmt: skip
        called = time.monotonic_ns()
        self._session.post(
            self._url, data=body, headers={"Content-Type": "application/json"}, timeout=10
        ).json()
        return called


class AlpacaUpdates:
    """`TradingStream` with a handler that stamps each update, or that first commits it to SQLite."""

    def __init__(self, stream_url: str, key: str, folder: Path | None) -> None:
        from alpaca.trading.stream import TradingStream

        self._stamps: list[int] = []
        self._expected = 0
        self._all_heard = threading.Event()
        self._folder = folder
        self._table: sqlite3.Connection | None = None
        url = stream_url.replace("http", "ws", 1) + "/stream"
        stream = TradingStream(key, key, paper=True, url_override=url)
        stream.subscribe_trade_updates(self._stamp if folder is None else self._commit)
        threading.Thread(target=stream.run, daemon=True).start()
        while not stream._running:  # noqa: SLF001 - it has no word for "subscribed"
            time.sleep(0.01)

    async def _stamp(self, _: Any) -> None:
        self._stamps.append(time.monotonic_ns())
        if len(self._stamps) == self._expected:
            self._all_heard.set()

    async def _commit(self, update: Any) -> None:
        if self._table is None:
            self._table = _events_table(self._folder)
        order = update.order
        self._table.execute(
            "INSERT INTO event (order_id, client_order_id, event, status, filled_qty, price, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                str(order.id),
                order.client_order_id,
                str(update.event),
                str(order.status),
                order.filled_qty,
                order.filled_avg_price,
                update.timestamp.isoformat(),
            ),
        )
        await self._stamp(update)

    def expect(self, count: int) -> Answer:
        self._stamps, self._expected = [], count
        self._all_heard.clear()
        clean_slate()
        return {}

    def heard(self) -> Answer:
        if not self._all_heard.wait(_PATIENCE_S):
            raise TimeoutError(f"only {len(self._stamps)} of {self._expected} updates were heard")
        return {"heard": [(at, 1) for at in self._stamps]}


def _events_table(folder: Path | None) -> sqlite3.Connection:
    """A table of events; every statement commits itself, durably."""
    assert folder is not None
    connection = sqlite3.connect(folder / "events.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE event (id INTEGER PRIMARY KEY, order_id TEXT, client_order_id TEXT, event TEXT,"
        " status TEXT, filled_qty TEXT, price TEXT, at TEXT)"
    )
    return connection


def main(kind: str, url: str, key: str = "") -> None:
    if kind in ("alpaca-orders", "requests-orders"):
        orders = AlpacaOrders(url) if kind == "alpaca-orders" else RequestsOrders(url)
        serve({"one_by_one": orders.one_by_one, "burst": orders.burst}, {})
        return
    with tempfile.TemporaryDirectory() as folder:
        updates = AlpacaUpdates(url, key, Path(folder) if kind == "alpaca-commits" else None)
        serve({"expect": updates.expect, "heard": updates.heard}, {})


if __name__ == "__main__":
    main(*sys.argv[1:])
