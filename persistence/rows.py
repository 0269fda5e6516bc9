"""What goes into and comes out of the ledger where the domain has no model of its own."""

from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar

from domain.orders import Execution
from domain.settings_text import SettingChange
from domain.signals import Signal, SignalState, Verdict
from domain.trades import TradeRecord
from domain.values import Message, Shares, Usd, Utc

Item = TypeVar("Item")


class StoredSignal(Message):
    """A signal the ledger has; `digest` names its content."""

    signal: Signal
    digest: str
    state: SignalState
    received_at: Utc


class NewTrade(Message):
    """A trade at the moment it is planned."""

    symbol: str
    stars: int | None
    notional: Usd
    catalyst_type: str | None
    catalyst_tier: int | None
    source: str
    signal_id: str
    client_order_id: str
    created_at: Utc


class ExecutionRow(Message):
    """Evidence of one match: told by the stream or by the account's history (`activity`), or inferred.

    Inferred is what a read that showed more filled must stand for, until one of the others tells.
    """

    execution: Execution
    broker_order_id: str
    client_order_id: str
    filled_qty_after: Shares
    position_qty: Shares | None = None
    source: Literal["stream", "activity", "inferred"] = "stream"


class HeardPosition(Message):
    """What the account holds of a symbol by the broker's own count, and when it said so."""

    symbol: str
    qty: Shares
    heard_at: Utc


class Lease(Message):
    """Who may write the ledger: the newest epoch, and who took it; `renewed_at` None: nobody ever has."""

    epoch: int
    holder: str
    renewed_at: Utc | None


class SignalView(Message):
    """All that the ledger knows of a signal: why it did or did not trade, and the trade it became."""

    signal: Signal
    digest: str
    state: SignalState
    received_at: Utc
    verdict: Verdict | None
    decided_at: Utc | None
    trade: TradeRecord | None


class StandingTrade(Message):
    """A trade, and how many of its shares a stop at the broker surely covers."""

    trade: TradeRecord
    covered: Shares


class Page(Message, Generic[Item]):
    """One page of a list, and the cursor that fetches the next; None: this was the last."""

    items: tuple[Item, ...]
    next: str | None


class SymbolShares(Message):
    """The account's shares of one symbol and what explains them, all signed.

    `believed` as it is kept; that it is the sum of the four before it is the ledger's promise.
    """

    symbol: str
    account: Shares
    """By the broker's own count."""
    heard_at: Utc | None
    """When the broker last told another count than before; None: it never has."""
    opening: Shares
    ours: Shares
    external: Shares
    adjustments: Shares
    believed: Shares

    @property
    def difference(self) -> Decimal:
        """What the account has that nothing explains."""
        return self.account - self.believed


class ShareDifference(Message):
    """A symbol of which the account does not hold what the books explain."""

    symbol: str
    account: Shares
    believed: Shares


class LedgerCounts(Message):
    """How many rows stand where; what is absent counts zero."""

    signals: dict[str, int]
    trades: dict[str, int]
    orders: dict[str, int]
    executions: int


class JournalRow(Message):
    """One line of the journal. `payload`: JSON's types; amounts and times are text in it."""

    seq: int
    at: Utc
    kind: str
    ref: str
    """What it is about: an order's, a signal's or a trade's id, a symbol, `all`, ..., as its kind goes."""
    payload: dict[str, Any]


class ConfigChange(Message):
    """What of the settings was changed at once, and by whom."""

    seq: int
    at: Utc
    by: str
    changes: tuple[SettingChange, ...]


class JournalCheck(Message):
    """What a walk along the journal's hash chain found. `broken_at`: the first row that does not fit."""

    rows: int
    broken_at: int | None
