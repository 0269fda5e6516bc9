"""Looks on: at each plan, at each POST, and at each commit."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from domain.gate import AUDIT_GOOD_FOR, CLOCK_TOLERANCE
from domain.holdings import ALL
from domain.identity import is_ours
from domain.messages import BrokerSnapshot, PlanEntry, Planned, PlanResend, StreamOpened
from domain.orders import OrderTicket
from simulator.orders import Order
from tests.seeded.books import Books
from tests.seeded.broker import LATEST_S
from tests.seeded.fate import Violation
from tests.seeded.people import Operator
from tests.seeded.promises import STALE_S, Promises
from tests.seeded.source import Sent, Source
from tests.seeded.venue import Venue
from tests.seeded.virtual import VirtualTime

SLOW_READ: Final = timedelta(seconds=15)
"""A clock that is read slowly is compared inexactly."""


def _broken(promise: str, what: str) -> Violation:
    return Violation(f"{promise}: {what}")


class Checks:
    """Compares the ledger's commits with the venue's own record. What it remembers outlives the process."""

    def __init__(self, *, venue: Venue, source: Source, operator: Operator, time: VirtualTime) -> None:
        self._venue = venue
        self._source = source
        self._operator = operator
        self._time = time
        self.books: Books | None = None
        self._version = -1
        self._may_post: dict[str, int] = {}
        self._halts_when_asked: dict[int, set[tuple[str, str]]] = {}
        self._stops_when_asked: dict[int, set[str]] = {}
        self._promises = Promises(venue=venue, source=source, time=time)
        self._snapshot_at_s: float | None = None
        self.opened_at_s: float | None = None
        """When this process last told that its stream is up."""

    def new_life(self, books: Books | None) -> None:
        """A new process has opened this file; None: the process is dead."""
        if self.books is not None:
            self.books.close()
        self.books = books
        self._version = -1
        self._may_post.clear()
        self._snapshot_at_s = self.opened_at_s = None

    def ledger_lost(self) -> None:
        """The file is gone, so its past binds nobody; the venue's does."""
        self._promises = Promises(venue=self._venue, source=self._source, time=self._time)

    # --- as it happens --------------------------------------------------------------------------

    def sent(self, mail: object) -> None:
        if isinstance(mail, BrokerSnapshot):
            self._snapshot_at_s = self._time.elapsed_s
        elif isinstance(mail, StreamOpened):
            self.opened_at_s = self._time.elapsed_s
        elif isinstance(mail, PlanEntry | PlanResend) and self.books is not None:
            self._halts_when_asked[id(mail)] = set(self.books.halts())
            self._stops_when_asked[id(mail)] = set(self._operator.stopped)

    def answered(self, question: Any, answer: object) -> None:
        """An answer to a question for a plan: only now may one POST leave."""
        if not isinstance(question, PlanEntry | PlanResend):
            return
        halts = self._halts_when_asked.pop(id(question), set())
        stopped = self._stops_when_asked.pop(id(question), set())
        if not isinstance(answer, Planned):
            return
        cid, symbol = answer.order.client_order_id, answer.order.symbol
        self._may_post[cid] = self._may_post.get(cid, 0) + 1
        if self._snapshot_at_s is None:
            raise _broken("closed gate", f"{cid} planned before the account was read")
        if self._time.elapsed_s - self._snapshot_at_s > AUDIT_GOOD_FOR.total_seconds() + STALE_S:
            raise _broken("closed gate", f"{cid} planned long after the account was last read")
        if abs(self._time.skew) > CLOCK_TOLERANCE + SLOW_READ:
            raise _broken("closed gate", f"{cid} planned by a clock that is {self._time.skew} off")
        assert self.books is not None
        standing = {scope for scope, _ in halts & set(self.books.halts())} | (
            stopped & self._operator.stopped
        )
        if standing & {ALL, symbol}:
            raise _broken("sticky halt", f"{cid} planned in spite of halts on {standing}")

    def posting(self, order: OrderTicket) -> None:
        cid = order.client_order_id
        assert self.books is not None
        if not self.books.has_intent(cid):
            raise _broken("write-ahead", f"{cid} leaves, and no intent of it is committed")
        sent = self._source.by_order.get(cid)
        if sent is not None and self._time.clock() >= sent.signal.expires_at:
            raise _broken("stale never trades", f"{cid} leaves after {sent.signal.expires_at}")
        if not self._may_post.get(cid):
            raise _broken("closed gate", f"{cid} leaves without a plan made for this POST")
        self._may_post[cid] -= 1

    def cancelling(self, broker_order_id: str) -> None:
        if not any(order.id == broker_order_id for order in self._venue.ours.values()):
            raise _broken("no harm to others", f"a cancel of {broker_order_id}, which is not ours")

    def accepted(self, order: Order) -> None:
        """The exchange took an order."""
        cid = order.client_order_id
        if not is_ours(cid):
            return
        sent = self._source.by_order.get(cid)
        if sent is None:
            raise _broken("at most one", f"{cid} is not the one order that a signal can have")
        if (order.symbol, order.side) != (sent.signal.symbol, "buy") or not self._affordable(order, sent):
            raise _broken("at most one", f"{cid} is not what {sent.key} asks for")
        late = self._time.truth() - sent.signal.expires_at
        if late > timedelta(seconds=LATEST_S) + CLOCK_TOLERANCE:
            raise _broken("stale never trades", f"{cid} arrived {late.total_seconds():.0f} s too late")

    def _affordable(self, order: Order, sent: Sent) -> bool:
        """Whether it spends its signal's dollars: all of them, or as many as whole shares take."""
        if order.qty is None:
            return order.notional == sent.dollars
        exchange, now = self._venue.exchange, self._time.nanos()
        if sent.dollars is None or exchange.assets.is_fractionable(order.symbol):
            return False
        cost = order.qty * exchange.prices.last(order.symbol, now)
        return order.qty == order.qty.to_integral_value() and cost <= sent.dollars * Decimal("1.05")

    # --- all the time ---------------------------------------------------------------------------

    def look(self) -> None:
        """Whether what is committed agrees with what has happened."""
        if self.books is None or (version := self.books.version()) == self._version:
            return
        self._version = version
        for broken in self._promises.broken(self.books):
            raise Violation(broken)
