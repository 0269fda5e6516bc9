"""The world of one seed: the process and its lives, the wire, the exchange, the people, the weather."""

import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self

from actors.base import Worker
from broker.api import Broker
from domain.holdings import ALL
from domain.orders import QUARANTINE
from tests.seeded import convergence, house
from tests.seeded.books import Books
from tests.seeded.broker import SeededBroker, Wire
from tests.seeded.checks import Checks
from tests.seeded.fate import Crash, Fate, Faults, Violation, drawn
from tests.seeded.feed import SeededFeed
from tests.seeded.house import Disk, House
from tests.seeded.mail import SeededMailbox
from tests.seeded.people import Operator, Owner
from tests.seeded.scheduler import Actors, Scheduler
from tests.seeded.source import Source
from tests.seeded.venue import SYMBOLS, Venue
from tests.seeded.virtual import VirtualTime

Mode = Literal["safety", "liveness", "amnesia"]
"""safety: faults all the time; liveness: they end, and all must converge; amnesia: the ledger gets lost."""

LENGTHS_S: Final = (60.0, 120.0, 120.0, 240.0, 600.0)
BACKOFF_S: Final = 110.0
"""The longest that the stream may wait before it connects again after refusals."""
CONVERGES_S: Final = 60.0
NEWS_TAKES_S: Final = 1.0
FRESH: Final = "FRESH"


def _memory() -> Path | None:
    shared = Path("/dev/shm")
    return shared if shared.is_dir() else None


