"""Reads the account.

In:  StreamOpened, ConfirmPosition, ReadOrder (from the stream), LookUpOrder, ReadOrder (from the executor),
     AuditNow (from the ledger and the owner)
Out: ?ListUnsettled, BrokerSnapshot, OrdersUpdated, OrderNotFound, LookUpFailed, PositionConfirmed,
     KeysRefused -> TradeLedger;  OrdersRead -> TradingStream

All broker reads are here. After each connect, every thirty seconds and on demand the account is read in
full, always in the same way. A read that fails says nothing: it is tried again, and what it was asked
about stays as unknown as it was.
"""

import logging
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, assert_never

import pykka

from actors.account_reading import Reading
from actors.base import Mailbox, OnDeath, Worker
from actors.market_reading import MarketReading
from actors.timers import Timers
from broker.api import Broker, NotFound, ReadFailed
from domain.messages import (
    AuditNow,
    BrokerSnapshot,
    ConfirmPosition,
    KeysRefused,
    LedgerMail,
    LedgerUnwritable,
    ListUnsettled,
    LookUpFailed,
    LookUpOrder,
    OrderNotFound,
    OrdersRead,
    OrdersUpdated,
    PositionConfirmed,
    ReadOrder,
    ReconcilerMail,
    StreamMail,
    StreamOpened,
    Unsettled,
)
from domain.orders import Life, OrderUpdate
from domain.values import Clock, Monotonic

log = logging.getLogger(__name__)

LEDGER_TIMEOUT_S: Final = 15.0
AUDIT_EVERY_S: Final = 30.0
QUIET_S: Final = 5.0
"""What is under way is given so long before a difference is looked at again."""
LOOKUP_SPACING_S: Final = 0.1
"""Between the first look-ups of many orders, so that they do not all go at once."""
YOUNG_S: Final = 5.0
"""An intent found in an audit is most likely being POSTed right now."""


@dataclass(frozen=True, slots=True)
class _Audit:
    """The time for the next full read has come, unless another one was set since."""

    number: int


@dataclass(frozen=True, slots=True)
class _Step:
    """The next request of the read of this number."""

    number: int


@dataclass(frozen=True, slots=True)
class _LookAgain:
    """The next look-up of an order; `attempt` counts from 0 and spaces them."""

    client_order_id: str
    attempt: int


_Mail = ReconcilerMail | _Audit | _Step | _LookAgain


def lookup_delay_s(attempt: int) -> float:
    """Seconds between the n-th look-up (from 0) of an order and the next: 0.25, 0.5 … 30."""
    return float(min(0.25 * 2**attempt, 30.0))


def reread_delay_s(attempt: int) -> float:
    """Seconds before the n-th repetition (from 1) of a failed read: 0.5, 1 … 8."""
    return float(min(0.25 * 2**attempt, 8.0))


