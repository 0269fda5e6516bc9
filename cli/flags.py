"""The flags that several commands take; each overrides the variable of its name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from settings import Settings, load

Mode = Annotated[str | None, typer.Option(help="simulator, paper or live.", show_default=False)]
BrokerUrl = Annotated[str | None, typer.Option(help="Any Alpaca-compatible trading API.", show_default=False)]
DataUrl = Annotated[str | None, typer.Option(help="Where market data is read.", show_default=False)]
Database = Annotated[str | None, typer.Option(help="sqlite:///PATH of the ledger.", show_default=False)]
Http = Annotated[str | None, typer.Option(help="HOST:PORT of the HTTP API.", show_default=False)]
StateDir = Annotated[Path | None, typer.Option(help="Folder of ledger, token and log.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@dataclass(frozen=True)
class RootFlags:
    """The root's flags, for the subcommands that stand behind them."""

    http: str | None = None
    state_dir: Path | None = None
    mode: str | None = None
    database: str | None = None


def settings_from(context: typer.Context, http: str | None, state_dir: Path | None) -> Settings:
    """The settings for a command that talks to the bot; raises ConfigurationError."""
    root = context.find_object(RootFlags) or RootFlags()
    return load(
        http=http or root.http,
        state_dir=state_dir or root.state_dir,
        mode=root.mode,
        database=root.database,
    )
