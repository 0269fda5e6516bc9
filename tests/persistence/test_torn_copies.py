"""A copy of a ledger that was being written, as a power loss or a careless backup makes it, opens older."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from persistence.errors import LedgerUnusable
from persistence.queries import Queries
from persistence.store import LedgerStore, verify_journal
from tests.persistence.making import NOW, a_signal, add_entry, planned

TRADES = 50
KB = 1024


@pytest.fixture
def live(store: LedgerStore) -> LedgerStore:
    """Open, with its last commits in SQLite's log alone."""
    for number in range(TRADES):
        with store.unit() as unit:
            add_entry(unit, a_signal(f"s{number}"))
            unit.journal("planned", f"s{number}", {}, at=NOW)
    return store


def wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def copied(live: LedgerStore, folder: Path) -> Path:
    folder.mkdir()
    copy = folder / "ledger.db"
    shutil.copy(live.path, copy)
    shutil.copy(wal_of(live.path), wal_of(copy))
    return copy


def kept(copy: Path) -> int:
    """How many trades the copy has, each with its order and its row of the journal."""
    store = LedgerStore.open(copy, clock=lambda: NOW)
    counts = Queries(store).counts()
    check = verify_journal(store)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    trades = sum(counts.trades.values())
    assert (sum(counts.orders.values()), check.rows, check.broken_at) == (trades, trades, None)
    planned(store, "after", symbol="KO")
    assert sum(Queries(store).counts().trades.values()) == trades + 1
    store.close()
    return trades


def test_a_whole_copy_lacks_nothing(live: LedgerStore, tmp_path: Path) -> None:
    assert kept(copied(live, tmp_path / "copy")) == TRADES


@pytest.mark.parametrize("lost", [1, 7, 512, 4 * KB, 4 * KB + 24, 10_000, 20 * KB])
@pytest.mark.parametrize("how", ["cut", "garbled", "zeroed"])
def test_a_torn_tail_costs_the_last_commits_and_no_more(
    live: LedgerStore, tmp_path: Path, lost: int, how: str
) -> None:
    copy = copied(live, tmp_path / "copy")
    with wal_of(copy).open("r+b") as log:
        if how == "cut":
            log.truncate(wal_of(copy).stat().st_size - lost)
        else:
            log.seek(-lost, os.SEEK_END)
            log.write(os.urandom(lost) if how == "garbled" else bytes(lost))
    # A trade's commit is some six pages; the last may stand although its frames were overwritten before.
    assert TRADES - 1 - lost // (4 * KB) <= kept(copy) < TRADES


def test_a_copy_without_its_log_is_older(live: LedgerStore, tmp_path: Path) -> None:
    copy = copied(live, tmp_path / "copy")
    wal_of(copy).unlink()
    assert kept(copy) < TRADES


def test_a_copy_without_its_log_after_a_checkpoint_is_as_of_then(live: LedgerStore, tmp_path: Path) -> None:
    live.settle()
    planned(live, "s-after")
    copy = copied(live, tmp_path / "copy")
    wal_of(copy).unlink()
    assert kept(copy) == TRADES


@pytest.mark.parametrize("empty", [True, False])
def test_a_log_without_its_ledger_is_refused_and_kept(live: LedgerStore, tmp_path: Path, empty: bool) -> None:
    """SQLite itself would delete it and begin anew."""
    copy = copied(live, tmp_path / "copy")
    log = wal_of(copy).read_bytes()
    copy.unlink()
    if empty:
        copy.touch()
    with pytest.raises(LedgerUnusable, match=r"missing or empty .* nothing is traded; put the ledger back"):
        LedgerStore.open(copy, clock=lambda: NOW)
    assert wal_of(copy).read_bytes() == log
    shutil.copy(live.path, copy)
    assert kept(copy) == TRADES
