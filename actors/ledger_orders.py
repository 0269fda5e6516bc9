"""The ledger's work on orders: fold the broker's words in, and notice what they leave unexplained."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from actors import ledger_shares
from actors.ledger_work import Work
from domain.exits import BY_RULE
from domain.holdings import ALL, ExternalOrder, fold_external, gained, signed
from domain.orders import (
    Execution,
    Life,
    OrderRecord,
    OrderUpdate,
    Trigger,
    differs,
    fell,
    fold,
    is_known_status,
    learn,
    overfilled,
)
from domain.signals import decimal_text
from domain.trades import PROTECTIVE_STOP
from domain.values import ZERO
from persistence.store import ExecutionRow

LOST_LEDGER = (
    "the broker has orders of ours that this ledger does not have: it is an older copy, or was deleted, or "
    "another Starfill trades this account"
)
UNDOING = frozenset({"trade_bust", "trade_correct"})
"""Events that take an execution back or change it: what was bought is not what was told."""
GIVEN_UP = frozenset({Life.LAPSED, Life.REFUSED})


@dataclass(slots=True)
class _Heard:
    """What some words of the broker amount to, before it is stored."""

    known: dict[str, OrderRecord]
    names: dict[str, str]
    """client_order_ids by the broker's id."""
    mistaken: dict[str, ExternalOrder]
    """Orders of ours that were taken for a stranger's, by the broker's id."""
    changed: dict[str, OrderRecord] = field(default_factory=dict)
    """What is not stored yet, and what is."""
    saved: dict[str, OrderRecord] = field(default_factory=dict)
    executions: list[ExecutionRow] = field(default_factory=list)
    positions: dict[str, Decimal] = field(default_factory=dict)

    def save(self, work: Work) -> None:
        """Store what has changed, and let its trades follow."""
        work.save(self.changed)
        self.saved |= self.changed
        self.changed = {}

    def record(self, update: OrderUpdate) -> OrderRecord | None:
        name = self.names.get(update.broker_order_id, "")
        return self.known.get(update.client_order_id) or self.known.get(name)


def hear(work: Work, updates: Sequence[OrderUpdate], *, infer: bool = False) -> None:
    """Fold the broker's words on any number of orders in.

    `infer`: they are from a read that fills a gap, so a fill nobody told of becomes an execution too.
    """
    if not updates:
        return
    known = _known(work, updates)
    names = {r.broker_order_id: cid for cid, r in known.items() if r.broker_order_id is not None}
    # One question for all that may have been taken for a stranger's; nearly always there is none.
    unbound = {u.broker_order_id for u in updates if _is_unbound(known.get(u.client_order_id))}
    heard = _Heard(known, names, work.unit.external_orders(unbound) if unbound else {})
    work.learn_holdings({update.symbol for update in updates})
    for update in updates:
        record = heard.record(update)
        if record is None:
            record = _successor(work, heard, update)
        if record is None:
            # Whose shares a stranger sold depends on what our trades hold by now.
            heard.save(work)
            hear_external(work, (update,))
        elif differs(record, update):
            _collision(work, record, update, heard)
        else:
            _take(work, heard, record, update, infer=infer)
        if update.position_qty is not None:
            heard.positions[update.symbol] = update.position_qty
    heard.save(work)
    _sell_the_rest(work, heard.saved.values())
    work.unit.add_executions(heard.executions)
    work.unit.set_positions(heard.positions, at=work.now)
    work.updates += updates


def _sell_the_rest(work: Work, changed: Iterable[OrderRecord]) -> None:
    """A stop that was filled is the hard stop's word: what it did not cover is to be sold too."""
    stops = (record for record in changed if record.leg == "stop" and record.life is Life.DONE)
    fired = {record.trade_id for record in stops if record.filled_qty > ZERO}
    for trade in work.unit.trades(fired).values():
        if trade.held and trade.exit_wanted is None:
            work.journal(
                "exit_wanted", str(trade.id), symbol=trade.symbol, reason=PROTECTIVE_STOP, by=BY_RULE
            )
            wish = {"exit_wanted": PROTECTIVE_STOP, "exit_wanted_by": BY_RULE, "exit_wanted_at": work.now}
            work.follow([trade.having(wish)])


def _is_unbound(record: OrderRecord | None) -> bool:
    return record is not None and record.broker_order_id is None


