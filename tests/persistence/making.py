"""Small builders for the ledger's tests: each names only what its test is about."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.orders import Execution, OrderRecord, OrderTicket
from domain.signals import Check, Signal, Verdict, body_digest
from persistence.rows import ExecutionRow, NewTrade
from persistence.store import LedgerStore, Unit

NOW = datetime(2026, 11, 12, 15, 0, 0, 123457, tzinfo=UTC)
EXACT = Decimal("123456789.123456789")
VERDICT = Verdict(
    code="trade",
    reason="every check passed",
    stars=5,
    notional=EXACT,
    checks=(Check(name="stars", passed=True, detail="tier 1: 5 stars"),),
)


def a_signal(signal_id: str = "s1", *, source: str = "api", symbol: str = "AAPL") -> Signal:
    return Signal(
        signal_id=signal_id,
        symbol=symbol,
        catalyst_tier=1,
        ai_confidence="high",
        issued_at=NOW,
        catalyst_category="fda",
        price_at_signal=EXACT,
        source=source,
    )


def add_signal(unit: Unit, signal: Signal) -> None:
    unit.add_signal(signal, digest=body_digest(signal), received_at=NOW)


def a_trade(signal: Signal, client_order_id: str) -> NewTrade:
    return NewTrade(
        symbol=signal.symbol,
        stars=5,
        notional=EXACT,
        catalyst_type=signal.catalyst_category,
        catalyst_tier=signal.catalyst_tier,
        source=signal.source,
        signal_id=signal.signal_id,
        client_order_id=client_order_id,
        created_at=NOW,
    )


def a_ticket(signal: Signal, client_order_id: str) -> OrderTicket:
    return OrderTicket(
        client_order_id=client_order_id,
        symbol=signal.symbol,
        side="buy",
        notional=EXACT,
        post_until=NOW + timedelta(seconds=300),
    )


def add_entry(unit: Unit, signal: Signal, *, at: datetime = NOW) -> tuple[int, str]:
    """The signal, its trade and its order; the trade's and the order's id."""
    client_order_id = f"sf-{signal.source}-{signal.signal_id}"
    add_signal(unit, signal)
    trade_id = unit.add_entry(
        a_trade(signal, client_order_id),
        a_ticket(signal, client_order_id),
        qty_before=EXACT,
        account_id="account-1",
        config_digest="config",
        code_version="0.1.0",
        at=at,
    )
    return trade_id, client_order_id


def planned(store: LedgerStore, signal_id: str = "s1", *, symbol: str = "AAPL") -> tuple[int, str]:
    with store.unit() as unit:
        return add_entry(unit, a_signal(signal_id, symbol=symbol))


def the_order(store: LedgerStore, client_order_id: str) -> OrderRecord:
    with store.unit() as unit:
        return unit.orders_by_id(client_order_ids=[client_order_id], broker_order_ids=[])[client_order_id]


def an_execution(client_order_id: str, execution_id: str = "e1", *, qty: Decimal = EXACT) -> ExecutionRow:
    return ExecutionRow(
        execution=Execution(execution_id=execution_id, qty=qty, price=EXACT, at=NOW),
        broker_order_id="b1",
        client_order_id=client_order_id,
        filled_qty_after=EXACT,
        position_qty=EXACT,
        source="stream",
    )
