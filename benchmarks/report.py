"""Figures, beside their goals."""

import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What a figure was to be: at most, or at least."""

    ratio: float
    """The figure that was reached, in the goal's own terms."""
    limit: float
    at_least: bool = False
    of: str = ""
    """What it is a multiple of, or its unit."""

    @property
    def met(self) -> bool:
        return self.ratio >= self.limit if self.at_least else self.ratio <= self.limit

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{self.ratio:.2f} {sign} {self.limit:g} {self.of}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table."""

    section: str
    what: str
    value: float
    unit: str
    goals: tuple[Goal, ...] = ()


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent stay below."""
    if len(values) < 2:
        return values[0]
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _shown(figure: Figure) -> str:
    digits = 0 if abs(figure.value) >= 100 else 2
    return f"{figure.value:,.{digits}f} {figure.unit}"


def show(figures: Sequence[Figure], titles: dict[str, str]) -> None:
    """The table, a section a part."""
    table = Table(
        title=f"Starfill beside its peers, CPython {platform.python_version()}",
        title_justify="left",
        caption="Switch interval: Starfill 0.1 ms, as run.py sets it; the peers Python's default of 5 ms. "
        "Medians of rounds in which the sides took turns.",
        caption_justify="left",
    )
    table.add_column("")
    table.add_column("measured", overflow="fold")
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("reached / goal", overflow="fold")
    table.add_column("")
    for section, title in titles.items():
        rows = [figure for figure in figures if figure.section == section]
        if not rows:
            continue
        table.add_section()
        table.add_row(section, f"[bold]{title}[/bold]")
        for figure in rows:
            goals = "\n".join(str(goal) for goal in figure.goals)
            verdicts = "\n".join(
                "[green]met[/green]" if goal.met else "[red]missed[/red]" for goal in figure.goals
            )
            table.add_row("", figure.what, _shown(figure), goals, verdicts)
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def write(figures: Sequence[Figure], file: Path) -> None:
    """The figures as JSON."""
    rows = [
        {**asdict(figure), "goals": [{**asdict(goal), "met": goal.met} for goal in figure.goals]}
        for figure in figures
    ]
    file.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
