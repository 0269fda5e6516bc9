"""Who of the ledger's rooms does which mail. Each does it within the transaction it is given."""

from typing import assert_never

from actors import (
    ledger_account,
    ledger_config,
    ledger_exits,
    ledger_halts,
    ledger_orders,
    ledger_outcomes,
    ledger_signals,
)
from actors.ledger_work import Work
from domain.gate import GateFacts
from domain.messages import (
    BrokerSnapshot,
    ChangeConfig,
    ClearHalts,
    HaltTrading,
    KeysRefused,
    LedgerFact,
    LedgerQuestion,
    ListUndecided,
    ListUnsettled,
    LookUpFailed,
    OrderAccepted,
    OrderNotFound,
    OrderNotSent,
    OrderRejected,
    OrdersUpdated,
    OrderUnresolved,
    PlanEntry,
    PlanExit,
    PlanResend,
    PlanStop,
    PositionConfirmed,
    PositionsLooked,
    PreviewEntry,
    RecordSignal,
    RequestExit,
    SafeMode,
    StreamLost,
    StreamOpened,
    Unsettled,
)

GateFact = StreamOpened | StreamLost | KeysRefused | SafeMode


def answer(work: Work, mail: LedgerQuestion) -> object:  # noqa: C901, PLR0911, PLR0912 - one a question
    """The answer to a question."""
    match mail:
        case RecordSignal():
            return ledger_signals.record_signal(work, mail)
        case ListUndecided():
            return ledger_signals.list_undecided(work, mail)
        case PlanEntry():
            return ledger_signals.plan_entry(work, mail)
        case PreviewEntry():
            return ledger_signals.preview_entry(work, mail)
        case PlanResend():
            return ledger_signals.plan_resend(work, mail)
        case PlanExit():
            return ledger_exits.plan_exit(work, mail)
        case PlanStop():
            return ledger_exits.plan_stop(work, mail)
        case RequestExit():
            return ledger_exits.request_exit(work, mail)
        case ListUnsettled():
            return _unsettled(work, mail)
        case HaltTrading():
            return ledger_halts.halt(work, mail)
        case ClearHalts():
            return ledger_halts.clear(work, mail)
        case ChangeConfig():
            return ledger_config.change(work, mail)
        case _:
            assert_never(mail)


def book(work: Work, mail: LedgerFact) -> None:  # noqa: C901 - one a fact
    """Take a fact in."""
    match mail:
        case OrderAccepted():
            ledger_outcomes.accepted(work, mail.update)
        case OrderRejected():
            ledger_outcomes.rejected(work, mail)
        case OrderUnresolved():
            ledger_outcomes.unresolved(work, mail)
        case OrderNotSent():
            ledger_outcomes.not_sent(work, mail)
        case OrderNotFound():
            ledger_outcomes.denied(work, mail)
        case LookUpFailed():
            ledger_outcomes.unanswered(work, mail)
        case OrdersUpdated():
            ledger_orders.hear(work, mail.updates)
        case PositionConfirmed():
            ledger_outcomes.confirm(work, mail)
        case PositionsLooked():
            ledger_exits.look(work, mail)
        case BrokerSnapshot():
            ledger_account.snapshot(work, mail)
        case StreamOpened() | StreamLost() | KeysRefused() | SafeMode():
            _gate_fact(work, mail)
        case _:
            assert_never(mail)


def _unsettled(work: Work, mail: ListUnsettled) -> Unsettled:
    orders = work.unit.unsettled_orders()
    if mail.client_order_id is not None:
        orders = tuple(o for o in orders if o.client_order_id == mail.client_order_id)
    return Unsettled(orders=orders, watermark=work.unit.watermark())


def _gate_fact(work: Work, mail: GateFact) -> None:
    work.gate = gate_after(work.gate, mail)
    work.journal("gate", type(mail).__name__, reason=work.gate_now().reason)


def gate_after(gate: GateFacts, mail: GateFact) -> GateFacts:
    """What the gate depends on after this was told."""
    match mail:
        case StreamOpened():
            return gate.opened(mail.generation)
        case StreamLost(keys_refused=True) | KeysRefused():
            return gate.refused(mail.why)
        case StreamLost():
            return gate.lost(mail.generation, mail.why)
        case SafeMode():
            return gate.having({"safe_mode": mail.why})
