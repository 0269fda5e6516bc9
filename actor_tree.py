"""The actors' tree: what they are made from, who writes to whom, and in which order they start and stop."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from actors.base import Address, Handle, OnDeath, spawn
from actors.brake import LeaseWatch, OrderBrake
from actors.clock import Time, system_clock
from actors.entry_preview import preview_entry
from actors.lane import Lane
from actors.ledger_work import LedgerIdentity
from actors.order_executor import OrderExecutor
from actors.position_monitor import PositionMonitor
from actors.pulse import Pulse
from actors.reconciler import Reconciler
from actors.signal_receiver import SignalReceiver
from actors.stopping import STOP_ALL_S, STOP_BESIDE_HUNG_S, stop_actors
from actors.supervisor import Hung
from actors.timers import TimerThread
from actors.trade_ledger import TradeLedger
from actors.trading_stream import TradingStream
from actors.vitals import Vitals
from broker.api import Account, Broker, Feed
from broker.rate import BudgetSeen
from cli.probation import Probation
from domain.messages import (
    AuditNow,
    CancelOrder,
    ConfigTold,
    GateChanged,
    GateTold,
    HaltsCleared,
    LeaseRenewed,
    LedgerChanged,
    LedgerMail,
    LedgerUnwritable,
    MarketTold,
    NotPreviewed,
    PositionChanged,
    Previewed,
    ReceiverMail,
    ReconcilerMail,
    ResendOrder,
    StreamMail,
)
from domain.rules import Gate
from domain.signals import Signal
from persistence.halt_file import HaltFile
from persistence.store import LedgerStore
from settings import Settings
from watch.metrics import Metrics
from web.boards import StateBoard
from web.bot import ActorSeen, ProcessSeen, RequestsSeen, Session
from web.health import Readiness

if TYPE_CHECKING:
    from simulator.server import Simulator


class GateBoard:
    """The ledger's latest word on the gate, for whoever asks how the bot is."""

    def __init__(self) -> None:
        self.gate = Gate(open=False, reason="the bot is starting")

    def send(self, mail: GateChanged) -> bool:
        self.gate = mail.gate
        return True


class MarketBoard:
    """The ledger's latest word on the trading day, for whoever asks how far away its end is."""

    def __init__(self) -> None:
        self._told: MarketTold | None = None

    def send(self, mail: MarketTold) -> bool:
        self._told = mail
        return True

    def session(self, now: datetime) -> Session:
        """Where in the day we are; `now` by our own clock."""
        told = self._told
        return Session(now, None) if told is None else Session(now - told.ahead, told.market)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the actors are made from."""

    settings: Settings
    store: LedgerStore
    broker: Broker
    feed: Feed
    account: Account
    identity: LedgerIdentity
    holder: str
    """How this process calls itself to others that would have its ledger."""
    halts: HaltFile
    probation: Probation
    intake: Handle[ReceiverMail]
    ledger: Handle[LedgerMail]
    reconciler: Handle[ReconcilerMail]
    board: GateBoard
    state: StateBoard = field(default_factory=lambda: StateBoard(system_clock, Time().monotonic))
    requests_left: Callable[[], BudgetSeen] = lambda: BudgetSeen(None, None, 0.0)
    vitals: Vitals = field(default_factory=Vitals)
    market: MarketBoard = field(default_factory=MarketBoard)
    time: Time = field(default_factory=Time)
    pulse: Pulse = field(default_factory=Pulse)
    metrics: Metrics = field(default_factory=Metrics)
    after_failure: bool = False
    """The run before this one did not end as it should."""
    simulator: "Simulator | None" = None
    """The one in this process, where it plays the broker."""

    def readiness(self) -> Readiness:
        """Ready: signals can be taken in, and their orders may leave."""
        gate, taken = self.board.gate, self.intake.owned
        return Readiness(
            ready=gate.open and taken,
            reason=gate.reason if taken else "the actors are being started or stopped",
            gate="open" if gate.open else "closed",
        )

    def preview(self, signal: Signal) -> Previewed | NotPreviewed | LedgerUnwritable:
        """What would become of the signal now; blocks for the reads that this takes."""
        return preview_entry(signal, ledger=self.ledger, broker=self.broker, clock=self.time.clock)

    def process(self) -> ProcessSeen:
        """How the actors are, and what is left of the broker's rate limit."""
        return ProcessSeen(
            actors=tuple(ActorSeen(*each) for each in self.vitals.actors()),
            rebuilds=self.vitals.rebuilds,
            requests=RequestsSeen(*self.requests_left()),
        )

    def session(self) -> Session:
        """Where in the trading day we are."""
        return self.market.session(self.time.clock())


