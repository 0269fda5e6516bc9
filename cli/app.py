"""The command line: `python run.py` runs the bot, its subcommands talk to it or stand beside it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated

import typer

from cli import config, crashtest, halts, reconcile, selling, send, simulate, trades
from cli.demo_settings import demo_settings
from cli.exits import configuration_errors
from cli.flags import BrokerUrl, Database, DataUrl, Http, Mode, RootFlags, StateDir
from settings import ConfigurationError, Settings, load


@dataclass(frozen=True)
class BotOptions:
    """How this run of the bot differs from an ordinary one."""

    demo: bool = False
    """Feed the sample signals through the intake, against the built-in simulator."""
    once: bool = False
    """With `demo`: end when every order is done."""
    live_table: bool = False
    """Standard output is a terminal: show the live table there."""


def application(*, bot: Callable[[Settings, BotOptions], int]) -> typer.Typer:
    """The command line; `bot` runs the bot until it is told to stop and returns the exit code."""
    app = typer.Typer(name="starfill", add_completion=False, pretty_exceptions_enable=False)

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
            settings = (demo_settings if demo else load)(
                mode=mode,
                broker_url=broker_url,
                data_url=data_url,
                database=database,
                http=http,
                state_dir=state_dir,
            )
            # Without a standard output (`>&-`) Python has None in its place.
            on_terminal = sys.stdout is not None and sys.stdout.isatty()
            # Where nobody watches, a demo that does not end would only hang.
            options = BotOptions(demo=demo, once=demo and (once or not on_terminal), live_table=on_terminal)
            raise typer.Exit(bot(settings, options))

    app.command("send")(send.command)
    app.command("halt")(halts.halt)
    app.command("resume")(halts.resume)
    app.command("close")(selling.close)
    app.command("flatten")(selling.flatten)
    app.command("trades")(trades.command)
    app.add_typer(config.application(), name="config")
    app.command("reconcile")(reconcile.command)
    app.command("simulator")(simulate.command)
    app.command("crashtest")(crashtest.command)
    return app
