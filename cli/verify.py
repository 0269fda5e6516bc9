"""`python run.py verify`: are the books what the journal makes of them?"""

import json
import sqlite3
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cli.exits import FAILED, configuration_errors, fail
from cli.flags import AsJson, StateDir, settings_from
from persistence.verify import Verified, verify
from settings import Exit

SHOWN = 20
LATER_S = 1.0

Ledger = Annotated[
    Path | None,
    typer.Argument(help="The ledger's file, or a backup of one.", show_default="the settings' own"),
]


def command(
    context: typer.Context, ledger: Ledger = None, as_json: AsJson = False, state_dir: StateDir = None
) -> None:
    """Recompute the journal's hash chain and, from the journal alone, the books; compare. It only reads.

    Ends with 1 where something differs. Works beside a running bot, and on backups.
    """
    with configuration_errors():
        path = (ledger or settings_from(context, None, state_dir).database).expanduser().resolve()
    if not path.is_file():
        fail(f"there is no ledger at {path}; nothing was verified", FAILED)
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("reading the journal"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
    )
    try:
        with bar:
            task = bar.add_task("journal")
            told = verify(path, lambda done, total: bar.update(task, completed=done, total=total))
    except sqlite3.Error as error:
        fail(f"{path} cannot be read ({error}); nothing was verified", Exit.INTERNAL)
    if as_json:
        print(json.dumps(_json(path, told), indent=2))
    else:
        _tell(path, told)
    if told.broken_at is not None or told.differences:
        raise typer.Exit(FAILED)


def _json(path: Path, told: Verified) -> dict[str, object]:
    return {
        "ledger": str(path),
        "journal_rows": told.rows,
        "broken_at": told.broken_at,
        "compared": dict(told.compared),
        "differences": [each._asdict() for each in told.differences],
    }


def _tell(path: Path, told: Verified) -> None:
    if told.broken_at is not None:
        print(
            f"{path}: row {told.broken_at} of the journal was changed, or rows before it are missing. Stop "
            "the bot, keep the file, put a backup in its place and compare with the broker's account."
        )
        return
    print(f"{path}: the journal's {told.rows} rows are sound")
    for table, count in told.compared.items():
        differing = sum(each.table == table for each in told.differences)
        print(
            f"  {table:<12} {count:>8} compared, "
            + (f"{differing} differ" if differing else "all as it says")
        )
    for each in told.differences[:SHOWN]:
        print(
            f"  {each.table} {each.key}, {each.column}: stored {each.stored}, by the journal {each.made_anew}"
        )
    if told.differences:
        print(
            "The stored books differ from the journal: nothing was changed. Halt the bot, keep the file, and "
            "compare with the broker's account before you let it go on."
        )
