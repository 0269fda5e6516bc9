"""Values to test with, each valid as it comes; a test names only what it is about."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import settings

from domain.config import BotConfig
from domain.exposure import Exposure
from domain.market import Asset, Market, MarketClock, MarketDay, Means, Quote
from domain.messages import PlanEntry
from domain.orders import Execution, Life, OrderRecord, OrderTicket, OrderUpdate
from domain.reconcile import BrokerPosition, Snapshot
from domain.rules import EntryFacts, EntryReads, Gate
from domain.signals import Signal
from domain.trades import TradeRecord, TradeStatus

NOW = datetime(2026, 11, 12, 15, 0, tzinfo=UTC)
OPEN = Gate(open=True, reason="the stream is up and the account is known")
CLOSED = Gate(open=False, reason="the trading stream is down: connection lost")

_HOUR = timedelta(hours=1)
A_DAY = MarketDay(
    date="2026-11-12",
    opens_at=NOW - _HOUR / 2,
    closes_at=NOW + 6 * _HOUR,
    extended_opens_at=NOW - 6 * _HOUR,
    extended_closes_at=NOW + 10 * _HOUR,
)
"""The day of NOW, in New York's winter hours; it has been open for half an hour."""


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def dec(text: str) -> Decimal:
    return Decimal(text)


def a_signal(**changes: Any) -> Signal:
    given: dict[str, Any] = {
        "signal_id": "s-1",
        "symbol": "ACME",
        "catalyst_tier": 1,
        "ai_confidence": None,
        "issued_at": NOW,
    }
    return Signal(**(given | changes))


UNLIMITED = BotConfig(
    price_collar_pct=Decimal(0),
    max_order_notional_usd=Decimal(0),
    max_orders_per_minute=0,
    max_orders_per_day=0,
    max_concurrent_positions=0,
    max_total_exposure_usd=Decimal(0),
    symbol_cooldown_sec=0,
    daily_loss_limit_usd=Decimal(0),
    max_consecutive_refusals=0,
    max_orders_per_signal_ratio=Decimal(0),
)
"""For tests of something else that send many signals: no limit keeps any of them from trading."""
BUYS_ONLY = UNLIMITED.having(
    {
        "hard_stop_loss_pct": Decimal(0),
        "profit_target_pct": Decimal(0),
        "max_hold_duration_sec": 0,
        "close_before_end_min": 0,
    }
)
"""For tests of something else that run for long: no rule sells what was bought either."""


def facts(**changes: Any) -> EntryFacts:
    """Of a signal that trades."""
    given: dict[str, Any] = {
        "signal": a_signal(),
        "now": later(1),
        "config": BotConfig(),
        "gate": OPEN,
        "halts": (),
        "occupied_by": None,
        "exposure": Exposure(),
        "market": a_market(),
        "market_now": changes.get("now", later(1)),
        "means": Means(buying_power=dec("20000"), equity=dec("5000"), cash=dec("5000"), read_at=NOW),
        "asset": an_asset(),
        "quote": None,
    }
    return EntryFacts(**(given | changes))


def an_asset(**changes: Any) -> Asset:
    given: dict[str, Any] = {"symbol": "ACME", "status": "active", "tradable": True, "fractionable": True}
    return Asset(**(given | changes))


def a_plan(signal_id: str = "s-1", symbol: str = "ACME", *, source: str = "api") -> PlanEntry:
    """The question for a signal's plan, after it was looked up that its symbol is sold in fractions."""
    reads = EntryReads(asset=an_asset(symbol=symbol), at=NOW)
    return PlanEntry(source=source, signal_id=signal_id, reads=reads)


def a_quote(last: str | None = "10", *, at: datetime = NOW, **changes: Any) -> Quote:
    """The last trade at this price and time; None: the feed has none."""
    given: dict[str, Any] = {
        "symbol": "ACME",
        "last_price": None if last is None else dec(last),
        "last_at": None if last is None else at,
        "bid": None,
        "ask": None,
    }
    return Quote(**(given | changes))


def a_ticket(**changes: Any) -> OrderTicket:
    given: dict[str, Any] = {
        "client_order_id": "sf-one",
        "symbol": "ACME",
        "side": "buy",
        "notional": dec("100"),
        "post_until": later(300),
    }
    return OrderTicket(**(given | changes))


def a_record(**changes: Any) -> OrderRecord:
    given: dict[str, Any] = {
        "client_order_id": "sf-one",
        "trade_id": 1,
        "symbol": "ACME",
        "side": "buy",
        "time_in_force": "day",
        "life": Life.INTENDED,
        "notional": dec("100"),
        "post_until": later(300),
    }
    return OrderRecord(**(given | changes))


def an_update(**changes: Any) -> OrderUpdate:
    given: dict[str, Any] = {
        "broker_order_id": "broker-one",
        "client_order_id": "sf-one",
        "symbol": "ACME",
        "side": "buy",
        "status": "new",
        "updated_at": later(1),
        "time_in_force": "day",
    }
    return OrderUpdate(**(given | changes))


def an_execution(number: int, qty: str, price: str) -> Execution:
    return Execution(execution_id=f"execution-{number}", qty=dec(qty), price=dec(price), at=later(number))


def partly(filled: str, price: str, *, at: float = 2, **changes: Any) -> OrderUpdate:
    """The stream's word on a partial fill."""
    return an_update(
        **{
            "status": "partially_filled",
            "event": "partial_fill",
            "filled_qty": dec(filled),
            "filled_avg_price": dec(price),
            "updated_at": later(at),
        }
        | changes
    )


def filled(shares: str, price: str, *, at: float = 3, **changes: Any) -> OrderUpdate:
    """The stream's word on the last fill."""
    return partly(shares, price, at=at, **{"status": "filled", "event": "fill"} | changes)


def ended(status: str, shares: str = "0", *, at: float = 4, **changes: Any) -> OrderUpdate:
    """The stream's word on an end that is no fill."""
    return an_update(
        **{"status": status, "event": status, "filled_qty": dec(shares), "updated_at": later(at)} | changes
    )


def a_trade(**changes: Any) -> TradeRecord:
    given: dict[str, Any] = {
        "id": 1,
        "symbol": "ACME",
        "status": TradeStatus.PENDING,
        "stars": 5,
        "notional": dec("100"),
        "entry_at": NOW,
        "client_order_id": "sf-one",
        "source": "api",
        "signal_id": "s-1",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return TradeRecord(**(given | changes))


def a_position(symbol: str, qty: str) -> BrokerPosition:
    return BrokerPosition(symbol=symbol, qty=dec(qty))


def a_snapshot(*orders: OrderUpdate, **changes: Any) -> Snapshot:
    given: dict[str, Any] = {"taken_at": later(10), "orders": orders, "positions": (), "explained": True}
    return Snapshot(**(given | changes))


def a_market(**changes: Any) -> Market:
    """Open at NOW, and so since half past nine until four; the next day it opens at the same time."""
    given: dict[str, Any] = {
        "timestamp": NOW,
        "is_open": True,
        "next_open": A_DAY.opens_at + timedelta(days=1),
        "next_close": A_DAY.closes_at,
    }
    days = changes.pop("days", (A_DAY,))
    return Market(clock=MarketClock(**(given | changes)), days=days)


modestly = settings(max_examples=100, deadline=None, derandomize=True)
"""For property tests: the same hundred examples in every run."""
