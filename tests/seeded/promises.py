"""What must be true of every commit, whatever went wrong before it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from simulator.clock import SECOND
from simulator.orders import CLOSED, ZERO, Order
from tests.seeded.books import Books, Key, OrderRow
from tests.seeded.source import Source
from tests.seeded.venue import Venue
from tests.seeded.virtual import VirtualTime

OCCUPYING: Final = frozenset({"pending", "open", "closing"})
AT_THE_EXCHANGE: Final = frozenset({"working", "done"})
STALE_S: Final = 60.0
"""How old evidence may be by the time that the ledger acts on it: an actor may be held up."""


class Promises:
    """Compares one ledger's commits with the exchange's own record; remembers what may not be taken back."""

    def __init__(self, *, venue: Venue, source: Source, time: VirtualTime) -> None:
        self._venue = venue
        self._source = source
        self._time = time
        self._filled: dict[str, Decimal] = {}
        self._done: set[str] = set()
        self._decided: dict[Key, str] = {}

    def broken(self, books: Books) -> Iterator[str]:
        """Each broken promise, its name first."""
        yield from self._signals(books.signals())
        there = self._venue.ours
        for cid, row in books.orders().items():
            order = there.get(cid)
            yield from self._fold(row, order)
            yield from self._evidence(row, order)
        yield from self._trades(books)
        yield from self._holdings(books)

    def _signals(self, states: dict[Key, str]) -> Iterator[str]:
        for sent in self._source.sent.values():
            if sent.acknowledged and sent.key not in states:
                yield f"none lost: {sent.key} was acknowledged and is gone"
        for key, state in states.items():
            if state != "received" and self._decided.setdefault(key, state) != state:
                yield f"one verdict: {key} was {self._decided[key]} and is {state}"
            if state == "received" and key in self._decided:
                yield f"one verdict: {key} was {self._decided[key]} and has none any more"

    def _fold(self, row: OrderRow, order: Order | None) -> Iterator[str]:
        """Never more than was executed, never less than was known, never back from the end."""
        cid, there = row.client_order_id, ZERO if order is None else order.filled_qty
        if not ZERO <= row.filled_qty <= there:
            yield f"fold: {cid} has {row.filled_qty} filled here and {there} at the exchange"
        if row.qty is not None and row.filled_qty > row.qty:
            yield f"fold: {cid} has {row.filled_qty} of {row.qty} filled"
        before = self._filled.get(cid, ZERO)
        if row.filled_qty < before:
            yield f"fold: {cid} fell from {before} to {row.filled_qty}"
        self._filled[cid] = row.filled_qty
        if cid in self._done and row.life != "done":
            yield f"fold: {cid} was done and is {row.life}"
        if row.life == "done":
            self._done.add(cid)

    def _evidence(self, row: OrderRow, order: Order | None) -> Iterator[str]:
        """An order is what it is by the exchange's word only."""
        cid = row.client_order_id
        if row.life in AT_THE_EXCHANGE and order is None:
            yield f"no guess: {cid} is {row.life} here and unknown to the exchange"
        if row.life == "done" and order is not None and order.status not in CLOSED:
            yield f"no guess: {cid} is done here and {order.status} at the exchange"
        if row.life == "refused" and cid not in self._venue.refused:
            yield f"no guess: {cid} is refused here, and the exchange never refused it"
        if row.life == "lapsed" and order is not None and order.is_open:
            known_s = (self._time.nanos() - self._venue.accepted_at[cid]) / SECOND
            if known_s > STALE_S:
                yield f"no guess: {cid} was given up, the exchange has had it for {known_s:.0f} s"

    def _trades(self, books: Books) -> Iterator[str]:
        taken: set[str] = set()
        for trade in books.trades():
            if trade.status in OCCUPYING and trade.symbol in taken:
                yield f"one trade a symbol: {trade.symbol} has two"
            if trade.status in OCCUPYING:
                taken.add(trade.symbol)

    def _holdings(self, books: Books) -> Iterator[str]:
        """The books of each symbol add up: what was there, what we bought, what others moved."""
        moved = books.moved_by_others()
        for row in books.orders().values():
            moved[row.symbol] = moved.get(row.symbol, ZERO) + row.filled_qty
        holdings = books.holdings()
        for symbol in sorted(holdings.keys() | moved.keys()):
            opening, believed = holdings.get(symbol, (ZERO, ZERO))
            since = moved.get(symbol, ZERO)
            if believed != opening + since:
                yield f"conservation: {believed} {symbol} believed, {opening} at the opening, {since} since"
