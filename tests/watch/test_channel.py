"""A channel with a service that takes, refuses, fails or hangs."""

import threading
from collections.abc import Iterator
from queue import Queue

import pytest

from tests.domain.builders import NOW
from tests.watch.builders import an_alarm
from watch.alarm import Notice
from watch.channel import MOST_QUEUED, Channel, Pace
from watch.kinds import Kind

WAIT_S = 10.0
AT_ONCE = Pace(between_s=0.0, first_retry_s=0.01, longest_retry_s=0.02)
NEVER_AGAIN = Pace(between_s=3600.0, first_retry_s=3600.0, longest_retry_s=3600.0)


class Scripted:
    """Answers as told, then takes everything; while `open` is cleared it answers nothing."""

    def __init__(self, *answers: str | Exception | None) -> None:
        self.answers = list(answers)
        self.notices: Queue[Notice] = Queue()
        self.open = threading.Event()
        self.open.set()

    def __call__(self, notice: Notice) -> str | None:
        self.notices.put(notice)
        self.open.wait(WAIT_S)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def next(self) -> str:
        return self.notices.get(timeout=WAIT_S).body


@pytest.fixture
def opened() -> Iterator[list[Channel]]:
    channels: list[Channel] = []
    yield channels
    for channel in channels:
        channel.close()
        channel.join(WAIT_S)


def a_channel(opened: list[Channel], send: Scripted, pace: Pace = AT_ONCE, place: int = 0) -> Channel:
    channel = Channel("json-1", send, who="Starfill", clock=lambda: NOW, place=place, pace=pace)
    channel.start()
    opened.append(channel)
    return channel


def ended(channel: Channel) -> None:
    """All it will ever send is sent."""
    channel.close()
    channel.join(WAIT_S)


def test_what_is_offered_is_sent(opened: list[Channel]) -> None:
    send = Scripted()
    channel = a_channel(opened, send)
    channel.offer(an_alarm("Bought 1 ACME."))
    assert send.next() == "15:00:00 Bought 1 ACME."
    ended(channel)
    assert channel.seen() == ("json-1", True, NOW, None, 0)


def test_what_is_refused_is_sent_again_with_what_came_meanwhile(opened: list[Channel]) -> None:
    send = Scripted("answered 500", "answered 500")
    channel = a_channel(opened, send)
    send.open.clear()
    channel.offer(an_alarm("one"))
    assert send.next() == "15:00:00 one"
    channel.offer(an_alarm("two"))
    send.open.set()
    for _ in range(2):
        assert send.next() == "15:00:00 one\n15:00:00 two"
    ended(channel)
    assert channel.seen().ok


def test_a_failure_is_shown_until_a_message_is_taken(opened: list[Channel]) -> None:
    channel = a_channel(opened, Scripted("answered 401"), NEVER_AGAIN)
    channel.offer(an_alarm("one"))
    channel.close()
    channel.join(WAIT_S)
    assert channel.seen() == ("json-1", False, None, "answered 401", 1)


def test_an_error_inside_the_library_silences_nothing(opened: list[Channel]) -> None:
    send = Scripted(RuntimeError("hunter2"))
    channel = a_channel(opened, send)
    channel.offer(an_alarm("one"))
    assert [send.next(), send.next()] == ["15:00:00 one", "15:00:00 one"]


def test_a_flood_behind_a_service_that_hangs_is_bounded_and_counted(opened: list[Channel]) -> None:
    send = Scripted()
    send.open.clear()
    channel = a_channel(opened, send)
    channel.offer(an_alarm("first"))
    send.next()
    channel.offer(an_alarm("Everything is halted.", Kind.HALT))
    for number in range(3 * MOST_QUEUED):
        channel.offer(an_alarm(f"fill {number}"))
    assert channel.seen().queued == MOST_QUEUED + 1
    send.open.set()
    body = send.next()
    assert "Everything is halted." in body
    assert body.splitlines()[-1] == f"and {3 * MOST_QUEUED - 9} more ({3 * MOST_QUEUED - 9} fill)"


def test_the_next_message_waits_and_takes_along_what_comes(opened: list[Channel]) -> None:
    send = Scripted()
    channel = a_channel(opened, send, NEVER_AGAIN)
    channel.offer(an_alarm("one"))
    assert send.next() == "15:00:00 one"
    channel.offer(an_alarm("two"))
    channel.offer(an_alarm("three"))
    ended(channel)  # it does not wait any more
    assert send.next() == "15:00:00 two\n15:00:00 three"
    assert send.notices.empty()


def test_its_place_is_before_what_waits_and_after_what_was_taken(opened: list[Channel]) -> None:
    send = Scripted("answered 500")
    channel = a_channel(opened, send, NEVER_AGAIN, place=10)
    channel.reached(12)
    assert channel.place() == 12
    channel.offer(an_alarm("a halt", Kind.HALT, seq=14))
    channel.reached(20)
    assert channel.place() == 13
    send.next()
    assert channel.place() == 13
    ended(channel)
    assert channel.place() == 20


def test_what_was_told_before_the_start_is_not_told_again(opened: list[Channel]) -> None:
    channel = a_channel(opened, Scripted(), place=10)
    assert not channel.offer(an_alarm("old", seq=10))
    assert channel.offer(an_alarm("new", seq=11))


def test_pauses_grow_and_end_growing() -> None:
    pace = Pace(chance=lambda: 0.5)
    assert [pace.retry_s(failures) for failures in (1, 2, 3, 7, 1000)] == [5.0, 10.0, 20.0, 300.0, 300.0]
