"""A broker for the ledger's state machine: what truly happens, and the words that tell of it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from domain.orders import OrderTicket, OrderUpdate
from domain.reconcile import Snapshot
from domain.trades import NINE_PLACES
from tests.domain.builders import a_market, a_position, a_snapshot, an_update, dec, later

OPEN = frozenset({"new", "partially_filled"})


@dataclass
class VenueOrder:
    """An order as it truly stands."""

    name: str
    side: Literal["buy", "sell"]
    qty: Decimal
    """Of a buy of dollars, what they come to."""
    ticket: OrderTicket | None
    """None: its owner's own."""
    filled: Decimal = Decimal()
    dollars: Decimal = Decimal()
    status: str = "new"
    at: int = 0

    @property
    def left(self) -> Decimal:
        return self.qty - self.filled

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


class Venue:
    """One symbol. Like Alpaca it takes an id once, and no sell of shares that are not free."""

    def __init__(self, own: int) -> None:
        self.own = Decimal(own)
        """Shares of the owner's; negative: he sold some of ours."""
        self.orders: dict[str, VenueOrder] = {}
        self.words: list[OrderUpdate] = []
        """Told by the stream, and not heard yet."""
        self.most_taken = Decimal()
        """So many of ours he had sold, when it was most."""
        self._now = 0

    @property
    def account(self) -> Decimal:
        ours = sum((o.filled if o.side == "buy" else -o.filled for o in self._ours()), Decimal())
        return self.own + ours

    @property
    def open_orders(self) -> list[VenueOrder]:
        return [order for order in self.orders.values() if order.is_open]

    @property
    def free(self) -> Decimal:
        """What no open sell holds."""
        return self.account - sum((o.left for o in self._ours() if o.side == "sell" and o.is_open), Decimal())

    def _ours(self) -> list[VenueOrder]:
        return [order for order in self.orders.values() if order.ticket is not None]

    # --- what happens -------------------------------------------------------------------------------

    def post(self, ticket: OrderTicket) -> Literal["taken", "refused", "id taken"]:
        if ticket.client_order_id in self.orders:
            return "id taken"
        qty = Decimal(10) if ticket.qty is None else ticket.qty
        if ticket.side == "sell" and qty > self.free:
            return "refused"
        order = VenueOrder(ticket.client_order_id, ticket.side, qty, ticket)
        self.orders[order.name] = order
        self._tell(order, "new")
        return "taken"

    def fill(self, order: VenueOrder, qty: Decimal, price: Decimal) -> None:
        order.filled += qty
        order.dollars += qty * price
        order.status = "partially_filled" if order.left else "filled"
        self._tell(order, "partial_fill" if order.left else "fill")

    def end(self, order: VenueOrder, status: str) -> None:
        order.status = status
        self._tell(order, status)

    def by_hand(self, side: Literal["buy", "sell"], qty: Decimal, price: Decimal) -> None:
        order = VenueOrder(f"by-hand-{len(self.orders)}", side, qty, None, qty, qty * price, "filled")
        self.orders[order.name] = order
        self.own += qty if side == "buy" else -qty
        self.most_taken = max(self.most_taken, -self.own)
        self._tell(order, "fill")

    # --- what is told -------------------------------------------------------------------------------

    def _tell(self, order: VenueOrder, event: str) -> None:
        self._now += 1
        order.at = self._now
        self.words.append(self.word(order, event=event, position_qty=self.account))

    def word(self, order: VenueOrder, **more: Any) -> OrderUpdate:
        """What a read of the order shows."""
        ticket = order.ticket
        given: dict[str, Any] = {
            "client_order_id": order.name,
            "broker_order_id": "broker-" + order.name,
            "side": order.side,
            "status": order.status,
            "filled_qty": order.filled,
            "filled_avg_price": (order.dollars / order.filled).quantize(NINE_PLACES)
            if order.filled
            else None,
            "updated_at": later(order.at),
            "qty": None if ticket is not None and ticket.qty is None else order.qty,
            "notional": None if ticket is None else ticket.notional,
            "time_in_force": "day" if ticket is None else ticket.time_in_force,
        }
        return an_update(**(given | more))

    def read(self) -> Snapshot:
        positions = (a_position("ACME", str(self.account)),) if self.account else ()
        words = [self.word(order) for order in self.orders.values()]
        return a_snapshot(*words, positions=positions, market=a_market())


PRICES = [dec("10"), dec("11.5"), dec("14")]
