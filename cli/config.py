"""`python run.py config`: what the owner sets while the bot runs, shown and changed."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.exits import configuration_errors, fail
from cli.flags import AsJson, Database, Http, Mode, RootFlags, StateDir
from cli.settings_holder import Held, NotDone, Refused, change, read
from domain.config import BotConfig
from domain.settings_text import (
    KEYS,
    SettingChange,
    SettingFault,
    changed,
    description,
    differences,
    texts_of,
    unknown,
    warnings,
)
from settings import Exit, Settings, load
from web.api.config import ConfigValues

HELP: Final = (
    "Show and change what is set while the bot runs: sizes, limits, exits.\n\n"
    "Asks the running bot; where none runs, its ledger. It counts from the next signal on, without a restart."
)
Keys = Annotated[list[str] | None, typer.Argument(help="Only these settings.", metavar="[KEY]...")]
Assignments = Annotated[
    list[str], typer.Argument(help="As max_orders_per_day=50.", metavar="KEY=VALUE...", show_default=False)
]


def application() -> typer.Typer:
    """`config` and its three commands."""
    app = typer.Typer(help=HELP)
    app.command("get")(get)
    app.command("set")(set_)
    app.command("diff")(diff)
    return app


def get(  # noqa: PLR0917 - typer makes the flags from them
    context: typer.Context,
    keys: Keys = None,
    as_json: AsJson = False,
    mode: Mode = None,
    database: Database = None,
    http: Http = None,
    state_dir: StateDir = None,
) -> None:
    """Show settings with what they mean, what they take, and their defaults."""
    faults = unknown(keys or ())
    if faults:
        fail("; ".join(map(str, faults)), Exit.CONFIGURATION)
    held = _read(context, mode, database, http, state_dir)
    shown = [key for key in KEYS if not keys or key in keys]
    if as_json:
        told = {"config": held.config, "defaults": BotConfig()}
        _print_json(
            held,
            {name: _json_of(config, shown) for name, config in told.items()}
            | {"descriptions": {key: description(key) for key in shown}, "warnings": warnings(held.config)},
        )
        return
    table = Table("setting", "value", "what it means")
    table.columns[0].no_wrap = True
    texts = texts_of(held.config)
    for key in shown:
        table.add_row(key, escape(texts[key]) or "none", escape(description(key)))
    Console().print(table)
    _print_where(held)


def set_(  # noqa: PLR0917 - typer makes the flags from them
    context: typer.Context,
    assignments: Assignments,
    as_json: AsJson = False,
    mode: Mode = None,
    database: Database = None,
    http: Http = None,
    state_dir: StateDir = None,
) -> None:
    """Change settings: all that are named or, with a fault anywhere, none. Ends with 64 for a fault."""
    changes = _parted(assignments, as_json=as_json)
    with configuration_errors():
        settings, only = _settings(context, mode, database, http, state_dir)
    try:
        held = change(settings, changes, only=only)
    except Refused as error:
        _refuse(error.faults, as_json=as_json)
    except NotDone as error:
        fail(str(error), error.code)
    if as_json:
        _print_json(
            held,
            {
                "config": _json_of(held.config, KEYS),
                "changed": [each.model_dump() for each in held.changed],
                "warnings": warnings(held.config),
            },
        )
        return
    _print_changes(held.changed)
    if not held.changed:
        print("nothing changed: it was set so already")
    _print_where(held)


def diff(  # noqa: PLR0917 - typer makes the flags from them
    context: typer.Context,
    as_json: AsJson = False,
    mode: Mode = None,
    database: Database = None,
    http: Http = None,
    state_dir: StateDir = None,
) -> None:
    """Show what is set otherwise than by default: the default, and what is set."""
    held = _read(context, mode, database, http, state_dir)
    found = differences(BotConfig(), held.config)
    if as_json:
        told = [{"key": each.key, "default": each.old, "value": each.new} for each in found]
        _print_json(held, {"differences": told, "warnings": warnings(held.config)})
        return
    _print_changes(found)
    if not found:
        print("everything is as by default")
    _print_where(held)


def _parted(assignments: Iterable[str], *, as_json: bool) -> list[tuple[str, str]]:
    """Keys and values; ends the program for what is wrong by itself, before anybody is asked."""
    whole = [each.partition("=") for each in assignments]
    odd = [
        SettingFault(key=ascii(key)[1:-1], fault="must be given as KEY=VALUE")
        for key, sign, _ in whole
        if not sign
    ]
    changes = [(key.strip(), value) for key, sign, value in whole if sign]
    checked = changed(BotConfig(), changes)
    faults = (*odd, *checked) if isinstance(checked, tuple) else odd
    if faults:
        _refuse(faults, as_json=as_json)
    return changes


def _settings(
    context: typer.Context, mode: str | None, database: str | None, http: str | None, state_dir: Path | None
) -> tuple[Settings, Path | None]:
    """Where to look, and the only ledger that is meant: None where no flag says which."""
    root = context.find_object(RootFlags) or RootFlags()
    mode, database = mode or root.mode, database or root.database
    settings = load(
        mode=mode, database=database, http=http or root.http, state_dir=state_dir or root.state_dir
    )
    return settings, settings.database if mode or database else None


def _read(
    context: typer.Context, mode: str | None, database: str | None, http: str | None, state_dir: Path | None
) -> Held:
    with configuration_errors():
        settings, only = _settings(context, mode, database, http, state_dir)
        try:
            return read(settings, only=only)
        except NotDone as error:
            fail(str(error), error.code)


def _refuse(faults: Iterable[SettingFault], *, as_json: bool) -> NoReturn:
    told = tuple(faults)
    if as_json:
        print(json.dumps({"faults": [each.model_dump() for each in told]}, indent=2))
    fail("nothing was changed: " + "; ".join(map(str, told)), Exit.CONFIGURATION)


def _json_of(config: BotConfig, keys: Iterable[str]) -> dict[str, Any]:
    told = ConfigValues(**dict(config)).model_dump(mode="json")
    return {key: told[key] for key in keys}


def _print_json(held: Held, told: dict[str, Any]) -> None:
    print(json.dumps({"running": held.running, "ledger": held.ledger} | told, indent=2))


def _print_changes(changes: Iterable[SettingChange]) -> None:
    for each in changes:
        print(f"{each.key}: {each.old or 'none'} -> {each.new or 'none'}")


def _print_where(held: Held) -> None:
    for each in warnings(held.config):
        print(f"note: {each}")
    print(f"in {held.ledger}" + (" of the running bot" if held.running else "; the bot is not running"))
