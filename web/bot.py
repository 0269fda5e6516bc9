"""The running bot as the API sees it: where mail goes, and what can be read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from actors.base import Mailbox
from domain.market import Market
from domain.messages import AuditNow, ChangeConfig, ClearHalts, HaltTrading, ReceiverMail, RequestExit
from domain.values import Clock
from persistence.queries import DeskQueries, FiguresQueries, JournalQueries, ListQueries, Queries
from watch.metrics import Metrics
from watch.seen import AlarmDesk, NoAlarms
from web.api.preview import Preview
from web.boards import StateBoard
from web.health import Readiness
from web.sources.door import Door

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


class ActorSeen(NamedTuple):
    """One actor, at a glance."""

    name: str
    waiting: int
    """Mail that it has been sent and has not done."""
    handled: int
    """Mail that it has done since it was started."""
    answered_s_ago: float
    """Since its last heartbeat."""


class RequestsSeen(NamedTuple):
    """What is left of the requests to the broker that a minute allows."""

    limit: int | None
    left: int | None
    """None: nobody counts, and the broker has not told."""
    held_s: float
    """Seconds in which nothing is sent, as the broker asked for."""


class ProcessSeen(NamedTuple):
    """The process and its actors."""

    actors: tuple[ActorSeen, ...]
    rebuilds: int
    """How often all actors were made anew since the process began."""
    requests: RequestsSeen


@dataclass(frozen=True, kw_only=True)
class About:
    """What stays as it is while the process lives."""

    mode: str
    version: str
    account_number: str
    """As the broker writes it; whoever arms a session types it."""
    started_at: datetime


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
    lists: ListQueries
    desk_queries: DeskQueries
    figures: FiguresQueries
    journal: JournalQueries
    board: StateBoard
    """What the ledger last told."""
    clock: Clock
    ready: Callable[[], Readiness]
    session: Callable[[], Session]
    about: About
    metrics: Metrics
    door: Door
    """Where signal sources prove who they are."""
    process: Callable[[], ProcessSeen]
    alarms_failing: Callable[[], int | None] = lambda: None
    """Channels of alarms that do not get through; None: there are none."""
    alarms: AlarmDesk = field(default_factory=NoAlarms)
    """Whom the bot tells what happens."""
    most_waiting: int = MAX_WAITING
    """So many signals may wait for their verdict; while they do, no more are taken in."""
