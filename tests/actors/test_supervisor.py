import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pykka
import pytest

from actors import supervisor
from actors.base import Address, Death, OnDeath, spawn
from actors.heartbeats import log_stacks
from actors.supervisor import Hung, Supervisor, Watch
from tests.actors.doubles import PATIENCE_S, Record
from tests.actors.test_base import Doer, Mail, raising


@dataclass
class Tree:
    actors: dict[str, Address[Any]] = field(default_factory=dict)


class Forest:
    """Grows a tree of two actors at each start, and keeps every one of them to look at."""

    def __init__(self) -> None:
        self.trees = Record()
        self.felled = Record()
        self.on_deaths: list[OnDeath] = []
        self.setup: Mail = bool
        self.after: Mail = bool

    @contextmanager
    def start(self, on_death: OnDeath) -> Iterator[Tree]:
        tree = Tree()
        self.on_deaths.append(on_death)
        try:
            tree.actors["one"] = spawn(Doer, on_death=on_death)
            tree.actors["two"] = spawn(Doer, on_death=on_death, setup=self.setup)
            self.trees.add(tree)
            yield tree
        finally:
            for address in reversed(tree.actors.values()):
                try:
                    address.stop(timeout=0.2)
                except pykka.Timeout:
                    continue
            self.felled.add(tree)
            self.after()

    def tree(self, number: int) -> Tree:
        """The n-th tree, from 1, once it stands."""
        return self.trees.wait(number, Tree)[number - 1]


class Run:
    """A supervisor at work on a thread of its own."""

    def __init__(self, forest: Forest, watch: Watch | None = None) -> None:
        self.supervisor = Supervisor(forest.start, watch)
        self._end = Record()
        self._thread = threading.Thread(target=lambda: self._end.add(self.supervisor.run()), daemon=True)
        self._thread.start()

    def end(self) -> int | Death:
        """What `run` returned, once it has."""
        (end,) = self._end.wait(1)
        self._thread.join(PATIENCE_S)
        assert isinstance(end, int | Death)
        return end


@pytest.fixture
def forest() -> Forest:
    return Forest()


def kill(tree: Tree, name: str = "one") -> None:
    tree.actors[name].send(raising(ValueError("broken")))


def test_it_runs_until_it_is_stopped_and_returns_the_code(forest: Forest) -> None:
    run = Run(forest)
    tree = forest.tree(1)
    run.supervisor.stop(3)
    assert run.end() == 3
    assert not any(address.is_alive() for address in tree.actors.values())


def test_a_stop_before_the_start_is_not_forgotten(forest: Forest) -> None:
    early = Supervisor(forest.start)
    early.stop(0)
    assert early.run() == 0
    assert len(forest.felled.all()) == 1


@pytest.mark.parametrize("name", ["one", "two"])
def test_one_death_rebuilds_them_all(forest: Forest, name: str) -> None:
    run = Run(forest)
    first = forest.tree(1)
    kill(first, name)
    second = forest.tree(2)
    assert forest.felled.all() == [first]
    assert not any(address.is_alive() for address in first.actors.values())
    assert all(address.is_alive() for address in second.actors.values())
    run.supervisor.stop(0)
    assert run.end() == 0


def test_a_failing_ask_rebuilds_although_the_actor_lives_on(forest: Forest) -> None:
    run = Run(forest)
    with pytest.raises(ValueError, match="broken"):
        forest.tree(1).actors["two"].ask(raising(ValueError("broken")), object, timeout=PATIENCE_S)
    forest.tree(2)
    run.supervisor.stop(0)
    assert run.end() == 0


def test_the_fourth_death_within_a_minute_is_one_too_many(forest: Forest) -> None:
    run = Run(forest)
    for number in (1, 2, 3, 4):
        kill(forest.tree(number))
    end = run.end()
    assert isinstance(end, Death)
    assert (end.actor, str(end.error)) == ("Doer", "broken")
    assert len(forest.trees.all()) == len(forest.felled.all()) == 4


