from typing import Any

import pytest

from actors.base import Address
from actors.reconciler import OVERLAP, Reconciler, lookup_delay_s, reread_delay_s
from broker.api import NotFound, ReadFailed
from domain.messages import (
    BrokerSnapshot,
    ConfirmPosition,
    KeysRefused,
    ListUnsettled,
    LookUpOrder,
    OrderNotFound,
    OrdersUpdated,
    PositionConfirmed,
    StreamOpened,
    Unsettled,
)
from domain.orders import Life, OrderRecord
from domain.reconcile import Snapshot
from tests.actors.doubles import PATIENCE_S, ManualClock, ManualTimers, Outbox, ScriptedBroker, Stage
from tests.domain.builders import a_position, a_record, an_update, dec, filled, later

FAILED = ReadFailed(why="503")
POSITION = a_position("ACME", "4")
CONFIRM = ConfirmPosition(client_order_id="sf-one", symbol="ACME", filled_qty=dec("4"))


class Room:
    """A reconciler between its scripted neighbours."""

    def __init__(self, stage: Stage, timers: ManualTimers, clock: ManualClock) -> None:
        self.timers = timers
        self.broker = ScriptedBroker(positions=[()])
        self.unsettled: list[OrderRecord] = []
        self.ledger = Outbox(self._answer)
        self.reconciler: Address[Any] = stage.spawn(
            Reconciler,
            broker=self.broker,
            ledger=self.ledger,
            timers=timers,
            clock=clock,
            on_death=stage.deaths,
        )

    def _answer(self, mail: ListUnsettled) -> Unsettled:
        orders = tuple(
            record for record in self.unsettled if mail.client_order_id in {None, record.client_order_id}
        )
        return Unsettled(orders=orders, since=later(-100) if self.unsettled else None)

    def script(self, **answers: Any) -> None:
        for call, given in answers.items():
            self.broker._answers[call] = list(given) if isinstance(given, list) else [given]

    def told(self, mail: object) -> list[Any]:
        """What the ledger was told by the time this mail has been handled."""
        self.reconciler.send(mail)
        self.reconciler.ping(timeout=PATIENCE_S)
        return self.ledger.told.all()


@pytest.fixture
def room(stage: Stage, timers: ManualTimers, clock: ManualClock) -> Room:
    return Room(stage, timers, clock)


# --- the whole account ----------------------------------------------------------------------------


def test_with_nothing_unsettled_only_the_positions_are_read(room: Room) -> None:
    room.script(positions=[(POSITION,)])
    snapshot = Snapshot(taken_at=later(1), orders=(), positions=(POSITION,))
    assert room.told(StreamOpened(generation=3)) == [BrokerSnapshot(generation=3, snapshot=snapshot)]
    assert room.broker.reads.all() == [("positions", None)]


def test_orders_are_read_from_before_the_oldest_unsettled_intent(room: Room) -> None:
    room.unsettled = [a_record()]
    room.script(orders=[(filled("10", "12"),)])
    (mail,) = room.told(StreamOpened(generation=1))
    assert mail.snapshot.orders == (filled("10", "12"),)
    assert room.broker.calls("orders") == [("all", later(-100) - OVERLAP)]
    assert room.broker.calls("order_by_client_id") == []


def test_an_order_that_the_list_leaves_out_is_asked_for_by_name(room: Room) -> None:
    room.unsettled = [
        a_record(client_order_id="sf-never-heard"),
        a_record(client_order_id="sf-heard", broker_order_id="broker-heard", life=Life.WORKING),
        a_record(client_order_id="sf-listed", broker_order_id="broker-listed", life=Life.WORKING),
    ]
    listed = an_update(client_order_id="other", broker_order_id="broker-listed")
    found = an_update(client_order_id="sf-heard", broker_order_id="broker-heard")
    room.script(orders=[(listed,)], order_by_client_id=NotFound(), order=found)
    (mail,) = room.told(StreamOpened(generation=1))
    assert mail.snapshot.orders == (listed, found)
    assert mail.snapshot.missing == ()
    assert room.broker.calls("order_by_client_id") == []
    assert room.broker.calls("order") == ["broker-heard"]


