"""Several statements on one moment of the ledger, beside whoever writes it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 5


@contextmanager
def snapshot(path: Path) -> Iterator[sqlite3.Cursor]:
    """A cursor that sees one moment, whatever is written meanwhile, and cannot write. sqlite3.Error.

    Short is the rule: while it is open, the log cannot be folded back beyond this moment.
    """
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=ro", uri=True, timeout=PATIENCE_S, isolation_level=None
    )
    with closing(connection), closing(connection.cursor()) as cursor:
        cursor.execute("BEGIN")
        yield cursor
