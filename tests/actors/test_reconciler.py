"""Questions for one order or one position: asked again until the ledger has an answer, never guessed."""

import pytest

from actors.reconciler import lookup_delay_s, reread_delay_s
from broker.api import NotFound, ReadFailed
from domain.messages import (
    KeysRefused,
    LedgerUnwritable,
    LookUpFailed,
    LookUpOrder,
    OrderNotFound,
    OrdersRead,
    OrdersUpdated,
    PositionConfirmed,
    ReadOrder,
)
from domain.orders import Life
from tests.actors.account import FAILED, Room
from tests.actors.account import ROOM_CONFIRM as CONFIRM
from tests.actors.doubles import PATIENCE_S, ManualClock, ManualTimers, Stage
from tests.domain.builders import a_position, a_record, an_update, dec

POSITION = a_position("ACME", "4")


@pytest.fixture
def room(stage: Stage, timers: ManualTimers, clock: ManualClock) -> Room:
    return Room(stage, timers, clock)


# --- one order ------------------------------------------------------------------------------------

LOOK_UP = LookUpOrder(client_order_id="sf-one")


@pytest.mark.parametrize("life", [Life.INTENDED, Life.UNRESOLVED])
def test_an_order_that_is_found_is_told_and_not_asked_for_again(room: Room, life: Life) -> None:
    room.unsettled = [a_record(life=life)]
    room.script(order_by_client_id=an_update())
    room.told(LOOK_UP)
    assert room.timers.fire() == 0
    assert room.ledger.told.wait(1) == [OrdersUpdated(updates=(an_update(),))]
    room.reconciler.ping(timeout=PATIENCE_S)
    assert room.timers.delays == []


