"""A ledger's reader side with these rows and no database."""

from decimal import Decimal
from typing import Any

from domain.orders import Life, OrderRecord
from domain.trades import TradeRecord, TradeStatus
from persistence.queries import Queries
from persistence.rows import LedgerCounts, Page
from tests.web.conftest import NOW


def our_id(number: int) -> str:
    """A client_order_id of our making, as `domain.identity` knows them."""
    digits = str(number).translate(str.maketrans("0123456789", "abcdefghij"))
    return f"sf-{digits:a>26}"


def a_trade(number: int, **changes: Any) -> TradeRecord:
    fields: dict[str, Any] = {
        "id": number,
        "symbol": "ACME",
        "status": TradeStatus.OPEN,
        "stars": 5,
        "notional": Decimal(100),
        "shares": Decimal("123456.123456789"),
        "entry_price": Decimal("1234.123456789"),
        "client_order_id": our_id(number),
        "source": "test",
        "signal_id": f"s{number}",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return TradeRecord(**(fields | changes))


def an_order(number: int, **changes: Any) -> OrderRecord:
    fields: dict[str, Any] = {
        "client_order_id": our_id(number),
        "trade_id": number,
        "symbol": "ACME",
        "side": "buy",
        "time_in_force": "day",
        "life": Life.DONE,
        "status": "filled",
        "filled_qty": Decimal(2),
        "filled_avg_price": Decimal(50),
        "post_until": NOW,
    }
    return OrderRecord(**(fields | changes))


class Books(Queries):
    def __init__(self, *orders: OrderRecord, trades: tuple[TradeRecord, ...] = ()) -> None:
        self._orders = orders
        self._trades = trades or tuple(a_trade(order.trade_id) for order in orders)

    def trades(self, *, limit: int, **_: Any) -> Page[TradeRecord]:
        return Page[TradeRecord](items=self._trades[:limit], next=None)

    def recent_trades(self, limit: int) -> tuple[TradeRecord, ...]:
        return self._trades[:limit]

    def orders_of(self, trade_id: int) -> tuple[OrderRecord, ...]:
        return tuple(order for order in self._orders if order.trade_id == trade_id)

    def counts(self) -> LedgerCounts:
        return LedgerCounts(
            signals={"planned": 2}, trades={"open": len(self._trades)}, orders={}, executions=3
        )