def _known(work: Work, updates: Sequence[OrderUpdate]) -> dict[str, OrderRecord]:
    """Our orders that these words can be about. Few need the broker's ids: nearly all are told by ours."""
    known = work.unit.orders_by_id(client_order_ids={u.client_order_id for u in updates}, broker_order_ids=())
    strange = [u for u in updates if u.client_order_id not in known]
    if strange:
        theirs = {u.broker_order_id for u in strange} | {u.replaces for u in strange if u.replaces}
        known |= work.unit.orders_by_id(client_order_ids=(), broker_order_ids=theirs)
    return known


def _take(work: Work, heard: _Heard, record: OrderRecord, update: OrderUpdate, *, infer: bool) -> None:
    """One word on one of our orders."""
    after = fold(record, update)
    cid = record.client_order_id
    heard.known[cid], heard.names[update.broker_order_id] = after, cid
    heard.executions += _evidence(record, after, update, infer=infer)
    if after is not record:
        heard.changed[cid] = after
        _journal_word(work, record, update)
    if record.broker_order_id is None:
        _disown(work, heard.mistaken.pop(update.broker_order_id, None), record.trade_id)
    gained = after.filled_qty - record.filled_qty
    if gained:
        work.move(record.symbol, signed(record.side, gained))
        _compare_position(work, update)
    _watch(work, record, after, update)


def _compare_position(work: Work, update: OrderUpdate) -> None:
    """The account's shares after this event beside what the books make of it."""
    if update.position_qty is None or not work.books_opened():
        return
    believed = work.believed(update.symbol)
    if update.position_qty != believed:
        work.look(
            f"{update.symbol}: the account has {decimal_text(update.position_qty)} after an event that makes "
            f"it {decimal_text(believed)} in the books"
        )


def _watch(work: Work, before: OrderRecord, after: OrderRecord, update: OrderUpdate) -> None:
    """What the books cannot explain is never mended by trading: a person looks."""
    symbol, cid = after.symbol, after.client_order_id
    if update.event in UNDOING:
        work.halt(
            symbol, f"the broker told {update.event} of order {cid}: an execution was undone or changed"
        )
        work.look(f"{update.event} of {cid}")
    elif fell(before, update):
        work.halt(symbol, f"the broker now counts fewer shares of order {cid} than before")
        work.look(f"order {cid} lost shares")
    if overfilled(after):
        work.halt(symbol, f"order {cid} was filled for more shares than were ordered")
    if not is_known_status(update.status):
        if not is_known_status(before.status) and before.status:
            work.halt(symbol, f"the broker gives order {cid} a status we do not know ({update.status!r:.40})")
        else:
            work.look(f"unknown status of {cid}")
    ended_short = before.is_live and not after.is_live and after.filled_qty != after.qty
    if after.leg == "exit" and ended_short and after.status != "replaced":
        work.in_trouble(
            after.trade_id, f"the sell ended {after.status} with {decimal_text(after.filled_qty)} sold"
        )
    if before.life in GIVEN_UP:
        work.halt(symbol, f"order {cid} was given up ({before.life}) and then appeared at the broker")
        work.journal("order_appeared_late", cid, was=before.life.value, status=update.status)
        if after.life is Life.WORKING:
            work.cancel(after)


# --- orders that the ledger did not plan --------------------------------------------------------


def _successor(work: Work, heard: _Heard, update: OrderUpdate) -> OrderRecord | None:
    """The record of an order that replaced one of ours; None: it is somebody else's."""
    replaced = heard.known.get(heard.names.get(update.replaces or "", ""))
    if replaced is None:
        return None
    record = OrderRecord(
        client_order_id=update.client_order_id,
        trade_id=replaced.trade_id,
        leg=replaced.leg,
        symbol=replaced.symbol,
        side=replaced.side,
        type=replaced.type,
        reason=replaced.reason,
        planned_at=work.now,
        time_in_force=replaced.time_in_force,
        life=Life.WORKING,
        notional=update.notional,
        qty=update.qty,
        post_until=replaced.post_until,
        qty_before=replaced.qty_before,
        broker_order_id=update.broker_order_id,
    )
    work.unit.add_replacement(record, at=work.now)
    work.journal(
        "order_replaced",
        replaced.client_order_id,
        by=update.client_order_id,
        broker_order_id=update.broker_order_id,
        notional=update.notional,
        qty=update.qty,
    )
    mistaken = work.unit.external_orders({update.broker_order_id}).get(update.broker_order_id)
    _disown(work, mistaken, replaced.trade_id)
    return record


def hear_external(work: Work, updates: Sequence[OrderUpdate]) -> None:
    """Keep what the broker says of orders that are not ours, so that the shares they move are explained."""
    known = work.unit.external_orders({update.broker_order_id for update in updates})
    for update in updates:
        before = known.get(update.broker_order_id)
        keep_external(work, before, fold_external(before, update), position_qty=update.position_qty)


