"""Alpaca's JSON in the domain's words.

In:  bytes as they came
Out: the domain's and broker/api.py's values; for what cannot be read one of UNREADABLE is raised, except
where a function says that it never raises
"""

from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from broker.api import Account
from broker.bodies import (
    AccountBody,
    Activity,
    AssetBody,
    ClockBody,
    ControlFrame,
    Day,
    LatestQuote,
    LatestTrade,
    Order,
    OtherActivity,
    Position,
    SnapshotBody,
    TradeFrame,
    TradeUpdate,
)
from domain.market import NEW_YORK, Asset, MarketClock, MarketDay, Quote
from domain.orders import EVENT_STATUS, Execution, OrderUpdate
from domain.reconcile import BrokerPosition, CorporateAction, FillActivity
from domain.values import ZERO

UNREADABLE: Final = (ValueError, ArithmeticError, RecursionError)
"""All that decoding and converting foreign bytes can raise; msgspec's and pydantic's are ValueErrors."""

_trade_frames = msgspec.json.Decoder(TradeFrame)
_control_frames = msgspec.json.Decoder(ControlFrame)
_order = msgspec.json.Decoder(Order)
_orders = msgspec.json.Decoder(list[Order])
_position = msgspec.json.Decoder(Position)
_positions = msgspec.json.Decoder(list[Position])
_account = msgspec.json.Decoder(AccountBody)
_clock = msgspec.json.Decoder(ClockBody)
_days = msgspec.json.Decoder(list[Day])
_asset = msgspec.json.Decoder(AssetBody)
_activities = msgspec.json.Decoder(list[Activity])
_other_activities = msgspec.json.Decoder(list[OtherActivity])
_snapshots = msgspec.json.Decoder(dict[str, SnapshotBody | None])

# --- numbers and times --------------------------------------------------------------------------

_NINE_PLACES: Final = Decimal("0.000000001")
_EXACT: Final = Context(prec=27, traps=[InvalidOperation])
"""The domain's numbers: nine decimals, 27 digits in all. Infinity and longer numbers raise."""


def nine_places(value: Decimal | None) -> Decimal | None:
    """The number as it came, or rounded to the nine decimals that the domain's numbers have."""
    if value is None:
        return None
    rounded = value.quantize(_NINE_PLACES, context=_EXACT)
    if value == rounded:
        return value
    if rounded.is_nan():
        raise ValueError("not a number")
    return rounded


def _number(value: Decimal) -> Decimal:
    return nine_places(value) or ZERO


def moment(text: str) -> datetime:
    """RFC 3339, up to nine fractional digits cut to microseconds, in UTC.

    msgspec's own datetime rounds the digits instead of cutting them, which can name a later second.
    """
    told = datetime.fromisoformat(text)
    if told.tzinfo is UTC:
        return told
    if told.tzinfo is None:
        raise ValueError(f"a time without its UTC offset: {text[:40]!r}")
    return told.astimezone(UTC)


def _moment_or_none(text: str | None) -> datetime | None:
    # A time we cannot read must not cost us the fill it stands beside.
    if text is None:
        return None
    try:
        return moment(text)
    except UNREADABLE:
        return None


# --- the trading stream -------------------------------------------------------------------------

# Validating the domain's models anew would cost more than all the rest of the reading (8 of 13 us a
# fill). msgspec has checked the types, `nine_places` the numbers and `moment` the times, so every field
# is laid over one of these.
_AN_UPDATE: Final = OrderUpdate(broker_order_id="", client_order_id="", symbol="", side="", status="")
_A_FILL: Final = Execution(execution_id="", qty=ZERO, price=ZERO, at=datetime.min.replace(tzinfo=UTC))

_FILLS: Final = frozenset({"fill", "partial_fill"})


def trade_update(frame: bytes | str) -> OrderUpdate | None:
    """The order a stream frame speaks of; None for a frame that speaks of none. Never raises."""
    try:
        told = _trade_frames.decode(frame)
        if told.stream != "trade_updates" or told.data is None:
            return None
        return _streamed(told.data)
    except UNREADABLE:
        return None


