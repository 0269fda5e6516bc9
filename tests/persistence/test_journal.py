"""The journal can be added to, and nothing else; what was changed behind our back is found."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from pony.orm import db_session

from persistence.journal import sealed
from persistence.store import LedgerStore, verify_journal
from tests.persistence.making import EXACT, NOW


@pytest.fixture
def journaled(store: LedgerStore) -> LedgerStore:
    for number in range(3):
        with store.unit() as unit:
            unit.journal("planned", f"s{number}", {"notional": EXACT}, at=NOW)
            unit.journal("accepted", f"s{number}", {"ä": "\n"}, at=NOW)
    return store


@contextmanager
def behind_our_back(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER journal_grows_by_one")
        connection.execute("DROP TRIGGER journal_is_not_rewritten")
        connection.execute("DROP TRIGGER journal_is_not_shortened")
        yield connection


def test_an_untouched_journal_verifies(journaled: LedgerStore) -> None:
    check = verify_journal(journaled)
    assert (check.rows, check.broken_at) == (6, None)


def test_entries_stand_in_the_order_they_were_made(journaled: LedgerStore) -> None:
    with db_session:
        rows = journaled.database.select("SELECT seq, kind, ref FROM journal ORDER BY seq")
    assert [tuple(row) for row in rows][:3] == [
        (1, "planned", "s0"),
        (2, "accepted", "s0"),
        (3, "planned", "s1"),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET payload = '{}'",
        "DELETE FROM journal",
        "INSERT INTO journal VALUES (8, 0, 'k', 'r', '{}', " + "'" + "0" * 64 + "')",
        "INSERT OR REPLACE INTO journal VALUES (1, 0, 'k', 'r', '{}', " + "'" + "0" * 64 + "')",
    ],
)
def test_the_journal_is_append_only(journaled: LedgerStore, statement: str) -> None:
    refused = pytest.raises(sqlite3.IntegrityError, match="append-only")
    with closing(sqlite3.connect(journaled.path, isolation_level=None)) as connection, refused:
        connection.execute(statement)
    assert verify_journal(journaled).broken_at is None


@pytest.mark.parametrize(
    "change",
    ["at = at + 1", "kind = 'refused'", "ref = 's9'", "payload = '{}'", "hash = replace(hash, 'a', 'b')"],
)
def test_a_changed_row_is_found(journaled: LedgerStore, change: str) -> None:
    with behind_our_back(journaled.path) as connection:
        connection.execute(f"UPDATE journal SET {change} WHERE seq = 3")
    check = verify_journal(journaled)
    assert (check.rows, check.broken_at) == (2, 3)


def test_a_row_changed_together_with_its_hash_is_found_at_the_next(journaled: LedgerStore) -> None:
    with behind_our_back(journaled.path) as connection:
        hashes = dict(connection.execute("SELECT seq, hash FROM journal"))
        seal = sealed(hashes[2], 3, (0, "k", "r", "{}"))
        connection.execute("REPLACE INTO journal VALUES (3, 0, 'k', 'r', '{}', ?)", (seal,))
    check = verify_journal(journaled)
    assert (check.rows, check.broken_at) == (3, 4)


def test_a_lost_row_is_found(journaled: LedgerStore) -> None:
    with behind_our_back(journaled.path) as connection:
        connection.execute("DELETE FROM journal WHERE seq = 4")
        connection.execute("UPDATE journal SET seq = seq - 1 WHERE seq > 4")
    assert verify_journal(journaled).broken_at == 4


def test_a_strangers_name_of_two_lines_does_not_stop_the_books(store: LedgerStore) -> None:
    with store.unit() as unit:
        unit.journal("order_unknown", "sf-\nx", {"symbol": "KO"}, at=NOW)
        unit.journal("order_unknown", "sf-\\nx", {"symbol": "KO"}, at=NOW)
    assert verify_journal(store).broken_at is None
