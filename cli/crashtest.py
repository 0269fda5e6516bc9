"""`python run.py crashtest`: kill the bot at every crash point; no order, no signal may suffer."""

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

from cli.exits import configuration_errors
from settings import ConfigurationError

if TYPE_CHECKING:
    from cli.crash.cases import Case, Extent
    from cli.crash.play import Outcome

FAILED: Final = 1
MOST_JOBS: Final = 2
"""More bots than that on one machine would measure the machine."""


def command(  # noqa: PLR0917 - typer makes the flags from them
    seeds: Annotated[int, typer.Option(help="Rounds, each with other timings.", min=1)] = 1,
    points: Annotated[
        str | None, typer.Option(help="Some crash points, as a,b. Default: all.", show_default=False)
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One case a point.")] = False,
    full: Annotated[bool, typer.Option("--full", help="All combinations, 8 cases a point.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    jobs: Annotated[
        int,
        typer.Option(help="Bots at a time.", min=1, max=MOST_JOBS, show_default="as the machine has cores"),
    ] = min(MOST_JOBS, os.cpu_count() or 1),
) -> None:
    """Kill the bot at each of its crash points, under supervisord, and compare both books afterwards.

    A simulator in this process outlives it, so nothing but play money is touched. Ends with 0 when every
    case holds, else with 1.
    """
    # The bot shares this command line, and need not carry a simulator's server in its memory.
    from cli.crash import report
    from cli.crash.cases import sweep

    with configuration_errors():
        cases = list(sweep(_points(points), seeds, _extent(quick=quick, full=full)))
        _want_a_checkout()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped, as for Ctrl-C
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="starfill-crash-"))
    try:
        with _progress() as progress:
            task = progress.add_task("crashing", total=len(cases))
            outcomes = play_all(cases, folder, jobs=jobs, played=lambda: progress.advance(task))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not any(folder.iterdir()):  # what failed stays there
        folder.rmdir()
    seconds = time.monotonic() - started
    if as_json:
        print(json.dumps(report.as_json(outcomes, seconds), indent=2))
    else:
        report.show(outcomes, seconds, Console())
    raise typer.Exit(0 if all(outcome.holds for outcome in outcomes) else FAILED)


def play_all(
    cases: Sequence["Case"], folder: Path, *, jobs: int, played: Callable[[], object] = lambda: None
) -> list["Outcome"]:
    """The outcomes in the cases' order; `played` is called after each. An interruption stops what runs."""
    from cli.crash.play import play

    abandoned = threading.Event()
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(play, case, folder, abandoned=abandoned) for case in cases]
        try:
            for future in as_completed(futures):
                future.result()
                played()
        except BaseException:
            abandoned.set()
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _points(names: str | None) -> tuple[str, ...]:
    from cli.crash.cases import chosen

    try:
        return chosen(names)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def _extent(*, quick: bool, full: bool) -> "Extent":
    if quick and full:
        raise ConfigurationError("--quick and --full exclude each other")
    return "quick" if quick else "full" if full else "default"


def _want_a_checkout() -> None:
    from cli.crash.home import ROOT

    missing = [name for name in ("run.py", "deploy/supervisord.conf") if not (ROOT / name).is_file()]
    if missing:
        raise ConfigurationError(
            f"the crash test runs the bot as it is deployed, and {ROOT} has no {missing[0]}; "
            "start it from a checkout"
        )


def _progress() -> Progress:
    watched = sys.stderr is not None and sys.stderr.isatty()
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=not watched)