def test_deaths_further_apart_than_the_window_are_no_series(
    forest: Forest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "WINDOW_S", 0.0)
    run = Run(forest)
    for number in range(1, 9):
        kill(forest.tree(number))
    forest.tree(9)
    run.supervisor.stop(0)
    assert run.end() == 0


def test_deaths_of_an_older_tree_are_past(forest: Forest) -> None:
    run = Run(forest)
    kill(forest.tree(1))
    second = forest.tree(2)
    for _ in range(9):
        forest.on_deaths[0](Death("Doer", ValueError("a late one of the first tree")))
    run.supervisor.stop(0)
    assert run.end() == 0
    assert forest.trees.all()[1:] == [second]


def test_two_deaths_of_one_tree_are_one_rebuild(forest: Forest) -> None:
    run = Run(forest)
    first = forest.tree(1)
    kill(first, "one")
    kill(first, "two")
    forest.tree(2)
    run.supervisor.stop(0)
    assert run.end() == 0
    assert len(forest.trees.all()) == 2


def test_a_failing_setup_counts_like_a_death(forest: Forest) -> None:
    forest.setup = raising(ValueError("no database"))
    run = Run(forest)
    end = run.end()
    assert isinstance(end, Death)
    assert str(end.error) == "no database"
    assert len(forest.felled.all()) == 4
    assert forest.trees.all() == []


def test_a_setup_that_fails_once_is_tried_again(forest: Forest) -> None:
    attempts = Record()

    def setup() -> None:
        attempts.add(None)
        if len(attempts.all()) == 1:
            raise ValueError("not yet")

    forest.setup = setup
    run = Run(forest)
    forest.tree(1)
    assert len(attempts.all()) == 2
    run.supervisor.stop(0)
    assert run.end() == 0


BRIEF = {"one": 0.1, "two": 0.1}


class Seen:
    """What a watch is told."""

    def __init__(self, budgets: Mapping[str, float], turn_s: float = 0.01) -> None:
        self.alive, self.healthy, self.dumped = Record(), Record(), Record()
        self.watch = Watch(
            budgets=budgets,
            turn_s=turn_s,
            alive=self.alive.add,
            healthy=self.healthy.add,
            dump=self.dumped.add,
        )


def test_an_actor_without_a_heartbeat_is_looked_at_once_and_then_ends_the_process(forest: Forest) -> None:
    free, seen = threading.Event(), Seen(BRIEF)
    run = Run(forest, seen.watch)
    forest.tree(1).actors["two"].send(lambda: free.wait(PATIENCE_S))
    end = run.end()
    free.set()
    assert isinstance(end, Death)
    assert (end.actor, type(end.error)) == ("two", Hung)
    assert len(forest.trees.all()) == 1
    assert seen.dumped.all() == ["no heartbeat from two"]


def test_an_actor_that_is_late_and_comes_back_is_looked_at_and_left_alone(forest: Forest) -> None:
    free, seen = threading.Event(), Seen({"one": 0.05, "two": 60})
    run = Run(forest, seen.watch)
    seen.healthy.wait(1)
    forest.tree(1).actors["two"].send(lambda: free.wait(PATIENCE_S))
    forest.tree(1).actors["one"].send(lambda: seen.dumped.wait(1))
    seen.dumped.wait(1)
    before = len(seen.healthy.all())
    seen.healthy.wait(before + 3)  # "two" is silent, but not for longer than it may
    free.set()
    run.supervisor.stop(0)
    assert run.end() == 0
    assert len(seen.dumped.all()) == len(forest.trees.all()) == 1


def test_health_is_told_only_while_everybody_answers(forest: Forest) -> None:
    free, seen = threading.Event(), Seen(BRIEF)
    run = Run(forest, seen.watch)
    ages = seen.healthy.wait(3)
    assert all(0 <= age < 0.1 for age in ages)
    forest.tree(1).actors["one"].send(lambda: free.wait(PATIENCE_S))
    seen.dumped.wait(1)
    told = len(seen.healthy.all())
    run.end()
    free.set()
    assert len(seen.healthy.all()) == told


