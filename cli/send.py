"""`python run.py send`: one signal from flags, or many from a file or a pipe, to the running bot."""

import io
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from actors.clock import system_clock
from cli.client import BotClient, Unreachable
from cli.delivery import Delivered, Report, deliver, follow
from cli.exits import FAILED, configuration_errors, fail
from cli.flags import AsJson, Http, StateDir, settings_from
from cli.preview import Told, previews
from cli.preview import as_json as told_as_json
from cli.reach import bot_of, give_up, with_advice
from settings import ConfigurationError
from web.roles import Role

LONG: Final = 50
"""Lines from which on a file gets a progress bar."""

Text = str | None
Numbered = tuple[Iterator[tuple[int, str]], int | None]


def command(  # noqa: PLR0917 - typer makes the flags from them
    context: typer.Context,
    file: Annotated[Text, typer.Argument(help="JSON lines, one signal each; - for a pipe.")] = None,
    symbol: Annotated[Text, typer.Option(help="The stock, as ACME.")] = None,
    tier: Annotated[int | None, typer.Option(help="The catalyst's tier, 1 to 4.")] = None,
    confidence: Annotated[Text, typer.Option(help="The AI's: high, medium or low.")] = None,
    category: Annotated[Text, typer.Option(help="The catalyst's category, as FDA.")] = None,
    price: Annotated[Text, typer.Option(help="The price at the signal.")] = None,
    ttl: Annotated[int | None, typer.Option(help="Seconds for which the signal is fresh.")] = None,
    signal_id: Annotated[Text, typer.Option("--id", help="Default: cli-TIME-SYMBOL.")] = None,
    source: Annotated[Text, typer.Option(help="Who sends it. Default: cli.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for verdicts.", min=0)] = 10.0,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for verdicts.")] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Only tell what would become of them now; nothing is stored.")
    ] = False,
    as_json: AsJson = False,
    http: Http = None,
    state_dir: StateDir = None,
) -> None:
    """Send signals to the running bot and print their verdicts.

    Ends with 0 when every signal was taken in (also as a repeat) or previewed, else with 1.
    """
    with configuration_errors():
        settings = settings_from(context, http, state_dir)
        flags = {
            "signal_id": signal_id,
            "symbol": symbol,
            "catalyst_tier": tier,
            "ai_confidence": confidence,
            "catalyst_category": category,
            "price_at_signal": price,
            "ttl_s": ttl,
            "source": source,
        }
        lines, total = _opened(file, flags)
        try:
            client = bot_of(settings, Role.OPERATE)
        except Unreachable as error:
            give_up(error)
    if preview:
        _preview(client, lines, as_json=as_json)
    with closing(client):
        report = _deliver(client, lines, None if as_json else total)
        try:
            follow(client, report.taken, 0 if no_wait else wait)
        except Unreachable as error:
            report.unreachable = report.unreachable or with_advice(error)
    _print_json(report) if as_json else _print(report)
    if report.unreachable:
        fail(report.unreachable, FAILED)
    raise typer.Exit(0 if report.all_taken else FAILED)


def _preview(client: BotClient, lines: Iterator[tuple[int, str]], *, as_json: bool) -> NoReturn:
    told: list[Told] = []
    with closing(client):
        try:
            told.extend(previews(client, lines, system_clock))
        except Unreachable as error:
            give_up(error)
    if as_json:
        print(told_as_json(told))
    else:
        for each in told:
            print("\n".join((each.headline, *(each.checks if len(told) == 1 else ()))))
    raise typer.Exit(FAILED if any(each.why for each in told) else 0)


def _opened(file: str | None, flags: dict[str, Any]) -> Numbered:
    """The lines to send with their numbers, and how many there are; None: a pipe does not tell."""
    given = {name: value for name, value in flags.items() if value is not None}
    if file is not None and given:
        raise ConfigurationError("a file of signals and flags for one signal exclude each other")
    if file is not None:
        return _numbered(file)
    missing = [
        flag for flag, name in (("--symbol", "symbol"), ("--tier", "catalyst_tier")) if name not in given
    ]
    if missing:
        raise ConfigurationError(
            f"a signal needs {' and '.join(missing)}; or name a file of JSON lines, or -"
        )
    return _single(given)


def _single(given: dict[str, Any]) -> Numbered:
    now = system_clock()
    derived = {"signal_id": f"cli-{now:%Y%m%dT%H%M%S.%fZ}-{given['symbol']}", "source": "cli"}
    line = json.dumps({"ai_confidence": None} | derived | given)
    return iter([(1, line)]), 1


def _numbered(file: str) -> Numbered:
    if file == "-":
        return _lines(_stdin()), None
    try:
        lines = Path(file).read_text(encoding="utf-8", errors="backslashreplace").split("\n")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    return _lines(lines), len(lines)


def _stdin() -> Iterable[str]:
    """The pipe, read as a file is: bytes that are no UTF-8 spoil their own line only."""
    if sys.stdin is None:
        raise ConfigurationError("there is no standard input to read from")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="backslashreplace")
    return sys.stdin


def _lines(file: Iterable[str]) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(file, start=1) if line.strip())


def _deliver(client: BotClient, lines: Iterator[tuple[int, str]], total: int | None) -> Report:
    report = Report()
    shown = total is not None and total >= LONG and sys.stderr is not None and sys.stderr.isatty()
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as progress:
        task = progress.add_task("sending", total=total)
        try:
            for done in deliver(client, lines, system_clock):
                report.lines.append(done)
                progress.update(task, completed=done.line)
        except Unreachable as error:
            report.unreachable = with_advice(error)
    return report


def _print_json(report: Report) -> None:
    print(json.dumps(report.as_json(), indent=2))


def _print(report: Report) -> None:
    for done in report.lines:
        if done.why:
            print(f"line {done.line}: {done.why}")
    print(", ".join(f"{report.count(name)} {name}" for name in ("accepted", "repeated", "refused")))
    for verdict, number in report.verdicts.most_common():
        print(f"  {verdict:<17} {number:>5}  {_example(report.taken, verdict)}".rstrip())


def _example(taken: list[Delivered], verdict: str) -> str:
    """Why: the reason itself where it is one signal's, else the first one's."""
    found = [each for each in taken if each.verdict == verdict]
    if not found:
        return ""
    return found[0].reason if len(found) == 1 else f"{found[0].signal_id}: {found[0].reason}"
