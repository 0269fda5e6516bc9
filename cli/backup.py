"""`python run.py backup`: a copy of the ledger that is whole, also while the bot writes."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from actors.clock import system_clock
from cli.exits import FAILED, configuration_errors, fail
from cli.flags import AsJson, StateDir, settings_from
from cli.working import working
from persistence.verify import verify
from settings import ConfigurationError, Exit

Place = Annotated[
    Path | None,
    typer.Argument(help="The new file, or a folder for it.", show_default="backups/ in the state folder"),
]


def command(
    context: typer.Context, place: Place = None, as_json: AsJson = False, state_dir: StateDir = None
) -> None:
    """Copy the ledger, beside a running bot too; the copy is verified, and nothing is written over.

    The tokens and keys are not in it. Restore: stop the bot, move the ledger's three files away, put the copy
    in their place, run `verify`, start.
    """
    with configuration_errors():
        settings = settings_from(context, None, state_dir)
        path = settings.database
        if not path.is_file():
            fail(f"there is no ledger at {path}; nothing was copied", FAILED)
        copy = _new_file(place, settings.state_dir, path)
    try:
        with working("the ledger is being copied and verified"):
            _copy(path, copy)
            told = verify(copy)
    except sqlite3.Error as error:
        copy.unlink(missing_ok=True)
        fail(f"{path} cannot be copied ({error}); no backup was made", Exit.INTERNAL)
    except OSError as error:
        fail(f"{copy} cannot be written ({error.strerror}); no backup was made", FAILED)
    sound = told.broken_at is None and not told.differences
    if as_json:
        size = copy.stat().st_size
        print(json.dumps({"backup": str(copy), "bytes": size, "journal_rows": told.rows, "sound": sound}))
    elif sound:
        print(f"{copy} is written and verified, {told.rows} rows of the journal")
    if not sound:
        fail(f"{copy} is written, but the ledger itself is not sound: see `verify`", FAILED)


def _new_file(place: Path | None, state_dir: Path, ledger: Path) -> Path:
    """Where the copy goes; raises ConfigurationError for what is there already."""
    name = f"{ledger.stem}-{system_clock():%Y%m%dT%H%M%SZ}.sqlite3"
    folder = state_dir / "backups" if place is None else place.expanduser().resolve()
    copy = folder / name if place is None or folder.is_dir() else folder
    if copy.exists():
        raise ConfigurationError(f"{copy} is there already, and is not written over")
    return copy


def _copy(ledger: Path, copy: Path) -> None:
    """Whole or not at all; raises OSError, sqlite3.Error."""
    copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = copy.with_name(f".{copy.name}.{os.getpid()}")
    # VACUUM INTO accepts an empty file, so the copy never exists with a wider mode.
    handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("VACUUM INTO ?", (str(draft),))
        os.fsync(handle)
        os.link(draft, copy)  # which fails where another file has come to be meanwhile
    finally:
        os.close(handle)
        draft.unlink(missing_ok=True)
