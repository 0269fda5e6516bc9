"""The books made anew from the journal alone, and held against the stored ones. Reads, and changes nothing.

What the journal does not tell is not made anew: prices and peaks that the monitor saw, executions (evidence
beside an order's own count), positions as the broker told them, samples of the account's worth. A trade is
made anew from its orders, which are made anew from the journal.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from domain.config import BotConfig
from domain.orders import Life, OrderRecord, OrderUpdate, Trigger, fold, learn
from domain.settings_text import text_of
from domain.signals import state_after
from domain.trades import follow_trade
from persistence.account_table import CONFIG, STANDING_HALTS, config_of, halt_of
from persistence.codec import moment_of
from persistence.holdings_table import HOLDINGS, MOVEMENTS, holding_of, summed
from persistence.journal import GENESIS, sealed
from persistence.orders_table import RECORD_COLUMNS, record_of
from persistence.queries.snapshot import snapshot
from persistence.signals_table import checks_digest
from persistence.trades_table import TRADE_COLUMNS, trade_of

CHUNK: Final = 5000
MOST: Final = 100
"""Differences that are told at most."""
ORDER_FIELDS: Final = (
    "trade_id", "leg", "symbol", "side", "type", "time_in_force", "notional", "qty", "stop_price", "reason",
    "planned_at", "post_until", "qty_before", "life", "broker_order_id", "status", "filled_qty",
    "filled_avg_price", "updated_at", "replaced_by",
)  # fmt: skip
_ROWS = f"SELECT seq, at, kind, ref, payload, hash FROM journal WHERE seq > ? ORDER BY seq LIMIT {CHUNK}"  # noqa: S608
_SIGNALS = (
    "SELECT source, signal_id, symbol, body_digest, state, verdict_code, verdict_reason, stars, notional,"
    " checks, received_at, decided_at FROM signal"
)
_SIGNAL_FIELDS: Final = (
    "symbol", "body_digest", "state", "verdict_code", "verdict_reason", "stars", "notional", "checks",
    "received_at", "decided_at",
)  # fmt: skip
_ORDERS = f"SELECT {', '.join(RECORD_COLUMNS)} FROM bot_order ORDER BY trade_id, planned_at, rowid"  # noqa: S608
_TRADES = f"SELECT {', '.join(TRADE_COLUMNS)} FROM bot_trade"  # noqa: S608
_ADJUSTMENTS = "SELECT evidence, symbol, qty, reason FROM adjustment"
_NOTHING: Final = "nothing"


class Difference(NamedTuple):
    """Where the stored books are not what the journal makes of them."""

    table: str
    key: str
    column: str
    stored: str
    made_anew: str


class Verified(NamedTuple):
    """What was found."""

    rows: int
    """Of the journal, up to where it is sound."""
    broken_at: int | None
    """The first row whose seal does not fit; from there on nothing was made anew."""
    compared: Mapping[str, int]
    """By table: rows that were held against the journal."""
    differences: tuple[Difference, ...]


class _Books:
    """What the journal says so far."""

    def __init__(self) -> None:
        self.signals: dict[tuple[str, str], dict[str, Any]] = {}
        self.orders: dict[str, OrderRecord] = {}
        self.trades: dict[str, dict[str, Any]] = {}
        self.halts: dict[tuple[str, str], None] = {}
        self.config: dict[str, str] = {}
        self.openings: dict[str, Decimal] = {}
        self.adjustments: dict[str, tuple[str, Decimal, str]] = {}

    def take(self, at: datetime, kind: str, ref: str, told: dict[str, Any]) -> None:
        """One row."""
        if kind.startswith("signal_"):
            self._signal(at, kind, ref, told)
        elif kind.startswith("order_"):
            self._order(at, kind, ref, told)
        elif kind.startswith("trade_") and "was" in told:
            self.trades.setdefault(ref, {}).update(status=kind.removeprefix("trade_"), **told)
        elif kind == "halted":
            self.halts[ref, told["reason"]] = None
        elif kind == "halts_cleared":
            self.halts = {key: None for key in self.halts if key[0] != ref}
        elif kind == "config_changed":
            self.config |= {name: _words(value) for name, value in told["new"].items()}
        elif kind == "books_opened":
            self.openings = {symbol: Decimal(str(qty)) for symbol, qty in told["openings"].items()}
        elif kind == "adjusted":
            self.adjustments[told["evidence"]] = (ref, Decimal(str(told["qty"])), told["reason"])

    def _signal(self, at: datetime, kind: str, ref: str, told: dict[str, Any]) -> None:
        key = (told["source"], ref)
        if kind == "signal_received":
            self.signals[key] = dict.fromkeys(_SIGNAL_FIELDS) | {
                "symbol": told["symbol"],
                "body_digest": told["digest"],
                "state": "received",
                "received_at": at,
            }
        elif kind == "signal_decided" and key in self.signals:
            self.signals[key] |= {
                "state": state_after(told["verdict"]).value,
                "verdict_code": told["verdict"],
                "verdict_reason": told["reason"],
                "stars": told["stars"],
                "notional": _decimal(told["notional"]),
                "checks": told["checks"],
                "decided_at": at,
            }

    def _order(self, at: datetime, kind: str, ref: str, told: dict[str, Any]) -> None:
        if kind == "order_intended":
            self.orders[ref] = _intended(at, ref, told)
            return
        record = self.orders.get(ref)
        if record is None:
            return
        if kind == "order_heard":
            self.orders[ref] = fold(record, _word(record, told))
        elif kind == "order_unresolved":
            self.orders[ref] = learn(record, Trigger.UNRESOLVED)
        elif kind == "order_lapsed":
            self.orders[ref] = learn(record, Trigger.LAPSED)
        elif kind == "order_withdrawn":
            self.orders[ref] = record.having({"post_until": min(record.post_until, at)})
        elif kind == "order_refused":
            after = learn(record, Trigger.REFUSED)
            if after.life is Life.UNRESOLVED and record.leg != "exit":
                after = after.having({"post_until": min(after.post_until, at)})
            self.orders[ref] = after
        elif kind == "order_replaced":
            self.orders[told["by"]] = _replacing(record, at, told)


def verify(path: Path, progress: Callable[[int, int], None] = lambda _done, _all: None) -> Verified:
    """Walk the journal's chain, make the books anew, compare; raises sqlite3.Error.

    One moment of the ledger, also while a bot writes it. `progress` hears rows done, and how many there are.
    """
    books = _Books()
    with snapshot(path) as cursor:
        [total] = cursor.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
        seq, seal = 0, GENESIS
        while rows := cursor.execute(_ROWS, (seq,)).fetchall():
            for number, at, kind, ref, payload, seen in rows:
                seal = sealed(seal, seq + 1, (at, kind, ref, payload))
                if seen != seal:
                    return Verified(seq, number, {}, ())
                seq += 1
                books.take(moment_of(at), kind, ref, json.loads(payload))
            progress(seq, total)
        compared: dict[str, int] = {}
        found: list[Difference] = []
        for table, differences in _compared(cursor, books, compared):
            compared.setdefault(table, 0)
            found += differences
        return Verified(seq, None, compared, tuple(found[:MOST]))


def _compared(
    cursor: sqlite3.Cursor, books: _Books, compared: dict[str, int]
) -> Iterator[tuple[str, list[Difference]]]:
    for table, look in (
        ("signal", _signals),
        ("bot_order", _orders),
        ("bot_trade", _trades),
        ("holding", _holdings),
        ("adjustment", _adjustments),
        ("halt", _halts),
        ("bot_config", _config),
    ):
        count, differences = look(cursor, books)
        compared[table] = count
        yield table, differences


def _signals(cursor: sqlite3.Cursor, books: _Books) -> tuple[int, list[Difference]]:
    stored = {}
    for source, signal_id, *rest in cursor.execute(_SIGNALS):
        told = dict(zip(_SIGNAL_FIELDS, rest, strict=True))
        told["checks"] = None if told["checks"] is None else checks_digest(told["checks"])
        told["received_at"] = moment_of(told["received_at"])
        told["decided_at"] = None if told["decided_at"] is None else moment_of(told["decided_at"])
        told["notional"] = _decimal(told["notional"])
        stored[source, signal_id] = told
    return len(stored), list(_rows("signal", _named(stored), _named(books.signals)))


def _orders(cursor: sqlite3.Cursor, books: _Books) -> tuple[int, list[Difference]]:
    stored = {row[0]: record_of(row) for row in cursor.execute(_ORDERS)}
    return len(stored), list(
        _rows(
            "bot_order",
            {cid: {name: getattr(record, name) for name in ORDER_FIELDS} for cid, record in stored.items()},
            {
                cid: {name: getattr(record, name) for name in ORDER_FIELDS}
                for cid, record in books.orders.items()
            },
        )
    )


def _trades(cursor: sqlite3.Cursor, books: _Books) -> tuple[int, list[Difference]]:
    orders: dict[int, list[OrderRecord]] = {}
    for row in cursor.execute(_ORDERS).fetchall():
        record = record_of(row)
        orders.setdefault(record.trade_id, []).append(record)
    found: list[Difference] = []
    stored = [trade_of(row) for row in cursor.execute(_TRADES)]
    for trade in stored:
        anew = follow_trade(trade, tuple(orders.get(trade.id, ())))
        for name, value in dict(anew).items():
            if value != getattr(trade, name):
                found.append(_difference("bot_trade", str(trade.id), name, getattr(trade, name), value))
        told = books.trades.get(str(trade.id), {"status": "pending"})
        if trade.status.value != told["status"]:
            found.append(
                _difference("bot_trade", str(trade.id), "status", trade.status.value, told["status"])
            )
        if told["status"] == "closed":
            for name, key in (("exit_reason", "reason"), ("exit_price", "price"), ("pnl", "pnl")):
                value = told.get(key)
                anew_value = value if name == "exit_reason" or value is None else Decimal(str(value))
                if getattr(trade, name) != anew_value:
                    found.append(
                        _difference("bot_trade", str(trade.id), name, getattr(trade, name), anew_value)
                    )
    named = {str(trade.id) for trade in stored}
    found += [
        _difference("bot_trade", ref, "row", _NOTHING, told["status"])
        for ref, told in books.trades.items()
        if ref not in named
    ]
    return len(stored), found


def _holdings(cursor: sqlite3.Cursor, books: _Books) -> tuple[int, list[Difference]]:
    stored = {row[0]: holding_of(row) for row in cursor.execute(HOLDINGS).fetchall()}
    sums = summed(cursor.execute(MOVEMENTS).fetchall())
    found = []
    for symbol, holding in stored.items():
        for name, anew in (
            ("opening", books.openings.get(symbol, Decimal(0))),
            ("believed", sums.get(symbol, Decimal(0))),
        ):
            if getattr(holding, name) != anew:
                found.append(_difference("holding", symbol, name, getattr(holding, name), anew))
    return len(stored), found


def _adjustments(cursor: sqlite3.Cursor, books: _Books) -> tuple[int, list[Difference]]:
    stored = {
        evidence: {"symbol": symbol, "qty": Decimal(qty), "reason": reason}
        for evidence, symbol, qty, reason in cursor.execute(_ADJUSTMENTS)
    }
    made = {
        evidence: {"symbol": symbol, "qty": qty, "reason": reason}
        for evidence, (symbol, qty, reason) in books.adjustments.items()
    }
    return len(stored), list(_rows("adjustment", stored, made))


def _halts(cursor: sqlite3.Cursor, books: _Books) -> tuple[int, list[Difference]]:
    stored = {
        f"{halt.scope}: {halt.reason}": {"stands": True}
        for halt in map(halt_of, cursor.execute(STANDING_HALTS))
    }
    made = {f"{scope}: {reason}": {"stands": True} for scope, reason in books.halts}
    return len(stored), list(_rows("halt", stored, made))


def _config(cursor: sqlite3.Cursor, books: _Books) -> tuple[int, list[Difference]]:
    stored = dict(config_of(cursor.execute(CONFIG).fetchone()))
    usual = dict(BotConfig())
    found = []
    for key, value in stored.items():
        anew = books.config.get(key, text_of(usual[key]))
        if text_of(value) != anew:
            found.append(_difference("bot_config", key, "value", text_of(value), anew))
    return len(stored), found


def _rows(
    table: str, stored: Mapping[str, Mapping[str, Any]], made: Mapping[str, Mapping[str, Any]]
) -> Iterator[Difference]:
    for key in stored.keys() - made.keys():
        yield _difference(table, key, "row", "there", _NOTHING)
    for key in made.keys() - stored.keys():
        yield _difference(table, key, "row", _NOTHING, "there")
    for key in stored.keys() & made.keys():
        for column, value in stored[key].items():
            if value != made[key][column]:
                yield _difference(table, key, column, value, made[key][column])


def _named(rows: Mapping[tuple[str, str], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {f"{signal_id} of {source}": told for (source, signal_id), told in rows.items()}


def _difference(table: str, key: str, column: str, stored: object, made: object) -> Difference:
    return Difference(table, key, column, str(stored), str(made))


def _intended(at: datetime, cid: str, told: dict[str, Any]) -> OrderRecord:
    return OrderRecord(
        client_order_id=cid,
        trade_id=told["trade"],
        leg=told["leg"],
        symbol=told["symbol"],
        side=told["side"],
        type=told["type"],
        time_in_force=told["time_in_force"],
        life=Life.INTENDED,
        notional=_decimal(told["notional"]),
        qty=_decimal(told["qty"]),
        stop_price=_decimal(told["stop_price"]),
        reason=told["reason"],
        planned_at=at,
        post_until=datetime.fromisoformat(told["post_until"]),
        qty_before=Decimal(told["qty_before"]),
    )


def _word(record: OrderRecord, told: dict[str, Any]) -> OrderUpdate:
    said_at = told.get("said_at")
    return OrderUpdate(
        broker_order_id=told.get("broker_order_id") or record.broker_order_id or "",
        client_order_id=record.client_order_id,
        symbol=record.symbol,
        side=record.side,
        status=told["status"],
        filled_qty=Decimal(told["filled_qty"]),
        filled_avg_price=_decimal(told["filled_avg_price"]),
        updated_at=None if said_at is None else datetime.fromisoformat(said_at),
        replaced_by=told.get("replaced_by"),
    )


def _replacing(replaced: OrderRecord, at: datetime, told: dict[str, Any]) -> OrderRecord:
    return OrderRecord(
        client_order_id=told["by"],
        trade_id=replaced.trade_id,
        leg=replaced.leg,
        symbol=replaced.symbol,
        side=replaced.side,
        type=replaced.type,
        time_in_force=replaced.time_in_force,
        life=Life.WORKING,
        notional=_decimal(told["notional"]),
        qty=_decimal(told["qty"]),
        stop_price=replaced.stop_price,
        reason=replaced.reason,
        planned_at=at,
        post_until=replaced.post_until,
        qty_before=replaced.qty_before,
        broker_order_id=told["broker_order_id"],
    )


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _words(value: Any) -> str:
    """As the settings are told everywhere; JSON has made lists of tuples, and text of decimals."""
    return text_of(tuple(value) if isinstance(value, list) else value)
