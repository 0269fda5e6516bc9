"""Sends orders, the only place they leave through: one at a time, from the plan to the broker's answer.

In:  ExecuteSignal | ResendOrder | CancelOrder | ClosePosition | ProtectPosition, Serve (from the executor)
Out: ?PlanEntry (after the reads that it asks for), ?PlanResend, ?PlanExit, ?PlanStop,
     OrderAccepted | OrderRejected | OrderUnresolved | OrderNotSent -> TradeLedger
     LookUpOrder | ReadOrder -> Reconciler;  OrderPlaced -> TradingStream;  Free -> OrderExecutor

A lane has a broker connection of its own, and may be held by one POST for the client's timeouts. Work
that it lets go without an order is not lost: the ledger has it, and it is found again.
"""

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, assert_never

import pykka

from actors import subject
from actors.base import Mailbox, OnDeath, Worker
from actors.brake import Brake
from actors.entry_reads import MOST_ROUNDS, read_for_entry
from actors.timers import Timers
from broker.api import Accepted, Broker, NotFound, NotSent, ReadFailed, Rejected, Unresolved
from domain.messages import (
    CancelOrder,
    ClosePosition,
    Declined,
    ExecuteSignal,
    LedgerMail,
    LedgerUnwritable,
    LookUpOrder,
    OrderAccepted,
    OrderNotSent,
    OrderPlaced,
    OrderRejected,
    OrderUnresolved,
    PlanAnswer,
    PlanEntry,
    PlanExit,
    Planned,
    PlanResend,
    PlanStop,
    ProtectPosition,
    ReadOrder,
    ReconcilerMail,
    ResendOrder,
    StreamMail,
)
from domain.orders import OrderTicket, OrderUpdate
from domain.rules import Deferred, ReadsWanted
from domain.signals import Signal
from domain.values import ZERO, Clock
from failpoint import failpoint

log = logging.getLogger(__name__)

LEDGER_TIMEOUT_S: Final = 20.0
DEFERRED_RETRY_S: Final = 1.0
BRAKED_RETRY_S: Final = 1.0
SPREAD_S: Final = 2.0
CANCEL_TRIES: Final = 11
CANCEL_PAUSE_S: Final = 0.5
CANCEL_PAUSE_MAX_S: Final = 30.0
TOLD_BY_THE_STREAM: Final = frozenset({"pending_new", "new", "partially_filled", "filled"})
"""Statuses of a fresh order that an event on the stream follows or has followed."""

Work = ExecuteSignal | ResendOrder | CancelOrder | ClosePosition | ProtectPosition
Plan = PlanEntry | PlanResend | PlanExit | PlanStop
_Answer = PlanAnswer | ReadsWanted | None
"""None: the ledger has no answer to give just now."""


@dataclass(frozen=True, slots=True)
class Free:
    """A lane is through with this work."""

    key: str


@dataclass(frozen=True, slots=True)
class Serve:
    """Work comes from this executor; open the connection ahead of the first order."""

    executor: Mailbox[Free]


@dataclass(frozen=True, slots=True)
class _TryAgain:
    """POST an intent that the broker did not take, if it still may leave."""

    key: str
    client_order_id: str
    never_sent: bool
    told: bool = False
    """The ledger knows that it waits; saying so at each try would fill it."""


@dataclass(frozen=True, slots=True)
class _Cancel:
    """Ask for this cancel, for the n-th time."""

    order: CancelOrder
    nth: int = 1


LaneMail = Work | Serve | _TryAgain | _Cancel


def key_of(work: Work) -> str:
    """What names a piece of work: the same one twice in hand is done once."""
    match work:
        case ExecuteSignal():
            return f"{work.signal.source}\n{work.signal.signal_id}"
        case ResendOrder():
            return work.client_order_id
        case CancelOrder():
            return f"cancel {work.client_order_id}"
        case ClosePosition():
            return f"close {work.trade_id}"
        case ProtectPosition():
            return f"protect {work.trade_id}"


def symbol_of(work: Work) -> str:
    """Whose orders must not overtake each other."""
    return work.signal.symbol if isinstance(work, ExecuteSignal) else work.symbol


