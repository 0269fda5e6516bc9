"""A ledger looked into from outside: what is open in it, or why that is not told; and no byte changes."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from domain.trades import TradeStatus
from persistence import other_ledger
from persistence.errors import LedgerUnusable
from persistence.other_ledger import OpenTrade, check_readable, open_trades
from persistence.store import LedgerStore
from tests.persistence.making import NOW, planned

OLD = Path(__file__).with_name("ledger_0001.sql")


def content(folder: Path) -> dict[str, bytes]:
    """What its files hold, but for SQLite's shared memory, and logs with nothing in them."""
    kept = {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.endswith("-shm")}
    return {name: data for name, data in kept.items() if data}


def a_ledger(path: Path, **statuses: TradeStatus) -> Path:
    """With a trade of each of these symbols."""
    store = LedgerStore.open(path, clock=lambda: NOW)
    for symbol, status in statuses.items():
        trade_id, _ = planned(store, symbol, symbol=symbol)
        with store.unit() as unit:
            trade = unit.trades([trade_id])[trade_id]
            unit.save_trades([trade.model_copy(update={"status": status})], at=NOW)
    store.close()
    return path


def why_not(path: Path) -> str:
    with pytest.raises(LedgerUnusable) as caught:
        open_trades(path)
    return str(caught.value)


def test_what_is_not_over_is_told_oldest_first(tmp_path: Path) -> None:
    statuses = dict(zip("CBAFED", TradeStatus, strict=True))
    path = a_ledger(tmp_path / "l.sqlite3", **statuses)
    assert open_trades(path) == (
        OpenTrade(symbol="C", status=TradeStatus.PENDING),
        OpenTrade(symbol="B", status=TradeStatus.OPEN),
        OpenTrade(symbol="A", status=TradeStatus.CLOSING),
    )


def test_where_there_is_no_ledger_nothing_is_open_and_none_is_made(tmp_path: Path) -> None:
    assert open_trades(tmp_path / "l.sqlite3") == ()
    assert list(tmp_path.iterdir()) == []


def test_in_an_empty_ledger_nothing_is_open(tmp_path: Path) -> None:
    assert open_trades(a_ledger(tmp_path / "l.sqlite3")) == ()
    (tmp_path / "begun.sqlite3").touch()
    assert open_trades(tmp_path / "begun.sqlite3") == ()


def test_what_a_crash_left_in_the_log_counts_and_stays_there(tmp_path: Path) -> None:
    running = tmp_path / "running"
    store = LedgerStore.open(running / "l.sqlite3", clock=lambda: NOW)
    planned(store, "s1", symbol="ACME")
    shutil.copytree(running, tmp_path / "crashed", ignore=shutil.ignore_patterns("*-shm"))
    store.close()
    before = content(tmp_path / "crashed")
    assert set(before) == {"l.sqlite3", "l.sqlite3-wal"}
    assert open_trades(tmp_path / "crashed" / "l.sqlite3") == (
        OpenTrade(symbol="ACME", status=TradeStatus.PENDING),
    )
    assert content(tmp_path / "crashed") == before


def test_a_ledger_of_an_older_version_is_read_and_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(OLD.read_text(encoding="utf-8"))
        wanted = connection.execute(
            "SELECT symbol, status FROM bot_trade WHERE status IN ('pending', 'open', 'closing') ORDER BY id"
        ).fetchall()
    assert wanted
    before = content(tmp_path)
    assert [(trade.symbol, trade.status) for trade in open_trades(path)] == wanted
    assert content(tmp_path) == before


# --- when it cannot be told --------------------------------------------------------------------------


def test_a_file_that_is_damaged_anywhere_does_not_tell(tmp_path: Path) -> None:
    path = a_ledger(tmp_path / "l.sqlite3", ACME=TradeStatus.CLOSED)
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'execution'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    before = content(tmp_path)
    assert str(path) in why_not(path)
    assert content(tmp_path) == before


def test_what_is_no_database_does_not_tell(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite3"
    path.write_bytes(b"this is not a database " * 100)
    assert "cannot be read" in why_not(path)
    path.unlink()
    path.mkdir()
    assert "cannot be read" in why_not(path)
    path.rmdir()
    path.symlink_to(tmp_path / "nowhere")
    assert "cannot be read" in why_not(path)


def test_another_programs_database_does_not_tell(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bot_trade (id, symbol, status)")
    assert "some other program's database" in why_not(path)


def test_a_newer_version_s_ledger_does_not_tell(tmp_path: Path) -> None:
    path = a_ledger(tmp_path / "l.sqlite3")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1000")
    assert "schema 1000" in why_not(path)


def test_a_locked_ledger_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_ledger, "PATIENCE_S", 0.05)
    path = a_ledger(tmp_path / "l.sqlite3")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert "locked" in why_not(path)
    assert open_trades(path) == ()


@pytest.mark.parametrize("left", ["missing", "empty"])
def test_a_log_without_its_ledger_does_not_tell_and_is_kept(tmp_path: Path, left: str) -> None:
    path = tmp_path / "l.sqlite3"
    log = tmp_path / "l.sqlite3-wal"
    log.write_bytes(os.urandom(100))
    if left == "empty":
        path.touch()
    assert "its log is still there" in why_not(path)
    assert log.stat().st_size == 100


def test_a_ledger_of_this_version_can_be_read_and_none_other(tmp_path: Path) -> None:
    check_readable(a_ledger(tmp_path / "new.sqlite3"))
    old, empty = tmp_path / "old.sqlite3", tmp_path / "empty.sqlite3"
    with closing(sqlite3.connect(old)) as connection:
        connection.executescript(OLD.read_text())
    empty.touch()
    for path in (old, empty, tmp_path / "missing.sqlite3"):
        with pytest.raises(LedgerUnusable):
            check_readable(path)
