"""The exchange: which orders it takes, what becomes of them, and the account they move. No I/O, no threads.

Each method checks, makes an `Event`, applies it and returns it. `apply`, and `take` for the records of
corrections.py, are the only places that change anything, so replaying a book rebuilds the same state.
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from simulator import admission
from simulator.account import Account
from simulator.assets import Assets
from simulator.calendar import Calendar
from simulator.clock import MINUTE, new_york
from simulator.errors import not_found, number, unprocessable
from simulator.ids import Ids
from simulator.orders import CENT, WORKING, ZERO, Event, Execution, Order, OrderRequest, shares_for
from simulator.prices import Prices
from simulator.records import Record, Split
from simulator.settings import Switchboard

_GTC_LASTS = 90 * 1440 * MINUTE
End = Literal["canceled", "expired", "rejected", "done_for_day"]


class Exchange:
    def __init__(
        self, *, switches: Switchboard, assets: Assets, prices: Prices, calendar: Calendar, ids: Ids
    ) -> None:
        self.switches = switches
        self.assets = assets
        self.prices = prices
        self.calendar = calendar
        self.ids = ids
        self._begin(ids.of("account"))

    def _begin(self, account_id: str) -> None:
        self.account_id = account_id
        self.account = Account(self.switches.now.starting_cash)
        self.orders: dict[str, Order] = {}
        """In the order of their submission."""
        self.executions: list[Execution] = []
        """Trade busts among them, as executions of their own."""
        self.activities: list[Execution | Split] = []
        self._open: dict[str, None] = {}
        self._by_client_order_id: dict[str, str] = {}

    def restore(self, records: Iterable[Record]) -> None:
        for record in records:
            self.take(record)

    def take(self, record: Record) -> None:
        if isinstance(record, Event):
            self.apply(record)
        elif isinstance(record, Split):
            self.activities.append(record)
            self.account.split(record)
        else:
            self._begin(record.account_id)

    def apply(self, event: Event) -> Event:
        order = event.order
        self.orders[order.id] = order
        self._by_client_order_id[order.client_order_id] = order.id
        if order.is_open:
            self._open[order.id] = None
        else:
            self._open.pop(order.id, None)
        if event.execution:
            self.executions.append(event.execution)
            self.activities.append(event.execution)
            self.account.settle(event.execution)
        return event

    def order(self, order_id: str) -> Order:
        """Raises ApiError, 404."""
        try:
            return self.orders[order_id]
        except KeyError:
            raise not_found(f"order not found for {order_id}") from None

    def order_by_client_order_id(self, client_order_id: str) -> Order:
        """Raises ApiError, 404."""
        order_id = self._by_client_order_id.get(client_order_id)
        if order_id is None:
            raise not_found(f"order not found for {client_order_id}")
        return self.orders[order_id]

    def open_orders(self, symbol: str | None = None) -> tuple[Order, ...]:
        found = (self.orders[order_id] for order_id in self._open)
        return tuple(order for order in found if symbol in (None, order.symbol))

    def is_taken(self, client_order_id: str) -> bool:
        return client_order_id in self._by_client_order_id

    def submit(self, request: OrderRequest, now: int) -> Event:
        """Event `pending_new`, or `accepted` while the market is closed. Raises ApiError."""
        admission.check(self, request, now)
        return self.apply(self._accepted(request, now))

    def confirm(self, order_id: str, now: int) -> Event:
        """From pending_new or accepted to new."""
        order = self.orders[order_id]
        opened = replace(order, status="new", updated_at=now)
        execution_id = self.ids.next() if self.switches.now.execution_id_on_new else None
        return self.apply(Event(kind="new", at=now, order=opened, execution_id=execution_id))

    def trigger(self, order_id: str, now: int) -> Event:
        """The market has met the stop price. Nobody hears of it: Alpaca has no event for it."""
        triggered = replace(self.orders[order_id], triggered_at=now, updated_at=now)
        return self.apply(Event(kind="triggered", at=now, order=triggered))

    def price(self, symbol: str, now: int) -> Decimal:
        """Dollars per share at which it's traded, or was last before the market closed."""
        return self.prices.last(symbol, self.calendar.last_traded(now))

    def remaining(self, order: Order, price: Decimal) -> Decimal:
        """Shares still to execute, at this price if the order is in dollars."""
        if order.qty is not None:
            return order.qty - order.filled_qty
        assert order.notional is not None
        short = CENT if self.switches.now.notional_cent_short else ZERO
        return max(ZERO, shares_for(order.notional - short - order.filled_cost, price))

    def execute(
        self, order_id: str, qty: Decimal | None, price: Decimal, now: int, *, late: bool = False
    ) -> Event:
        """One execution; qty None: all that remains. `late`: the order has ended already, and stays ended.

        Raises ApiError for an order that can't execute, and for more than remains of it or is held.
        """
        order = self.order(order_id)
        if not late and order.status not in WORKING:
            raise unprocessable(f'order is in "{order.status}" state')
        remaining = self.remaining(order, price)
        size = remaining if qty is None else qty
        held = self.account.qty(order.symbol)
        if not ZERO < size <= remaining or (order.side == "sell" and size > held):
            raise unprocessable(f"can't execute {number(size)}: {number(remaining)} remain")
        done = size == remaining
        status = "filled" if done else "partially_filled"
        filled = replace(
            order,
            status=order.status if late else status,
            filled_qty=order.filled_qty + size,
            filled_cost=order.filled_cost + size * price,
            executions=order.executions + 1,
            filled_at=now if done else None,
            updated_at=now,
            triggered_at=now if order.is_dormant else order.triggered_at,
        )
        moved = size if order.side == "buy" else -size
        execution = Execution(
            execution_id=self.ids.next(),
            activity_id=self.activity_id(now),
            order_id=order.id,
            symbol=order.symbol,
            side=order.side,
            qty=size,
            price=price,
            at=now,
            cum_qty=filled.filled_qty,
            leaves_qty=remaining - size,
            order_status=filled.status,
            position_qty=held + moved,
        )
        kind = "fill" if done else "partial_fill"
        event = Event(
            kind=kind, at=now, order=filled, execution_id=execution.execution_id, execution=execution
        )
        return self.apply(event)

    def activity_id(self, now: int) -> str:
        return f"{new_york(now):%Y%m%d%H%M%S}{now // 1_000_000 % 1000:03d}::{self.ids.next()}"

    def request_cancel(self, order_id: str, now: int) -> Event:
        """To pending_cancel. Raises ApiError for an order that has ended."""
        order = self._require_open(order_id)
        asked = replace(order, status="pending_cancel", cancel_requested_at=now, updated_at=now)
        return self.apply(Event(kind="pending_cancel", at=now, order=asked))

    def end(self, order_id: str, how: End, now: int) -> Event:
        """Raises ApiError for an order that has ended."""
        order = self._require_open(order_id)
        ended = replace(
            order,
            status=how,
            updated_at=now,
            canceled_at=now if how == "canceled" else None,
            expired_at=now if how == "expired" else None,
            failed_at=now if how == "rejected" else None,
        )
        execution_id = None if how == "rejected" else self.ids.next()
        return self.apply(Event(kind=how, at=now, order=ended, execution_id=execution_id))

    def replace(self, order_id: str, request: OrderRequest, now: int) -> tuple[Event, Event]:
        """The old order's end, and its successor. Raises ApiError."""
        order = self.order(order_id)
        if order.notional is not None or order.status not in WORKING or order.triggered_at is not None:
            raise unprocessable("unable to replace order in current state")
        admission.check(self, request, now, instead_of=order)
        accepted = self._accepted(request, now, replaces=order.id)
        ended = replace(
            order, status="replaced", replaced_at=now, replaced_by=accepted.order.id, updated_at=now
        )
        return (
            self.apply(Event(kind="replaced", at=now, order=ended, execution_id=self.ids.next())),
            self.apply(accepted),
        )

    def _accepted(self, request: OrderRequest, now: int, replaces: str | None = None) -> Event:
        is_open = self.calendar.is_open(now, extended=request.extended_hours)
        status = "pending_new" if is_open else "accepted"
        order = Order(
            id=self.ids.next(),
            client_order_id=request.client_order_id or self.ids.next(),
            symbol=request.symbol,
            side=request.side,
            type=request.type,
            time_in_force=request.time_in_force,
            qty=request.qty,
            notional=request.notional,
            limit_price=request.limit_price,
            stop_price=request.stop_price,
            extended_hours=request.extended_hours,
            status=status,
            created_at=now,
            submitted_at=now,
            updated_at=now,
            expires_at=self._expiry(request, now),
            replaces=replaces,
        )
        return Event(kind=status, at=now, order=order)

    def _expiry(self, request: OrderRequest, now: int) -> int:
        if request.time_in_force == "gtc":
            return now + _GTC_LASTS
        return self.calendar.next_close(now, extended=request.extended_hours)

    def _require_open(self, order_id: str) -> Order:
        order = self.order(order_id)
        if not order.is_open:
            raise unprocessable(f'order is already in "{order.status}" state')
        return order
