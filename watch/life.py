"""The life of every trade in the log: a line for each of its rows in the journal, behind the commit.

Each line bears `signal_id` and, from the moment there is an order, `client_order_id`: of the order that the
row is about, or of the trade's buy where it is about the trade. So one search finds a trade from end to end.
"""

import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from structlog.contextvars import bound_contextvars

from persistence.rows import JournalRow
from watch.alarm import line_of

log = logging.getLogger("starfill.trades")

REMEMBERED: Final = 10_000
MOST_A_ROUND: Final = 100
"""Lines. A flood is logged a little later: a thousand at once would be felt by whoever sends orders."""
MOST_WAITING: Final = 20_000
"""Rows that wait to be logged; beyond that the oldest are only counted, and are in the journal."""
OF_SIGNALS: Final = ("signal_",)
OF_ORDERS: Final = ("order_", "position_confirmed", "confirmation_")
OF_TRADES: Final = ("trade_", "exit_", "shares_")
NOT_OURS: Final = frozenset({"order_external"})
"""Named by the broker's id: an order that somebody else placed."""
LEFT_OUT: Final = frozenset({"digest", "checks"})
"""Of no use to whoever reads."""


class Names(NamedTuple):
    """What a trade is known by."""

    signal_id: str
    client_order_id: str
    """Of its buy."""


FindTrade = Callable[[int], Names | None]
FindOrder = Callable[[str], Mapping[str, Any] | None]


class Life:
    """A follower of the journal. What a row names by a number only is remembered, or looked up."""

    def __init__(self, *, find_order: FindOrder, find_trade: FindTrade) -> None:
        """`find_order` tells the payload of an order's `order_intended` row, `find_trade` a trade's names."""
        self._find_order = find_order
        self._find_trade = find_trade
        self._waiting: deque[JournalRow] = deque()
        self._left_out = 0
        self._trades: OrderedDict[str, Names] = OrderedDict()
        self._orders: OrderedDict[str, str] = OrderedDict()
        """Signals by order."""
        self._bought: OrderedDict[tuple[str, str], str] = OrderedDict()
        """Buys by source and signal."""

    def begin(self, newest: int) -> int:
        """What was before is in an earlier log."""
        return newest

    def take(self, rows: Sequence[JournalRow]) -> None:
        """Have them logged, soon."""
        self._waiting += rows
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._left_out += 1

    def look(self) -> bool:
        """Log some; whether more wait."""
        if self._left_out:
            log.warning("%d rows of the journal are not in this log: too much happened", self._left_out)
            self._left_out = 0
        for _ in range(min(MOST_A_ROUND, len(self._waiting))):
            row = self._waiting.popleft()
            names = self._names(row)
            if names is not None:
                with bound_contextvars(**names):
                    log.info("%s", _words(row))
        return bool(self._waiting)

    def _names(self, row: JournalRow) -> dict[str, str] | None:
        """What the row is about; None: no trade."""
        if row.kind.startswith(OF_SIGNALS):
            order = self._bought.get((str(row.payload.get("source")), row.ref))
            return {"signal_id": row.ref} | ({} if order is None else {"client_order_id": order})
        if row.kind.startswith(OF_ORDERS) and row.kind not in NOT_OURS:
            signal = self._signal_of(row)
            return {"client_order_id": row.ref} | ({} if signal is None else {"signal_id": signal})
        if row.kind.startswith(OF_TRADES):
            names = self._trade(row.ref)
            return {"trade_id": row.ref} | ({} if names is None else names._asdict())
        return None

    def _signal_of(self, row: JournalRow) -> str | None:
        if row.kind == "order_intended":
            self._intended(row.ref, row.payload)
        elif row.kind == "order_replaced" and row.ref in self._orders:
            _remember(self._orders, str(row.payload.get("by")), self._orders[row.ref])
        if row.ref not in self._orders:
            intent = self._find_order(row.ref)
            if intent is not None:
                self._intended(row.ref, intent)
        return self._orders.get(row.ref)

    def _intended(self, client_order_id: str, intent: Mapping[str, Any]) -> None:
        trade_id, signal = str(intent.get("trade")), intent.get("signal_id")
        if signal is not None:
            _remember(self._trades, trade_id, Names(str(signal), client_order_id))
            _remember(self._bought, (str(intent.get("source")), str(signal)), client_order_id)
        names = self._trade(trade_id)
        if names is not None:
            _remember(self._orders, client_order_id, names.signal_id)

    def _trade(self, trade_id: str) -> Names | None:
        known = self._trades.get(trade_id)
        if known is None and trade_id.isdecimal():
            known = self._find_trade(int(trade_id))
            if known is not None:
                _remember(self._trades, trade_id, known)
        return known


def _words(row: JournalRow) -> str:
    told = ", ".join(
        f"{name} {value}"
        for name, value in row.payload.items()
        if value is not None and value != "" and name not in LEFT_OUT
    )
    return line_of(f"{row.kind} {row.ref}: {told}" if told else f"{row.kind} {row.ref}")


def _remember(kept: "OrderedDict[Any, Any]", key: object, value: object) -> None:
    kept[key] = value
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
