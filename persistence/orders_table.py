"""The `bot_order` table: our orders, as they were planned and as the broker tells of them."""

from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from sqlite3 import Cursor
from typing import Any, Final

from domain.orders import Life, OrderRecord, OrderTicket
from persistence.codec import (
    built,
    json_of,
    micros_of,
    micros_or_none,
    moment_of,
    moment_or_none,
    text_of,
    text_or_none,
)
from persistence.errors import RowMissing

RECORD_COLUMNS: Final = (
    "client_order_id", "trade_id", "leg", "symbol", "side", "type", "time_in_force", "life", "notional",
    "qty", "stop_price", "reason", "planned_at", "post_until", "qty_before", "broker_order_id", "status",
    "filled_qty", "filled_avg_price",
    "updated_at", "priced_filled_qty", "priced_at", "confirmed_qty", "confirmed_at_filled",
    "replaced_by", "missing_since", "silent_since",
)  # fmt: skip
TICKET_COLUMNS: Final = (
    "client_order_id", "leg", "symbol", "side", "type", "time_in_force", "notional", "qty", "limit_price",
    "stop_price", "extended_hours", "reason", "post_until",
)  # fmt: skip
LIVES: Final = {life.value: life for life in Life}
MAX_OUTCOME: Final = 500

_RECORD = ", ".join(RECORD_COLUMNS)
_UNSETTLED_LIFE = "life IN ('intended', 'unresolved', 'working')"
_LISTED = "(SELECT value FROM json_each(?))"

_ADD = (
    "INSERT INTO bot_order (client_order_id, trade_id, leg, symbol, side, type, time_in_force, notional, qty,"
    " limit_price, stop_price, extended_hours, reason, post_until, life, qty_before, account_id,"
    " config_digest, code_version, planned_at, saved_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'intended', ?, ?, ?, ?, ?, ?)"
)
# What the broker does not tell of a replacement is as it was in the trade's first order of this leg.
_ADD_REPLACEMENT = (
    "INSERT INTO bot_order (client_order_id, trade_id, leg, symbol, side, type, time_in_force, notional, qty,"
    " stop_price, reason, post_until, qty_before, life, planned_at, saved_at,"
    " extended_hours, account_id, config_digest, code_version)"
    " SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
    " extended_hours, account_id, config_digest, code_version"
    " FROM bot_order WHERE trade_id = ? AND leg = ? ORDER BY planned_at, rowid LIMIT 1"
)
_BY_CLIENT_ID = f"SELECT {_RECORD} FROM bot_order WHERE client_order_id IN {_LISTED}"  # noqa: S608
_BY_BROKER_ID = f"SELECT client_order_id FROM bot_order WHERE broker_order_id IN {_LISTED}"  # noqa: S608
_TICKETS = f"SELECT {', '.join(TICKET_COLUMNS)} FROM bot_order WHERE client_order_id IN {_LISTED}"  # noqa: S608
_SAVE = (
    "UPDATE bot_order SET status = ?, filled_qty = ?, filled_avg_price = ?, updated_at = ?,"
    " priced_filled_qty = ?, priced_at = ?, confirmed_qty = ?, confirmed_at_filled = ?, replaced_by = ?,"
    " missing_since = ?, silent_since = ?, post_until = ?, saved_at = ?{indexed} WHERE client_order_id = ?"
)
# SQLite takes a row out of every index whose columns an UPDATE names, and puts it back, also when they
# stay the same. So they are named only when they change, which is seldom: half the time of a save.
_SAVE_IN_PLACE = _SAVE.format(indexed="")
_SAVE_MOVED = _SAVE.format(indexed=", life = ?, broker_order_id = ?")
_NOTE_ATTEMPT = (
    "UPDATE bot_order SET attempts = attempts + 1, last_outcome = ?, saved_at = ? WHERE client_order_id = ?"
)
_UNSETTLED = f"SELECT {_RECORD} FROM bot_order WHERE {_UNSETTLED_LIFE} ORDER BY planned_at, rowid"  # noqa: S608
_OF_TRADES = (
    f"SELECT trade_id, client_order_id FROM bot_order WHERE trade_id IN {_LISTED}"  # noqa: S608
    " ORDER BY rowid"
)


