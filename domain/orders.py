"""Orders: what we want, what the broker says, what we believe, and how the second changes the third.

An order's state is folded, never summed: the broker's cumulative `filled_qty` only rises, a done
order stays done, and of two words on the same thing the later one stands. So any repetition, loss
or shuffling of words, followed by one full read of the account, ends in the same belief.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal

from domain.identity import Leg
from domain.values import ZERO, Message, Shares, Usd, Utc

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit", "stop"]

OPEN_STATUSES: Final = frozenset(
    {
        "new", "partially_filled", "pending_cancel", "pending_replace", "accepted", "pending_new",
        "accepted_for_bidding", "stopped", "suspended", "calculated", "held", "pending_review",
    }
)  # fmt: skip
"""The broker may still execute the order (Alpaca's order object, `status`)."""

DONE_STATUSES: Final = frozenset({"filled", "canceled", "expired", "replaced", "rejected"})
"""Nothing more will be executed. What was executed before still counts."""

DONE_FOR_DAY: Final = "done_for_day"
"""Final for a `day` order, a pause till tomorrow for every other."""

EVENT_STATUS: Final[dict[str, str | None]] = {
    "accepted": "accepted", "pending_new": "pending_new", "new": "new",
    "partial_fill": "partially_filled", "fill": "filled",
    "canceled": "canceled", "expired": "expired", "rejected": "rejected", "replaced": "replaced",
    "done_for_day": DONE_FOR_DAY, "stopped": "stopped", "suspended": "suspended",
    "calculated": "calculated", "held": "held",
    "pending_cancel": "pending_cancel", "pending_replace": "pending_replace",
    "order_replace_rejected": None, "order_cancel_rejected": None, "restated": None,
    "trade_bust": None, "trade_correct": None,
}  # fmt: skip
"""The status each stream event speaks of; None: it says nothing about the status."""


class Life(StrEnum):
    """What we know of an order as a whole."""

    INTENDED = "intended"  # committed to, the broker has not answered
    UNRESOLVED = "unresolved"  # the broker may have it or not
    WORKING = "working"  # the broker has it and may execute it
    DONE = "done"  # the broker has it and is through with it
    REFUSED = "refused"  # the broker refused it at placement
    LAPSED = "lapsed"  # its time ran out and the broker never knew it


class Trigger(StrEnum):
    """What can be learned about an order."""

    SEEN_OPEN = "seen_open"
    SEEN_DONE = "seen_done"
    REFUSED = "refused"
    UNRESOLVED = "unresolved"
    NOT_SENT = "not_sent"
    LAPSED = "lapsed"


def _stays(life: Life, *triggers: Trigger) -> dict[tuple[Life, Trigger], Life]:
    return {(life, trigger): life for trigger in triggers}


NEXT: Final[dict[tuple[Life, Trigger], Life]] = {
    # The broker's own word on the order beats every guess, so it is a step from everywhere but DONE.
    **{(life, Trigger.SEEN_OPEN): Life.WORKING for life in Life if life is not Life.DONE},
    **{(life, Trigger.SEEN_DONE): Life.DONE for life in Life},
    (Life.DONE, Trigger.SEEN_OPEN): Life.DONE,
    (Life.INTENDED, Trigger.REFUSED): Life.REFUSED,
    (Life.INTENDED, Trigger.UNRESOLVED): Life.UNRESOLVED,
    (Life.INTENDED, Trigger.NOT_SENT): Life.INTENDED,
    (Life.INTENDED, Trigger.LAPSED): Life.LAPSED,
    # A refusal speaks of one POST. While an earlier one is unresolved it proves nothing about that.
    **_stays(Life.UNRESOLVED, Trigger.REFUSED, Trigger.UNRESOLVED, Trigger.NOT_SENT),
    (Life.UNRESOLVED, Trigger.LAPSED): Life.LAPSED,
    # The stream outran the POST's own reply, or a later POST of the same id met a taken id.
    **_stays(Life.WORKING, Trigger.REFUSED, Trigger.UNRESOLVED, Trigger.NOT_SENT, Trigger.LAPSED),
    **_stays(Life.DONE, Trigger.REFUSED, Trigger.UNRESOLVED, Trigger.NOT_SENT, Trigger.LAPSED),
    **_stays(Life.REFUSED, Trigger.REFUSED, Trigger.UNRESOLVED, Trigger.NOT_SENT, Trigger.LAPSED),
    **_stays(Life.LAPSED, Trigger.REFUSED, Trigger.UNRESOLVED, Trigger.NOT_SENT, Trigger.LAPSED),
}

UNSETTLED: Final = frozenset({Life.INTENDED, Life.UNRESOLVED, Life.WORKING})
"""Lives that the broker still has to be asked about."""


_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class OrderTicket(Message):
    """An order as it is to be POSTed: the intent, durable before the first byte leaves."""

    client_order_id: str
    leg: Leg = "entry"
    symbol: str
    side: Side
    type: OrderType = "market"
    time_in_force: Literal["day", "gtc"] = "day"
    notional: Usd | None = None
    qty: Shares | None = None
    limit_price: Usd | None = None
    stop_price: Usd | None = None
    extended_hours: bool = False
    reason: str | None = None
    """Why it is sold."""
    post_until: Utc
    """The last moment it may be POSTed: of an entry, its signal's time to live."""


class Execution(Message):
    """One match at the broker. Evidence of a fill; sums of these are never taken for a position."""

    execution_id: str
    qty: Shares
    price: Usd
    at: Utc


class OrderUpdate(Message):
    """The broker's word on one order, from the stream, from a read, or from the answer to a POST."""

    broker_order_id: str
    client_order_id: str
    symbol: str
    side: str
    status: str
    """Alpaca's word as it came; one we do not know counts as open."""
    filled_qty: Shares = ZERO
    """Cumulative."""
    filled_avg_price: Usd | None = None
    updated_at: Utc | None = None
    event: str | None = None
    """The stream's event; None: this is a read."""
    execution: Execution | None = None
    position_qty: Shares | None = None
    """The account's whole position after the event, signed; only the stream tells it."""
    qty: Shares | None = None
    notional: Usd | None = None
    time_in_force: str | None = None
    replaces: str | None = None
    replaced_by: str | None = None


class OrderRecord(Message):
    """What we believe of one of our orders."""

    client_order_id: str
    trade_id: int
    leg: Leg = "entry"
    symbol: str
    side: Side
    type: OrderType = "market"
    time_in_force: str
    life: Life
    notional: Usd | None = None
    qty: Shares | None = None
    stop_price: Usd | None = None
    reason: str | None = None
    planned_at: Utc = _NEVER
    post_until: Utc
    qty_before: Shares = ZERO
    """The account's position in the symbol when the order was planned."""
    broker_order_id: str | None = None
    status: str = ""
    """Alpaca's last word; empty: it has not spoken."""
    filled_qty: Shares = ZERO
    filled_avg_price: Usd | None = None
    updated_at: Utc | None = None
    priced_filled_qty: Shares = ZERO
    priced_at: Utc | None = None
    """The `filled_qty` that `filled_avg_price` is the average of, and when the broker said so."""
    confirmed_qty: Shares | None = None
    """Shares by the position endpoint, less `qty_before`; it speaks for `confirmed_at_filled` only."""
    confirmed_at_filled: Shares | None = None
    replaced_by: str | None = None
    missing_since: Utc | None = None
    """Since when the broker has answered that it knows no such order."""
    silent_since: Utc | None = None
    """Since when nothing at all is known of it: its POST had no clear answer, nor has any look-up."""

    @property
    def is_live(self) -> bool:
        """Whether it may still be executed, for all that is known."""
        return self.life in UNSETTLED

    @property
    def shares(self) -> Decimal:
        """Shares this order moved: while it works, the confirmed number unless more was filled since.

        Of a done order the broker's own count is final: a position moves for other reasons too.
        """
        confirmed = self.confirmed_qty is not None and self.confirmed_at_filled == self.filled_qty
        if confirmed and self.life is Life.WORKING and self.confirmed_qty is not None:
            return self.confirmed_qty
        return self.filled_qty


def is_done(status: str, time_in_force: str | None) -> bool:
    """Whether a status is final. One we do not know is open: it will be asked about again."""
    return status in DONE_STATUSES or (status == DONE_FOR_DAY and time_in_force == "day")


def fold(record: OrderRecord, update: OrderUpdate) -> OrderRecord:
    """The record after the broker's word: a join, so order, repetition and loss do not matter."""
    done = is_done(update.status, record.time_in_force)
    said_at = update.updated_at or _NEVER
    changes: dict[str, object] = {
        "life": NEXT[record.life, Trigger.SEEN_DONE if done else Trigger.SEEN_OPEN],
        "broker_order_id": record.broker_order_id or update.broker_order_id,
        "missing_since": None,
        "silent_since": None,
    }
    if (done, said_at, update.status) > (_known_done(record), record.updated_at or _NEVER, record.status):
        changes |= {"status": update.status, "updated_at": update.updated_at}
    if update.filled_qty > record.filled_qty:
        changes["filled_qty"] = update.filled_qty
    price, known = update.filled_avg_price, record.filled_avg_price
    price_key = (record.priced_filled_qty, record.priced_at or _NEVER, known or ZERO)
    if price is not None and (update.filled_qty, said_at, price) > price_key:
        changes |= {
            "filled_avg_price": price,
            "priced_filled_qty": update.filled_qty,
            "priced_at": update.updated_at,
        }
    if update.replaced_by is not None:
        changes["replaced_by"] = update.replaced_by
    return record.having(changes)


def _known_done(record: OrderRecord) -> bool:
    return is_done(record.status, record.time_in_force)


def learn(record: OrderRecord, trigger: Trigger) -> OrderRecord:
    """The record after something was learned that is not the broker's word on the order itself."""
    return record.having({"life": NEXT[record.life, trigger]})


QUARANTINE: Final = timedelta(minutes=5)
"""How long the broker must have denied an intent that may no longer be sent before it is given up."""


def not_found(record: OrderRecord, now: datetime) -> OrderRecord:
    """The record after the broker, asked by client_order_id, knew no such order.

    That is no proof: a POST may still be on its way. Only when the order may no longer be sent and
    the denial has lasted the quarantine is it given up, and even then a late appearance is booked.
    """
    since = min(record.missing_since or now, now)  # a clock that was set back has seen no future
    missing = record.having({"missing_since": since, "silent_since": None})
    if record.life in {Life.INTENDED, Life.UNRESOLVED} and now - max(since, record.post_until) >= QUARANTINE:
        return learn(missing, Trigger.LAPSED)
    return missing


SILENCE: Final = timedelta(minutes=5)
"""How long an order may be wholly unknown, its POST unanswered and its look-ups failed, before its symbol
is halted. It stays unresolved all the same: no time turns "not known" into "no"."""


def unheard(record: OrderRecord, now: datetime) -> OrderRecord:
    """The record after another question for it had no answer."""
    if record.life not in {Life.INTENDED, Life.UNRESOLVED} or record.silent_since is not None:
        return record
    return record.having({"silent_since": now})


def silent_too_long(record: OrderRecord, now: datetime) -> bool:
    """Whether nothing has been learned of the order for so long that its symbol has to be halted."""
    unheard_of = record.life in {Life.INTENDED, Life.UNRESOLVED}
    return unheard_of and record.silent_since is not None and now - record.silent_since >= SILENCE


def is_known_status(status: str) -> bool:
    """Whether Alpaca's word is one of those we have a meaning for."""
    return status in OPEN_STATUSES or status in DONE_STATUSES or status == DONE_FOR_DAY


def differs(record: OrderRecord, update: OrderUpdate) -> bool:
    """Whether the broker speaks of an order that is not the one we sent; what it leaves out is not told."""
    if update.symbol not in {"", record.symbol} or update.side not in {"", record.side}:
        return True
    if record.notional is not None:
        return update.notional is not None and update.notional != record.notional
    return update.qty is not None and record.qty is not None and update.qty != record.qty


def fell(record: OrderRecord, update: OrderUpdate) -> bool:
    """Whether a later word of the broker counts fewer shares than an earlier one: an execution was undone."""
    if update.filled_qty >= record.filled_qty or update.updated_at is None or record.updated_at is None:
        return False
    return update.updated_at > record.updated_at


def overfilled(record: OrderRecord) -> bool:
    """Whether more was executed than ordered."""
    return record.qty is not None and record.filled_qty > record.qty


def may_resend(record: OrderRecord, now: datetime) -> bool:
    """Whether an intent that the broker does not know may be POSTed, again under its own id."""
    return record.life in {Life.INTENDED, Life.UNRESOLVED} and now < record.post_until


def confirm_position(record: OrderRecord, *, position_qty: Decimal, at_filled: Decimal) -> OrderRecord:
    """The record after a read of the position, asked for when the order had `at_filled` shares.

    A read that something newer has overtaken is dropped. So is one that shows more than our order was
    filled for, or nothing at all: then somebody else bought or sold, and the broker's own count of our
    order is the better word.
    """
    ours = position_qty - record.qty_before
    overtaken = at_filled != record.filled_qty or record.life is not Life.WORKING
    if overtaken or not ZERO < ours <= record.filled_qty:
        return record
    return record.having({"confirmed_qty": ours, "confirmed_at_filled": at_filled})
