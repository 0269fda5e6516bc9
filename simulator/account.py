"""Cash and positions, as executions move them."""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from simulator.orders import CENT, ZERO, Execution
from simulator.records import Split


@dataclass(frozen=True, slots=True)
class Position:
    qty: Decimal = ZERO
    cost: Decimal = ZERO
    """Dollars, unrounded."""

    @property
    def avg_entry_price(self) -> Decimal:
        return self.cost / self.qty


def cash_moved(execution: Execution) -> Decimal:
    """Dollars that it brings into the account, or takes if negative.

    Whole cents: cash was only ever seen to move in these.
    """
    cents = (execution.qty * execution.price).quantize(CENT, ROUND_HALF_UP)
    takes = (execution.side == "buy") == (execution.busts is None)
    return -cents if takes else cents


class Account:
    """Long positions only; there is no way to sell what isn't held."""

    def __init__(self, cash: Decimal) -> None:
        self.starting_cash = cash
        self.cash = cash
        self.positions: dict[str, Position] = {}

    def qty(self, symbol: str) -> Decimal:
        return self.positions.get(symbol, Position()).qty

    def settle(self, execution: Execution) -> None:
        self.cash += cash_moved(execution)
        if execution.busts:
            self._undo(execution)
            return
        held = self.positions.get(execution.symbol, Position())
        dollars = execution.qty * execution.price
        if execution.side == "buy":
            held = Position(held.qty + execution.qty, held.cost + dollars)
        else:
            left = held.qty - execution.qty
            # A sale leaves the average entry price as it is.
            held = replace(held, qty=left, cost=held.cost * left / held.qty)
        self._hold(execution.symbol, held)

    def split(self, split: Split) -> None:
        self.positions[split.symbol] = Position(split.new_qty, split.cost)

    def _undo(self, execution: Execution) -> None:
        """Money and shares go back. Sales in between may have left less cost than the bought shares had."""
        held = self.positions.get(execution.symbol, Position())
        dollars = execution.qty * execution.price
        if execution.side == "buy":
            left = held.qty - execution.qty
            cost = held.cost - dollars
            held = Position(left, cost if cost > ZERO else held.cost * left / held.qty)
        else:
            price = held.avg_entry_price if held.qty else execution.price
            held = Position(held.qty + execution.qty, held.cost + execution.qty * price)
        self._hold(execution.symbol, held)

    def _hold(self, symbol: str, position: Position) -> None:
        if position.qty:
            self.positions[symbol] = position
        else:
            del self.positions[symbol]
