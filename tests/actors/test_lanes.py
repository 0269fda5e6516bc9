"""How the executor deals work out: nothing waits for another symbol, nothing overtakes its own."""

import threading
from collections import Counter
from typing import Any

import pytest

from broker.api import Accepted, NotSent, SubmitOutcome
from domain.messages import OrderAccepted, Planned
from domain.orders import OrderTicket
from tests.actors.doubles import PATIENCE_S, ManualClock, ManualTimers, Record, Stage, peek, taken
from tests.actors.test_order_executor import CANCEL, RESEND, Room, execute


@pytest.fixture
def room(stage: Stage, timers: ManualTimers, clock: ManualClock) -> Room:
    return Room(stage, timers, clock)


def test_each_lane_opens_its_own_connection_before_the_first_order(room: Room) -> None:
    assert len(set(room.broker.warmed.wait(8))) == 8


def test_a_slow_post_on_one_symbol_delays_no_other(room: Room) -> None:
    with room.broker.holding("SLOW"):
        room.send(execute(1, "SLOW"))
        room.broker.posted.wait(1)
        room.send(*(execute(number, f"FAST{'ABCDEFG'[number - 2]}"[-6:]) for number in range(2, 9)))
        assert len(room.ledger.outbox.told.wait(7, OrderAccepted)) == 7
    room.ledger.outbox.told.wait(8, OrderAccepted)


def test_two_signals_of_one_symbol_stay_in_order_on_one_lane(room: Room) -> None:
    with room.broker.holding("ACME") as free:
        room.send(execute(1), execute(2), execute(3))
        room.broker.posted.wait(1)
        room.executor.ping(timeout=PATIENCE_S)
        assert room.posted == ["sf-s-1"]
        assert len(room.ledger.outbox.asked.all()) == 1  # nor is the second one planned before its turn
        free.set()
        room.broker.posted.wait(3)
    assert room.posted == ["sf-s-1", "sf-s-2", "sf-s-3"]


def test_a_resend_waits_for_the_post_of_its_own_symbol(room: Room) -> None:
    with room.broker.holding("ACME") as free:
        room.send(execute(1))
        room.broker.posted.wait(1)
        room.send(RESEND)
        room.executor.ping(timeout=PATIENCE_S)
        assert len(room.ledger.outbox.asked.all()) == 1
        free.set()
        room.ledger.outbox.asked.wait(2)
    # The outcome of the first POST is with the ledger before the second is asked for.
    assert len(room.ledger.outbox.told.all()) >= 1


def test_200_symbols_at_once_spread_evenly_over_the_lanes(room: Room) -> None:
    free, threads = threading.Event(), Record()

    def outcome(order: OrderTicket) -> SubmitOutcome:
        threads.add(threading.current_thread().name)
        assert free.wait(PATIENCE_S)
        return Accepted(update=taken(order))

    room.broker.outcome = outcome
    letters = [a + b for a in "ABCDEFGHIJKLMNOPQRST" for b in "ABCDEFGHIJ"]
    room.send(*(execute(number, symbol) for number, symbol in enumerate(letters)))
    assert sorted(peek(room.executor, "_load")) == [25] * 8
    free.set()
    threads.wait(200)
    assert sorted(Counter(threads.all()).values()) == [25] * 8


def test_when_all_is_done_nothing_is_in_hand(room: Room) -> None:
    room.send(*(execute(number, "ABCDEFGHIJ"[number % 10]) for number in range(40)))
    room.ledger.outbox.told.wait(40, OrderAccepted)
    room.settle()
    left = [peek(room.executor, name) for name in ("_load", "_in_hand", "_symbols")]
    assert left == [[0] * 8, {}, {}]


def test_a_free_symbol_goes_to_the_lane_with_the_least_to_do(
    stage: Stage, timers: ManualTimers, clock: ManualClock
) -> None:
    room = Room(stage, timers, clock, lanes=2)
    with room.broker.holding("SLOW"):
        room.send(execute(1, "SLOW"), execute(2, "SLOW"), execute(3, "SLOW"))
        room.send(execute(4, "A"), execute(5, "B"))
        assert len(room.ledger.outbox.told.wait(2, OrderAccepted)) == 2


def test_stopping_posts_nothing_new_and_waits_for_what_is_on_the_wire(room: Room) -> None:
    with room.broker.holding("ACME") as free:
        room.send(execute(1), execute(2), execute(3), CANCEL)
        room.broker.posted.wait(1)
        room.executor.ping(timeout=PATIENCE_S)
        room.stopping.set()
        ends = [lane.begin_stop() for lane in room.lanes]
        free.set()
        for end in ends:
            end.get(timeout=PATIENCE_S)
    assert room.posted == ["sf-s-1"]
    assert [type(fact) for fact in room.ledger.outbox.told.all()] == [OrderAccepted]
    assert len(room.ledger.outbox.asked.all()) == 1
    assert room.broker.calls("cancel") == []


def test_a_stop_while_the_ledger_plans_posts_nothing(room: Room) -> None:
    def plan(mail: Any) -> object:
        room.stopping.set()
        return Planned(order=room.ledger.ticket(mail.signal_id))

    room.ledger.outbox._answer = plan
    room.send(execute(1))
    room.settle()
    assert (room.posted, room.ledger.outbox.told.all()) == ([], [])


def test_a_try_that_comes_due_while_stopping_posts_nothing(room: Room) -> None:
    room.broker.outcome = lambda _: NotSent(why="rate limit", retry_after_s=1)
    room.send(execute(1))
    room.timers.wait()
    room.stopping.set()
    room.timers.fire()
    room.settle()
    assert len(room.posted) == 1


def test_a_lane_that_dies_is_told_like_any_other(stage: Stage, room: Room) -> None:
    def broken(_: OrderTicket) -> SubmitOutcome:
        raise OSError("this was not to be expected")

    room.broker.outcome = broken
    room.send(execute())
    assert stage.deaths.take().actor == "Lane"
    # What became of the POST nobody knows, so nobody claims to: the ledger is told nothing.
    assert room.ledger.outbox.told.all() == []