def test_what_the_list_leaves_out_is_looked_up_soon_and_not_all_at_once(room: Room) -> None:
    room.unsettled = [a_record(), a_record(client_order_id="sf-two")]
    room.script(orders=[()], order_by_client_id=NotFound())
    room.told(StreamOpened(generation=1))
    assert room.timers.delays == [0.5, 0.6]
    room.timers.fire()
    assert room.ledger.told.wait(1, OrderNotFound) == [OrderNotFound(client_order_id="sf-one")]


def test_many_intents_that_never_left_do_not_keep_the_account_from_being_read(room: Room) -> None:
    room.unsettled = [a_record(client_order_id=f"sf-{number}") for number in range(500)]
    room.script(orders=[()], order_by_client_id=FAILED)
    (mail,) = room.told(StreamOpened(generation=1))
    assert isinstance(mail, BrokerSnapshot)


def test_a_look_up_waits_as_long_as_the_broker_asks_for(room: Room) -> None:
    room.unsettled = [a_record()]
    room.script(orders=[()], order_by_client_id=ReadFailed(why="rate limit", retry_after_s=42.0))
    room.told(StreamOpened(generation=1))
    room.timers.fire()
    assert room.timers.wait() == 42.0


@pytest.mark.parametrize("failing", ["orders", "positions"])
def test_a_read_that_fails_is_no_empty_account(room: Room, failing: str) -> None:
    room.unsettled = [a_record()]
    answers: dict[str, Any] = {"orders": [()], "order_by_client_id": an_update(), "positions": [()]}
    room.script(**answers | {failing: FAILED})
    assert room.told(StreamOpened(generation=1)) == []
    assert room.timers.delays == [0.5]
    room.script(**answers)
    room.timers.fire()
    assert isinstance(room.ledger.told.wait(1)[0], BrokerSnapshot)


def test_a_snapshot_that_keeps_failing_is_tried_less_and_less_often(room: Room) -> None:
    room.script(positions=FAILED)
    room.told(StreamOpened(generation=1))
    assert [room.timers.fire() for _ in range(7)] == [0.5, 1, 2, 4, 8, 8, 8]


def test_the_broker_says_how_long_to_wait(room: Room) -> None:
    room.script(positions=ReadFailed(why="429", retry_after_s=30))
    room.told(StreamOpened(generation=1))
    assert room.timers.delays == [30]


def test_a_repetition_for_a_connection_that_is_gone_reads_nothing(room: Room) -> None:
    room.script(positions=[FAILED, ()])
    room.told(StreamOpened(generation=1))
    (mail,) = room.told(StreamOpened(generation=2))
    assert mail.generation == 2
    room.timers.fire()
    room.reconciler.ping(timeout=PATIENCE_S)
    assert len(room.broker.calls("positions")) == 2
    assert len(room.ledger.told.all()) == 1


def test_refused_keys_are_told_and_asked_again(room: Room) -> None:
    room.script(positions=ReadFailed(why="unauthorized", keys_refused=True))
    assert room.told(StreamOpened(generation=1)) == [KeysRefused(why="unauthorized")]
    assert len(room.timers.delays) == 1


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


def test_a_look_up_that_fails_tells_nothing_and_is_made_again(room: Room) -> None:
    room.unsettled = [a_record(life=Life.UNRESOLVED)]
    room.script(order_by_client_id=[FAILED, an_update()])
    room.told(LOOK_UP)
    room.timers.fire()
    assert room.timers.fire() == 0.25
    assert room.ledger.told.wait(1) == [OrdersUpdated(updates=(an_update(),))]


def test_a_look_up_with_refused_keys_is_told_as_such(room: Room) -> None:
    room.unsettled = [a_record(life=Life.UNRESOLVED)]
    room.script(order_by_client_id=ReadFailed(why="unauthorized", keys_refused=True))
    room.told(LOOK_UP)
    room.timers.fire()
    assert room.ledger.told.wait(1) == [KeysRefused(why="unauthorized")]


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
