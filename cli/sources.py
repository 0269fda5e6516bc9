"""`python run.py source`: who else may send signals, and the keys that they prove it with.

It works on the state folder, whether the bot runs or not; a bot that runs takes changes up by itself.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer

from actors.clock import system_clock
from cli.exits import configuration_errors
from cli.flags import AsJson, StateDir, settings_from
from settings import ConfigurationError, Settings
from web.api.views import time_text
from web.sources.key_file import (
    KeysUnusable,
    Kind,
    Secrets,
    add_source,
    read_keys,
    remove_source,
    rotate_source,
)

HOOK: Final = "/hooks/tradingview/"
PLACEHOLDER: Final = "YOUR-PUBLIC-HOST"

Name = Annotated[str, typer.Argument(help="The source, as news-desk.", show_default=False)]
TradingView = Annotated[
    bool, typer.Option("--tradingview", help="For TradingView, which cannot sign: an address, a passphrase.")
]
KeyId = Annotated[
    str | None, typer.Option("--key", help="Only this key of it, by its id.", show_default=False)
]


def application() -> typer.Typer:
    app = typer.Typer(help="Who else may send signals, and with which keys.")
    app.command("add")(add)
    app.command("rotate")(rotate)
    app.command("list")(list_all)
    app.command("remove")(remove)
    return app


def add(
    context: typer.Context,
    name: Name,
    tradingview: TradingView = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Make a source, and show its secret: this once and never again."""
    kind: Kind = "tradingview" if tradingview else "signed"
    with _settings(context, state_dir) as settings:
        _show(name, kind, add_source(settings.state_dir, name, kind, system_clock), settings, as_json=as_json)


def rotate(context: typer.Context, name: Name, as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """Make a second key for a source; the one before stays good until the next, or until it is removed."""
    with _settings(context, state_dir) as settings:
        kind, shown = rotate_source(settings.state_dir, name, system_clock)
        _show(name, kind, shown, settings, as_json=as_json)


def list_all(context: typer.Context, as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """Show the sources and the ids of their keys, and no secret."""
    with _settings(context, state_dir) as settings:
        sources = read_keys(settings.state_dir).sources
    rows = [
        {"name": source.name, "kind": source.kind, "key": key.id, "made_at": time_text(key.made_at)}
        for source in sources
        for key in source.keys
    ]
    if as_json:
        print(json.dumps({"items": rows}, indent=2))
        return
    for row in rows:
        print(f"{row['name']:<24} {row['kind']:<12} key {row['key']}  made {row['made_at']}")
    if not rows:
        print("there are no sources; signals are taken from those who have the token")


def remove(
    context: typer.Context,
    name: Name,
    key: KeyId = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Remove a source, or one of its keys: what it signs is refused from then on."""
    with _settings(context, state_dir) as settings:
        left = remove_source(settings.state_dir, name, key)
    if as_json:
        print(json.dumps({"name": name, "keys_left": left}))
        return
    print(f"{name}: " + (f"{left} key left" if left else "removed; nothing is taken from it any more"))


@contextmanager
def _settings(context: typer.Context, state_dir: Any) -> Iterator[Settings]:
    """The settings for what the block does; what cannot be done ends the program with one line."""
    with configuration_errors():
        settings = settings_from(context, None, state_dir)
        try:
            yield settings
        except KeysUnusable as error:
            raise ConfigurationError(str(error)) from None


def _show(name: str, kind: Kind, shown: Secrets, settings: Settings, *, as_json: bool) -> None:
    told = {"name": name, "kind": kind, "key": shown.key_id}
    if kind == "signed":
        told |= {"secret": shown.secret}
    else:
        host = settings.public_host or PLACEHOLDER
        told |= {
            "path": HOOK + shown.secret,
            "url": f"https://{host}{HOOK}{shown.secret}",
            "passphrase": shown.passphrase,
            "message": message_for(name, shown.passphrase),
        }
    if as_json:
        print(json.dumps(told, indent=2))
        return
    for title, text in told.items():
        if title not in {"path", "message"}:
            print(f"{title:<11} {text}")
    if kind == "tradingview":
        print(f"\nThe alert's message, to be pasted and adapted:\n{told['message']}")
    print("\nThis is shown once; only Starfill's key file has it now. See docs/signal-sources.md.")


def message_for(alert: str, passphrase: str) -> str:
    """An alert's message as it is pasted into TradingView."""
    template = {
        "passphrase": passphrase,
        "alert": alert,
        "symbol": "{{exchange}}:{{ticker}}",
        "catalyst_tier": 2,
        "ai_confidence": "high",
        "price_at_signal": "{{close}}",
        "issued_at": "{{timenow}}",
        "ttl_s": 120,
    }
    return json.dumps(template, indent=2)