def test_each_turn_and_each_stage_is_told_to_whoever_watches_the_watcher(forest: Forest) -> None:
    seen = Seen(BRIEF)
    run = Run(forest, seen.watch)
    seen.healthy.wait(5)
    run.supervisor.stop(0)
    assert run.end() == 0
    start, *turns, stop = seen.alive.all()
    assert (start, set(turns), stop) == (supervisor.START_S, {0}, supervisor.STOP_S)
    assert len(turns) >= 5


def test_the_time_for_which_the_process_stood_still_is_nobodys_silence(
    forest: Forest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock jumps by an hour while a heartbeat is out, as it does when the process is stopped."""
    jumped, free = [0.0], threading.Event()
    seen = Seen({"one": 30, "two": 30}, turn_s=0.2)
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + jumped[0])

    run = Run(forest, seen.watch)
    seen.healthy.wait(1)
    forest.tree(1).actors["one"].send(lambda: free.wait(PATIENCE_S))
    told = len(seen.healthy.all())
    seen.healthy.wait(told + 2)  # by now "one" owes an answer
    jumped[0] = 3600.0
    seen.healthy.wait(told + 5)
    free.set()
    run.supervisor.stop(0)
    assert run.end() == 0
    assert seen.dumped.all() == []


def test_what_no_rebuild_can_mend_ends_the_process_at_once(forest: Forest) -> None:
    run = Run(forest, Watch(fatal=(LookupError,)))
    error = KeyError("the lease is lost")  # a kind of LookupError
    forest.tree(1).actors["one"].send(raising(error))
    assert run.end() == Death("Doer", error)
    assert len(forest.trees.all()) == len(forest.felled.all()) == 1


def test_a_tree_that_hangs_is_told_so_when_it_is_left(forest: Forest) -> None:
    """So that nobody waits for the others' work as long as in an orderly stop."""
    free, seen, left = threading.Event(), Seen(BRIEF), Record()

    @contextmanager
    def start(on_death: OnDeath) -> Iterator[Tree]:
        with forest.start(on_death) as tree:
            try:
                yield tree
            except Hung as error:
                left.add(error)
                raise

    hanging = Supervisor(start, seen.watch)
    thread = threading.Thread(target=hanging.run, daemon=True)
    thread.start()
    forest.tree(1).actors["one"].send(lambda: free.wait(PATIENCE_S))
    assert left.wait(1, Hung)[0].actor == "one"
    free.set()
    thread.join(PATIENCE_S)


def test_the_stacks_of_all_threads_are_logged_by_name(caplog: pytest.LogCaptureFixture) -> None:
    inside, free = threading.Event(), threading.Event()

    def a_handler_that_hangs() -> None:
        inside.set()
        free.wait(PATIENCE_S)

    thread = threading.Thread(target=a_handler_that_hangs, name="Lane-7")
    thread.start()
    assert inside.wait(PATIENCE_S)
    log_stacks("no heartbeat from Lane 7")
    free.set()
    thread.join(PATIENCE_S)
    [record] = caplog.records
    assert "Lane-7:\n" in record.getMessage()
    assert "in a_handler_that_hangs" in record.getMessage()


@pytest.mark.parametrize("why", ["stop", "death"])
def test_an_actor_that_does_not_stop_ends_the_process_at_once(forest: Forest, why: str) -> None:
    error = Hung("one", "has not stopped in time")
    forest.after = raising(error)
    run = Run(forest)
    tree = forest.tree(1)
    if why == "stop":
        run.supervisor.stop(0)
    else:
        kill(tree)
    end = run.end()
    assert isinstance(end, Death)
    assert end.error is error
    assert len(forest.trees.all()) == 1


def test_a_busy_actor_that_answers_in_time_is_left_alone(forest: Forest) -> None:
    beats, seen = Record(), Seen({"one": PATIENCE_S, "two": PATIENCE_S}, turn_s=0.001)
    run = Run(forest, seen.watch)
    address = forest.tree(1).actors["one"]
    for number in range(200):
        address.send(lambda number=number: beats.add(number))
    beats.wait(200)
    run.supervisor.stop(0)
    assert run.end() == 0
    assert len(forest.trees.all()) == 1
