"""Alpaca over REST: the `Broker` of `broker/api.py`. Nothing of the HTTP libraries leaves this page.

Environment variables for proxies and certificates are not looked at.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from pydantic import SecretStr

from broker import outcome, wire
from broker.api import (
    Accepted,
    Account,
    NotFound,
    NotSent,
    ReadFailed,
    SubmitOutcome,
)
from broker.bodies import Order
from broker.keys import printable, revealed
from broker.paging import PAGE_OF_FILLS, PAGE_OF_ORDERS, all_fills, all_orders
from broker.rate import Budget, BudgetSeen
from broker.transport import Answer, Failure, Lane, Limits
from domain.market import Asset, MarketClock, MarketDay, Quote
from domain.orders import OrderTicket, OrderUpdate
from domain.reconcile import BrokerPosition, CorporateAction, FillActivity
from domain.values import in_utc
from failpoint import failpoint

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_OK: Final = 200
_SUCCESS: Final = range(200, 300)
_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_UNPROCESSABLE: Final = 422
OnPost = Callable[[str, float, float, bool], None]
"""An order's id, when its POST began (Unix time), the seconds it took, whether it had an answer."""
_INCLUSIVE: Final = timedelta(milliseconds=1)
"""Alpaca's `after` leaves its own moment out."""


