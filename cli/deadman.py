"""`python run.py deadman`: a process beside the bot, that alarms when the bot's sign of life stays away."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer

from actors.clock import system_clock
from cli.exits import FAILED, configuration_errors
from cli.flags import AsJson, RootFlags, StateDir
from settings import ConfigurationError, alarms_of, environment, resolved
from watch.alarm import Notice
from watch.channel import Send
from watch.services import NoService, services
from watch.silence import Silence

LOOK_S: Final = 10.0
TOLD_FAILED: Final = "an alarm did not reach {name}: {why}"

Say = Callable[[str], None]


def command(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="One look, for cron and timers.")] = False,
    max_age: Annotated[int, typer.Option(help="Seconds: an older sign of life is none.", min=15)] = 60,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Tell the owner, by STARFILL_ALARM_URLS, when the running bot gives no sign of life.

    Run it apart from the bot: by cron or a timer with --once (ends with 0: the bot lives, 1: it does not), or
    on its own under a supervisor. It reads the file `health` in the state folder, and nothing else.
    """
    with configuration_errors():
        if as_json and not once:
            raise ConfigurationError("--json tells of one look; it needs --once")
        root = context.find_object(RootFlags) or RootFlags()
        env = environment(state_dir=state_dir or root.state_dir)
        channels = _channels([url.get_secret_value() for url in alarms_of(env).urls])
        folder = resolved("STARFILL_STATE_DIR", env.state_dir)
    silence = Silence(folder, timedelta(seconds=max_age))
    if once:
        seen = look(silence, channels, system_clock(), _say)
        if as_json:
            print(json.dumps({"alive": seen.alive, "told": seen.told, "by": seen.by}, indent=2))
        raise typer.Exit(0 if seen.alive else FAILED)
    names = ", ".join(name for name, _ in channels)
    _say(f"watching {folder}, to tell {names}; stop with Ctrl-C")
    try:
        while True:
            look(silence, channels, system_clock(), _say)
            time.sleep(LOOK_S)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@dataclass(frozen=True)
class Seen:
    """What one look has found."""

    alive: bool
    told: str | None = None
    """What the owner had to be told; None: nothing new."""
    by: tuple[str, ...] = ()
    """The channels that took it."""


def look(silence: Silence, channels: Sequence[tuple[str, Send]], now: datetime, say: Say) -> Seen:
    """Look once, and tell what has to be told. What no channel took is told again."""
    word = silence.look(now)
    if word.text is None:
        return Seen(alive=not word.silent)
    say(word.text)
    title = "Starfill gives no sign of life" if word.silent else "Starfill lives"
    notice = Notice(title, word.text, urgent=word.silent)
    taken = []
    for name, send in channels:
        why = send(notice)
        if why is None:
            taken.append(name)
        else:
            say(TOLD_FAILED.format(name=name, why=why))
    if taken:
        try:
            silence.was_told(word, now)
        except OSError as error:
            say(f"what was told cannot be kept in the state folder ({error.strerror})")
    return Seen(alive=not word.silent, told=word.text, by=tuple(taken))


def _channels(urls: list[str]) -> list[tuple[str, Send]]:
    """Raises ConfigurationError: a dead-man that can tell nobody must not seem to watch."""
    if not urls:
        raise ConfigurationError("STARFILL_ALARM_URLS is empty, so nobody could be told; see docs/alarms.md")
    try:
        return services(urls)
    except NoService as error:
        raise ConfigurationError(str(error)) from None


def _say(text: str) -> None:
    typer.echo(f"starfill deadman: {text}", err=True)
