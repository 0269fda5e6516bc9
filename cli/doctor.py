"""`python run.py doctor`: what a start needs, looked at one by one; each line is ok, or says what to do."""

import json
import shutil
import socket
import sqlite3
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal, NamedTuple

import typer

import settings as settings_module
from actors.clock import system_clock
from broker.api import Account, ReadFailed, StreamEnd
from broker.rest import AlpacaRest
from broker.stream import AlpacaStream
from cli.client import Stranger, Unreachable
from cli.exits import FAILED, configuration_errors
from cli.flags import AsJson, Http, StateDir, settings_from
from cli.reach import bot_of
from domain.gate import CLOCK_TOLERANCE
from persistence.migrate import migrations
from settings import OTHERS, Settings
from watch.silence import HEALTH
from web.roles import Role
from web.token import NAMES, TokenUnusable

STREAM_S: Final = 12.0
LITTLE: Final = 500_000_000
"""Bytes free below which the disk is soon full."""
OLD_S: Final = 60.0

State = Literal["ok", "warn", "fail"]


class Line(NamedTuple):
    """One thing that was looked at."""

    what: str
    state: State
    text: str
    """How it stands and, unless it is ok, what to do."""


def command(
    context: typer.Context, as_json: AsJson = False, http: Http = None, state_dir: StateDir = None
) -> None:
    """Look at keys, clock, disk, database, stream, permissions, version. It changes nothing.

    Beside a running bot and without one. Ends with 1 where something has to be done.
    """
    with configuration_errors():
        settings = settings_from(context, http, state_dir)
    lines = []
    for line in examined(settings):
        lines.append(line)
        if not as_json:
            print(f"{line.state:<5} {line.what:<12} {line.text}", flush=True)
    if as_json:
        print(json.dumps({"items": [each._asdict() for each in lines]}, indent=2))
    if any(line.state == "fail" for line in lines):
        raise typer.Exit(FAILED)


def examined(settings: Settings) -> Iterator[Line]:
    """Every line, as it is found out."""
    yield _version()
    yield from _permissions(settings)
    yield _disk(settings.state_dir)
    yield _database(settings.database)
    running = yield from _bot(settings)
    yield from _broker(settings, running=running)


def _version() -> Line:
    python = ".".join(map(str, sys.version_info[:3]))
    return Line(
        "version", "ok", f"Starfill {version('starfill')}, Python {python}, SQLite {sqlite3.sqlite_version}"
    )


def _permissions(settings: Settings) -> Iterator[Line]:
    folder = settings.state_dir
    if not folder.is_dir():
        yield Line("permissions", "warn", f"{folder} is not there yet: it is made at the first start")
        return
    wide = [
        path
        for path in (
            *(folder / name for name in NAMES.values()),
            folder / "signal-keys.json",
            settings_module.ENV_FILE,
        )
        if path.exists() and path.stat().st_mode & OTHERS
    ]
    if wide:
        files = ", ".join(str(path) for path in wide)
        yield Line("permissions", "fail", f"others can read {files}: chmod 600 {files}")
    else:
        yield Line("permissions", "ok", f"tokens in {folder} and .env are yours alone")


def _disk(folder: Path) -> Line:
    place = next((each for each in (folder, *folder.parents) if each.exists()), Path("/"))
    free = shutil.disk_usage(place).free
    text = f"{free / 1e9:.1f} GB free at {place}"
    return (
        Line("disk", "ok", text)
        if free > LITTLE
        else Line("disk", "fail", f"{text}: make room, a full disk stops every order")
    )


def _database(path: Path) -> Line:
    if not path.exists():
        return Line("database", "ok", f"{path} is made at the first start")
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            [schema] = connection.execute("PRAGMA user_version").fetchone()
            [fault] = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return Line(
            "database", "fail", f"{path} cannot be read ({error}): restore a backup, or see who holds it"
        )
    newest = len(migrations())
    if fault != "ok":
        return Line("database", "fail", f"{path} is damaged ({fault}): stop the bot and restore a backup")
    if schema > newest:
        return Line(
            "database",
            "fail",
            f"{path} has schema {schema}, this version knows {newest}: install the newer one",
        )
    note = "" if schema == newest else f", which the next start brings to {newest}"
    return Line("database", "ok", f"{path} is sound, schema {schema}{note}")


