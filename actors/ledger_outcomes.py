"""The ledger's work on attempts: what each POST and each question for an order has proved."""

from actors import ledger_limits, ledger_orders
from actors.ledger_work import Work
from domain.holdings import signed
from domain.messages import (
    LookUpFailed,
    OrderNotFound,
    OrderNotSent,
    OrderRejected,
    OrderUnresolved,
    PositionConfirmed,
)
from domain.orders import (
    Life,
    OrderRecord,
    OrderUpdate,
    Trigger,
    confirm_position,
    learn,
    may_resend,
    not_found,
    silent_too_long,
    unheard,
)
from domain.signals import decimal_text
from domain.values import ZERO


def _record(work: Work, client_order_id: str) -> OrderRecord | None:
    found: dict[str, OrderRecord] = work.unit.orders_by_id(
        client_order_ids=[client_order_id], broker_order_ids=()
    )
    return found.get(client_order_id)


def accepted(work: Work, update: OrderUpdate) -> None:
    """The broker took the order."""
    work.unit.note_attempt(update.client_order_id, "accepted", at=work.now)
    work.passed.append("ledger.after_result")
    ledger_orders.hear(work, (update,))


def rejected(work: Work, mail: OrderRejected) -> None:
    """The broker refused the order; with the keys refused, nothing more may leave."""
    if mail.keys_refused:
        work.gate = work.gate.refused(mail.reason)
    work.unit.note_attempt(mail.client_order_id, f"refused: {mail.reason}", at=work.now)
    work.passed.append("ledger.after_result")
    record = _record(work, mail.client_order_id)
    if record is None:
        return
    after = learn(record, Trigger.REFUSED)
    if after.life is Life.UNRESOLVED and record.leg != "exit":
        # The refusal speaks of this POST only. An earlier one is still unresolved; no further one leaves.
        # A sale is sent again all the same: under its own id it can sell once only, and it has to be sold.
        after = after.having({"post_until": min(after.post_until, work.now)})
    work.journal("order_refused", mail.client_order_id, reason=mail.reason[:500])
    work.save({record.client_order_id: after})
    if record.leg == "entry":
        ledger_limits.look_at_refusals(work)
    elif record.leg == "exit":
        work.in_trouble(record.trade_id, f"the broker refused to sell: {mail.reason}")


def unresolved(work: Work, mail: OrderUnresolved) -> None:
    """The broker may have the order or not."""
    work.unit.note_attempt(mail.client_order_id, f"unresolved: {mail.why}", at=work.now)
    work.passed.append("ledger.after_result")
    record = _record(work, mail.client_order_id)
    if record is not None:
        work.journal("order_unresolved", mail.client_order_id, why=mail.why[:500])
        work.save({record.client_order_id: unheard(learn(record, Trigger.UNRESOLVED), work.now)})


def not_sent(work: Work, mail: OrderNotSent) -> None:
    """The broker took nothing; the order stays what it was."""
    work.unit.note_attempt(mail.client_order_id, f"not sent: {mail.why}", at=work.now)
    work.journal("order_not_sent", mail.client_order_id, why=mail.why[:500])


def unanswered(work: Work, mail: LookUpFailed) -> None:
    """The question for an order failed: it stays unresolved, and after a while its symbol is halted."""
    record = _record(work, mail.client_order_id)
    if record is None:
        return
    after = unheard(record, work.now)
    if after is not record:
        work.save({record.client_order_id: after})
    if silent_too_long(after, work.now):
        work.halt(
            record.symbol,
            f"order {record.client_order_id} had no answer, and for five minutes the broker has not said "
            "whether it exists",
        )


def denied(work: Work, mail: OrderNotFound) -> None:
    """The broker knows no such order: send it again while it may be, else let the quarantine run."""
    record = _record(work, mail.client_order_id)
    if record is None or record.life not in {Life.INTENDED, Life.UNRESOLVED}:
        return
    if work.gate.why_clock(work.moment) is not None:
        # By a clock that has jumped, five minutes may be over in a second.
        record = record.having({"missing_since": None})
    after = not_found(record, work.now)
    if after.life is Life.LAPSED:
        work.journal(
            "order_lapsed", mail.client_order_id, why="the broker denied it throughout the quarantine"
        )
    work.save({record.client_order_id: after})
    if may_resend(record, work.now):
        work.resend(record)


def confirm(work: Work, mail: PositionConfirmed) -> None:
    """What the position endpoint says after a partial fill; when it said nothing, `filled_qty` stands."""
    record = _record(work, mail.client_order_id)
    if record is None or record.leg != "entry":  # what is left of a sale says nothing about a buy
        return
    qty = mail.position_qty
    work.journal(
        "position_confirmed",
        mail.client_order_id,
        source="stream" if qty is None else "broker",
        filled_qty=decimal_text(mail.filled_qty),
        position_qty=None if qty is None else decimal_text(qty),
        why=mail.why[:500],
    )
    if qty is None:
        work.look(f"the position of {record.symbol} could not be confirmed")
        return
    # The account also holds what the orders before this one bought for the same trade.
    siblings = work.unit.orders_of([record.trade_id])[record.trade_id]
    others = sum(
        (signed(o.side, o.filled_qty) for o in siblings if o.client_order_id != record.client_order_id), ZERO
    )
    after = confirm_position(record, position_qty=qty - others, at_filled=mail.filled_qty)
    if after is not record:
        work.save({record.client_order_id: after})
    if mail.filled_qty == record.filled_qty and qty - others - record.qty_before != record.filled_qty:
        work.look(f"the position of {record.symbol} is not what its orders make it")
