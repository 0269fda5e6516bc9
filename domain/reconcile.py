"""Compares what we believe with what the broker says, and names the facts we were missing.

Start, reconnect and audit all come through here. Reconciling twice changes nothing more.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from domain.identity import is_ours
from domain.orders import Life, OrderRecord, OrderUpdate, fold
from domain.values import ZERO, Message, Shares, Usd, Utc


class BrokerPosition(Message):
    """What the account holds of one symbol, whoever bought it."""

    symbol: str
    qty: Shares
    avg_entry_price: Usd | None = None


class Snapshot(Message):
    """The broker's account as read over REST; the reads are one after the other, not one instant."""

    taken_at: Utc
    orders: tuple[OrderUpdate, ...]
    positions: tuple[BrokerPosition, ...]
    missing: tuple[str, ...] = ()
    """client_order_ids of ours that the broker was asked for by id and does not know."""


class OrderHeard(Message):
    """The broker says more of one of our orders than we knew."""

    update: OrderUpdate


class OrderMissing(Message):
    """The broker knows no order of this id; that proves nothing about a POST still on its way."""

    client_order_id: str


class OrderUnknown(Message):
    """An order with our mark that the ledger does not have."""

    update: OrderUpdate


class PositionHeard(Message):
    """The account holds another quantity of the symbol than we last heard."""

    symbol: str
    qty: Shares


Fact = OrderHeard | OrderMissing | OrderUnknown | PositionHeard


def reconcile(
    known: Mapping[str, OrderRecord], positions: Mapping[str, Decimal], snapshot: Snapshot
) -> tuple[Fact, ...]:
    """The facts that bring `known` (by client_order_id) and `positions` (by symbol) up to the snapshot."""
    return (
        *_orders(known, snapshot),
        *_missing(known, snapshot),
        *_positions(positions, snapshot),
    )


def _orders(known: Mapping[str, OrderRecord], snapshot: Snapshot) -> Iterator[Fact]:
    by_broker_id = {r.broker_order_id: r for r in known.values() if r.broker_order_id is not None}
    # An order's broker id may be news of this very read, and its successor stands beside it.
    ours = {*by_broker_id, *(u.broker_order_id for u in snapshot.orders if u.client_order_id in known)}
    for update in snapshot.orders:
        record = known.get(update.client_order_id) or by_broker_id.get(update.broker_order_id)
        if record is None:
            if update.replaces in ours:
                ours.add(update.broker_order_id)
                yield OrderHeard(update=update)
            elif is_ours(update.client_order_id):
                yield OrderUnknown(update=update)
        elif fold(record, update) is not record:
            yield OrderHeard(update=update)


def _missing(known: Mapping[str, OrderRecord], snapshot: Snapshot) -> Iterator[Fact]:
    for client_order_id in snapshot.missing:
        record = known.get(client_order_id)
        if record is not None and record.life in {Life.INTENDED, Life.UNRESOLVED}:
            yield OrderMissing(client_order_id=client_order_id)


def _positions(positions: Mapping[str, Decimal], snapshot: Snapshot) -> Iterator[Fact]:
    held = {position.symbol: position.qty for position in snapshot.positions}
    for symbol in sorted(held.keys() | positions.keys()):
        qty = held.get(symbol, ZERO)
        if qty != positions.get(symbol, ZERO):
            yield PositionHeard(symbol=symbol, qty=qty)
