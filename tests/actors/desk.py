"""A trade's walk from its buy to its sale, on real books: what the lanes and the monitor ask and tell."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from domain.config import BotConfig
from domain.exits import Look, OpenTrade
from domain.gate import ClockReading
from domain.identity import Leg, client_order_id
from domain.messages import (
    AuditNow,
    CancelOrder,
    Declined,
    ExitRequested,
    OrderAccepted,
    OrderRejected,
    PlanExit,
    Planned,
    PlanStop,
    PositionChanged,
    PositionsLooked,
    RequestExit,
    ResendOrder,
    StreamOpened,
)
from domain.orders import OrderTicket, OrderUpdate
from domain.rules import Deferred
from domain.signals import Signal
from domain.trades import TradeRecord
from tests.actors.books import ACCOUNT, Books
from tests.actors.doubles import PATIENCE_S, Outbox, taken
from tests.domain.builders import a_market, a_position, a_signal, a_snapshot, an_update, dec, later

QUIET_READS = 4
"""After so many reads that show the same difference, it stands."""


def name_of(leg: Leg, generation: int = 0, signal: Signal | None = None) -> str:
    """The id that the n-th order of a leg has."""
    signal = signal or a_signal()
    return client_order_id(
        account_id=ACCOUNT, source=signal.source, signal_id=signal.signal_id, leg=leg, generation=generation
    )


def word(
    order: OrderTicket, status: str, filled: str = "0", price: str | None = None, **more: Any
) -> OrderUpdate:
    """The broker's word on an order of ours."""
    given: dict[str, Any] = {
        "client_order_id": order.client_order_id,
        "broker_order_id": "broker-" + order.client_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "status": status,
        "filled_qty": dec(filled),
        "filled_avg_price": None if price is None else dec(price),
        "qty": order.qty,
        "time_in_force": order.time_in_force,
    }
    return an_update(**(given | more))


def by_hand(
    qty: str, price: str | None = "13", *, side: str = "sell", name: str = "hand", **more: Any
) -> OrderUpdate:
    """The broker's word on an order of the owner's own, all of which was filled."""
    given: dict[str, Any] = {
        "client_order_id": "by-" + name,
        "broker_order_id": "broker-" + name,
        "side": side,
        "status": "filled",
        "filled_qty": dec(qty),
        "filled_avg_price": None if price is None else dec(price),
        "updated_at": later(20),
        "qty": dec(qty),
    }
    return an_update(**(given | more))


