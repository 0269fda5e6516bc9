"""JSON bodies in Alpaca's shape. Decimals are strings, times RFC 3339; market data differs (data_api)."""

from decimal import Decimal

from simulator import assets
from simulator.admission import buying_power, held_for_orders, long_market_value, reserved
from simulator.clock import new_york, rfc3339
from simulator.errors import number
from simulator.exchange import Exchange
from simulator.orders import CENT, Event, Execution, Order
from simulator.records import Split

Body = dict[str, object]
_SIX_PLACES = Decimal("0.000001")
_LEAN_ACCOUNT = (
    *("account_blocked", "account_number", "cash", "created_at", "currency", "equity", "id", "last_equity"),
    *("portfolio_value", "status", "trade_suspended_by_user", "trading_blocked", "transfers_blocked"),
)
_CREATED_AT = "2026-09-01T12:00:00.183221Z"


def optional_number(value: Decimal | None) -> str | None:
    return None if value is None else number(value)


def optional_time(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)


def order_body(exchange: Exchange, order: Order) -> Body:
    return {
        "asset_class": "us_equity",
        "asset_id": exchange.ids.of(order.symbol),
        "canceled_at": optional_time(order.canceled_at),
        "client_order_id": order.client_order_id,
        "created_at": rfc3339(order.created_at),
        "expired_at": optional_time(order.expired_at),
        "expires_at": rfc3339(order.expires_at),
        "extended_hours": order.extended_hours,
        "failed_at": optional_time(order.failed_at),
        "filled_at": optional_time(order.filled_at),
        "filled_avg_price": optional_number(order.filled_avg_price),
        "filled_qty": number(order.filled_qty),
        "hwm": None,
        "id": order.id,
        "legs": None,
        "limit_price": optional_number(order.limit_price),
        "notional": optional_number(order.notional),
        "order_class": "",
        "order_type": order.type,
        "position_intent": "buy_to_open" if order.side == "buy" else "sell_to_close",
        "qty": optional_number(order.qty),
        "replaced_at": optional_time(order.replaced_at),
        "replaced_by": order.replaced_by,
        "replaces": order.replaces,
        "side": order.side,
        "source": None,
        "status": order.status,
        "stop_price": optional_number(order.stop_price),
        "submitted_at": rfc3339(order.submitted_at),
        "subtag": None,
        "symbol": order.symbol,
        "time_in_force": order.time_in_force,
        "trail_percent": None,
        "trail_price": None,
        "type": order.type,
        "updated_at": rfc3339(order.updated_at),
    }


def trade_update(exchange: Exchange, event: Event) -> Body:
    order = order_body(exchange, event.order)
    order["cancel_requested_at"] = optional_time(event.order.cancel_requested_at)
    data: Body = {
        "event": event.kind,
        "execution_id": event.execution_id,
        "timestamp": rfc3339(event.at),
        "order": dict(sorted(order.items())),
    }
    if event.kind == "rejected":
        del data["execution_id"]
    if event.execution:
        data["price"] = number(event.execution.price)
        data["qty"] = number(event.execution.qty)
        data["position_qty"] = number(event.execution.position_qty)
        if event.execution.busts:
            data["previous_execution_id"] = event.execution.busts
            data["reason"] = "TRADE_BUST"
    return {"stream": "trade_updates", "data": data}


def position_body(exchange: Exchange, symbol: str, now: int) -> Body:
    position = exchange.account.positions[symbol]
    price = exchange.price(symbol, now)
    last_day = exchange.prices.last(symbol, exchange.calendar.previous_close(now))
    market_value = position.qty * price
    gain = market_value - position.cost
    gain_share = (gain / position.cost).quantize(_SIX_PLACES)
    available = position.qty - held_for_orders(exchange, symbol, now)
    return {
        "asset_class": "us_equity",
        "asset_id": exchange.ids.of(symbol),
        "asset_marginable": True,
        "avg_entry_price": number(position.avg_entry_price.quantize(Decimal("0.000000001"))),
        "change_today": number(((price - last_day) / last_day).quantize(_SIX_PLACES)),
        "cost_basis": number(position.cost.quantize(Decimal("0.000000001"))),
        "current_price": number(price),
        "exchange": assets.exchange_of(symbol),
        "lastday_price": number(last_day),
        "market_value": number(market_value),
        "qty": number(position.qty),
        "qty_available": number(available),
        "side": "long",
        "symbol": symbol,
        "unrealized_intraday_pl": number(gain.quantize(_SIX_PLACES)),
        "unrealized_intraday_plpc": number(gain_share),
        "unrealized_pl": number(gain.quantize(_SIX_PLACES)),
        "unrealized_plpc": number(gain_share),
    }


def account_body(exchange: Exchange, now: int) -> Body:
    """With the fields that the switch account_fields asks for."""
    body = _whole_account(exchange, now)
    match exchange.switches.now.account_fields:
        case "lean":
            return {name: body[name] for name in _LEAN_ACCOUNT}
        case "historic":
            power = body["buying_power"]
            gone = {"bod_dtbp": power, "daytrade_count": 0, "daytrading_buying_power": power}
            return body | gone | {"dtbp_check": "entry", "pattern_day_trader": False, "pdt_check": "entry"}
        case "current":
            return body


