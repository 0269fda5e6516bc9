"""What the API answers with. Money and quantities are strings, times ISO 8601 in UTC with a Z."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import PlainSerializer

from domain.exits import WayOut
from domain.orders import OrderRecord
from domain.signals import Check, SignalReceipt, decimal_text
from domain.trades import TradeRecord
from domain.values import Message
from persistence.rows import ExecutionRow, Page, SignalView

Item = TypeVar("Item")
Source = TypeVar("Source")


def time_text(moment: datetime) -> str:
    """ISO 8601 in UTC with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Amount = Annotated[Decimal, PlainSerializer(decimal_text, return_type=str)]
Time = Annotated[datetime, PlainSerializer(time_text, return_type=str)]


class ReceiptJson(Message):
    """The signal is stored, and this is how far it has come."""

    source: str
    signal_id: str
    state: str
    received_at: Time
    repeated: bool
    """The same signal had been taken in before; it will not trade a second time."""


class TradeJson(Message):
    """One trade. Each field as the ledger has it."""

    id: int
    symbol: str
    status: str
    stars: int | None
    notional: Amount
    shares: Amount | None
    entry_price: Amount | None
    entry_at: Time | None
    exit_price: Amount | None
    exit_at: Time | None
    exit_reason: str | None
    pnl: Amount | None
    sold: Amount
    """Shares that its own orders sold."""
    split: Amount
    """Shares that a split added, or took if negative."""
    taken: Amount
    """Shares that somebody else sold, or that are gone."""
    held: Amount
    """Shares that it still has: bought, plus split, less sold and taken."""
    mark_price: Amount | None
    """The last price that could be acted on."""
    mark_at: Time | None
    unrealised_pnl: Amount | None
    """Dollars gained with what it still has, at `mark_price`."""
    peak_price: Amount | None
    """The best price it was seen at since it was bought."""
    exit_wanted: str | None
    """Why it is to be sold; it stays so until nothing is held."""
    exit_wanted_by: str | None
    exit_wanted_at: Time | None
    exit_trouble: str | None
    """What went wrong with the last attempt to sell it."""
    naked_why: str | None
    """Why it could not be sold just now if it had to be."""
    naked_usd_s: Amount
    """Dollars times seconds that it stood so, up to the last look at it."""
    catalyst_type: str | None
    catalyst_tier: int | None
    alpaca_order_id: str | None
    client_order_id: str
    source: str
    signal_id: str
    created_at: Time
    updated_at: Time


class ExecutionJson(Message):
    """One match at the broker."""

    execution_id: str
    qty: Amount
    price: Amount
    at: Time


class OrderJson(Message):
    """One of a trade's orders, as it stands by the broker's last word."""

    client_order_id: str
    alpaca_order_id: str | None
    symbol: str
    leg: str
    """`entry`, `exit`, or `stop`: one that rests at the broker."""
    side: str
    type: str
    time_in_force: str
    stop_price: Amount | None
    reason: str | None
    """Why it sells."""
    life: str
    status: str
    notional: Amount | None
    qty: Amount | None
    filled_qty: Amount
    filled_avg_price: Amount | None
    post_until: Time
    updated_at: Time | None
    executions: tuple[ExecutionJson, ...]


class WayOutJson(Message):
    """One rule that would sell the trade, and how far away that is."""

    rule: str
    price: Amount | None
    """It sells at or beyond this price a share; null: it goes by the time."""
    away_pct: Amount | None
    """How far the price has to move for that, in percent of itself; null: there is no fresh price."""
    at: Time | None
    """It sells at this time."""
    away_s: int | None
    """Seconds until then; negative: so long ago."""
    applies: bool
    """It sells now."""


class TradeWithOrders(TradeJson):
    """A trade with what would sell it, its orders and their executions."""

    exits: tuple[WayOutJson, ...]
    """In the order in which they decide; none of a trade that holds nothing."""
    unpriced_why: str | None
    """Why it is not known how far away the exits by price are; null: it is."""
    orders: tuple[OrderJson, ...]


class VerdictJson(Message):
    """What was decided."""

    code: str
    reason: str


class SignalJson(Message):
    """A signal with everything that is known of it: the answer to "why did it (not) trade?"."""

    signal_id: str
    source: str
    symbol: str
    catalyst_tier: int
    ai_confidence: str | None
    catalyst_category: str | None
    price_at_signal: Amount | None
    issued_at: Time
    ttl_s: int
    state: str
    received_at: Time
    decided_at: Time | None
    verdict: VerdictJson | None
    stars: int | None
    notional: Amount | None
    checks: tuple[Check, ...]
    trade: TradeJson | None


class ListJson(Message, Generic[Item]):
    """One page of a list."""

    items: tuple[Item, ...]
    next: str | None
    """Give it as `cursor` for the next page; null: this was the last."""


def receipt_json(receipt: SignalReceipt, *, repeated: bool) -> ReceiptJson:
    return ReceiptJson(
        source=receipt.source,
        signal_id=receipt.signal_id,
        state=receipt.state.value,
        received_at=receipt.received_at,
        repeated=repeated,
    )


def trade_json(trade: TradeRecord) -> TradeJson:
    return TradeJson(**_trade_fields(trade))


def trade_with_orders(
    trade: TradeRecord,
    orders: tuple[OrderJson, ...],
    exits: tuple[WayOutJson, ...],
    *,
    unpriced_why: str | None,
) -> TradeWithOrders:
    return TradeWithOrders(**_trade_fields(trade), orders=orders, exits=exits, unpriced_why=unpriced_why)


def _trade_fields(trade: TradeRecord) -> dict[str, Any]:
    return {name: getattr(trade, name) for name in TradeJson.model_fields} | {"status": trade.status.value}


def way_out_json(way: WayOut, now: datetime) -> WayOutJson:
    away_s = None if way.at is None else round((way.at - now).total_seconds())
    return WayOutJson(**dict(way), away_s=away_s)


def order_json(order: OrderRecord, executions: tuple[ExecutionRow, ...]) -> OrderJson:
    return OrderJson(
        client_order_id=order.client_order_id,
        alpaca_order_id=order.broker_order_id,
        symbol=order.symbol,
        leg=order.leg,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        stop_price=order.stop_price,
        reason=order.reason,
        life=order.life.value,
        status=order.status,
        notional=order.notional,
        qty=order.qty,
        filled_qty=order.filled_qty,
        filled_avg_price=order.filled_avg_price,
        post_until=order.post_until,
        updated_at=order.updated_at,
        executions=tuple(ExecutionJson(**dict(each.execution)) for each in executions),
    )


def signal_json(view: SignalView) -> SignalJson:
    verdict = view.verdict
    return SignalJson(
        **dict(view.signal),
        state=view.state.value,
        received_at=view.received_at,
        decided_at=view.decided_at,
        verdict=None if verdict is None else VerdictJson(code=verdict.code, reason=verdict.reason),
        stars=None if verdict is None else verdict.stars,
        notional=None if verdict is None else verdict.notional,
        checks=() if verdict is None else verdict.checks,
        trade=None if view.trade is None else trade_json(view.trade),
    )


def list_json(page: Page[Source], item: Callable[[Source], Item]) -> ListJson[Item]:
    return ListJson(items=tuple(item(each) for each in page.items), next=page.next)
