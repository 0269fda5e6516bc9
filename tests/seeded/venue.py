"""The exchange with its owner's other hand, the delays of a market, and a memory of what was when."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any

from domain.identity import is_ours
from simulator import corrections, wire
from simulator.assets import Assets
from simulator.calendar import Calendar
from simulator.clock import SECOND
from simulator.errors import ApiError
from simulator.exchange import Exchange
from simulator.ids import Ids
from simulator.orders import NINE_PLACES, WORKING, ZERO, Event, Order, OrderRequest, read_request
from simulator.prices import Prices
from simulator.settings import SimulatorSettings, Switchboard
from tests.seeded.fate import Fate
from tests.seeded.virtual import VirtualTime

SYMBOLS = (*(f"SYM{letter}" for letter in "ABCDEFGHIJKLMNOPQRST"), "NOBUY", "OCGN")
"""Many, as a symbol that was bought takes no second trade. The last two refuse every order in dollars."""

Hear = Callable[[Event], None]


def as_bytes(body: object) -> bytes:
    return json.dumps(body).encode()


@dataclass
class Seen:
    """The account as a read saw it: at one moment, not always the present one."""

    orders: dict[str, Order] = field(default_factory=dict)
    positions: dict[str, Decimal] = field(default_factory=dict)


class Venue:
    """One account at the exchange. All of it happens at the scheduler's word."""

    def __init__(
        self, seed: int, time: VirtualTime, fate: Fate, note: Callable[[str], None], *, lively: bool
    ) -> None:
        """`lively`: orders get their next step by themselves."""
        switches = Switchboard(SimulatorSettings(seed=seed, starting_cash=Decimal(10_000_000)))
        self.exchange = Exchange(
            switches=switches,
            assets=Assets(),
            prices=Prices(seed),
            calendar=Calendar(switches),
            ids=Ids(seed),
        )
        self._time = time
        self._fate = fate
        self._note = note
        self._listeners: list[Hear] = []
        self._owner_count = 0
        self._last_at = 0
        self._split_gain: dict[str, Decimal] = {}
        self._orders_then: list[tuple[int, Order]] = []
        self._positions_then: list[tuple[int, str, Decimal]] = []
        self._resting: set[str] = set()
        self._lively = lively
        self.accepted_at: dict[str, int] = {}
        """client_order_id -> nanoseconds, of every order ever taken."""
        self.refused: set[str] = set()
        """client_order_ids of POSTs that were refused for good."""
        self.on_accept: Callable[[Order], None] = lambda _: None

    @property
    def ours(self) -> dict[str, Order]:
        """Every order with our mark, by client_order_id."""
        return {o.client_order_id: o for o in self.exchange.orders.values() if is_ours(o.client_order_id)}

    @property
    def holdings(self) -> dict[str, Decimal]:
        return {symbol: position.qty for symbol, position in self.exchange.account.positions.items()}

    def owners_shares(self, symbol: str) -> Decimal:
        """What the owner bought by himself, less what he sold or is selling."""
        own = min(ZERO, self._split_gain.get(symbol, ZERO))
        for order in self.exchange.orders.values():
            if order.symbol == symbol and not is_ours(order.client_order_id):
                own += order.filled_qty if order.side == "buy" else -(order.qty or ZERO)
        return own

    def listen(self, hear: Hear) -> None:
        self._listeners.append(hear)

    def hang_up(self, hear: Hear) -> None:
        if hear in self._listeners:
            self._listeners.remove(hear)

    # --- orders in ------------------------------------------------------------------------------

    def post(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a POST that has arrived."""
        payload: dict[str, Any] = json.loads(body, parse_float=Decimal)
        cid = str(payload["client_order_id"])
        try:
            event = self.exchange.submit(
                read_request(payload, self.exchange.switches.now), self._time.nanos()
            )
        except ApiError as error:
            if "unique" not in str(error):
                self.refused.add(cid)
            self._note(f"venue refuses {cid}: {error}")
            return error.status, as_bytes(error.body)
        order = event.order
        self.accepted_at[cid] = event.at
        self._note(f"venue takes {cid} {order.symbol}")
        self.on_accept(order)
        self._happened(event)
        self._take_its_course(order.id)
        return 200, as_bytes(wire.order_body(self.exchange, order))

    def owner_trades(self, symbol: str, side: str, qty: Decimal, *, at_once: bool = False) -> bool:
        """The owner's own order by another program; whether the exchange took it."""
        self._owner_count += 1
        request = OrderRequest(
            symbol=symbol,
            side="buy" if side == "buy" else "sell",
            type="market",
            time_in_force="day",
            qty=qty,
            client_order_id=f"owner-{self._owner_count}",
        )
        try:
            event = self.exchange.submit(request, self._time.nanos())
        except ApiError:
            return False
        self._note(f"owner: {side} {qty} {symbol}")
        self._happened(event)
        if at_once:
            self._happened(self.exchange.confirm(event.order.id, self._time.nanos()))
            self.fill(event.order.id, None)
        else:
            self._take_its_course(event.order.id)
        return True

    def owner_held(self, symbol: str, qty: Decimal, ago_s: float) -> None:
        """The owner bought these shares so long before the beginning."""
        self._owner_count += 1
        request = OrderRequest(
            symbol=symbol,
            side="buy",
            type="market",
            time_in_force="day",
            qty=qty,
            client_order_id=f"owner-{self._owner_count}",
        )
        at = self._time.nanos() - int(ago_s * SECOND)
        order_id = self.exchange.submit(request, at).order.id
        self.exchange.confirm(order_id, at + 1)
        bought = self.exchange.execute(order_id, None, self.exchange.prices.last(symbol, at), at + 2)
        self._orders_then.append((bought.at, bought.order))
        self._positions_then.append((bought.at, symbol, qty))

    def split(self, symbol: str, ratio: Decimal) -> None:
        """So many new shares for each old one, without any order."""
        try:
            done = corrections.split(self.exchange, symbol, ratio, self._time.nanos())
        except ApiError:
            return
        self._note(f"split {symbol} {ratio}: {done.old_qty} to {done.new_qty}")
        self._positions_then.append((done.at, symbol, done.new_qty))
        self._split_gain[symbol] = self._split_gain.get(symbol, ZERO) + done.new_qty - done.old_qty

    def quiet_s(self) -> float:
        """Seconds since anything happened here."""
        return (self._time.nanos() - self._last_at) / SECOND

    def cancel(self, order_id: str) -> None:
        """Raises ApiError."""
        self._happened(self.exchange.request_cancel(order_id, self._time.nanos()))
        self._take_its_course(order_id)

    # --- what becomes of them -------------------------------------------------------------------

    def fill(self, order_id: str, share: Decimal | None) -> None:
        """Execute all that remains, or a share of it."""
        now = self._time.nanos()
        order = self.exchange.orders[order_id]
        if order.status == "pending_new":
            self._happened(self.exchange.confirm(order_id, now))
            order = self.exchange.orders[order_id]
        price = self.exchange.prices.last(order.symbol, now)
        remaining = self.exchange.remaining(order, price)
        size = remaining if share is None else (remaining * share).quantize(NINE_PLACES, ROUND_DOWN)
        held = self.exchange.account.qty(order.symbol)
        if not ZERO < size <= remaining or (order.side == "sell" and size > held):
            self.end(order_id, "canceled")
        else:
            self._happened(self.exchange.execute(order_id, size, price, self._time.nanos()))

    def end(self, order_id: str, how: str) -> None:
        status = "rejected" if how == "rejected" else "expired" if how == "expired" else "canceled"
        self._happened(self.exchange.end(order_id, status, self._time.nanos()))  # type: ignore[arg-type]

    def _take_its_course(self, order_id: str) -> None:
        if self._lively and self.exchange.orders[order_id].is_open:
            status = self.exchange.orders[order_id].status
            wait = self._fate.between(0, 0.05) if status == "pending_new" else self._fate.between(0, 3)
            theirs = not is_ours(self.exchange.orders[order_id].client_order_id)
            if self._fate.chance(0.2 if theirs else 0.05):
                wait += self._fate.between(0, 400 if theirs else 60)
            self._time.later(wait, lambda: self._step(order_id))

    def _step(self, order_id: str) -> None:
        order = self.exchange.orders[order_id]
        if not order.is_open or order_id in self._resting:
            return
        if order.status == "pending_cancel":
            if self._fate.chance(0.7):
                self.end(order_id, "canceled")
        elif order.status == "pending_new":
            if self._fate.chance(0.05):
                self.end(order_id, "rejected")
            else:
                self._happened(self.exchange.confirm(order_id, self._time.nanos()))
        elif order.status in WORKING:
            self._trade(order)
        self._take_its_course(order_id)

    def _trade(self, order: Order) -> None:
        throw = self._fate.random.random()
        if throw < 0.5:
            self.fill(order.id, None)
        elif throw < 0.85:
            self.fill(order.id, Decimal(self._fate.random.randint(10, 90)) / 100)
        elif throw < 0.93:
            self.end(order.id, self._fate.one_of(("canceled", "expired")))
        elif throw < 0.95:
            self._resting.add(order.id)  # as under a halt: it stays what it is

    def _happened(self, event: Event) -> None:
        self._last_at = event.at
        self._orders_then.append((event.at, event.order))
        if event.execution is not None:
            symbol = event.order.symbol
            self._positions_then.append((event.at, symbol, self.exchange.account.qty(symbol)))
        self._note(f"venue {event.kind} {event.order.client_order_id} cum {event.order.filled_qty}")
        for hear in list(self._listeners):
            hear(event)

    # --- reads ----------------------------------------------------------------------------------

    def seen(self, lag_s: float) -> Seen:
        """The account as it was so long ago."""
        if not lag_s:
            return Seen(orders=dict(self.exchange.orders), positions=self.holdings)
        until = self._time.nanos() - int(lag_s * SECOND)
        seen = Seen()
        for at, order in self._orders_then:
            if at <= until:
                seen.orders[order.id] = order
        for at, symbol, qty in self._positions_then:
            if at <= until:
                seen.positions[symbol] = qty
        seen.positions = {symbol: qty for symbol, qty in seen.positions.items() if qty}
        return seen
