"""The desk: lets accepted orders execute in time, and makes each event durable before anyone hears of it.

In:  calls from the HTTP handlers and the agenda, all on the loop's thread
Out: events -> book, oracle (synced), then -> `publish` (the stream)
"""

import sys
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

from aiohttp import web

from simulator import corrections
from simulator.agenda import Agenda
from simulator.assets import Behaviour
from simulator.book import Book
from simulator.clock import SECOND, SimClock
from simulator.exchange import End, Exchange
from simulator.fills import is_marketable, is_reached, next_size
from simulator.oracle import Oracle
from simulator.orders import WORKING, Event, Order, OrderRequest
from simulator.records import Record
from simulator.settings import Switchboard

Publish = Callable[[Event], None]
_LOOK: Final = "look"
"""On the agenda among the ids of orders: resting orders meet the market and the hour."""
_WATCH = SECOND
"""How often they do; nothing rests, nothing ticks."""
_SHORTEST_WATCH = SECOND // 100
"""By the machine's clock, however fast the simulator's goes."""


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
        self._agenda = Agenda(clock, self._work)
        self._is_open = False
        self.exchange = make_exchange()

    def load(self) -> None:
        """Forgets everything but the book, and goes on from there."""
        self.close()
        self.exchange = self._make_exchange()
        numbered, self.exchange.ids.count = self._book.read()
        self.exchange.restore(record for _, record in numbered)
        self._oracle.catch_up(numbered)
        self._is_open = True
        self.look()

    def close(self) -> None:
        """Nothing happens by itself from here on."""
        self._is_open = False
        self._agenda.clear()

    def look(self) -> None:
        """Gives each open order its next step or its end: at a new price, another hour, a turned switch."""
        if not self._is_open:
            return
        now = self._clock.now()
        closes = self._switches.now.hours == "new_york"
        for order in self.exchange.open_orders():
            if closes and now >= order.expires_at:
                self.end(order.id, self._switches.now.day_order_end)
            else:
                self._schedule(order)
        self._plan_look()

    def advance(self, nanos: int) -> None:
        """Lives through so much time at once, from one thing that it brings to the next.

        When it returns, all that was due by then is done, booked and published: each step of an order whose
        delay has passed, each scene of a script, each bell of the market. A price on its own path is looked
        at whenever something else is due, and at the end.
        """
        self._work()
        left = nanos
        while True:
            self._agenda.drop(_LOOK)
            wait = self._agenda.wait()
            step = min(left, self._until_moment(), sys.maxsize if wait is None else max(1, wait))
            self._clock.advance(step)
            left -= step
            self.look()
            self._work()
            if not left:
                break

    def run_at(self, speed: Decimal) -> None:
        self._clock.run_at(speed)
        self.look()

    def move_to(self, now: int) -> None:
        """Sets the clock, forward or back; what lies between is skipped."""
        self._clock.move_to(now)
        self.look()

    def submit(self, request: OrderRequest) -> Order:
        """The order as the reply shows it. Raises ApiError."""
        accepted = self.exchange.submit(request, self._clock.stamp())
        self._book_it((accepted,))
        return self._begin(accepted)

    def replace(self, order_id: str, request: OrderRequest) -> Order:
        """The successor. Raises ApiError."""
        ended, accepted = self.exchange.replace(order_id, request, self._clock.stamp())
        self._agenda.drop(order_id)
        self._book_it((ended, accepted))
        self._publish(ended)
        return self._begin(accepted)

    def cancel(self, order_id: str) -> None:
        """Raises ApiError."""
        if not self._switches.now.pending_cancel:
            self.end(order_id, "canceled")
            return
        self._tell(self.exchange.request_cancel(order_id, self._clock.stamp()))
        self._schedule(self.exchange.order(order_id))

    def end(self, order_id: str, how: End) -> None:
        """Raises ApiError."""
        ended = self.exchange.end(order_id, how, self._clock.stamp())
        self._agenda.drop(order_id)
        self._tell(ended)

    def execute(
        self, order_id: str, qty: Decimal | None, price: Decimal | None, *, late: bool = False
    ) -> Order:
        """A scripted execution; price None: the market's. Raises ApiError."""
        order = self.exchange.order(order_id)
        if order.status == "pending_new":
            self._tell(self.exchange.confirm(order_id, self._clock.stamp()))
        now = self._clock.stamp()
        at = price if price is not None else self.exchange.price(order.symbol, now)
        event = self.exchange.execute(order_id, qty, at, now, late=late)
        self._tell(event)
        return event.order

    def bust(self, order_id: str) -> None:
        """Raises ApiError."""
        self._tell(corrections.bust(self.exchange, order_id, self._clock.stamp()))

    def split(self, symbol: str, ratio: Decimal) -> None:
        """Raises ApiError."""
        self._book_it((corrections.split(self.exchange, symbol, ratio, self._clock.stamp()),))

    def reset(self, *, new_account: bool) -> None:
        self._book_it((corrections.reset(self.exchange, self._clock.now(), new_account=new_account),))

    def run_now(self, order_id: str) -> None:
        """All the steps the order has before it, without their delays."""
        while order_id in self._agenda:
            self._agenda.drop(order_id)
            self._step(order_id)

    def _begin(self, accepted: Event) -> Order:
        if accepted.kind == "pending_new" or self._switches.now.accepted_event:
            self._publish(accepted)
        self._schedule(accepted.order)
        if _LOOK not in self._agenda:
            self._plan_look()
        return accepted.order

    def _work(self) -> None:
        """Does what is due."""
        while (due := self._agenda.take()) is not None:
            if due == _LOOK:
                self.look()
            else:
                self._step(due)

    def _schedule(self, order: Order) -> None:
        now = self._clock.now()
        if order.is_dormant and self._meets_its_stop(order, now):
            triggered = self.exchange.trigger(order.id, self._clock.stamp())
            self._book_it((triggered,))
            order = triggered.order
        if order.id in self._agenda or not self._may_step(order, now):
            return
        # `new` follows at once, yet after the reply: a reply shows pending_new.
        delay_s = 0.0 if order.status == "pending_new" else self._switches.now.fill_delay_s
        self._agenda.put(order.id, int(delay_s * SECOND))

    def _plan_look(self) -> None:
        if self.exchange.open_orders():
            often = max(_WATCH, int(self._clock.speed * _SHORTEST_WATCH))
            self._agenda.put(_LOOK, min(often, self._until_moment()))

    def _until_moment(self) -> int:
        """Nanoseconds until the hour brings open orders something: a scene, a bell, their end."""
        now, orders = self._clock.now(), self.exchange.open_orders()
        if not orders:
            return sys.maxsize
        moments = [self.exchange.calendar.phase(now).end, *(order.expires_at for order in orders)]
        scene = self.exchange.prices.next_change(now)
        if scene is not None:
            moments.append(scene)
        return min((moment - now for moment in moments if moment > now), default=sys.maxsize)

    def _may_step(self, order: Order, now: int) -> bool:
        if order.status in {"pending_new", "pending_cancel"}:
            return True
        if order.status == "accepted":
            return self.exchange.calendar.is_open(now, extended=order.extended_hours)
        if order.status not in WORKING or order.is_dormant or not self._switches.now.auto_fill:
            return False
        return self._can_trade(order, now)

    def _can_trade(self, order: Order, now: int) -> bool:
        if not self._is_trading(order, now):
            return False
        # Immediate-or-cancel has a step to make either way.
        return order.time_in_force in {"ioc", "fok"} or is_marketable(
            order, self.exchange.price(order.symbol, now)
        )

    def _meets_its_stop(self, order: Order, now: int) -> bool:
        return (
            order.status in WORKING
            and self._is_trading(order, now)
            and is_reached(order, self.exchange.price(order.symbol, now))
        )

    def _is_trading(self, order: Order, now: int) -> bool:
        """Whether there are trades in its symbol, at an hour that is the order's too."""
        symbol = order.symbol
        return (
            self.exchange.calendar.is_open(now, extended=order.extended_hours)
            and self.exchange.assets.behaviour(symbol) is not Behaviour.RESTS
            and not self.exchange.prices.scene(symbol, now).halted
        )

    def _step(self, order_id: str) -> None:
        now = self._clock.stamp()
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
        price = self.exchange.price(order.symbol, now)
        remaining = self.exchange.remaining(order, price)
        behaviour = self.exchange.assets.behaviour(order.symbol)
        cut_short = behaviour is Behaviour.PARTLY_FILLED_THEN_CANCELED
        notional_rest = order.notional is not None and settings.notional_remainder == "canceled"
        # A split or a bust may have taken the shares that a resting sale is of.
        too_much = order.side == "sell" and remaining > self.exchange.account.qty(order.symbol)
        if (
            not is_marketable(order, price)
            or not remaining
            or too_much
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


DESK = web.AppKey("desk", Desk)