class AlpacaRest:
    """One account's orders, positions and history. Threads may share it; each has its own connections.

    A call takes `total_timeout_s` at most (a read twice that, when a kept connection has gone stale,
    and each page of a list as much again); a slow name server comes on top, as nothing can hurry that.
    """

    def __init__(
        self,
        *,
        base_url: str,
        data_url: str,
        key_id: str,
        secret_key: SecretStr | str,
        connect_timeout_s: float = 3.0,
        read_timeout_s: float = 10.0,
        total_timeout_s: float = 15.0,
        rate_per_min: int = 200,
        ca_bundle: str | os.PathLike[str] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        on_post: OnPost | None = None,
    ) -> None:
        """`on_post` is called on the POST's thread, and must return at once."""
        self._base = base_url.rstrip("/")
        self._data = data_url.rstrip("/")
        self._headers = {
            "User-Agent": "starfill",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "APCA-API-KEY-ID": printable("key id", key_id),
            "APCA-API-SECRET-KEY": printable("secret key", revealed(secret_key)),
        }
        self._limits = Limits(connect_s=connect_timeout_s, read_s=read_timeout_s, total_s=total_timeout_s)
        self._ca_bundle = ca_bundle
        self._monotonic = monotonic
        self._wall = wall
        self._on_post = on_post
        self._budget = Budget(rate_per_min=rate_per_min, monotonic=monotonic, wall=wall)
        # Alpaca counts its market data apart: too many prices must not hold an order back.
        self._data_budget = Budget(rate_per_min=rate_per_min, monotonic=monotonic, wall=wall)
        self._orders_url = f"{self._base}/v2/orders"
        self._of_thread = threading.local()

    def __repr__(self) -> str:
        return f"AlpacaRest(base_url={self._base!r})"

    # --- orders ---------------------------------------------------------------------------------

    def submit(self, order: OrderTicket) -> SubmitOutcome:
        """POST the order once; nothing below repeats it."""
        wait = self._budget.take(for_order=True)
        if wait:
            return NotSent(why="held back by the rate limit", retry_after_s=wait)
        at, began = self._wall(), self._monotonic()
        told = self._lane().post(self._orders_url, order_body(order))
        if self._on_post is not None:
            seconds, answered = self._monotonic() - began, isinstance(told, Answer)
            self._on_post(order.client_order_id, at, seconds, answered)
        if isinstance(told, Failure):
            _log.warning("POST /v2/orders: %s", told.why)
            return outcome.of_failure(told)
        retry_after_s = self._budget.heed(told.status, told.headers)
        judged = outcome.of_answer(order, told, retry_after_s=retry_after_s)
        if not isinstance(judged, Accepted):
            _log_refusal("POST", "/v2/orders", told)
        failpoint("exec.after_post")
        return judged

    def cancel(self, broker_order_id: str) -> Literal["requested", "too_late"] | NotFound | ReadFailed:
        """Ask for a cancel; that it happened comes as an event."""
        wait = self._budget.take(for_order=True)
        if wait:
            return ReadFailed(why="held back by the rate limit", retry_after_s=wait)
        path = f"/v2/orders/{_quoted(broker_order_id)}"
        told = self._lane().delete(self._base + path)
        if isinstance(told, Answer) and told.status == _UNPROCESSABLE and wire.refusal(told.body):
            self._budget.heed(told.status, told.headers)
            _log_refusal("DELETE", path, told)
            return "too_late"
        found = _judge("DELETE", path, told, self._budget, lambda _: None)
        return "requested" if found is None else found

    def order_by_client_id(self, client_order_id: str) -> OrderUpdate | NotFound | ReadFailed:
        """The order of this id."""
        query = urlencode({"client_order_id": client_order_id})
        found = self._get(f"/v2/orders:by_client_order_id?{query}", wire.order)
        if isinstance(found, OrderUpdate) and found.client_order_id != client_order_id:
            return ReadFailed(why="the answer is another order")
        return found

    def order(self, broker_order_id: str) -> OrderUpdate | NotFound | ReadFailed:
        """The order of Alpaca's own id."""
        found = self._get(f"/v2/orders/{_quoted(broker_order_id)}", wire.order)
        if isinstance(found, OrderUpdate) and found.broker_order_id != broker_order_id:
            return ReadFailed(why="the answer is another order")
        return found

    def orders(
        self, *, status: Literal["open", "closed", "all"], after: datetime | None = None
    ) -> tuple[OrderUpdate, ...] | ReadFailed:
        """All orders of the status, all pages, oldest first; `after`: submitted from then on."""

        def page(after: datetime | None) -> list[Order] | ReadFailed:
            query = {"status": status, "limit": str(PAGE_OF_ORDERS), "direction": "asc"}
            if after is not None:
                query["after"] = _rfc3339(after)
            return self._list(f"/v2/orders?{urlencode(query)}", wire.orders)

        return all_orders(page, _inclusive(after))

    # --- the account ----------------------------------------------------------------------------

    def positions(self) -> tuple[BrokerPosition, ...] | ReadFailed:
        """All positions of the account."""
        return self._list("/v2/positions", wire.positions)

    def position(self, symbol: str) -> BrokerPosition | NotFound | ReadFailed:
        """One position; NotFound: the account holds none."""
        found = self._get(f"/v2/positions/{_quoted(symbol)}", wire.position)
        if isinstance(found, BrokerPosition) and found.symbol != symbol:
            return ReadFailed(why="the answer is another position")
        return found

    def account(self) -> Account | ReadFailed:
        """Whose account the keys open, and what it has."""
        return self._list("/v2/account", wire.account)

    def fills(
        self, *, after: datetime | None = None, most: int | None = None
    ) -> tuple[FillActivity, ...] | ReadFailed:
        """The account's executions, oldest first: all, or the first `most` and the rest of their page."""
        first = {"page_size": str(PAGE_OF_FILLS), "direction": "asc"}
        since = _inclusive(after)
        if since is not None:
            first["after"] = _rfc3339(since)

        def page(token: str | None) -> list[FillActivity] | ReadFailed:
            query = first if token is None else {**first, "page_token": token}
            return self._list(f"/v2/account/activities/FILL?{urlencode(query)}", wire.fills)

        return all_fills(page, most)

    def corporate_actions(self, *, after: datetime) -> tuple[CorporateAction, ...] | ReadFailed:
        """Splits and the like that moved the account's shares, from the day of `after` on."""
        query = {"category": "non_trade_activity", "after": f"{in_utc(after):%Y-%m-%d}", "direction": "desc"}
        told = self._list(
            f"/v2/account/activities?{urlencode(query | {'page_size': str(PAGE_OF_FILLS)})}",
            wire.corporate_actions,
        )
        return told if isinstance(told, ReadFailed) else tuple(told)

    # --- the market -----------------------------------------------------------------------------

    def clock(self) -> MarketClock | ReadFailed:
        """Alpaca's clock."""
        return self._list("/v2/clock", wire.clock)

    def calendar(self, *, start: str, end: str) -> tuple[MarketDay, ...] | ReadFailed:
        """The market days between two dates (`YYYY-MM-DD`), both included."""
        return self._list(f"/v2/calendar?{urlencode({'start': start, 'end': end})}", wire.days)

    def asset(self, symbol: str) -> Asset | NotFound | ReadFailed:
        """One asset."""
        found = self._get(f"/v2/assets/{_quoted(symbol)}", wire.asset)
        if isinstance(found, Asset) and found.symbol != symbol:
            return ReadFailed(why="the answer is another asset")
        return found

    def snapshots(self, symbols: tuple[str, ...]) -> dict[str, Quote] | ReadFailed:
        """Latest prices in one call; symbols that the feed does not know are missing."""
        if not symbols:
            return {}
        query = urlencode({"symbols": ",".join(symbols)})
        path = f"/v2/stocks/snapshots?{query}"
        return _there(path, self._ask(self._data, self._data_budget, path, wire.quotes))

    def warm(self) -> None:
        """Open this thread's connection ahead of the first order. Never raises."""
        self.clock()

    def requests_left(self) -> BudgetSeen:
        """What this minute still has of requests to the trading API."""
        return self._budget.seen()

    # --- how a read is asked and judged ---------------------------------------------------------

    def _lane(self) -> Lane:
        lane: Lane | None = getattr(self._of_thread, "lane", None)
        if lane is None:
            lane = self._of_thread.lane = Lane(
                headers=self._headers,
                limits=self._limits,
                monotonic=self._monotonic,
                ca_bundle=self._ca_bundle,
            )
        return lane

    def _get(self, path: str, parse: Callable[[bytes], _T]) -> _T | NotFound | ReadFailed:
        return self._ask(self._base, self._budget, path, parse)

    def _ask(
        self, base: str, budget: Budget, path: str, parse: Callable[[bytes], _T]
    ) -> _T | NotFound | ReadFailed:
        wait = budget.take(for_order=False)
        if wait:
            return ReadFailed(why="held back by the rate limit", retry_after_s=wait)
        told = self._lane().get(base + path)
        return _judge("GET", path, told, budget, parse)

    def _list(self, path: str, parse: Callable[[bytes], _T]) -> _T | ReadFailed:
        return _there(path, self._get(path, parse))