class Lane(Worker[LaneMail]):
    """Once `stopping` is set it takes nothing more on, and finishes the POST that is on the wire."""

    def __init__(
        self,
        *,
        broker: Broker,
        ledger: Mailbox[LedgerMail],
        reconciler: Mailbox[ReconcilerMail],
        stream: Mailbox[StreamMail],
        brake: Brake,
        timers: Timers,
        clock: Clock,
        stopping: threading.Event,
        on_death: OnDeath,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`chance` spreads retries: a number from 0 to 1."""
        super().__init__(on_death=on_death)
        self._broker = broker
        self._ledger = ledger
        self._reconciler = reconciler
        self._stream = stream
        self._brake = brake
        self._timers = timers
        self._clock = clock
        self._stopping = stopping
        self._chance = chance
        self._executor: Mailbox[Free] | None = None

    def receive(self, mail: LaneMail) -> None:
        if self._stopping.is_set():
            return
        match mail:
            case Serve():
                self._executor = mail.executor
                self._broker.warm()
            case ExecuteSignal():
                self._act(_TryAgain(key_of(mail), "", never_sent=True), self._decide(mail.signal))
            case ResendOrder():
                plan_again = PlanResend(client_order_id=mail.client_order_id)
                again = _TryAgain(key_of(mail), mail.client_order_id, never_sent=False)
                self._act(again, self._ask(plan_again))
            case ClosePosition():
                self._act(_TryAgain(key_of(mail), "", never_sent=True), self._ask(self._exit_of(mail)))
            case ProtectPosition():
                plan_stop = PlanStop(trade_id=mail.trade_id)
                self._act(_TryAgain(key_of(mail), "", never_sent=True), self._ask(plan_stop))
            case _TryAgain():
                self._try_again(mail)
            case CancelOrder():
                self._cancel(_Cancel(mail))
            case _Cancel():
                self._cancel(mail)
            case _:
                assert_never(mail)

    # --- orders -----------------------------------------------------------------------------------

    def _decide(self, signal: Signal) -> _Answer:
        """The ledger's decision, after what it asks for was looked up; if that failed, the signal waits."""
        source, signal_id, reads = signal.source, signal.signal_id, None
        for _ in range(MOST_ROUNDS):
            answer = self._ask(PlanEntry(source=source, signal_id=signal_id, reads=reads))
            if not isinstance(answer, ReadsWanted) or self._stopping.is_set():
                return answer
            told = read_for_entry(self._broker, answer, reads, self._clock)
            if isinstance(told, ReadFailed):
                log.warning(
                    "no decision on %s yet: %s cannot be read (%s)", signal_id, answer.symbol, told.why
                )
                return None
            reads = told
        log.error("no decision on %s: the ledger asks for more than there is to read", signal_id)
        return None

    def _exit_of(self, mail: ClosePosition) -> PlanExit:
        """The plan's question, with what the account holds at this moment.

        A split, or the owner's own sale, may have changed it since it was last read: then what is to be
        sold, and whether it is to be sold at all, is another matter.
        """
        told = self._broker.position(mail.symbol)
        qty = None if isinstance(told, ReadFailed) else ZERO if isinstance(told, NotFound) else told.qty
        return PlanExit(
            trade_id=mail.trade_id, reason=mail.reason, detail=mail.detail, by=mail.by, position_qty=qty
        )

    def _ask(self, plan: Plan) -> _Answer:
        """The ledger's plan; None: it has none to give just now."""
        try:
            answer = self._ledger.ask(
                plan, Planned, Declined, Deferred, ReadsWanted, LedgerUnwritable, timeout=LEDGER_TIMEOUT_S
            )
        except pykka.Timeout:
            log.warning("the ledger has not answered %s within %.0f s", plan, LEDGER_TIMEOUT_S)
            return None
        if isinstance(answer, LedgerUnwritable):
            log.warning("no plan for %s: the ledger cannot be written (%s)", plan, answer.why)
            return None
        return answer

    def _act(self, work: _TryAgain, answer: _Answer) -> None:
        match answer:
            case Planned():
                subject.add(client_order_id=answer.order.client_order_id)
                self._submit(replace(work, client_order_id=answer.order.client_order_id), answer.order)
            case Declined() | Deferred() | ReadsWanted() | None:
                # A signal without a verdict is sent again by the receiver, an intent without an outcome
                # is found again by the reconciler, and what is to be sold by the monitor.
                self._free(work.key)
            case _:
                assert_never(answer)

    def _try_again(self, mail: _TryAgain) -> None:
        plan = PlanResend(client_order_id=mail.client_order_id, never_sent=mail.never_sent)
        answer = self._ask(plan)
        if isinstance(answer, Deferred):
            self._later(mail, DEFERRED_RETRY_S)
        else:
            self._act(mail, answer)

    def _submit(self, work: _TryAgain, order: OrderTicket) -> None:
        """POST once and tell the ledger what the answer proves."""
        if self._stopping.is_set():  # set while the ledger planned
            return
        if self._clock() >= order.post_until:
            self._later(work, 0)
            return
        if (why_not := self._brake.why_not(order.symbol, order.side)) is not None:
            self._wait(work, why_not, BRAKED_RETRY_S)
            return
        cid = order.client_order_id
        failpoint("plan.after_intent")
        match self._broker.submit(order):
            case Accepted(update=update):
                self._accepted(update)
            case Rejected(reason=reason, keys_refused=keys_refused):
                self._ledger.send(
                    OrderRejected(client_order_id=cid, reason=reason, keys_refused=keys_refused)
                )
            case NotSent(why=why, retry_after_s=retry_after_s):
                self._wait(work, why, retry_after_s)
                return
            case Unresolved(why=why):
                log.warning("order %s unresolved (%s); looking it up", cid, why)
                self._ledger.send(OrderUnresolved(client_order_id=cid, why=why))
                self._reconciler.send(LookUpOrder(client_order_id=cid))
        self._free(work.key)

    def _accepted(self, update: OrderUpdate) -> None:
        self._ledger.send(OrderAccepted(update=update))
        if update.status in TOLD_BY_THE_STREAM:
            placed = OrderPlaced(
                client_order_id=update.client_order_id, broker_order_id=update.broker_order_id
            )
            self._stream.send(placed)

    def _wait(self, work: _TryAgain, why: str, retry_after_s: float) -> None:
        """Nothing was taken: say so once, and try again, but not all that wait at the same moment."""
        if not work.told:
            log.warning("order %s not sent (%s); again in %.1f s", work.client_order_id, why, retry_after_s)
            self._ledger.send(OrderNotSent(client_order_id=work.client_order_id, why=why))
        spread = self._chance() * SPREAD_S if work.told else 0.0
        self._later(replace(work, told=True), retry_after_s + spread)

    # --- cancels ----------------------------------------------------------------------------------

    def _cancel(self, work: _Cancel) -> None:
        """Ask the broker until it has answered; what came of it is told by the stream or a read."""
        answer = self._broker.cancel(work.order.broker_order_id)
        if isinstance(answer, ReadFailed) and work.nth < CANCEL_TRIES:
            pause = min(CANCEL_PAUSE_S * 2 ** (work.nth - 1), CANCEL_PAUSE_MAX_S)
            self._later(replace(work, nth=work.nth + 1), max(pause, answer.retry_after_s))
            return
        if isinstance(answer, ReadFailed):
            log.error("the cancel of order %s got no answer (%s)", work.order.client_order_id, answer.why)
        elif answer != "requested":  # it has ended, and what waits for that may not have been told
            self._reconciler.send(ReadOrder(broker_order_id=work.order.broker_order_id))
        self._free(key_of(work.order))

    # --- both -------------------------------------------------------------------------------------

    def _free(self, key: str) -> None:
        assert self._executor is not None, "work came before the executor had made itself known"
        self._executor.send(Free(key))

    def _later(self, mail: _TryAgain | _Cancel, delay_s: float) -> None:
        address = self.address
        self._timers.after(delay_s, lambda: address.send(mail))
