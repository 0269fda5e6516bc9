"""The ledger's work on orders: fold the broker's words in, and keep what each attempt proved."""

from collections.abc import Sequence
from decimal import Decimal

from actors.ledger_work import Work
from domain.identity import is_ours
from domain.messages import (
    BrokerSnapshot,
    OrderNotFound,
    OrderNotSent,
    OrderRejected,
    OrderUnresolved,
    PositionConfirmed,
)
from domain.orders import (
    Execution,
    Life,
    OrderRecord,
    OrderUpdate,
    Trigger,
    confirm_position,
    fold,
    learn,
    may_resend,
    not_found,
)
from domain.reconcile import OrderHeard, OrderMissing, OrderUnknown, PositionHeard, reconcile
from domain.signals import decimal_text
from domain.values import ZERO
from persistence.store import ExecutionRow


def hear(work: Work, updates: Sequence[OrderUpdate], *, infer: bool = False) -> None:
    """Fold the broker's words on any number of orders in.

    `infer`: they are from a read that fills a gap, so a fill nobody told of becomes an execution too.
    """
    if not updates:
        return
    known = _known(work, updates)
    names = {r.broker_order_id: cid for cid, r in known.items() if r.broker_order_id is not None}
    changed: dict[str, OrderRecord] = {}
    executions: list[ExecutionRow] = []
    positions: dict[str, Decimal] = {}
    for update in updates:
        if update.position_qty is not None:
            positions[update.symbol] = update.position_qty
        record = known.get(update.client_order_id) or known.get(names.get(update.broker_order_id, ""))
        if record is None:
            record = _stranger(work, update, known.get(names.get(update.replaces or "", "")))
            if record is None:
                continue
        if _is_another(record, update):
            _collision(work, record, update)
            continue
        after = fold(record, update)
        cid = record.client_order_id
        known[cid], names[update.broker_order_id] = after, cid
        executions += _evidence(record, after, update, infer=infer)
        if after is not record:
            changed[cid] = after
            _journal_word(work, after, update)
    work.save(changed)
    work.unit.add_executions(executions)
    work.unit.set_positions(positions, at=work.now)
    work.updates += updates


def _known(work: Work, updates: Sequence[OrderUpdate]) -> dict[str, OrderRecord]:
    """Our orders that these words can be about. Few need the broker's ids: nearly all are told by ours."""
    known = work.unit.orders_by_id(client_order_ids={u.client_order_id for u in updates}, broker_order_ids=())
    strange = [u for u in updates if u.client_order_id not in known]
    if strange:
        theirs = {u.broker_order_id for u in strange} | {u.replaces for u in strange if u.replaces}
        known |= work.unit.orders_by_id(client_order_ids=(), broker_order_ids=theirs)
    return known


def _stranger(work: Work, update: OrderUpdate, replaced: OrderRecord | None) -> OrderRecord | None:
    """An order that is not in the ledger: the successor of one of ours, or somebody else's."""
    if replaced is None:
        if is_ours(update.client_order_id):
            work.journal("order_unknown", update.client_order_id, symbol=update.symbol, status=update.status)
        return None
    record = OrderRecord(
        client_order_id=update.client_order_id,
        trade_id=replaced.trade_id,
        symbol=replaced.symbol,
        side=replaced.side,
        time_in_force=replaced.time_in_force,
        life=Life.WORKING,
        notional=update.notional,
        qty=update.qty,
        post_until=replaced.post_until,
        qty_before=replaced.qty_before,
        broker_order_id=update.broker_order_id,
    )
    work.unit.add_replacement(record, at=work.now)
    work.journal("order_replaced", replaced.client_order_id, by=update.client_order_id)
    return record


def _is_another(record: OrderRecord, update: OrderUpdate) -> bool:
    """Whether the broker speaks of an order that is not the one we sent; what it leaves out is not told."""
    return update.symbol not in {"", record.symbol} or update.side not in {"", record.side}


def _collision(work: Work, record: OrderRecord, update: OrderUpdate) -> None:
    """The broker has another order under one of our ids: believe neither, and let a person look."""
    found = f"{update.side} {update.symbol}"
    reason = f"order {record.client_order_id} is {record.side} {record.symbol} here and {found} at the broker"
    work.unit.add_halt(scope=record.symbol, reason=reason, by="ledger", at=work.now)


def _evidence(
    before: OrderRecord, after: OrderRecord, update: OrderUpdate, *, infer: bool
) -> list[ExecutionRow]:
    execution, source = update.execution, "stream"
    if execution is None:
        if not infer or after.filled_qty <= before.filled_qty:
            return []
        execution, source = _inferred(before, after, update), "inferred"
    return [
        ExecutionRow(
            execution=execution,
            broker_order_id=update.broker_order_id,
            client_order_id=after.client_order_id,
            filled_qty_after=update.filled_qty,
            position_qty=update.position_qty,
            source="stream" if source == "stream" else "inferred",
        )
    ]