def _whole_account(exchange: Exchange, now: int) -> Body:
    account = exchange.account
    market_value = long_market_value(exchange, now)
    equity = account.cash + market_value
    power = buying_power(exchange, now)
    cash = account.cash
    if exchange.switches.now.cash_nets_open_buys:
        cash -= reserved(exchange, now).quantize(CENT)
    margin = number(market_value / 2)
    return {
        "account_blocked": False,
        "account_number": _account_number(exchange),
        "accrued_fees": "0",
        "admin_configurations": {},
        "balance_asof": f"{new_york(exchange.calendar.previous_close(now)):%Y-%m-%d}",
        "buying_power": number(power),
        "cash": number(cash),
        "created_at": _CREATED_AT,
        "crypto_status": "ACTIVE",
        "crypto_tier": 1,
        "currency": "USD",
        "effective_buying_power": number(power),
        "equity": number(equity),
        "id": exchange.account_id,
        "initial_margin": margin,
        "intraday_adjustments": "0",
        "last_equity": number(account.starting_cash),
        "last_maintenance_margin": "0",
        "long_market_value": number(market_value),
        "maintenance_margin": number(market_value * 3 / 10),
        "multiplier": "4",
        "non_marginable_buying_power": number(max(Decimal(0), cash)),
        "options_approved_level": 3,
        "options_buying_power": number(max(Decimal(0), cash)),
        "options_trading_level": 3,
        "pending_reg_taf_fees": "0",
        "portfolio_value": number(equity),
        "position_market_value": number(market_value),
        "regt_buying_power": number(max(Decimal(0), 2 * equity - market_value)),
        "short_market_value": "0",
        # The simulator refuses to sell what isn't held, so it doesn't claim more.
        "shorting_enabled": False,
        "sma": number(equity),
        "status": "ACTIVE",
        "trade_suspended_by_user": False,
        "trading_blocked": False,
        "transfers_blocked": False,
        "user_configurations": None,
    }


def activity_bodies(activity: Execution | Split) -> list[Body]:
    """One of an execution, two of a split."""
    if isinstance(activity, Execution):
        return [_trade_activity(activity)]
    return [
        _split_activity(activity, activity.remove_id, "REMOVE", -activity.old_qty),
        _split_activity(activity, activity.add_id, "ADD", activity.new_qty),
    ]


def _split_activity(split: Split, activity_id: str, leg: str, qty: Decimal) -> Body:
    old, new, value = number(-split.old_qty), number(split.new_qty), number(split.cost.quantize(CENT))
    return {
        "activity_type": "SPLIT",
        "created_at": rfc3339(split.at, digits=6),
        "date": f"{new_york(split.at):%Y-%m-%d}",
        "description": f"{leg}, From QTY:{old}, To QTY:{new}, Position Value:{value}",
        "id": activity_id,
        "net_amount": "0",
        "price": number((split.cost / abs(qty)).quantize(Decimal("0.0001"))),
        "qty": number(qty),
        "status": "executed",
        "symbol": split.symbol,
    }


def _trade_activity(execution: Execution) -> Body:
    kind = "partial_fill" if execution.leaves_qty else "fill"
    return {
        "activity_type": "FILL",
        "cum_qty": number(execution.cum_qty),
        "id": execution.activity_id,
        "leaves_qty": number(execution.leaves_qty),
        "order_id": execution.order_id,
        "order_status": execution.order_status,
        "price": number(execution.price),
        "qty": number(execution.qty),
        "side": execution.side,
        "symbol": execution.symbol,
        "transaction_time": rfc3339(execution.at, digits=6),
        "type": "trade_bust" if execution.busts else kind,
    }


def _account_number(exchange: Exchange) -> str:
    """The first account's has no digits to tell; each further one's comes of its id."""
    if exchange.account_id == exchange.ids.of("account"):
        return "PA0000000000"
    return f"PA{int(exchange.account_id.replace('-', ''), 16) % 10**10:010d}"


def asset_body(exchange: Exchange, symbol: str) -> Body:
    fractionable = exchange.assets.is_fractionable(symbol)
    after_hours = fractionable and exchange.switches.now.fractional_extended_hours
    eligible = ["fractional_eh_enabled"] if after_hours else []
    return {
        "attributes": [*eligible, "has_options", "overnight_tradable"],
        "borrow_status": "easy_to_borrow",
        "class": "us_equity",
        "easy_to_borrow": True,
        "exchange": assets.exchange_of(symbol),
        "fractionable": fractionable,
        "id": exchange.ids.of(symbol),
        "maintenance_margin_requirement": 30,
        "margin_requirement_long": "30",
        "margin_requirement_short": "30",
        "marginable": True,
        "name": f"{symbol} Corp. Common Stock",
        "shortable": True,
        "status": "active",
        "symbol": symbol,
        "tradable": exchange.assets.is_tradable(symbol),
    }
