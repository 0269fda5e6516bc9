"""The demo: sample signals through the running bot's own API, then what became of them."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from actors.clock import system_clock
from cli.client import BotClient, Unreachable
from cli.delivery import Delivered, Report, deliver
from cli.oracle import compare, dollars_spent
from domain.orders import UNSETTLED
from domain.signals import decimal_text
from domain.values import CENT, Clock
from persistence.queries import Queries
from settings import Exit
from web.api.views import time_text

READY_S: Final = 30.0
SETTLED_S: Final = 60.0
POLL_S: Final = 0.1


def play(
    *,
    url: str,
    token: str,
    queries: Queries,
    oracle_path: Path,
    console: Console,
    samples: Iterable[dict[str, Any]] | None = None,
    clock: Clock = system_clock,
    pause: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> int:
    """Feed the samples at their offsets, wait until all is decided and done, print what came of it.

    The exit code: 0, or 1 when something is left open or the ledger and the simulator disagree. Blocks
    for as long as the samples take, and a minute at most after them.
    """

    def holds(condition: Callable[[], bool], seconds: float) -> bool:
        give_up = monotonic() + seconds
        while not condition():
            if monotonic() >= give_up:
                return False
            pause(POLL_S)
        return True

    with closing(BotClient(url, token, pause)) as client:
        try:
            if not holds(client.is_ready, READY_S):
                console.print(f"the bot is not ready after {READY_S:.0f} s; see {url}/readyz")
                return Exit.DIFFERENT
            lines = timed(load_samples() if samples is None else samples, clock, pause, monotonic)
            report = Report(list(deliver(client, lines, clock)))
        except Unreachable as error:
            console.print(f"the demo ends early: {error}")
            return Exit.DIFFERENT
    settled = holds(lambda: is_settled(queries), SETTLED_S)
    differences = compare(queries, oracle_path)
    if not settled:
        differences.append(f"after {SETTLED_S:.0f} s some signals are undecided or some orders not done")
    show(console, report.lines, queries, differences)
    return Exit.DIFFERENT if differences else Exit.CLEAN


def load_samples() -> list[dict[str, Any]]:
    """The bundled signals; `after_s` says when each is sent, counted from the start."""
    text = files("cli").joinpath("demo_signals.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def timed(
    samples: Iterable[dict[str, Any]],
    clock: Clock,
    pause: Callable[[float], None],
    monotonic: Callable[[], float],
) -> Iterator[tuple[int, str]]:
    """Each sample as a numbered line of JSON when its time has come.

    An id is given its time of issue once, so that the sample which repeats another is a true repeat;
    the run's own time is part of the source, so that a second demo on one ledger is not.
    """
    begun, started = clock(), monotonic()
    issued: dict[str, datetime] = {}
    for number, sample in enumerate(samples, start=1):
        fields = dict(sample)
        pause(max(float(fields.pop("after_s", 0)) - (monotonic() - started), 0.0))
        issued_at = issued.setdefault(fields["signal_id"], clock())
        fields |= {"source": f"demo-{begun:%Y%m%dT%H%M%S}", "issued_at": time_text(issued_at)}
        yield number, json.dumps(fields)


def is_settled(queries: Queries) -> bool:
    """Whether every signal has its verdict and the broker is through with every order."""
    counts = queries.counts()
    return not counts.signals.get("received") and not any(counts.orders.get(life.value) for life in UNSETTLED)


def show(console: Console, lines: list[Delivered], queries: Queries, differences: list[str]) -> None:
    """The summary: what was sent, decided, traded and filled, and whether both books agree."""
    counts = queries.counts()
    verdicts: dict[str, int] = {}
    for done in {each.signal_id: each for each in lines if each.signal_id}.values():
        view = queries.signal(done.signal_id, done.source)[0]
        code: str = "undecided" if view.verdict is None else view.verdict.code
        verdicts[code] = verdicts.get(code, 0) + 1
    table = Table(title="What became of the sample signals", title_justify="left", show_header=False)
    for name in ("accepted", "repeated", "refused"):
        table.add_row(f"signals {name}", str(sum(each.outcome == name for each in lines)))
    table.add_section()
    for code, number in sorted(verdicts.items()):
        table.add_row(f"verdict {code}", str(number))
    table.add_section()
    for status, number in sorted(counts.trades.items()):
        table.add_row(f"trades {status}", str(number))
    table.add_section()
    table.add_row("orders", str(sum(counts.orders.values())))
    table.add_row("executions", str(counts.executions))
    spent = dollars_spent(queries).quantize(CENT)
    table.add_row("dollars spent", decimal_text(spent))
    console.print(table)
    for difference in differences:
        console.print(f"difference: {difference}", style="red", markup=False)
    if not differences:
        console.print("The ledger and the simulator's own books agree on every order.")
