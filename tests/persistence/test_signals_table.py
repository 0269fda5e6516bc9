"""A signal is stored once, waits its turn, and gets one verdict."""

import sqlite3
from datetime import timedelta

import pytest

from domain.signals import SignalState, body_digest
from persistence.errors import RowMissing
from persistence.queries import Queries
from persistence.store import LedgerStore
from tests.persistence.making import (
    NOW,
    VERDICT,
    a_signal,
    add_signal,
)

LATER = NOW + timedelta(seconds=1, microseconds=1)


def test_a_signal_comes_back_as_it_came_in(store: LedgerStore) -> None:
    one, other = a_signal("s1"), a_signal("s1", source="cron")
    bare = one.model_copy(
        update={
            "signal_id": "s2",
            "ai_confidence": None,
            "catalyst_category": None,
            "price_at_signal": None,
        }
    )
    with store.unit() as unit:
        for signal in (one, other, bare):
            add_signal(unit, signal)
    with store.unit() as unit:
        found = unit.find_signals([("api", "s1"), ("cron", "s1"), ("api", "s2"), ("api", "s3")])
        alone = unit.find_signals([("api", "s1")])
    assert {key: stored.signal for key, stored in found.items()} == {
        ("api", "s1"): one,
        ("cron", "s1"): other,
        ("api", "s2"): bare,
    }
    assert alone == {("api", "s1"): found["api", "s1"]}
    assert found["api", "s1"].digest == body_digest(one)
    assert found["api", "s1"].state is SignalState.RECEIVED
    assert found["api", "s1"].received_at == NOW


def test_a_name_is_taken_once(store: LedgerStore) -> None:
    with store.unit() as unit:
        add_signal(unit, a_signal())
        add_signal(unit, a_signal(source="cron"))
        with pytest.raises(sqlite3.IntegrityError):
            add_signal(unit, a_signal(symbol="MSFT"))


def test_a_verdict_is_given_once(store: LedgerStore, queries: Queries) -> None:
    with store.unit() as unit:
        add_signal(unit, a_signal())
        unit.decide_signal(source="api", signal_id="s1", state=SignalState.PLANNED, verdict=VERDICT, at=LATER)
    with store.unit() as unit, pytest.raises(RowMissing):
        unit.decide_signal(source="api", signal_id="s1", state=SignalState.EXPIRED, verdict=VERDICT, at=LATER)
    (view,) = queries.signal("s1")
    assert (view.state, view.verdict, view.decided_at) == (SignalState.PLANNED, VERDICT, LATER)


def test_undecided_signals_wait_in_the_order_they_came(store: LedgerStore) -> None:
    with store.unit() as unit:
        for number in (3, 1, 2):
            add_signal(unit, a_signal(f"s{number}"))
        unit.decide_signal(source="api", signal_id="s1", state=SignalState.DECLINED, verdict=VERDICT, at=NOW)
        assert [signal.signal_id for signal in unit.undecided_signals(limit=9)] == ["s3", "s2"]
        assert [signal.signal_id for signal in unit.undecided_signals(limit=1)] == ["s3"]
        assert unit.count_undecided() == 2
