"""`python run.py halt` and `resume`: stop what adds risk, and let it go on."""

import json
from collections.abc import Iterable
from contextlib import closing
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError

from cli.client import Answer, BotClient, NotTold, Stranger, Unreachable
from cli.exits import FAILED, START_IT, configuration_errors, fail
from cli.flags import AsJson, Http, StateDir, settings_from
from cli.halt_by_file import NotHalted, halt_by_file
from cli.reach import bot_of, told_as
from domain.holdings import ALL
from settings import ConfigurationError, Settings
from web.api.account_views import HaltJson, HaltsChangedJson
from web.api.halts import REQUIREMENTS, ScopeAndReason
from web.api.views import ListJson, time_text
from web.roles import Role
from web.token import NAMES

TOLD: Final = frozenset({401, 403, 422})
"""Answers to a mistake in what was asked, or of whom: a file would not mend it."""

Symbol = Annotated[str | None, typer.Argument(help="The stock, as ACME.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="Everything.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept.", show_default=False)]


def halt(  # noqa: PLR0917 - typer makes the flags from them
    context: typer.Context,
    reason: Reason,
    symbol: Symbol = None,
    everything: All = False,
    as_json: AsJson = False,
    http: Http = None,
    state_dir: StateDir = None,
) -> None:
    """Stop what adds risk, of one symbol or of everything, until it is resumed: also across restarts.

    When the bot is not running, it is halted when it starts.
    """
    with configuration_errors():
        asked = _asked(symbol, everything, reason)
        settings = settings_from(context, http, state_dir)
        try:
            with closing(bot_of(settings, Role.OPERATE)) as client:
                answer = client.halt(asked.scope, asked.reason)
                by_bot = answer.is_good or answer.status in TOLD
                changed = _changed(client, answer) if by_bot else None
        except Unreachable as error:
            why = str(error) if isinstance(error, NotTold) else f"{error}: the bot is not running"
            another = isinstance(error, Stranger) and error.is_starfill
            _by_file(settings, asked, why, answers=False, another=another, as_json=as_json)
            return
    if changed is None:
        _by_file(settings, asked, f"the bot cannot halt: {answer.why()}", answers=True, as_json=as_json)
        return
    if as_json:
        _print_json({"running": True} | changed.model_dump(mode="json"))
        return
    print(
        f"{_named(asked.scope)} is halted"
        + ("" if changed.changed else ", as it was for this reason already")
    )
    _print_standing(changed.standing)


def resume(  # noqa: PLR0917 - typer makes the flags from them
    context: typer.Context,
    reason: Reason,
    symbol: Symbol = None,
    everything: All = False,
    as_json: AsJson = False,
    http: Http = None,
    state_dir: StateDir = None,
) -> None:
    """Lift the halts of one symbol, or with --all those of everything; the halts of single symbols stay."""
    with configuration_errors():
        asked = _asked(symbol, everything, reason)
        settings = settings_from(context, http, state_dir)
        try:
            with closing(bot_of(settings, Role.ARM)) as client:
                before = told_as(ListJson[HaltJson], client, client.read("/api/halts"))
                if not as_json:
                    print("before:" if before.items else "nothing is halted")
                    _print_standing(before.items)
                changed = _changed(client, client.resume(asked.scope, asked.reason))
        except Unreachable as error:
            todo = "" if isinstance(error, NotTold) else f", only a running bot lifts halts; {START_IT}"
            fail(f"{error}; nothing was resumed{todo}", FAILED)
    if as_json:
        lifted = [each.model_dump(mode="json") for each in before.items if each.scope == asked.scope]
        _print_json({"lifted": lifted} | changed.model_dump(mode="json"))
        return
    print(f"{_named(asked.scope)}: " + (f"{changed.changed} lifted" if changed.changed else "no halt stood"))
    if changed.standing:
        print("still halted:")
        _print_standing(changed.standing)


def _asked(symbol: str | None, everything: bool, reason: str) -> ScopeAndReason:
    """What is to be halted or resumed; raises ConfigurationError."""
    if (symbol is None) is not everything:
        raise ConfigurationError("name one symbol or --all, and not both")
    if symbol == ALL:
        raise ConfigurationError("`all` is no symbol; everything is --all")
    try:
        return ScopeAndReason(scope=symbol or ALL, reason=reason)
    except ValidationError as error:
        faults = sorted({str(each["loc"][0]) for each in error.errors()})
        raise ConfigurationError("; ".join(f"the {name} {REQUIREMENTS[name]}" for name in faults)) from None


def _changed(client: BotClient, answer: Answer) -> HaltsChangedJson:
    if not answer.is_good:
        fail(f"nothing was changed: {answer.why()}", FAILED)
    return told_as(HaltsChangedJson, client, answer)


def _by_file(
    settings: Settings,
    asked: ScopeAndReason,
    why: str,
    *,
    answers: bool,
    another: bool = False,
    as_json: bool,
) -> None:
    known = (settings.state_dir / NAMES[Role.ARM]).exists()
    try:
        done = halt_by_file(settings.state_dir, asked.scope, asked.reason)
    except NotHalted as error:
        fail(f"{why}; {error}", FAILED)
    if not known:
        fail(
            f"no bot was ever started with {settings.state_dir}: a running one is NOT halted. Name its "
            f"folder with --state-dir. One that starts with this folder finds the halt in {done.path}",
            FAILED,
        )
    if another:
        fail(
            f"{why}, and it is NOT halted: name its folder with --state-dir. The bot of {settings.state_dir} "
            f"finds the halt in {done.path}",
            FAILED,
        )
    if as_json:
        _print_json({"running": answers, "file": str(done.path), "changed": int(done.new)})
        return
    print(why)
    when = "soon" if answers else "when it starts, or soon if it runs"
    print(f"{_named(asked.scope)} is halted in {done.path}, where the bot finds it {when}")


def _named(scope: str) -> str:
    return "everything" if scope == ALL else scope


def _print_standing(standing: Iterable[HaltJson]) -> None:
    for each in standing:
        print(f"  {each.scope:<6} since {time_text(each.at)} by {each.by}: {each.reason}")


def _print_json(told: dict[str, Any]) -> None:
    print(json.dumps(told, indent=2))
