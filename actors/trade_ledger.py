"""Writes, the only place that does.

In:  LedgerMail, from everybody
Out: ResendOrder -> OrderExecutor, GateChanged -> SignalReceiver, LedgerChanged -> whoever subscribed

What waits in the inbox is taken together: one transaction, one commit, then every answer and all
news. Signals, plans and outcomes go before the fills, so an order need not wait behind a flood; the
fold does not mind the order. An answer means that what it says is durable.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, assert_never

from actors import ledger_orders, ledger_signals
from actors.base import OnDeath, Ping, Subscribe, Worker
from actors.inbox import Envelope, Inbox
from actors.ledger_work import LedgerIdentity, Work
from domain.gate import GateFacts
from domain.messages import (
    BrokerSnapshot,
    GateChanged,
    KeysRefused,
    LedgerChanged,
    LedgerFact,
    LedgerMail,
    LedgerQuestion,
    ListUndecided,
    ListUnsettled,
    OrderAccepted,
    OrderNotFound,
    OrderNotSent,
    OrderRejected,
    OrdersUpdated,
    OrderUnresolved,
    PlanEntry,
    PlanResend,
    PositionConfirmed,
    RecordSignal,
    StreamLost,
    StreamOpened,
    Unsettled,
)
from domain.orders import OrderUpdate
from domain.values import Clock
from persistence.store import LedgerStore, Unit

URGENT: Final = (
    RecordSignal,
    ListUndecided,
    PlanEntry,
    PlanResend,
    OrderAccepted,
    OrderRejected,
    OrderUnresolved,
    OrderNotSent,
    StreamOpened,
    StreamLost,
    KeysRefused,
    Ping,
    Subscribe,
)
"""All of a sender's mail that must keep its order is on one side of this line."""

MAIL_A_COMMIT: Final = 64
UPDATES_A_COMMIT: Final = 256
UPDATES_A_STEP: Final = 16
"""Small enough that an order waits little, large enough that one statement serves many rows."""


def _fill_up(updates: list[OrderUpdate], inbox: Inbox) -> list[OrderUpdate]:
    """Add what waits of the broker's words until they make a step."""
    while len(updates) < UPDATES_A_STEP and (words := inbox.take(OrdersUpdated, 1)):
        updates += words[0].updates
    return updates