class Desk:
    """Books whose gate is open. The broker's side is told by the test, at growing times."""

    def __init__(self, books: Books, *, account: str = "0") -> None:
        """`account`: the shares of ACME that their owner had before."""
        self.books, self.news = books, Outbox()
        self._told = 0
        self.listen()
        books.tell(StreamOpened(generation=1))
        self.read(account)

    def listen(self) -> None:
        self.books.ledger.subscribe(self.news, CancelOrder, ResendOrder, PositionChanged, AuditNow)
        self.books.settle()

    def restart(self) -> None:
        """Another process on the same files, which has not read the account yet."""
        self.books.restart()
        self.listen()

    # --- the account ------------------------------------------------------------------------------

    def read(self, held: str, *orders: OrderUpdate, symbol: str = "ACME", **changes: Any) -> None:
        """The account was read and holds so many shares."""
        positions = (a_position(symbol, held),) if Decimal(held) else ()
        self.books.read(a_snapshot(*orders, **{"positions": positions, "market": a_market()} | changes))

    def differ(self, held: str, **changes: Any) -> None:
        """It was read until the difference stands."""
        for _ in range(QUIET_READS):
            self.read(held, **changes)

    def configure(self, **changes: Any) -> BotConfig:
        with self.books.store.unit() as unit:
            config = unit.config().having(changes)
            unit.save_config(config, at=self.books.clock.now, by="owner")
        return config

    # --- orders -----------------------------------------------------------------------------------

    def buy(self, qty: str = "10", price: str = "12", signal: Signal | None = None) -> TradeRecord:
        """An order for ACME that was filled whole."""
        ticket = self.books.accept(signal)
        self.hear(ticket, "filled", qty, price)
        return self.books.trade_of((signal or a_signal()).signal_id)

    def exit(
        self,
        reason: str = "manual",
        *,
        by: str = "owner",
        trade_id: int = 1,
        position_qty: Decimal | None = None,
    ) -> Planned | Declined | Deferred:
        mail = PlanExit(trade_id=trade_id, reason=reason, detail="", by=by, position_qty=position_qty)
        return self.books.ledger.ask(mail, Planned, Declined, Deferred, timeout=PATIENCE_S)

    def sell(self, reason: str = "manual", **asked: Any) -> OrderTicket:
        """The intent to sell, which has to come about."""
        planned = self.exit(reason, **asked)
        assert isinstance(planned, Planned), planned
        return planned.order

    def sent(self, reason: str = "manual", **asked: Any) -> OrderTicket:
        """A sell that the broker has taken."""
        order = self.sell(reason, **asked)
        self.accept(order)
        return order

    def accept(self, order: OrderTicket) -> None:
        self.books.tell(OrderAccepted(update=word(order, "new")))

    def accept_entry(self, order: OrderTicket) -> None:
        self.books.tell(OrderAccepted(update=taken(order)))

    def hear_entry(self, filled: str, price: str = "12", **more: Any) -> None:
        """The broker's word on the buy of the first signal, which is through."""
        self._told += 1
        names = {"client_order_id": name_of("entry"), "broker_order_id": "broker-" + name_of("entry")}
        said = {"status": "filled", "filled_qty": dec(filled), "filled_avg_price": dec(price)}
        self.books.hear(an_update(updated_at=later(30 + self._told), **(names | said | more)))

    def refuse(self, order: OrderTicket, reason: str = "insufficient qty") -> None:
        self.books.tell(OrderRejected(client_order_id=order.client_order_id, reason=reason))

    def stop(self, trade_id: int = 1) -> Planned | Declined | Deferred:
        mail = PlanStop(trade_id=trade_id)
        return self.books.ledger.ask(mail, Planned, Declined, Deferred, timeout=PATIENCE_S)

    def stopped(self) -> OrderTicket:
        """A stop that rests at the broker."""
        planned = self.stop()
        assert isinstance(planned, Planned), planned
        self.accept(planned.order)
        return planned.order

    def request(self, scope: str = "ACME", *, reason: Any = "manual", by: str = "owner") -> ExitRequested:
        mail = RequestExit(scope=scope, reason=reason, by=by)
        return self.books.ledger.ask(mail, ExitRequested, timeout=PATIENCE_S)

    def hear(
        self, order: OrderTicket, status: str, filled: str = "0", price: str | None = None, **more: Any
    ) -> None:
        """The broker said so, later than all before."""
        self._told += 1
        self.books.hear(word(order, status, filled, price, updated_at=later(30 + self._told), **more))

    def look(
        self,
        price: str | None = None,
        *,
        covered: str = "0",
        after_s: float = 1,
        trade_id: int = 1,
        **more: Any,
    ) -> None:
        """The monitor looked, so many seconds after the last time."""
        self.books.clock.move(after_s)
        seen = Look(
            trade_id=trade_id,
            price=None if price is None else dec(price),
            priced_at=None if price is None else later(0),
            covered=dec(covered),
            **more,
        )
        self.books.tell(PositionsLooked(looks=(seen,)))

    def ahead(self, seconds: float) -> ClockReading:
        """Our clock, so far ahead of the broker's."""
        reading = self.books.clock_reading()
        return reading.having({"ahead": timedelta(seconds=seconds)})

    # --- what came of it --------------------------------------------------------------------------

    @property
    def trade(self) -> TradeRecord:
        return self.books.trade()

    def canceled(self) -> list[str]:
        """Whose cancel was asked for since the last time, by client_order_id."""
        return [mail.client_order_id for mail in self._fresh() if isinstance(mail, CancelOrder)]

    def resent(self) -> list[ResendOrder]:
        return self.news.told.of(ResendOrder)

    def told(self) -> OpenTrade:
        """The last word on a trade that the monitor was told."""
        return self.news.told.of(PositionChanged)[-1].trades[-1]

    def audits(self) -> list[AuditNow]:
        return self.news.told.of(AuditNow)

    def _fresh(self) -> list[Any]:
        mail = self.news.told.all()
        fresh, self._seen = mail[self._seen :], len(mail)
        return fresh

    _seen = 0
