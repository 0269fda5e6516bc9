"""A connection that is up and tells nothing: what a read shows the stream has to tell too, and soon."""

from typing import Any

import pytest

from actors.stream_memory import REMEMBERED, StreamMemory
from actors.trading_stream import COMMANDED_RESTART_S, TELLS_WITHIN_S
from domain.messages import OrderPlaced, OrdersRead, ReadOrder, StreamLost
from domain.orders import OrderUpdate
from tests.actors.doubles import ManualTimers, Stage
from tests.actors.test_trading_stream import Room
from tests.domain.builders import an_update, ended, filled, partly

PLACED = OrderPlaced(client_order_id="sf-one", broker_order_id="broker-one")
NEW = an_update(event="new")
FILL = filled("10", "12")


@pytest.fixture
def room(stage: Stage, timers: ManualTimers) -> Room:
    """The first connection is up."""
    room = Room(stage, timers)
    room.feed.connection(1).opens()
    room.settle()
    return room


def tell(room: Room, *mail: Any) -> None:
    for each in mail:
        room.stream.send(each)
    room.settle()


def read(update: OrderUpdate) -> OrdersRead:
    return OrdersRead(updates=(update.having({"event": None}),))


def asked(room: Room) -> list[ReadOrder]:
    return room.reconciler.told.of(ReadOrder)


def restarted(room: Room) -> bool:
    room.settle()
    return room.feed.connection(1).closed


# --- an order was placed ----------------------------------------------------------------------------


def test_an_order_the_stream_has_not_told_of_within_five_seconds_is_read(room: Room) -> None:
    tell(room, PLACED)
    assert asked(room) == []
    assert room.timers.fire() == TELLS_WITHIN_S == 5.0
    room.settle()
    assert asked(room) == [ReadOrder(broker_order_id="broker-one")]
    assert not restarted(room)


def test_an_order_the_stream_tells_of_in_time_is_not_read(room: Room) -> None:
    tell(room, PLACED)
    room.hear(1, NEW)
    room.timers.fire()
    room.settle()
    assert asked(room) == []


def test_an_order_the_stream_has_told_of_before_it_was_placed_by_our_word_is_not_waited_for(
    room: Room,
) -> None:
    room.hear(1, NEW)
    tell(room, PLACED)
    assert room.timers.delays == []


def test_the_event_of_another_order_proves_nothing_for_this_one(room: Room) -> None:
    tell(room, PLACED)
    room.hear(1, an_update(broker_order_id="broker-two"))
    room.timers.fire()
    room.settle()
    assert len(asked(room)) == 1


# --- a read shows more ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shown", [NEW, FILL, partly("4", "12"), ended("canceled")], ids=lambda update: update.status
)
def test_what_a_read_shows_and_the_stream_does_not_tell_within_five_seconds_ends_the_connection(
    room: Room, shown: OrderUpdate
) -> None:
    tell(room, read(shown))
    assert not restarted(room)
    assert room.timers.fire() == TELLS_WITHIN_S
    assert restarted(room)
    lost = room.ledger.told.of(StreamLost)
    assert lost == [StreamLost(generation=1, why="it was up and told nothing")]
    assert room.timers.fire() == COMMANDED_RESTART_S
    assert room.feed.connection(2).generation == 2


@pytest.mark.parametrize("status", ["accepted", "pending_new"])
def test_an_order_that_has_had_no_event_yet_accuses_nobody(room: Room, status: str) -> None:
    tell(room, read(an_update(status=status)))
    assert room.timers.delays == []


def test_a_stream_that_is_only_late_is_left_alone(room: Room) -> None:
    tell(room, read(FILL))
    room.hear(1, FILL)
    room.timers.fire()
    assert not restarted(room)


def test_what_the_stream_has_told_already_is_not_waited_for(room: Room) -> None:
    room.hear(1, FILL)
    tell(room, read(FILL), read(partly("4", "12")), read(NEW))
    assert room.timers.delays == []


@pytest.mark.parametrize(
    ("told", "shown"),
    [(partly("4", "12"), FILL), (partly("4", "12"), ended("canceled", "4")), (NEW, partly("1", "12"))],
    ids=["more shares", "an end", "the first shares"],
)
def test_having_told_a_part_is_not_having_told_it_all(
    room: Room, told: OrderUpdate, shown: OrderUpdate
) -> None:
    room.hear(1, told)
    tell(room, read(shown))
    room.timers.fire()
    assert restarted(room)


def test_each_order_of_a_read_is_held_against_the_stream(room: Room) -> None:
    second = filled("3", "12", broker_order_id="broker-two")
    tell(room, OrdersRead(updates=(FILL, second)))
    room.hear(1, FILL)
    assert room.timers.delays == [TELLS_WITHIN_S] * 2
    room.timers.fire()
    assert not restarted(room)
    room.timers.fire()
    assert restarted(room)


def test_two_orders_untold_make_one_new_connection(room: Room) -> None:
    tell(room, read(FILL), read(filled("3", "12", broker_order_id="broker-two")))
    room.timers.fire()
    room.timers.fire()
    room.settle()
    assert room.timers.delays == [COMMANDED_RESTART_S]
    assert len(room.ledger.told.of(StreamLost)) == 1


# --- other connections ------------------------------------------------------------------------------


def test_what_was_waited_for_on_a_connection_is_no_matter_of_the_next(room: Room) -> None:
    tell(room, PLACED, read(FILL))
    room.feed.connection(1).ends("lost")
    room.settle()
    first, second, again = room.timers.all_actions()
    again()
    room.feed.connection(2).opens()
    first()
    second()
    room.settle()
    assert asked(room) == []
    assert not room.feed.connection(2).closed


def test_what_is_read_while_no_connection_is_up_accuses_nobody(room: Room) -> None:
    # It may be from the gap; whoever opens next was never told it and never will be.
    room.feed.connection(1).ends("lost")
    room.settle()
    room.timers.fire()
    tell(room, PLACED, read(FILL))
    room.feed.connection(2).opens()
    room.settle()
    assert room.timers.delays == []


def test_a_connection_that_ended_before_the_five_seconds_is_not_ended_again(room: Room) -> None:
    tell(room, read(FILL))
    room.feed.connection(1).ends("lost")
    room.settle()
    room.timers.fire()
    room.settle()
    assert len(room.ledger.told.of(StreamLost)) == 1


def test_a_restart_that_helps_ends_the_watch(room: Room) -> None:
    tell(room, read(FILL))
    room.timers.fire()
    room.timers.fire()
    room.feed.connection(2).opens()
    room.hear(2, FILL)
    tell(room, read(FILL))
    assert room.timers.delays == []


# --- memory -----------------------------------------------------------------------------------------


def test_only_so_many_orders_are_remembered_and_the_oldest_word_is_forgotten_first() -> None:
    memory = StreamMemory()
    for number in range(REMEMBERED):
        memory.add(an_update(broker_order_id=f"b-{number}"))
    memory.add(an_update(broker_order_id="b-0"))  # told again: it is the newest now
    memory.add(an_update(broker_order_id="one more"))
    assert "b-0" in memory
    assert "b-1" not in memory
    assert "b-2" in memory


def test_words_out_of_order_take_nothing_back_from_what_was_told() -> None:
    memory = StreamMemory()
    for update in (FILL, partly("4", "12"), NEW):
        memory.add(update)
    assert memory.covers(FILL)
