"""A ledger of many trades, written straight into its tables: signals, trades, orders, executions, journal."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from persistence.codec import micros_of
from persistence.journal import GENESIS, sealed
from persistence.store import LedgerStore

SYMBOLS: Final = 500
REASONS: Final = ("hard_stop", "profit_target", "time_exit", "trailing_stop", "manual")
CHECKS: Final = json.dumps([[f"check_{number}", True, "so many of so many are left"] for number in range(25)])
APART: Final = timedelta(minutes=5)


def large_ledger(path: Path, trades: int, now: datetime) -> None:
    """Closed trades, one each five minutes, the last one an hour before `now`; takes a while."""
    LedgerStore.open(path, clock=lambda: datetime.now(UTC)).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        moments = [now - timedelta(hours=1) - APART * (trades - number) for number in range(trades)]
        insert(connection, "signal", map(_signal, range(trades), moments))
        insert(connection, "bot_trade", map(_trade, range(trades), moments))
        for leg in ("entry", "exit"):
            insert(connection, "bot_order", (_order(number, at, leg) for number, at in enumerate(moments)))
            insert(
                connection, "execution", (_execution(number, at, leg) for number, at in enumerate(moments))
            )
        insert(connection, "journal", _journal(moments))
        insert(connection, "equity_sample", map(_sample, moments[-20_000:]))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ANALYZE")


def insert(connection: sqlite3.Connection, table: str, rows: Iterator[dict[str, Any]]) -> None:
    first = next(rows)
    names = ", ".join(first)
    values = ", ".join(f":{name}" for name in first)
    sql = f"INSERT INTO {table} ({names}) VALUES ({values})"
    connection.execute(sql, first)
    connection.executemany(sql, rows)


def _symbol(number: int) -> str:
    letters = "ABCDEFGHIJ"
    return "".join(letters[int(digit)] for digit in f"{number % SYMBOLS:04d}")


def _signal(number: int, at: datetime) -> dict[str, Any]:
    return {
        "id": number + 1,
        "source": "scanner",
        "signal_id": f"news-{number}",
        "body_digest": f"{number:064x}",
        "symbol": _symbol(number),
        "catalyst_tier": 3,
        "ai_confidence": ("low", "medium", "high")[number % 3],
        "catalyst_category": "FDA",
        "price_at_signal": "100",
        "issued_at": micros_of(at),
        "ttl_s": 300,
        "received_at": micros_of(at),
        "state": "planned",
        "verdict_code": "trade",
        "verdict_reason": "every check passed",
        "stars": 3 + number % 3,
        "notional": "100",
        "checks": CHECKS,
        "decided_at": micros_of(at),
    }


def _trade(number: int, at: datetime) -> dict[str, Any]:
    return {
        "id": number + 1,
        "source": "scanner",
        "signal_id": f"news-{number}",
        "symbol": _symbol(number),
        "status": "closed",
        "stars": 3 + number % 3,
        "notional": "100",
        "shares": "1",
        "entry_price": "100",
        "entry_at": micros_of(at + timedelta(milliseconds=120)),
        "exit_price": str(95 + number % 11),
        "exit_at": micros_of(at + timedelta(minutes=3)),
        "exit_reason": REASONS[number % len(REASONS)],
        "pnl": str(number % 11 - 5),
        "client_order_id": f"sf-entry-{number}",
        "alpaca_order_id": f"b-entry-{number}",
        "created_at": micros_of(at),
        "updated_at": micros_of(at + timedelta(minutes=3)),
        "sold": "1",
    }


def _order(number: int, at: datetime, leg: str) -> dict[str, Any]:
    begun = at if leg == "entry" else at + timedelta(minutes=3)
    return {
        "client_order_id": f"sf-{leg}-{number}",
        "broker_order_id": f"b-{leg}-{number}",
        "trade_id": number + 1,
        "leg": leg,
        "symbol": _symbol(number),
        "side": "buy" if leg == "entry" else "sell",
        "type": "market",
        "time_in_force": "day",
        "notional": "100" if leg == "entry" else None,
        "qty": None if leg == "entry" else "1",
        "extended_hours": 0,
        "post_until": micros_of(begun + timedelta(minutes=5)),
        "life": "done",
        "qty_before": "0",
        "status": "filled",
        "filled_qty": "1",
        "filled_avg_price": "100",
        "updated_at": micros_of(begun),
        "priced_filled_qty": "1",
        "priced_at": micros_of(begun),
        "account_id": "large",
        "config_digest": "0",
        "code_version": "0",
        "planned_at": micros_of(begun),
        "saved_at": micros_of(begun),
    }


def _execution(number: int, at: datetime, leg: str) -> dict[str, Any]:
    return {
        "execution_id": f"x-{leg}-{number}",
        "broker_order_id": f"b-{leg}-{number}",
        "client_order_id": f"sf-{leg}-{number}",
        "qty": "1",
        "price": "100",
        "at": micros_of(at),
        "filled_qty_after": "1",
        "source": "stream",
    }


def _sample(at: datetime) -> dict[str, Any]:
    minute = micros_of(at) // 60_000_000 * 60_000_000
    return {"at": minute, "equity": "100000", "realised": "0", "open": "0", "exposure": "0"}


def _journal(moments: list[datetime]) -> Iterator[dict[str, Any]]:
    seq, seal = 0, GENESIS
    for number, at in enumerate(moments):
        for kind, ref in (
            ("signal_received", f"news-{number}"),
            ("signal_decided", f"news-{number}"),
            ("order_intended", f"sf-entry-{number}"),
            ("order_heard", f"sf-entry-{number}"),
            ("trade_closed", str(number + 1)),
        ):
            seq += 1
            payload = '{"source":"scanner"}'
            seal = sealed(seal, seq, (micros_of(at), kind, ref, payload))
            yield {
                "seq": seq,
                "at": micros_of(at),
                "kind": kind,
                "ref": ref,
                "payload": payload,
                "hash": seal,
            }