def _there(path: str, found: _T | NotFound | ReadFailed) -> _T | ReadFailed:
    # Of what always exists, a 404 says that something is wrong with the address.
    return ReadFailed(why=f"{path} answered 404") if isinstance(found, NotFound) else found


def _judge(
    method: str, path: str, told: Answer | Failure, budget: Budget, parse: Callable[[bytes], _T]
) -> _T | NotFound | ReadFailed:
    if isinstance(told, Failure):
        _log.warning("%s %s: %s", method, path, told.why)
        return ReadFailed(why=told.why)
    retry_after_s = budget.heed(told.status, told.headers)
    if told.status == _OK or (method == "DELETE" and told.status in _SUCCESS):
        try:
            return parse(told.body)
        except wire.UNREADABLE as error:
            _log.warning("%s %s: unreadable answer: %s", method, path, type(error).__name__)
            return ReadFailed(why=f"unreadable answer: {type(error).__name__}")
    _log_refusal(method, path, told)
    message, code = wire.refusal(told.body) or ("", None)
    if told.status == _NOT_FOUND and outcome.knows_no_such_thing(message, code):
        return NotFound()
    return ReadFailed(
        why=f"HTTP {told.status}: {message}" if message else f"HTTP {told.status}",
        retry_after_s=retry_after_s,
        keys_refused=told.status == _UNAUTHORIZED,
    )


def order_body(order: OrderTicket) -> bytes:
    """The JSON of a POST: every number as a string, so that no float touches it."""
    body: dict[str, str | bool] = {
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "time_in_force": order.time_in_force,
        "client_order_id": order.client_order_id,
    }
    for name, value in (
        ("notional", order.notional),
        ("qty", order.qty),
        ("limit_price", order.limit_price),
        ("stop_price", order.stop_price),
    ):
        if value is not None:
            body[name] = _plain(value)
    if order.extended_hours:
        body["extended_hours"] = True
    return msgspec.json.encode(body)


def _plain(value: Decimal) -> str:
    return f"{value:f}"


def _quoted(part: str) -> str:
    # DELETE /v2/orders/ would cancel every order of the account.
    if not part.strip("."):
        raise ValueError(f"{part!r} names nothing")
    return quote(part, safe="")


def _inclusive(after: datetime | None) -> datetime | None:
    return None if after is None else in_utc(after) - _INCLUSIVE


def _rfc3339(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _log_refusal(method: str, path: str, told: Answer) -> None:
    request_id = told.headers.get("X-Request-ID", "-")[:80]
    _log.warning("%s %s answered %d, X-Request-ID %r", method, path, told.status, request_id)
