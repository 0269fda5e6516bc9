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
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Final

if signal.getsignal(signal.SIGINT) is signal.default_int_handler and (
    __name__ == "__main__" or Path(sys.argv[0]).name == "starfill"
):
    # The imports below take half a second: Ctrl-C meanwhile ends the process without a word.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from rich.console import Console

from actor_tree import GateBoard, Parts, start_actors
from actors.base import Death, Handle
from actors.clock import LeapingTime, Time, system_clock
from actors.ledger_work import LedgerIdentity
from actors.supervisor import Supervisor, Watch
from broker.rest import AlpacaRest
from broker.stream import AlpacaStream
from cli import logs
from cli.app import BotOptions, application
from cli.day.plan import DayPlan
from cli.exits import end_with
from cli.health import HealthFile, Watchdog
from cli.live import LiveTable
from cli.mode_switch import refuse_half_a_switch
from cli.play_money import set_up
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
from cli.token import url_with
from cli.watching import Watching, Wellness, secrets_in
from domain.messages import LedgerMail
from persistence.errors import LeaseLost
from persistence.halt_file import HaltFile
from persistence.queries import DeskQueries, FiguresQueries, JournalQueries, ListQueries, Queries
from persistence.queries.figures import everything
from settings import Exit, Settings
from watch.metrics import Metrics
from watch.seen import AlarmDesk, NoAlarms
from web.app import create_app
from web.boards import StateBoard
from web.bot import About, Bot
from web.roles import Role
from web.server import WebServer
from web.sources.door import TRADINGVIEW_NETWORKS, Door, SourceRules
from web.sources.key_file import KeysUnusable
from web.sources.key_ring import KeyRing
from web.token import NAMES, TokenFiles, TokenUnusable, read_or_create_token

log = logging.getLogger("starfill")

STOP_WEB_S: Final = 2.0


def assemble(settings: Settings, stack: ExitStack, day: DayPlan | None) -> Parts:
    """Everything but the actors, in the order of their needs; raises CannotStart, OSError."""
    time = Time() if day is None else LeapingTime(day.starts_at)
    stack.callback(hold(settings).release)
    refuse_half_a_switch(settings)
    boots = begin_boot(settings, stack)
    settings, simulator = open_simulator(settings, stack, None if day is None else day.starts_at)
    assert settings.broker_url is not None
    metrics = Metrics()
    broker = AlpacaRest(
        base_url=settings.broker_url,
        data_url=settings.data_url or settings.broker_url,
        key_id=settings.key_id,
        secret_key=settings.secret_key,
        monotonic=lambda: time.monotonic().total_seconds(),
        wall=lambda: time.clock().timestamp(),
        on_post=metrics.posted,
    )
    account = meet_broker(broker, settings)
    store = open_ledger(settings, account, time.clock)
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
        state=StateBoard(time.clock, time.monotonic),
        requests_left=broker.requests_left,
        time=time,
        metrics=metrics,
        after_failure=boots.after_failure,
        simulator=simulator,
    )


def seen_by_web(parts: Parts, queries: Queries, alarms: AlarmDesk | None = None) -> Bot:
    """The bot as the API's routes know it; raises KeysUnusable."""
    alarms = alarms or NoAlarms()
    return Bot(
        receiver=parts.intake,
        preview=parts.preview,
        desk=parts.ledger,
        reconciler=parts.reconciler,
        queries=queries,
        lists=ListQueries(parts.store),
        desk_queries=DeskQueries(parts.store),
        figures=FiguresQueries(parts.store.path),
        journal=JournalQueries(parts.store),
        board=parts.state,
        clock=parts.time.clock,
        ready=parts.readiness,
        session=parts.session,
        door=open_door(parts),
        about=About(
            mode=parts.settings.mode,
            version=version("starfill"),
            account_number=parts.account.account_number,
            started_at=parts.time.clock(),
        ),
        process=parts.process,
        alarms_failing=lambda: alarms.seen().failing,
        alarms=alarms,
        metrics=parts.metrics,
    )


def open_door(parts: Parts) -> Door:
    """Where signal sources prove who they are; raises KeysUnusable."""
    settings = parts.settings
    rules = SourceRules(
        per_minute=settings.signals_per_minute,
        tradingview=settings.tradingview_addresses or TRADINGVIEW_NETWORKS,
        proxies=settings.trusted_proxies,
        public_host=settings.public_host,
    )
    keys = KeyRing(settings.state_dir, logs.hide)
    return Door(keys, rules, now=lambda: parts.session().now, monotonic=parts.time.monotonic)


