"""The life of a BotTrade: what its entry orders make of it."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Final

from domain.orders import Life, OrderRecord
from domain.values import ZERO, Message, Shares, Usd, Utc


class TradeStatus(StrEnum):
    """Where a trade stands."""

    PENDING = "pending"  # the intent is durable, the broker has not been heard
    OPEN = "open"  # the broker has the buy, or we hold what it bought
    CLOSING = "closing"
    CLOSED = "closed"
    MISSED = "missed"  # the buy never became a position
    REJECTED = "rejected"  # the broker refused the buy at placement


OCCUPYING: Final = frozenset({TradeStatus.PENDING, TradeStatus.OPEN, TradeStatus.CLOSING})
"""While a trade is one of these, its symbol takes no second one."""


class EntryPhase(StrEnum):
    """What the entry orders of a trade amount to, taken together."""

    WAITING = "waiting"  # intended or unresolved
    AT_BROKER = "at_broker"  # working, or shares were bought
    GONE = "gone"  # done, and nothing was bought
    REFUSED = "refused"
    LAPSED = "lapsed"


STATUS_BY_PHASE: Final[dict[EntryPhase, TradeStatus]] = {
    EntryPhase.WAITING: TradeStatus.PENDING,
    EntryPhase.AT_BROKER: TradeStatus.OPEN,
    EntryPhase.GONE: TradeStatus.MISSED,
    EntryPhase.REFUSED: TradeStatus.REJECTED,
    EntryPhase.LAPSED: TradeStatus.MISSED,
}

NEXT_STATUS: Final[dict[tuple[TradeStatus, EntryPhase], TradeStatus]] = {
    # Later evidence corrects what was believed: a buy that was given up for missed and then turns
    # up filled is an open position. A trade that is being closed or is closed stays that.
    **{
        (status, phase): STATUS_BY_PHASE[phase]
        for status in (TradeStatus.PENDING, TradeStatus.OPEN, TradeStatus.MISSED, TradeStatus.REJECTED)
        for phase in EntryPhase
    },
    **{
        (status, phase): status
        for status in (TradeStatus.CLOSING, TradeStatus.CLOSED)
        for phase in EntryPhase
    },
}

REASON_BY_STATUS: Final[dict[str, str]] = {
    "rejected": "alpaca_rejected",
    "canceled": "alpaca_canceled",
    "expired": "alpaca_expired",
    "done_for_day": "alpaca_expired",
}
"""Why a trade was missed, by the last word on its order."""


class TradeRecord(Message):
    """One trade as the ledger keeps it."""

    id: int
    symbol: str
    status: TradeStatus
    stars: int | None
    notional: Usd
    shares: Shares | None = None
    entry_price: Usd | None = None
    entry_at: Utc | None = None
    """When the order was planned; from the first fill on, when the broker told of it."""
    exit_price: Usd | None = None
    exit_at: Utc | None = None
    exit_reason: str | None = None
    pnl: Usd | None = None
    catalyst_type: str | None = None
    catalyst_tier: int | None = None
    alpaca_order_id: str | None = None
    client_order_id: str
    source: str
    signal_id: str
    created_at: Utc
    updated_at: Utc


def phase_of(orders: Sequence[OrderRecord]) -> EntryPhase:
    """What a trade's entry orders (the first, and those that replaced it) amount to."""
    lives = {order.life for order in orders}
    if Life.WORKING in lives or any(order.shares > ZERO for order in orders):
        return EntryPhase.AT_BROKER
    if orders[-1].status == "replaced":  # its successor works at the broker and has not been heard yet
        return EntryPhase.AT_BROKER
    if lives & {Life.INTENDED, Life.UNRESOLVED}:
        return EntryPhase.WAITING
    if Life.DONE in lives:
        return EntryPhase.GONE
    return EntryPhase.REFUSED if Life.REFUSED in lives else EntryPhase.LAPSED


def follow_entry(trade: TradeRecord, orders: Sequence[OrderRecord]) -> TradeRecord:
    """The trade after its entry orders changed; `orders` are all of them, oldest first."""
    phase = phase_of(orders)
    status = NEXT_STATUS[trade.status, phase]
    shares = sum((order.shares for order in orders), ZERO)
    changes: dict[str, object] = {"status": status, "alpaca_order_id": orders[0].broker_order_id}
    if shares > ZERO:
        changes |= {"shares": shares, "entry_price": _average_price(orders)}
        if trade.shares is None:
            changes["entry_at"] = _first_fill(orders) or trade.entry_at
    if status in {TradeStatus.MISSED, TradeStatus.REJECTED}:
        changes["exit_reason"] = _why_not(phase, orders)
    elif trade.status in {TradeStatus.MISSED, TradeStatus.REJECTED}:
        changes["exit_reason"] = None
    return trade.having(changes)


def _average_price(orders: Sequence[OrderRecord]) -> Decimal | None:
    priced = [(o.filled_avg_price, o.filled_qty) for o in orders if o.filled_avg_price is not None]
    if len(priced) == 1:
        return priced[0][0]
    filled = sum((qty for _, qty in priced), ZERO)
    if not filled:
        return None
    spent = sum((price * qty for price, qty in priced), ZERO)
    return (spent / filled).quantize(Decimal("1e-9"))


def _first_fill(orders: Sequence[OrderRecord]) -> object:
    times = [order.priced_at or order.updated_at for order in orders if order.filled_qty > ZERO]
    return min((at for at in times if at is not None), default=None)


def _why_not(phase: EntryPhase, orders: Sequence[OrderRecord]) -> str:
    if phase is EntryPhase.REFUSED:
        return "alpaca_refused"
    if phase is EntryPhase.LAPSED:
        return "expired_unseen"
    return REASON_BY_STATUS.get(orders[-1].status, "alpaca_" + orders[-1].status)
