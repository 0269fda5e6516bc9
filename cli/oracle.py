"""Compares the ledger with the simulator's own account of what it accepted and executed."""

import json
from collections import Counter
from collections.abc import Collection, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from domain.identity import is_ours
from domain.orders import Life, OrderRecord
from domain.signals import decimal_text
from domain.trades import TradeRecord
from domain.values import ZERO
from persistence.queries import Queries

PAGE: Final = 500
AT_BROKER: Final = frozenset({Life.WORKING, Life.DONE})
"""Lives of an order that the broker has, so that the oracle has to have it too."""


def compare(queries: Queries, oracle_path: Path, *, forgotten: Collection[str] = ()) -> list[str]:
    """Every difference in one sentence; none: each order exists once on both sides, equally filled.

    `forgotten`: client_order_ids that the ledger need not have.
    """
    ledger = {order.client_order_id: order for order in _orders(queries)}
    accepted: Counter[str] = Counter()
    last: dict[str, dict[str, Any]] = {}
    for line in _lines(oracle_path):
        name = str(line.get("client_order_id", ""))  # a split, say, is no order's
        if is_ours(name) or name in ledger:  # what replaced an order of ours has another name
            accepted[name] += line["type"] == "accepted"
            last[name] = line
    return [
        *(f"{name} was accepted {times} times" for name, times in accepted.items() if times != 1),
        *(
            f"{name} is at the broker and not in the ledger"
            for name in last
            if name not in ledger and name not in forgotten
        ),
        *(
            f"{name} is {order.life} in the ledger and unknown to the broker"
            for name, order in ledger.items()
            if order.life in AT_BROKER and name not in last
        ),
        *(
            difference
            for name, order in ledger.items()
            if name in last and (difference := _difference(order, last[name]))
        ),
    ]


def _difference(order: OrderRecord, told: dict[str, Any]) -> str:
    filled = Decimal(str(told["cum_qty"] or 0))
    if filled != order.filled_qty:
        return (
            f"{order.client_order_id} has {decimal_text(order.filled_qty)} shares in the ledger and "
            f"{decimal_text(filled)} at the broker"
        )
    if told["type"] != "accepted" and told["status"] != order.status:
        return f"{order.client_order_id} is {order.status} in the ledger and {told['status']} at the broker"
    return ""


def all_trades(queries: Queries) -> Iterator[TradeRecord]:
    """Every trade, newest first."""
    cursor = None
    while True:
        page = queries.trades(limit=PAGE, cursor=cursor)
        yield from page.items
        if page.next is None:
            return
        cursor = page.next


def dollars_spent(queries: Queries) -> Decimal:
    """What was bought has cost; what was sold again is not taken off."""
    return sum(
        (
            order.filled_qty * (order.filled_avg_price or ZERO)
            for order in _orders(queries)
            if order.side == "buy"
        ),
        start=ZERO,
    )


def _orders(queries: Queries) -> Iterator[OrderRecord]:
    for trade in all_trades(queries):
        yield from queries.orders_of(trade.id)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            told: dict[str, Any] = json.loads(line, parse_float=Decimal)
            yield told
