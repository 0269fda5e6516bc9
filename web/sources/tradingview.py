"""A TradingView alert -> a domain Signal, or a refusal that names every fault.

The alert's message is a template that the owner wrote, in which TradingView has put its values. The fields
have the names that they have at `/api/signals`; those that only an alert has are told in `REQUIREMENTS`.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field

from domain.signals import MAX_TTL_S, Signal, SignalId, Symbol
from domain.stars import Confidence
from domain.values import Message, Usd, Utc
from web.api.intake import REQUIREMENTS as SIGNAL_REQUIREMENTS
from web.api.intake import amount_from, moment_from
from web.bodies import checked

EXCHANGES: Final = ("NASDAQ", "NYSE", "AMEX", "ARCA", "NYSEARCA", "BATS", "CBOE", "IEX", "OTC")
"""Where a ticker names the same stock as at Alpaca. `LSE:BA` is another company than `NYSE:BA`."""
DELAYED: Final = ("_DLY", "_DL")
"""What TradingView adds to an exchange whose prices come late."""

TIERS: Final = frozenset({"1", "2", "3", "4"})

Line = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]

_LINE: Final = "must be text of 1 to 64 characters"
REQUIREMENTS: Final = {name: text for name, text in SIGNAL_REQUIREMENTS.items() if name != "source"} | {
    "symbol": (
        "must be a US stock's ticker, as ACME or NASDAQ:ACME; the exchanges are " + ", ".join(EXCHANGES)
    ),
    "catalyst_tier": "must be a number from 1 to 4",
    "issued_at": 'must be "{{timenow}}", which TradingView replaces by the time of the alert',
    "alert": f"{_LINE}: your name for this alert",
    "bar_time": f'{_LINE}, as "{{{{time}}}}": one signal a bar, however often the alert fires in it',
    "order_id": f'{_LINE}, as "{{{{strategy.order.id}}}}"',
    "action": 'must be "buy" or "sell", as "{{strategy.order.action}}"',
    "market_position": 'must be "long", "short" or "flat", as "{{strategy.market_position}}"',
}


class Alert(Message):
    """The message of an alert, without its passphrase."""

    alert: Line
    symbol: Symbol
    catalyst_tier: Annotated[int, Field(ge=1, le=4)]
    issued_at: Utc
    ai_confidence: Confidence | None = None
    catalyst_category: Annotated[str, Field(max_length=64)] | None = None
    price_at_signal: Annotated[Usd, Field(gt=0)] | None = None
    ttl_s: Annotated[int, Field(ge=1, le=MAX_TTL_S)] = 300
    signal_id: SignalId | None = None
    bar_time: Line | None = None
    order_id: Line | None = None
    action: Literal["buy", "sell"] = "buy"
    market_position: Literal["long", "short", "flat"] = "long"


class Mapped(NamedTuple):
    """What an alert comes to."""

    signal: Signal | None
    """None: it asks for nothing that a signal is."""
    why_not: str = ""
    names_itself: bool = False
    """The alert brought its own id; otherwise the id is made here, and equal ids mean the same alert."""


def mapped(fields: Mapping[str, Any], source: str) -> Mapped:
    """What the alert's fields, the passphrase taken out, come to; raises Refusal."""
    typed = {name: _typed(name, value) for name, value in fields.items()}
    alert = checked(Alert, typed, REQUIREMENTS, "alert")
    if alert.action == "sell":
        return Mapped(None, "its action is a sale; Starfill sells by its own rules")
    if alert.market_position != "long":
        return Mapped(None, f"it leaves the strategy {alert.market_position}; Starfill only buys")
    signal = Signal(
        signal_id=alert.signal_id or derived_id(alert),
        symbol=alert.symbol,
        catalyst_tier=alert.catalyst_tier,
        ai_confidence=alert.ai_confidence,
        issued_at=alert.issued_at,
        catalyst_category=alert.catalyst_category,
        price_at_signal=alert.price_at_signal,
        ttl_s=alert.ttl_s,
        source=source,
    )
    return Mapped(signal, names_itself=alert.signal_id is not None)


def derived_id(alert: Alert) -> str:
    """The same for an alert that is sent again: from its name, symbol, order and bar, or else its time."""
    when = alert.bar_time or alert.issued_at.isoformat()
    named = json.dumps([alert.alert, alert.symbol, alert.action, alert.order_id or "", when])
    digest = hashlib.sha256(named.encode()).digest()
    return "tv-" + base64.b32encode(digest).decode().lower()[:26]


def _typed(name: str, value: Any) -> Any:
    """The value as its field wants it; left as it is, the alert's own check refuses it."""
    if name == "issued_at":
        return moment_from(value)
    if name == "price_at_signal":
        return amount_from(value)
    if not isinstance(value, str):
        return value
    if name == "symbol":
        return _ticker(value)
    if name == "catalyst_tier":  # what TradingView fills in is often between quotes
        return int(value) if value in TIERS else value
    return value.lower() if name in {"action", "market_position"} else value


def _ticker(text: str) -> str:
    """Without the exchange, where the exchange leaves no doubt about the stock."""
    exchange, colon, ticker = text.rpartition(":")
    for suffix in DELAYED:
        exchange = exchange.removesuffix(suffix)
    return ticker if colon and exchange in EXCHANGES else text
