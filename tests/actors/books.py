"""A real ledger in a folder of the test, and the walk of a signal through it."""

import sqlite3
from pathlib import Path
from typing import Any

from actors.base import Address
from actors.ledger_work import LedgerIdentity
from actors.trade_ledger import TradeLedger
from domain.identity import client_order_id
from domain.messages import (
    BrokerSnapshot,
    Declined,
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
from domain.rules import Deferred
from domain.signals import Signal
from domain.trades import TradeRecord
from persistence.store import LedgerStore
from tests.actors.doubles import PATIENCE_S, ManualClock, Outbox, Stage, taken
from tests.domain.builders import a_signal, a_snapshot

ACCOUNT = "account-1"


def id_of(signal: Signal) -> str:
    """The id that the entry order of this signal has."""
    return client_order_id(account_id=ACCOUNT, source=signal.source, signal_id=signal.signal_id, leg="entry")


class Books:
    """The ledger as its neighbours see it, and its file as any other process sees it."""

    def __init__(self, folder: Path, stage: Stage, clock: ManualClock) -> None:
        self.stage, self.clock = stage, clock
        self.store = LedgerStore.open(folder / "ledger.sqlite3", clock=ManualClock())
        self.ledger: Address[LedgerMail] = stage.spawn(
            TradeLedger,
            store=self.store,
            identity=LedgerIdentity(account_id=ACCOUNT, code_version="1.2.3"),
            clock=clock,
            on_death=stage.deaths,
        )
        self.news = Outbox()
        self._file = sqlite3.connect(f"file:{self.store.path}?mode=ro", uri=True)

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

    def plan(self, signal: Signal) -> Planned | Declined | Deferred:
        question = PlanEntry(source=signal.source, signal_id=signal.signal_id)
        return self.ledger.ask(question, Planned, Declined, Deferred, timeout=PATIENCE_S)

    def plan_again(self, cid: str, *, never_sent: bool = False) -> Planned | Declined | Deferred:
        question = PlanResend(client_order_id=cid, never_sent=never_sent)
        return self.ledger.ask(question, Planned, Declined, Deferred, timeout=PATIENCE_S)

    # --- steps of the walk ------------------------------------------------------------------------

    def open_gate(self, generation: int = 1) -> None:
        self.tell(StreamOpened(generation=generation))
        self.read(generation=generation)

    def read(self, snapshot: Snapshot | None = None, *, generation: int = 1) -> None:
        self.tell(BrokerSnapshot(generation=generation, snapshot=snapshot or a_snapshot()))

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

    def order(self, cid: str) -> OrderRecord:
        with self.store.unit() as unit:
            return unit.orders_by_id(client_order_ids=[cid], broker_order_ids=())[cid]