def keep_external(
    work: Work, before: ExternalOrder | None, after: ExternalOrder, *, position_qty: Decimal | None = None
) -> None:
    """Store a stranger's order, and what it moved; `position_qty`: what the account then has, if told."""
    if after is before:
        return
    if before is None:
        work.journal(
            "order_external", after.broker_order_id, symbol=after.symbol, name=after.client_order_id[:64]
        )
        if after.bears_our_mark:
            work.halt(ALL, LOST_LEDGER)
    work.unit.save_external_orders((after,), at=work.now)
    qty, price = gained(before, after)
    work.move(after.symbol, signed(after.side, qty))
    if after.side != "sell" or not qty or not work.books_opened():
        return
    if position_qty in {None, work.believed(after.symbol)}:
        ledger_shares.settle(work, after.symbol, [ledger_shares.Sale(after, qty, price)], rest=False)
    else:  # something has not been heard, perhaps that they had bought them themselves
        work.look(f"{after.symbol}: others sold, and the account does not hold what the books make of it")


def _disown(work: Work, mistaken: ExternalOrder | None, trade_id: int) -> None:
    """An order that was taken for a stranger's is one of this trade: it must not count twice."""
    if mistaken is not None:
        work.move(mistaken.symbol, -signed(mistaken.side, mistaken.filled_qty))
        ledger_shares.disown(work, mistaken, trade_id)


def _collision(work: Work, record: OrderRecord, update: OrderUpdate, heard: _Heard) -> None:
    """The broker has another order under one of our ids. So ours cannot exist there, and never will."""
    if record.broker_order_id not in {None, update.broker_order_id}:
        heard.save(work)
        hear_external(work, (update,))
        return
    found = f"{update.side} {update.symbol}"
    after = learn(record, Trigger.LAPSED if record.life is Life.UNRESOLVED else Trigger.REFUSED)
    if after is record and record.life in GIVEN_UP:
        return
    work.halt(
        record.symbol,
        f"order {record.client_order_id} is {record.side} {record.symbol} here and {found} at the broker",
    )
    work.journal("order_collision", record.client_order_id, found=found)
    if after is not record:
        heard.known[record.client_order_id] = heard.changed[record.client_order_id] = after


# --- evidence ------------------------------------------------------------------------------------


def _evidence(
    before: OrderRecord, after: OrderRecord, update: OrderUpdate, *, infer: bool
) -> list[ExecutionRow]:
    """The execution that the broker told of, and the one that it must have left out before it."""
    told = update.execution
    if told is None:
        if not infer or after.filled_qty <= before.filled_qty:
            return []
        return [_row(after, update, _inferred(before, after, update), after.filled_qty, "inferred")]
    rows = [_row(after, update, told, update.filled_qty, "stream")]
    earlier = update.filled_qty - told.qty
    if earlier > before.filled_qty:
        missed = after.having({"filled_qty": earlier, "filled_avg_price": _price_until(update, told)})
        rows.append(_row(after, update, _inferred(before, missed, update), earlier, "inferred"))
    return rows


def _row(
    record: OrderRecord, update: OrderUpdate, execution: Execution, filled_after: Decimal, source: str
) -> ExecutionRow:
    return ExecutionRow(
        execution=execution,
        broker_order_id=update.broker_order_id,
        client_order_id=record.client_order_id,
        filled_qty_after=filled_after,
        position_qty=update.position_qty if source == "stream" else None,
        source="stream" if source == "stream" else "inferred",
    )


def _price_until(update: OrderUpdate, told: Execution) -> Decimal | None:
    """The average price of all that was filled before this execution."""
    earlier = update.filled_qty - told.qty
    if update.filled_avg_price is None or not earlier:
        return None
    return (update.filled_avg_price * update.filled_qty - told.price * told.qty) / earlier


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


def _journal_word(work: Work, before: OrderRecord, update: OrderUpdate) -> None:
    """All of the word that `fold` makes something of; what few words have is left out of the others."""
    price, said_at = update.filled_avg_price, update.updated_at
    told: dict[str, object] = {
        "event": update.event or "read",
        "status": update.status,
        "filled_qty": decimal_text(update.filled_qty),
        "filled_avg_price": None if price is None else decimal_text(price),
        "said_at": None if said_at is None else said_at.isoformat(),
    }
    if before.broker_order_id is None:
        told["broker_order_id"] = update.broker_order_id
    if update.replaced_by is not None:
        told["replaced_by"] = update.replaced_by
    work.journal("order_heard", before.client_order_id, **told)
