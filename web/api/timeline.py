"""`/api/trades/{id}/timeline`: one trade from its signal to its end, with how long each step took."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path

from domain.orders import OrderRecord
from domain.trades import TradeRecord
from domain.values import Message
from persistence.queries import LAST_ID, JournalQueries, Queries
from persistence.rows import JournalRow
from web.api.trades import known_trade
from web.api.views import Time
from web.errors import ErrorBody

KINDS: Final = ("signal_", "order_", "trade_", "exit_", "shares_", "confirmation_")
"""What is told of a trade, its signal and its orders."""
WORDS: Final = {
    "signal_received": "Signal taken in",
    "signal_decided": "Decided",
    "signal_conflict": "Its id was sent again with other content",
    "order_intended": "Order intended",
    "order_heard": "Broker",
    "order_refused": "The broker refuses the order",
    "order_unresolved": "No answer: it is being found out",
    "order_not_sent": "Not sent",
    "order_lapsed": "Given up, it was never sent",
    "order_appeared_late": "It appeared late",
    "exit_wanted": "To be sold",
    "exit_trouble": "Not sold",
    "shares_taken": "Shares sold by somebody else",
    "shares_given_back": "Shares are there after all",
    "trade_split": "Split",
}
"""By the journal's kind."""
DETAIL: Final = (
    "code",
    "reason",
    "why",
    "status",
    "detail",
    "filled_qty",
    "filled_avg_price",
    "price",
    "pnl",
    "by",
)
"""What of a row is told in a line, in this order."""


class StepJson(Message):
    """One thing that happened."""

    seq: int
    """Its number in the journal."""
    at: Time
    kind: str
    """signal, order, fill, exit or trade."""
    title: str
    detail: str
    client_order_id: str | None
    """Of the order that it is about."""
    since_start_ms: int
    since_previous_ms: int
    raw: dict[str, Any]
    """The journal's row: for an order, all of the broker's message that the books are made of."""


class LatenciesJson(Message):
    """Milliseconds by this machine's clock; null: it has not come to that, or it is not known."""

    signal_to_plan_ms: int | None
    plan_to_ack_ms: int | None
    """From the durable intent to the broker's first word on the order."""
    ack_to_fill_ms: int | None
    signal_to_fill_ms: int | None
    exit_to_fill_ms: int | None
    """From the intent to sell to the first fill of it."""


class TimelineJson(Message):
    """Oldest step first."""

    trade_id: int
    steps: tuple[StepJson, ...]
    latencies: LatenciesJson


def timeline_routes(queries: Queries, journal: JournalQueries) -> APIRouter:
    router = APIRouter(prefix="/api/trades", tags=["trades"])

    @router.get(
        "/{trade_id}/timeline",
        summary="One trade, step by step, with the messages behind each",
        responses={404: {"model": ErrorBody, "description": "No such trade"}},
    )
    def timeline(trade_id: Annotated[int, Path(ge=0, le=LAST_ID)]) -> TimelineJson:
        trade = known_trade(queries, trade_id)
        orders = queries.orders_of(trade.id)
        refs = {str(trade.id), trade.signal_id, *(order.client_order_id for order in orders)}
        return timeline_json(trade, orders, journal.about(refs, kinds=KINDS))

    return router


def timeline_json(
    trade: TradeRecord, orders: Sequence[OrderRecord], rows: Iterable[JournalRow]
) -> TimelineJson:
    """`rows`: of the trade's id, its signal's and its orders'; others of the same name are left out."""
    names = {order.client_order_id for order in orders}
    # In one transaction the order is noted before the verdict that it comes of.
    told = sorted(
        (row for row in rows if _is_of(trade, names, row)),
        key=lambda row: (row.at, not row.kind.startswith("signal_"), row.seq),
    )
    return TimelineJson(
        trade_id=trade.id,
        steps=tuple(_steps(told, names)),
        latencies=_latencies(told, {order.client_order_id: order.leg for order in orders}),
    )


def _is_of(trade: TradeRecord, orders: set[str], row: JournalRow) -> bool:
    if row.kind.startswith("signal_"):
        return row.ref == trade.signal_id and row.payload.get("source", trade.source) == trade.source
    if row.kind.startswith(("order_", "confirmation_")):
        return row.ref in orders
    return row.ref == str(trade.id)


def _steps(rows: Sequence[JournalRow], orders: set[str]) -> Iterator[StepJson]:
    started = previous = rows[0].at if rows else None
    filled: dict[str, Decimal] = {}
    for row in rows:
        assert started is not None
        assert previous is not None
        is_fill = _is_fill(row, filled)
        yield StepJson(
            seq=row.seq,
            at=row.at,
            kind="fill" if is_fill else row.kind.split("_")[0],
            title=_title(row),
            detail=_detail(row),
            client_order_id=row.ref if row.ref in orders else None,
            since_start_ms=_ms(row.at - started),
            since_previous_ms=_ms(row.at - previous),
            raw=row.model_dump(mode="json"),
        )
        previous = row.at


def _is_fill(row: JournalRow, filled: dict[str, Decimal]) -> bool:
    """Whether the broker has told more as filled than before."""
    if row.kind != "order_heard":
        return False
    qty = Decimal(str(row.payload.get("filled_qty", 0)))
    more = qty > filled.get(row.ref, Decimal(0))
    filled[row.ref] = max(qty, filled.get(row.ref, Decimal(0)))
    return more


def _title(row: JournalRow) -> str:
    words = WORDS.get(row.kind, row.kind.replace("_", " ").capitalize())
    if row.kind == "order_heard":
        return f"{words}: {str(row.payload.get('event') or row.payload.get('status', '')).replace('_', ' ')}"
    if row.kind == "order_intended":
        return f"{words}: {row.payload.get('side')} ({row.payload.get('leg')})"
    return words


def _detail(row: JournalRow) -> str:
    told = row.payload
    if row.kind == "order_intended":
        size = f"{told['notional']} USD" if told.get("notional") else f"{told.get('qty')} shares"
        return f"{told.get('type')}, {size}"
    return ", ".join(
        f"{name.replace('_', ' ')} {told[name]}" for name in DETAIL if told.get(name) not in {None, ""}
    )


def _latencies(rows: Sequence[JournalRow], legs: dict[str, str]) -> LatenciesJson:
    def first(holds: Callable[[JournalRow], bool]) -> datetime | None:
        return next((row.at for row in rows if holds(row)), None)

    def of(leg: str, kind: str) -> datetime | None:
        return first(lambda row: row.kind == kind and legs.get(row.ref) == leg)

    def fill_of(leg: str) -> datetime | None:
        filled: dict[str, Decimal] = {}
        return first(lambda row: legs.get(row.ref) == leg and _is_fill(row, filled))

    received = first(lambda row: row.kind == "signal_received")
    planned, acked, bought = of("entry", "order_intended"), of("entry", "order_heard"), fill_of("entry")
    return LatenciesJson(
        signal_to_plan_ms=_between(received, planned),
        plan_to_ack_ms=_between(planned, acked),
        ack_to_fill_ms=_between(acked, bought),
        signal_to_fill_ms=_between(received, bought),
        exit_to_fill_ms=_between(of("exit", "order_intended"), fill_of("exit")),
    )


def _between(begun: datetime | None, ended: datetime | None) -> int | None:
    return None if begun is None or ended is None else max(0, _ms(ended - begun))


def _ms(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)
