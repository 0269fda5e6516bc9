"""The ledger's work on a full read of the account: orders, positions, executions against the books."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from actors import ledger_orders, ledger_outcomes, ledger_shares
from actors.ledger_work import Suspicion, Work
from domain.exposure import EquitySample
from domain.holdings import ALL, ExternalOrder, Holding
from domain.messages import BrokerSnapshot, OrderNotFound
from domain.orders import Execution, OrderRecord, OrderUpdate
from domain.reconcile import (
    CorporateAction,
    ExternalHeard,
    FillActivity,
    OrderHeard,
    OrderMissing,
    OrderVanished,
    PositionHeard,
    Snapshot,
    reconcile,
)
from domain.signals import decimal_text
from domain.values import CENT, ZERO
from persistence.store import ExecutionRow

NINE_PLACES: Final = Decimal("1e-9")
SPLIT: Final = "SPLIT"
"""What Alpaca's history calls an activity of a split."""
UNDONE: Final = frozenset({"TRADE_BUST", "TRADE_CORRECT"})
STILL_LISTED: Final = timedelta(days=1)
"""An order whose last word is older is part of the opening: no later read or event tells of it again."""


def snapshot(work: Work, mail: BrokerSnapshot) -> None:
    """Bring the books up to the account as it was read, and name what they cannot explain.

    Also a read from before the last connection is true of its time, and folding it does no harm; only it
    does not open the gate.
    """
    read = mail.snapshot
    opening = not work.unit.books_opened()
    heard, strangers, positions = _facts(work, read)
    ledger_orders.hear(work, heard, infer=True)
    _hear_strangers(work, strangers, read, opening=opening)
    work.unit.set_positions(positions, at=work.now)
    _complete_evidence(work, read.fills)
    _unheard_fills(work, read)
    if opening:
        _open_books(work, read)
    differing = _compare(work, read)
    _drop_late_confirmations(work)
    work.unit.set_watermark(_taken_at(read))
    if read.clock is not None:
        work.gate = work.gate.compared(read.clock)
    work.market, work.means = read.market or work.market, read.means
    # A read that had to wait for the database is as old as it is.
    read_at = work.moment.monotonic if read.clock is None else read.clock.monotonic
    work.gate = work.gate.saw(read_at)
    if mail.generation == work.gate.stream:
        work.gate = work.gate.read(mail.generation, read_at)
    _keep_equity(work)
    if heard or differing or positions:
        work.journal(
            "account_read",
            str(mail.generation),
            orders=len(read.orders),
            heard=len(heard),
            differing=differing,
        )


def _keep_equity(work: Work) -> None:
    """For the curve that its owner looks at; nothing is decided by it."""
    if work.means is None or work.means.equity is None:
        return
    today, trades = work.unit.day_pnl(work.now), work.unit.open_trades()
    work.unit.add_equity(
        EquitySample(
            at=work.now,
            equity=work.means.equity,
            realised=today.realised.quantize(CENT),
            open=today.open.quantize(CENT),
            exposure=sum((trade.held * (trade.basis_price or ZERO) for trade in trades), ZERO).quantize(CENT),
        )
    )


def _taken_at(read: Snapshot) -> datetime:
    """By the broker's clock: it is what the next read asks for orders and executions since."""
    return read.taken_at if read.clock is None else read.taken_at - read.clock.ahead


def _belongs_to_opening(order: ExternalOrder, read: Snapshot) -> bool:
    """Whether what others had done with it before the books were opened will never be told again."""
    if order.bears_our_mark or not order.done or order.updated_at is None:
        return False
    return order.updated_at < _taken_at(read) - STILL_LISTED


