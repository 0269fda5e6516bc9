"""A real ledger in a folder of the test, and the walk of a signal through it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from actors.base import Address
from actors.ledger_work import LedgerIdentity
from actors.trade_ledger import TradeLedger
from domain.config import BotConfig
from domain.gate import ClockReading
from domain.identity import client_order_id
from domain.market import Asset, Quote
from domain.messages import (
    BrokerSnapshot,
    ClearHalts,
    Declined,
    HaltsChanged,
    HaltTrading,
    LedgerMail,
    ListUnsettled,
    OrderAccepted,
    OrdersUpdated,
    PlanEntry,
    Planned,
    PlanResend,
    RecordSignal,
    SignalConflict,
    SignalRecorded,
    StreamOpened,
    Unsettled,
)
from domain.orders import OrderRecord, OrderTicket, OrderUpdate
from domain.reconcile import Snapshot
from domain.rules import Deferred, EntryReads, ReadsWanted
from domain.signals import Signal
from domain.trades import TradeRecord
from persistence.halt_file import HaltFile
from persistence.queries import Queries
from persistence.store import LedgerStore
from tests.actors.doubles import PATIENCE_S, ManualClock, ManualTimers, Outbox, Stage, taken
from tests.domain.builders import UNLIMITED, a_market, a_quote, a_signal, a_snapshot, an_asset

ACCOUNT = "account-1"


def id_of(signal: Signal) -> str:
    """The id that the entry order of this signal has."""
    return client_order_id(account_id=ACCOUNT, source=signal.source, signal_id=signal.signal_id, leg="entry")


class Books:
    """The ledger as its neighbours see it, and its file as any other process sees it."""

    def __init__(
        self,
        folder: Path,
        stage: Stage,
        clock: ManualClock,
        *,
        busy_s: float = 5.0,
        config: BotConfig = UNLIMITED,
    ) -> None:
        self.stage, self.clock = stage, clock
        self.store = LedgerStore.open(folder / "ledger.sqlite3", clock=ManualClock(), busy_s=busy_s)
        self.configure(config)
        self.assets: dict[str, Asset | None] = {}
        """What the broker says of symbols; of those not named here, that they are sold in fractions."""
        self.quotes: dict[str, Quote] = {}
        self.halt_path = folder / "HALT"
        self.halt_file = HaltFile(self.halt_path)
        self.news = Outbox()
        self.start()
        self._file = sqlite3.connect(f"file:{self.store.path}?mode=ro", uri=True)

    def start(self) -> None:
        """A ledger of a new process on the same files; one that runs loses its lease."""
        self.timers = ManualTimers()
        ledger = self.stage.spawn(
            TradeLedger,
            store=self.store,
            identity=LedgerIdentity(account_id=ACCOUNT, code_version="1.2.3"),
            halts=self.halt_file,
            holder="the test",
            timers=self.timers,
            clock=self.clock,
            monotonic=self.clock.monotonic,
            on_death=self.stage.deaths,
        )
        self.ledger: Address[LedgerMail] = ledger

    def restart(self) -> None:
        """Stop it, and start another on what it left."""
        self.ledger.stop(timeout=PATIENCE_S)
        self.start()

    def close(self) -> None:
        self._file.close()
        self.store.close()

    # --- mail -------------------------------------------------------------------------------------

    def tell(self, *mail: LedgerMail) -> None:
        """Send it, and wait until all of it is in the books."""
        for each in mail:
            self.ledger.send(each)
        self.settle()

    def settle(self) -> None:
        self.ledger.ping(timeout=PATIENCE_S)  # the urgent lane
        self.unsettled()  # and the other

    def unsettled(self) -> Unsettled:
        return self.ledger.ask(ListUnsettled(), Unsettled, timeout=PATIENCE_S)

    def record(self, signal: Signal) -> SignalRecorded | SignalConflict:
        return self.ledger.ask(
            RecordSignal(signal=signal), SignalRecorded, SignalConflict, timeout=PATIENCE_S
        )

    def configure(self, config: BotConfig) -> None:
        """The owner has set this, past the ledger."""
        with self.store.unit() as unit:
            unit.save_config(config, at=self.clock.now, by="owner")

    def plan(self, signal: Signal) -> Planned | Declined | Deferred:
        """The decision, after all that it asks for was looked up."""
        reads = None
        while True:
            answer = self.plan_with(signal, reads)
            if not isinstance(answer, ReadsWanted):
                return answer
            reads = self.looked_up(answer, reads)

    def plan_with(
        self, signal: Signal, reads: EntryReads | None = None
    ) -> Planned | Declined | Deferred | ReadsWanted:
        question = PlanEntry(source=signal.source, signal_id=signal.signal_id, reads=reads)
        return self.ledger.ask(question, Planned, Declined, Deferred, ReadsWanted, timeout=PATIENCE_S)

    def looked_up(self, wanted: ReadsWanted, before: EntryReads | None = None) -> EntryReads:
        """What the broker would answer."""
        symbol, reads = wanted.symbol, before or EntryReads(at=self.clock.now)
        if wanted.asset:
            asset = self.assets.get(symbol, an_asset(symbol=symbol))
            reads = reads.having({"asset": asset, "unknown_symbol": asset is None})
        if wanted.quote:
            reads = reads.having({"quote": self.quotes.get(symbol, a_quote(None, symbol=symbol))})
        return reads

    def plan_again(self, cid: str, *, never_sent: bool = False) -> Planned | Declined | Deferred:
        question = PlanResend(client_order_id=cid, never_sent=never_sent)
        return self.ledger.ask(question, Planned, Declined, Deferred, timeout=PATIENCE_S)

    def halt(self, scope: str, reason: str = "I say so", *, by: str = "owner") -> HaltsChanged:
        mail = HaltTrading(scope=scope, reason=reason, by=by)
        return self.ledger.ask(mail, HaltsChanged, timeout=PATIENCE_S)

    def clear(self, scope: str, *, by: str = "owner") -> HaltsChanged:
        mail = ClearHalts(scope=scope, reason="I have looked", by=by)
        return self.ledger.ask(mail, HaltsChanged, timeout=PATIENCE_S)

    def tick(self) -> float:
        """Let the ledger's next tick come, and wait until it is over; how long it would have been to it."""
        self.timers.skip_to_last()
        delay = self.timers.fire()
        self.ledger.ping(timeout=PATIENCE_S)
        return delay

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While this lasts, another program holds the file and nothing can be written."""
        other = sqlite3.connect(self.store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()

    # --- steps of the walk ------------------------------------------------------------------------

    def open_gate(self, generation: int = 1) -> None:
        self.tell(StreamOpened(generation=generation))
        self.read(generation=generation)

    def read(self, snapshot: Snapshot | None = None, *, generation: int = 1) -> None:
        """Five seconds later the account was read; by a clock that is right, unless the snapshot has one."""
        self.clock.move(5)
        snapshot = snapshot or a_snapshot()
        if snapshot.clock is None:
            snapshot = snapshot.having({"clock": self.clock_reading()})
        if snapshot.market is None:
            snapshot = snapshot.having({"market": a_market()})
        self.tell(BrokerSnapshot(generation=generation, snapshot=snapshot))

    def clock_reading(self) -> ClockReading:
        """Our clock is right, at this moment."""
        return ClockReading(ahead=timedelta(), at=self.clock.now, monotonic=self.clock.monotonic())

    def intend(self, signal: Signal | None = None) -> OrderTicket:
        """Take a signal to its intended order."""
        signal = signal or a_signal()
        self.record(signal)
        planned = self.plan(signal)
        assert isinstance(planned, Planned), planned
        return planned.order

    def accept(self, signal: Signal | None = None) -> OrderTicket:
        """Take a signal to the broker's acceptance of its order."""
        ticket = self.intend(signal)
        self.tell(OrderAccepted(update=taken(ticket)))
        return ticket

    def hear(self, *updates: OrderUpdate) -> None:
        """Each as a message of its own."""
        self.tell(*(OrdersUpdated(updates=(update,)) for update in updates))

    # --- what another process sees ----------------------------------------------------------------

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._file.execute(sql, values).fetchall()

    def kinds(self, ref: str | None = None) -> list[str]:
        """The journal's kinds in order, of one subject or of all."""
        rows = self.rows("SELECT kind, ref FROM journal ORDER BY seq")
        return [kind for kind, about in rows if ref in {None, about}]

    def state(self, signal: Signal) -> str:
        ((state,),) = self.rows("SELECT state FROM signal WHERE signal_id = ?", signal.signal_id)
        return str(state)

    def trades(self) -> list[TradeRecord]:
        ids = [row[0] for row in self.rows("SELECT id FROM bot_trade ORDER BY id")]
        with self.store.unit() as unit:
            found = unit.trades(ids)
        return [found[trade_id] for trade_id in ids]

    def trade(self) -> TradeRecord:
        """The only trade."""
        (trade,) = self.trades()
        return trade

    def trade_of(self, signal_id: str) -> TradeRecord:
        (trade,) = [trade for trade in self.trades() if trade.signal_id == signal_id]
        return trade

    # --- halts and holdings -----------------------------------------------------------------------

    def halts(self) -> list[tuple[str, str]]:
        """Scope and reason of each that stands in the database."""
        return self.rows("SELECT scope, reason FROM halt WHERE cleared_at IS NULL ORDER BY id")

    def halted(self) -> list[str]:
        """The scopes that are halted in the database, each once."""
        return list(dict.fromkeys(scope for scope, _ in self.halts()))

    def believed(self) -> dict[str, Decimal]:
        """The shares that the account should hold, by symbol; checked against a recount."""
        believed = {name: Decimal(qty) for name, qty in self.rows("SELECT symbol, believed FROM holding")}
        recount = Queries(self.store).recomputed_holdings()
        assert {s: q for s, q in believed.items() if q} == {s: q for s, q in recount.items() if q}
        return {symbol: qty for symbol, qty in believed.items() if qty}

    def order(self, cid: str) -> OrderRecord:
        with self.store.unit() as unit:
            return unit.orders_by_id(client_order_ids=[cid], broker_order_ids=())[cid]
