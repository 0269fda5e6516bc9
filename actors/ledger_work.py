"""What one unit of the ledger's work has in hand: the transaction, the time, and the news it makes."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple, Protocol

from actors import subject
from actors.known_assets import KnownAssets
from domain.config import BotConfig
from domain.exits import open_trade, surplus
from domain.gate import GateFacts
from domain.holdings import Halt, Holding
from domain.market import Market, Means
from domain.messages import AuditNow, CancelOrder, HaltsCleared, PositionChanged, ResendOrder
from domain.orders import Life, OrderRecord, OrderTicket, OrderUpdate
from domain.rules import Gate
from domain.signals import decimal_text
from domain.trades import TradeRecord, TradeStatus, follow_trade
from domain.values import ZERO, Moment
from persistence.store import Unit

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LedgerIdentity:
    """What each order is stamped with: whose account, and which code sent it."""

    account_id: str
    code_version: str


class HaltsOnFile(Protocol):
    """The halts as they stand in a file beside the database, so that an older copy of it changes nothing."""

    def read(self) -> tuple[Halt, ...]:
        """Those on file; a file put there by hand is a halt of everything."""

    def write(self, halts: Iterable[Halt]) -> None:
        """Exactly these from now on; raises OSError."""

    def reasons(self, symbol: str) -> tuple[str, ...]:
        """Why this symbol, or everything, is halted by the file."""


QUIET_READS: Final = 3
"""So many times a difference is read again before it counts: what was under way has had its time."""


QUIET: Final = timedelta(seconds=4)
"""A read that follows the last one sooner says nothing new: the same may still be under way."""


class Suspicion(NamedTuple):
    """The account holds something else than the books explain; `reads`: so often again, the same."""

    heard: Decimal
    believed: Decimal
    reads: int
    read_at: timedelta
    """The monotonic time of the last read that counts."""

    @property
    def confirmed(self) -> bool:
        """Whether nothing under way can be the reason any more."""
        return self.reads >= QUIET_READS

    @property
    def unexplained(self) -> str:
        """The reason for which it halts its symbol, once it is confirmed and nothing explains it."""
        return (
            f"the account holds {decimal_text(self.heard)} shares, the books explain "
            f"{decimal_text(self.believed)}; a person has to say which is right"
        )

    def again(self, heard: Decimal, believed: Decimal, at: timedelta) -> "Suspicion":
        """After another read; one that shows something else begins anew."""
        if (heard, believed) != (self.heard, self.believed):
            return Suspicion(heard, believed, 0, at)
        return self if at - self.read_at < QUIET else Suspicion(heard, believed, self.reads + 1, at)


@dataclass(slots=True)
class Work:
    """One transaction. News is published only after its commit."""

    unit: Unit
    moment: Moment
    identity: LedgerIdentity
    gate: GateFacts
    halts: HaltsOnFile
    suspicions: Mapping[str, Suspicion]
    vanished: frozenset[str]
    """Orders that the last read did not find any more."""
    market: Market | None
    """As last read; None: the account has not been read yet."""
    means: Means | None
    """The account's, as the last read found them; None: it could not read them."""
    assets: KnownAssets
    signals: list[str] = field(default_factory=list)
    trades: set[int] = field(default_factory=set)
    followed: dict[int, tuple[TradeRecord, tuple[OrderRecord, ...]]] = field(default_factory=dict)
    """Trades that may have changed, as they are now, each with all of its orders."""
    updates: list[OrderUpdate] = field(default_factory=list)
    orders: list[ResendOrder | CancelOrder] = field(default_factory=list)
    """For the executor."""
    positions: PositionChanged | None = None
    audit: AuditNow | None = None
    halted: bool = False
    """The halts have changed."""
    cleared: list[HaltsCleared] = field(default_factory=list)
    config: BotConfig | None = None
    """The owner's settings, where this unit has changed or first read them."""
    passed: list[str] = field(default_factory=list)
    """Crash points that lie behind the commit."""
    _holdings: dict[str, Holding] = field(default_factory=dict)
    _books_opened: bool | None = None
    _moved: set[str] = field(default_factory=set)
    """Symbols whose holdings this unit has changed."""

    @property
    def now(self) -> datetime:
        """The wall clock's time."""
        return self.moment.now

    def market_now(self) -> datetime:
        """The time by the broker's clock, which the market goes by; ours, until they were compared."""
        return self.now if self.gate.clock is None else self.now - self.gate.clock.ahead

    def gate_now(self) -> Gate:
        """Whether an order that adds risk may leave."""
        return self.gate.gate(self.moment)

    def journal(self, kind: str, ref: str, **payload: object) -> None:
        """Note what changes and why, in the same transaction."""
        self.unit.journal(kind, ref, payload, at=self.now)

    def intended(self, order: OrderTicket, trade_id: int, qty_before: Decimal, /, **more: object) -> None:
        """Note the intent to order, whole: the books can be made anew from the journal."""
        self.journal(
            "order_intended",
            order.client_order_id,
            trade=trade_id,
            leg=order.leg,
            symbol=order.symbol,
            side=order.side,
            type=order.type,
            time_in_force=order.time_in_force,
            notional=_text(order.notional),
            qty=_text(order.qty),
            stop_price=_text(order.stop_price),
            reason=order.reason,
            post_until=order.post_until.isoformat(),
            qty_before=_text(qty_before),
            **more,
        )

    def save(self, changed: dict[str, OrderRecord]) -> None:
        """Store changed orders, and let their trades follow."""
        if not changed:
            return
        self.unit.save_orders(changed.values(), at=self.now)
        self.follow(self.unit.trades({record.trade_id for record in changed.values()}).values())

    def follow(self, trades: Iterable[TradeRecord]) -> None:
        """Store these trades as their orders make them."""
        wanted = {trade.id: trade for trade in trades}
        stored, orders = self.unit.trades(wanted), self.unit.orders_of(wanted)
        followed: list[TradeRecord] = []
        for trade_id, trade in wanted.items():
            before, after = stored[trade_id], follow_trade(trade, orders[trade_id])
            if after is not before:
                followed.append(after)
            if after.status is not before.status:
                self._journal_status(before, after)
            self._watch_sells(after, orders[trade_id])
            self.followed[trade_id] = (after, orders[trade_id])
            for order in orders[trade_id]:
                subject.learn(
                    after.signal_id,
                    client_order_id=order.client_order_id,
                    trade_id=trade_id,
                    broker_order_id=order.broker_order_id,
                )
        self.unit.save_trades(followed, at=self.now)
        self.trades |= wanted.keys()

    def _journal_status(self, before: TradeRecord, after: TradeRecord) -> None:
        told: dict[str, object] = {"symbol": after.symbol, "was": before.status}
        if after.status is TradeStatus.CLOSED:
            told |= {"reason": after.exit_reason, "price": after.exit_price, "pnl": after.pnl}
        self.journal("trade_" + after.status, str(after.id), **told)

    def _watch_sells(self, trade: TradeRecord, orders: tuple[OrderRecord, ...]) -> None:
        """No sell may stay at the broker that could sell more than the trade holds: it is its owner's."""
        self.cancel_working(surplus(trade, orders))
        if trade.left < ZERO:
            self.halt(
                trade.symbol,
                f"{decimal_text(-trade.left)} shares more than trade {trade.id} had are gone: "
                "the account may be short of them",
            )

    def in_trouble(self, trade_id: int, why: str) -> None:
        """Selling a trade did not come about; the next attempt follows after a pause."""
        [trade] = self.unit.trades([trade_id]).values()
        why = why[:500]
        if trade.held and trade.exit_trouble != why:
            with subject.about(signal_id=trade.signal_id, client_order_id=trade.client_order_id):
                log.error("trade %d, %s, is not sold: %s", trade_id, trade.symbol, why)
            self.journal("exit_trouble", str(trade_id), symbol=trade.symbol, why=why)
            self.follow([trade.having({"exit_trouble": why})])

    def books_opened(self) -> bool:
        """Whether what the account held before our books is known."""
        if self._books_opened is None:
            self._books_opened = self.unit.books_opened()
        return self._books_opened

    # --- what the account should hold -----------------------------------------------------------

    def _holding(self, symbol: str) -> Holding:
        if symbol not in self._holdings:
            self.learn_holdings((symbol,))
        return self._holdings[symbol]

    def learn_holdings(self, symbols: Iterable[str]) -> None:
        """Have the holdings of these symbols at hand."""
        unread = set(symbols) - self._holdings.keys()
        if unread:
            found = self.unit.holdings(unread)
            self._holdings |= {symbol: found.get(symbol, Holding(symbol=symbol)) for symbol in unread}

    def believed(self, symbol: str) -> Decimal:
        """The shares that the account should hold by all that is known, this unit included."""
        return self._holding(symbol).believed

    def is_doubtful(self, symbol: str) -> bool:
        """Whether it is being found out why the account holds something else than the books explain.

        After a split, say, no price means what it did when the trade was bought. A difference that nobody
        can explain is for a person, and keeps no stop from selling: the shares may fall for hours.
        """
        suspicion = self.suspicions.get(symbol)
        return suspicion is not None and suspicion.unexplained not in self.unit.active_halts(symbol)

    def symbols(self) -> set[str]:
        """All that the books have a holding of, this unit included."""
        return self.unit.holdings().keys() | self._holdings.keys()

    def move(self, symbol: str, qty: Decimal) -> None:
        """So many shares came in, or went out."""
        if qty:
            self._holdings[symbol] = self._holding(symbol).moved(qty)
            self._moved.add(symbol)

    def open_holding(self, opened: Holding) -> None:
        """What the account held of the symbol before the books, and what it holds now."""
        self._holdings[opened.symbol] = opened
        self._moved.add(opened.symbol)

    def finish(self) -> None:
        """Store what moved; before the unit ends."""
        if self._moved:
            self.unit.save_holdings([self._holdings[symbol] for symbol in self._moved])

    # --- news -----------------------------------------------------------------------------------

    def tell_positions(self) -> None:
        """Have the trades told that may have changed; before the unit ends."""
        if self.followed:
            config = self.unit.config()
            self.positions = PositionChanged(
                trades=tuple(
                    open_trade(trade, orders, config, doubtful=self.is_doubtful(trade.symbol))
                    for trade, orders in self.followed.values()
                )
            )

    def resend(self, record: OrderRecord) -> None:
        """Have the executor POST this intent again, under its own id."""
        self.orders.append(ResendOrder(client_order_id=record.client_order_id, symbol=record.symbol))

    def cancel(self, record: OrderRecord) -> None:
        """Have the executor ask for this order's cancel."""
        assert record.broker_order_id is not None
        self.orders.append(
            CancelOrder(
                client_order_id=record.client_order_id,
                broker_order_id=record.broker_order_id,
                symbol=record.symbol,
            )
        )

    def cancel_working(self, orders: Iterable[OrderRecord]) -> None:
        """Have those canceled that the broker surely has; of the others it is being found out."""
        for order in orders:
            if order.life is Life.WORKING and order.broker_order_id is not None:
                self.cancel(order)

    def look(self, why: str, *, quiet: bool = True) -> None:
        """Have the account read soon; the first reason of a unit is told."""
        self.audit = self.audit or AuditNow(why=why, quiet=quiet)

    def halt(self, scope: str, reason: str, *, by: str = "ledger", at: datetime | None = None) -> bool:
        """Stop what adds risk until a person clears it; `at`: since when, if not now. Whether it is new."""
        new = self.unit.add_halt(scope=scope, reason=reason, by=by, at=at or self.now)
        self.halted = self.halted or new
        return new


def _text(number: Decimal | None) -> str | None:
    return None if number is None else decimal_text(number)
