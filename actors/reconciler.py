"""Reads the account.

In:  StreamOpened, ConfirmPosition (from the stream), LookUpOrder (from the executor)
Out: ?ListUnsettled, BrokerSnapshot, OrdersUpdated, OrderNotFound, PositionConfirmed, KeysRefused
     -> TradeLedger

All broker reads are here. A read that fails says nothing: it is tried again, and what it was asked
about stays as unknown as it was.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, assert_never

from actors.base import Mailbox, OnDeath, Worker
from actors.timers import Timers
from broker.api import Broker, NotFound, ReadFailed
from domain.messages import (
    BrokerSnapshot,
    ConfirmPosition,
    KeysRefused,
    LedgerMail,
    ListUnsettled,
    LookUpOrder,
    OrderNotFound,
    OrdersUpdated,
    PositionConfirmed,
    ReconcilerMail,
    StreamOpened,
    Unsettled,
)
from domain.orders import Life, OrderUpdate
from domain.reconcile import Snapshot
from domain.values import Clock

log = logging.getLogger(__name__)

LEDGER_TIMEOUT_S: Final = 20.0
LOOKUP_SPACING_S: Final = 0.1
"""Between the first look-ups of many orders, so that they do not all go at once."""
OVERLAP: Final = timedelta(minutes=10)
"""How far before our oldest unsettled intent the broker's orders are read: clocks differ."""


@dataclass(frozen=True, slots=True)
class _ReadAgain:
    """Take the snapshot for this generation again."""

    generation: int
    attempt: int


@dataclass(frozen=True, slots=True)
class _LookAgain:
    """The next look-up of an order; `attempt` counts from 0 and spaces them."""

    client_order_id: str
    attempt: int


_Mail = ReconcilerMail | _ReadAgain | _LookAgain


def lookup_delay_s(attempt: int) -> float:
    """Seconds between the n-th look-up (from 0) of an order and the next: 0.25, 0.5 … 30."""
    return float(min(0.25 * 2**attempt, 30.0))


def reread_delay_s(attempt: int) -> float:
    """Seconds before the n-th repetition (from 1) of a failed snapshot: 0.5, 1 … 8."""
    return float(min(0.25 * 2**attempt, 8.0))


