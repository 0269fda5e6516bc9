"""The journal for those who follow it or look something up in it: any thread, frozen models out."""

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from pony.orm import db_session

from domain.settings_text import KEYS, SettingChange
from domain.settings_text import text_of as words_of
from persistence.codec import built, json_of, moment_of
from persistence.queries.pages import bounded, page_of, row_before
from persistence.rows import ConfigChange, JournalRow, Page
from persistence.store import LedgerStore

CONFIG_CHANGED: Final = "config_changed"

_COLUMNS = "seq, at, kind, ref, payload"
_NEWEST = "SELECT coalesce(max(seq), 0) FROM journal"
_AFTER = f"SELECT {_COLUMNS} FROM journal WHERE seq > $seq ORDER BY seq LIMIT $limit"  # noqa: S608
# The index goes by kind and ref. Kinds are few: each is found behind the one before in a single step.
_KINDS = (
    "WITH RECURSIVE kinds (kind) AS (SELECT min(kind) FROM journal UNION ALL SELECT"
    " (SELECT min(kind) FROM journal WHERE kind > kinds.kind) FROM kinds WHERE kinds.kind IS NOT NULL) "
)
_ABOUT = (
    f"SELECT {_COLUMNS} FROM journal WHERE seq IN ({_KINDS}SELECT seq FROM journal WHERE kind IN"  # noqa: S608
    " (SELECT kind FROM kinds) AND ref IN (SELECT value FROM json_each($refs))) ORDER BY seq LIMIT $limit"
)
MOST: Final = 2000
"""Rows about one thing, in one answer."""


class JournalQueries:
    """What was done and why, row by row. Rows are never changed, and `seq` grows by one without a gap."""

    def __init__(self, store: LedgerStore) -> None:
        self._database = store.database

    def newest_seq(self) -> int:
        """Of the last row; 0: there is none."""
        with db_session:
            [seq] = self._database.select(_NEWEST)
        return int(seq)

    def after(self, seq: int, *, limit: int) -> tuple[JournalRow, ...]:
        """The rows behind `seq`, oldest first, `MAX_LIMIT` of them at most."""
        rows = self._rows(_AFTER, {"seq": seq, "limit": bounded(limit)})
        return tuple(map(_row_of, rows))

    def page(
        self, *, limit: int, cursor: str | None = None, kind: str | None = None, ref: str | None = None
    ) -> Page[JournalRow]:
        """Rows, newest first: of this kind, of this ref. ValueError for a cursor that is none of ours."""
        limit = bounded(limit)
        given = {"before": row_before("j", cursor), "limit": limit + 1, "kind": kind, "ref": ref}
        rows = self._rows(_page(kind, ref), given)
        return page_of("j", rows, limit, key=lambda row: int(row[0]), item=_row_of, page=Page[JournalRow])

    def about(self, refs: Collection[str], *, kinds: Collection[str]) -> tuple[JournalRow, ...]:
        """Rows of these refs whose kind begins with one of these words, oldest first; `MOST` at most."""
        rows = self._rows(_ABOUT, {"refs": json_of(sorted(refs)), "limit": MOST})
        return tuple(_row_of(row) for row in rows if row[2].startswith(tuple(kinds)))

    def config_changes(self, *, limit: int, cursor: str | None = None) -> Page[ConfigChange]:
        """What was set, newest first. ValueError for a cursor that is none of ours."""
        page = self.page(limit=limit, cursor=cursor, kind=CONFIG_CHANGED)
        return Page[ConfigChange](items=tuple(map(_change_of, page.items)), next=page.next)

    def _rows(self, sql: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        with db_session:
            rows: list[tuple[Any, ...]] = self._database.select(sql, {}, dict(values))
        return rows


def _page(kind: str | None, ref: str | None) -> str:
    """The statement for a page. Which rows it shows, the index alone tells; only these are read."""
    if kind is ref is None:
        return f"SELECT {_COLUMNS} FROM journal WHERE seq < $before ORDER BY seq DESC LIMIT $limit"  # noqa: S608
    wanted = "kind = $kind" if kind is not None else "kind IN (SELECT kind FROM kinds)"
    about = "" if ref is None else " AND ref = $ref"
    return (
        f"SELECT {_COLUMNS} FROM journal WHERE seq IN ({_KINDS}SELECT seq FROM journal"  # noqa: S608
        f" WHERE {wanted}{about} AND +seq < $before ORDER BY +seq DESC LIMIT $limit) ORDER BY seq DESC"
    )


def _row_of(row: tuple[Any, ...]) -> JournalRow:
    seq, at, kind, ref, payload = row
    return built(
        JournalRow,
        {"seq": seq, "at": moment_of(at), "kind": kind, "ref": ref, "payload": json.loads(payload)},
    )


def _change_of(row: JournalRow) -> ConfigChange:
    old, new = row.payload["old"], row.payload["new"]
    # A setting that later versions do not have any more is told behind the others.
    keys = [*(key for key in KEYS if key in new), *sorted(new.keys() - set(KEYS))]
    changes = (SettingChange(key=key, old=_words(old[key]), new=_words(new[key])) for key in keys)
    return ConfigChange(seq=row.seq, at=row.at, by=row.ref, changes=tuple(changes))


def _words(value: Any) -> str:
    """As the settings are told everywhere; JSON has made lists of tuples, and text of decimals."""
    return words_of(tuple(value) if isinstance(value, list) else value)