class TradeLedger(Worker[LedgerMail]):
    def __init__(
        self,
        *,
        store: LedgerStore,
        identity: LedgerIdentity,
        clock: Clock,
        on_death: OnDeath,
    ) -> None:
        super().__init__(on_death=on_death)
        self._store = store
        self._identity = identity
        self._clock = clock
        self._gate = GateFacts()

    @staticmethod
    def _create_actor_inbox() -> Any:
        return Inbox(urgent=URGENT)

    def teardown(self) -> None:
        self._store.close()

    def subscribed(self, subscription: Subscribe) -> None:
        if GateChanged in subscription.kinds:
            subscription.subscriber.send(GateChanged(gate=self._gate.gate()))

    def handle(self, message: Any) -> object:
        """This mail together with what waits beside it: one commit, then all answers."""
        if isinstance(message, OrdersUpdated):
            self._hear(message)
            return None
        inbox = self._inbox()
        others = inbox.urgent(MAIL_A_COMMIT) if isinstance(message, URGENT) else inbox.rest(MAIL_A_COMMIT)
        with self._answering(others) as answers:
            mine, *theirs = self.commit([message, *(envelope.message for envelope in others)])
            answers.extend(theirs)
        return mine

    def _hear(self, first: OrdersUpdated) -> None:
        """Fold what waits of the broker's words in, step by step.

        Urgent mail that comes meanwhile waits for one step and not for a flood: it is done in the same
        transaction, and the commit that ends it is its own.
        """
        inbox, urgent = self._inbox(), list[Envelope]()
        with self._answering(urgent) as answers:
            with self._store.unit() as unit:
                work = self._work(unit)
                step, heard = _fill_up(list(first.updates), inbox), 0
                while step:
                    ledger_orders.hear(work, step)
                    heard += len(step)
                    # A step that was not full left nothing waiting: what came since belongs to the next
                    # commit, or a steady trickle would put this one off.
                    flooded = len(step) >= UPDATES_A_STEP and heard < UPDATES_A_COMMIT
                    step = _fill_up([], inbox) if flooded and not inbox.urgent_waits() else []
                urgent += inbox.urgent(MAIL_A_COMMIT)
                answers.extend([self._do(work, envelope.message) for envelope in urgent])
            self._tell(work)

    def commit(self, mail: Sequence[LedgerMail | Ping | Subscribe]) -> list[object]:
        """Do the work of all this mail in one transaction; the answers, in the same order."""
        with self._store.unit() as unit:
            work = self._work(unit)
            answers = [self._do(work, one) for one in mail]
        self._tell(work)
        return answers

    def _work(self, unit: Unit) -> Work:
        return Work(unit=unit, now=self._clock(), identity=self._identity, gate=self._gate)

    def _inbox(self) -> Inbox:
        inbox: Inbox = self.actor_inbox  # type: ignore[assignment]
        return inbox

    @contextmanager
    def _answering(self, envelopes: list[Envelope]) -> Iterator[list[object]]:
        """Answer the envelopes with what the block collects, or with the exception that it raises."""
        answers: list[object] = []
        try:
            yield answers
        except BaseException:
            for envelope in envelopes:
                if envelope.reply_to is not None:
                    envelope.reply_to.set_exception()
            raise
        for envelope, answer in zip(envelopes, answers, strict=True):
            if envelope.reply_to is not None:
                envelope.reply_to.set(answer)

    def _do(self, work: Work, mail: LedgerMail | Ping | Subscribe) -> object:
        if isinstance(mail, Ping | Subscribe):
            return self.on_receive(mail)
        if isinstance(mail, LedgerQuestion):
            return self._answer(work, mail)
        self._book(work, mail)
        return None

    def _answer(self, work: Work, mail: LedgerQuestion) -> object:
        match mail:
            case RecordSignal():
                return ledger_signals.record_signal(work, mail)
            case ListUndecided():
                return ledger_signals.list_undecided(work, mail)
            case PlanEntry():
                return ledger_signals.plan_entry(work, mail)
            case PlanResend():
                return ledger_signals.plan_resend(work, mail)
            case ListUnsettled():
                return self._unsettled(work, mail)
            case _:
                assert_never(mail)

    def _book(self, work: Work, mail: LedgerFact) -> None:
        match mail:
            case OrderAccepted():
                ledger_orders.accepted(work, mail.update)
            case OrderRejected():
                ledger_orders.rejected(work, mail)
            case OrderUnresolved():
                ledger_orders.unresolved(work, mail)
            case OrderNotSent():
                ledger_orders.not_sent(work, mail)
            case OrderNotFound():
                ledger_orders.denied(work, mail)
            case OrdersUpdated():
                ledger_orders.hear(work, mail.updates)
            case PositionConfirmed():
                ledger_orders.confirm(work, mail)
            case BrokerSnapshot():
                ledger_orders.snapshot(work, mail)
            case StreamOpened() | StreamLost() | KeysRefused():
                self._gate_fact(work, mail)
            case _:
                assert_never(mail)

    def _unsettled(self, work: Work, mail: ListUnsettled) -> Unsettled:
        orders = work.unit.unsettled_orders()
        if mail.client_order_id is not None:
            orders = tuple(o for o in orders if o.client_order_id == mail.client_order_id)
        return Unsettled(orders=orders, since=work.unit.unsettled_since())

    def _gate_fact(self, work: Work, mail: StreamOpened | StreamLost | KeysRefused) -> None:
        match mail:
            case StreamOpened():
                work.gate = work.gate.opened(mail.generation)
            case StreamLost(keys_refused=True) | KeysRefused():
                work.gate = work.gate.refused(mail.why)
            case StreamLost():
                work.gate = work.gate.lost(mail.generation, mail.why)
        work.journal("gate", type(mail).__name__, reason=work.gate.gate().reason)

    def _tell(self, work: Work) -> None:
        """What the commit changed, to those who asked for it."""
        if work.gate is not self._gate:
            was, self._gate = self._gate.gate(), work.gate
            if (now := self._gate.gate()) != was:
                self.publish(GateChanged(gate=now))
        for resend in work.resend:
            self.publish(resend)
        if (work.signals or work.trades or work.updates) and self.wanted(LedgerChanged):
            self.publish(
                LedgerChanged(
                    signals=tuple(work.signals),
                    trades=tuple(sorted(work.trades)),
                    orders=tuple(work.updates),
                )
            )
