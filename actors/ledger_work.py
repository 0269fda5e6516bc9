"""What one unit of the ledger's work has in hand: the transaction, the time, and the news it makes."""

from dataclasses import dataclass, field
from datetime import datetime

from domain.gate import GateFacts
from domain.messages import ResendOrder
from domain.orders import OrderRecord, OrderUpdate
from domain.trades import TradeRecord, follow_entry
from persistence.store import Unit


@dataclass(frozen=True, slots=True)
class LedgerIdentity:
    """What each order is stamped with: whose account, and which code sent it."""

    account_id: str
    code_version: str


@dataclass(slots=True)
class Work:
    """One transaction. News is published only after its commit."""

    unit: Unit
    now: datetime
    identity: LedgerIdentity
    gate: GateFacts
    signals: list[str] = field(default_factory=list)
    trades: set[int] = field(default_factory=set)
    updates: list[OrderUpdate] = field(default_factory=list)
    resend: list[ResendOrder] = field(default_factory=list)

    def journal(self, kind: str, ref: str, **payload: object) -> None:
        """Note what changes and why, in the same transaction."""
        self.unit.journal(kind, ref, payload, at=self.now)

    def save(self, changed: dict[str, OrderRecord]) -> None:
        """Store changed orders, and let their trades follow."""
        if not changed:
            return
        self.unit.save_orders(changed.values(), at=self.now)
        trade_ids = {record.trade_id for record in changed.values()}
        orders = self.unit.entry_orders(trade_ids)
        followed: list[TradeRecord] = []
        for trade_id, trade in self.unit.trades(trade_ids).items():
            after = follow_entry(trade, orders[trade_id])
            if after is not trade:
                followed.append(after)
            if after.status is not trade.status:
                self.journal("trade_" + after.status, str(trade_id), symbol=trade.symbol, was=trade.status)
        self.unit.save_trades(followed, at=self.now)
        self.trades |= trade_ids

    def ask_again(self, record: OrderRecord) -> None:
        """Have the executor POST this intent again, under its own id."""
        self.resend.append(ResendOrder(client_order_id=record.client_order_id, symbol=record.symbol))