def _facts(work: Work, read: Snapshot) -> tuple[list[OrderUpdate], list[ExternalOrder], dict[str, Decimal]]:
    broker_ids = {u.broker_order_id for u in read.orders}
    known = work.unit.orders_by_id(
        client_order_ids={*(u.client_order_id for u in read.orders), *read.missing},
        broker_order_ids=broker_ids | {u.replaces for u in read.orders if u.replaces is not None},
    )
    externals = work.unit.external_orders(broker_ids)
    heard: list[OrderUpdate] = []
    strangers: list[ExternalOrder] = []
    positions: dict[str, Decimal] = {}
    vanished: set[str] = set()
    for fact in reconcile(known, externals, work.unit.positions(), read):
        match fact:
            case OrderHeard(update=update):
                heard.append(update)
            case OrderMissing(client_order_id=cid):
                ledger_outcomes.denied(work, OrderNotFound(client_order_id=cid))
            case OrderVanished(client_order_id=cid):
                vanished.add(cid)
            case ExternalHeard(order=order):
                strangers.append(order)
            case PositionHeard(symbol=symbol, qty=qty):
                positions[symbol] = qty
    _look_for(work, vanished)
    return heard, strangers, positions


def _hear_strangers(work: Work, orders: list[ExternalOrder], read: Snapshot, *, opening: bool) -> None:
    """Behind our own orders, and what was bought before what was sold: so it shows whose shares were sold."""
    known = work.unit.external_orders({order.broker_order_id for order in orders})
    for order in sorted(orders, key=lambda order: order.side):
        if not opening or not _belongs_to_opening(order, read):
            ledger_orders.keep_external(work, known.get(order.broker_order_id), order)


def _look_for(work: Work, vanished: set[str]) -> None:
    """Orders that the broker had and denies: once may be its own delay, twice is another account."""
    for cid in sorted(vanished & work.vanished):
        work.halt(ALL, f"the broker had order {cid} and does not know it any more: the account was reset")
    if vanished - work.vanished:
        work.look(f"the broker does not know order {min(vanished)} any more")
    work.vanished = frozenset(vanished)


def _complete_evidence(work: Work, fills: Iterable[FillActivity]) -> None:
    """Take the account's own history for executions that were never told, or only inferred."""
    told = tuple(fills)
    ours = work.unit.orders_by_id(client_order_ids=(), broker_order_ids={f.broker_order_id for f in told})
    names = {record.broker_order_id: cid for cid, record in ours.items()}
    work.unit.add_executions(
        ExecutionRow(
            execution=Execution(
                execution_id=f"activity:{fill.activity_id}", qty=fill.qty, price=fill.price, at=fill.at
            ),
            broker_order_id=fill.broker_order_id,
            client_order_id=names[fill.broker_order_id],
            filled_qty_after=fill.cum_qty,
            source="activity",
        )
        for fill in told
        if fill.broker_order_id in names
    )


def _drop_late_confirmations(work: Work) -> None:
    """Where account and books agree, a read of a position that lagged behind its fill is worth no more."""
    late = {
        record.client_order_id: record.having({"confirmed_qty": None, "confirmed_at_filled": None})
        for record in work.unit.unsettled_orders()
        if record.confirmed_qty not in {None, record.filled_qty} and record.symbol not in work.suspicions
    }
    for cid in late:
        work.journal("confirmation_dropped", cid)
    work.save(late)


def _unheard_fills(work: Work, read: Snapshot) -> None:
    """Executions of orders that the read did not list: an order that was done was filled once more."""
    listed = {update.broker_order_id for update in read.orders}
    late = {fill.broker_order_id: fill for fill in read.fills if fill.broker_order_id not in listed}
    ours = work.unit.orders_by_id(client_order_ids=(), broker_order_ids=late)
    for known in work.unit.external_orders(late).values():
        fill = late[known.broker_order_id]
        if fill.cum_qty > known.filled_qty:
            price = _average_with(fill, known.filled_qty, known.filled_avg_price)
            after = known.having({"filled_qty": fill.cum_qty, "filled_avg_price": price})
            ledger_orders.keep_external(work, known, after)
    for record in ours.values():
        fill = late[record.broker_order_id or ""]
        if fill.cum_qty > record.filled_qty:
            told = OrderUpdate(
                broker_order_id=fill.broker_order_id,
                client_order_id=record.client_order_id,
                symbol=fill.symbol,
                side=record.side,
                status=record.status,
                filled_qty=fill.cum_qty,
                filled_avg_price=_average_with(fill, record.filled_qty, _price_of(record)),
                updated_at=fill.at,
                time_in_force=record.time_in_force,
            )
            ledger_orders.hear(work, (told,), infer=True)


