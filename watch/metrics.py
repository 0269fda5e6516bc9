"""Metrics for Prometheus: how long each step of a trade takes, what came of signals and orders, how all is.

What takes time or is counted is told here as it happens; how all stands is read when somebody asks. Every
label has few values, whatever is sent to Starfill.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from persistence.rows import JournalRow
from watch.timings import Observed, Timings

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
NO_ROUTE: Final = "none"
"""Of a request that no route took; what it asked for is a stranger's text, and no label."""


@dataclass(frozen=True, kw_only=True)
class State:
    """How the bot stands at one moment. None: it is not known, and not told."""

    version: str
    mode: str
    started_at: datetime
    gate_open: bool
    conditions: Mapping[str, bool]
    """What the gate depends on, by name."""
    halted_all: bool
    halted_symbols: int
    safe_mode: bool
    stream_connected: bool
    stream_connects: int
    audit_age_s: int | None
    differing_symbols: int
    """Whose shares the account and the books do not agree on."""
    requests_limit: int | None
    requests_left: int | None
    naked_usd: float
    naked_trades: int
    open_trades: int
    held_usd: float
    undecided: int
    unresolved: int
    rebuilds: int
    alarms_failing: int | None
    mailboxes: Mapping[str, int]
    """By actor: mail that waits for it."""
    heartbeats_s: Mapping[str, float]
    """By actor: seconds since its last one."""


class Metrics:
    """A follower of the journal, and told by others. Any thread; nothing here waits."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._steps = {
            name: Histogram(
                f"starfill_{name}_seconds", text, ["leg"], buckets=SECONDS, registry=self._registry
            )
            for name, text in STEPS.items()
        }
        self._requests = Histogram(
            "starfill_web_request_seconds",
            "From a request's arrival to the beginning of its answer",
            ["route", "method"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._answers = Counter(
            "starfill_web_answers",
            "Answers of the API by their class: 2xx, 4xx, ...",
            ["route", "method", "status"],
            registry=self._registry,
        )
        self._signals = Counter(
            "starfill_signals",
            "Signals by their verdict, since the start",
            ["verdict"],
            registry=self._registry,
        )
        self._orders = Counter(
            "starfill_orders",
            "What came of orders, since the start; one order may come to several",
            ["leg", "outcome"],
            registry=self._registry,
        )
        self._timings = Timings()

    # --- told -------------------------------------------------------------------------------------

    def posted(self, client_order_id: str, leg: str, at: float, seconds: float, answered: bool) -> None:
        """An order's POST began at this Unix time, took so long, and had an answer or not."""
        self._note(self._timings.posted(client_order_id, leg, at))
        if answered:
            self._steps["post_to_ack"].labels(leg).observe(seconds)

    def request(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """A request of the API was answered. `route`: as it is spelled in the code; None: there is none."""
        labels = (route or NO_ROUTE, method if method in METHODS else "other")
        self._requests.labels(*labels).observe(seconds)
        self._answers.labels(*labels, f"{status // 100}xx").inc()

    # --- a follower of the journal ----------------------------------------------------------------

    def begin(self, newest: int) -> int:
        """What was before this process is no matter of its counters."""
        return newest

    def take(self, rows: Sequence[JournalRow]) -> None:
        """Count what they tell."""
        for row in rows:
            if row.kind == "signal_decided":
                self._signals.labels(str(row.payload.get("verdict"))).inc()
            self._note(self._timings.observed(row))
            outcome = self._timings.outcome(row)
            if outcome is not None:
                self._orders.labels(*outcome).inc()

    def look(self) -> None:
        """Nothing here lasts."""

    # --- asked ------------------------------------------------------------------------------------

    def exposition(self, state: State) -> bytes:
        """All of it, in Prometheus' text format."""
        registry = CollectorRegistry()
        registry.register(_StateCollector(state))
        return generate_latest(self._registry) + generate_latest(registry)

    def _note(self, observed: Iterable[Observed]) -> None:
        for step, leg, seconds in observed:
            self._steps[step].labels(leg).observe(seconds)


STEPS: Final = {
    "signal_to_plan": "From a signal's taking in to the durable intent of its order",
    "plan_to_post": "From the durable intent to the first byte of its POST",
    "post_to_ack": "From the first byte of the POST to the broker's answer",
    "ack_to_fill": "From the broker's first word on an order to its first fill",
    "signal_to_fill": "From a signal's taking in to the first fill of its buy",
}


class _StateCollector(Collector):
    """The state as metrics."""

    def __init__(self, state: State) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        state = self._state
        info = GaugeMetricFamily("starfill_info", "Which Starfill this is", labels=["version", "mode"])
        info.add_metric([state.version, state.mode], 1)
        yield info
        for name, text, value in _gauges(state):
            if value is not None:
                yield GaugeMetricFamily(f"starfill_{name}", text, value=float(value))
        for name, text, label, values in _families(state):
            family = GaugeMetricFamily(f"starfill_{name}", text, labels=[label])
            for key, value in values.items():
                family.add_metric([key], float(value))
            yield family
        yield CounterMetricFamily(
            "starfill_rebuilds", "Rebuilds of all actors since the start", state.rebuilds
        )
        yield CounterMetricFamily(
            "starfill_stream_connects",
            "Connections of the trading stream since the start",
            state.stream_connects,
        )


def _gauges(state: State) -> Iterator[tuple[str, str, float | None]]:
    yield "start_time_seconds", "When the process started, Unix time", state.started_at.timestamp()
    yield "gate_open", "1: an order that adds risk may leave", state.gate_open
    yield "halted_all", "1: everything is halted", state.halted_all
    yield "halted_symbols", "Symbols that are halted by themselves", state.halted_symbols
    yield "safe_mode", "1: it has failed too often and begins nothing", state.safe_mode
    yield "stream_connected", "1: the trading stream is heard", state.stream_connected
    yield "ledger_writable", "1: the ledger can be written", state.conditions.get("ledger")
    yield "audit_age_seconds", "Since the last full read of the account", state.audit_age_s
    yield "drift_symbols", "Symbols whose shares differ between account and books", state.differing_symbols
    yield "rate_limit", "Requests to the broker that a minute allows", state.requests_limit
    yield "rate_limit_remaining", "Requests that this minute still has", state.requests_left
    yield "naked_usd", "Dollars that could not be sold just now if they had to be", state.naked_usd
    yield "naked_trades", "Trades that could not be sold just now", state.naked_trades
    yield "open_trades", "Trades that are pending, open or closing", state.open_trades
    yield "held_usd", "Dollars in open trades", state.held_usd
    yield "undecided_signals", "Signals that wait for their verdict", state.undecided
    yield "unresolved_orders", "Orders of which it is not known whether the broker has them", state.unresolved
    yield "alarms_failing", "Channels of alarms that do not get through", state.alarms_failing


def _families(state: State) -> Iterator[tuple[str, str, str, Mapping[str, float]]]:
    yield "gate_condition", "What the gate depends on; 1: it holds", "condition", state.conditions
    yield "mailbox_depth", "Mail that waits for an actor", "actor", state.mailboxes
    yield "heartbeat_age_seconds", "Since an actor's last heartbeat", "actor", state.heartbeats_s
