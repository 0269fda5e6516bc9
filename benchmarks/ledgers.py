"""Ledger files with a past, written through the store and then multiplied by SQL in its own tables."""

import sqlite3
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from actors.clock import system_clock
from benchmarks import names
from domain.orders import Execution, Life, OrderTicket
from domain.signals import Signal, SignalState, Verdict, body_digest
from domain.trades import TradeStatus
from persistence import journal
from persistence.store import ExecutionRow, LedgerStore, NewTrade, Unit

_PRICE, _SHARES, _NOTIONAL = Decimal("148.79"), Decimal("0.672043010"), Decimal(names.NOTIONAL)
_JOURNALED = (
    "signal_received",
    "signal_decided",
    "order_intended",
    "order_heard",
    "order_heard",
    "trade_closed",
)
_KEYS = {
    "signal": {"id": "id + n", "signal_id": "signal_id || '-' || n"},
    "bot_trade": {
        "id": "id + n",
        "signal_id": "signal_id || '-' || n",
        "client_order_id": "client_order_id || '-' || n",
    },
    "bot_order": {
        "trade_id": "trade_id + n",
        "client_order_id": "client_order_id || '-' || n",
        "broker_order_id": "broker_order_id || '-' || n",
    },
    "execution": {
        "execution_id": "execution_id || '-' || n",
        "client_order_id": "client_order_id || '-' || n",
        "broker_order_id": "broker_order_id || '-' || n",
    },
}
"""What must differ from one trade to the next, as a function of its number `n`."""


def signal(number: int, at: datetime) -> Signal:
    return Signal(
        signal_id=names.signal_id(number),
        symbol=names.symbol(number),
        catalyst_tier=1,
        ai_confidence="high",
        issued_at=at,
        source=names.SOURCE,
    )


def plan(unit: Unit, number: int, at: datetime) -> int:
    """Store the n-th trade with its intended order, as the ledger does; the trade's id."""
    one = signal(number, at)
    key: dict[str, Any] = {"source": one.source, "signal_id": one.signal_id}
    verdict = Verdict(code="trade", reason="every check passed", stars=5, notional=_NOTIONAL, checks=())
    unit.add_signal(one, digest=body_digest(one), received_at=at)
    unit.decide_signal(**key, state=SignalState.PLANNED, verdict=verdict, at=at)
    trade = NewTrade(
        **key,
        symbol=one.symbol,
        stars=5,
        notional=_NOTIONAL,
        catalyst_type=None,
        catalyst_tier=1,
        client_order_id=names.order_id(number),
        created_at=at,
    )
    order = OrderTicket(
        client_order_id=names.order_id(number),
        symbol=one.symbol,
        side="buy",
        notional=_NOTIONAL,
        post_until=one.expires_at,
    )
    stamp: dict[str, Any] = {
        "account_id": names.ACCOUNT_ID,
        "config_digest": "0123456789abcdef",
        "code_version": "benchmark",
    }
    return unit.add_entry(trade, order, qty_before=Decimal(0), at=at, **stamp)


def build(file: Path, trades: int) -> None:
    """A ledger of so many closed trades, each with its signal, order, execution and six journal rows."""
    store = LedgerStore.open(file, clock=system_clock)
    if trades:
        with store.unit() as unit:
            _closed_trade(unit)
    store.close()
    if trades:
        _multiply(file, trades)


def _closed_trade(unit: Unit) -> None:
    now, order_id = system_clock(), names.order_id(0)
    trade_id = plan(unit, 0, now)
    broker_id = names.broker_id(order_id)
    record = unit.orders_by_id(client_order_ids=[order_id], broker_order_ids=())[order_id]
    filled = {
        "filled_qty": _SHARES,
        "filled_avg_price": _PRICE,
        "priced_filled_qty": _SHARES,
        "priced_at": now,
    }
    done = {"life": Life.DONE, "status": "filled", "broker_order_id": broker_id, "updated_at": now, **filled}
    unit.save_orders([record.model_copy(update=done)], at=now)
    execution = Execution(execution_id=names.broker_id(broker_id), qty=_SHARES, price=_PRICE, at=now)
    unit.add_executions(
        [
            ExecutionRow(
                execution=execution,
                broker_order_id=broker_id,
                client_order_id=order_id,
                filled_qty_after=_SHARES,
                position_qty=_SHARES,
            )
        ]
    )
    closed = {
        "status": TradeStatus.CLOSED, "shares": _SHARES, "entry_price": _PRICE, "entry_at": now,
        "exit_price": _PRICE, "exit_at": now, "exit_reason": "profit_target", "pnl": Decimal(0),
        "alpaca_order_id": broker_id,
    }  # fmt: skip
    unit.save_trades([unit.trades([trade_id])[trade_id].model_copy(update=closed)], at=now)


def _multiply(file: Path, trades: int) -> None:
    connection = sqlite3.connect(file)
    numbers = (
        f"WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {trades - 1})"
    )
    with connection:
        for table, keys in _KEYS.items():
            if trades == 1:
                break
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(keys.get(column, column) for column in columns)
            connection.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) {numbers} SELECT {values} FROM {table}, number"
            )
        _keep_journal(connection.cursor(), trades)
    connection.close()


def _keep_journal(cursor: sqlite3.Cursor, trades: int) -> None:
    now = system_clock()
    payload = {
        "event": "fill",
        "status": "filled",
        "filled_qty": str(_SHARES),
        "filled_avg_price": str(_PRICE),
    }
    entries = [journal.entry(kind, names.order_id(0), payload, at=now) for kind in _JOURNALED]
    for _ in range(0, trades, 1000):
        journal.append(cursor, entries * min(trades, 1000))
