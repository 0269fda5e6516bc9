"""What a sweep came to: a table by crash point, what does not hold, a verdict; or the same as JSON."""

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

import failpoint
from cli.crash.play import Outcome

COLUMNS: Final = (
    "crash point",
    "kills",
    "restarts",
    "most orders\nfor a signal",
    "signals\nlost",
    "agree\nafter",
)


def show(outcomes: Sequence[Outcome], seconds: float, console: Console) -> None:
    """For a person."""
    table = Table(title="Killed, restarted, asked again", title_justify="left")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == COLUMNS[0] else "right", no_wrap=True)
    for row in by_point(outcomes):
        slowest = row["slowest_s"]
        style = None if row["holds"] else "red"
        numbers = (row[name] for name in ("kills", "restarts", "most_orders", "lost"))
        table.add_row(
            row["point"], *map(str, numbers), "never" if slowest is None else f"{slowest:.1f} s", style=style
        )
    console.print(table)
    for line in (*(line for outcome in outcomes for line in _told(outcome)), verdict(outcomes, seconds)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def verdict(outcomes: Sequence[Outcome], seconds: float) -> str:
    """One line."""
    failed = sum(not outcome.holds for outcome in outcomes)
    if failed:
        return f"{failed} of {len(outcomes)} cases do not hold; {seconds:.0f} s"
    kills = sum(outcome.kills for outcome in outcomes)
    return f"{kills} kills: no signal lost, no order doubled, ledger and oracle agree; {seconds:.0f} s"


def as_json(outcomes: Sequence[Outcome], seconds: float) -> dict[str, Any]:
    """For a program."""
    return {
        "holds": all(outcome.holds for outcome in outcomes),
        "seconds": round(seconds, 1),
        "points": list(by_point(outcomes)),
        "cases": [
            vars(outcome.case)
            | {name: value for name, value in vars(outcome).items() if name not in {"case", "folder"}}
            | {"folder": None if outcome.holds else str(outcome.folder)}
            for outcome in outcomes
        ],
    }


def by_point(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The points that were tried, in a signal's order; `slowest_s`: None where a case never agreed."""
    rows = []
    for point in failpoint.NAMES:
        here = [outcome for outcome in outcomes if outcome.case.point == point]
        if not here:
            continue
        times = [outcome.converged_s for outcome in here if outcome.converged_s is not None]
        rows.append(
            {
                "point": point,
                "kills": sum(outcome.kills for outcome in here),
                "restarts": sum(outcome.restarts for outcome in here),
                "most_orders": max(outcome.most_orders for outcome in here),
                "lost": sum(outcome.lost for outcome in here),
                "slowest_s": round(max(times), 2) if len(times) == len(here) else None,
                "holds": all(outcome.holds for outcome in here),
            }
        )
    return rows


def _told(outcome: Outcome) -> list[str]:
    """What does not hold of a case, and where to look."""
    if outcome.holds:
        return []
    case = outcome.case
    again = f"{case.redeliveries} x sent again {case.timing}" if case.redeliveries else "not sent again"
    return [
        f"{case.point}:{case.passing}:{case.linger_ms}, ledger {case.ledger}, {again}, seed {case.seed}:",
        *(f"  {fault}" for fault in outcome.faults),
        f"  its books and logs are in {outcome.folder}",
    ]
