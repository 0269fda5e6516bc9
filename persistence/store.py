"""The ledger's writer side: one file, and units of work that are durable when they end."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from sqlite3 import Cursor
from typing import Any

from pony.orm import core, db_session

from domain.config import BotConfig
from domain.orders import OrderRecord, OrderTicket
from domain.signals import Signal, SignalState, Verdict
from domain.trades import TradeRecord, TradeStatus
from domain.values import Clock
from persistence import account_table, executions_table, journal, migrate, signals_table
from persistence.database import mapped_database, thread_connection
from persistence.errors import LedgerBelongsElsewhere, LedgerUnusable
from persistence.orders_table import OrdersTable
from persistence.rows import ExecutionRow, JournalCheck, NewTrade, StoredSignal
from persistence.trades_table import TradesTable

__all__ = [
    "ExecutionRow",
    "LedgerBelongsElsewhere",
    "LedgerStore",
    "LedgerUnusable",
    "NewTrade",
    "StoredSignal",
    "Unit",
    "verify_journal",
]

_ACCOUNT = "account_id"


class LedgerStore:
    """One ledger file, open. Any thread may use it, each gets a connection of its own."""

    def __init__(self, path: Path, database: Any, clock: Clock) -> None:
        """Use `open`."""
        self.path = path
        self.database = database
        self._clock = clock

    @classmethod
    def open(cls, path: Path, *, clock: Clock) -> "LedgerStore":
        """Create, check and migrate the file, then map it. LedgerUnusable says why it cannot be used."""
        path = path.expanduser().absolute()
        migrate.make_ready(path, clock=clock)
        return cls(path, mapped_database(path), clock)

    @contextmanager
    def unit(self) -> "Iterator[Unit]":
        """One transaction that holds the write lock from its start; durable when the block is left.

        An exception in the block undoes everything. RuntimeError inside another `db_session` of this
        thread: Pony would not commit here, and the outer session's rollback would undo it. Pony's
        OperationalError if another process holds the write lock for five seconds.
        """
        if core.local.db_context_counter:
            raise RuntimeError("a unit inside another db_session would not be committed when it ends")
        # The cursor is closed before the commit: a later write through it would be a transaction of its own.
        with db_session(immediate=True), closing(thread_connection(self.database).cursor()) as cursor:
            unit = Unit(cursor)
            yield unit
            unit.finish()

    def bind_account(self, account_id: str) -> None:
        """The first call says whose ledger this is; LedgerBelongsElsewhere for any other account.

        LedgerOutOfReach when it cannot be written now.
        """
        try:
            self._bind(account_id)
        except core.DBException as error:
            raise migrate.unusable(self.path, error.original_exc or error) from error

    def _bind(self, account_id: str) -> None:
        with self.unit() as unit:
            known = unit.meta(_ACCOUNT)
            if known is None:
                unit.set_meta(_ACCOUNT, account_id)
                unit.journal("account_bound", account_id, {}, at=self._clock())
            elif known != account_id:
                raise LedgerBelongsElsewhere(known, account_id)

    def account_id(self) -> str | None:
        """Whose ledger this is; None: nobody's yet."""
        with db_session:
            known = self.database.Meta.get(key=_ACCOUNT)
            return None if known is None else str(known.value)

    def examine(self) -> None:
        """Check the whole file beside the work; LedgerUnusable if it is damaged."""
        migrate.examine(self.path)

    def settle(self) -> None:
        """Fold SQLite's log back into the file, the sign of a clean stop; for when nobody writes any more."""
        migrate.settle(self.path)

    def close(self) -> None:
        """Close the calling thread's connection; those of other threads close when their threads end."""
        self.database.disconnect()


