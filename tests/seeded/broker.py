"""`broker.api.Broker` over the venue: real bodies for the real protocol layer, and a wire that loses them."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Literal, Protocol, TypeVar

from broker import outcome, wire
from broker.api import (
    Account,
    NotFound,
    ReadFailed,
    SubmitOutcome,
)
from broker.bodies import Order as OrderBody
from broker.paging import PAGE_OF_FILLS, PAGE_OF_ORDERS, all_fills, all_orders
from broker.rest import order_body
from broker.transport import Answer, Failure
from domain.market import Asset, MarketClock, MarketDay, Quote
from domain.orders import OrderTicket, OrderUpdate
from domain.reconcile import BrokerPosition, CorporateAction, FillActivity
from simulator import wire as told_as
from simulator.clock import nanos, new_york_text, rfc3339
from simulator.errors import ApiError, not_found
from simulator.orders import CLOSED
from tests.seeded.fate import Fate
from tests.seeded.venue import Seen, Venue, as_bytes
from tests.seeded.virtual import VirtualTime

T = TypeVar("T")

LAG_S = 2.0
LATEST_S = 60.0


class Watch(Protocol):
    """Looks on as bytes leave for the exchange."""

    def posting(self, order: OrderTicket) -> None:
        """A POST begins."""

    def cancelling(self, broker_order_id: str) -> None:
        """A DELETE begins."""


class Wire:
    """The line between us and the broker; while it is down, nothing passes."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._down_until = 0.0
        self._mute_until = 0.0
        self.latest_post_s = LATEST_S
        """How long after its POST an order may still arrive; short once the faults have ended."""

    def cut(self, seconds: float) -> None:
        self._down_until = self._time.elapsed_s + seconds

    def mute(self, seconds: float) -> None:
        """The stream stays up and says nothing."""
        self._mute_until = self._time.elapsed_s + seconds

    def mend(self) -> None:
        self._down_until = self._mute_until = 0.0
        self.latest_post_s = 0.0

    @property
    def is_down(self) -> bool:
        return self._time.elapsed_s < self._down_until

    @property
    def is_mute(self) -> bool:
        return self._time.elapsed_s < self._mute_until


