"""What cannot be written now is told in one sentence, leaves nothing half done, and passes with its cause."""

import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest
from pony.orm import db_session

from persistence.errors import LedgerOutOfReach
from persistence.queries import Queries
from persistence.store import LedgerStore, verify_journal
from tests.persistence.making import NOW, a_signal, add_entry, add_signal, planned

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def impatient(path: Path) -> Iterator[LedgerStore]:
    ledger = LedgerStore.open(path, clock=lambda: NOW, busy_s=0.05)
    planned(ledger, "first")
    yield ledger
    ledger.close()


def connection_of(store: LedgerStore) -> sqlite3.Connection:
    with db_session:
        connection: sqlite3.Connection = store.database.get_connection()
    return connection


@contextmanager
def held_by_another_process(store: LedgerStore) -> Iterator[None]:
    command = [sys.executable, "-c", HOLD, str(store.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield
        other.communicate()


@contextmanager
def a_full_disk(store: LedgerStore) -> Iterator[None]:
    connection = connection_of(store)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    yield
    connection_of(store).execute("PRAGMA max_page_count = 1000000")


@contextmanager
def only_reading(store: LedgerStore) -> Iterator[None]:
    connection_of(store).execute("PRAGMA query_only = 1")
    yield
    connection_of(store).execute("PRAGMA query_only = 0")


@contextmanager
def gone(store: LedgerStore) -> Iterator[None]:
    store.close()
    aside = store.path.with_name("aside")
    store.path.rename(aside)
    yield
    aside.rename(store.path)


CAUSES = {
    "another process holds it": held_by_another_process,
    "the disk is full": a_full_disk,
    "may only be read": only_reading,
    "not there any more": gone,
}


def write_much(store: LedgerStore, epoch: int | None = None) -> None:
    with store.unit(epoch) as unit:
        for number in range(60):
            add_entry(unit, a_signal(f"s{number}"))
            unit.journal("planned", f"s{number}", {"why": "x" * 2000}, at=NOW)


@pytest.mark.parametrize("why", CAUSES)
def test_a_unit_that_cannot_be_written_says_why_and_leaves_nothing(impatient: LedgerStore, why: str) -> None:
    with CAUSES[why](impatient):
        with pytest.raises(LedgerOutOfReach, match=f"{why}.*nothing of this was booked") as told:
            write_much(impatient)
        assert str(impatient.path) in str(told.value)
    assert Queries(impatient).counts().signals == {"received": 1}
    assert verify_journal(impatient).rows == 0
    write_much(impatient)
    assert Queries(impatient).counts().signals == {"received": 61}
    assert verify_journal(impatient).broken_at is None


@pytest.mark.parametrize("why", CAUSES)
def test_the_lease_cannot_be_taken_either(impatient: LedgerStore, why: str) -> None:
    with CAUSES[why](impatient):
        if why == "the disk is full":  # the lease's own page is there already
            assert impatient.take_lease(holder="pid 1", at=NOW) == 1
            return
        with pytest.raises(LedgerOutOfReach, match=why):
            impatient.take_lease(holder="pid 1", at=NOW)
    assert impatient.take_lease(holder="pid 1", at=NOW) == 1


def test_other_threads_are_served_after_one_could_not_write(impatient: LedgerStore) -> None:
    """Pony's writers queue on a lock of the process; a failure must not keep it."""
    with held_by_another_process(impatient), pytest.raises(LedgerOutOfReach):
        planned(impatient, "s1")
    done: SimpleQueue[str] = SimpleQueue()

    def write() -> None:
        planned(impatient, "s2", symbol="KO")
        done.put("done")

    thread = threading.Thread(target=write)
    thread.start()
    assert done.get(timeout=10) == "done"
    thread.join()


FSIZE = """
import resource, sys
from pathlib import Path
from persistence.errors import LedgerOutOfReach
from persistence.store import LedgerStore, verify_journal
from tests.persistence.making import NOW
from tests.persistence.test_out_of_reach import write_much

store = LedgerStore.open(Path(sys.argv[1]), clock=lambda: NOW)
wal = store.path.with_name(store.path.name + "-wal").stat().st_size
endless = resource.getrlimit(resource.RLIMIT_FSIZE)
for _ in range(2):
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal + 10_000, endless[1]))
    try:
        write_much(store)
    except LedgerOutOfReach as error:
        print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, endless)
print(verify_journal(store).rows)
write_much(store)
print(verify_journal(store))
"""


def test_a_file_that_may_not_grow_is_out_of_reach_until_it_may(path: Path) -> None:
    command = [sys.executable, "-c", FSIZE, str(path)]
    root = Path(__file__).parents[2]
    run = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False, timeout=60)
    *refusals, rows, check = run.stdout.splitlines()
    assert run.stderr == ""
    assert len(refusals) == 2
    assert all("cannot be written now" in line and "(disk I/O error)" in line for line in refusals)
    assert (rows, check) == ("0", "rows=60 broken_at=None")
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_what_does_not_pass_by_itself_stays_what_it_is(store: LedgerStore) -> None:
    planned(store)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"), store.unit() as unit:
        add_signal(unit, a_signal())
    with pytest.raises(sqlite3.OperationalError, match="no such table"), store.unit() as unit:
        unit._cursor.execute("SELECT 1 FROM missing")
    with pytest.raises(FileNotFoundError), store.unit():
        Path("/nowhere/at/all").read_text(encoding="utf-8")


def test_a_failure_that_the_block_keeps_to_itself_does_not_let_half_of_it_pass(
    impatient: LedgerStore,
) -> None:
    """SQLite has ended the transaction by then: what comes after it would be committed alone."""

    def swallow() -> None:
        with impatient.unit() as unit:
            unit.journal("planned", "half", {}, at=NOW)
            with pytest.raises(sqlite3.OperationalError, match="full"):
                unit.set_meta("key", "x" * 500_000)

    with a_full_disk(impatient), pytest.raises(RuntimeError, match="ended before its unit did"):
        swallow()
    assert verify_journal(impatient).rows == 0
    planned(impatient, "s1")


def test_a_reader_is_served_while_nothing_can_be_written(impatient: LedgerStore) -> None:
    with held_by_another_process(impatient):
        assert Queries(impatient).counts().signals == {"received": 1}
        assert impatient.lease().epoch == 0


def test_the_ledgers_patience_is_as_it_was_asked_for(impatient: LedgerStore, store: LedgerStore) -> None:
    for ledger, millis in ((impatient, 50), (store, 5000)):
        assert connection_of(ledger).execute("PRAGMA busy_timeout").fetchone() == (millis,)
    with closing(sqlite3.connect(impatient.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