def _streamed(data: TradeUpdate) -> OrderUpdate | None:
    order, event = data.order, data.event
    status = order.status or EVENT_STATUS.get(event or "")
    if not status or event is None:
        return None
    at = _moment_or_none(data.timestamp)
    filled_qty = _number(order.filled_qty or ZERO)
    return _update(
        order,
        status=status,
        filled_qty=filled_qty,
        updated_at=_moment_or_none(order.updated_at) or at,
        event=event,
        execution=_execution(data, filled_qty, at) if event in _FILLS else None,
        # Without its symbol a position is nobody's.
        position_qty=nine_places(data.position_qty) if order.symbol else None,
    )


def _execution(data: TradeUpdate, filled_qty: Decimal, at: datetime | None) -> Execution | None:
    at = at or _moment_or_none(data.order.updated_at)
    if data.qty is None or data.price is None or at is None:
        return None
    return _A_FILL.having(
        {
            "execution_id": data.execution_id or _inferred_id(data, filled_qty),
            "qty": _number(data.qty),
            "price": _number(data.price),
            "at": at,
        }
    )


def _inferred_id(data: TradeUpdate, filled_qty: Decimal) -> str:
    # Some fills came without an execution_id (alpacahq/alpaca-py#210). The cumulative quantity tells
    # one fill of an order from the next, and a repeated frame makes the same id again.
    return f"inferred:{data.order.id}:{data.event}:{filled_qty.normalize():f}"


def _update(
    order: Order,
    *,
    status: str,
    filled_qty: Decimal,
    updated_at: datetime | None,
    event: str | None = None,
    execution: Execution | None = None,
    position_qty: Decimal | None = None,
) -> OrderUpdate:
    return _AN_UPDATE.having(
        {
            "broker_order_id": order.id,
            "client_order_id": order.client_order_id or "",
            "symbol": order.symbol or "",
            "side": order.side or "",
            "status": status,
            "filled_qty": filled_qty,
            "filled_avg_price": nine_places(order.filled_avg_price),
            "updated_at": updated_at,
            "event": event,
            "execution": execution,
            "position_qty": position_qty,
            "qty": nine_places(order.qty),
            "notional": nine_places(order.notional),
            "time_in_force": order.time_in_force,
            "replaces": order.replaces,
            "replaced_by": order.replaced_by,
        }
    )


def control(frame: bytes | str) -> ControlFrame | None:
    """An authorization or listening frame; None for every other. Never raises."""
    try:
        told = _control_frames.decode(frame)
    except UNREADABLE:
        return None
    return told if told.stream in {"authorization", "listening"} else None


# --- reads --------------------------------------------------------------------------------------


def order_update(order: Order) -> OrderUpdate:
    """An order that was read."""
    if not order.id or not order.status:
        raise ValueError("an order without id or status")
    return _update(
        order,
        status=order.status,
        filled_qty=_number(order.filled_qty or ZERO),
        updated_at=_moment_or_none(order.updated_at),
    )


def order(body: bytes) -> OrderUpdate:
    """One order."""
    return order_update(_order.decode(body))


def orders(body: bytes) -> list[Order]:
    """A page of orders, as they came: paging needs their `submitted_at`."""
    return _orders.decode(body)


def _position_held(position: Position) -> BrokerPosition:
    qty = _number(position.qty)
    return BrokerPosition(
        symbol=position.symbol,
        qty=-abs(qty) if position.side == "short" else qty,
        avg_entry_price=nine_places(position.avg_entry_price),
    )


def position(body: bytes) -> BrokerPosition:
    """One position; a short one is negative."""
    return _position_held(_position.decode(body))


def positions(body: bytes) -> tuple[BrokerPosition, ...]:
    """All positions."""
    return tuple(_position_held(each) for each in _positions.decode(body))


def account(body: bytes) -> Account:
    """The account. Blocked in any of Alpaca's three ways is blocked."""
    told = _account.decode(body)
    return Account(
        id=told.id,
        account_number=told.account_number or "",
        status=told.status or "",
        currency=told.currency or "",
        cash=nine_places(told.cash),
        equity=nine_places(told.equity),
        buying_power=nine_places(told.buying_power),
        trading_blocked=bool(told.trading_blocked or told.account_blocked or told.trade_suspended_by_user),
    )


