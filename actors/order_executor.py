"""Sends orders, the only place they leave through.

In:  ExecuteSignal (from the receiver), ResendOrder (from the ledger)
Out: ?PlanEntry, ?PlanResend, OrderAccepted | OrderRejected | OrderUnresolved | OrderNotSent -> TradeLedger
     LookUpOrder -> Reconciler

The executor itself only deals work out to its lanes. A lane is an actor with a broker connection of
its own; it may be held by one POST for the client's timeouts. A symbol with work in hand stays on
its lane, so its orders never overtake each other; a free symbol goes to the lane with the least to do.
"""

import logging
import random
import threading
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, assert_never

from actors.base import Address, Mailbox, OnDeath, Worker, spawn
from actors.timers import Timers
from broker.api import Accepted, Broker, NotSent, Rejected, Unresolved
from domain.messages import (
    Declined,
    ExecuteSignal,
    ExecutorMail,
    LedgerMail,
    LookUpOrder,
    OrderAccepted,
    OrderNotSent,
    OrderRejected,
    OrderUnresolved,
    PlanAnswer,
    PlanEntry,
    Planned,
    PlanResend,
    ReconcilerMail,
    ResendOrder,
)
from domain.orders import OrderTicket
from domain.rules import Deferred
from domain.values import Clock

log = logging.getLogger(__name__)

LEDGER_TIMEOUT_S: Final = 20.0
DEFERRED_RETRY_S: Final = 1.0
SPREAD_S: Final = 2.0
LANE_STOP_S: Final = 17.0
"""A POST in flight is waited for; the broker client ends it after 15 seconds."""

Work = ExecuteSignal | ResendOrder


@dataclass(frozen=True, slots=True)
class _Free:
    """A lane is through with this work."""

    key: str


@dataclass(frozen=True, slots=True)
class _Warm:
    """Open the connection ahead of the first order."""


@dataclass(frozen=True, slots=True)
class _TryAgain:
    """POST an intent that the broker did not take, if it still may leave."""

    key: str
    client_order_id: str
    never_sent: bool
    told: bool = False
    """The ledger knows that it waits; saying so at each try would fill it."""


def _key(work: Work) -> str:
    """What names a piece of work: the same one twice in hand is done once."""
    if isinstance(work, ExecuteSignal):
        return f"{work.signal.source}\n{work.signal.signal_id}"
    return work.client_order_id


def _symbol(work: Work) -> str:
    return work.signal.symbol if isinstance(work, ExecuteSignal) else work.symbol


class OrderExecutor(Worker[ExecutorMail | _Free]):
    def __init__(
        self,
        *,
        broker: Broker,
        ledger: Mailbox[LedgerMail],
        reconciler: Mailbox[ReconcilerMail],
        timers: Timers,
        clock: Clock,
        on_death: OnDeath,
        lanes: int = 8,
    ) -> None:
        super().__init__(on_death=on_death)
        self._broker = broker
        self._ledger = ledger
        self._reconciler = reconciler
        self._timers = timers
        self._clock = clock
        self._lane_count = lanes
        self._stopping = threading.Event()
        self._lanes: list[Address[Work | _TryAgain | _Warm]] = []
        self._load: list[int] = [0] * lanes
        self._in_hand: dict[str, tuple[str, int]] = {}
        """Work that a lane has: its key -> (symbol, lane)."""
        self._symbols: dict[str, list[int]] = {}
        """Symbols with work in hand -> [lane, how many pieces]."""

    def setup(self) -> None:
        self._lanes = [
            spawn(
                Lane,
                broker=self._broker,
                ledger=self._ledger,
                reconciler=self._reconciler,
                executor=self.address,
                timers=self._timers,
                clock=self._clock,
                stopping=self._stopping,
                on_death=self._on_death,
            )
            for _ in range(self._lane_count)
        ]

        # By mail, and once all are there: a broker that is slow now must not hold up the start.
        for lane in self._lanes:
            lane.send(_Warm())

    def teardown(self) -> None:
        self._stopping.set()
        for lane in self._lanes:
            lane.stop(timeout=LANE_STOP_S)

    def receive(self, mail: ExecutorMail | _Free) -> None:
        match mail:
            case ExecuteSignal() | ResendOrder():
                self._deal(mail)
            case _Free():
                self._release(mail.key)
            case _:
                assert_never(mail)

    def _deal(self, work: Work) -> None:
        key, symbol = _key(work), _symbol(work)
        if key in self._in_hand:
            return
        seat = self._symbols.setdefault(symbol, [min(range(len(self._load)), key=self._load.__getitem__), 0])
        lane = seat[0]
        seat[1] += 1
        self._load[lane] += 1
        self._in_hand[key] = (symbol, lane)
        self._lanes[lane].send(work)

    def _release(self, key: str) -> None:
        symbol, lane = self._in_hand.pop(key)
        self._load[lane] -= 1
        seat = self._symbols[symbol]
        seat[1] -= 1
        if not seat[1]:
            del self._symbols[symbol]


