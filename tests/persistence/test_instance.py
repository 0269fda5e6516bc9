"""One process a state folder and one a ledger, however the one before ended."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from persistence.instance import LEASE_GOOD_FOR, AlreadyRunning, DatabaseLock, Instance, claim
from persistence.rows import Lease
from tests.persistence.making import NOW

ROOT = Path(__file__).parents[2]
NOBODY = Lease(epoch=0, holder="", renewed_at=None)
SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)

HOLD_DATABASE = """
import sys
from datetime import datetime
from pathlib import Path
from persistence.instance import AlreadyRunning, claim
from persistence.rows import Lease
from tests.persistence.test_instance import NOBODY
try:
    lock = claim(Path(sys.argv[1]), now=datetime.fromisoformat(sys.argv[2]), lease=NOBODY)
    print("held", flush=True)
except AlreadyRunning as error:
    print(error, flush=True)
sys.stdin.read()
"""
HOLD_FOLDER = """
import sys
from pathlib import Path
from persistence.instance import Instance
instance = Instance(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@contextmanager
def another(script: str, *arguments: object) -> Iterator["subprocess.Popen[str]"]:
    """Another process, once it has said its line."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def renewed(ago: timedelta, holder: str = "pid 7, state folder /b") -> Lease:
    return Lease(epoch=3, holder=holder, renewed_at=NOW - ago)


def test_a_state_folder_is_held_by_one_and_the_other_is_told_by_whom(tmp_path: Path) -> None:
    with another(HOLD_FOLDER, tmp_path) as process:
        with pytest.raises(
            AlreadyRunning, match=rf"\(pid {process.pid}\) already runs on {tmp_path}"
        ) as told:
            Instance(tmp_path)
        assert told.value.holder == f"pid {process.pid}"
        process.kill()
        process.wait()
        Instance(tmp_path).release()


def test_a_state_folder_is_free_after_its_release(tmp_path: Path) -> None:
    first = Instance(tmp_path)
    with pytest.raises(AlreadyRunning):
        Instance(tmp_path)
    first.release()
    first.release()
    Instance(tmp_path).release()


def test_a_free_ledger_is_taken_whatever_the_lease_says(database: Path) -> None:
    for lease in (NOBODY, renewed(timedelta(0)), renewed(-timedelta(hours=1)), renewed(timedelta(days=9))):
        claim(database, now=NOW, lease=lease).release()


def test_a_lock_is_for_its_owner_alone(database: Path) -> None:
    lock = claim(database, now=NOW, lease=NOBODY)
    assert database.with_name("ledger.db.lock").stat().st_mode & 0o777 == 0o600
    lock.release()


def test_a_ledger_whose_holder_is_well_is_refused_and_the_holder_named(database: Path) -> None:
    with another(HOLD_DATABASE, database, (NOW - timedelta(hours=1)).isoformat()):
        for ago in (timedelta(0), LEASE_GOOD_FOR - TICK, -timedelta(hours=1)):
            with pytest.raises(
                AlreadyRunning, match=rf"\(pid 7, state folder /b\) already runs on {database}"
            ):
                claim(database, now=NOW, lease=renewed(ago))


def test_a_killed_holder_holds_nothing(database: Path) -> None:
    with another(HOLD_DATABASE, database, NOW.isoformat()) as process:
        process.kill()
        process.wait()
        claim(database, now=NOW, lease=renewed(timedelta(0))).release()


def test_a_holder_that_has_not_taken_the_lease_yet_is_not_overtaken(database: Path) -> None:
    """The lease that we read was overdue, and between the reading and our lock somebody came."""
    with (
        another(HOLD_DATABASE, database, NOW.isoformat()) as process,
        pytest.raises(AlreadyRunning, match=rf"\(pid {process.pid}\)"),
    ):
        claim(database, now=NOW + SECOND, lease=renewed(timedelta(days=1)))


@pytest.mark.parametrize("lease", [renewed(LEASE_GOOD_FOR), NOBODY])
def test_a_stopped_holder_is_overtaken(database: Path, lease: Lease) -> None:
    with another(HOLD_DATABASE, database, (NOW - LEASE_GOOD_FOR).isoformat()) as process:
        os.kill(process.pid, signal.SIGSTOP)
        lock = claim(database, now=NOW, lease=lease)
        ours = renewed(timedelta(0), holder=f"pid {os.getpid()}")
        with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}"):
            claim(database, now=NOW, lease=ours)
        lock.release()


def test_the_end_of_an_overtaken_holder_does_not_free_the_ledger(database: Path) -> None:
    with another(HOLD_DATABASE, database, (NOW - LEASE_GOOD_FOR).isoformat()) as process:
        os.kill(process.pid, signal.SIGSTOP)
        lock = claim(database, now=NOW, lease=renewed(LEASE_GOOD_FOR))
        process.kill()
        process.wait()
        with pytest.raises(AlreadyRunning):
            claim(database, now=NOW, lease=renewed(timedelta(0)))
        lock.release()
        claim(database, now=NOW, lease=renewed(timedelta(0))).release()
    assert sorted(file.name for file in database.parent.iterdir()) == ["ledger.db.lock"]


def test_a_lock_that_is_replaced_between_its_opening_and_its_locking_is_looked_at_again(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(database, now=NOW, lease=NOBODY).release()
    lock, theirs = database.with_name("ledger.db.lock"), database.with_name("theirs.lock")
    flock, replaced = fcntl.flock, list[DatabaseLock]()

    def late(descriptor: int, how: int) -> None:
        if not replaced:
            replaced.append(DatabaseLock(os.open(theirs, os.O_RDWR | os.O_CREAT)))
            flock(replaced[0]._descriptor, how)
            theirs.rename(lock)
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(AlreadyRunning, match="pid 7"):
        claim(database, now=NOW, lease=renewed(SECOND))
    replaced[0].release()


def test_of_many_that_start_at_once_one_gets_the_ledger(database: Path) -> None:
    command = [sys.executable, "-c", HOLD_DATABASE, str(database), NOW.isoformat()]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(6)
    ]
    said = [process.stdout.readline() for process in started if process.stdout is not None]
    for process in started:
        process.communicate()
    assert said.count("held\n") == 1
    assert sum("already runs on" in line for line in said) == 5


def test_a_ledger_under_another_name_is_the_same_ledger(database: Path, tmp_path: Path) -> None:
    database.touch()
    (tmp_path / "elsewhere").mkdir()
    name = tmp_path / "elsewhere" / "mine.db"
    name.symlink_to(database)
    lock = claim(database, now=NOW, lease=NOBODY)
    with pytest.raises(AlreadyRunning, match="pid 7"):
        claim(name, now=NOW, lease=renewed(SECOND))
    lock.release()


def test_a_lock_with_nonsense_in_it_counts_by_the_lease_alone(database: Path) -> None:
    lock = claim(database, now=NOW, lease=NOBODY)
    database.with_name("ledger.db.lock").write_bytes(b"\xff\x00 nonsense\nnot a time")
    with pytest.raises(AlreadyRunning, match="pid 7"):
        claim(database, now=NOW, lease=renewed(SECOND))
    claim(database, now=NOW, lease=renewed(LEASE_GOOD_FOR)).release()
    lock.release()
