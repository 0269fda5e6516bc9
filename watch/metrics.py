"""Figures for Prometheus: the journal is counted as it grows, the rest is looked at when it is asked for."""

import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from persistence.rows import JournalRow
from watch.posts import Posts

Key = TypeVar("Key")
Value = TypeVar("Value")

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
MOST: Final = 10_000
"""Signals and orders under way whose times are remembered."""


class Sample(NamedTuple):
    """One figure of this moment."""

    name: str
    value: float
    label: str | None = None


GAUGES: Final[Mapping[str, tuple[str, str | None]]] = {
    "starfill_trading": ("1 while a signal that passes its checks is bought", None),
    "starfill_gate_open": ("1 while an order that adds risk may leave", None),
    "starfill_gate_condition": ("1 while this condition of the gate holds", "check"),
    "starfill_halts": ("Halts that stand", None),
    "starfill_halted_all": ("1 while everything is halted", None),
    "starfill_safe_mode": ("1 in SAFE mode", None),
    "starfill_stream_connected": ("1 while the trading stream is subscribed", None),
    "starfill_stream_connects": ("Connections of the trading stream since the start", None),
    "starfill_audit_age_seconds": ("Since the account was last read in full", None),
    "starfill_drift_symbols": ("Symbols of which the account does not hold what the books explain", None),
    "starfill_ledger_writable": ("1 while the ledger can be written", None),
    "starfill_undecided_signals": ("Signals that wait for their verdict", None),
    "starfill_unresolved_orders": ("Orders of which it is not known whether the broker has them", None),
    "starfill_open_trades": ("Trades that are pending, open or closing", None),
    "starfill_held_usd": ("Dollars in open trades", None),
    "starfill_naked_usd": ("Dollars in trades that could not be sold just now", None),
    "starfill_day_pnl_usd": ("Dollars won or lost in New York's day, realised and open", None),
    "starfill_equity_usd": ("The account's equity as last read", None),
    "starfill_requests_left": ("Requests to the broker that this minute still has", None),
    "starfill_mailbox_depth": ("Mail that waits for the actor", "actor"),
    "starfill_heartbeat_age_seconds": ("Since the actor last answered", "actor"),
    "starfill_rebuilds": ("How often all actors were made anew since the start", None),
    "starfill_alarm_channels_failing": ("Channels of alarms that do not get through", None),
    "starfill_event_streams": ("Readers of the event stream", None),
    "starfill_ledger_bytes": ("The ledger's file and its log", None),
    "starfill_uptime_seconds": ("Since the process began", None),
}
"""What is looked at, and its label."""
HISTOGRAMS: Final = {
    "starfill_signal_to_plan_seconds": "From a signal's receipt to its verdict",
    "starfill_plan_to_ack_seconds": "From an order's durable intent to the broker's first word",
    "starfill_plan_to_post_seconds": "From an order's durable intent to the first byte of its first POST",
    "starfill_post_to_ack_seconds": "From a POST's first byte to the broker's answer",
    "starfill_ack_to_fill_seconds": "From the broker's first word on an order to its first fill",
    "starfill_signal_to_fill_seconds": "From a signal's receipt to the first fill of its buy",
    "starfill_exit_to_fill_seconds": "From the intent to sell to the first fill of the sale",
}
WEB_SECONDS: Final = "starfill_web_request_seconds"
WEB_ANSWERS: Final = "starfill_web_answers"
METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
NO_ROUTE: Final = "none"
"""Of a request that no route took; what it asked for is a stranger's text, and no label."""
COUNTERS: Final = {
    "starfill_signals": ("Signals by verdict, since the start", "verdict"),
    "starfill_orders": ("Orders by what became of them, since the start", "outcome"),
    "starfill_exits": ("Trades that ended, by what sold them, since the start", "reason"),
}


class _UnderWay(NamedTuple):
    """An order whose first fill is awaited."""

    leg: str
    intended_at: datetime
    received_at: datetime | None
    acked_at: datetime | None = None


