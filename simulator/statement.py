"""The account's statement: what it began with, every execution that moved it, and what it has. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from simulator.account import cash_moved
from simulator.exchange import Exchange
from simulator.orders import Side


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One execution, or the undoing of one."""

    client_order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    cash: Decimal
    """Dollars that it brought into the account, or took if negative: whole cents."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """Dollars and shares, exact."""

    starting_cash: Decimal
    cash: Decimal
    positions: Mapping[str, Decimal]
    """Shares by symbol."""
    lines: tuple[Line, ...]
    """In the order in which they happened."""


def statement_of(exchange: Exchange) -> Statement:
    account = exchange.account
    return Statement(
        starting_cash=account.starting_cash,
        cash=account.cash,
        positions={symbol: position.qty for symbol, position in sorted(account.positions.items())},
        lines=tuple(
            Line(
                client_order_id=exchange.orders[each.order_id].client_order_id,
                symbol=each.symbol,
                side=each.side,
                qty=each.qty,
                price=each.price,
                cash=cash_moved(each),
            )
            for each in exchange.executions
        ),
    )
