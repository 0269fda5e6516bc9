"""How a tree is stopped: in reverse, each within its time, and a writer that hangs is named."""

import threading
import time
from collections.abc import Iterator

import pytest

from actors import stopping
from actors.base import Address
from actors.stopping import stop_actors
from tests.actors.doubles import PATIENCE_S, Record, Stage
from tests.actors.test_base import Doer, Mail, raising

Tree = dict[str, Address[Mail]]
NAMES = ("TradeLedger", "Reconciler", "TradingStream", "Lane 1", "Lane 2", "OrderExecutor", "SignalReceiver")


@pytest.fixture
def stopped() -> Record:
    return Record()


@pytest.fixture
def tree(stage: Stage, stopped: Record) -> Tree:
    def spawn(name: str) -> Address[Mail]:
        return stage.spawn(Doer, on_death=stage.deaths, teardown=lambda: stopped.add(name))

    return {name: spawn(name) for name in NAMES}


@pytest.fixture
def free() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "STOP_S", dict.fromkeys([name.split()[0] for name in NAMES], 0.2))


def test_the_last_started_is_stopped_first(tree: Tree, stopped: Record) -> None:
    assert stop_actors(tree, PATIENCE_S) == []
    order = stopped.all()
    assert set(order[2:4]) == {"Lane 1", "Lane 2"}
    assert order[:2] + order[4:] == [name for name in reversed(NAMES) if not name.startswith("Lane")]


def test_lanes_end_together_and_not_one_after_the_other(tree: Tree) -> None:
    both = threading.Barrier(2)
    for name in ("Lane 1", "Lane 2"):
        tree[name].send(lambda: both.wait(PATIENCE_S))
    assert stop_actors(tree, PATIENCE_S) == []


def test_lanes_that_hang_have_their_time_together(
    tree: Tree, free: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "STOP_S", {"Lane": 0.5})
    for name in ("Lane 1", "Lane 2"):
        tree[name].send(lambda: free.wait(PATIENCE_S))
    began = time.monotonic()
    assert stop_actors(tree, PATIENCE_S) == ["Lane 2", "Lane 1"]
    assert 0.5 <= time.monotonic() - began < 0.9


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("name", NAMES)
def test_only_a_writer_that_hangs_is_named(
    tree: Tree, stopped: Record, free: threading.Event, name: str
) -> None:
    tree[name].send(lambda: free.wait(PATIENCE_S))
    is_writer = name.startswith(("TradeLedger", "Lane", "OrderExecutor"))
    assert stop_actors(tree, PATIENCE_S) == ([name] if is_writer else [])
    assert sorted(stopped.all()) == sorted(set(NAMES) - {name})  # nobody else waits for it


def test_the_time_for_all_of_them_is_a_limit(tree: Tree, free: threading.Event) -> None:
    for address in tree.values():
        address.send(lambda: free.wait(PATIENCE_S))
    began = time.monotonic()
    assert len(stop_actors(tree, 0.3)) == 4
    assert time.monotonic() - began < 0.6


def test_the_dead_are_stopped_already(stage: Stage, tree: Tree) -> None:
    tree["OrderExecutor"].send(raising(ValueError("broken")))
    stage.deaths.take()
    assert stop_actors(tree, PATIENCE_S) == []
