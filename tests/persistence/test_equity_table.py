from datetime import datetime, timedelta
from pathlib import Path

import pytest

from domain.exposure import EquitySample
from persistence.queries import FiguresQueries
from persistence.store import LedgerStore
from tests.domain.builders import NOW, dec


def sampled(store: LedgerStore, *moments: datetime) -> None:
    with store.unit() as unit:
        for number, at in enumerate(moments):
            zero = dec("0")
            unit.add_equity(
                EquitySample(at=at, equity=dec(str(5000 + number)), realised=zero, open=zero, exposure=zero)
            )


def kept(store: LedgerStore, since: datetime, until: datetime) -> list[datetime]:
    return [each.at for each in FiguresQueries(store.path).equity(since, until, most=1000)]


def test_a_minute_keeps_its_first_sample(tmp_path: Path) -> None:
    store = LedgerStore.open(tmp_path / "ledger.sqlite3", clock=lambda: NOW)
    sampled(store, NOW, NOW + timedelta(seconds=59), NOW + timedelta(seconds=60))
    samples = FiguresQueries(store.path).equity(NOW - timedelta(days=1), NOW + timedelta(days=1), most=9)
    assert [each.equity for each in samples] == [dec("5000"), dec("5002")]
    store.close()


def test_old_samples_are_thinned_to_one_in_fifteen_minutes_and_later_to_one_an_hour(tmp_path: Path) -> None:
    store = LedgerStore.open(tmp_path / "ledger.sqlite3", clock=lambda: NOW)
    day = [NOW + timedelta(minutes=number) for number in range(120)]
    sampled(store, *day)
    assert len(kept(store, NOW, NOW + timedelta(days=1))) == 120
    sampled(store, NOW + timedelta(days=2, hours=3))
    quarters = kept(store, NOW, NOW + timedelta(days=1))
    assert len(quarters) == 8
    assert all(at.minute % 15 == 0 for at in quarters)
    sampled(store, NOW + timedelta(days=60, hours=3))
    assert [at.minute for at in kept(store, NOW, NOW + timedelta(days=1))] == [0, 0]
    store.close()


@pytest.mark.parametrize("days_off", [0, 2, 3, 7, 100])
def test_an_outage_leaves_no_sample_that_is_never_thinned(tmp_path: Path, days_off: int) -> None:
    store = LedgerStore.open(tmp_path / "ledger.sqlite3", clock=lambda: NOW)
    stop = NOW + timedelta(days=1)
    sampled(store, *[NOW + timedelta(minutes=number) for number in range(24 * 60)])
    again = stop + timedelta(days=days_off)
    sampled(store, *[again + timedelta(hours=number) for number in range(3 * 24)])
    assert len(kept(store, NOW, stop)) == (24 if days_off >= 60 else 24 * 4)
    store.close()


def test_of_many_samples_so_many_are_taken_evenly_and_the_last_one_always(tmp_path: Path) -> None:
    store = LedgerStore.open(tmp_path / "ledger.sqlite3", clock=lambda: NOW)
    sampled(store, *[NOW + timedelta(minutes=number) for number in range(100)])
    taken = FiguresQueries(store.path).equity(NOW, NOW + timedelta(days=1), most=10)
    assert [each.at for each in taken] == [NOW + timedelta(minutes=number) for number in range(9, 100, 10)]
    store.close()
