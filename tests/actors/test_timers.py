import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from actors.clock import LeapingTime
from actors.timers import TimerThread
from tests.actors.doubles import PATIENCE_S, Record


@pytest.fixture
def thread() -> Iterator[TimerThread]:
    timers = TimerThread()
    yield timers
    timers.close()


def test_what_is_due_first_is_done_first_whenever_it_was_asked_for(thread: TimerThread) -> None:
    done = Record()
    thread.after(0.04, lambda: done.add("second"))
    thread.after(0.0, lambda: done.add("first"))
    assert done.wait(2) == ["first", "second"]


def test_what_is_due_together_is_done_in_the_order_it_was_asked_for(thread: TimerThread) -> None:
    done = Record()
    for number in range(20):
        thread.after(0, lambda number=number: done.add(number))  # type: ignore[misc]
    assert done.wait(20) == list(range(20))


def test_each_action_is_done_once(thread: TimerThread) -> None:
    done = Record()
    thread.after(0, lambda: done.add("once"))
    thread.after(0.01, lambda: done.add("end"))
    assert done.wait(2) == ["once", "end"]
    assert len(done.all()) == 2


def test_an_action_may_ask_for_the_next(thread: TimerThread) -> None:
    done = threading.Event()
    thread.after(0, lambda: thread.after(0, done.set))
    assert done.wait(PATIENCE_S)


def test_what_is_not_due_is_dropped_at_the_end() -> None:
    timers, done = TimerThread(), Record()
    before = {thread for thread in threading.enumerate() if thread.name == "timers"}
    timers.after(0.02, lambda: done.add("late"))
    timers.close()
    for thread in before:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    assert done.all() == []


def test_what_a_leap_of_time_makes_due_is_done_at_once() -> None:
    noon, done = datetime(2026, 11, 12, 12, tzinfo=UTC), Record()
    day = LeapingTime(noon)
    timers = TimerThread(day)
    timers.after(3600, lambda: done.add("an hour"))
    timers.after(7200, lambda: done.add("two hours"))

    day.leap(timedelta(hours=1))

    assert done.wait(1) == ["an hour"]
    assert day.clock() == noon + timedelta(hours=1)
    timers.close()


def test_while_a_leaping_time_stands_still_nothing_becomes_due() -> None:
    day, done = LeapingTime(datetime(2026, 11, 12, 12, tzinfo=UTC)), Record()
    timers = TimerThread(day)
    timers.after(0.001, lambda: done.add("due"))
    threading.Event().wait(0.05)
    assert (done.all(), timers.at_rest(), day.monotonic()) == ([], True, timedelta())
    day.leap(timedelta(milliseconds=1))
    assert done.wait(1) == ["due"]
    timers.close()


def test_timers_are_not_at_rest_while_they_do_something_and_are_again_after_it() -> None:
    day = LeapingTime(datetime(2026, 11, 12, 12, tzinfo=UTC))
    timers, begun, go_on = TimerThread(day), threading.Event(), threading.Event()

    def act() -> None:
        begun.set()
        go_on.wait(PATIENCE_S)

    timers.after(1, act)
    assert timers.at_rest()
    day.leap(timedelta(seconds=1))
    assert begun.wait(PATIENCE_S)
    assert not timers.at_rest()
    go_on.set()
    pause = threading.Event()
    assert any(timers.at_rest() or pause.wait(0.01) for _ in range(500))
    timers.close()


class Unseen(LeapingTime):
    """Its leaps wake nobody, as if the thread had not come to it yet."""

    def watch(self, wake: Callable[[], None]) -> None:
        pass


def test_timers_are_not_at_rest_while_something_is_due() -> None:
    day = Unseen(datetime(2026, 11, 12, 12, tzinfo=UTC))
    timers = TimerThread(day)
    timers.after(1, lambda: None)
    assert timers.at_rest()
    day.leap(timedelta(seconds=1))
    assert not timers.at_rest()
    timers.close()
