"""One full read of the account, a step a request, so that whoever runs it can do other things in between.

The reads are one after the other and not one instant. That is why our open questions are asked first,
orders come before positions, and a difference is believed only after it was read again and again.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from actors.market_reading import MarketReading
from broker.api import Broker, NotFound, ReadFailed
from domain.gate import ClockReading
from domain.market import MarketClock
from domain.messages import Unsettled
from domain.orders import OPEN_STATUSES, OrderRecord, OrderUpdate, fold
from domain.reconcile import BrokerPosition, CorporateAction, FillActivity, Snapshot
from domain.values import Clock, Monotonic
from failpoint import failpoint

OVERLAP: Final = timedelta(minutes=2)
"""How far before the last read the next one begins: clocks may differ by what the gate allows."""
FILLS_A_READ: Final = 2000
"""They only give executions their prices: after a long absence, a read of all would use up the rate limit
each time, and the account would never be known. What the orders say is enough for the shares."""
ACTIONS_SINCE: Final = timedelta(days=2)
"""Corporate actions are told by the day, and may be told late."""


@dataclass
class Reading:
    """What a read has found so far. `steps` is to be run to its end, which is None or why it failed."""

    broker: Broker
    market: MarketReading
    unsettled: Unsettled
    clock: Clock
    monotonic: Monotonic
    explain: bool
    """A difference has to be explained: corporate actions are asked for too."""
    unheard: list[OrderRecord] = field(default_factory=list)
    """Intents that the broker's lists do not have. To ask for each of them here could use up the rate limit
    and keep the gate shut for ever; they are looked up one by one, beside the rest."""
    told: list[OrderUpdate] = field(default_factory=list)
    """Of what was read, what the ledger had not heard."""
    snapshot: Snapshot | None = None

    def steps(self) -> Generator[None, None, ReadFailed | None]:
        """A yield between any two requests. What is not for everybody to see is in the fields above."""
        taken_at = self.clock()
        compared = self._compare_clocks()
        if isinstance(compared, ReadFailed):
            return compared
        clock, reading = compared
        yield
        # Before the rest: the longer ago positions were read, the more has moved them since.
        market, means = yield from self.market.steps(clock)
        orders = yield from self._orders()
        if isinstance(orders, ReadFailed):
            return orders
        missing = yield from self._by_id(orders)
        if isinstance(missing, ReadFailed):
            return missing
        history = yield from self._history()
        if isinstance(history, ReadFailed):
            return history
        failpoint("recon.mid")
        positions = yield from self._positions(orders, began=taken_at - reading.ahead)
        if isinstance(positions, ReadFailed):
            return positions
        self.snapshot = Snapshot(
            taken_at=taken_at,
            orders=tuple(orders.values()),
            positions=positions,
            missing=tuple(missing),
            fills=history[0],
            actions=history[1],
            explained=self.explain,
            clock=reading,
            market=market,
            means=means,
        )
        self.told = list(self._news(orders))
        return None

    def _compare_clocks(self) -> tuple[MarketClock, ClockReading] | ReadFailed:
        begun = self.monotonic()
        market = self.broker.clock()
        if isinstance(market, ReadFailed):
            return market
        now, ended = self.clock(), self.monotonic()
        # The broker read its clock somewhere in between; a slow answer must not look like a wrong clock.
        # Its beginning is told by the clock as it shows now: that may have been set meanwhile.
        before = now - (ended - begun)
        ahead = min((before - market.timestamp, now - market.timestamp), key=abs)
        if before <= market.timestamp <= now:
            ahead = timedelta()
        return market, ClockReading(ahead=ahead, at=now, monotonic=ended)

    def _orders(self) -> Generator[None, None, dict[str, OrderUpdate] | ReadFailed]:
        """Those that are open, and all that were submitted since the last read, by the broker's id."""
        found: dict[str, OrderUpdate] = {}
        opened = self.broker.orders(status="open")
        if isinstance(opened, ReadFailed):
            return opened
        found |= {order.broker_order_id: order for order in opened}
        yield
        # Of two words on one order the later read is the newer.
        since = self.broker.orders(status="all", after=self._since())
        if isinstance(since, ReadFailed):
            return since
        found |= {order.broker_order_id: order for order in since}
        yield
        return found

    def _since(self) -> datetime | None:
        if self.unsettled.watermark is not None:
            return self.unsettled.watermark - OVERLAP
        # The first read of all: also what an earlier ledger may have ordered.
        return None

    def _by_id(self, found: dict[str, OrderUpdate]) -> Generator[None, None, list[str] | ReadFailed]:
        """Ask for those of ours that were not listed; the client_order_ids that the broker does not know."""
        listed = {order.client_order_id for order in found.values()} | found.keys()
        missing: list[str] = []
        for record in self.unsettled.orders:
            if record.client_order_id in listed or record.broker_order_id in listed:
                continue
            if record.broker_order_id is None:
                self.unheard.append(record)
                continue
            wanted: str | None = record.broker_order_id
            while wanted is not None:  # an order, and what replaced it since
                answer = self.broker.order(wanted)
                yield
                if isinstance(answer, ReadFailed):
                    return answer
                if isinstance(answer, NotFound):
                    if wanted == record.broker_order_id:
                        missing.append(record.client_order_id)
                    break
                found[answer.broker_order_id] = answer
                wanted = answer.replaced_by if answer.replaced_by not in found else None
        return missing

    def _history(
        self,
    ) -> Generator[None, None, tuple[tuple[FillActivity, ...], tuple[CorporateAction, ...]] | ReadFailed]:
        since = self._since()
        fills: tuple[FillActivity, ...] = ()
        if since is not None:
            told = self.broker.fills(after=since, most=FILLS_A_READ)
            if isinstance(told, ReadFailed):
                return told
            fills = told
            yield
        actions: tuple[CorporateAction, ...] = ()
        if self.explain:
            moved = self.broker.corporate_actions(after=self.clock() - ACTIONS_SINCE)
            if isinstance(moved, ReadFailed):
                return moved
            actions = moved
            yield
        return fills, actions

    def _positions(
        self, orders: dict[str, OrderUpdate], *, began: datetime
    ) -> Generator[None, None, tuple[BrokerPosition, ...] | ReadFailed]:
        """The positions; before the books are opened, at a moment at which no order moved them."""
        positions = self.broker.positions()
        if isinstance(positions, ReadFailed) or self.unsettled.watermark is not None:
            return positions
        yield
        again = self.broker.orders(status="open")
        if isinstance(again, ReadFailed):
            return again
        yield
        # What was submitted and filled since the orders were read is not open any more.
        lately = self.broker.orders(status="all", after=began - OVERLAP)
        if isinstance(lately, ReadFailed):
            return lately
        still_open = {order.broker_order_id for order in again}
        gone = [n for n, order in orders.items() if n not in still_open and order.status in OPEN_STATUSES]
        before = {name: order.filled_qty for name, order in orders.items()}
        if gone or any(before.get(o.broker_order_id) != o.filled_qty for o in (*again, *lately)):
            return ReadFailed(why="orders were filled while the account was read", retry_after_s=0.5)
        return positions

    def _news(self, orders: dict[str, OrderUpdate]) -> Iterator[OrderUpdate]:
        for record in self.unsettled.orders:
            update = orders.get(record.broker_order_id or "")
            if update is not None and fold(record, update) is not record:
                yield update