def record_of(row: tuple[Any, ...]) -> OrderRecord:
    """The order from `RECORD_COLUMNS`."""
    (
        client_order_id, trade_id, leg, symbol, side, type_, time_in_force, life, notional, qty,
        stop_price, reason, planned_at, post_until, qty_before, broker_order_id, status, filled_qty,
        filled_avg_price,
        updated_at, priced_filled_qty, priced_at, confirmed_qty, confirmed_at_filled,
        replaced_by, missing_since, silent_since,
    ) = row  # fmt: skip
    return built(
        OrderRecord,
        {
            "client_order_id": client_order_id,
            "trade_id": trade_id,
            "leg": leg,
            "symbol": symbol,
            "side": side,
            "type": type_,
            "time_in_force": time_in_force,
            "life": LIVES[life],
            "notional": None if notional is None else Decimal(notional),
            "qty": None if qty is None else Decimal(qty),
            "stop_price": None if stop_price is None else Decimal(stop_price),
            "reason": reason,
            "planned_at": moment_of(planned_at),
            "post_until": moment_of(post_until),
            "qty_before": Decimal(qty_before),
            "broker_order_id": broker_order_id,
            "status": status,
            "filled_qty": Decimal(filled_qty),
            "filled_avg_price": None if filled_avg_price is None else Decimal(filled_avg_price),
            "updated_at": moment_or_none(updated_at),
            "priced_filled_qty": Decimal(priced_filled_qty),
            "priced_at": moment_or_none(priced_at),
            "confirmed_qty": None if confirmed_qty is None else Decimal(confirmed_qty),
            "confirmed_at_filled": None if confirmed_at_filled is None else Decimal(confirmed_at_filled),
            "replaced_by": replaced_by,
            "missing_since": moment_or_none(missing_since),
            "silent_since": moment_or_none(silent_since),
        },
    )


def ticket_of(row: tuple[Any, ...]) -> OrderTicket:
    """The intent from `TICKET_COLUMNS`."""
    (
        client_order_id, leg, symbol, side, type_, time_in_force, notional, qty, limit_price,
        stop_price, extended_hours, reason, post_until,
    ) = row  # fmt: skip
    return built(
        OrderTicket,
        {
            "client_order_id": client_order_id,
            "leg": leg,
            "symbol": symbol,
            "side": side,
            "type": type_,
            "time_in_force": time_in_force,
            "notional": None if notional is None else Decimal(notional),
            "qty": None if qty is None else Decimal(qty),
            "limit_price": None if limit_price is None else Decimal(limit_price),
            "stop_price": None if stop_price is None else Decimal(stop_price),
            "extended_hours": bool(extended_hours),
            "reason": reason,
            "post_until": moment_of(post_until),
        },
    )


