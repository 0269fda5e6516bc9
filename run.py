"""Starfill's launcher and composition root: `python run.py`.

The bot's life, in order: settings, the lock on the state folder, the broker (or the simulator in its
place), whose account it is, the ledger, then the actors, ears before mouth, and last the intake.
Stopping is the same in reverse. Nothing about correctness needs a clean stop: a start after kill -9
takes the same path.
"""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

if signal.getsignal(signal.SIGINT) is signal.default_int_handler and (
    __name__ == "__main__" or Path(sys.argv[0]).name == "starfill"
):
    # The imports below take half a second: Ctrl-C meanwhile ends the process without a word.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from rich.console import Console

from actors.base import Address, Death, Handle, OnDeath, spawn
from actors.brake import LeaseWatch, OrderBrake
from actors.clock import Time, system_clock
from actors.entry_preview import preview_entry
from actors.lane import Lane
from actors.ledger_work import LedgerIdentity
from actors.order_executor import OrderExecutor
from actors.position_monitor import PositionMonitor
from actors.reconciler import Reconciler
from actors.signal_receiver import SignalReceiver
from actors.stopping import STOP_ALL_S, STOP_BESIDE_HUNG_S, stop_actors
from actors.supervisor import Hung, Supervisor, Watch
from actors.timers import TimerThread
from actors.trade_ledger import TradeLedger
from actors.trading_stream import TradingStream
from broker.api import Account, Broker, Feed
from broker.rest import AlpacaRest
from broker.stream import AlpacaStream
from cli import logs
from cli.app import BotOptions, application
from cli.exits import end_with
from cli.health import HealthFile, Watchdog
from cli.live import LiveTable
from cli.mode_switch import refuse_half_a_switch
from cli.play_money import DEMO, set_up
from cli.probation import Probation
from cli.startup import (
    HALT_FILE,
    SIMULATOR_FOLDER,
    CannotStart,
    Failed,
    arm_crash_point,
    begin_boot,
    claim_ledger,
    examine_beside,
    hold,
    meet_broker,
    open_ledger,
    open_simulator,
    say,
    tune_interpreter,
)
from domain.messages import (
    AuditNow,
    CancelOrder,
    ConfigTold,
    GateChanged,
    HaltsCleared,
    LeaseRenewed,
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
from persistence.errors import LeaseLost
from persistence.halt_file import HaltFile
from persistence.queries import Queries
from persistence.store import LedgerStore
from settings import Exit, Settings
from web.app import Session, create_app
from web.health import Readiness
from web.server import WebServer
from web.token import TokenUnusable, read_or_create_token

log = logging.getLogger("starfill")


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
    market: MarketBoard = field(default_factory=MarketBoard)
    time: Time = field(default_factory=Time)

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


@dataclass(frozen=True)
class ActorTree:
    """The running actors by name, in the order in which they were started."""

    actors: dict[str, Address[Any]] = field(default_factory=dict)


STOP_WEB_S: Final = 2.0


@contextmanager
def start_actors(parts: Parts, on_death: OnDeath) -> Iterator[ActorTree]:
    """Ears before mouth: who is written to starts first, the intake opens last and closes first."""
    tree, timers, stopping = ActorTree(), TimerThread(parts.time), threading.Event()
    within_s = STOP_ALL_S
    try:
        spawn_actors(tree.actors, parts, timers, stopping, on_death)
        yield tree
    except Hung:
        within_s = STOP_BESIDE_HUNG_S
        raise
    finally:
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


def assemble(settings: Settings, stack: ExitStack) -> Parts:
    """Everything but the actors, in the order of their needs; raises CannotStart, OSError."""
    stack.callback(hold(settings).release)
    refuse_half_a_switch(settings)
    boots = begin_boot(settings, stack)
    settings = open_simulator(settings, stack)
    assert settings.broker_url is not None
    broker = AlpacaRest(
        base_url=settings.broker_url,
        data_url=settings.data_url or settings.broker_url,
        key_id=settings.key_id,
        secret_key=settings.secret_key,
    )
    account = meet_broker(broker, settings)
    store = open_ledger(settings, account)
    claim_ledger(settings, store, stack)
    stack.callback(store.close)
    ledger: Handle[LedgerMail] = Handle()
    say(f"mode       {settings.mode}" + ("" if settings.mode != "live" else " - REAL MONEY"))
    say(f"account    {account.account_number} at {settings.broker_url}")
    say(f"database   {settings.database}")
    return Parts(
        settings=settings,
        store=store,
        broker=broker,
        feed=AlpacaStream(
            base_url=settings.broker_url, key_id=settings.key_id, secret_key=settings.secret_key
        ),
        account=account,
        identity=LedgerIdentity(account_id=account.id, code_version=version("starfill")),
        holder=f"pid {os.getpid()} on {socket.gethostname()}",
        halts=HaltFile(settings.state_dir / HALT_FILE),
        probation=Probation(boots, ledger),
        intake=Handle(),
        ledger=ledger,
        reconciler=Handle(),
        board=GateBoard(),
    )


def open_web(parts: Parts, queries: Queries, stack: ExitStack) -> WebServer:
    """The intake and the reading API; raises CannotStart when the port is taken."""
    settings = parts.settings
    try:
        token = read_or_create_token(settings.state_dir)
    except TokenUnusable as error:
        raise CannotStart(Exit.CONFIGURATION, str(error)) from None
    logs.hide(token)
    app = create_app(
        receiver=parts.intake,
        preview=parts.preview,
        desk=parts.ledger,
        reconciler=parts.reconciler,
        queries=queries,
        token=token,
        clock=parts.time.clock,
        ready=parts.readiness,
        session=lambda: parts.market.session(parts.time.clock()),
    )
    try:
        web = WebServer(app, settings.http_host, settings.http_port)
    except OSError as error:
        raise CannotStart(
            Exit.CONFIGURATION,
            f"{settings.http_host}:{settings.http_port} cannot be listened on ({error.strerror}); nothing "
            "was traded. Another program has the port; set STARFILL_HTTP to a free one.",
        ) from None
    web.start()
    stack.callback(web.stop, STOP_WEB_S)
    say(f"dashboard  {web.url}")
    say(f"token      in {settings.state_dir / 'token'}")
    return web


def play_demo(parts: Parts, web: WebServer, console: Console, then: Callable[[int], None]) -> None:
    """Play the sample signals on a thread of their own; `then` gets the exit code."""
    from cli.demo import play

    settings = parts.settings

    def play_and_tell() -> None:
        code: int = Exit.DIFFERENT  # also when the output fails, as into a pipe that nobody reads
        try:
            code = play(
                url=web.url,
                token=read_or_create_token(settings.state_dir),
                queries=Queries(parts.store),
                oracle_path=settings.state_dir / SIMULATOR_FOLDER / "oracle.jsonl",
                console=console,
            )
        finally:
            then(code)

    threading.Thread(target=play_and_tell, name="demo", daemon=True).start()


def bot(settings: Settings, options: BotOptions) -> int:
    """Run the bot until it is told to stop; the exit code. Raises CannotStart, Failed, KeyboardInterrupt."""
    arm_crash_point(settings)
    tune_interpreter()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until there are actors to be stopped
    secrets = [settings.secret_key.get_secret_value()]
    logs.configure(secrets=secrets)
    with ExitStack() as stack:
        parts = assemble(settings, stack)
        if options.live_table:  # the table has the terminal; the folder is ours only now
            logs.configure(secrets=secrets, file=settings.state_dir / logs.NAME)
        watchdog = stack.enter_context(Watchdog(settings.state_dir))
        queries = Queries(parts.store)
        if options.demo:
            set_up(parts.store, DEMO, by="the demo")
        web = open_web(parts, queries, stack)
        supervisor = make_supervisor(parts, watchdog)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: supervisor.stop(Exit.CLEAN))
        console = Console()
        if options.live_table:
            headline = f"Starfill {settings.mode}, account {parts.account.account_number}"
            table = LiveTable(queries, gate=lambda: parts.board.gate, headline=headline, console=console)
            stack.enter_context(table)
        if options.demo:
            stays = options.live_table and not options.once
            play_demo(parts, web, console, then=(lambda _: None) if stays else supervisor.stop)
        examine_beside(parts.store, supervisor.stop)
        parts.probation.begin(stack)
        code = judged(supervisor.run())
        parts.store.settle()
    return code