@dataclass(frozen=True)
class ActorTree:
    """The running actors by name, in the order in which they were started."""

    actors: dict[str, Address[Any]] = field(default_factory=dict)


@contextmanager
def start_actors(parts: Parts, on_death: OnDeath) -> Iterator[ActorTree]:
    """Ears before mouth: who is written to starts first, the intake opens last and closes first."""
    tree, timers, stopping = ActorTree(), TimerThread(parts.time), threading.Event()
    within_s = STOP_ALL_S
    try:
        spawn_actors(tree.actors, parts, timers, stopping, on_death)
        parts.pulse.follow(tree.actors.values(), timers)
        parts.vitals.follow(tree.actors)
        yield tree
    except Hung:
        within_s = STOP_BESIDE_HUNG_S
        raise
    finally:
        parts.pulse.leave()
        parts.intake.swap(None)
        parts.reconciler.swap(None)
        parts.ledger.swap(None)
        stopping.set()
        late = stop_actors(tree.actors, within_s)
        timers.close()
        if late and within_s == STOP_ALL_S:
            raise Hung(", ".join(late), "did not stop")


def spawn_actors(
    actors: dict[str, Address[Any]],
    parts: Parts,
    timers: TimerThread,
    stopping: threading.Event,
    on_death: OnDeath,
) -> None:
    """Start them all, each with the addresses that it writes to."""
    ledger = actors["TradeLedger"] = spawn(
        TradeLedger,
        store=parts.store,
        identity=parts.identity,
        halts=parts.halts,
        holder=parts.holder,
        timers=timers,
        clock=parts.time.clock,
        monotonic=parts.time.monotonic,
        on_death=on_death,
    )
    parts.ledger.swap(ledger)
    parts.probation.tell()
    ledger.subscribe(parts.board, GateChanged)
    ledger.subscribe(parts.market, MarketTold)
    ledger.subscribe(parts.state, GateTold, MarketTold, LedgerChanged)
    ledger.subscribe(parts.probation, HaltsCleared)
    lease = LeaseWatch(parts.time.monotonic)
    brake = OrderBrake(halts=parts.halts, lease_fresh=lease.fresh)
    ledger.subscribe(lease, LeaseRenewed)
    ledger.subscribe(brake, GateChanged)
    to_stream: Handle[StreamMail] = Handle()  # the two write to each other, and one has to be first
    reconciler = actors["Reconciler"] = spawn(
        Reconciler,
        broker=parts.broker,
        ledger=ledger,
        stream=to_stream,
        timers=timers,
        clock=parts.time.clock,
        monotonic=parts.time.monotonic,
        on_death=on_death,
    )
    ledger.subscribe(reconciler, AuditNow)
    parts.reconciler.swap(reconciler)
    stream = actors["TradingStream"] = spawn(
        TradingStream, feed=parts.feed, ledger=ledger, reconciler=reconciler, timers=timers, on_death=on_death
    )
    to_stream.swap(stream)
    ledger.subscribe(stream, HaltsCleared)
    lanes = [f"Lane {number}" for number in range(1, parts.settings.lanes + 1)]
    for lane in lanes:
        actors[lane] = spawn(
            Lane,
            broker=parts.broker,
            ledger=ledger,
            reconciler=reconciler,
            stream=stream,
            brake=brake,
            timers=timers,
            clock=parts.time.clock,
            stopping=stopping,
            on_death=on_death,
        )
    executor = actors["OrderExecutor"] = spawn(
        OrderExecutor, lanes=[actors[lane] for lane in lanes], on_death=on_death
    )
    ledger.subscribe(executor, ResendOrder, CancelOrder)
    monitor = actors["PositionMonitor"] = spawn(
        PositionMonitor,
        broker=parts.broker,
        ledger=ledger,
        executor=executor,
        timers=timers,
        clock=parts.time.clock,
        monotonic=parts.time.monotonic,
        on_death=on_death,
    )
    ledger.subscribe(monitor, PositionChanged, ConfigTold, MarketTold)
    receiver = actors["SignalReceiver"] = spawn(
        SignalReceiver, ledger=ledger, executor=executor, timers=timers, on_death=on_death
    )
    ledger.subscribe(receiver, GateChanged)
    parts.intake.swap(receiver)
