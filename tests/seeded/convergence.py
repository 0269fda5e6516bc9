"""What must be true a bounded time after the faults have ended."""

from collections.abc import Iterator
from typing import Final

from persistence.verify import verify
from simulator.orders import ZERO, Order
from tests.seeded.books import Books, OrderRow
from tests.seeded.source import Source
from tests.seeded.venue import Venue
from tests.seeded.virtual import VirtualTime

WAITING: Final = frozenset({"intended", "unresolved"})


def orders_wait(books: Books) -> bool:
    """Whether an order is neither known to the exchange nor given up."""
    return any(row.life in WAITING for row in books.orders().values())


def differences(
    books: Books, *, venue: Venue, source: Source, time: VirtualTime, quarantine: bool
) -> Iterator[str]:
    """Where ledger and exchange disagree. `quarantine`: orders that never arrived may still be in theirs."""
    rows, states = books.orders(), books.signals()
    for sent in source.sent.values():
        if sent.acknowledged and states[sent.key] == "received":
            yield f"{sent.key} has no verdict"
    yield from _halts(books)
    for cid, order in venue.ours.items():
        yield from _order(cid, order, rows.get(cid))
    for row in rows.values():
        lapsing = row.missing_since is not None and time.clock().timestamp() * 1e6 >= row.post_until
        if row.life in WAITING and not (quarantine and lapsing):
            yield f"{row.client_order_id} is still {row.life}"
    yield from _shares(books, venue)
    yield from _trades(books)
    yield from _journal(books)


def _halts(books: Books) -> Iterator[str]:
    for scope, reason in books.halts():
        yield f"{scope} is halted, and no fault that was there calls for it: {reason}"


def _order(cid: str, order: Order, row: OrderRow | None) -> Iterator[str]:
    if row is None:
        yield f"{cid} is at the exchange and not in the ledger"
    elif (row.status, row.filled_qty) != (order.status, order.filled_qty):
        there = f"{order.status}, {order.filled_qty} filled"
        yield f"{cid} is {row.life}, {row.status}, {row.filled_qty} filled here; there it is {there}"


def _shares(books: Books, venue: Venue) -> Iterator[str]:
    held, heard = venue.holdings, books.positions()
    believed = {symbol: qty for symbol, (_, qty) in books.holdings().items()}
    for symbol in sorted(held.keys() | believed.keys() | heard.keys()):
        there = held.get(symbol, ZERO)
        for verb, here in (("believes", believed), ("has heard", heard)):
            if here.get(symbol, ZERO) != there:
                yield f"the exchange holds {there} {symbol}, the ledger {verb} {here.get(symbol, ZERO)}"


def _journal(books: Books) -> Iterator[str]:
    """The books are what the journal alone makes of them."""
    told = verify(books.path)
    if told.broken_at is not None:
        yield f"the journal is broken at {told.broken_at}"
    for each in told.differences:
        yield f"{each.table} {each.key}: {each.column} is {each.stored}, by the journal {each.made_anew}"


def _trades(books: Books) -> Iterator[str]:
    """While an order works, its trade goes by the position endpoint, which may have lagged behind."""
    for trade in books.trades():
        orders = [order for order in books.orders().values() if order.trade_id == trade.id]
        bought = sum((order.filled_qty for order in orders), ZERO)
        if all(order.life == "done" for order in orders) and (trade.shares or ZERO) != bought:
            yield f"trade {trade.id} has {trade.shares} shares, its orders {bought}"
