"""What the API answers with of the account: halts, positions, the orders of others."""

from domain.holdings import ExternalOrder, Halt
from domain.values import Message
from persistence.rows import ShareDifference, SymbolShares
from web.api.views import Amount, Time


class AccountJson(Message):
    """What the account has, in dollars, when it was last read. null: the broker does not tell it."""

    account_number: str
    mode: str
    equity: Amount | None
    cash: Amount | None
    buying_power: Amount | None
    read_at: Time


class HaltJson(Message):
    """A halt that stands."""

    scope: str
    """`all`, or the symbol."""
    reason: str
    by: str
    at: Time


class HaltsChangedJson(Message):
    """How many halts were raised or lifted; 0: all was so already."""

    changed: int
    standing: tuple[HaltJson, ...]


class AskedJson(Message):
    """It was asked for; what comes of it is later than this."""

    asked_at: Time


class PositionJson(Message):
    """The account's shares of one symbol, signed, and whose they are.

    believed = opening + ours + external + adjustments; what is not ours is never touched.
    """

    symbol: str
    account_qty: Amount
    heard_at: Time | None
    """When the broker last told another quantity than before; null: it never has."""
    opening: Amount
    """Held before the books were opened."""
    ours: Amount
    """Filled of our orders: bought less sold."""
    external: Amount
    """Filled of orders that others placed."""
    adjustments: Amount
    """Splits and the like, and differences that were accepted."""
    believed: Amount
    difference: Amount
    """The account's less the believed."""
    halted: tuple[str, ...]
    """Why nothing is added to it, the halts of everything included."""


class DifferenceJson(Message):
    """A symbol of which the account does not hold what the books explain."""

    symbol: str
    account_qty: Amount
    believed: Amount
    difference: Amount


class ExternalOrderJson(Message):
    """An order of this account that was not placed by this ledger."""

    alpaca_order_id: str
    client_order_id: str
    symbol: str
    side: str
    status: str
    done: bool
    filled_qty: Amount
    updated_at: Time | None


class GateJson(Message):
    """May an order that adds risk leave now?"""

    open: bool
    reason: str


class AuditJson(Message):
    """Where the books stand beside the account."""

    last_audit: Time | None
    """When the last full read of the account began."""
    gate: GateJson
    differences: tuple[DifferenceJson, ...]
    halts: tuple[HaltJson, ...]
    unresolved: int
    """Orders of which it is not known whether the broker has them."""


def halt_json(halt: Halt) -> HaltJson:
    return HaltJson(**dict(halt))


def position_json(shares: SymbolShares, halted: tuple[str, ...]) -> PositionJson:
    return PositionJson(
        symbol=shares.symbol,
        account_qty=shares.account,
        heard_at=shares.heard_at,
        opening=shares.opening,
        ours=shares.ours,
        external=shares.external,
        adjustments=shares.adjustments,
        believed=shares.believed,
        difference=shares.difference,
        halted=halted,
    )


def difference_json(found: ShareDifference) -> DifferenceJson:
    return DifferenceJson(
        symbol=found.symbol,
        account_qty=found.account,
        believed=found.believed,
        difference=found.account - found.believed,
    )


def external_order_json(order: ExternalOrder) -> ExternalOrderJson:
    return ExternalOrderJson(
        alpaca_order_id=order.broker_order_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        status=order.status,
        done=order.done,
        filled_qty=order.filled_qty,
        updated_at=order.updated_at,
    )