class Reconciler(Worker[_Mail]):
    def __init__(
        self,
        *,
        broker: Broker,
        ledger: Mailbox[LedgerMail],
        stream: Mailbox[StreamMail],
        timers: Timers,
        clock: Clock,
        monotonic: Monotonic,
        on_death: OnDeath,
        audit_every_s: float = AUDIT_EVERY_S,
    ) -> None:
        super().__init__(on_death=on_death)
        self._broker = broker
        self._ledger = ledger
        self._stream = stream
        self._timers = timers
        self._clock = clock
        self._monotonic = monotonic
        self._audit_every_s = audit_every_s
        self._generation = 0
        self._audits = 0
        self._hurried = False
        """A read is due sooner than usual because of a difference."""
        self._explain = False
        """The read that is under way is the one that was hurried for."""
        self._market = MarketReading(broker=broker, clock=clock)
        self._reading: Reading | None = None
        self._steps: Generator[None, None, ReadFailed | None] | None = None
        self._readings = 0
        self._failures = 0
        self._fresh_stream = False
        """No full read has come about since the stream opened: what it shows may be from the gap."""
        self._searched: set[str] = set()
        """Orders that are being looked up. One search an order, or each unresolved POST would add one."""

    def setup(self) -> None:
        self._audit_after(self._audit_every_s)

    def receive(self, mail: _Mail) -> None:
        match mail:
            case StreamOpened() | AuditNow() | _Audit() | _Step():
                self._read_account(mail)
            case LookUpOrder():
                self._find_out(mail.client_order_id, after_s=0)
            case _LookAgain():
                self._look_up(mail)
            case ReadOrder():
                self._read_order(mail.broker_order_id)
            case ConfirmPosition():
                self._confirm(mail)
            case _:
                assert_never(mail)

    # --- the whole account ----------------------------------------------------------------------

    def _read_account(self, mail: StreamOpened | AuditNow | _Audit | _Step) -> None:
        match mail:
            case StreamOpened():
                self._generation, self._fresh_stream = mail.generation, True
                self._begin()
            case AuditNow():
                self._hurry(mail)
            case _Audit():
                # A read that is under way is not dropped for the next: that could go on for ever.
                if mail.number == self._audits and self._reading is None:
                    self._begin()
            case _Step():
                if mail.number == self._readings:
                    self._step()

    def _hurry(self, mail: AuditNow) -> None:
        """Read sooner. One that is set already serves all who ask for it meanwhile."""
        if not mail.quiet:
            self._audit_after(0)
        elif not self._hurried:
            log.warning("the account is read again: %s", mail.why)
            self._audit_after(QUIET_S)
        self._hurried = True

    def _audit_after(self, delay_s: float) -> None:
        self._audits += 1
        address, audit = self.address, _Audit(self._audits)
        self._timers.after(delay_s, lambda: address.send(audit))

    def _begin(self) -> None:
        """Start a full read; one that is under way is dropped for it."""
        self._readings += 1
        self._audits += 1
        self._explain = self._hurried or (self._reading is not None and self._explain)
        self._hurried, self._reading, self._steps = False, None, None
        unsettled = self._unsettled(ListUnsettled())
        if unsettled is None:
            self._failed(ReadFailed(why="the ledger cannot say what it waits for"))
            return
        self._reading = Reading(
            broker=self._broker,
            market=self._market,
            unsettled=unsettled,
            clock=self._clock,
            monotonic=self._monotonic,
            explain=self._explain or unsettled.watermark is None,
        )
        self._steps = self._reading.steps()
        self._step()

    def _step(self) -> None:
        """One request; whatever else is in the inbox has its turn before the next."""
        assert self._steps is not None
        try:
            next(self._steps)
        except StopIteration as end:
            self._done(end.value)
        else:
            self.address.send(_Step(self._readings))

    def _done(self, failure: ReadFailed | None) -> None:
        reading, self._reading, self._steps = self._reading, None, None
        if failure is not None or reading is None or reading.snapshot is None:
            self._failed(failure or ReadFailed(why="nothing was read"))
            return
        self._failures = 0
        self._audit_after(QUIET_S if self._hurried else self._audit_every_s)
        self._ledger.send(BrokerSnapshot(generation=self._generation, snapshot=reading.snapshot))
        if reading.told and not self._fresh_stream:
            self._stream.send(OrdersRead(updates=tuple(reading.told)))
        young = 0.0 if self._fresh_stream else YOUNG_S
        self._fresh_stream = False
        for number, record in enumerate(reading.unheard):
            delay = lookup_delay_s(1) + young + number * LOOKUP_SPACING_S
            self._find_out(record.client_order_id, after_s=delay)

    def _failed(self, failure: ReadFailed) -> None:
        self._told_off(failure)
        self._hurried = self._hurried or self._explain  # the next one stands in for it
        self._failures += 1
        delay = max(reread_delay_s(self._failures), failure.retry_after_s)
        log.warning("the account cannot be read (%s); again in %.1f s", failure.why, delay)
        self._audit_after(delay)

    def _unsettled(self, question: ListUnsettled) -> Unsettled | None:
        """What the ledger waits for; None: it cannot say now."""
        try:
            answer = self._ledger.ask(question, Unsettled, LedgerUnwritable, timeout=LEDGER_TIMEOUT_S)
        except pykka.Timeout:
            return None
        return answer if isinstance(answer, Unsettled) else None

    # --- one order ------------------------------------------------------------------------------

    def _find_out(self, client_order_id: str, *, after_s: float) -> None:
        if client_order_id not in self._searched:
            self._searched.add(client_order_id)
            self._look_up_later(_LookAgain(client_order_id, 0), after_s)

    def _look_up(self, mail: _LookAgain) -> None:
        """Ask for an order whose POST had no clear answer, until the ledger has one or gives it up."""
        cid = mail.client_order_id
        delay = lookup_delay_s(mail.attempt)
        unsettled = self._unsettled(ListUnsettled(client_order_id=cid))
        if unsettled is None:
            self._look_up_later(_LookAgain(cid, mail.attempt + 1), delay)
            return
        if not any(record.life in {Life.INTENDED, Life.UNRESOLVED} for record in unsettled.orders):
            self._searched.discard(cid)
            return
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
                self._ledger.send(LookUpFailed(client_order_id=cid, why=answer.why))
                if not mail.attempt:
                    log.warning("order %s cannot be looked up yet (%s)", cid, answer.why)
                delay = max(delay, answer.retry_after_s)
        self._look_up_later(_LookAgain(cid, mail.attempt + 1), delay)

    def _look_up_later(self, mail: _LookAgain, delay_s: float) -> None:
        address = self.address
        self._timers.after(delay_s, lambda: address.send(mail))

    def _read_order(self, broker_order_id: str) -> None:
        """What the stream is silent about. A read that fails is left to the next audit."""
        answer = self._broker.order(broker_order_id)
        if isinstance(answer, OrderUpdate):
            self._ledger.send(OrdersUpdated(updates=(answer,)))
            self._stream.send(OrdersRead(updates=(answer,)))
        elif isinstance(answer, ReadFailed):
            self._told_off(answer)

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
