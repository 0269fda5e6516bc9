"""What goes wrong with the ledger's file: no order without its row, nothing that happened is forgotten."""

import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actors.base import Ping
from actors.clock import system_clock
from actors.ledger_orders import LOST_LEDGER
from domain.messages import AcceptSignal, ClearHalts, HaltsChanged, LedgerUnwritable
from domain.signals import SignalState
from persistence.store import LedgerStore, verify_journal
from simulator.server import Simulator
from tests.faults.kit import agree, differences, eventually, filled, halts, order_of, placed, resting
from tests.flows.conftest import WAIT_S, Bot, control, oracle, running
from tests.flows.process import started
from tests.flows.test_process import a_signal
from tests.flows.test_process import filled as is_filled
from tests.persistence.test_out_of_reach import HOLD, connection_of

LEDGER = "ledger-simulator.sqlite3"


@contextmanager
def held_by_another_process(path: Path) -> Iterator[None]:
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield
        other.communicate()


@pytest.mark.fault("F30")
def test_while_another_process_has_the_ledger_nothing_is_promised_and_nothing_forgotten(
    bot: Bot, simulator: Simulator
) -> None:
    resting(simulator)
    order = placed(bot, "ACME")
    signal = bot.signal("KO")
    with held_by_another_process(bot.parts.settings.database):
        control(simulator, "fill", {"id": order.broker_order_id, "price": "10"})
        answer = bot.parts.intake.ask(AcceptSignal(signal=signal), LedgerUnwritable, timeout=15)
        assert isinstance(answer, LedgerUnwritable)
        eventually(lambda: "cannot be written" in bot.parts.board.gate.reason, "the gate to close")
        assert len(oracle(simulator, "accepted")) == 1

    bot.trade("acme-1", filled, "the fill that had to wait")
    bot.gate(is_open=True)
    bot.accept(signal)
    bot.trade("ko-1", lambda trade: trade.alpaca_order_id is not None, "the order of the repeated signal")
    agree(bot, simulator)


@pytest.mark.fault("F32")
def test_a_ledger_that_may_only_be_read_for_a_while_forgets_nothing(bot: Bot, simulator: Simulator) -> None:
    resting(simulator)
    order = placed(bot, "ACME")
    only_reading(bot, 1)
    signal = bot.signal("KO")
    answer = bot.parts.intake.ask(AcceptSignal(signal=signal), LedgerUnwritable, timeout=15)
    assert isinstance(answer, LedgerUnwritable)
    bot.gate(is_open=False)
    control(simulator, "fill", {"id": order.broker_order_id, "price": "10"})

    only_reading(bot, 0)

    bot.trade("acme-1", filled, "the fill that had to wait")
    bot.gate(is_open=True)
    bot.accept(signal)
    bot.trade("ko-1", lambda trade: trade.alpaca_order_id is not None, "the order of the repeated signal")
    agree(bot, simulator)
    assert len(oracle(simulator, "accepted")) == 2


def only_reading(bot: Bot, value: int) -> None:
    """Have the ledger's own connection refuse every write, or take them again."""
    done = threading.Event()

    def turn() -> None:
        connection_of(bot.parts.store).execute(f"PRAGMA query_only = {value}")
        done.set()

    bot.tree.actors["TradeLedger"].send(Ping(turn))
    assert done.wait(WAIT_S)


@pytest.mark.fault("F31")
@pytest.mark.timeout(120)
def test_on_a_full_disk_no_order_leaves_and_it_goes_on_by_itself_when_there_is_room(
    simulator: Simulator, tmp_path: Path
) -> None:
    resting(simulator)
    control(simulator, "prices", {"ACME": "10"})  # as it is filled, so that nothing is sold with a gain
    with started(tmp_path / "state", simulator.base_url) as (process, api):
        assert api.post("/api/signals", a_signal("ACME")).status_code == 202
        eventually(lambda: oracle(simulator, "accepted"), "the order")
        _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, most))  # no file may grow or be written
        answer = api.post("/api/signals", a_signal("KO"))
        assert (answer.status_code, "nothing was stored" in answer.text) == (503, True)
        order = oracle(simulator, "accepted")[0]["order_id"]
        control(simulator, "fill", {"id": order, "price": "10"})
        api.until("/readyz", lambda a: a.status_code == 503, "the gate to close")
        assert len(oracle(simulator, "accepted")) == 1

        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))

        is_filled(api, "acme-1")
        api.until("/readyz", lambda a: a.status_code == 200, "the gate to open")
        control(simulator, "switches", {"auto_fill": True})
        assert api.post("/api/signals", a_signal("KO")).status_code == 202
        is_filled(api, "ko-1")
    assert len(oracle(simulator, "accepted")) == 2
    assert sound(tmp_path / "state" / LEDGER)