class OrdersTable:
    """The table in one transaction. It holds the write lock, so what was read or saved once stays true."""

    __slots__ = ("_cursor", "_known")

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._known: dict[str, OrderRecord] = {}

    def add(
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
        """Store the intent: an order as it will be POSTed."""
        now = micros_of(at)
        self._cursor.execute(
            _ADD,
            (
                order.client_order_id,
                trade_id,
                order.leg,
                order.symbol,
                order.side,
                order.type,
                order.time_in_force,
                text_or_none(order.notional),
                text_or_none(order.qty),
                text_or_none(order.limit_price),
                text_or_none(order.stop_price),
                int(order.extended_hours),
                order.reason,
                micros_of(order.post_until),
                text_of(qty_before),
                account_id,
                config_digest,
                code_version,
                now,
                now,
            ),
        )

    def add_replacement(self, record: OrderRecord, *, at: datetime) -> None:
        """RowMissing: its trade has no order that it could have replaced."""
        now = micros_of(at)
        self._cursor.execute(
            _ADD_REPLACEMENT,
            (
                record.client_order_id,
                record.trade_id,
                record.leg,
                record.symbol,
                record.side,
                record.type,
                record.time_in_force,
                text_or_none(record.notional),
                text_or_none(record.qty),
                text_or_none(record.stop_price),
                record.reason,
                micros_of(record.post_until),
                text_of(record.qty_before),
                record.life.value,
                now,
                now,
                record.trade_id,
                record.leg,
            ),
        )
        if self._cursor.rowcount != 1:
            raise RowMissing(
                f"trade {record.trade_id} has no order that {record.client_order_id} could have replaced"
            )
        self.save((record,), at=at)

    def by_id(
        self, *, client_order_ids: Collection[str], broker_order_ids: Collection[str]
    ) -> dict[str, OrderRecord]:
        """Those the table has under either id, by client_order_id."""
        wanted = dict.fromkeys(client_order_ids)
        self._learn(wanted)
        if broker_order_ids:
            listed = (json_of(list(broker_order_ids)),)
            of_broker = [cid for (cid,) in self._cursor.execute(_BY_BROKER_ID, listed)]
            self._learn(of_broker)
            wanted |= dict.fromkeys(of_broker)
        known = self._known
        return {cid: known[cid] for cid in wanted if cid in known}

    def _learn(self, client_order_ids: Iterable[str]) -> None:
        known = self._known
        unread = [cid for cid in client_order_ids if cid not in known]
        if unread:
            for row in self._cursor.execute(_BY_CLIENT_ID, (json_of(unread),)):
                known[row[0]] = record_of(row)

    def tickets(self, client_order_ids: Collection[str]) -> dict[str, OrderTicket]:
        """The orders as they are to be POSTed, by client_order_id."""
        rows = self._cursor.execute(_TICKETS, (json_of(list(client_order_ids)),))
        return {row[0]: ticket_of(row) for row in rows}

    def save(self, records: Iterable[OrderRecord], *, at: datetime) -> None:
        """RowMissing: one of them is not in the table. What an order was planned as never changes."""
        now = micros_of(at)
        in_place, moved = [], []
        changed = {record.client_order_id: record for record in records}
        for cid, record in changed.items():
            row = (
                record.status,
                text_of(record.filled_qty),
                text_or_none(record.filled_avg_price),
                micros_or_none(record.updated_at),
                text_of(record.priced_filled_qty),
                micros_or_none(record.priced_at),
                text_or_none(record.confirmed_qty),
                text_or_none(record.confirmed_at_filled),
                record.replaced_by,
                micros_or_none(record.missing_since),
                micros_or_none(record.silent_since),
                micros_of(record.post_until),
                now,
            )
            old = self._known.pop(cid, None)
            if old and old.life is record.life and old.broker_order_id == record.broker_order_id:
                in_place.append((*row, cid))
            else:
                moved.append((*row, record.life.value, record.broker_order_id, cid))
        saved = sum(
            self._cursor.executemany(sql, rows).rowcount
            for sql, rows in ((_SAVE_IN_PLACE, in_place), (_SAVE_MOVED, moved))
            if rows
        )
        if saved != len(changed):
            raise RowMissing(f"the ledger lacks one of the orders {sorted(changed)}")
        self._known |= changed

    def note_attempt(self, client_order_id: str, outcome: str, *, at: datetime) -> None:
        """RowMissing: the table has no such order."""
        self._cursor.execute(_NOTE_ATTEMPT, (outcome[:MAX_OUTCOME], micros_of(at), client_order_id))
        if self._cursor.rowcount != 1:
            raise RowMissing(f"the ledger lacks the order {client_order_id}")

    def unsettled(self) -> tuple[OrderRecord, ...]:
        """Orders the broker still has to be asked about, oldest first."""
        return tuple(map(record_of, self._cursor.execute(_UNSETTLED)))

    def of_trades(self, trade_ids: Collection[int]) -> dict[int, tuple[OrderRecord, ...]]:
        """All orders of each trade, oldest first, whatever the clock said when they were planned."""
        pairs = self._cursor.execute(_OF_TRADES, (json_of(list(trade_ids)),)).fetchall()
        self._learn(cid for _, cid in pairs)
        found: dict[int, tuple[OrderRecord, ...]] = {}
        for trade_id, cid in pairs:
            found[trade_id] = (*found.get(trade_id, ()), self._known[cid])
        return found
