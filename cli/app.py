"""The command line: `python run.py` runs the bot, its subcommands talk to it or stand beside it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from importlib.metadata import version
from typing import Annotated, Final

import typer

from cli import (
    backup,
    config,
    crashtest,
    deadman,
    doctor,
    halts,
    holdings,
    reconcile,
    report,
    selling,
    send,
    simulate,
    sources,
    token,
    trades,
    verify,
)
from cli import signals as signals_of
from cli.day.plan import CONFIG, ORDINARY, SIGNALS, DayPlan, plan_of
from cli.demo_settings import demo_settings
from cli.exits import OneLine, configuration_errors
from cli.flags import BrokerUrl, Database, DataUrl, Http, Mode, RootFlags, StateDir
from cli.play_money import DEMO
from domain.config import BotConfig
from settings import ConfigurationError, Settings, load

COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "send": send.command,
    "signals": signals_of.command,
    "why": signals_of.why,
    "trades": trades.command,
    "positions": holdings.positions,
    "orders": holdings.orders,
    "report": report.command,
    "halt": halts.halt,
    "resume": halts.resume,
    "close": selling.close,
    "flatten": selling.flatten,
    "reconcile": reconcile.command,
    "doctor": doctor.command,
    "backup": backup.command,
    "verify": verify.command,
    "deadman": deadman.command,
    "simulator": simulate.command,
    "crashtest": crashtest.command,
}
GROUPS: Final = {
    "config": config.application,
    "source": sources.application,
    "token": token.application,
}
"""Commands that have commands of their own."""


@dataclass(frozen=True)
class BotOptions:
    """How this run of the bot differs from an ordinary one."""

    demo: bool = False
    """Feed the sample signals through the intake, against the built-in simulator."""
    once: bool = False
    """With `demo`: end when every order is done."""
    live_table: bool = False
    """Standard output is a terminal: show the live table there."""
    day: DayPlan | None = None
    """Play this day, against the built-in simulator."""

    @property
    def config(self) -> BotConfig | None:
        """What the bot begins with instead of what the owner has set."""
        if self.day is not None:
            return CONFIG
        return DEMO if self.demo else None


def application(*, bot: Callable[[Settings, BotOptions], int]) -> typer.Typer:
    """The command line; `bot` runs the bot until it is told to stop and returns the exit code."""
    app = typer.Typer(name="starfill", cls=OneLine, add_completion=True, pretty_exceptions_enable=False)

    @app.callback(invoke_without_command=True)
    def root(  # noqa: PLR0917 - typer makes the flags from them
        context: typer.Context,
        mode: Mode = None,
        broker_url: BrokerUrl = None,
        data_url: DataUrl = None,
        database: Database = None,
        http: Http = None,
        state_dir: StateDir = None,
        demo: Annotated[bool, typer.Option("--demo", help="Play sample signals on the simulator.")] = False,
        once: Annotated[bool, typer.Option("--once", help="With --demo: end when all is done.")] = False,
        demo_day: Annotated[
            bool, typer.Option("--demo-day", help="Play a whole trading day on the simulator, in a minute.")
        ] = False,
        date: Annotated[
            str | None,
            typer.Option(help="With --demo-day: which, as 2026-11-27.", show_default=str(ORDINARY)),
        ] = None,
        signals: Annotated[int | None, typer.Option(min=10, max=5000, hidden=True)] = None,
        show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    ) -> None:
        """Run the bot: star-rated signals in, notional orders out, every fill in the ledger.

        Each flag overrides the environment variable of its name, as STARFILL_MODE.
        """
        if show_version:
            typer.echo(f"starfill {version('starfill')}")
            raise typer.Exit
        context.obj = RootFlags(http=http, state_dir=state_dir, mode=mode, database=database)
        if context.invoked_subcommand is not None:
            return
        with configuration_errors():
            if once and not demo:
                raise ConfigurationError("--once ends the demo; it needs --demo")
            day = _day(date, signals, wanted=demo_day, instead=demo)
            played = partial(demo_settings, anew=day is not None)
            settings = (played if demo or day is not None else load)(
                mode=mode,
                broker_url=broker_url,
                data_url=data_url,
                database=database,
                http=http,
                state_dir=state_dir,
            )
            raise typer.Exit(bot(settings, _options(demo=demo, once=once, day=day)))

    for name, command in COMMANDS.items():
        app.command(name)(command)
    for name, group in GROUPS.items():
        app.add_typer(group(), name=name)
    return app


def _options(*, demo: bool, once: bool, day: DayPlan | None) -> BotOptions:
    # Without a standard output (`>&-`) Python has None in its place.
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    return BotOptions(
        demo=demo,
        # Where nobody watches, a demo that does not end would only hang.
        once=demo and (once or not on_terminal),
        live_table=on_terminal and day is None,
        day=day,
    )


def _day(date: str | None, signals: int | None, *, wanted: bool, instead: bool) -> DayPlan | None:
    """The day to be played; raises ConfigurationError."""
    if not wanted:
        if date is not None or signals is not None:
            raise ConfigurationError(
                "--date and --signals are of the day that --demo-day plays; it is missing"
            )
        return None
    if instead:
        raise ConfigurationError("--demo and --demo-day are two plays; name one of them")
    return plan_of(ORDINARY if date is None else _date(date), signals=signals or SIGNALS)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"--date {text} is no date; it is written as 2026-11-27") from None
