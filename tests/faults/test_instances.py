"""More than one bot on a ledger or an account: one writes, and no order is doubled by the others."""

import signal
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from actors.clock import system_clock
from actors.ledger_orders import LOST_LEDGER
from persistence.instance import LEASE_GOOD_FOR
from persistence.lease import LEASE, lease_of
from persistence.queries import Queries
from persistence.store import LedgerStore
from simulator.server import Simulator
from tests.faults.kit import POST, differences, eventually, fault, filled, halts, heal, order_of
from tests.flows.conftest import control, oracle, running
from tests.flows.process import Api, Process, environment, started
from tests.flows.test_process import a_signal
from tests.flows.test_process import filled as is_filled


@pytest.mark.fault("F44")
def test_two_state_folders_with_one_ledger_are_one_bot(simulator: Simulator, tmp_path: Path) -> None:
    shared = f"sqlite:///{tmp_path / 'shared.sqlite3'}"
    with started(tmp_path / "first", simulator.base_url, STARFILL_DATABASE=shared) as (first, api):
        second = Process(**environment(tmp_path / "second", simulator.base_url, STARFILL_DATABASE=shared))
        assert second.ended() == 75
        assert str(first.pid) in second.lines[-1]
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        is_filled(api, "acme-1")
    assert len(oracle(simulator, "accepted")) == 1


@pytest.mark.fault("F44")
def test_of_many_bots_that_start_at_once_on_one_ledger_one_trades(
    simulator: Simulator, tmp_path: Path
) -> None:
    shared = f"sqlite:///{tmp_path / 'shared.sqlite3'}"
    bots = [
        Process(**environment(tmp_path / f"bot-{number}", simulator.base_url, STARFILL_DATABASE=shared))
        for number in range(4)
    ]
    try:
        running_ones = eventually(lambda: one_is_left(bots), "all but one to end", within_s=60)
        [left] = running_ones
        left.heard("^dashboard")
        left.signal(signal.SIGTERM)
        assert left.ended() == 0
        assert [bot.ended() for bot in bots if bot is not left] == [75, 75, 75]
    finally:
        for bot in bots:
            bot.kill()


def one_is_left(bots: list[Process]) -> list[Process]:
    left = [bot for bot in bots if bot.running]
    return left if len(left) == 1 else []


@pytest.mark.fault("F44")
def test_two_ledgers_of_one_account_never_make_two_orders_of_one_signal_and_are_found_out(
    simulator: Simulator, tmp_path: Path
) -> None:
    with running(simulator, tmp_path / "one") as one, running(simulator, tmp_path / "two") as two:
        one.gate(is_open=True)
        two.gate(is_open=True)
        # Nothing is taken before both mean to order: an order that a ledger hears of before it has planned
        # it is a lost one's, and halts.
        fault(simulator, "status", status=503, match={**POST, "n": None})
        signal = one.signal("ACME")
        for bot in (one, two):
            bot.accept(signal)
            bot.trade("acme-1", lambda _: True, "the intent")
        heal(simulator)
        eventually(lambda: filled(one.view("acme-1").trade), "the fill in the one ledger")
        eventually(lambda: filled(two.view("acme-1").trade), "the fill in the other")
        [accepted] = oracle(simulator, "accepted")
        assert order_of(one, "acme-1").broker_order_id == accepted["order_id"]
        assert order_of(two, "acme-1").broker_order_id == accepted["order_id"]

        one.accept(one.signal("KO"))
        eventually(lambda: halts(two).get("all") == LOST_LEDGER, "the other one to halt")
        eventually(lambda: not differences(one.queries, simulator), "the first one to agree with the broker")
    assert len(oracle(simulator, "accepted")) == 2


@pytest.mark.fault("F45")
@pytest.mark.timeout(180)
def test_a_bot_that_stood_still_past_its_lease_finds_itself_replaced_and_sends_nothing(
    simulator: Simulator, tmp_path: Path
) -> None:
    path = tmp_path / "shared.sqlite3"
    shared = f"sqlite:///{path}"
    with started(tmp_path / "first", simulator.base_url, STARFILL_DATABASE=shared) as (first, api):
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        is_filled(api, "acme-1")
        # Not in the middle of a commit: the next one is seconds away.
        eventually(lambda: renewed_ago(path) < timedelta(seconds=1), "a new lease")
        first.signal(signal.SIGSTOP)
        refused = Process(**environment(tmp_path / "second", simulator.base_url, STARFILL_DATABASE=shared))
        assert refused.ended() == 75  # its lease is still good
        eventually(lambda: overdue(path), "the end of its lease", within_s=30)

        with started(tmp_path / "second", simulator.base_url, STARFILL_DATABASE=shared) as (_, other):
            assert other.post("/api/signals", a_signal("KO")).status_code == 202
            is_filled(other, "ko-1")
            first.signal(signal.SIGCONT)
            assert first.ended() == 75
            assert other.post("/api/signals", a_signal("MSFT")).status_code == 202
            is_filled(other, "msft-1")

    store = LedgerStore.open(path, clock=system_clock)
    assert differences(Queries(store), simulator) == []
    store.close()
    assert [order["symbol"] for order in oracle(simulator, "accepted")] == ["ACME", "KO", "MSFT"]


@pytest.mark.fault("F45")
@pytest.mark.timeout(180)
def test_a_bot_that_stood_still_past_its_lease_and_was_not_replaced_goes_on(
    simulator: Simulator, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    path = state / "ledger-simulator.sqlite3"
    control(simulator, "switches", {"auto_fill": False})
    control(simulator, "prices", {"ACME": "10"})  # as it is filled, so that nothing is sold with a gain
    with started(state, simulator.base_url) as (process, api):
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        [order] = eventually(lambda: oracle(simulator, "accepted"), "the order")
        api.until("/api/signals/acme-1", has_its_order, "the order to be booked")
        process.signal(signal.SIGSTOP)
        control(simulator, "fill", {"id": order["order_id"], "price": "10"})
        eventually(lambda: overdue(path), "the end of its lease", within_s=30)
        process.signal(signal.SIGCONT)

        anew = Api(api.url, state)  # connections of before may have been given up meanwhile
        is_filled(anew, "acme-1")
        anew.until("/readyz", lambda answer: answer.status_code == 200, "the gate to open")
        control(simulator, "switches", {"auto_fill": True})
        assert anew.post("/api/signals", a_signal("KO")).status_code == 202
        is_filled(anew, "ko-1")
        process.signal(signal.SIGTERM)
        assert process.ended() == 0
    assert len(oracle(simulator, "accepted")) == 2


def has_its_order(answer: requests.Response) -> bool:
    return (answer.json().get("trade") or {}).get("alpaca_order_id") is not None


def overdue(path: Path) -> bool:
    """Whether the lease has not been renewed for as long as it is good for."""
    return renewed_ago(path) > LEASE_GOOD_FOR + timedelta(seconds=0.2)


def renewed_ago(path: Path) -> timedelta:
    """How long ago the lease was renewed; asked without any lock."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        lease = lease_of(connection.execute(LEASE).fetchone())
    assert lease.renewed_at is not None
    return system_clock() - lease.renewed_at
