"""Told to stop in the middle of an order: its answer is waited for, and nothing new is begun."""

import signal
from pathlib import Path

import pytest

from actors.clock import system_clock
from domain.orders import Life
from persistence.queries import Queries
from persistence.store import LedgerStore
from simulator.server import Simulator
from tests.faults.kit import POST, differences, eventually, fault, posts
from tests.flows.conftest import oracle
from tests.flows.process import started
from tests.flows.test_process import a_signal
from tests.flows.test_process import filled as is_filled


@pytest.mark.fault("F42")
@pytest.mark.parametrize("act", ["delay", "delay_reply"])
def test_a_stop_waits_for_the_answer_to_the_order_on_the_wire(
    simulator: Simulator, tmp_path: Path, act: str
) -> None:
    state = tmp_path / "state"
    with started(state, simulator.base_url) as (process, api):
        fault(simulator, act, seconds=2, match=POST)
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        eventually(lambda: posts(simulator), "the POST")
        process.signal(signal.SIGTERM)
        assert process.ended() == 0

    store = LedgerStore.open(state / "ledger-simulator.sqlite3", clock=system_clock)
    [trade] = Queries(store).trades(limit=9).items
    [order] = Queries(store).orders_of(trade.id)
    store.close()
    assert order.life in {Life.WORKING, Life.DONE}
    [accepted] = oracle(simulator, "accepted")
    assert order.broker_order_id == accepted["order_id"]


@pytest.mark.fault("F42")
def test_a_stop_that_the_answer_outlasts_leaves_the_order_to_the_next_start(
    simulator: Simulator, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    with started(state, simulator.base_url) as (process, api):
        fault(simulator, "delay_reply", seconds=60, match=POST)
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        eventually(lambda: oracle(simulator, "accepted"), "the order")
        process.signal(signal.SIGTERM)
        assert process.ended() in {0, 70}

    with started(state, simulator.base_url) as (_, api):
        is_filled(api, "acme-1")
    store = LedgerStore.open(state / "ledger-simulator.sqlite3", clock=system_clock)
    assert differences(Queries(store), simulator) == []
    store.close()
    assert (posts(simulator), len(oracle(simulator, "accepted"))) == (1, 1)
