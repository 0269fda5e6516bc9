"""(c) Trade updates, from the moment the stream's server sends them until they are durable.

Our commit is stamped by a subscriber to the ledger's news, which is told after the commit. The peer is
alpaca-py's `TradingStream`: once with a handler that only stamps, so nothing is durable, and once with one
that commits each update to SQLite (raw `sqlite3`, WAL, synchronous FULL).
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from statistics import median

from benchmarks.child import Child
from benchmarks.orders import bot
from benchmarks.pusher import Pusher
from benchmarks.report import Figure, Goal, percentile
from benchmarks.server import Server

_ROUNDS = 3
_FLOOD = {"Starfill": 20_000, "alpaca-py": 20_000, "alpaca-py, commits": 4_000}
_WARM_UP = 1_000
_SECONDS_A_RATE = 1.5
_RATES = (100, 1_000, 4_000)
_P50_GOAL_MS = 1.5
_P50_GOAL_AT = (100, 4_000)

Latencies = dict[tuple[str, int], list[list[float]]]


class _Listener:
    """One side, and how far it has been pushed through the orders."""

    def __init__(self, name: str, child: Child, pusher: Pusher) -> None:
        self.name, self._child, self._pusher = name, child, pusher
        self._next = self._prepared = 0

    def prepare(self, orders: int) -> None:
        """Let so many more orders exist; the peers keep no books and need none."""
        first, self._prepared = self._prepared, self._next + orders
        if self.name == "Starfill":
            self._child.ask("prepare", first=first, count=self._prepared - first)

    def hear(self, count: int, rate: float) -> tuple[list[int], list[int]]:
        """Push so many updates; when each was sent (flood: the first), and when each was through."""
        self._child.ask("expect", count=count)
        sent = self._pusher.ask("push", to=self.name, first=self._next, count=count, rate=rate)["sent"]
        self._next += (count + 1) // 2
        through: list[int] = []
        for at, together in self._child.ask("heard")["heard"]:
            through += [at] * together
        return sent, through


def _measure(listener: _Listener, floods: dict[str, list[float]], waits: Latencies) -> None:
    """One side's turn in a round."""
    count = _FLOOD[listener.name]
    listener.prepare((count + int(sum(_RATES) * _SECONDS_A_RATE)) // 2 + 4)
    sent, through = listener.hear(count, rate=0)
    floods[listener.name].append(count / ((through[-1] - sent[0]) / 1e9))
    for rate in _RATES:
        sent, through = listener.hear(int(rate * _SECONDS_A_RATE), rate)
        pairs = zip(through, sent, strict=True)
        waits.setdefault((listener.name, rate), []).append([(end - begin) / 1e6 for end, begin in pairs])


def _figures(floods: Mapping[str, float], waits: Latencies) -> list[Figure]:
    ours, empty, commits = (floods[name] for name in _FLOOD)
    figures = [
        _line(
            "Starfill: flood, committed", ours, "/s",
            Goal(ratio=ours / empty, limit=1.5, at_least=True, of="x alpaca-py's empty handler"),
            Goal(ratio=ours / commits, limit=10, at_least=True, of="x one commit per event"),
        ),
        _line("alpaca-py, empty handler: flood, nothing durable", empty, "/s"),
        _line("alpaca-py, one SQLite commit per event: flood", commits, "/s"),
    ]  # fmt: skip
    for rate in _RATES:
        for name in _FLOOD:
            p50, p99 = (
                median(percentile(round_, percent) for round_ in waits[name, rate]) for percent in (50, 99)
            )
            goals: tuple[Goal, ...] = ()
            if name == "Starfill" and rate in _P50_GOAL_AT:
                goals = (Goal(ratio=p50, limit=_P50_GOAL_MS, of="ms"),)
            figures.append(_line(f"{name} at {rate:,}/s: pushed -> through, p50", p50, "ms", *goals))
            figures.append(_line("… p99", p99, "ms"))
    return figures


def _line(what: str, value: float, unit: str, *goals: Goal) -> Figure:
    return Figure(section="c", what=what, value=value, unit=unit, goals=goals)


def updates(say: Callable[[str], None]) -> list[Figure]:
    """(c)"""
    floods: dict[str, list[float]] = {name: [] for name in _FLOOD}
    waits: Latencies = {}
    with Server() as server, Pusher() as pusher, ExitStack() as stack:
        children = {
            "Starfill": bot(stack, server, pusher, "Starfill"),
            "alpaca-py": _peer(stack, "alpaca-updates", pusher, "alpaca-py"),
            "alpaca-py, commits": _peer(stack, "alpaca-commits", pusher, "alpaca-py, commits"),
        }
        listeners = [_Listener(name, child, pusher) for name, child in children.items()]
        for listener in listeners:
            listener.prepare(_WARM_UP // 2)
            listener.hear(_WARM_UP, rate=0)
        for number in range(1, _ROUNDS + 1):
            say(f"c: trade updates, round {number} of {_ROUNDS}")
            for listener in listeners:
                _measure(listener, floods, waits)
    return _figures({name: median(rounds) for name, rounds in floods.items()}, waits)


def _peer(stack: ExitStack, kind: str, pusher: Pusher, key: str) -> Child:
    return stack.enter_context(Child("benchmarks.peers", kind, pusher.url, key))
