"""An order as it's asked for, as it stands, and what happens to it. All frozen: a change is a new record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from typing import Final, Literal, cast

from simulator.errors import ApiError, invalid, number, unprocessable
from simulator.reading import flag, one_of, places, positive, read_decimal, word
from simulator.settings import SimulatorSettings

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit", "stop"]
TimeInForce = Literal["day", "gtc", "ioc", "fok"]

TERMINAL: Final = frozenset({"filled", "canceled", "expired", "replaced", "rejected"})
CLOSED: Final = TERMINAL | {"done_for_day"}
WORKING: Final = frozenset({"new", "partially_filled"})
"""May execute."""
NINE_PLACES: Final = Decimal("0.000000001")
ZERO: Final = Decimal(0)
CENT: Final = Decimal("0.01")

_MAX_CLIENT_ORDER_ID = 128
_QTY_PLACES = 9
_UNSUPPORTED_TYPES = frozenset({"stop_limit", "trailing_stop"})
_UNSUPPORTED_TIF = frozenset({"opg", "cls"})


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderRequest:
    """A well-formed wish; whether it can be had is the exchange's to say."""

    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    qty: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    extended_hours: bool = False
    client_order_id: str | None = None

    @property
    def is_fractional(self) -> bool:
        return self.qty is None or not is_whole(self.qty)


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """Times are nanoseconds since 1970. Either `qty` (shares) or `notional` (dollars) is set, for good."""

    id: str
    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    qty: Decimal | None
    notional: Decimal | None
    limit_price: Decimal | None
    extended_hours: bool
    status: str
    created_at: int
    submitted_at: int
    updated_at: int
    expires_at: int
    filled_qty: Decimal = ZERO
    filled_cost: Decimal = ZERO
    """Dollars, unrounded: the sum of qty times price over the executions."""
    executions: int = 0
    filled_at: int | None = None
    canceled_at: int | None = None
    cancel_requested_at: int | None = None
    expired_at: int | None = None
    failed_at: int | None = None
    replaced_at: int | None = None
    replaced_by: str | None = None
    replaces: str | None = None
    # These two came later than the first books, which lack them.
    stop_price: Decimal | None = None
    triggered_at: int | None = None
    """When the market met the stop price; from then on it's a market order."""

    @property
    def is_dormant(self) -> bool:
        """A stop order whose price the market hasn't met yet."""
        return self.stop_price is not None and self.triggered_at is None

    @property
    def is_open(self) -> bool:
        return self.status not in CLOSED

    @property
    def filled_avg_price(self) -> Decimal | None:
        """Dollars per share, to nine places."""
        return (self.filled_cost / self.filled_qty).quantize(NINE_PLACES) if self.filled_qty else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Execution:
    """One match. `cum_qty`, `leaves_qty` and `order_status` are the order's just after it."""

    execution_id: str
    activity_id: str
    order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    at: int
    cum_qty: Decimal
    leaves_qty: Decimal
    order_status: str
    position_qty: Decimal
    busts: str | None = None
    """Of a trade bust: the id of the execution that's undone by it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What happened to an order, with the order as it stands afterwards."""

    kind: str
    at: int
    order: Order
    execution_id: str | None = None
    execution: Execution | None = None


def read_request(payload: Mapping[str, object], settings: SimulatorSettings) -> OrderRequest:
    """Checks what can be checked without knowing the account. Raises ApiError."""
    symbol = word(payload, "symbol")
    qty, notional = _quantities(payload, settings)
    side = one_of(payload, "side", ("buy", "sell"))
    kind = one_of(payload, "type", ("market", "limit", "stop", *_UNSUPPORTED_TYPES))
    tif = one_of(payload, "time_in_force", ("day", "gtc", "ioc", "fok", *_UNSUPPORTED_TIF))
    client_order_id = _client_order_id(payload)
    if kind in _UNSUPPORTED_TYPES:
        raise unprocessable(f'order type "{kind}" is not supported by this simulator')
    if tif in _UNSUPPORTED_TIF:
        raise unprocessable(f'time_in_force "{tif}" is not supported by this simulator')
    request = OrderRequest(
        symbol=symbol,
        side=cast("Side", side),
        type=cast("OrderType", kind),
        time_in_force=cast("TimeInForce", tif),
        qty=qty,
        notional=notional,
        limit_price=read_decimal(payload, "limit_price"),
        stop_price=read_decimal(payload, "stop_price"),
        extended_hours=flag(payload, "extended_hours"),
        client_order_id=client_order_id,
    )
    check_prices(request)
    _check_class(payload, request)
    _check_terms(request)
    return request


