"""Whether every cent of the day ties out: the ledger's executions against the account's statement. Pure.

The broker moves cash in whole cents, an execution at a time; the ledger keeps quantities and prices as they
were told. What lies between the two is the rounding, and it is exact: with it the account's cash is what
the ledger makes of it, or there is a difference.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from domain.holdings import signed
from domain.identity import is_ours
from domain.signals import decimal_text
from domain.trades import OCCUPYING, TradeRecord
from domain.values import CENT, ZERO, Message
from simulator.statement import Statement

HALF_A_LAST_PLACE: Final = Decimal("0.5e-9")
"""Average prices are told, and each trade's P&L is kept, to nine places: so much can be lost by it."""


class Executed(NamedTuple):
    """One execution as the ledger has it."""

    client_order_id: str
    side: str
    qty: Decimal
    price: Decimal

    @property
    def cash(self) -> Decimal:
        """Dollars in, or out if negative, without any rounding."""
        return signed(self.side, -self.qty * self.price)

    @property
    def rounding(self) -> Decimal:
        """What the broker's rounding to the cent adds to that."""
        return self.cash.quantize(CENT, ROUND_HALF_UP) - self.cash


class Books(NamedTuple):
    """The ledger at the end of the day."""

    executions: tuple[Executed, ...]
    trades: tuple[TradeRecord, ...]
    shares: Mapping[str, Decimal]
    """What the account should hold, by symbol."""


class TieOut(Message):
    """Dollars. Each sum as it is, cents only where they are the broker's."""

    starting_cash: Decimal
    bought: Decimal
    sold: Decimal
    rounding: Decimal
    by_hand: Decimal
    """What the owner's own orders brought, or took if negative, by the account's statement."""
    cash: Decimal
    """The account's."""
    pnl: Decimal
    """Of all trades."""
    taken_for: Decimal
    """Of that: what shares of trades brought that the owner sold by hand."""
    left: Mapping[str, Decimal]
    """Shares that the account still holds, by symbol."""
    differences: tuple[str, ...]

    @property
    def explained(self) -> Decimal:
        """The cash that the account must have by the ledger."""
        return self.starting_cash - self.bought + self.sold + self.rounding + self.by_hand

    @property
    def earned(self) -> Decimal:
        """What the bot's own orders changed of the account's cash."""
        return self.cash - self.starting_cash - self.by_hand


def tie_out(books: Books, statement: Statement) -> TieOut:
    """All sums, and every difference in one sentence; none: ledger and account agree to the cent."""
    buys = [each for each in books.executions if each.side == "buy"]
    sells = [each for each in books.executions if each.side != "buy"]
    told = TieOut(
        starting_cash=statement.starting_cash,
        bought=-_sum(each.cash for each in buys),
        sold=_sum(each.cash for each in sells),
        rounding=_sum(each.rounding for each in books.executions),
        by_hand=_sum(line.cash for line in statement.lines if not is_ours(line.client_order_id)),
        cash=statement.cash,
        pnl=_sum(trade.pnl or ZERO for trade in books.trades),
        taken_for=_sum(trade.taken_for or ZERO for trade in books.trades),
        left=dict(statement.positions),
        differences=(),
    )
    differences = (
        *_in_executions(books.executions, statement),
        *_in_cash(told),
        *_in_pnl(told, books),
        *_in_shares(books, statement),
        *_in_trades(books.trades),
    )
    return told.having({"differences": differences})


def _in_executions(executions: Sequence[Executed], statement: Statement) -> Iterable[str]:
    ledger = Counter(executions)
    account = Counter(
        Executed(line.client_order_id, line.side, line.qty, line.price)
        for line in statement.lines
        if is_ours(line.client_order_id)
    )
    for who, more in (("ledger", ledger - account), ("account's statement", account - ledger)):
        for each, times in more.items():
            yield (
                f"{each.client_order_id}: a {each.side} of {decimal_text(each.qty)} at "
                f"{decimal_text(each.price)} is in the {who} only, {times} times"
            )


def _in_cash(told: TieOut) -> Iterable[str]:
    if told.explained != told.cash:
        yield (
            f"the account has {decimal_text(told.cash)} USD, the ledger explains "
            f"{decimal_text(told.explained)}: {decimal_text(told.cash - told.explained)} apart"
        )


def _in_pnl(told: TieOut, books: Books) -> Iterable[str]:
    apart = told.pnl - told.taken_for + told.rounding - told.earned
    shares = _sum(each.qty for each in books.executions) + _sum(trade.taken for trade in books.trades)
    if abs(apart) > HALF_A_LAST_PLACE * (shares + len(books.trades)):
        yield f"the trades' P&L is {decimal_text(apart)} USD apart from what they changed of the cash"


def _in_shares(books: Books, statement: Statement) -> Iterable[str]:
    for symbol in sorted(books.shares.keys() | statement.positions.keys()):
        ours, theirs = books.shares.get(symbol, ZERO), statement.positions.get(symbol, ZERO)
        if ours != theirs:
            yield (
                f"{symbol}: the account holds {decimal_text(theirs)} shares, the ledger says "
                f"{decimal_text(ours)}"
            )


def _in_trades(trades: Iterable[TradeRecord]) -> Iterable[str]:
    for trade in trades:
        if trade.status in OCCUPYING:
            held = decimal_text(trade.held)
            yield f"trade {trade.id}, {trade.symbol}, is {trade.status} and holds {held} shares"
        elif trade.shares and trade.pnl is None:
            yield f"trade {trade.id}, {trade.symbol}, is over and its P&L is not known"


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