def _inferred(before: OrderRecord, after: OrderRecord, update: OrderUpdate) -> Execution:
    """The execution that must have happened between two words on an order; its id says what it claims."""
    qty = after.filled_qty - before.filled_qty
    spent = after.filled_qty * (after.filled_avg_price or ZERO)
    spent -= before.filled_qty * (before.filled_avg_price or ZERO)
    return Execution(
        execution_id=f"inferred:{update.broker_order_id}:{decimal_text(after.filled_qty)}",
        qty=qty,
        price=max((spent / qty).quantize(Decimal("1e-9")), ZERO),
        at=update.updated_at or before.post_until,
    )


def _journal_word(work: Work, record: OrderRecord, update: OrderUpdate) -> None:
    price = record.filled_avg_price
    work.journal(
        "order_heard",
        record.client_order_id,
        event=update.event or "read",
        status=update.status,
        filled_qty=decimal_text(update.filled_qty),
        filled_avg_price=None if price is None else decimal_text(price),
    )


def _record(work: Work, client_order_id: str) -> OrderRecord | None:
    found: dict[str, OrderRecord] = work.unit.orders_by_id(
        client_order_ids=[client_order_id], broker_order_ids=()
    )
    return found.get(client_order_id)


def accepted(work: Work, update: OrderUpdate) -> None:
    """The broker took the order."""
    work.unit.note_attempt(update.client_order_id, "accepted", at=work.now)
    hear(work, (update,))


def rejected(work: Work, mail: OrderRejected) -> None:
    """The broker refused the order; with the keys refused, nothing more may leave."""
    if mail.keys_refused:
        work.gate = work.gate.refused(mail.reason)
    work.unit.note_attempt(mail.client_order_id, f"refused: {mail.reason}", at=work.now)
    record = _record(work, mail.client_order_id)
    if record is None:
        return
    after = learn(record, Trigger.REFUSED)
    if after.life is Life.UNRESOLVED:
        # The refusal speaks of this POST only. An earlier one is still unresolved; no further one leaves.
        after = after.having({"post_until": min(after.post_until, work.now)})
    work.journal("order_refused", mail.client_order_id, reason=mail.reason[:500])
    work.save({record.client_order_id: after})


def unresolved(work: Work, mail: OrderUnresolved) -> None:
    """The broker may have the order or not."""
    work.unit.note_attempt(mail.client_order_id, f"unresolved: {mail.why}", at=work.now)
    record = _record(work, mail.client_order_id)
    if record is not None:
        work.journal("order_unresolved", mail.client_order_id, why=mail.why[:500])
        work.save({record.client_order_id: learn(record, Trigger.UNRESOLVED)})


def not_sent(work: Work, mail: OrderNotSent) -> None:
    """The broker took nothing; the order stays what it was."""
    work.unit.note_attempt(mail.client_order_id, f"not sent: {mail.why}", at=work.now)
    work.journal("order_not_sent", mail.client_order_id, why=mail.why[:500])


def denied(work: Work, mail: OrderNotFound) -> None:
    """The broker knows no such order: send it again while it may be, else let the quarantine run."""
    record = _record(work, mail.client_order_id)
    if record is None or record.life not in {Life.INTENDED, Life.UNRESOLVED}:
        return
    after = not_found(record, work.now)
    if after.life is Life.LAPSED:
        work.journal(
            "order_lapsed", mail.client_order_id, why="the broker denied it throughout the quarantine"
        )
    work.save({record.client_order_id: after})
    if may_resend(record, work.now):
        work.ask_again(record)


def confirm(work: Work, mail: PositionConfirmed) -> None:
    """What the position endpoint says after a partial fill; when it said nothing, `filled_qty` stands."""
    record = _record(work, mail.client_order_id)
    if record is None:
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
        return
    # The account also holds what the orders before this one bought for the same trade.
    siblings = work.unit.entry_orders([record.trade_id])[record.trade_id]
    others = sum((o.filled_qty for o in siblings if o.client_order_id != record.client_order_id), ZERO)
    after = confirm_position(record, position_qty=qty - others, at_filled=mail.filled_qty)
    if after is not record:
        work.save({record.client_order_id: after})


def snapshot(work: Work, mail: BrokerSnapshot) -> None:
    """Bring the ledger up to the account as it was read; a snapshot of an older connection is dropped."""
    if mail.generation != work.gate.stream:
        return
    read = mail.snapshot
    known = work.unit.orders_by_id(
        client_order_ids={*(u.client_order_id for u in read.orders), *read.missing},
        broker_order_ids={
            *(u.broker_order_id for u in read.orders),
            *(u.replaces for u in read.orders if u.replaces is not None),
        },
    )
    positions: dict[str, Decimal] = {}
    heard: list[OrderUpdate] = []
    for fact in reconcile(known, work.unit.positions(), read):
        match fact:
            case OrderHeard(update=update):
                heard.append(update)
            case OrderMissing(client_order_id=cid):
                denied(work, OrderNotFound(client_order_id=cid))
            case OrderUnknown(update=update):
                work.journal("order_unknown", update.client_order_id, symbol=update.symbol)
            case PositionHeard(symbol=symbol, qty=qty):
                positions[symbol] = qty
    hear(work, heard, infer=True)
    work.unit.set_positions(positions, at=work.now)
    work.gate = work.gate.read(mail.generation)
    work.journal("account_read", str(mail.generation), orders=len(read.orders), heard=len(heard))
