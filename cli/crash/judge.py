"""Both books after a crash: what the bot's ledger and the simulator's oracle say of the signals sent."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from cli.demo import is_settled
from cli.oracle import compare
from domain.holdings import ALL
from domain.orders import UNSETTLED
from persistence.queries import Queries

SOURCE = "crashtest"
"""Of every signal the test sends."""


@dataclass(frozen=True)
class Promise:
    """A signal that was sent, alone in its symbol, so that any order for it can be told by that."""

    signal_id: str
    symbol: str
    acknowledged: bool
    """The bot has said that this ledger has it."""


@dataclass(frozen=True)
class Judgement:
    """`faults`: one sentence each; none: the promises hold."""

    most_orders: int
    """For one signal, as the oracle counts."""
    lost: int
    """Acknowledged signals of which nothing came."""
    faults: tuple[str, ...]


def judge(
    queries: Queries, oracle_path: Path, promises: Sequence[Promise], *, orphans: frozenset[str] = frozenset()
) -> Judgement:
    """Whether each signal had one order at most, each acknowledged one has exactly one, and the books agree.

    `orphans`: symbols whose orders were at the broker when the ledger was deleted. Their signals cannot be
    demanded of a bot that halts everything and says so, and without being sent again they stay unknown.
    ValueError while the last line of the oracle is being written.
    """
    accepted = [line for line in oracle_lines(oracle_path) if line["type"] == "accepted"]
    orders = Counter(str(line["symbol"]) for line in accepted)
    known = {promise.symbol for promise in promises}
    faults = [
        f"{orders[promise.symbol]} orders for the signal {promise.signal_id}"
        for promise in promises
        if orders[promise.symbol] > 1
    ]
    faults += [f"an order in {symbol} that no signal asked for" for symbol in orders if symbol not in known]
    most = max(orders.values(), default=0)
    if orphans and any(halt.scope == ALL for halt in queries.standing_halts()):
        return Judgement(most, 0, tuple(faults))
    lost = [
        each.signal_id for each in promises if each.acknowledged and not _came_through(queries, each, orders)
    ]
    faults += [f"the signal {signal_id} was acknowledged and came to nothing" for signal_id in lost]
    if not is_settled(queries):
        faults.append(_unsettled(queries))
    acknowledged = {promise.symbol for promise in promises if promise.acknowledged}
    forgotten = {
        str(line["client_order_id"]) for line in accepted if line["symbol"] in orphans - acknowledged
    }
    faults += compare(queries, oracle_path, forgotten=forgotten)
    return Judgement(most, len(lost), tuple(faults))


def oracle_lines(path: Path) -> list[dict[str, Any]]:
    """The oracle as it stands. ValueError while its last line is being written."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line, parse_float=Decimal) for line in file]


def _came_through(queries: Queries, promise: Promise, orders: Counter[str]) -> bool:
    """Whether the ledger has the signal, and the broker its order: none of ours can be declined."""
    return bool(queries.signal(promise.signal_id, SOURCE)) and orders[promise.symbol] > 0


def _unsettled(queries: Queries) -> str:
    counts = queries.counts()
    waiting = counts.signals.get("received", 0)
    under_way = sum(counts.orders.get(life.value, 0) for life in UNSETTLED)
    return f"{waiting} signals without a verdict, {under_way} orders under way"
