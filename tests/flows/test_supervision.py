"""Actors that die and hang, under the real supervisor: what was taken in is done, and done once."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from actor_tree import ActorTree, start_actors
from actors.base import Death, OnDeath, Ping
from actors.supervisor import Hung, Supervisor, Watch
from domain.messages import AcceptSignal, GateChanged, LedgerChanged, SignalConflict, SignalRecorded
from persistence.queries import Queries
from settings import load
from simulator.server import Simulator
from tests.actors.doubles import Record
from tests.flows.conftest import WAIT_S, Bot, News, control, make_parts, oracle

KINDS = [
    "TradeLedger",
    "Reconciler",
    "TradingStream",
    "Lane 1",
    "Lane 8",
    "OrderExecutor",
    "SignalReceiver",
]


class Watched:
    """A bot's actors under a supervisor on a thread of its own."""

    def __init__(self, settings: Any, stack: ExitStack, watch: Watch) -> None:
        self.parts = make_parts(settings, stack)
        self.news, self.trees, self.ends = News(), Record(), Record()
        self.supervisor = Supervisor(self._start, watch)
        self._thread = threading.Thread(target=lambda: self.ends.add(self.supervisor.run()), daemon=True)
        self._thread.start()

    @contextmanager
    def _start(self, on_death: OnDeath) -> Iterator[ActorTree]:
        with start_actors(self.parts, on_death) as tree:
            tree.actors["TradeLedger"].subscribe(self.news, LedgerChanged, GateChanged)
            self.trees.add(tree)
            yield tree

    def bot(self, number: int = 1) -> Bot:
        """The bot with its n-th tree of actors, from 1, once that stands."""
        tree = self.trees.wait(number, ActorTree)[number - 1]
        return Bot(self.parts, tree, Queries(self.parts.store), self.news, [])

    def end(self) -> int | Death:
        """What the supervisor ended with."""
        self._thread.join(WAIT_S)
        [end] = self.ends.all()
        assert isinstance(end, int | Death)
        return end

    def stop(self) -> None:
        if not self.ends.all():
            self.supervisor.stop(0)
            assert self.end() == 0


@contextmanager
def watched(simulator: Simulator, folder: Path, watch: Watch | None = None) -> Iterator[Watched]:
    settings = load(mode="simulator", broker_url=simulator.base_url, state_dir=folder, http="127.0.0.1:0")
    with ExitStack() as stack:
        running = Watched(settings, stack, watch or Watch())
        stack.callback(running.stop)
        running.bot().gate(is_open=True)
        yield running


def inside(bot: Bot, name: str, action: Callable[[], object]) -> None:
    """Have this actor do this, as if one of its handlers did."""
    bot.tree.actors[name].send(Ping(action))  # type: ignore[arg-type]


def fails() -> None:
    raise LookupError("nobody expected this")


def leaves() -> None:
    sys.exit(3)


def filled(trade: Any) -> bool:
    return trade.shares is not None


@pytest.mark.parametrize("action", [fails, leaves], ids=["exception", "sys.exit"])
@pytest.mark.parametrize("name", KINDS)
def test_an_actor_that_dies_costs_no_signal_and_no_second_order(
    simulator: Simulator, tmp_path: Path, name: str, action: Callable[[], object]
) -> None:
    names = [f"SYM{letter}" for letter in "ABCDEFGHIJ"]
    with watched(simulator, tmp_path / "state") as running:
        bot = running.bot()
        for number, symbol in enumerate(names):
            if number == 5:
                inside(bot, name, action)
            taken = False
            while not taken:  # between two trees nobody takes it: its sender is told so, and comes again
                taken = accepts(bot, symbol)
        assert running.bot(2).tree is not bot.tree
        bot = running.bot(2)
        for symbol in names:
            bot.trade(f"{symbol.lower()}-1", filled, f"the fill of {symbol}")
        assert len(running.trees.all()) == 2

    orders = oracle(simulator, "accepted")
    assert sorted(order["symbol"] for order in orders) == names


def accepts(bot: Bot, symbol: str) -> bool:
    """Whether the signal was taken in; False: its sender was told that it was not."""
    import pykka

    mail = AcceptSignal(signal=bot.signal(symbol))
    try:
        return bool(bot.parts.intake.ask(mail, SignalRecorded, SignalConflict, timeout=10))
    except (pykka.ActorDeadError, LookupError, RuntimeError):
        threading.Event().wait(0.01)
        return False


def test_a_post_on_the_wire_is_waited_for_while_another_actor_has_died(
    simulator: Simulator, tmp_path: Path
) -> None:
    slow = {"match": {"method": "POST", "path": "/v2/orders", "n": 1}, "act": "delay_reply", "seconds": 1.5}
    with watched(simulator, tmp_path / "state") as running:
        bot = running.bot()
        control(simulator, "faults", slow)
        bot.accept(bot.signal("ACME"))
        until(lambda: oracle(simulator, "accepted"), "the order to reach the broker")
        died = time.monotonic()
        inside(bot, "TradingStream", fails)
        bot = running.bot(2)
        assert time.monotonic() - died > 1
        assert not any(address.is_alive() for address in running.trees.all()[0].actors.values())
        trade = bot.trade("acme-1", filled, "the fill")

    [accepted] = oracle(simulator, "accepted")
    assert accepted["client_order_id"] == trade.client_order_id


def until(condition: Callable[[], Any], what: str) -> None:
    pause = threading.Event()
    give_up = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < give_up, f"waited {WAIT_S} s for {what}"
        pause.wait(0.02)


@pytest.mark.parametrize("name", KINDS)
def test_an_actor_that_hangs_ends_the_process_and_its_stack_was_looked_at(
    simulator: Simulator, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tree.STOP_BESIDE_HUNG_S", 0.3)
    free, dumped = threading.Event(), Record()
    watch = Watch(budgets=dict.fromkeys(KINDS, 0.5), turn_s=0.05, dump=dumped.add)
    with watched(simulator, tmp_path / "state", watch) as running:
        bot = running.bot()
        inside(bot, name, free.wait)
        end = running.end()
        free.set()
        for address in bot.tree.actors.values():
            address.stop(timeout=WAIT_S)

    assert isinstance(end, Death)
    assert isinstance(end.error, Hung)
    assert end.actor == name
    [looked_at] = dumped.all()  # those that wait for an answer of this one may be late as well
    assert name in looked_at
    assert len(running.trees.all()) == 1


def test_in_safe_mode_signals_are_taken_in_and_nothing_is_sent_also_after_a_rebuild(
    simulator: Simulator, tmp_path: Path
) -> None:
    with watched(simulator, tmp_path / "state") as running:
        bot = running.bot()
        object.__setattr__(running.parts.probation, "why", "the bot has crashed too often")
        inside(bot, "Reconciler", fails)
        bot = running.bot(2)
        bot.gate(is_open=False)
        until(lambda: bot.parts.board.gate.reason == "the bot has crashed too often", "the reason")
        bot.accept(bot.signal("ACME"))
        assert oracle(simulator, "accepted") == []

        object.__setattr__(running.parts.probation, "_boots", Settled())
        assert running.parts.probation.settle()
        bot.trade("acme-1", filled, "the fill once it is over")
    assert len(oracle(simulator, "accepted")) == 1


class Settled:
    """A record of starts that has nothing against this one any more."""

    locked = False

    def verdict(self) -> None:
        return None

    def settled(self) -> bool:
        return True