def make_supervisor(parts: Parts, watchdog: Watchdog) -> Supervisor:
    """Who watches the actors, and is watched itself."""
    health = HealthFile(parts.settings.state_dir, gate=lambda: parts.board.gate, clock=system_clock)
    watch = Watch(fatal=(LeaseLost,), alive=watchdog.alive, healthy=health.all_well)
    return Supervisor(lambda on_death: start_actors(parts, on_death), watch)


def judged(end: int | Death) -> int:
    """The exit code of an end that was ordered; raises CannotStart or Failed for a death."""
    if not isinstance(end, Death):
        return end
    if isinstance(end.error, LeaseLost):
        raise CannotStart(
            Exit.ALREADY_RUNNING, f"{end.error}; this process has stopped, it sends nothing more"
        )
    raise Failed(f"{end.actor} failed ({end.error})")


def guarded_bot(settings: Settings, options: BotOptions) -> int:
    """`bot`, with whatever ends it told in one line."""
    try:
        return bot(settings, options)
    except CannotStart as error:
        say(f"starfill: {error}")
        return error.code
    except KeyboardInterrupt:  # before the actors were there to be stopped
        return Exit.CLEAN
    except Failed as error:
        why = str(error)
    except Exception as error:  # told in full by the log, which knows the secrets
        log.critical("the bot failed", exc_info=True)
        why = f"the bot failed ({type(error).__name__}, see the log)"
    say(f"stopped: {why}; signals and orders are in the ledger, start again")
    return Exit.INTERNAL


def main() -> None:
    """`python run.py`; does not return."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    end_with(application(bot=guarded_bot))


if __name__ == "__main__":
    main()