def open_web(parts: Parts, queries: Queries, watching: Watching, stack: ExitStack) -> WebServer:
    """The intake and the reading API; raises CannotStart when the port is taken."""
    settings = parts.settings
    first = not (settings.state_dir / NAMES[Role.ARM]).exists()
    try:
        tokens = TokenFiles(settings.state_dir, learned=logs.hide)
        bot_seen = seen_by_web(parts, queries, watching.alarms)
    except (TokenUnusable, KeysUnusable) as error:
        raise CannotStart(Exit.CONFIGURATION, str(error)) from None
    app = create_app(bot_seen, tokens=tokens)
    try:
        web = WebServer(app, settings.http_host, settings.http_port, closing=app.state.hub.close)
    except OSError as error:
        raise CannotStart(
            Exit.CONFIGURATION,
            f"{settings.http_host}:{settings.http_port} cannot be listened on ({error.strerror}); nothing "
            "was traded. Another program has the port; set STARFILL_HTTP to a free one.",
        ) from None
    web.start()
    stack.callback(web.stop, STOP_WEB_S)
    # The sums of past days, which the first page that shows them would have to wait for.
    threading.Thread(target=bot_seen.figures.closed, args=everything(), name="figures", daemon=True).start()
    say(f"dashboard  {web.url}")
    say(f"token      in {settings.state_dir / 'token'}")
    if first and sys.stderr is not None and sys.stderr.isatty():  # once, to whoever sits there
        say(f"open       {url_with(settings, tokens().arm, web.url)}")
    return web


def show_demo(parts: Parts, web: WebServer, console: Console) -> int:
    """Play the sample signals; the exit code."""
    from cli.demo import play

    return play(
        url=web.url,
        token=read_or_create_token(parts.settings.state_dir),
        queries=Queries(parts.store),
        oracle_path=parts.settings.state_dir / SIMULATOR_FOLDER / "oracle.jsonl",
        console=console,
    )


def show_day(day: DayPlan, parts: Parts, web: WebServer, console: Console) -> int:
    """Play the whole day; the exit code."""
    from cli.day.play import play_day

    return play_day(day, parts, web.url, read_or_create_token(parts.settings.state_dir), console)


def beside(play: Callable[[], int], then: Callable[[int], None]) -> None:
    """Play on a thread of its own; `then` gets the exit code."""

    def play_and_tell() -> None:
        code: int = Exit.DIFFERENT  # also when the output fails, as into a pipe that nobody reads
        try:
            code = play()
        finally:
            then(code)

    threading.Thread(target=play_and_tell, name="demo", daemon=True).start()


def bot(settings: Settings, options: BotOptions) -> int:
    """Run the bot until it is told to stop; the exit code. Raises CannotStart, Failed, KeyboardInterrupt."""
    arm_crash_point(settings)
    tune_interpreter()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until there are actors to be stopped
    secrets = [settings.secret_key.get_secret_value(), *secrets_in(settings.alarms)]
    logs.configure(secrets=secrets)
    with ExitStack() as stack:
        parts = assemble(settings, stack, options.day)
        if options.live_table or options.day:  # the terminal is taken; the folder is ours only now
            logs.configure(secrets=secrets, file=settings.state_dir / logs.NAME)
        watchdog = stack.enter_context(Watchdog(settings.state_dir))
        queries = Queries(parts.store)
        if (config := options.config) is not None:
            set_up(parts.store, config, by="the demo", clock=parts.time.clock)
        wellness = watch_health(parts)
        watching = Watching(parts, wellness=wellness, followers=(parts.metrics,))
        web = open_web(parts, queries, watching, stack)
        watching.begin(stack)
        supervisor = make_supervisor(parts, watchdog, wellness)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: supervisor.stop(Exit.CLEAN))
        console = Console()
        if options.live_table:
            headline = f"Starfill {settings.mode}, account {parts.account.account_number}"
            table = LiveTable(queries, gate=lambda: parts.board.gate, headline=headline, console=console)
            stack.enter_context(table)
        if options.demo:
            stays = options.live_table and not options.once
            beside(lambda: show_demo(parts, web, console), (lambda _: None) if stays else supervisor.stop)
        if (day := options.day) is not None:
            stack.callback(console.show_cursor)  # the day's bar hides it, and may not come to its end
            beside(lambda: show_day(day, parts, web, console), supervisor.stop)
        examine_beside(parts.store, supervisor.stop)
        parts.probation.begin(stack)
        end = supervisor.run()
        watching.ends(f"{end.actor} failed" if isinstance(end, Death) else "it was told to")
        code = judged(end)
        parts.store.settle()
    return code


def watch_health(parts: Parts) -> Wellness:
    """Who knows whether all is well, and says so in the file `health`."""
    health = HealthFile(parts.settings.state_dir, gate=lambda: parts.board.gate, clock=system_clock)
    return Wellness(lambda: parts.board.gate, parts.settings.alarms.gate_s, health.all_well)


def make_supervisor(parts: Parts, watchdog: Watchdog, wellness: Wellness) -> Supervisor:
    """Who watches the actors, and is watched itself."""
    watch = Watch(
        fatal=(LeaseLost,),
        alive=watchdog.alive,
        healthy=wellness.all_well,
        heard=parts.vitals.answered,
    )
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
    os.umask(0o077)  # what it keeps, and what it is told to write, is its owner's alone
    end_with(application(bot=guarded_bot))


if __name__ == "__main__":
    main()
