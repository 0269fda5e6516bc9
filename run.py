"""Starfill's launcher and composition root: `python run.py`.

The bot's life, in order: settings, the lock on the state folder, the broker (or the simulator in its
place), whose account it is, the ledger, then the actors, ears before mouth, and last the intake.
Stopping is the same in reverse. Nothing about correctness needs a clean stop: a start after kill -9
takes the same path.
"""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import pykka
from rich.console import Console

from actors.base import Address, Death, Handle, OnDeath, spawn
from actors.clock import system_clock
from actors.ledger_work import LedgerIdentity
from actors.order_executor import Lane, OrderExecutor
from actors.reconciler import Reconciler
from actors.signal_receiver import SignalReceiver
from actors.supervisor import Hung, Supervisor
from actors.timers import TimerThread
from actors.trade_ledger import TradeLedger
from actors.trading_stream import TradingStream
from broker.api import Account, Broker, Feed
from broker.rest import AlpacaRest
from broker.stream import AlpacaStream
from cli import logs
from cli.app import BotOptions, application
from cli.live import LiveTable
from cli.startup import (
    SIMULATOR_FOLDER,
    CannotStart,
    hold,
    meet_broker,
    open_ledger,
    open_simulator,
    say,
    tune_interpreter,
)
from domain.messages import GateChanged, ReceiverMail, ResendOrder
from domain.rules import Gate
from persistence.errors import LedgerUnusable
from persistence.queries import Queries
from persistence.store import LedgerStore
from settings import Exit, Settings
from web.app import create_app
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


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the actors are made from."""

    settings: Settings
    store: LedgerStore
    broker: Broker
    feed: Feed
    account: Account
    identity: LedgerIdentity
    intake: Handle[ReceiverMail]
    board: GateBoard

    def readiness(self) -> Readiness:
        """Ready: signals can be taken in, and their orders may leave."""
        gate, taken = self.board.gate, self.intake.owned
        return Readiness(
            ready=gate.open and taken,
            reason=gate.reason if taken else "the actors are being started or stopped",
            gate="open" if gate.open else "closed",
        )


@dataclass(frozen=True)
class ActorTree:
    """The running actors by name, in the order in which they were started."""

    actors: dict[str, Address[Any]] = field(default_factory=dict)


STOP_S = {"OrderExecutor": 20.0, "TradeLedger": 10.0}
"""How long an actor may take to stop, where that is more than three seconds: a POST is waited for."""
WRITERS = (OrderExecutor, Lane, TradeLedger)
"""Of these no second one may ever be started beside one that hangs."""


@contextmanager
def start_actors(parts: Parts, on_death: OnDeath) -> Iterator[ActorTree]:
    """Ears before mouth: who is written to starts first, the intake opens last and closes first."""
    tree, timers = ActorTree(), TimerThread()
    try:
        ledger = tree.actors["TradeLedger"] = spawn(
            TradeLedger, store=parts.store, identity=parts.identity, clock=system_clock, on_death=on_death
        )
        ledger.subscribe(parts.board, GateChanged)
        reconciler = tree.actors["Reconciler"] = spawn(
            Reconciler,
            broker=parts.broker,
            ledger=ledger,
            timers=timers,
            clock=system_clock,
            on_death=on_death,
        )
        tree.actors["TradingStream"] = spawn(
            TradingStream,
            feed=parts.feed,
            ledger=ledger,
            reconciler=reconciler,
            timers=timers,
            on_death=on_death,
        )
        executor = tree.actors["OrderExecutor"] = spawn(
            OrderExecutor,
            broker=parts.broker,
            ledger=ledger,
            reconciler=reconciler,
            timers=timers,
            clock=system_clock,
            on_death=on_death,
            lanes=parts.settings.lanes,
        )
        ledger.subscribe(executor, ResendOrder)
        receiver = tree.actors["SignalReceiver"] = spawn(
            SignalReceiver, ledger=ledger, executor=executor, timers=timers, on_death=on_death
        )
        ledger.subscribe(receiver, GateChanged)
        parts.intake.swap(receiver)
        yield tree
    finally:
        parts.intake.swap(None)
        for name, address in reversed(tree.actors.items()):
            try:
                address.stop(timeout=STOP_S.get(name, 3.0))
            except pykka.Timeout:
                log.warning("%s has not stopped in time; the next start finds what it was doing", name)
        timers.close()
        hanging = [ref for kind in WRITERS for ref in pykka.ActorRegistry.get_by_class(kind)]
        if hanging:
            raise Hung(", ".join(str(ref) for ref in hanging) + " did not stop")


def assemble(settings: Settings, stack: ExitStack) -> Parts:
    """Everything but the actors, in the order of their needs; raises CannotStart, OSError."""
    stack.callback(hold(settings).release)
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
    stack.callback(store.close)
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
        intake=Handle(),
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
        queries=queries,
        token=token,
        clock=system_clock,
        ready=parts.readiness,
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
    stack.callback(web.stop)
    say(f"dashboard  {web.url}")
    say(f"token      in {settings.state_dir / 'token'}")
    return web


def examine_beside(store: LedgerStore, supervisor: Supervisor) -> None:
    """Check the whole ledger on a thread of its own; a damaged one ends the bot."""

    def examine() -> None:
        try:
            store.examine()
        except LedgerUnusable as error:
            say(f"starfill: {error}")
            supervisor.stop(Exit.CONFIGURATION)

    threading.Thread(target=examine, name="examine", daemon=True).start()


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
    """Run the bot until it is told to stop; the exit code."""
    tune_interpreter()
    secrets = [settings.secret_key.get_secret_value()]
    logs.configure(secrets=secrets)
    with ExitStack() as stack:
        parts = assemble(settings, stack)
        if options.live_table:  # the table has the terminal; the folder is ours only now
            logs.configure(secrets=secrets, file=settings.state_dir / logs.NAME)
        queries = Queries(parts.store)
        web = open_web(parts, queries, stack)
        supervisor = Supervisor(lambda on_death: start_actors(parts, on_death))
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
        examine_beside(parts.store, supervisor)
        end = supervisor.run()
        parts.store.settle()
    if isinstance(end, Death):
        say(f"stopped: {end.actor} failed ({end.error}); signals and orders are in the ledger, start again")
        return Exit.INTERNAL
    return end


def guarded_bot(settings: Settings, options: BotOptions) -> int:
    """`bot`, with what keeps it from starting told in one line."""
    try:
        return bot(settings, options)
    except CannotStart as error:
        say(f"starfill: {error}")
        return error.code
    except KeyboardInterrupt:  # before the actors were there to be stopped
        return Exit.CLEAN


def main() -> None:
    """`python run.py`."""
    application(bot=guarded_bot)()


if __name__ == "__main__":
    main()