def read_changes(payload: Mapping[str, object], order: Order) -> OrderRequest:
    """A replacement: the order's terms with the payload's in their place. Raises ApiError."""
    qty = _shares(payload)
    limit_price, stop_price = read_decimal(payload, "limit_price"), read_decimal(payload, "stop_price")
    if qty is not None and not (is_whole(qty) and is_whole(order.qty or ZERO)):
        raise unprocessable("qty of fractional orders can't be replaced")
    request = OrderRequest(
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        # On a partly filled order too it's the original quantity (alpacahq/Alpaca-API#165).
        qty=order.qty if qty is None else qty,
        limit_price=order.limit_price if limit_price is None else limit_price,
        stop_price=order.stop_price if stop_price is None else stop_price,
        extended_hours=order.extended_hours,
        client_order_id=_client_order_id(payload),
    )
    if payload.get("time_in_force") is not None:
        tif = one_of(payload, "time_in_force", ("day", "gtc", "ioc", "fok"))
        request = replace(request, time_in_force=cast("TimeInForce", tif))
    check_prices(request)
    _check_terms(request)
    return request


def check_prices(request: OrderRequest) -> None:
    """Raises ApiError."""
    limit_price, stop_price = request.limit_price, request.stop_price
    if request.type == "market" and (limit_price is not None or stop_price is not None):
        raise invalid("market orders require no stop or limit price")
    if request.type == "limit":
        if limit_price is None:
            raise invalid("limit orders require a limit price")
        if stop_price is not None:
            raise invalid("limit orders require no stop price")
    if request.type == "stop":
        if stop_price is None:
            raise invalid("stop orders require a stop price")
        if limit_price is not None:
            raise invalid("stop orders require no limit price")
    _check_tick("limit_price", limit_price)
    _check_tick("stop_price", stop_price)


def _check_tick(name: str, price: Decimal | None) -> None:
    if price is None:
        return
    if price <= 0:
        raise unprocessable(f"{name.replace('_', ' ')} must be > 0")
    if places(price) > (2 if price >= 1 else 4):
        raise unprocessable(
            f"invalid {name} {number(price)}. sub-penny increment does not fulfill minimum pricing criteria"
        )


def shares_for(dollars: Decimal, price: Decimal) -> Decimal:
    """Truncated to nine places, as Alpaca was seen to do."""
    return (dollars / price).quantize(NINE_PLACES, ROUND_DOWN)


def is_whole(qty: Decimal) -> bool:
    return qty == qty.to_integral_value()


def _quantities(
    payload: Mapping[str, object], settings: SimulatorSettings
) -> tuple[Decimal | None, Decimal | None]:
    qty, notional = _shares(payload), positive(payload, "notional")
    if qty is not None and notional is not None:
        status = settings.qty_and_notional_status
        code = status * 100_000 if status == 400 else 40010001  # noqa: PLR2004 - HTTP's own number
        raise ApiError(status, "only one of qty or notional is accepted", code=code)
    if qty is None and notional is None:
        raise invalid("qty or notional is required")
    if notional is not None and places(notional) > 2:  # noqa: PLR2004 - the message says it
        raise unprocessable("notional value must be limited to 2 decimal places")
    return qty, notional


def _shares(payload: Mapping[str, object]) -> Decimal | None:
    qty = positive(payload, "qty")
    if qty is not None and places(qty) > _QTY_PLACES:
        raise unprocessable("qty must be limited to 9 decimal places")
    return qty


def _check_class(payload: Mapping[str, object], request: OrderRequest) -> None:
    complex_order = payload.get("order_class") not in (None, "", "simple")
    if complex_order and request.is_fractional:
        raise unprocessable("fractional orders must be simple orders")
    if complex_order or payload.get("take_profit") or payload.get("stop_loss") or payload.get("legs"):
        raise unprocessable(f'order_class "{payload.get("order_class")}" is not supported by this simulator')


def _check_terms(request: OrderRequest) -> None:
    if request.notional is not None and request.type != "market":
        raise unprocessable("notional orders must be market orders")
    if request.is_fractional and request.time_in_force != "day":
        raise unprocessable("fractional orders must be DAY orders")
    if request.type == "stop" and request.time_in_force not in {"day", "gtc"}:
        raise unprocessable("stop orders must be DAY or GTC orders")
    if request.extended_hours and request.type == "stop":
        raise unprocessable("stop orders are not eligible for extended hours trading")
    if request.extended_hours and (request.type != "limit" or request.time_in_force not in {"day", "gtc"}):
        raise unprocessable("extended hours order must be DAY or GTC limit orders")


def _client_order_id(payload: Mapping[str, object]) -> str | None:
    value = payload.get("client_order_id")
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise invalid("client_order_id is invalid")
    if len(value) > _MAX_CLIENT_ORDER_ID:
        raise invalid("client_order_id must be no more than 128 characters")
    return value
