"""The desk: lets accepted orders execute in time, and makes each event durable before anyone hears of it.

In:  calls from the HTTP handlers and timers, all on the loop's thread
Out: events -> book, oracle (synced), then -> `publish` (the stream)
"""

import asyncio
from collections.abc import Callable, Iterable
from decimal import Decimal

from aiohttp import web

from simulator import corrections
from simulator.assets import Behaviour
from simulator.book import Book
from simulator.clock import SimClock
from simulator.exchange import End, Exchange
from simulator.fills import is_marketable, next_size
from simulator.oracle import Oracle
from simulator.orders import WORKING, Event, Order, OrderRequest
from simulator.records import Record
from simulator.settings import Switchboard

Publish = Callable[[Event], None]
_WATCH_S = 1.0
"""How often resting orders meet a moving price or an hour of the market; nothing rests, nothing ticks."""


class Desk:
    def __init__(
        self,
        *,
        clock: SimClock,
        switches: Switchboard,
        make_exchange: Callable[[], Exchange],
        book: Book,
        oracle: Oracle,
        publish: Publish,
    ) -> None:
        self._clock = clock
        self._switches = switches
        self._make_exchange = make_exchange
        self._book = book
        self._oracle = oracle
        self._publish = publish
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._watch: asyncio.TimerHandle | None = None
        self.exchange = make_exchange()

    def load(self) -> None:
        """Forgets everything but the book, and goes on from there."""
        self.close()
        self.exchange = self._make_exchange()
        numbered, self.exchange.ids.count = self._book.read()
        self.exchange.restore(record for _, record in numbered)
        self._oracle.catch_up(numbered)
        self.resume()

    def close(self) -> None:
        for timer in self._due.values():
            timer.cancel()
        self._due.clear()
        if self._watch:
            self._watch.cancel()
            self._watch = None

    def resume(self, symbol: str | None = None) -> None:
        """Gives each open order its next step: after a start, a new price, a turned switch."""
        for order in self.exchange.open_orders(symbol):
            self._schedule(order)
        self._start_watch()

    def submit(self, request: OrderRequest) -> Order:
        """The order as the reply shows it. Raises ApiError."""
        accepted = self.exchange.submit(request, self._clock.now())
        self._book_it((accepted,))
        return self._begin(accepted)

    def replace(self, order_id: str, request: OrderRequest) -> Order:
        """The successor. Raises ApiError."""
        ended, accepted = self.exchange.replace(order_id, request, self._clock.now())
        self._forget(order_id)
        self._book_it((ended, accepted))
        self._publish(ended)
        return self._begin(accepted)

    def cancel(self, order_id: str) -> None:
        """Raises ApiError."""
        if not self._switches.now.pending_cancel:
            self.end(order_id, "canceled")
            return
        self._tell(self.exchange.request_cancel(order_id, self._clock.now()))
        self._schedule(self.exchange.order(order_id))

    def end(self, order_id: str, how: End) -> None:
        """Raises ApiError."""
        ended = self.exchange.end(order_id, how, self._clock.now())
        self._forget(order_id)
        self._tell(ended)

    def execute(
        self, order_id: str, qty: Decimal | None, price: Decimal | None, *, late: bool = False
    ) -> Order:
        """A scripted execution; price None: the market's. Raises ApiError."""
        now = self._clock.now()
        order = self.exchange.order(order_id)
        if order.status == "pending_new":
            self._tell(self.exchange.confirm(order_id, now))
        at = price if price is not None else self.exchange.prices.last(order.symbol, now)
        event = self.exchange.execute(order_id, qty, at, now, late=late)
        self._tell(event)
        return event.order

    def bust(self, order_id: str) -> None:
        """Raises ApiError."""
        self._tell(corrections.bust(self.exchange, order_id, self._clock.now()))

    def split(self, symbol: str, ratio: Decimal) -> None:
        """Raises ApiError."""
        self._book_it((corrections.split(self.exchange, symbol, ratio, self._clock.now()),))

    def reset(self, *, new_account: bool) -> None:
        self._book_it((corrections.reset(self.exchange, self._clock.now(), new_account=new_account),))

    def run_now(self, order_id: str) -> None:
        """All the steps the order has before it, without their delays."""
        while order_id in self._due:
            self._forget(order_id)
            self._step(order_id)

    def look_at_the_clock(self) -> None:
        """What the hour brings: orders that expire, orders that may begin, limits that are met."""
        now = self._clock.now()
        closes = self._switches.now.hours == "new_york"
        for order in self.exchange.open_orders():
            if closes and now >= order.expires_at:
                self.end(order.id, self._switches.now.day_order_end)
            elif order.id not in self._due and self._may_step(order, now):
                self._schedule(order)

    def _begin(self, accepted: Event) -> Order:
        if accepted.kind == "pending_new" or self._switches.now.accepted_event:
            self._publish(accepted)
        self._schedule(accepted.order)
        self._start_watch()
        return accepted.order

    def _schedule(self, order: Order) -> None:
        if order.id in self._due or not self._may_step(order, self._clock.now()):
            return
        # `new` follows at once, yet after the reply: a reply shows pending_new.
        delay = 0.0 if order.status == "pending_new" else self._switches.now.fill_delay_s
        self._due[order.id] = asyncio.get_running_loop().call_later(delay, self._on_time, order.id)

    def _on_time(self, order_id: str) -> None:
        self._due.pop(order_id, None)
        self._step(order_id)

    def _may_step(self, order: Order, now: int) -> bool:
        if order.status in {"pending_new", "pending_cancel"}:
            return True
        if order.status == "accepted":
            return self.exchange.calendar.is_open(now, extended=order.extended_hours)
        return order.status in WORKING and self._switches.now.auto_fill and self._can_trade(order, now)

    def _can_trade(self, order: Order, now: int) -> bool:
        if self.exchange.assets.behaviour(order.symbol) is Behaviour.RESTS:
            return False
        if not self.exchange.calendar.is_open(now, extended=order.extended_hours):
            return False
        price = self.exchange.prices.last(order.symbol, now)
        # Immediate-or-cancel has a step to make either way.
        return order.time_in_force in {"ioc", "fok"} or is_marketable(order, price)

    def _step(self, order_id: str) -> None:
        now = self._clock.now()
        order = self.exchange.orders[order_id]
        if not self._may_step(order, now):
            return
        if order.status == "pending_cancel":
            self.end(order_id, "canceled")
        elif order.status in WORKING:
            self._trade(order, now)
        elif self.exchange.assets.behaviour(order.symbol) is Behaviour.REJECTED:
            self.end(order_id, "rejected")
        else:
            self._tell(self.exchange.confirm(order_id, now))
        after = self.exchange.orders[order_id]
        if after.is_open:
            self._schedule(after)

    def _trade(self, order: Order, now: int) -> None:
        settings = self._switches.now
        price = self.exchange.prices.last(order.symbol, now)
        remaining = self.exchange.remaining(order, price)
        behaviour = self.exchange.assets.behaviour(order.symbol)
        cut_short = behaviour is Behaviour.PARTLY_FILLED_THEN_CANCELED
        notional_rest = order.notional is not None and settings.notional_remainder == "canceled"
        if (
            not is_marketable(order, price)
            or not remaining
            or (order.executions and (cut_short or notional_rest))
        ):
            self.end(order.id, "canceled")
            return
        size = next_size(
            order,
            remaining,
            seed=settings.seed,
            partial_fill_share=settings.partial_fill_share,
            behaviour=behaviour,
        )
        self._tell(self.exchange.execute(order.id, size, price, now))

    def _tell(self, event: Event) -> None:
        self._book_it((event,))
        self._publish(event)

    def _book_it(self, records: Iterable[Record]) -> None:
        self._oracle.append(self._book.append(records, id_count=self.exchange.ids.count))

    def _forget(self, order_id: str) -> None:
        timer = self._due.pop(order_id, None)
        if timer:
            timer.cancel()

    def _start_watch(self) -> None:
        if self._watch is None and self.exchange.open_orders():
            self._watch = asyncio.get_running_loop().call_later(_WATCH_S, self._on_watch)

    def _on_watch(self) -> None:
        self._watch = None
        self.look_at_the_clock()
        self._start_watch()


DESK = web.AppKey("desk", Desk)
