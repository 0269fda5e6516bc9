"""Compares what we believe with what the broker says, and names the facts we were missing.

Start, reconnect and audit all come through here. Reconciling twice changes nothing more.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from domain.gate import ClockReading
from domain.holdings import ExternalOrder, fold_external
from domain.market import Market, Means
from domain.orders import Life, OrderRecord, OrderUpdate, fold, is_known_status
from domain.values import ZERO, Message, Shares, Usd, Utc


class BrokerPosition(Message):
    """What the account holds of one symbol, whoever bought it."""

    symbol: str
    qty: Shares
    avg_entry_price: Usd | None = None


class FillActivity(Message):
    """One execution as the account's history tells it; it has no client_order_id."""

    activity_id: str
    broker_order_id: str
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    cum_qty: Decimal
    at: Utc


class CorporateAction(Message):
    """Something that changes an account's shares without a trade: a split, a spin-off, a busted trade."""

    activity_id: str
    kind: str
    symbol: str
    qty: Shares
    """Signed: how many came or went."""
    at: Utc | None = None
    """When they did; None: it is not told."""


class Snapshot(Message):
    """The broker's account as read over REST; the reads are one after the other, not one instant."""

    taken_at: Utc
    """Before the first read."""
    orders: tuple[OrderUpdate, ...]
    """All that are open, and all that were submitted since the watermark, ours and others'."""
    positions: tuple[BrokerPosition, ...]
    missing: tuple[str, ...] = ()
    """client_order_ids of ours that the broker was asked for by id and does not know."""
    fills: tuple[FillActivity, ...] = ()
    """Executions since the watermark."""
    actions: tuple[CorporateAction, ...] = ()
    """Lately; only read to explain a difference."""
    explained: bool = False
    """Whether `actions` were asked for."""
    clock: ClockReading | None = None
    market: Market | None = None
    """By the clock of this read; the calendar's days may be from an earlier one."""
    means: Means | None = None
    """None: they could not be read."""


class OrderHeard(Message):
    """The broker says more of one of our orders than we knew."""

    update: OrderUpdate


class OrderMissing(Message):
    """The broker knows no order of this id; that proves nothing about a POST still on its way."""

    client_order_id: str


class OrderVanished(Message):
    """The broker had this order and does not know it any more: it is not the account that we traded."""

    client_order_id: str


class ExternalHeard(Message):
    """The broker says more than we knew of an order that the ledger did not plan."""

    order: ExternalOrder


class PositionHeard(Message):
    """The account holds another quantity of the symbol than we last heard."""

    symbol: str
    qty: Shares


Fact = OrderHeard | OrderMissing | OrderVanished | ExternalHeard | PositionHeard


def reconcile(
    known: Mapping[str, OrderRecord],
    externals: Mapping[str, ExternalOrder],
    positions: Mapping[str, Decimal],
    snapshot: Snapshot,
) -> tuple[Fact, ...]:
    """The facts that bring the books up to the snapshot.

    `known`: our orders by client_order_id; `externals`: others' by the broker's id; `positions`: the
    account's shares as last heard, by symbol.
    """
    return (
        *_orders(known, externals, snapshot),
        *_missing(known, snapshot),
        *_positions(positions, snapshot),
    )


def _orders(
    known: Mapping[str, OrderRecord], externals: Mapping[str, ExternalOrder], snapshot: Snapshot
) -> Iterator[Fact]:
    by_broker_id = {r.broker_order_id: r for r in known.values() if r.broker_order_id is not None}
    # An order's broker id may be news of this very read, and its successor stands beside it.
    ours = {*by_broker_id, *(u.broker_order_id for u in snapshot.orders if u.client_order_id in known)}
    for update in _replaced_first(snapshot.orders):
        record = known.get(update.client_order_id) or by_broker_id.get(update.broker_order_id)
        if record is not None:
            # A status that nobody knows is heard each time: said twice, it halts.
            if fold(record, update) is not record or not is_known_status(update.status):
                yield OrderHeard(update=update)
        elif update.replaces in ours:
            ours.add(update.broker_order_id)
            yield OrderHeard(update=update)
        else:
            before = externals.get(update.broker_order_id)
            after = fold_external(before, update)
            if after is not before:
                yield ExternalHeard(order=after)


def _replaced_first(updates: Sequence[OrderUpdate]) -> list[OrderUpdate]:
    """Each order behind the one that it replaced, however the reads listed them."""
    replaced = {update.broker_order_id: update.replaces for update in updates}

    def generation(update: OrderUpdate) -> int:
        steps, before = 0, update.replaces
        while before is not None and steps < len(replaced):
            steps, before = steps + 1, replaced.get(before)
        return steps

    return sorted(updates, key=generation)


def _missing(known: Mapping[str, OrderRecord], snapshot: Snapshot) -> Iterator[Fact]:
    for client_order_id in snapshot.missing:
        record = known.get(client_order_id)
        if record is None:
            continue
        if record.life in {Life.INTENDED, Life.UNRESOLVED}:
            yield OrderMissing(client_order_id=client_order_id)
        elif record.life is Life.WORKING:
            yield OrderVanished(client_order_id=client_order_id)


def _positions(positions: Mapping[str, Decimal], snapshot: Snapshot) -> Iterator[Fact]:
    held = {position.symbol: position.qty for position in snapshot.positions}
    for symbol in sorted(held.keys() | positions.keys()):
        qty = held.get(symbol, ZERO)
        if qty != positions.get(symbol, ZERO):
            yield PositionHeard(symbol=symbol, qty=qty)
