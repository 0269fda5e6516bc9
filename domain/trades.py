"""The life of a BotTrade: what its orders make of it.

    held = shares bought + split - sold - taken

Its status is a function of its orders and of what was taken from it, so that it is the same whatever
order the news came in, and later evidence corrects what was believed.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from domain.orders import Life, OrderRecord
from domain.values import ZERO, Message, Shares, Usd, Utc

NINE_PLACES: Final = Decimal("1e-9")


class TradeStatus(StrEnum):
    """Where a trade stands."""

    PENDING = "pending"  # the intent is durable, the broker has not been heard
    OPEN = "open"  # the broker has the buy, or we hold what it bought
    CLOSING = "closing"  # a sell may still be executed: of all that is held, or of what is gone already
    CLOSED = "closed"  # all that was bought is gone, and no order of it can sell any more
    MISSED = "missed"  # the buy never became a position
    REJECTED = "rejected"  # the broker refused the buy at placement


OCCUPYING: Final = frozenset({TradeStatus.PENDING, TradeStatus.OPEN, TradeStatus.CLOSING})
"""While a trade is one of these, its symbol takes no second one."""
NEVER_WAS: Final = frozenset({TradeStatus.MISSED, TradeStatus.REJECTED})


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

REASON_BY_STATUS: Final[dict[str, str]] = {
    "rejected": "alpaca_rejected",
    "canceled": "alpaca_canceled",
    "expired": "alpaca_expired",
    "done_for_day": "alpaca_expired",
}
"""Why a trade was missed, by the last word on its order."""
PROTECTIVE_STOP: Final = "protective_stop"
TAKEN: Final = "sold_by_owner"
"""Why a trade is closed that no order of ours has closed."""


class TradeRecord(Message):
    """One trade as the ledger keeps it."""

    id: int
    symbol: str
    status: TradeStatus
    stars: int | None
    notional: Usd
    shares: Shares | None = None
    """Bought by its entry orders."""
    entry_price: Usd | None = None
    entry_at: Utc | None = None
    """When the order was planned; from the first fill on, when the broker told of it."""
    exit_price: Usd | None = None
    exit_at: Utc | None = None
    exit_reason: str | None = None
    pnl: Usd | None = None
    """Dollars in less dollars out, once all is sold; None also where shares went for nobody knows what."""
    catalyst_type: str | None = None
    catalyst_tier: int | None = None
    alpaca_order_id: str | None = None
    client_order_id: str
    source: str
    signal_id: str
    created_at: Utc
    updated_at: Utc
    sold: Shares = ZERO
    """By our own exit orders and stops."""
    split: Shares = ZERO
    """Shares that a split added, or took if negative."""
    taken: Shares = ZERO
    """Shares of it that somebody else sold, or that are gone."""
    taken_for: Usd | None = ZERO
    """Dollars they went for; None: nobody knows."""
    exit_wanted: str | None = None
    """Why it is to be sold. Once wanted, it stays so until nothing is held."""
    exit_wanted_by: str | None = None
    exit_wanted_at: Utc | None = None
    exit_trouble: str | None = None
    """What went wrong with the last attempt to sell it."""
    peak_price: Usd | None = None
    """The best price it was seen at since it was bought."""
    mark_price: Usd | None = None
    mark_at: Utc | None = None
    """The last price that could be acted on, and when it was made."""
    watched_at: Utc | None = None
    """When it was looked at last; a gap is time in which nobody could have sold it."""
    naked_why: str | None = None
    """Why it has no working way out just now."""
    naked_usd_s: Usd = ZERO
    """Dollars times seconds that it stood without one."""

    @property
    def left(self) -> Decimal:
        """Shares bought less shares gone; negative: more was sold than it had."""
        return (self.shares or ZERO) + self.split - self.sold - self.taken

    @property
    def held(self) -> Decimal:
        """Shares that it still has."""
        return max(ZERO, self.left)

    @property
    def basis_price(self) -> Decimal | None:
        """Dollars paid for each share as shares are counted now: a split makes more of them cheaper."""
        if self.entry_price is None or not self.shares or self.shares + self.split <= ZERO:
            return None
        if not self.split:
            return self.entry_price
        return (self.entry_price * self.shares / (self.shares + self.split)).quantize(NINE_PLACES)

    @property
    def unrealised_pnl(self) -> Decimal | None:
        """Dollars gained with what it still has, at the last price known; None: there is none."""
        basis = self.basis_price
        if basis is None or self.mark_price is None:
            return None
        return (self.held * (self.mark_price - basis)).quantize(NINE_PLACES)


def in_play(orders: Sequence[OrderRecord]) -> list[OrderRecord]:
    """Those of a trade's orders, oldest first, that may still be executed, for all that is known.

    One that was replaced stands for its successor, which works at the broker, until that one is heard.
    """
    last = {order.leg: order for order in orders}
    return [order for order in orders if order.is_live or (_is_replaced(order) and last[order.leg] is order)]


def _is_replaced(order: OrderRecord) -> bool:
    return order.status == "replaced"


def phase_of(entries: Sequence[OrderRecord]) -> EntryPhase:
    """What a trade's entry orders (the first, and those that replaced it) amount to."""
    lives = {order.life for order in entries}
    if Life.WORKING in lives or any(order.shares > ZERO for order in entries):
        return EntryPhase.AT_BROKER
    if _is_replaced(entries[-1]):  # its successor works at the broker and has not been heard yet
        return EntryPhase.AT_BROKER
    if lives & {Life.INTENDED, Life.UNRESOLVED}:
        return EntryPhase.WAITING
    if Life.DONE in lives:
        return EntryPhase.GONE
    return EntryPhase.REFUSED if Life.REFUSED in lives else EntryPhase.LAPSED


