"""What can be read and written in one transaction of the ledger."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from sqlite3 import Cursor

from domain.config import BotConfig
from domain.exposure import DayPnl, EquitySample, Exposure
from domain.holdings import ExternalOrder, Halt, Holding
from domain.orders import OrderRecord, OrderTicket
from domain.signals import Signal, SignalState, Verdict
from domain.trades import TradeRecord, TradeStatus
from persistence import (
    account_table,
    equity_table,
    executions_table,
    exposure_table,
    holdings_table,
    journal,
    lease,
    signals_table,
)
from persistence.orders_table import OrdersTable
from persistence.rows import ExecutionRow, NewTrade, StoredSignal
from persistence.trades_table import TradesTable


class Unit:
    """What can be read and written in one transaction. Of no use after its `with` block."""

    __slots__ = ("_cursor", "_entries", "_orders", "_trades", "journaled")

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._orders = OrdersTable(cursor)
        self._trades = TradesTable(cursor)
        self._entries: list[journal.Entry] = []
        self.journaled = False
        """Whether the journal has grown by this unit; known once it has finished."""

    def finish(self) -> None:
        """Append what was journaled; the store calls this just before the commit.

        Some failures make SQLite end the transaction by itself: RuntimeError if the block kept such a one to
        itself, as what it wrote afterwards stands alone.
        """
        if not self._cursor.connection.in_transaction:
            raise RuntimeError("the transaction ended before its unit did")
        if self._entries:
            journal.append(self._cursor, self._entries)
            self._entries = []
            self.journaled = True

    # --- signals --------------------------------------------------------------------------------

    def find_signals(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], StoredSignal]:
        """Those the ledger has, by (source, signal_id)."""
        return signals_table.find_signals(self._cursor, keys)

    def add_signal(self, signal: Signal, *, digest: str, received_at: datetime) -> None:
        """Store a signal that waits for its verdict. sqlite3.IntegrityError if its name is taken."""
        signals_table.add_signal(self._cursor, signal, digest=digest, received_at=received_at)

    def decide_signal(
        self, *, source: str, signal_id: str, state: SignalState, verdict: Verdict, at: datetime
    ) -> str:
        """Give a waiting signal its verdict, once; its checks' digest. RowMissing if it waits for none."""
        return signals_table.decide_signal(
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

    def open_trades(self, symbol: str | None = None) -> tuple[TradeRecord, ...]:
        """Those that occupy their symbol, oldest first: of one symbol, or all."""
        return self._trades.open(symbol)

    def exposure(
        self, config: BotConfig, *, symbol: str, now: datetime, means_read_at: datetime | None
    ) -> Exposure:
        """What the limits of this configuration count before the symbol is bought; the rest is not read."""
        standing = self.open_trades() if exposure_table.needs_standing(config) else ()
        return exposure_table.counted(
            self._cursor, config, standing, symbol=symbol, now=now, means_read_at=means_read_at
        )

    def day_pnl(self, now: datetime) -> DayPnl:
        """What New York's day has brought, or cost, so far."""
        return exposure_table.day_pnl(self._cursor, self.open_trades(), now=now)

    def add_equity(self, sample: EquitySample) -> None:
        """Keep what the account was worth in this minute, unless the minute has a sample."""
        equity_table.add(self._cursor, sample)

    def refusals_in_a_row(self, *, since: datetime | None, most: int) -> int:
        """How many of the last buys, planned after `since`, the broker refused one after the other."""
        return exposure_table.refusals_in_a_row(self._cursor, since=since, most=most)

    def orders_since(self, since: datetime) -> tuple[int, int]:
        """How many orders of any leg were planned after it, and for how many trades."""
        return exposure_table.orders_since(self._cursor, since)

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
        self._orders.add(
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

    def orders_of(self, trade_ids: Collection[int]) -> dict[int, tuple[OrderRecord, ...]]:
        """All orders of each trade, of every leg, oldest first."""
        return self._orders.of_trades(trade_ids)

    def add_exit(
        self,
        order: OrderTicket,
        *,
        trade_id: int,
        qty_before: Decimal,
        account_id: str,
        config_digest: str,
        code_version: str,
        at: datetime,
    ) -> None:
        """Store the intent to sell what a trade holds. sqlite3.IntegrityError if its id is taken."""
        self._orders.add(
            order,
            trade_id=trade_id,
            qty_before=qty_before,
            account_id=account_id,
            config_digest=config_digest,
            code_version=code_version,
            at=at,
        )

    def add_executions(self, rows: Iterable[ExecutionRow]) -> None:
        """Store evidence; an execution_id seen before is left as it is.

        Rows with the same `filled_qty_after` of an order tell of the same match. The stream's takes the place
        of the history's, and either that of an inferred one.
        """
        executions_table.add_executions(self._cursor, rows)

    # --- whose shares are whose -------------------------------------------------------------------

    def holdings(self, symbols: Collection[str] | None = None) -> dict[str, Holding]:
        """What the account should hold of these symbols by our books, by symbol. None: of all."""
        return holdings_table.holdings(self._cursor, symbols)

    def save_holdings(self, holdings: Iterable[Holding]) -> None:
        """Store them, new or known."""
        holdings_table.save_holdings(self._cursor, holdings)

    def recomputed_holdings(self) -> dict[str, Decimal]:
        """What each holding's `believed` must be, from every order and adjustment anew. Reads all orders."""
        return holdings_table.recomputed(self._cursor)

    def external_orders(self, broker_order_ids: Collection[str] | None = None) -> dict[str, ExternalOrder]:
        """Orders of others that the ledger has seen, by broker_order_id. None: those that are open."""
        return holdings_table.external_orders(self._cursor, broker_order_ids)

    def external_sells(self, symbol: str, *, since: datetime) -> tuple[ExternalOrder, ...]:
        """What others sold of the symbol, by each order's last word since then, the latest first."""
        return holdings_table.external_sells(self._cursor, symbol, since)

    def save_external_orders(self, orders: Iterable[ExternalOrder], *, at: datetime) -> None:
        """Store them, new or known; of a new one `at` is when it was first seen."""
        holdings_table.save_external_orders(self._cursor, orders, at=at)

    def drop_external_orders(self, broker_order_ids: Collection[str]) -> None:
        """Forget these: they turned out to be ours."""
        holdings_table.drop_external_orders(self._cursor, broker_order_ids)

    def is_evidence(self, evidence: str) -> bool:
        """Whether an adjustment rests on it already."""
        return holdings_table.is_evidence(self._cursor, evidence)

    def add_adjustment(self, *, symbol: str, qty: Decimal, reason: str, evidence: str, at: datetime) -> bool:
        """Store and journal what moved shares (signed) without an order. False: the evidence is known."""
        added = holdings_table.add_adjustment(
            self._cursor, symbol=symbol, qty=qty, reason=reason, evidence=evidence, at=at
        )
        if added:
            self.journal("adjusted", symbol, {"qty": qty, "reason": reason, "evidence": evidence}, at=at)
        return added

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

    def save_config(self, config: BotConfig, *, at: datetime, by: str) -> bool:
        """Store the owner's settings, and in the journal what of them changed. False: nothing did."""
        before, after = dict(self.config()), dict(config)
        new = {name: value for name, value in after.items() if value != before[name]}
        if new:
            account_table.save_config(self._cursor, config)
            old = {name: before[name] for name in new}
            self.journal("config_changed", by, {"old": old, "new": new}, at=at)
        return bool(new)

    def active_halts(self, symbol: str | None) -> tuple[str, ...]:
        """Why everything, or this symbol, is halted; oldest first."""
        return account_table.active_halts(self._cursor, symbol)

    def standing_halts(self) -> tuple[Halt, ...]:
        """All that nobody has cleared, whatever their scope; oldest first."""
        return account_table.standing_halts(self._cursor)

    def was_cleared(self, halt: Halt) -> bool:
        """Whether this very halt, raised at this time, has been cleared."""
        return account_table.was_cleared(self._cursor, halt)

    def was_raised(self, scope: str, reason: str) -> bool:
        """Whether it has ever been halted for this reason, cleared since or not."""
        return account_table.was_raised(self._cursor, scope, reason)

    def last_cleared(self, scope: str) -> datetime | None:
        """When a person last cleared a halt on exactly this scope; None: nobody ever has."""
        return account_table.last_cleared(self._cursor, scope)

    def add_halt(self, *, scope: str, reason: str, by: str, at: datetime) -> bool:
        """Halt 'all' or a symbol. False: it is halted for the same reason, and nothing happens."""
        added = account_table.add_halt(self._cursor, scope=scope, reason=reason, by=by, at=at)
        if added:
            self.journal("halted", scope, {"reason": reason, "by": by}, at=at)
        return added

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

    def put_meta(self, key: str, value: str) -> None:
        """Store such a fact in place of what was there."""
        account_table.put_meta(self._cursor, key, value)

    def watermark(self) -> datetime | None:
        """When the last full read of the account began; None: there was none."""
        return account_table.watermark(self._cursor)

    def set_watermark(self, at: datetime) -> None:
        """The account was read in full; the read began then."""
        account_table.set_watermark(self._cursor, at)

    def books_opened(self) -> bool:
        """Whether it is known what the account held before our first order."""
        return account_table.meta(self._cursor, account_table.BOOKS_OPENED) is not None

    def open_books(self, at: datetime) -> None:
        """The holdings' openings are stored, once for ever: sqlite3.IntegrityError if they were before."""
        account_table.open_books(self._cursor, at)

    def renew_lease(self, at: datetime) -> None:
        """Say that the holder of the lease is well."""
        lease.renew(self._cursor, at=at)