class World:
    """Everything there is, on the calling thread. Use it in a `with` block: it has a folder."""

    def __init__(
        self,
        seed: int,
        mode: Mode,
        *,
        faults: Faults | None = None,
        trace: Callable[[str], None] | None = None,
        wrap: Callable[[SeededBroker], Broker] = lambda broker: broker,
        lively: bool = True,
    ) -> None:
        """`faults`: None has them drawn; `wrap` alters the broker; `lively`: orders move by themselves."""
        self.mode = mode
        self._trace = trace
        self.time = time = VirtualTime()
        rates = drawn(random.Random(f"{seed}/{mode}/faults")) if faults is None else faults
        self.fate = fate = Fate(f"{seed}/{mode}", rates, self.note)
        self.length_s = fate.one_of(LENGTHS_S)
        self.line, self.disk = Wire(time), Disk(time)
        self.venue = Venue(seed, time, fate, self.note, lively=lively)
        self.source = Source(time, fate, intake=lambda: self._mailbox("receiver"), note=self.note)
        self.operator = Operator(time, fate, ledger=lambda: self._mailbox("ledger"), note=self.note)
        self.owner = Owner(self.venue, fate)
        self.checks = Checks(venue=self.venue, source=self.source, operator=self.operator, time=time)
        self.venue.on_accept = self.checks.accepted
        self.feed = SeededFeed(venue=self.venue, time=time, fate=fate, line=self.line)
        self.scheduler = Scheduler(time, fate, actors=self._actors, note=self.note if trace else None)
        broker = SeededBroker(
            venue=self.venue,
            time=time,
            fate=fate,
            line=self.line,
            watch=self.checks,
            meanwhile=self.scheduler.meanwhile,
            may_lag=lambda: self.checks.books is not None and self.checks.books.opened(),
        )
        self._broker = wrap(broker)
        self.house: House | None = None
        self.lives = 0
        self.symbols: Sequence[str] = ()
        self._folder = Path(tempfile.mkdtemp(prefix="seeded-", dir=_memory()))
        # The jitter of the actors comes from the module's own dice.
        self._dice = random.getstate()
        random.seed(seed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        random.setstate(self._dice)
        self.checks.new_life(None)
        if self.house is not None:
            self.house.close()
        shutil.rmtree(self._folder)

    def note(self, what: str) -> None:
        """A line of the trace."""
        if self._trace is not None:
            self._trace(f"{self.time.elapsed_s:10.4f}  {what}")

    # --- from the beginning to the end ----------------------------------------------------------

    def run(self) -> None:
        """All of it; raises Violation."""
        self.begin()
        self.run_for(self.length_s)
        if self.mode == "liveness":
            self.heal()
            self.converge()

    def begin(self) -> None:
        """The owner's shares, the signals to come, and the process."""
        fate = self.fate
        self.symbols = fate.random.sample(SYMBOLS, fate.random.randint(2, len(SYMBOLS)))
        self.owner.begin(self.symbols)
        for _ in range(fate.random.randint(5, 40)):
            self.time.later(fate.between(0, self.length_s), self._signal)
        self.time.later(1, self._each_second)
        self.time.later(0, self.start)

    def heal(self) -> None:
        """From now on nothing goes wrong."""
        self.note("HEALED")
        self.fate.faults = Faults()
        self.line.mend()
        self.disk.clear()
        self.operator.clear_all()
        self.scheduler.end_stalls()
        self.time.step(0)

    def converge(self) -> None:
        """What must be true a bounded time after the faults ended; raises Violation."""
        self._until(lambda: self.checks.opened_at_s is not None, BACKOFF_S, "the stream is up")
        self.run_for(CONVERGES_S)
        self._agree(quarantine=True)
        assert self.checks.books is not None
        if convergence.orders_wait(self.checks.books):
            self.run_for(QUARANTINE.total_seconds() + CONVERGES_S)
            self._agree(quarantine=False)
        fresh = self.source.make(FRESH, ttl_s=60)
        while fresh.dollars is None:
            fresh = self.source.make(FRESH, ttl_s=60)
        self.source.deliver(fresh)
        self._until(
            lambda: any(order.symbol == FRESH for order in self.venue.ours.values()),
            20,
            "a new signal trades",
        )

    def _agree(self, *, quarantine: bool) -> None:
        self._until(lambda: self.venue.quiet_s() > NEWS_TAKES_S, 600, "the exchange is quiet")
        if self.checks.books is None:
            raise Violation("convergence: the process does not run")
        for difference in convergence.differences(
            self.checks.books, venue=self.venue, source=self.source, time=self.time, quarantine=quarantine
        ):
            raise Violation(f"convergence: {difference}")

    def _until(self, true: Callable[[], bool], at_most_s: float, what: str) -> None:
        end = self.time.elapsed_s + at_most_s
        while not true():
            if self.time.elapsed_s > end:
                raise Violation(f"convergence: {at_most_s:.0f} s have gone and it is not so that {what}")
            self.turn()

    def run_for(self, seconds: float) -> None:
        """Let it go on; raises Violation."""
        end = self.time.elapsed_s + seconds
        while self.time.elapsed_s < end:
            self.turn()

    def turn(self) -> None:
        """One step of whatever comes next, and a look at what it has done."""
        self.act(self._turn)

    def act(self, action: Callable[[], object]) -> None:
        """Do this; the process may die of it. Raises Violation."""
        try:
            action()
        except Crash:
            self.die()
        if self.scheduler.broken is not None:
            raise self.scheduler.broken
        self.checks.look()

    def _turn(self) -> None:
        self.fate.may_crash("crash_at_a_step", "between two steps")
        self.scheduler.step()

    # --- the process ----------------------------------------------------------------------------

    def start(self) -> None:
        """A process comes up on the ledger's file, if none runs. Raises Crash."""
        if self.house is not None:
            return
        self.lives += 1
        self.note(f"START {self.lives}")
        store = house.open_store(self._folder, time=self.time, fate=self.fate, disk=self.disk)
        self.house = house.build(
            self._folder,
            store,
            broker=self._broker,
            feed=self.feed,
            time=self.time,
            fate=self.fate,
            desk=self,
            on_death=lambda _: None,  # the scheduler sees it die
        )
        self.checks.new_life(Books(store.path))
        for actor in self.house.actors.values():
            self.scheduler.wake(actor)

    def die(self) -> None:
        """kill -9, and a new process some time later."""
        self.kill()
        longest_s = 60.0 if self.fate.chance(0.2) else 5.0
        self.time.later(self.fate.between(0, longest_s), self.start)

    def kill(self) -> None:
        """kill -9: mail, timers and sockets are gone, commits stay."""
        self.checks.look()
        self.checks.new_life(None)
        self.feed.forget()
        self.scheduler.forget()
        if self.house is not None:
            self.house.close()
            self.house = None
        if self.mode == "amnesia" and self.fate.chance(0.5):
            self.note("LEDGER LOST")
            for file in self._folder.glob(house.LEDGER_FILE + "*"):
                file.unlink()
            self.checks.ledger_lost()
            self.source.forgotten()

    def _actors(self) -> Actors:
        return {} if self.house is None else self.house.actors

    def _mailbox(self, name: str) -> SeededMailbox | None:
        return None if self.house is None else self.house.mailboxes.get(name)

    # --- what the mailboxes need ----------------------------------------------------------------

    def work_on(self, actor: Worker[Any]) -> None:
        self.scheduler.work_on(actor)

    def sent(self, to: str, mail: object) -> None:
        if to == "ledger":
            self.checks.sent(mail)

    def answered(self, question: object, answer: object) -> None:
        self.checks.answered(question, answer)

    # --- the weather ----------------------------------------------------------------------------

    def _signal(self) -> None:
        sent = self.source.make(self.fate.one_of(self.symbols))
        self.note(f"new {sent.key[1]} {sent.signal.symbol} ttl {sent.signal.ttl_s}")
        self.source.deliver(sent)
        self.source.trouble(sent)

    def _each_second(self) -> None:
        fate = self.fate
        self.time.later(1, self._each_second)
        if fate.strikes("disconnect"):
            self.feed.cut("connection reset")
        if fate.strikes("outage"):
            self.line.cut(fate.between(1, 40))
            if fate.chance(0.7):
                self.feed.cut("the line is down")
        if fate.strikes("mute"):
            self.line.mute(fate.between(1, 60))
        if fate.strikes("disk_full"):
            self.disk.fill(fate.between(0.1, 20))
        if fate.strikes("clock_step"):
            # A quarantine that begins by a clock which is off ends by as much too early or too late.
            far = 120 if self.mode == "liveness" else 3600
            self.time.step(fate.one_of((-far, -40, -5, 0, 5, 40, far)))
        if fate.strikes("owner_trades"):
            self.owner.trade(fate.one_of(self.symbols))
        if fate.strikes("splits"):
            self.owner.split(fate.one_of(self.symbols))
        if fate.strikes("operator_halts"):
            self.operator.halt(fate.one_of((ALL, *self.symbols)))
