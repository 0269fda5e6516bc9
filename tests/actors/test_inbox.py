"""The inbox with two lanes, with envelopes put by hand."""

import threading

import pytest
from pykka import messages as pykka_messages
from pykka._envelope import Envelope

from actors.base import Worker
from actors.inbox import Inbox, is_stop
from tests.actors.doubles import PATIENCE_S, Record, Stage, ask_later

STOP = pykka_messages._ActorStop()


def an_inbox(*mail: object) -> Inbox:
    """An inbox in which texts are urgent."""
    inbox = Inbox(urgent=(str,))
    for each in mail:
        inbox.put(Envelope(each))
    return inbox


def drained(inbox: Inbox) -> list[object]:
    return [inbox.get().message for _ in range(inbox.qsize())]


def messages(envelopes: list[Envelope[object]]) -> list[object]:
    return [envelope.message for envelope in envelopes]


def test_each_lane_keeps_the_order_of_arrival() -> None:
    mail = drained(an_inbox(1, "a", 2, "b", 3, "c", 4, "d"))
    assert [m for m in mail if isinstance(m, int)] == [1, 2, 3, 4]
    assert [m for m in mail if isinstance(m, str)] == ["a", "b", "c", "d"]


def test_urgent_mail_overtakes_the_rest() -> None:
    assert an_inbox(1, 2, 3, "urgent").get().message == "urgent"


def test_two_lanes_that_both_wait_take_turns() -> None:
    assert drained(an_inbox(1, 2, 3, "a", "b", "c")) == ["a", 1, "b", 2, "c", 3]


def test_a_flood_of_urgent_mail_does_not_starve_the_rest() -> None:
    inbox = an_inbox(1)
    seen = []
    for number in range(4):
        inbox.put(Envelope(f"urgent {number}"))
        inbox.put(Envelope(f"urgent {number} too"))
        seen.append(inbox.get().message)
    assert 1 in seen[:2]


def test_without_urgent_kinds_mail_comes_as_it_went() -> None:
    inbox = Inbox()
    for each in (1, "a", STOP):
        inbox.put(Envelope(each))
    assert drained(inbox) == [1, "a", STOP]


def test_an_inbox_counts_both_lanes_and_what_was_not_sorted_yet() -> None:
    inbox = an_inbox(1, "a", 2)
    assert (inbox.qsize(), inbox.empty()) == (3, False)
    inbox.get()
    inbox.put(Envelope(3))
    assert inbox.qsize() == 3
    drained(inbox)
    assert (inbox.qsize(), inbox.empty()) == (0, True)


def test_what_waits_in_the_urgent_lane_is_taken_up_to_the_limit() -> None:
    inbox = an_inbox("a", 1, "b", "c", 2)
    assert messages(inbox.urgent(2)) == ["a", "b"]
    assert messages(inbox.urgent(9)) == ["c"]
    assert messages(inbox.urgent(9)) == []
    assert drained(inbox) == [1, 2]


def test_what_waits_in_the_other_lane_is_taken_up_to_the_limit() -> None:
    inbox = an_inbox(1, "a", 2, 3)
    assert messages(inbox.rest(2)) == [1, 2]
    assert messages(inbox.rest(0)) == []
    assert messages(inbox.rest(9)) == [3]
    assert drained(inbox) == ["a"]


def test_the_order_to_stop_is_left_for_pykka() -> None:
    inbox = an_inbox(1, STOP, 2)
    assert messages(inbox.rest(9)) == [1]
    assert messages(inbox.rest(9)) == []
    assert is_stop(inbox.get().message)
    assert messages(inbox.rest(9)) == [2]


def test_messages_of_one_kind_are_taken_only_while_they_stand_next() -> None:
    inbox = an_inbox(1, 2, 3.5, 3)
    assert inbox.take(int, 9) == [1, 2]
    assert inbox.take(int, 9) == []
    assert inbox.take(float, 9) == [3.5]
    assert inbox.take(int, 0) == []
    assert inbox.take(int, 9) == [3]


def test_the_order_to_stop_ends_a_run_of_one_kind() -> None:
    inbox = an_inbox(1, STOP, 2)
    assert inbox.take(int, 9) == [1]
    assert inbox.take(int, 9) == []
    assert is_stop(inbox.get().message)


def test_nobody_has_to_come_back_for_mail_that_arrives_while_waiting() -> None:
    inbox, got = an_inbox(), Record()
    taker = threading.Thread(target=lambda: got.add(inbox.get().message))
    taker.start()
    inbox.put(Envelope("late"))
    assert got.wait(1) == ["late"]
    taker.join(PATIENCE_S)


@pytest.mark.parametrize("mail", [pykka_messages.ProxyGetAttr(attr_path=("x",)), "stop", None])
def test_only_pykkas_own_order_is_an_order_to_stop(mail: object) -> None:
    assert is_stop(STOP)
    assert not is_stop(mail)


class Gulper(Worker[object]):
    """Takes all that waits beside each mail."""

    def __init__(self, *, seen: Record, free: threading.Event, **kwargs: object) -> None:
        super().__init__(on_death=kwargs["on_death"])  # type: ignore[arg-type]
        self._seen = seen
        self._free = free

    def receive(self, mail: object) -> None:
        assert self._free.wait(PATIENCE_S)
        inbox: Inbox = self.actor_inbox  # type: ignore[assignment]
        self._seen.add([mail, *messages(inbox.rest(99))])


def test_an_actor_that_takes_many_at_once_still_stops(stage: Stage) -> None:
    seen, free = Record(), threading.Event()
    gulper = stage.spawn(Gulper, seen=seen, free=free, on_death=stage.deaths)
    for number in range(5):
        gulper.send(number)
    stopped = ask_later(gulper, STOP)
    free.set()
    stopped.get(timeout=PATIENCE_S)
    assert seen.all() == [[0, 1, 2, 3, 4]]
    assert not gulper.is_alive()


def test_mail_counts_as_handled_once_its_owner_comes_for_more() -> None:
    inbox = an_inbox(1, "a", 2)
    assert (inbox.handed_in, inbox.handled) == (3, 0)
    inbox.get()
    assert inbox.handled == 0
    inbox.get()
    assert (inbox.handed_in, inbox.handled) == (3, 1)
    inbox.put(Envelope(3))
    inbox.get()
    assert (inbox.handed_in, inbox.handled) == (4, 2)


def test_what_is_taken_beside_a_mail_is_handled_with_it() -> None:
    inbox = an_inbox(1, 2, 3, "a", "b", "c")
    assert inbox.get().message == "a"
    assert messages(inbox.urgent(1)) == ["b"]
    assert messages(inbox.rest(1)) == [1]
    assert inbox.take(int, 1) == [2]
    assert inbox.handled == 0
    inbox.get()
    assert inbox.handled == 4


def test_all_mail_of_many_senders_is_counted() -> None:
    inbox = Inbox()

    def send() -> None:
        for number in range(2000):
            inbox.put(Envelope(number))

    senders = [threading.Thread(target=send) for _ in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(PATIENCE_S)
    assert inbox.handed_in == inbox.qsize() == 16000
