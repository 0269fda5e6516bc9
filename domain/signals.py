"""A signal as it comes in, what is stored of it, and the verdict it ends with."""

import hashlib
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from domain.stars import Confidence
from domain.values import Message, Shares, Usd, Utc

MAX_TTL_S: Final = 24 * 3600
MAX_LEAD: Final = timedelta(seconds=60)
"""How far ahead of our clock a sender's clock may be."""

Symbol = Annotated[str, Field(pattern=r"^[A-Z]{1,6}([.][A-Z]{1,2})?$")]
Name = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]
SignalId = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,128}$")]


class Signal(Message):
    """A rated stock. `(source, signal_id)` names it for ever; the same name never trades twice."""

    signal_id: SignalId
    symbol: Symbol
    catalyst_tier: Annotated[int, Field(ge=1, le=4)]
    ai_confidence: Confidence | None
    issued_at: Utc
    catalyst_category: Annotated[str, Field(max_length=64)] | None = None
    price_at_signal: Annotated[Usd, Field(gt=0)] | None = None
    ttl_s: Annotated[int, Field(ge=1, le=MAX_TTL_S)] = 300
    source: Name = "api"

    @property
    def expires_at(self) -> datetime:
        """From this moment on the signal is stale and must not trade."""
        return self.issued_at + timedelta(seconds=self.ttl_s)


class SignalState(StrEnum):
    """Where a signal stands. All but RECEIVED are final for the signal (its order lives on)."""

    RECEIVED = "received"
    PLANNED = "planned"
    DECLINED = "declined"
    EXPIRED = "expired"


class Check(Message):
    """One question asked of a signal before it may trade, with its answer in words."""

    name: str
    passed: bool
    detail: str


class EntryOrder(Message):
    """The order that a signal becomes: of dollars, or of whole shares."""

    notional: Usd | None = None
    qty: Shares | None = None
    type: Literal["market", "limit"] = "market"
    limit_price: Usd | None = None
    extended_hours: bool = False
    cost: Usd
    """What it counts for: its dollars, or its shares at the price they were sized by."""

    @property
    def text(self) -> str:
        """The order in words."""
        what = (
            f"{decimal_text(self.qty)} shares" if self.qty is not None else f"{decimal_text(self.cost)} USD"
        )
        how = "" if self.limit_price is None else f" at {decimal_text(self.limit_price)} USD at most"
        return f"{self.type} buy of {what}{how}{', in extended hours' if self.extended_hours else ''}"


VerdictCode = Literal[
    "trade",
    "expired",
    "no_rating",
    "tier_disabled",
    "symbol_not_allowed",
    "symbol_denied",
    "duplicate_symbol",
    "halted",
    "market_closed",
    "market_opening",
    "market_closing",
    "symbol_cooldown",
    "orders_per_minute",
    "orders_per_day",
    "max_positions",
    "daily_loss_limit",
    "below_minimum",
    "unknown_symbol",
    "not_tradable",
    "no_price",
    "share_price",
    "price_moved",
    "no_whole_share",
    "order_too_large",
    "max_exposure",
    "buying_power",
]


class Verdict(Message):
    """Why a signal did or did not become an order."""

    code: VerdictCode
    reason: str
    stars: int | None
    notional: Usd | None
    """What its stars may spend; the order may come to less."""
    checks: tuple[Check, ...]
    order: EntryOrder | None = None
    """What it becomes. Once decided, the ledger's own order tells it."""


def state_after(code: str) -> SignalState:
    """Where a signal stands that has this verdict."""
    return {"trade": SignalState.PLANNED, "expired": SignalState.EXPIRED}.get(code, SignalState.DECLINED)


class SignalReceipt(Message):
    """What the sender gets back: the signal is stored, and this is how far it has come."""

    source: str
    signal_id: str
    state: SignalState
    received_at: Utc


def body_digest(signal: Signal) -> str:
    """Names a signal's content: equal signals, however they were spelled, have equal digests."""
    price = signal.price_at_signal
    parts = (
        signal.symbol,
        str(signal.catalyst_tier),
        signal.ai_confidence or "-",
        repr(signal.catalyst_category),
        "-" if price is None else format(price.normalize(), "f"),
        signal.issued_at.isoformat(),
        str(signal.ttl_s),
    )
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


def timing_fault(signal: Signal, now: datetime) -> str | None:
    """Why the signal's time cannot be accepted at `now`; None: it can."""
    if now >= signal.expires_at:
        late = (now - signal.expires_at).total_seconds()
        return f"its time to live ({signal.ttl_s} s) ended {late:.1f} s ago"
    if signal.issued_at - now > MAX_LEAD:
        return f"issued_at lies more than {MAX_LEAD.seconds} s in the future; check the sender's clock"
    return None


def decimal_text(value: Decimal) -> str:
    """A number for people and JSON: plain digits, no exponent, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
