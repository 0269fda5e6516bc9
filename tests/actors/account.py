"""A reconciler between scripted neighbours, and an account for it to read."""

from datetime import datetime, timedelta
from typing import Any

from actors.base import Address
from actors.reconciler import Reconciler
from broker.api import Account, ReadFailed
from domain.market import MarketClock
from domain.messages import ConfirmPosition, LedgerUnwritable, ListUnsettled, Unsettled
from domain.orders import OrderRecord
from tests.actors.doubles import PATIENCE_S, ManualClock, ManualTimers, Outbox, ScriptedBroker, Stage, peek
from tests.domain.builders import A_DAY, dec, later

FAILED = ReadFailed(why="503")
ROOM_CONFIRM = ConfirmPosition(client_order_id="sf-one", symbol="ACME", filled_qty=dec("4"))
WATERMARK = later(-30)
"""When the last read of the account began, unless the test says otherwise."""


def market_clock(at: datetime) -> MarketClock:
    """The broker says that it is then."""
    return MarketClock(timestamp=at, is_open=True, next_open=later(86_400), next_close=later(3600))


def an_account(**changes: Any) -> Account:
    given: dict[str, Any] = {
        "id": "account-1",
        "account_number": "PA0000000000",
        "status": "ACTIVE",
        "currency": "USD",
        "cash": dec("5000"),
        "equity": dec("5000"),
        "buying_power": dec("20000"),
    }
    return Account(**(given | changes))


class Room:
    """The account is empty and the clock right unless a test says otherwise; what `setup` asked of the
    timers is out of the way."""

    def __init__(self, stage: Stage, timers: ManualTimers, clock: ManualClock) -> None:
        self.timers, self.clock = timers, clock
        self.broker = ScriptedBroker(
            clock=lambda _: market_clock(clock.now),
            orders=[()],
            positions=[()],
            fills=[()],
            corporate_actions=[()],
            account=an_account(),
            calendar=[(A_DAY,)],
        )
        self.unsettled: list[OrderRecord] = []
        self.watermark: datetime | None = WATERMARK
        self.unwritable: LedgerUnwritable | None = None
        self.ledger, self.stream = Outbox(self._answer), Outbox()
        self.reconciler: Address[Any] = stage.spawn(
            Reconciler,
            broker=self.broker,
            ledger=self.ledger,
            stream=self.stream,
            timers=timers,
            clock=clock,
            monotonic=clock.monotonic,
            on_death=stage.deaths,
        )
        self.first_audit_s = timers.delays
        timers.forget()

    def _answer(self, mail: ListUnsettled) -> Unsettled | LedgerUnwritable:
        if self.unwritable is not None:
            return self.unwritable
        orders = tuple(
            record for record in self.unsettled if mail.client_order_id in {None, record.client_order_id}
        )
        return Unsettled(orders=orders, watermark=self.watermark)

    def script(self, **answers: Any) -> None:
        for call, given in answers.items():
            self.broker.script(call, *(given if isinstance(given, list) else [given]))

    def settle(self) -> None:
        """Wait until no read of the account is under way."""
        while peek(self.reconciler, "_reading") is not None:
            pass

    def told(self, mail: object) -> list[Any]:
        """What the ledger was told by the time this mail, and the read that it began, are over."""
        self.reconciler.send(mail)
        self.reconciler.ping(timeout=PATIENCE_S)
        self.settle()
        return self.ledger.told.all()

    def fire(self) -> float:
        """Let the next time come, and wait until the read that it began is over."""
        delay = self.timers.fire()
        self.reconciler.ping(timeout=PATIENCE_S)
        self.settle()
        return delay

    def ahead(self, seconds: float) -> None:
        """From now on our clock is so far ahead of the broker's."""
        self.script(clock=lambda _: market_clock(self.clock.now - timedelta(seconds=seconds)))