class Metrics:
    """Follows the journal on its tail's thread; the rest is for any, and waits for nothing."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._gauges = {
            name: Gauge(name, text, () if label is None else (label,), registry=self._registry)
            for name, (text, label) in GAUGES.items()
        }
        self._histograms = {
            name: Histogram(name, text, buckets=BUCKETS, registry=self._registry)
            for name, text in HISTOGRAMS.items()
        }
        self._counters = {
            name: Counter(name, text, (label,), registry=self._registry)
            for name, (text, label) in COUNTERS.items()
        }
        self._requests = Histogram(
            WEB_SECONDS,
            "From a request's arrival to the beginning of its answer",
            ("route", "method"),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._answers = Counter(
            WEB_ANSWERS,
            "Answers of the API, by their class: 2xx, 4xx, ...",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._posts = Posts()
        self._received: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        self._orders: OrderedDict[str, _UnderWay] = OrderedDict()

    def posted(self, client_order_id: str, at: float, seconds: float, answered: bool) -> None:
        """An order's POST began at this Unix time and took so long; on the thread that sent it."""
        self._waited(self._posts.posted(client_order_id, at))
        if answered:
            self._histograms["starfill_post_to_ack_seconds"].observe(seconds)

    def request(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """A request was answered. `route`: as the code spells it; None: there is none."""
        labels = (route or NO_ROUTE, method if method in METHODS else "other")
        self._requests.labels(*labels).observe(seconds)
        self._answers.labels(*labels, f"{status // 100}xx").inc()

    def begin(self, newest: int) -> int:
        """What happened before this process is not counted."""
        return newest

    def take(self, rows: Sequence[JournalRow]) -> None:
        """Rows of the journal, in order."""
        for row in rows:
            self._follow(row)

    def look(self) -> bool:
        """Nothing of it changes with time alone."""
        return False

    def _follow(self, row: JournalRow) -> None:
        told = row.payload
        if row.kind == "signal_received":
            _remember(self._received, (str(told.get("source")), row.ref), row.at)
        elif row.kind == "signal_decided":
            self._decided(row)
        elif row.kind == "order_intended":
            key = (str(told.get("source")), str(told.get("signal_id")))
            order = _UnderWay(str(told["leg"]), row.at, self._received.get(key))
            _remember(self._orders, row.ref, order)
            self._waited(self._posts.intended(row.ref, row.at.timestamp()))
        elif row.kind == "order_heard":
            self._heard(row)
        elif row.kind in {"order_refused", "order_unresolved", "order_not_sent", "order_lapsed"}:
            self._count("starfill_orders", row.kind.removeprefix("order_"))
        elif row.kind == "trade_closed":
            self._count("starfill_exits", str(told.get("reason") or "unknown"))

    def page(self, samples: Iterable[Sample]) -> bytes:
        """All figures as Prometheus reads them, with these of this moment."""
        unknown = {name for name, (_, label) in GAUGES.items() if label is None}
        for sample in samples:
            gauge = self._gauges[sample.name]
            (gauge if sample.label is None else gauge.labels(sample.label)).set(sample.value)
            unknown.discard(sample.name)
        for name in unknown:  # what is not known any more must not stay as it was
            self._gauges[name].set(math.nan)
        return generate_latest(self._registry)

    def _decided(self, row: JournalRow) -> None:
        self._count("starfill_signals", str(row.payload.get("verdict")))
        received = self._received.get((str(row.payload.get("source")), row.ref))
        self._observe("starfill_signal_to_plan_seconds", received, row.at)

    def _heard(self, row: JournalRow) -> None:
        order = self._orders.get(row.ref)
        if order is None:
            return
        if order.acked_at is None:
            order = order._replace(acked_at=row.at)
            self._orders[row.ref] = order
            self._count("starfill_orders", "accepted")
            self._observe("starfill_plan_to_ack_seconds", order.intended_at, row.at)
        if not Decimal(str(row.payload.get("filled_qty", 0))):
            return
        del self._orders[row.ref]
        self._count("starfill_orders", "filled")
        if order.leg == "entry":
            self._observe("starfill_ack_to_fill_seconds", order.acked_at, row.at)
            self._observe("starfill_signal_to_fill_seconds", order.received_at, row.at)
        else:
            self._observe("starfill_exit_to_fill_seconds", order.intended_at, row.at)

    def _waited(self, seconds: float | None) -> None:
        if seconds is not None:
            self._histograms["starfill_plan_to_post_seconds"].observe(seconds)

    def _count(self, name: str, label: str) -> None:
        self._counters[name].labels(label).inc()

    def _observe(self, name: str, begun: datetime | None, ended: datetime) -> None:
        if begun is not None:
            self._histograms[name].observe(max(0.0, (ended - begun).total_seconds()))


def _remember(kept: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    kept[key] = value
    while len(kept) > MOST:
        kept.popitem(last=False)