def test_an_order_that_is_not_found_is_told_and_asked_for_again_and_again(room: Room) -> None:
    room.unsettled = [a_record(life=Life.UNRESOLVED)]
    room.script(order_by_client_id=NotFound())
    room.told(LOOK_UP)
    delays = []
    for count in range(1, 11):
        delays.append(room.timers.fire())
        room.ledger.told.wait(count, OrderNotFound)
    assert delays == [0, 0.25, 0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_look_up_that_fails_is_told_as_such_and_made_again(room: Room) -> None:
    room.unsettled = [a_record(life=Life.UNRESOLVED)]
    room.script(order_by_client_id=[FAILED, an_update()])
    room.told(LOOK_UP)
    room.timers.fire()
    assert room.timers.fire() == 0.25
    assert room.ledger.told.wait(2) == [
        LookUpFailed(client_order_id="sf-one", why="503"),
        OrdersUpdated(updates=(an_update(),)),
    ]


def test_a_look_up_waits_as_long_as_the_broker_asks_for(room: Room) -> None:
    room.unsettled = [a_record()]
    room.script(order_by_client_id=ReadFailed(why="rate limit", retry_after_s=42.0))
    room.told(LOOK_UP)
    room.timers.fire()
    assert room.timers.wait() == 42.0


def test_a_look_up_goes_on_when_the_ledger_can_be_written_again(room: Room) -> None:
    room.unsettled = [a_record(life=Life.UNRESOLVED)]
    room.script(order_by_client_id=an_update())
    room.unwritable = LedgerUnwritable(why="the disk is full")
    room.told(LOOK_UP)
    assert room.timers.fire() == 0
    assert room.timers.wait() == 0.25
    assert room.broker.reads.all() == []
    room.unwritable = None
    room.timers.fire()
    assert room.ledger.told.wait(1) == [OrdersUpdated(updates=(an_update(),))]


# --- one order that the stream is silent about ------------------------------------------------------

READ = ReadOrder(broker_order_id="broker-one")


def test_an_order_the_stream_is_silent_about_is_read_for_ledger_and_stream(room: Room) -> None:
    room.script(order=an_update())
    assert room.told(READ) == [OrdersUpdated(updates=(an_update(),))]
    assert room.stream.told.all() == [OrdersRead(updates=(an_update(),))]
    assert room.broker.calls("order") == ["broker-one"]


@pytest.mark.parametrize("answer", [FAILED, NotFound()], ids=repr)
def test_a_read_that_shows_nothing_accuses_nobody(room: Room, answer: object) -> None:
    room.script(order=answer)
    assert room.told(READ) == []
    assert (room.stream.told.all(), room.timers.delays) == ([], [])


def test_a_read_with_refused_keys_is_told_as_such(room: Room) -> None:
    room.script(order=ReadFailed(why="unauthorized", keys_refused=True))
    assert room.told(READ) == [KeysRefused(why="unauthorized")]


# --- one order, by our name -------------------------------------------------------------------------


def test_a_look_up_with_refused_keys_is_told_as_such(room: Room) -> None:
    room.unsettled = [a_record(life=Life.UNRESOLVED)]
    room.script(order_by_client_id=ReadFailed(why="unauthorized", keys_refused=True))
    room.told(LOOK_UP)
    room.timers.fire()
    assert room.ledger.told.wait(1, KeysRefused) == [KeysRefused(why="unauthorized")]


@pytest.mark.parametrize("life", [Life.WORKING, None])
def test_an_order_that_the_ledger_knows_more_of_is_not_looked_up(room: Room, life: Life | None) -> None:
    room.unsettled = [] if life is None else [a_record(life=life)]
    room.told(LOOK_UP)
    room.timers.fire()
    room.reconciler.ping(timeout=PATIENCE_S)
    assert (room.ledger.told.all(), room.broker.reads.all(), room.timers.delays) == ([], [], [])


def test_an_order_is_searched_for_once_however_often_that_is_asked(room: Room) -> None:
    room.unsettled = [a_record(life=Life.UNRESOLVED)]
    room.script(order_by_client_id=NotFound())
    for _ in range(5):
        room.told(LOOK_UP)
    assert room.timers.delays == [0]
    room.timers.fire()
    room.ledger.told.wait(1)
    room.told(LOOK_UP)
    assert room.timers.delays == [0.25]


@pytest.mark.parametrize("ending", ["found", "known"])
def test_a_search_that_has_ended_can_begin_anew(room: Room, ending: str) -> None:
    room.script(order_by_client_id=an_update())
    room.unsettled = [a_record(life=Life.UNRESOLVED)] if ending == "found" else []
    room.told(LOOK_UP)
    room.timers.fire()
    room.told(LOOK_UP)
    assert room.timers.delays == [0]


def test_two_orders_are_two_searches(room: Room) -> None:
    room.told(LOOK_UP)
    room.told(LookUpOrder(client_order_id="sf-two"))
    assert room.timers.delays == [0, 0]


def test_look_ups_are_spaced_up_to_half_a_minute() -> None:
    assert [lookup_delay_s(n) for n in range(9)] == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30]
    assert [reread_delay_s(n) for n in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]


# --- one position ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "qty", "why"),
    [
        (POSITION, "4", ""),
        (a_position("ACME", "0"), "0", ""),
        (NotFound(), None, "the broker knows no such position yet"),
        (FAILED, None, "503"),
    ],
    ids=repr,
)
def test_the_position_is_told_with_the_fill_it_was_asked_for(
    room: Room, answer: object, qty: str | None, why: str
) -> None:
    room.script(position=answer)
    assert room.told(CONFIRM) == [
        PositionConfirmed(
            client_order_id="sf-one",
            filled_qty=dec("4"),
            position_qty=None if qty is None else dec(qty),
            why=why,
        )
    ]
    assert room.broker.calls("position") == ["ACME"]


def test_a_position_read_with_refused_keys_is_told_as_such(room: Room) -> None:
    room.script(position=ReadFailed(why="unauthorized", keys_refused=True))
    told = room.told(CONFIRM)
    assert [type(mail) for mail in told] == [KeysRefused, PositionConfirmed]
