"""Cash and positions, as executions move them."""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from simulator.orders import CENT, ZERO, Execution


@dataclass(frozen=True, slots=True)
class Position:
    qty: Decimal = ZERO
    cost: Decimal = ZERO
    """Dollars, unrounded."""

    @property
    def avg_entry_price(self) -> Decimal:
        return self.cost / self.qty


class Account:
    """Long positions only; there is no way to sell what isn't held."""

    def __init__(self, cash: Decimal) -> None:
        self.starting_cash = cash
        self.cash = cash
        self.positions: dict[str, Position] = {}

    def qty(self, symbol: str) -> Decimal:
        return self.positions.get(symbol, Position()).qty

    def settle(self, execution: Execution) -> None:
        held = self.positions.get(execution.symbol, Position())
        dollars = execution.qty * execution.price
        cents = dollars.quantize(CENT, ROUND_HALF_UP)  # cash was only ever seen to move in whole cents
        if execution.side == "buy":
            self.cash -= cents
            held = Position(held.qty + execution.qty, held.cost + dollars)
        else:
            self.cash += cents
            left = held.qty - execution.qty
            # A sale leaves the average entry price as it is.
            held = replace(held, qty=left, cost=held.cost * left / held.qty)
        if held.qty:
            self.positions[execution.symbol] = held
        else:
            del self.positions[execution.symbol]
