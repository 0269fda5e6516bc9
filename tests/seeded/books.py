"""What the ledger has committed, read past all of its own code."""

import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

ZERO = Decimal(0)
Key = tuple[str, str]


class OrderRow(NamedTuple):
    """One of our orders by the ledger."""

    client_order_id: str
    trade_id: int
    symbol: str
    life: str
    status: str
    filled_qty: Decimal
    qty: Decimal | None
    post_until: int
    missing_since: int | None


class TradeRow(NamedTuple):
    """One trade by the ledger."""

    id: int
    symbol: str
    status: str
    shares: Decimal | None


class Books:
    """Sees commits only: a connection of its own to the same file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)

    def close(self) -> None:
        self._connection.close()

    def version(self) -> int:
        """Another number after every commit."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def signals(self) -> dict[Key, str]:
        """State by (source, signal_id)."""
        rows = self._connection.execute("SELECT source, signal_id, state FROM signal")
        return {(source, signal_id): state for source, signal_id, state in rows}

    def orders(self) -> dict[str, OrderRow]:
        """By client_order_id."""
        rows = self._connection.execute(
            "SELECT client_order_id, trade_id, symbol, life, status, filled_qty, qty, post_until,"
            " missing_since FROM bot_order"
        )
        found = {}
        for cid, trade, symbol, life, status, filled, qty, until, missing in rows:
            size = None if qty is None else Decimal(qty)
            found[cid] = OrderRow(cid, trade, symbol, life, status, Decimal(filled), size, until, missing)
        return found

    def trades(self) -> list[TradeRow]:
        rows = self._connection.execute("SELECT id, symbol, status, shares FROM bot_trade")
        return [TradeRow(i, s, st, None if sh is None else Decimal(sh)) for i, s, st, sh in rows]

    def has_intent(self, client_order_id: str) -> bool:
        sql = "SELECT 1 FROM bot_order WHERE client_order_id = ?"
        return self._connection.execute(sql, (client_order_id,)).fetchone() is not None

    def positions(self) -> dict[str, Decimal]:
        """The account's shares as last heard."""
        rows = self._connection.execute("SELECT symbol, qty FROM position")
        return {symbol: Decimal(qty) for symbol, qty in rows if Decimal(qty)}

    def opened(self) -> bool:
        """Whether the account was read once, so that the books have something to begin with."""
        return (
            self._connection.execute("SELECT 1 FROM ledger_meta WHERE key LIKE '%opened%'").fetchone()
            is not None
        )

    def holdings(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Opening and believed shares by symbol."""
        rows = self._connection.execute("SELECT symbol, opening, believed FROM holding")
        return {symbol: (Decimal(opening), Decimal(believed)) for symbol, opening, believed in rows}

    def moved_by_others(self) -> dict[str, Decimal]:
        """What others' orders and named adjustments have moved, by symbol."""
        moved: dict[str, Decimal] = {}
        for symbol, side, filled in self._connection.execute(
            "SELECT symbol, side, filled_qty FROM external_order"
        ):
            moved[symbol] = moved.get(symbol, ZERO) + (Decimal(filled) if side == "buy" else -Decimal(filled))
        for symbol, qty in self._connection.execute("SELECT symbol, qty FROM adjustment"):
            moved[symbol] = moved.get(symbol, ZERO) + Decimal(qty)
        return moved

    def halts(self) -> list[tuple[str, str]]:
        """Scope and reason of those that stand."""
        sql = "SELECT scope, reason FROM halt WHERE cleared_at IS NULL"
        return list(self._connection.execute(sql))