def _bot(settings: Settings) -> Generator[Line, None, bool]:
    """Whether one runs, and is well; returns whether one runs."""
    try:
        with closing(bot_of(settings, Role.VIEW)) as client:
            answer = client.read("/readyz")
    except Stranger as stranger:
        todo = (
            "name its folder with --state-dir" if stranger.is_starfill else "set STARFILL_HTTP to a free port"
        )
        yield Line("bot", "fail", f"{stranger}: {todo}")
        return False
    except (Unreachable, settings_module.ConfigurationError, TokenUnusable):
        yield from _port(settings)
        return False
    if answer.is_good:
        yield Line("bot", "ok", f"runs at {client.url}, and its gate is open")
    elif answer.status == 503:  # noqa: PLR2004 - HTTP's own
        why = answer.body.get("reason") or answer.why()
        yield Line("bot", "warn", f"runs at {client.url}, and buys nothing just now: {why}")
    else:
        yield Line("bot", "fail", f"answers at {client.url} with: {answer.why()}")
    yield _health(settings.state_dir / HEALTH)
    return True


def _port(settings: Settings) -> Iterator[Line]:
    with closing(socket.socket(socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET)) as probe:
        taken = (
            probe.connect_ex((settings.http_host, settings.http_port)) == 0 if settings.http_port else False
        )
    if taken:
        yield Line(
            "bot",
            "fail",
            f"{settings.http_host}:{settings.http_port} is taken by another program: set STARFILL_HTTP",
        )
    else:
        yield Line("bot", "ok", "does not run; its port is free")


def _health(path: Path) -> Line:
    try:
        age = system_clock().timestamp() - path.stat().st_mtime
    except OSError:
        return Line(
            "health", "warn", f"{path} is not there: the bot has just started, or another folder is its own"
        )
    if age > OLD_S:
        return Line("health", "fail", f"{path} is {age:.0f} s old: the bot stands still, restart it")
    return Line("health", "ok", "all actors answered within the last minute")


def _broker(settings: Settings, *, running: bool) -> Iterator[Line]:
    if settings.broker_url is None:
        yield Line("broker", "ok", "the simulator inside the bot: there is nothing to look at")
        return
    broker = AlpacaRest(
        base_url=settings.broker_url,
        data_url=settings.data_url or settings.broker_url,
        key_id=settings.key_id,
        secret_key=settings.secret_key,
    )
    account = broker.account()
    if isinstance(account, ReadFailed):
        what = "refuses the keys" if account.keys_refused else f"does not answer ({account.why})"
        todo = (
            "check them, and that they belong to this mode"
            if account.keys_refused
            else "check network and address"
        )
        yield Line("keys", "fail", f"{settings.broker_url} {what}: {todo}")
        return
    yield _keys(settings, account)
    yield _clock(broker)
    if running:
        yield Line("stream", "ok", "the bot's own: see its gate above")
    else:
        yield _stream(settings)


def _keys(settings: Settings, account: Account) -> Line:
    if account.trading_blocked:
        return Line(
            "keys", "fail", f"account {account.account_number} may not trade: see Alpaca's page for why"
        )
    if settings.mode == "live" and settings.confirm_live != account.account_number:
        todo = f"set STARFILL_CONFIRM_LIVE={account.account_number} if you mean it"
        return Line("keys", "fail", f"live trading of {account.account_number} is not confirmed: {todo}")
    return Line("keys", "ok", f"open the {settings.mode} account {account.account_number}")


def _clock(broker: AlpacaRest) -> Line:
    before = system_clock()
    told = broker.clock()
    after = system_clock()
    if isinstance(told, ReadFailed):
        return Line("clock", "fail", f"the broker's clock cannot be read ({told.why}): ask again")
    off = min((before - told.timestamp, after - told.timestamp), key=abs)
    text = f"{abs(off.total_seconds()):.1f} s from the broker's"
    if abs(off) > CLOCK_TOLERANCE:
        return Line(
            "clock", "fail", f"{text}: set this machine's clock (chrony, timesyncd), nothing is bought so"
        )
    return Line("clock", "ok", text)


class _Probe:
    """Hears one connection until it is subscribed, or over."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.why = "no answer"
        self.opened = False

    def stream_opened(self, _generation: int) -> None:
        self.opened = True
        self.over.set()

    def stream_frame(self, generation: int, frame: bytes | str) -> None:
        """Of no interest."""

    def stream_ended(self, _generation: int, end: StreamEnd) -> None:
        self.why = end.why
        self.over.set()


def _stream(settings: Settings) -> Line:
    assert settings.broker_url is not None
    probe = _Probe()
    feed = AlpacaStream(base_url=settings.broker_url, key_id=settings.key_id, secret_key=settings.secret_key)
    connection = feed.connect(1, probe)
    probe.over.wait(STREAM_S)
    connection.close()
    if probe.opened:
        return Line("stream", "ok", "trade_updates can be subscribed to")
    return Line(
        "stream", "fail", f"the trading stream does not open ({probe.why}): without it nothing is bought"
    )