class Reconciler(Worker[_Mail]):
    def __init__(
        self,
        *,
        broker: Broker,
        ledger: Mailbox[LedgerMail],
        timers: Timers,
        clock: Clock,
        on_death: OnDeath,
    ) -> None:
        super().__init__(on_death=on_death)
        self._broker = broker
        self._ledger = ledger
        self._timers = timers
        self._clock = clock
        self._generation = 0
        self._searched: set[str] = set()
        """Orders that are being looked up. One search an order, or each unresolved POST would add one."""

    def receive(self, mail: _Mail) -> None:
        match mail:
            case StreamOpened():
                self._generation = mail.generation
                self._read_account(mail.generation, attempt=0)
            case _ReadAgain():
                if mail.generation == self._generation:
                    self._read_account(mail.generation, mail.attempt)
            case LookUpOrder():
                self._find_out(mail.client_order_id, after_s=0)
            case _LookAgain():
                self._look_up(mail)
            case ConfirmPosition():
                self._confirm(mail)
            case _:
                assert_never(mail)

    # --- the whole account ----------------------------------------------------------------------

    def _read_account(self, generation: int, attempt: int) -> None:
        unheard: list[str] = []
        snapshot = self._snapshot(unheard)
        if isinstance(snapshot, ReadFailed):
            self._told_off(snapshot)
            delay = max(reread_delay_s(attempt + 1), snapshot.retry_after_s)
            log.warning("the account cannot be read (%s); again in %.1f s", snapshot.why, delay)
            address, again = self.address, _ReadAgain(generation, attempt + 1)
            self._timers.after(delay, lambda: address.send(again))
            return
        self._ledger.send(BrokerSnapshot(generation=generation, snapshot=snapshot))
        for number, client_order_id in enumerate(unheard):
            self._find_out(client_order_id, after_s=lookup_delay_s(1) + number * LOOKUP_SPACING_S)

    def _snapshot(self, unheard: list[str]) -> Snapshot | ReadFailed:
        """Our unsettled orders and all positions; its cost grows with the gap, not with the history.

        `unheard` gets the intents that the broker's list does not have. To ask for each of them here could
        use up the rate limit and keep the gate shut for ever; they are looked up one by one, beside the rest.
        """
        taken_at = self._clock()
        unsettled = self._ledger.ask(ListUnsettled(), Unsettled, timeout=LEDGER_TIMEOUT_S)
        orders: tuple[OrderUpdate, ...] | ReadFailed = ()
        if unsettled.since is not None:
            orders = self._broker.orders(status="all", after=unsettled.since - OVERLAP)
        if isinstance(orders, ReadFailed):
            return orders
        listed = {order.client_order_id for order in orders} | {order.broker_order_id for order in orders}
        found, missing = list(orders), list[str]()
        for record in unsettled.orders:
            if record.client_order_id in listed or record.broker_order_id in listed:
                continue
            if record.broker_order_id is None:
                unheard.append(record.client_order_id)
                continue
            answer = self._with_successors(record.broker_order_id)
            match answer:
                case ReadFailed():
                    return answer
                case NotFound():
                    missing.append(record.client_order_id)
                case _:
                    found += answer
        positions = self._broker.positions()
        if isinstance(positions, ReadFailed):
            return positions
        return Snapshot(taken_at=taken_at, orders=tuple(found), positions=positions, missing=tuple(missing))

    def _with_successors(self, broker_order_id: str) -> list[OrderUpdate] | NotFound | ReadFailed:
        """One of our orders by the broker's id, and what replaced it since."""
        answer = self._broker.order(broker_order_id)
        found: list[OrderUpdate] = []
        while isinstance(answer, OrderUpdate):
            found.append(answer)
            if not answer.replaced_by:
                return found
            answer = self._broker.order(answer.replaced_by)
        return found if found and isinstance(answer, NotFound) else answer

    # --- one order ------------------------------------------------------------------------------

    def _find_out(self, client_order_id: str, *, after_s: float) -> None:
        if client_order_id not in self._searched:
            self._searched.add(client_order_id)
            self._look_up_later(_LookAgain(client_order_id, 0), after_s)

    def _look_up(self, mail: _LookAgain) -> None:
        """Ask for an order whose POST had no clear answer, until the ledger has one or gives it up."""
        cid = mail.client_order_id
        unsettled = self._ledger.ask(ListUnsettled(client_order_id=cid), Unsettled, timeout=LEDGER_TIMEOUT_S)
        if not any(record.life in {Life.INTENDED, Life.UNRESOLVED} for record in unsettled.orders):
            self._searched.discard(cid)
            return
        delay = lookup_delay_s(mail.attempt)
        answer = self._broker.order_by_client_id(cid)
        match answer:
            case OrderUpdate():
                self._ledger.send(OrdersUpdated(updates=(answer,)))
                self._searched.discard(cid)
                return
            case NotFound():
                self._ledger.send(OrderNotFound(client_order_id=cid))
            case ReadFailed():
                self._told_off(answer)
                if not mail.attempt:
                    log.warning("order %s cannot be looked up yet (%s)", cid, answer.why)
                delay = max(delay, answer.retry_after_s)
        self._look_up_later(_LookAgain(cid, mail.attempt + 1), delay)

    def _look_up_later(self, mail: _LookAgain, delay_s: float) -> None:
        address = self.address
        self._timers.after(delay_s, lambda: address.send(mail))

    # --- one position ---------------------------------------------------------------------------

    def _confirm(self, mail: ConfirmPosition) -> None:
        answer = self._broker.position(mail.symbol)
        qty, why = None, ""
        match answer:
            case NotFound():
                why = "the broker knows no such position yet"
            case ReadFailed():
                self._told_off(answer)
                why = answer.why
            case _:
                qty = answer.qty
        self._ledger.send(
            PositionConfirmed(
                client_order_id=mail.client_order_id,
                filled_qty=mail.filled_qty,
                position_qty=qty,
                why=why,
            )
        )

    def _told_off(self, failure: ReadFailed) -> None:
        if failure.keys_refused:
            self._ledger.send(KeysRefused(why=failure.why))
