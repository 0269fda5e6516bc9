"""Writes, the only place that does.

In:  LedgerMail, from everybody
Out: ResendOrder -> OrderExecutor, GateChanged -> SignalReceiver, LedgerChanged -> whoever subscribed

What waits in the inbox is taken together: one transaction, one commit, then every answer and all
news. Signals, plans and outcomes go before the fills, so an order need not wait behind a flood; the
fold does not mind the order. An answer means that what it says is durable.
"""

from collections.abc import Sequence
from itertools import groupby
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
from domain.values import Clock
from persistence.store import LedgerStore

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
UPDATES_A_COMMIT: Final = 64


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
        others = self._beside(message)
        try:
            answers = self.commit([message, *(envelope.message for envelope in others)])
        except BaseException:
            for envelope in others:
                if envelope.reply_to is not None:
                    envelope.reply_to.set_exception()
            raise
        for envelope, answer in zip(others, answers[1:], strict=True):
            if envelope.reply_to is not None:
                envelope.reply_to.set(answer)
        return answers[0]

    def _beside(self, message: object) -> list[Envelope]:
        inbox: Inbox = self.actor_inbox  # type: ignore[assignment]
        if isinstance(message, URGENT):
            return inbox.urgent(MAIL_A_COMMIT)
        weight = len(message.updates) if isinstance(message, OrdersUpdated) else 1
        return inbox.rest(max(UPDATES_A_COMMIT - weight, 0))

    def commit(self, mail: Sequence[LedgerMail | Ping | Subscribe]) -> list[object]:
        """Do the work of all this mail in one transaction; the answers, in the same order."""
        answers: list[object] = []
        with self._store.unit() as unit:
            work = Work(unit=unit, now=self._clock(), identity=self._identity, gate=self._gate)
            for hearsay, group in groupby(mail, key=lambda m: isinstance(m, OrdersUpdated)):
                if hearsay:
                    words = [m for m in group if isinstance(m, OrdersUpdated)]
                    ledger_orders.hear(work, [update for m in words for update in m.updates])
                    answers += [None] * len(words)
                else:
                    answers += [self._do(work, m) for m in group]
        self._tell(work)
        return answers

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
        was, self._gate = self._gate.gate(), work.gate
        now = self._gate.gate()
        if now != was:
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
