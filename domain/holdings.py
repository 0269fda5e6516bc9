"""Whose shares are whose: what the account should hold of a symbol, and by which orders and adjustments.

    believed = opening + each fill of our orders + each fill of others' orders + adjustments

The broker's own count is compared with it at every event and every audit. A difference is never
mended by trading: it is explained, accepted by a person, or it halts the symbol.
"""

from decimal import Decimal

from domain.identity import is_ours
from domain.orders import OrderUpdate, is_done
from domain.values import ZERO, Message, Shares, Usd, Utc

ALL = "all"
"""The scope of a halt that stops every symbol."""


class Holding(Message):
    """The account's shares of one symbol by our books, signed."""

    symbol: str
    opening: Shares = ZERO
    """What the account held when the books were opened."""
    believed: Shares = ZERO
    """`opening`, and everything that is known to have happened since."""

    def moved(self, qty: Decimal) -> "Holding":
        """After so many shares came in, or went out."""
        return self.having({"believed": self.believed + qty})


class ExternalOrder(Message):
    """An order of this account that the ledger did not plan: its owner's own, or another program's."""

    broker_order_id: str
    client_order_id: str
    symbol: str
    side: str
    status: str
    done: bool
    filled_qty: Shares = ZERO
    """Cumulative."""
    filled_avg_price: Usd | None = None
    updated_at: Utc | None = None
    taken: Shares = ZERO
    """Of a sell, the shares that our trades had bought."""

    @property
    def bears_our_mark(self) -> bool:
        """Whether its client_order_id is of our making: then the ledger has lost it, or is an older copy."""
        return is_ours(self.client_order_id)


class Halt(Message):
    """A stop for what adds risk, of everything (`all`) or of one symbol, until a person clears it."""

    scope: str
    reason: str
    by: str
    at: Utc


def gained(before: ExternalOrder | None, after: ExternalOrder) -> tuple[Decimal, Decimal | None]:
    """The shares that were executed between two words on an order, and their price; None: it was not told."""
    had = before.filled_qty if before else ZERO
    qty = after.filled_qty - had
    paid = before.filled_avg_price if before else None
    if not qty or after.filled_avg_price is None or (had and paid is None):
        return qty, None
    dollars = after.filled_avg_price * after.filled_qty - (paid or ZERO) * had
    return qty, dollars / qty if dollars >= ZERO else None


def signed(side: str, qty: Decimal) -> Decimal:
    """The shares that an execution moves into the account; a sale moves them out."""
    return qty if side == "buy" else -qty


def fold_external(known: ExternalOrder | None, update: OrderUpdate) -> ExternalOrder:
    """The order after the broker's word: its cumulative fills only rise, done stays done."""
    done = is_done(update.status, update.time_in_force)
    if known is None:
        return ExternalOrder(
            broker_order_id=update.broker_order_id,
            client_order_id=update.client_order_id,
            symbol=update.symbol,
            side=update.side,
            status=update.status,
            done=done,
            filled_qty=update.filled_qty,
            filled_avg_price=update.filled_avg_price,
            updated_at=update.updated_at,
        )
    newer = known.updated_at is None or (
        update.updated_at is not None and update.updated_at >= known.updated_at
    )
    changes: dict[str, object] = {"filled_qty": max(known.filled_qty, update.filled_qty)}
    if update.filled_qty > known.filled_qty and update.filled_avg_price is not None:
        changes["filled_avg_price"] = update.filled_avg_price
    if (done, newer) >= (known.done, True):
        changes |= {"status": update.status, "done": done, "updated_at": update.updated_at}
    return known.having(changes)