def _price_of(record: OrderRecord) -> Decimal | None:
    """The average price of all that it was filled for; None: the broker has told it of less."""
    return record.filled_avg_price if record.priced_filled_qty == record.filled_qty else None


def _average_with(fill: FillActivity, qty: Decimal, price: Decimal | None) -> Decimal | None:
    """The average price of what an order was filled for, this last execution included; None: it has a gap."""
    if fill.cum_qty - fill.qty != qty or (qty and price is None):
        return None
    return ((qty * (price or ZERO) + fill.qty * fill.price) / fill.cum_qty).quantize(NINE_PLACES)


def _open_books(work: Work, read: Snapshot) -> None:
    """What the account holds now, and no order in the books explains, was there before them.

    The orders are counted anew: some may be older than the holdings are.
    """
    held = {position.symbol: position.qty for position in read.positions}
    explained = work.unit.recomputed_holdings()
    openings: dict[str, str] = {}
    for symbol in sorted(held.keys() | explained.keys()):
        now = held.get(symbol, ZERO)
        opening = now - explained.get(symbol, ZERO)
        work.open_holding(Holding(symbol=symbol, opening=opening, believed=now))
        if opening:
            openings[symbol] = decimal_text(opening)
    # What moved shares before the books were opened explains nothing that comes after.
    _use(work, (action.having({"qty": ZERO}) for action in read.actions))
    work.unit.open_books(work.now)
    work.journal("books_opened", work.identity.account_id, openings=openings)


def _compare(work: Work, read: Snapshot) -> int:
    """Look at each symbol's shares beside the books; how many differ."""
    held = {position.symbol: position.qty for position in read.positions}
    symbols = held.keys() | work.symbols()
    work.learn_holdings(symbols)
    doubtful = {symbol for symbol in symbols if work.is_doubtful(symbol)}
    suspicions: dict[str, Suspicion] = {}
    for symbol in sorted(symbols):
        heard, believed = held.get(symbol, ZERO), work.believed(symbol)
        if heard == believed:
            continue
        now, before = work.moment.monotonic, work.suspicions.get(symbol)
        first = Suspicion(heard, believed, 0, now)
        suspicion = first if before is None else before.again(heard, believed, now)
        if not suspicion.confirmed or not (read.explained or _is_halted(work, symbol, suspicion)):
            work.look(f"{symbol}: the account has {heard}, the books explain {believed}")
        elif _explained(work, symbol, heard - believed, read.actions):
            continue
        else:
            work.halt(symbol, suspicion.unexplained)
        suspicions[symbol] = suspicion
    work.suspicions = suspicions
    for symbol in sorted(doubtful ^ {symbol for symbol in symbols if work.is_doubtful(symbol)}):
        work.follow(work.unit.open_trades(symbol))  # whether a price means anything for them has changed
    ledger_shares.settle_all(work, symbols - suspicions.keys())
    return len(suspicions)


def _is_halted(work: Work, symbol: str, suspicion: Suspicion) -> bool:
    """Whether a person is to look at this very difference already: then there is no hurry."""
    return suspicion.unexplained in work.unit.active_halts(symbol)


def _explained(work: Work, symbol: str, qty: Decimal, actions: Iterable[CorporateAction]) -> bool:
    """Whether corporate actions that have not explained anything yet explain exactly this difference.

    One can be told as several, shares out and shares in: together they are the difference, or none is.
    """
    unused = [
        each for each in actions if each.symbol == symbol and not work.unit.is_evidence(each.activity_id)
    ]
    if sum((each.qty for each in unused), ZERO) != qty:
        return False
    _use(work, unused)
    kinds = {each.kind.upper() for each in unused}
    if kinds == {SPLIT}:
        ledger_shares.split(work, symbol, unused)
    work.move(symbol, qty)
    ledger_shares.settle(work, symbol, (), rest=True)
    if kinds & UNDONE:
        work.halt(symbol, "the broker undid or changed an execution, and nobody knows of which order")
    return True


def _use(work: Work, actions: Iterable[CorporateAction]) -> None:
    for action in actions:
        work.unit.add_adjustment(
            symbol=action.symbol,
            qty=action.qty,
            reason=action.kind,
            evidence=action.activity_id,
            at=work.now,
        )
