"""How far the day has come: a bar on a terminal, elsewhere a line each half hour of the day."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cli.day.plan import DayPlan
from domain.market import NEW_YORK
from domain.values import Clock
from persistence.queries import Queries

LINE_EVERY_S: Final = 1800

Tell = Callable[[int], None]
"""Called with the seconds of the day that have passed."""


@contextmanager
def shown(console: Console, plan: DayPlan, queries: Queries, clock: Clock) -> Iterator[Tell]:
    """Shows it while entered, as often as it is told."""
    if not console.is_terminal:
        yield _lines(console, queries, clock)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("", total=plan.ends_s, state="")

        def tell(passed_s: int) -> None:
            bar.update(task, completed=passed_s, description=_time(clock), state=_state(queries))

        yield tell


def _lines(console: Console, queries: Queries, clock: Clock) -> Tell:
    due_s = 0

    def tell(passed_s: int) -> None:
        nonlocal due_s
        if passed_s >= due_s:
            due_s = passed_s - passed_s % LINE_EVERY_S + LINE_EVERY_S
            console.print(f"{_time(clock)}  {_state(queries)}", highlight=False)

    return tell


def _time(clock: Clock) -> str:
    return f"{clock().astimezone(NEW_YORK):%H:%M} New York"


def _state(queries: Queries) -> str:
    counts = queries.counts()
    told = ", ".join(f"{number} {status}" for status, number in sorted(counts.trades.items()))
    return f"{sum(counts.signals.values())} signals, trades: {told or 'none'}"