def clock(body: bytes) -> MarketClock:
    """The market clock."""
    told = _clock.decode(body)
    return MarketClock(
        timestamp=moment(told.timestamp),
        is_open=told.is_open,
        next_open=moment(told.next_open),
        next_close=moment(told.next_close),
    )


def days(body: bytes) -> tuple[MarketDay, ...]:
    """Market days in order; holidays are absent. Without extended hours the regular ones are all."""
    return tuple(sorted((_day(told) for told in _days.decode(body)), key=lambda day: day.opens_at))


def _day(told: Day) -> MarketDay:
    return MarketDay(
        date=told.date,
        opens_at=_in_new_york(told.date, told.open),
        closes_at=_in_new_york(told.date, told.close),
        extended_opens_at=_in_new_york(told.date, told.session_open or told.open),
        extended_closes_at=_in_new_york(told.date, told.session_close or told.close),
    )


def _in_new_york(day: str, hour: str) -> datetime:
    """That hour of that day; `hour` is `HH:MM` or `HHMM`."""
    return datetime.combine(date.fromisoformat(day), time.fromisoformat(hour), NEW_YORK).astimezone(UTC)


def asset(body: bytes) -> Asset:
    """One asset."""
    told = _asset.decode(body)
    return Asset(
        symbol=told.symbol,
        status=told.status or "",
        tradable=bool(told.tradable),
        fractionable=bool(told.fractionable),
    )


_EXECUTED: Final = frozenset({"fill", "partial_fill"})


def fills(body: bytes) -> list[FillActivity]:
    """A page of executions."""
    return [
        FillActivity(
            activity_id=told.id,
            broker_order_id=told.order_id,
            symbol=told.symbol,
            side=told.side,
            qty=told.qty,
            price=told.price,
            cum_qty=told.cum_qty,
            at=moment(told.transaction_time),
        )
        for told in _activities.decode(body)
        if told.type in _EXECUTED
    ]


SHARES_MOVED: Final = frozenset(
    {"SPLIT", "SPIN", "REORG", "MA", "NC", "JNLS", "ACATS", "TRADE_BUST", "TRADE_CORRECT"}
)
"""Activities that change how many shares an account holds, and are no fill (Alpaca's `activity_type`)."""


def corporate_actions(body: bytes) -> list[CorporateAction]:
    """Of a page of activities, what moved shares without a trade."""
    return [
        CorporateAction(
            activity_id=told.id,
            kind=told.activity_type,
            symbol=told.symbol,
            qty=_number(told.qty),
            at=_moment_or_none(told.created_at) or _midnight(told.date),
        )
        for told in _other_activities.decode(body)
        if told.symbol and told.qty is not None and told.activity_type.upper() in SHARES_MOVED
    ]


def _midnight(day: str | None) -> datetime | None:
    """With which the day began; None for what is no day."""
    try:
        return None if day is None else _in_new_york(day, "00:00")
    except ValueError:
        return None


def quotes(body: bytes) -> dict[str, Quote]:
    """Snapshots by symbol. A price of 0 is Alpaca's way to say that there is none."""
    return {
        symbol: _quote(symbol, told) for symbol, told in _snapshots.decode(body).items() if told is not None
    }


def _quote(symbol: str, told: SnapshotBody) -> Quote:
    trade, quote = told.latest_trade or LatestTrade(), told.latest_quote or LatestQuote()
    return Quote(
        symbol=symbol,
        last_price=_price(trade.p),
        last_at=_moment_or_none(trade.t),
        bid=_price(quote.bp),
        ask=_price(quote.ap),
        quoted_at=_moment_or_none(quote.t),
    )


def _price(value: Decimal | None) -> Decimal | None:
    # One symbol's nonsense must not cost the prices of all the others.
    try:
        price = nine_places(value)
    except UNREADABLE:
        return None
    return price if price is not None and price > ZERO else None


def refusal(body: bytes) -> tuple[str, int | None] | None:
    """Message and code of an error body; None if it is no JSON object. Never raises."""
    try:
        told: Any = msgspec.json.decode(body)
    except UNREADABLE:
        return None
    if not isinstance(told, dict):
        return None
    message, code = told.get("message"), told.get("code")
    return (
        message if isinstance(message, str) else "",
        code if isinstance(code, int) and not isinstance(code, bool) else None,
    )