class Unit:
    """What can be read and written in one transaction. Of no use after its `with` block."""

    __slots__ = ("_cursor", "_entries", "_orders", "_trades")

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._orders = OrdersTable(cursor)
        self._trades = TradesTable(cursor)
        self._entries: list[journal.Entry] = []

    def finish(self) -> None:
        """Append what was journaled; the store calls this just before the commit."""
        if self._entries:
            journal.append(self._cursor, self._entries)
            self._entries = []

    # --- signals --------------------------------------------------------------------------------

    def find_signals(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], StoredSignal]:
        """Those the ledger has, by (source, signal_id)."""
        return signals_table.find_signals(self._cursor, keys)

    def add_signal(self, signal: Signal, *, digest: str, received_at: datetime) -> None:
        """Store a signal that waits for its verdict. sqlite3.IntegrityError if its name is taken."""
        signals_table.add_signal(self._cursor, signal, digest=digest, received_at=received_at)

    def decide_signal(
        self, *, source: str, signal_id: str, state: SignalState, verdict: Verdict, at: datetime
    ) -> None:
        """Give a waiting signal its verdict, once. RowMissing if it does not wait."""
        signals_table.decide_signal(
            self._cursor, source=source, signal_id=signal_id, state=state, verdict=verdict, at=at
        )

    def undecided_signals(self, *, limit: int) -> tuple[Signal, ...]:
        """Signals that wait for their verdict, oldest first."""
        return signals_table.undecided_signals(self._cursor, limit=limit)

    def count_undecided(self) -> int:
        """How many signals wait for their verdict."""
        return signals_table.count_undecided(self._cursor)

    # --- trades ---------------------------------------------------------------------------------

    def trade_occupying(self, symbol: str) -> TradeStatus | None:
        """The status of the trade that has the symbol; None: it is free."""
        return self._trades.occupying(symbol)

    def add_entry(
        self,
        trade: NewTrade,
        order: OrderTicket,
        *,
        qty_before: Decimal,
        account_id: str,
        config_digest: str,
        code_version: str,
        at: datetime,
    ) -> int:
        """Store a pending trade with its intended order; the trade's id. `qty_before`: the account's shares.

        sqlite3.IntegrityError if the signal is unknown or has traded, or the order's id is taken.
        """
        trade_id = self._trades.add(trade, at=at)
        self._orders.add_entry(
            order,
            trade_id=trade_id,
            qty_before=qty_before,
            account_id=account_id,
            config_digest=config_digest,
            code_version=code_version,
            at=at,
        )
        return trade_id

    def trades(self, trade_ids: Collection[int]) -> dict[int, TradeRecord]:
        """Those the ledger has, by id."""
        return self._trades.by_id(trade_ids)

    def save_trades(self, trades: Iterable[TradeRecord], *, at: datetime) -> None:
        """Store what can change of a trade; `at` becomes `updated_at`. RowMissing for an unknown one."""
        self._trades.save(trades, at=at)

    # --- orders ---------------------------------------------------------------------------------

    def add_replacement(self, record: OrderRecord, *, at: datetime) -> None:
        """Store an order that replaced one of ours at the broker, bound to the same trade."""
        self._orders.add_replacement(record, at=at)

    def orders_by_id(
        self, *, client_order_ids: Collection[str], broker_order_ids: Collection[str]
    ) -> dict[str, OrderRecord]:
        """Those the ledger has under either id, by client_order_id. Any number of ids."""
        return self._orders.by_id(client_order_ids=client_order_ids, broker_order_ids=broker_order_ids)

    def tickets(self, client_order_ids: Collection[str]) -> dict[str, OrderTicket]:
        """The orders as they are to be POSTed, by client_order_id."""
        return self._orders.tickets(client_order_ids)

    def save_orders(self, records: Iterable[OrderRecord], *, at: datetime) -> None:
        """Store what can change of an order. RowMissing for an unknown one."""
        self._orders.save(records, at=at)

    def note_attempt(self, client_order_id: str, outcome: str, *, at: datetime) -> None:
        """Count a POST and keep what came of it (500 characters). RowMissing for an unknown order."""
        self._orders.note_attempt(client_order_id, outcome, at=at)

    def unsettled_orders(self) -> tuple[OrderRecord, ...]:
        """Orders the broker still has to be asked about, oldest first."""
        return self._orders.unsettled()

    def unsettled_since(self) -> datetime | None:
        """When the oldest unsettled order was planned."""
        return self._orders.unsettled_since()

    def entry_orders(self, trade_ids: Collection[int]) -> dict[int, tuple[OrderRecord, ...]]:
        """A trade's entry orders (the first, and those that replaced it), oldest first."""
        return self._orders.entries(trade_ids)

    def add_executions(self, rows: Iterable[ExecutionRow]) -> None:
        """Store evidence; an execution_id seen before is left as it is."""
        executions_table.add_executions(self._cursor, rows)

    # --- the account and its owner ----------------------------------------------------------------

    def positions(self, symbols: Collection[str] | None = None) -> dict[str, Decimal]:
        """The account's shares as last heard. None: of every symbol it holds any of."""
        return account_table.positions(self._cursor, symbols)

    def set_positions(self, quantities: Mapping[str, Decimal], *, at: datetime) -> None:
        """Store what was heard of these symbols; the others stay."""
        account_table.set_positions(self._cursor, quantities, at=at)

    def config(self) -> BotConfig:
        """What the owner has set."""
        return account_table.config(self._cursor)

    def save_config(self, config: BotConfig, *, at: datetime, by: str) -> None:
        """Store the owner's settings, and in the journal what changed."""
        old = self.config()
        account_table.save_config(self._cursor, config)
        self.journal("config_changed", by, {"old": old, "new": config}, at=at)

    def active_halts(self, symbol: str | None) -> tuple[str, ...]:
        """Why everything, or this symbol, is halted; oldest first."""
        return account_table.active_halts(self._cursor, symbol)

    def add_halt(self, *, scope: str, reason: str, by: str, at: datetime) -> None:
        """Halt 'all' or a symbol. Nothing happens while it is halted for the same reason."""
        if account_table.add_halt(self._cursor, scope=scope, reason=reason, by=by, at=at):
            self.journal("halted", scope, {"reason": reason, "by": by}, at=at)

    def clear_halts(self, *, scope: str, by: str, reason: str, at: datetime) -> int:
        """Lift every halt on exactly this scope; how many there were."""
        cleared = account_table.clear_halts(self._cursor, scope=scope, by=by, reason=reason, at=at)
        if cleared:
            self.journal("halts_cleared", scope, {"reason": reason, "by": by, "halts": cleared}, at=at)
        return cleared

    # --- the ledger itself ------------------------------------------------------------------------

    def journal(self, kind: str, ref: str, payload: Mapping[str, object], *, at: datetime) -> None:
        """Journal what was done. `payload`: JSON's types, decimals, aware times, models."""
        self._entries.append(journal.entry(kind, ref, payload, at=at))

    def meta(self, key: str) -> str | None:
        """A fact about the ledger itself."""
        return account_table.meta(self._cursor, key)

    def set_meta(self, key: str, value: str) -> None:
        """Store such a fact, once for ever."""
        account_table.set_meta(self._cursor, key, value)


def verify_journal(store: LedgerStore) -> JournalCheck:
    """Whether the journal is as it was written. Any thread; the writer is not held up."""

    def rows_after(seq: int) -> list[journal.Row]:
        with db_session:
            rows: list[journal.Row] = store.database.select(journal.ROWS_AFTER, {}, {"seq": seq})
        return rows

    return journal.verified(rows_after)