def follow_trade(trade: TradeRecord, orders: Sequence[OrderRecord]) -> TradeRecord:
    """The trade after its orders changed; `orders` are all of them, oldest first."""
    entries = [order for order in orders if order.leg == "entry"]
    sells = [order for order in orders if order.leg != "entry"]
    phase = phase_of(entries)
    shares = sum((order.shares for order in entries), ZERO)
    sold = sum((order.filled_qty for order in sells), ZERO)
    changes: dict[str, object] = {"alpaca_order_id": entries[0].broker_order_id, "sold": sold}
    if shares > ZERO:
        changes |= {"shares": shares, "entry_price": _average_price(entries)}
        if trade.shares is None:
            changes["entry_at"] = min(_fill_times(entries), default=trade.entry_at)
    trade = trade.having(changes)
    status = _status(trade, phase, in_play(orders))
    trade = trade.having({"status": status})
    if status is TradeStatus.CLOSED:
        return trade.having(_close(trade, entries, sells))
    return trade.having(
        {
            "exit_reason": _why_not(phase, entries) if status in NEVER_WAS else None,
            "exit_price": None,
            "exit_at": None,
            "pnl": None,
        }
    )


def _status(trade: TradeRecord, phase: EntryPhase, playing: Sequence[OrderRecord]) -> TradeStatus:
    entered = STATUS_BY_PHASE[phase]
    if entered is not TradeStatus.OPEN or trade.shares is None:
        return entered
    legs = {order.leg for order in playing}
    if "exit" in legs:
        return TradeStatus.CLOSING
    if trade.held or "entry" in legs:
        return TradeStatus.OPEN
    # A stop that still rests could sell what the next trade of the symbol buys.
    return TradeStatus.CLOSING if playing else TradeStatus.CLOSED


def _close(
    trade: TradeRecord, entries: Sequence[OrderRecord], sells: Sequence[OrderRecord]
) -> dict[str, object]:
    """Price, time, reason and profit of a trade of which nothing is left."""
    paid, got = _dollars(entries), _dollars(sells)
    earned = None if got is None or trade.taken_for is None else got + trade.taken_for
    gone = trade.sold + trade.taken
    taken_at = (trade.exit_at or trade.updated_at,) if trade.taken else ()
    return {
        "exit_price": None if earned is None or not gone else (earned / gone).quantize(NINE_PLACES),
        "exit_at": max((*_fill_times(sells), *taken_at), default=trade.exit_at),
        "exit_reason": _why_closed(sells),
        "pnl": None if earned is None or paid is None else (earned - paid).quantize(NINE_PLACES),
        "exit_trouble": None,
        "naked_why": None,
    }


def _why_closed(sells: Sequence[OrderRecord]) -> str:
    """The reason of the order that was filled last; what no order of ours sold, its owner did."""
    filled = [order for order in sells if order.filled_qty > ZERO]
    if not filled:
        return TAKEN
    return PROTECTIVE_STOP if filled[-1].leg == "stop" else filled[-1].reason or "unknown"


def take(trade: TradeRecord, qty: Decimal, dollars: Decimal | None, at: datetime) -> TradeRecord:
    """The trade after somebody else sold so many of its shares, or they are gone (`dollars` None).

    Its orders are to be followed afterwards: they say whether anything is left.
    """
    known = trade.taken_for is not None and dollars is not None
    taken_for = ((trade.taken_for or ZERO) + (dollars or ZERO)).quantize(NINE_PLACES) if known else None
    return trade.having({"taken": trade.taken + qty, "taken_for": taken_for, "exit_at": at})


def give_back(trade: TradeRecord, qty: Decimal) -> TradeRecord:
    """The trade after it turned out that an order of its own had sold so many of the shares taken from it.

    Of several takings the dollars are shared out by shares. Its orders are to be followed afterwards.
    """
    qty = min(qty, trade.taken)
    if not qty:
        return trade
    rest = trade.taken - qty
    taken_for = trade.taken_for if rest else ZERO
    if taken_for:
        taken_for = (taken_for * rest / trade.taken).quantize(NINE_PLACES)
    return trade.having({"taken": rest, "taken_for": taken_for})


def _dollars(orders: Iterable[OrderRecord]) -> Decimal | None:
    """What was paid or got for all that was filled; None where the broker has not told a price."""
    total = ZERO
    for order in orders:
        if order.filled_qty > ZERO:
            if order.filled_avg_price is None or order.priced_filled_qty != order.filled_qty:
                return None
            total += order.filled_avg_price * order.filled_qty
    return total


def _average_price(orders: Sequence[OrderRecord]) -> Decimal | None:
    priced = [(o.filled_avg_price, o.filled_qty) for o in orders if o.filled_avg_price is not None]
    if len(priced) == 1:
        return priced[0][0]
    filled = sum((qty for _, qty in priced), ZERO)
    if not filled:
        return None
    spent = sum((price * qty for price, qty in priced), ZERO)
    return (spent / filled).quantize(NINE_PLACES)


def _fill_times(orders: Sequence[OrderRecord]) -> list[datetime]:
    """When each order that was filled was so last, as far as the broker has told."""
    return [
        order.priced_at or order.updated_at or order.planned_at for order in orders if order.filled_qty > ZERO
    ]


def _why_not(phase: EntryPhase, orders: Sequence[OrderRecord]) -> str:
    if phase is EntryPhase.REFUSED:
        return "alpaca_refused"
    if phase is EntryPhase.LAPSED:
        return "expired_unseen"
    return REASON_BY_STATUS.get(orders[-1].status, "alpaca_" + orders[-1].status)