class SeededBroker:
    """What a call is told depends on the seed. While one waits for its answer, the world goes on."""

    def __init__(
        self,
        *,
        venue: Venue,
        time: VirtualTime,
        fate: Fate,
        line: Wire,
        watch: Watch,
        meanwhile: Callable[[], None],
        may_lag: Callable[[], bool],
    ) -> None:
        self._venue = venue
        self._time = time
        self._fate = fate
        self._line = line
        self._watch = watch
        self._meanwhile = meanwhile
        self._may_lag = may_lag

    # --- orders ---------------------------------------------------------------------------------

    def submit(self, order: OrderTicket) -> SubmitOutcome:
        fate = self._fate
        self._watch.posting(order)
        if (self._line.is_down and fate.chance(0.5)) or fate.strikes("post_not_sent"):
            return outcome.of_failure(Failure("connection refused", sent=False))
        if fate.strikes("post_limited"):
            return self._judged(order, 429, as_bytes({"message": "too many requests"}))
        fate.may_crash("crash_at_a_post", "before the POST arrives")
        fault = fate.first("post_lost_before", "post_late", "post_lost_after", "post_error", "post_garbled")
        self._meanwhile()
        if self._line.is_down or fault in {"post_lost_before", "post_late"}:
            if fault == "post_late":
                body = order_body(order)
                self._time.later(fate.between(0, LATEST_S), lambda: self._arrives_late(body))
            return outcome.of_failure(Failure("timed out", sent=True))
        if fault == "post_error" and fate.chance(0.5):
            return self._judged(order, fate.one_of((500, 502, 503, 504)), b"<html>oops</html>")
        return self._arrives(order, fault)

    def _arrives(self, order: OrderTicket, fault: str | None) -> SubmitOutcome:
        status, body = self._venue.post(order_body(order))
        self._fate.may_crash("crash_at_a_post", "after the POST arrived")
        self._meanwhile()
        if fault == "post_lost_after":
            return outcome.of_failure(Failure("connection reset", sent=True))
        if fault == "post_error":
            return self._judged(order, 504, b"")
        if fault == "post_garbled":
            body = self._fate.one_of((b"", b"<html>", body[: len(body) // 2], b"{}"))
        return self._judged(order, status, body)

    def _judged(self, order: OrderTicket, status: int, body: bytes) -> SubmitOutcome:
        return outcome.of_answer(order, Answer(status, {}, body), retry_after_s=self._fate.between(0.5, 5))

    def _arrives_late(self, body: bytes) -> None:
        if self._line.latest_post_s or self._fate.chance(0.5):
            self._venue.post(body)

    def cancel(self, broker_order_id: str) -> Literal["requested", "too_late"] | NotFound | ReadFailed:
        self._watch.cancelling(broker_order_id)
        self._meanwhile()
        if self._line.is_down or self._fate.first("read_fails") is not None:
            return ReadFailed(why="timed out")
        try:
            self._venue.cancel(broker_order_id)
        except ApiError as error:
            return NotFound() if error.status == 404 else "too_late"
        return "requested"

    # --- reads ----------------------------------------------------------------------------------

    def order_by_client_id(self, client_order_id: str) -> OrderUpdate | NotFound | ReadFailed:
        def body(seen: Seen) -> object:
            for order in seen.orders.values():
                if order.client_order_id == client_order_id:
                    return told_as.order_body(self._venue.exchange, order)
            raise not_found(f"order not found for {client_order_id}")

        return self._read(body, wire.order)

    def order(self, broker_order_id: str) -> OrderUpdate | NotFound | ReadFailed:
        def body(seen: Seen) -> object:
            if broker_order_id not in seen.orders:
                raise not_found(f"order not found for {broker_order_id}")
            return told_as.order_body(self._venue.exchange, seen.orders[broker_order_id])

        return self._read(body, wire.order)

    def orders(
        self, *, status: Literal["open", "closed", "all"], after: datetime | None = None
    ) -> tuple[OrderUpdate, ...] | ReadFailed:
        def page(after: datetime | None) -> list[OrderBody] | ReadFailed:
            since = 0 if after is None else nanos(after)

            def body(seen: Seen) -> object:
                return [
                    told_as.order_body(self._venue.exchange, order)
                    for order in sorted(seen.orders.values(), key=lambda order: order.submitted_at)
                    if order.submitted_at > since
                    and (status == "all" or (order.status in CLOSED) == (status == "closed"))
                ][:PAGE_OF_ORDERS]

            return self._there(self._read(body, wire.orders))

        return all_orders(page, after)

    def positions(self) -> tuple[BrokerPosition, ...] | ReadFailed:
        def body(seen: Seen) -> object:
            return [_position(symbol, str(qty)) for symbol, qty in sorted(seen.positions.items())]

        return self._there(self._read(body, wire.positions))

    def position(self, symbol: str) -> BrokerPosition | NotFound | ReadFailed:
        def body(seen: Seen) -> object:
            if symbol not in seen.positions:
                raise not_found("position does not exist")
            return _position(symbol, str(seen.positions[symbol]))

        return self._read(body, wire.position)

    def fills(
        self, *, after: datetime | None = None, most: int | None = None
    ) -> tuple[FillActivity, ...] | ReadFailed:
        since = 0 if after is None else nanos(after)

        def page(token: str | None) -> list[FillActivity] | ReadFailed:
            def body(_: Seen) -> object:
                found = self._activities("FILL", since)
                ids = [each["id"] for each in found]
                start = 0 if token is None else ids.index(token) + 1
                return found[start : start + PAGE_OF_FILLS]

            return self._there(self._read(body, wire.fills))

        return all_fills(page)

    def corporate_actions(self, *, after: datetime) -> tuple[CorporateAction, ...] | ReadFailed:
        def body(_: Seen) -> object:
            return self._activities("SPLIT", nanos(after))

        return self._there(self._read(body, lambda told: tuple(wire.corporate_actions(told))))

    def _activities(self, kind: str, since: int) -> list[dict[str, object]]:
        """Oldest first."""
        told = (told_as.activity_bodies(each) for each in self._venue.exchange.activities if each.at > since)
        return [body for bodies in told for body in bodies if body["activity_type"] == kind]

    def clock(self) -> MarketClock | ReadFailed:
        def body(_: Seen) -> object:
            now, calendar = self._time.nanos(), self._venue.exchange.calendar
            return {
                "timestamp": new_york_text(now),
                "is_open": calendar.is_open(now),
                "next_open": new_york_text(calendar.next_open(now)),
                "next_close": new_york_text(calendar.next_close(now)),
            }

        return self._there(self._read(body, wire.clock))

    def account(self) -> Account | ReadFailed:
        def body(_: Seen) -> object:
            return told_as.account_body(self._venue.exchange, self._time.nanos())

        return self._there(self._read(body, wire.account))

    def asset(self, symbol: str) -> Asset | NotFound | ReadFailed:
        return self._read(lambda _: told_as.asset_body(self._venue.exchange, symbol), wire.asset)

    def calendar(self, *, start: str, end: str) -> tuple[MarketDay, ...] | ReadFailed:
        def body(_: Seen) -> object:
            first, last = date.fromisoformat(start), date.fromisoformat(end)
            return [
                {
                    "date": session.day.isoformat(),
                    "open": f"{session.open:%H:%M}",
                    "close": f"{session.close:%H:%M}",
                    "session_open": f"{session.extended_open:%H%M}",
                    "session_close": f"{session.extended_close:%H%M}",
                }
                for session in self._venue.exchange.calendar.sessions(first, last)
            ]

        return self._there(self._read(body, wire.days))

    def snapshots(self, symbols: tuple[str, ...]) -> dict[str, Quote] | ReadFailed:
        def body(_: Seen) -> object:
            now, prices = self._time.nanos(), self._venue.exchange.prices
            return {
                symbol: {"latestTrade": {"t": rfc3339(now), "p": str(prices.last(symbol, now))}}
                for symbol in symbols
            }

        return self._there(self._read(body, wire.quotes))

    def warm(self) -> None:
        """There is no connection to open."""

    def _read(self, body: Callable[[Seen], object], parse: Callable[[bytes], T]) -> T | NotFound | ReadFailed:
        self._meanwhile()
        if self._line.is_down or self._fate.strikes("read_fails"):
            return ReadFailed(why="timed out", retry_after_s=self._fate.one_of((0.0, 0.0, 2.0)))
        lag_s = self._fate.between(0, LAG_S) if self._may_lag() and self._fate.strikes("read_lags") else 0.0
        try:
            told = as_bytes(body(self._venue.seen(lag_s)))
        except ApiError as error:
            answer: Any = NotFound() if error.status == 404 else ReadFailed(why=str(error))
            return answer  # type: ignore[no-any-return]
        self._meanwhile()
        return parse(told)

    @staticmethod
    def _there(found: T | NotFound | ReadFailed) -> T | ReadFailed:
        return ReadFailed(why="404") if isinstance(found, NotFound) else found


def _position(symbol: str, qty: str) -> dict[str, str]:
    return {"symbol": symbol, "qty": qty, "side": "long", "avg_entry_price": "1"}