def sound(path: Path) -> bool:
    """Whether the file and its journal are whole."""
    store = LedgerStore.open(path, clock=system_clock)
    store.examine()
    whole = verify_journal(store).broken_at is None
    store.close()
    return whole


def torn(state: Path, size: int) -> None:
    """The last commits only half written, as by a loss of power."""
    log = state / f"{LEDGER}-wal"
    log.write_bytes(log.read_bytes()[: size + 1500])


def garbled(state: Path, size: int) -> None:
    """The last commits overwritten with something else."""
    log = state / f"{LEDGER}-wal"
    content = log.read_bytes()
    log.write_bytes(content[:size] + b"\xa5" * (len(content) - size))


def without_log(state: Path, _: int) -> None:
    """The database copied without the file beside it."""
    (state / f"{LEDGER}-wal").unlink()
    (state / f"{LEDGER}-shm").unlink(missing_ok=True)


DAMAGES = {"torn": torn, "garbled": garbled, "without its log": without_log}


@pytest.mark.fault("F09")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_ledger_that_lost_its_last_commits_halts_and_orders_nothing_twice(
    simulator: Simulator, tmp_path: Path, damage: str
) -> None:
    live, copy = tmp_path / "live", tmp_path / "copy"
    with running(simulator, live) as bot:
        bot.gate(is_open=True)
        bot.accept(bot.signal("ACME"))
        bot.trade("acme-1", filled, "the first fill")
        agree(bot, simulator)
        size = (live / f"{LEDGER}-wal").stat().st_size
        signal = bot.signal("KO")
        bot.accept(signal)
        bot.trade("ko-1", filled, "the second fill")
        shutil.copytree(live, copy)
    DAMAGES[damage](copy, size)

    with running(simulator, copy) as bot:
        eventually(lambda: halts(bot).get("all") == LOST_LEDGER, "the halt")
        bot.accept(signal)
        assert bot.decided("ko-1").state is SignalState.DECLINED
        agree_but_for_the_lost(bot, simulator)
    assert sorted(line["symbol"] for line in oracle(simulator, "accepted")) == ["ACME", "KO"]


def agree_but_for_the_lost(bot: Bot, simulator: Simulator) -> None:
    """The lost orders stand in the books as orders of others, so that the shares are explained."""
    external = {order.client_order_id for order in bot.queries.external_orders(limit=9).items}
    left = [each for each in differences(bot.queries, simulator) if each.split()[0] not in external]
    assert left == []


@pytest.mark.fault("F57")
def test_a_ledger_restored_from_an_older_copy_halts_and_a_person_lets_it_go_on(
    simulator: Simulator, tmp_path: Path
) -> None:
    state, older = tmp_path / "state", tmp_path / "older"
    with running(simulator, state) as bot:
        bot.gate(is_open=True)
        bot.accept(bot.signal("ACME"))
        bot.trade("acme-1", filled, "the first fill")
    shutil.copytree(state, older)
    with running(simulator, state) as bot:
        bot.gate(is_open=True)
        signal = bot.signal("KO")
        bot.accept(signal)
        bot.trade("ko-1", filled, "the second fill")
    shutil.rmtree(state)
    older.rename(state)

    with running(simulator, state) as bot:
        eventually(lambda: halts(bot).get("all") == LOST_LEDGER, "the halt")
        bot.accept(signal)
        assert bot.decided("ko-1").state is SignalState.DECLINED
        agree_but_for_the_lost(bot, simulator)
        clear = ClearHalts(scope="all", by="test", reason="seen")
        bot.parts.ledger.ask(clear, HaltsChanged, timeout=10)
        bot.gate(is_open=True)
        bot.accept(bot.signal("MSFT"))
        bot.trade("msft-1", filled, "the first order after it")
        assert order_of(bot, "acme-1").filled_qty > 0
    orders = oracle(simulator, "accepted")
    assert sorted(line["symbol"] for line in orders) == ["ACME", "KO", "MSFT"]
