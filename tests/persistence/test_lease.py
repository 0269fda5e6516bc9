"""The newest epoch writes, and no other: a process that was stopped and comes back learns that it is late."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from persistence.rows import Lease
from persistence.store import LeaseLost, LedgerStore
from tests.persistence.making import NOW, a_signal, add_entry

LATER = NOW + timedelta(seconds=5)


def test_a_new_ledger_is_nobodys(store: LedgerStore) -> None:
    assert store.lease() == Lease(epoch=0, holder="", renewed_at=None)


def test_each_taking_of_the_lease_raises_the_epoch(store: LedgerStore) -> None:
    assert store.take_lease(holder="pid 1, /a", at=NOW) == 1
    assert store.take_lease(holder="pid 2, /b", at=LATER) == 2
    assert store.lease() == Lease(epoch=2, holder="pid 2, /b", renewed_at=LATER)


def test_its_holder_writes_and_renews_it(store: LedgerStore) -> None:
    epoch = store.take_lease(holder="pid 1", at=NOW)
    with store.unit(epoch) as unit:
        add_entry(unit, a_signal())
        unit.renew_lease(LATER)
    assert store.lease() == Lease(epoch=epoch, holder="pid 1", renewed_at=LATER)


def test_a_process_whose_lease_was_taken_writes_nothing_more(path: Path) -> None:
    stopped = LedgerStore.open(path, clock=lambda: NOW)
    mine = stopped.take_lease(holder="pid 1", at=NOW)
    follower = LedgerStore.open(path, clock=lambda: NOW)
    theirs = follower.take_lease(holder="pid 2, /b", at=LATER)
    entered = False
    with (
        pytest.raises(LeaseLost, match=r"another process \(pid 2, /b\) has taken") as lost,
        stopped.unit(mine),
    ):
        entered = True
    assert not entered
    assert lost.value.holder == "pid 2, /b"
    with follower.unit(theirs) as unit:
        unit.set_positions({"KO": Decimal(1)}, at=NOW)
    with pytest.raises(LeaseLost), stopped.unit(mine):
        pass
    assert follower.lease().epoch == theirs
    stopped.close()
    follower.close()


def test_an_epoch_from_a_newer_copy_of_the_ledger_is_refused_too(store: LedgerStore) -> None:
    """As after a restored backup, when the lease in the file is older than the one we hold."""
    epoch = store.take_lease(holder="pid 1", at=NOW)
    with pytest.raises(LeaseLost), store.unit(epoch + 1):
        pass


def test_a_unit_without_an_epoch_is_not_asked_for_it(store: LedgerStore) -> None:
    store.take_lease(holder="pid 1", at=NOW)
    with store.unit() as unit:
        add_entry(unit, a_signal())
