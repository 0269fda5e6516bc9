"""The journal: what was done and why, append-only, each row sealed by a hash over it and the one before.

The chain shows that no row in the middle was changed, lost or slipped in. That the newest rows were
cut off it cannot show: whoever needs that keeps the last hash elsewhere.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from sqlite3 import Cursor
from typing import Final

import msgspec

from persistence.codec import json_of, micros_of
from persistence.rows import JournalCheck

GENESIS: Final = "0" * 64

_LAST = "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1"
_ADD = "INSERT INTO journal (seq, at, kind, ref, payload, hash) VALUES (?, ?, ?, ?, ?, ?)"
ROWS_AFTER: Final = (
    "SELECT seq, at, kind, ref, payload, hash FROM journal WHERE seq > $seq ORDER BY seq LIMIT 5000"
)
"""In chunks, so that no long read keeps SQLite from emptying its WAL."""

_PLAIN: Final = frozenset({str, int, bool, type(None)})
_encoder: Final = msgspec.json.Encoder(order="sorted")
"""Of plain values it makes the same text as `json_of`, at a tenth of the cost."""

Entry = tuple[int, str, str, str]
"""at, kind, ref, payload, as the columns take them."""
Row = tuple[int, int, str, str, str, str]
"""seq, the entry, hash."""


def entry(kind: str, ref: str, payload: Mapping[str, object], *, at: datetime) -> Entry:
    """The row's columns. A line break in `ref` is written out, as the hash reads line by line.

    The ref may be the broker's text, and what a stranger wrote there must not stop the books.
    """
    ref = ref.replace("\\", "\\\\").replace("\n", "\\n") if "\n" in ref else ref
    plain = all(type(value) in _PLAIN for value in payload.values())
    return micros_of(at), kind, ref, _encoder.encode(payload).decode() if plain else json_of(payload)


def append(cursor: Cursor, entries: Iterable[Entry]) -> None:
    """Seal the entries in the order given, behind the last row."""
    seq, seal = cursor.execute(_LAST).fetchone() or (0, GENESIS)
    rows = []
    for one in entries:
        seq += 1
        seal = sealed(seal, seq, one)
        rows.append((seq, *one, seal))
    cursor.executemany(_ADD, rows)


def sealed(before: str, seq: int, one: Entry) -> str:
    """The row's hash. Kind and ref are one line each, so no two rows read the same."""
    at, kind, ref, payload = one
    return hashlib.sha256(f"{before}\n{seq}\n{at}\n{kind}\n{ref}\n{payload}".encode()).hexdigest()


def verified(rows_after: Callable[[int], Sequence[Row]]) -> JournalCheck:
    """Walk the whole chain; `rows_after` fetches the next rows behind a seq."""
    seq, seal = 0, GENESIS
    while rows := rows_after(seq):
        for number, at, kind, ref, payload, seen in rows:
            seal = sealed(seal, seq + 1, (at, kind, ref, payload))
            if seen != seal:
                return JournalCheck(rows=seq, broken_at=number)
            seq += 1
    return JournalCheck(rows=seq, broken_at=None)
