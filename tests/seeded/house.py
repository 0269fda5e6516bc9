"""Builds the actors as `run.py` does, without threads: the one file that knows their constructors."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from actors.base import Handle, OnDeath, Subscribe, Worker
from actors.brake import LeaseWatch, OrderBrake
from actors.lane import Lane
from actors.ledger_work import LedgerIdentity
from actors.order_executor import OrderExecutor
from actors.reconciler import Reconciler
from actors.signal_receiver import SignalReceiver
from actors.trade_ledger import TradeLedger
from actors.trading_stream import TradingStream
from broker.api import Broker
from cli.play_money import set_up
from domain.messages import (
    AuditNow,
    CancelOrder,
    GateChanged,
    LeaseRenewed,
    ResendOrder,
    StreamMail,
)
from persistence.halt_file import HaltFile
from persistence.store import LedgerOutOfReach, LedgerStore, Unit
from tests.domain.builders import UNLIMITED
from tests.seeded.fate import Crash, Fate
from tests.seeded.feed import SeededFeed
from tests.seeded.mail import HINTS, Desk, SeededMailbox
from tests.seeded.virtual import VirtualTime, VirtualTimers

ACCOUNT_ID: Final = "the-account"
LANES: Final = 3
LEDGER_FILE: Final = "ledger.db"
HALT_FILE: Final = "HALT"


class MortalStore(LedgerStore):
    """The real store; the process may die at either side of a commit, and the disk may be full."""

    fate: Fate
    disk: "Disk"

    @contextmanager
    def unit(self, epoch: int | None = None) -> Iterator[Unit]:
        if self.disk.is_full:
            raise LedgerOutOfReach("the disk is full")
        with super().unit(epoch) as unit:
            yield unit
            self.fate.may_crash("crash_at_a_commit", "before the commit")
            if self.fate.strikes("commit_fails"):
                raise LedgerOutOfReach("the disk is full")
        self.fate.may_crash("crash_at_a_commit", "after the commit")


class Disk:
    """What the ledger's file lies on; it outlives the process."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._full_until_s = 0.0

    def fill(self, seconds: float) -> None:
        self._full_until_s = self._time.elapsed_s + seconds

    def clear(self) -> None:
        self._full_until_s = 0.0

    @property
    def is_full(self) -> bool:
        return self._time.elapsed_s < self._full_until_s


@dataclass
class House:
    """One life of the process. The actors in the order of their start: ears before mouth."""

    store: MortalStore
    timers: VirtualTimers
    actors: dict[str, Worker[Any]] = field(default_factory=dict)
    mailboxes: dict[str, SeededMailbox] = field(default_factory=dict)

    def close(self) -> None:
        """What the kernel does for a dead process."""
        self.timers.close()
        self.store.close()


def open_store(folder: Path, *, time: VirtualTime, fate: Fate, disk: Disk) -> MortalStore:
    """The ledger in this folder; raises Crash."""
    store = MortalStore.open(folder / LEDGER_FILE, clock=time.clock)
    assert isinstance(store, MortalStore)
    store.fate, store.disk = fate, Disk(time)
    try:
        store.bind_account(ACCOUNT_ID)
        set_up(store, UNLIMITED, by="the world")
    except (Crash, LedgerOutOfReach):
        store.close()
        raise Crash("at the start") from None
    store.disk = disk
    return store


def build(
    folder: Path,
    store: MortalStore,
    *,
    broker: Broker,
    feed: SeededFeed,
    time: VirtualTime,
    fate: Fate,
    desk: Desk,
    on_death: OnDeath,
) -> House:
    house = House(store=store, timers=VirtualTimers(time))

    def add(name: str, actor: Worker[Any]) -> SeededMailbox:
        house.actors[name] = actor
        # What the executor deals to a lane it counts until the lane is through with it.
        hints = () if isinstance(actor, Lane) else HINTS
        mailbox = SeededMailbox(name, actor, desk=desk, time=time, fate=fate, hints=hints)
        house.mailboxes[name] = mailbox
        return mailbox

    clocks: dict[str, Any] = {"clock": time.clock, "timers": house.timers, "on_death": on_death}
    halts = HaltFile(folder / HALT_FILE)
    ledger = add(
        "ledger",
        TradeLedger(
            store=store,
            identity=LedgerIdentity(account_id=ACCOUNT_ID, code_version="seeded"),
            halts=halts,
            holder="the simulation",
            monotonic=time.monotonic,
            **clocks,
        ),
    )
    lease = LeaseWatch(time.monotonic)
    brake = OrderBrake(halts=halts, lease_fresh=lease.fresh)
    to_stream: Handle[StreamMail] = Handle()
    reconciler = add(
        "reconciler",
        Reconciler(broker=broker, ledger=ledger, stream=to_stream, monotonic=time.monotonic, **clocks),
    )
    stream = add(
        "stream",
        TradingStream(
            feed=feed, ledger=ledger, reconciler=reconciler, timers=house.timers, on_death=on_death
        ),
    )
    to_stream.swap(stream)
    lanes = [
        add(
            f"lane {number}",
            Lane(
                broker=broker,
                ledger=ledger,
                reconciler=reconciler,
                stream=stream,
                brake=brake,
                stopping=threading.Event(),
                chance=fate.random.random,
                **clocks,
            ),
        )
        for number in range(LANES)
    ]
    executor = add("executor", OrderExecutor(lanes=lanes, on_death=on_death))
    receiver = add(
        "receiver",
        SignalReceiver(ledger=ledger, executor=executor, timers=house.timers, on_death=on_death),
    )
    for subscriber, kinds in (
        (lease, (LeaseRenewed,)),
        (brake, (GateChanged,)),
        (reconciler, (AuditNow,)),
        (executor, (ResendOrder, CancelOrder)),
        (receiver, (GateChanged,)),
    ):
        ledger.send(Subscribe(subscriber, kinds))
    return house
