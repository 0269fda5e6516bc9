"""The running bot as the API sees it: where mail goes, and what can be read."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from actors.base import Mailbox
from domain.market import Market
from domain.messages import AuditNow, ChangeConfig, ClearHalts, HaltTrading, ReceiverMail, RequestExit
from domain.values import Clock
from persistence.queries import JournalQueries, Queries
from web.api.preview import Preview
from web.health import Readiness

MAX_WAITING: Final = 1000
"""Signals without a verdict from which on no more are taken in."""

DeskMail = HaltTrading | ClearHalts | ChangeConfig | RequestExit
"""What the owner asks of the ledger."""


class Session(NamedTuple):
    """Where in the trading day we are, by the broker's clock."""

    now: datetime
    market: Market | None
    """None: nobody has told yet."""

    @property
    def closes_at(self) -> datetime | None:
        """When the day's session ends; None: the market is closed, or nobody has told yet."""
        return None if self.market is None else self.market.closes_at(self.now)


@dataclass(frozen=True, kw_only=True)
class Bot:
    """What the routes are made from. All of it may be used from any thread."""

    receiver: Mailbox[ReceiverMail]
    preview: Preview
    """Has a signal weighed without a trace; blocks for the reads that this takes."""
    desk: Mailbox[DeskMail]
    """Where the owner's orders go, as halts, settings and what he wants sold: the ledger."""
    reconciler: Mailbox[AuditNow]
    queries: Queries
    journal: JournalQueries
    clock: Clock
    ready: Callable[[], Readiness]
    session: Callable[[], Session]
    account_number: str
    """As the broker writes it; whoever arms a session types it."""
    most_waiting: int = MAX_WAITING
    """So many signals may wait for their verdict; while they do, no more are taken in."""
