"""Whether the actors are at rest: by counts, whatever happens between one reading and the next."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from actors.base import Address, Mailbox, Worker, spawn
from actors.clock import LeapingTime
from actors.pulse import Pulse
from actors.timers import TimerThread
from tests.actors.doubles import PATIENCE_S


@dataclass
class Counts:
    """An actor's counts, and what happens right after one of them is read."""

    sent: int = 3
    done: int = 3
    then: Callable[[], None] = field(default=lambda: None)

    def handed_in(self) -> int:
        return self.sent

    def handled(self) -> int:
        done = self.done
        self.then()
        return done


@dataclass
class Timers:
    rest: bool = True

    def at_rest(self) -> bool:
        return self.rest


def pulse(*actors: Counts, timers: Timers | None = None) -> Pulse:
    found = Pulse()
    found.follow(actors, timers or Timers())
    return found


def test_all_mail_done_is_rest_and_its_number_is_told() -> None:
    assert pulse(Counts(3, 3), Counts(4, 4)).at_rest() == 7


@pytest.mark.parametrize(
    ("actors", "timers"),
    [
        ((Counts(3, 2), Counts()), Timers()),
        ((Counts(), Counts(1, 0)), Timers()),
        ((Counts(),), Timers(rest=False)),
    ],
)
def test_mail_that_waits_or_is_being_handled_and_a_timer_that_is_due_are_no_rest(
    actors: tuple[Counts, ...], timers: Timers
) -> None:
    assert pulse(*actors, timers=timers).at_rest() is None


def test_without_actors_there_is_no_rest() -> None:
    found = pulse(Counts())
    found.leave()
    assert found.at_rest() is None
    assert Pulse().at_rest() is None


def test_work_that_moves_behind_the_reader_is_seen() -> None:
    """The first is idle when it is looked at, and is given mail by the second, which is idle by then."""
    first, second = Counts(), Counts()

    def hand_over() -> None:
        first.sent += 1
        second.then = lambda: None

    second.then = hand_over
    assert pulse(first, second).at_rest() is None


class Passer(Worker[int]):
    """Passes a number on, one less, until it is 0."""

    other: Mailbox[int]

    def receive(self, mail: int) -> None:
        if mail:
            self.other.send(mail - 1)


@pytest.fixture
def pair() -> Iterator[tuple[Address[int], Address[int]]]:
    deaths: list[object] = []
    left, right = (spawn(Passer, on_death=deaths.append) for _ in range(2))
    for here, there in ((left, right), (right, left)):
        here._ref.proxy().other = there
    yield left, right
    for each in (left, right):
        each.stop(timeout=PATIENCE_S)
    assert deaths == []


def test_real_actors_are_at_rest_only_when_the_last_mail_of_many_is_done(
    pair: tuple[Address[int], Address[int]],
) -> None:
    left, right = pair
    timers = TimerThread(day := LeapingTime(datetime(2026, 11, 12, tzinfo=UTC)))
    found, pause = Pulse(), threading.Event()
    found.follow(pair, timers)
    before = sum(each.handed_in() for each in pair)
    passes = 400
    for number in range(1, 21):
        timers.after(1, lambda: left.send(passes))
        timers.after(1, lambda: right.send(passes))
        day.leap(timedelta(seconds=1))
        for _ in range(10_000):
            if (mail := found.at_rest()) is not None:
                break
            pause.wait(0.0005)
        assert mail == before + number * 2 * (passes + 1)
    timers.close()
