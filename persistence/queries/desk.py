"""What the operator's seat shows of this moment: a few numbers, each found by an index. Any thread."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from domain.exposure import DayPnl
from domain.market import day_began_at
from domain.trades import TradeRecord
from domain.values import ZERO
from persistence.codec import micros_of
from persistence.exposure_table import day_pnl
from persistence.queries.snapshot import snapshot
from persistence.store import LedgerStore
from persistence.trades_table import TradesTable

_NUMBERS: Final = (
    "SELECT (SELECT count(*) FROM signal WHERE state = 'received'),"
    " (SELECT count(*) FROM bot_order WHERE life = 'unresolved'),"
    " (SELECT count(*) FROM bot_order WHERE planned_at >= ?)"
)
_BOUGHT: Final = (
    "SELECT filled_qty, filled_avg_price FROM bot_order"
    " WHERE planned_at >= ? AND leg = 'entry' AND filled_avg_price IS NOT NULL"
)


class Moment(NamedTuple):
    """Where the books stand."""

    undecided: int
    """Signals without a verdict."""
    unresolved: int
    """Orders of which it is not known whether the broker has them."""
    standing: tuple[TradeRecord, ...]
    """Trades that are pending, open or closing, oldest first."""
    today: DayPnl
    orders_today: int
    """Planned in New York's day, of every leg."""
    bought_usd: Decimal
    """By the buys among them."""


class LedgerFile(NamedTuple):
    """What the ledger is kept in. Bytes."""

    path: Path
    schema: int
    size: int
    wal_size: int
    journal_rows: int


class DeskQueries:
    """Reads of this moment."""

    def __init__(self, store: LedgerStore) -> None:
        self._path = store.path

    def moment(self, now: datetime) -> Moment:
        """Where the books stand; `now` is ours."""
        since = micros_of(day_began_at(now))
        with snapshot(self._path) as cursor:
            undecided, unresolved, orders = cursor.execute(_NUMBERS, (since,)).fetchone()
            standing = TradesTable(cursor).open(None)
            bought = sum(
                (Decimal(qty) * Decimal(price) for qty, price in cursor.execute(_BOUGHT, (since,))), ZERO
            )
            today = day_pnl(cursor, standing, now=now)
        return Moment(undecided, unresolved, standing, today, orders, bought)

    def file(self) -> LedgerFile:
        """The file as it is; one that cannot be looked at counts as empty."""
        wal = self._path.with_name(self._path.name + "-wal")
        with snapshot(self._path) as cursor:
            [schema] = cursor.execute("PRAGMA user_version").fetchone()
            [rows] = cursor.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
        return LedgerFile(self._path, schema, _size(self._path), _size(wal), rows)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
