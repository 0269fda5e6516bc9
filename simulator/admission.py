"""What the account and the asset have to say to an order: the checks before it is accepted."""

from decimal import Decimal
from typing import TYPE_CHECKING

from simulator import assets
from simulator.assets import Behaviour
from simulator.errors import UNPROCESSABLE, ApiError, forbidden, invalid, number, unprocessable
from simulator.orders import CENT, ZERO, Order, OrderRequest

if TYPE_CHECKING:
    from simulator.exchange import Exchange

_MULTIPLIER = 4
_MINIMUM = Decimal(1)


def check(exchange: "Exchange", request: OrderRequest, now: int, instead_of: Order | None = None) -> None:
    """Raises ApiError. `instead_of`: an order that goes when this one comes, so it holds nothing."""
    # A repeated request must hear that it's a duplicate, whatever its first copy has done to the account.
    if request.client_order_id and exchange.is_taken(request.client_order_id):
        raise invalid("client_order_id must be unique")
    _check_asset(exchange, request)
    others = tuple(order for order in exchange.open_orders(request.symbol) if order != instead_of)
    price = exchange.price(request.symbol, now)
    _check_stop(request, price)
    if request.side == "sell":
        _check_holding(exchange, request, others, price)
    _check_wash(exchange, request, others)
    _check_cost(exchange, request, price, now)


def held_for_orders(exchange: "Exchange", symbol: str, now: int) -> Decimal:
    """Shares that open sell orders may still take."""
    price = exchange.price(symbol, now)
    return _held(exchange, exchange.open_orders(symbol), price)


def buying_power(exchange: "Exchange", now: int) -> Decimal:
    """Four times the equity, less what is held and what open buys may still take. Dollars, to the cent."""
    market_value = long_market_value(exchange, now)
    equity = exchange.account.cash + market_value
    free = _MULTIPLIER * equity - market_value - reserved(exchange, now)
    return max(ZERO, free.quantize(CENT))


def long_market_value(exchange: "Exchange", now: int) -> Decimal:
    held = exchange.account.positions.items()
    return sum((each.qty * exchange.price(symbol, now) for symbol, each in held), start=ZERO)


def reserved(exchange: "Exchange", now: int) -> Decimal:
    """Dollars that open buy orders may still take."""
    total = ZERO
    for order in exchange.open_orders():
        if order.side == "buy":
            price = _dearest(order, exchange.price(order.symbol, now))
            total += exchange.remaining(order, price) * price
    return total


def _check_asset(exchange: "Exchange", request: OrderRequest) -> None:
    symbol = request.symbol
    if not assets.exists(symbol):
        raise unprocessable(f'asset "{symbol}" not found')
    if not exchange.assets.is_tradable(symbol):
        raise unprocessable(f'asset "{symbol}" is not tradable')
    if request.is_fractional and not exchange.assets.is_fractionable(symbol):
        raise forbidden(f'asset "{symbol}" is not fractionable')
    if (
        request.is_fractional
        and request.extended_hours
        and not exchange.switches.now.fractional_extended_hours
    ):
        raise unprocessable("fractional orders are not eligible for extended hours trading")


def _check_stop(request: OrderRequest, price: Decimal) -> None:
    """A stop that the market has met already is refused rather than triggered."""
    stop = request.stop_price
    if stop is None:
        return
    if stop >= price if request.side == "sell" else stop <= price:
        than = "less" if request.side == "sell" else "greater"
        raise ApiError(
            422,
            f"stop price must be {than} than current price",
            code=UNPROCESSABLE,
            market_price=number(price),
            stop_price=number(stop),
        )


def _dearest(order: Order | OrderRequest, price: Decimal) -> Decimal:
    """Dollars per share that a buy is taken to cost at this price of the market."""
    return order.limit_price or max(order.stop_price or ZERO, price)


def _check_holding(
    exchange: "Exchange", request: OrderRequest, others: tuple[Order, ...], price: Decimal
) -> None:
    existing = exchange.account.qty(request.symbol)
    held = _held(exchange, others, price)
    available = max(ZERO, existing - held)
    wanted = request.qty
    if wanted is None:
        assert request.notional is not None
        wanted = request.notional / price
    if wanted > available:
        raise forbidden(
            f"insufficient qty available for order (requested: {number(wanted)}, "
            f"available: {number(available)})",
            available=number(available),
            existing_qty=number(existing),
            held_for_orders=number(held),
            symbol=request.symbol,
        )


def _check_wash(exchange: "Exchange", request: OrderRequest, others: tuple[Order, ...]) -> None:
    for order in others:
        if order.side != request.side and _would_meet(request, order):
            kind = "limit" if order.type == "limit" else "market/stop"
            status = exchange.switches.now.wash_trade_status
            raise ApiError(
                status,
                "potential wash trade detected. use complex orders",
                code=status * 100_000 + 10_000,
                existing_order_id=order.id,
                reject_reason=f"opposite side {kind} order exists",
            )


def _would_meet(request: OrderRequest, order: Order) -> bool:
    if request.limit_price is None or order.limit_price is None:
        return True
    if request.side == "buy":
        return request.limit_price >= order.limit_price
    return request.limit_price <= order.limit_price


def _check_cost(exchange: "Exchange", request: OrderRequest, price: Decimal, now: int) -> None:
    cost = request.notional
    if cost is None:
        assert request.qty is not None
        cost = request.qty * _dearest(request, price)
    # A sale of one whole share at $0.98 was seen accepted, so quantities may be sold below the minimum.
    if cost < _MINIMUM and (request.side == "buy" or request.notional is not None):
        raise forbidden("cost basis must be >= minimal amount of order 1")
    if request.side == "sell":
        return
    power = buying_power(exchange, now)
    if cost > power or exchange.assets.behaviour(request.symbol) is Behaviour.NO_BUYING_POWER:
        extras = {"buying_power": number(power), "cost_basis": number(cost)}
        raise forbidden(
            "insufficient buying power", **(extras if exchange.switches.now.buying_power_extras else {})
        )


def _held(exchange: "Exchange", orders: tuple[Order, ...], price: Decimal) -> Decimal:
    sells = (order for order in orders if order.side == "sell")
    return sum((exchange.remaining(order, order.limit_price or price) for order in sells), start=ZERO)