class Lane(Worker[Work | _TryAgain | _Warm]):
    """One order at a time, from the plan to the broker's answer.

    Once `stopping` is set it takes nothing more on: what waits is in the ledger, and is found again.
    """

    def __init__(
        self,
        *,
        broker: Broker,
        ledger: Mailbox[LedgerMail],
        reconciler: Mailbox[ReconcilerMail],
        executor: Mailbox[Any],
        timers: Timers,
        clock: Clock,
        stopping: threading.Event,
        on_death: OnDeath,
    ) -> None:
        super().__init__(on_death=on_death)
        self._stopping = stopping
        self._broker = broker
        self._ledger = ledger
        self._reconciler = reconciler
        self._executor = executor
        self._timers = timers
        self._clock = clock

    def receive(self, mail: Work | _TryAgain | _Warm) -> None:
        if self._stopping.is_set():
            return
        match mail:
            case _Warm():
                self._broker.warm()
            case ExecuteSignal():
                plan = PlanEntry(source=mail.signal.source, signal_id=mail.signal.signal_id)
                self._act(_TryAgain(_key(mail), "", never_sent=True), self._ask(plan))
            case ResendOrder():
                plan_again = PlanResend(client_order_id=mail.client_order_id)
                again = _TryAgain(_key(mail), mail.client_order_id, never_sent=False)
                self._act(again, self._ask(plan_again))
            case _TryAgain():
                self._try_again(mail)
            case _:
                assert_never(mail)

    def _ask(self, plan: PlanEntry | PlanResend) -> PlanAnswer:
        return self._ledger.ask(plan, Planned, Declined, Deferred, timeout=LEDGER_TIMEOUT_S)

    def _act(self, work: _TryAgain, answer: PlanAnswer) -> None:
        match answer:
            case Planned():
                self._submit(replace(work, client_order_id=answer.order.client_order_id), answer.order)
            case Declined() | Deferred():
                # A deferred signal is sent again by the receiver when the gate opens, a deferred
                # intent is found again by the reconciler.
                self._executor.send(_Free(work.key))
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
        cid = order.client_order_id
        if self._too_late(order.post_until):
            self._later(work, 0)
            return
        match self._broker.submit(order):
            case Accepted(update=update):
                self._ledger.send(OrderAccepted(update=update))
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
        self._executor.send(_Free(work.key))

    def _wait(self, work: _TryAgain, why: str, retry_after_s: float) -> None:
        """Nothing was taken: say so once, and try again, but not all that wait at the same moment."""
        if not work.told:
            log.warning("order %s not sent (%s); again in %.1f s", work.client_order_id, why, retry_after_s)
            self._ledger.send(OrderNotSent(client_order_id=work.client_order_id, why=why))
        spread = random.uniform(0, SPREAD_S) if work.told else 0.0  # noqa: S311 - jitter
        self._later(replace(work, told=True), retry_after_s + spread)

    def _too_late(self, post_until: datetime) -> bool:
        return self._clock() >= post_until

    def _later(self, mail: _TryAgain, delay_s: float) -> None:
        address = self.address
        self._timers.after(delay_s, lambda: address.send(mail))
