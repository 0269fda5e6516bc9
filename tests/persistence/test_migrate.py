"""A ledger opens, or says in one sentence why not."""

import os
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from persistence import migrate
from persistence.errors import LedgerOutOfReach
from persistence.migrate import Migration, make_ready, migrations
from persistence.store import LedgerStore, LedgerUnusable
from tests.persistence.making import NOW, planned

FIRST = Migration(1, "0001_first", "CREATE TABLE one (a TEXT);\nINSERT INTO one VALUES ('kept');\n")
SECOND = Migration(
    2,
    "0002_second",
    "CREATE TABLE two (b TEXT);\nCREATE TRIGGER t AFTER INSERT ON two BEGIN\nSELECT 1;\nEND;\n",
)
BROKEN = Migration(2, "0002_broken", "CREATE TABLE two (b TEXT);\nINSERT INTO missing VALUES (1);\n")


def ready(path: Path, steps: Sequence[Migration]) -> None:
    make_ready(path, clock=lambda: NOW, steps=steps)


def read(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def test_a_new_ledger_is_for_its_owner_alone(store: LedgerStore) -> None:
    planned(store)
    files = sorted(store.path.parent.iterdir())
    assert [file.name for file in files] == ["ledger.db", "ledger.db-shm", "ledger.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


def test_a_ledger_that_others_could_read_is_closed_to_them(path: Path) -> None:
    LedgerStore.open(path, clock=lambda: NOW).close()
    path.chmod(0o644)
    LedgerStore.open(path, clock=lambda: NOW).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_opening_again_changes_nothing(path: Path) -> None:
    first = LedgerStore.open(path, clock=lambda: NOW)
    trade_id, _ = planned(first)
    first.close()
    before = path.read_bytes()
    second = LedgerStore.open(path, clock=lambda: NOW)
    assert path.read_bytes() == before
    with second.unit() as unit:
        assert unit.trades([trade_id])[trade_id].signal_id == "s1"
    second.close()
    assert not list(path.parent.glob("*.bak"))


def test_two_ledgers_live_side_by_side(tmp_path: Path) -> None:
    one = LedgerStore.open(tmp_path / "one.db", clock=lambda: NOW)
    other = LedgerStore.open(tmp_path / "other.db", clock=lambda: NOW)
    trade_id, _ = planned(one)
    with other.unit() as unit:
        assert unit.trades([trade_id]) == {}
    one.close()
    other.close()


def test_the_migrations_are_numbered_without_a_gap(tmp_path: Path) -> None:
    assert [step.version for step in migrations()] == list(range(1, len(migrations()) + 1))
    (tmp_path / "0002_late.sql").touch()
    with pytest.raises(ValueError, match="not numbered"):
        migrations(tmp_path)


def test_an_older_ledger_is_backed_up_and_brought_up(path: Path) -> None:
    ready(path, [FIRST])
    ready(path, [FIRST, SECOND])
    assert read(path, "PRAGMA user_version") == [(2,)]
    assert read(path, "SELECT a FROM one") == [("kept",)]
    (backup,) = path.parent.glob("*.bak")
    assert read(backup, "PRAGMA user_version") == [(1,)]
    assert read(backup, "SELECT a FROM one") == [("kept",)]
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(path: Path) -> None:
    ready(path, [FIRST])
    with pytest.raises(LedgerUnusable, match=r"schema 0002_broken .*missing.*left as it was"):
        ready(path, [FIRST, BROKEN])
    assert read(path, "PRAGMA user_version") == [(1,)]
    assert read(path, "SELECT name FROM sqlite_master") == [("one",)]


def test_a_migration_must_not_leave_a_row_without_its_parent(path: Path) -> None:
    orphan = "CREATE TABLE p (id INTEGER PRIMARY KEY);\nCREATE TABLE c (p REFERENCES p (id));\n"
    with pytest.raises(LedgerUnusable, match="refers to one that is not there"):
        ready(path, [Migration(1, "0001_orphan", orphan + "INSERT INTO c VALUES (7);\n")])


def test_a_newer_ledger_is_refused(path: Path) -> None:
    ready(path, [FIRST, SECOND])
    with pytest.raises(LedgerUnusable, match=r"has schema 2 .* knows 1 at most.* nothing is traded"):
        ready(path, [FIRST])


def test_garbage_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    garbage = b"this was never a database " * 200
    path.write_bytes(garbage)
    with pytest.raises(LedgerUnusable, match="damaged or no database"):
        LedgerStore.open(path, clock=lambda: NOW)
    assert path.read_bytes() == garbage


def test_a_damaged_ledger_is_refused(path: Path) -> None:
    store = LedgerStore.open(path, clock=lambda: NOW)
    for number in range(20):
        planned(store, f"s{number}", symbol="A" * (1 + number % 6))
    store.close()
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(os.urandom(4096 * 8))
    with pytest.raises(LedgerUnusable, match="damaged or no database"):
        LedgerStore.open(path, clock=lambda: NOW)


def test_a_large_ledger_is_examined_before_its_use_only_after_a_crash(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []
    monkeypatch.setattr(migrate, "SMALL", 0)
    monkeypatch.setattr(migrate, "_look_through", lambda _, looked_at: looked.append(looked_at))
    store = LedgerStore.open(path, clock=lambda: NOW)
    planned(store, "s1", symbol="ACME")
    store.settle()
    LedgerStore.open(path, clock=lambda: NOW)
    assert len(looked) == 1  # the new file

    planned(store, "s2", symbol="KO")  # and no clean stop after it
    LedgerStore.open(path, clock=lambda: NOW)
    assert looked == [path, path]


def test_the_examination_beside_the_work_finds_the_damage(path: Path) -> None:
    store = LedgerStore.open(path, clock=lambda: NOW)
    for number in range(20):
        planned(store, f"s{number}", symbol="A" * (1 + number % 6))
    store.examine()
    store.settle()
    store.close()
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(os.urandom(4096 * 8))
    with pytest.raises(LedgerUnusable, match="damaged or no database"):
        migrate.examine(path)


def test_another_programs_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    with pytest.raises(LedgerUnusable, match="some other program's database"):
        LedgerStore.open(path, clock=lambda: NOW)
    assert read(path, "SELECT name FROM sqlite_master") == [("theirs",)]


def test_a_ledger_that_another_process_holds_is_refused(path: Path) -> None:
    ready(path, [FIRST])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerOutOfReach, match="locked by another process"):
            make_ready(path, clock=lambda: NOW, steps=[FIRST], patience_s=0.05)


def test_a_place_that_cannot_hold_a_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "file" / "ledger.db", tmp_path / "folder", Path("/proc/starfill/ledger.db")):
        with pytest.raises(LedgerUnusable, match="cannot be written"):
            LedgerStore.open(place, clock=lambda: NOW)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(path: Path) -> None:
    path.parent.mkdir(mode=0o500)
    with pytest.raises(LedgerUnusable, match="cannot be written"):
        LedgerStore.open(path, clock=lambda: NOW)


def test_a_full_disk_is_told_as_something_that_may_pass(path: Path) -> None:
    ready(path, [FIRST])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.OperationalError) as full:
            connection.executemany("INSERT INTO one VALUES (?)", [("x" * 5000,)] * 20)
    told = migrate.unusable(path, full.value)
    assert isinstance(told, LedgerOutOfReach)
    assert "free space" in str(told)
