from typing import Any

import pytest

from actors.base import Address
from actors.trading_stream import (
    COMMANDED_RESTART_S,
    MAX_BACKOFF_S,
    RECONNECT_S,
    TradingStream,
    backoff_s,
)
from domain.messages import (
    ConfirmPosition,
    HaltsCleared,
    OrdersUpdated,
    RestartStream,
    StreamLost,
    StreamOpened,
)
from domain.orders import OrderUpdate
from tests.actors.doubles import PATIENCE_S, ManualTimers, Outbox, ScriptedFeed, Stage
from tests.domain.builders import an_update, dec, filled, partly


class Room:
    """A stream actor between its scripted neighbours."""

    def __init__(self, stage: Stage, timers: ManualTimers) -> None:
        self.feed, self.ledger, self.reconciler, self.timers = ScriptedFeed(), Outbox(), Outbox(), timers
        self.stream: Address[Any] = stage.spawn(
            TradingStream,
            feed=self.feed,
            ledger=self.ledger,
            reconciler=self.reconciler,
            timers=timers,
            on_death=stage.deaths,
        )

    def hear(self, connection: int, *updates: OrderUpdate) -> None:
        """The n-th connection says one frame an update."""
        for update in updates:
            frame = f"{connection} {update!r}"
            self.feed.meanings[frame] = update
            self.feed.connection(connection).says(frame)

    def settle(self) -> None:
        self.stream.ping(timeout=PATIENCE_S)

    def heard(self) -> list[OrderUpdate]:
        """All updates that the ledger was told, in order."""
        self.settle()
        return [update for mail in self.ledger.told.of(OrdersUpdated) for update in mail.updates]


@pytest.fixture
def room(stage: Stage, timers: ManualTimers) -> Room:
    return Room(stage, timers)


def test_it_connects_at_once_and_tells_nothing_before_the_subscription(room: Room) -> None:
    assert [connection.generation for connection in room.feed.connections.all()] == [1]
    assert room.ledger.told.all() == room.reconciler.told.all() == []


def test_an_acknowledged_subscription_is_told_to_ledger_and_reconciler(room: Room) -> None:
    room.feed.connection(1).opens()
    assert room.ledger.told.wait(1) == [StreamOpened(generation=1)]
    assert room.reconciler.told.wait(1) == [StreamOpened(generation=1)]


def test_a_frame_becomes_an_update_of_the_ledger(room: Room) -> None:
    room.feed.connection(1).opens()
    room.hear(1, filled("10", "12"))
    assert room.heard() == [filled("10", "12")]


def test_a_frame_that_speaks_of_no_order_is_nobodys_news(room: Room) -> None:
    room.feed.connection(1).says(b"not an order at all")
    assert room.heard() == []
    assert room.ledger.told.all() == []


def test_a_frame_before_the_subscription_is_acknowledged_counts_all_the_same(room: Room) -> None:
    room.hear(1, an_update())
    assert room.heard() == [an_update()]


# --- ends and new connections ---------------------------------------------------------------------


def test_after_a_loss_it_connects_anew_in_exactly_five_seconds(room: Room) -> None:
    room.feed.connection(1).opens()
    room.feed.connection(1).ends("lost", "ping timeout")
    assert room.timers.fire() == RECONNECT_S == 5.0
    assert room.feed.connection(2).generation == 2
    assert room.ledger.told.all()[-1] == StreamLost(generation=1, why="ping timeout")


def test_every_loss_is_five_seconds_however_many_there_were(room: Room) -> None:
    for number in range(1, 6):
        room.feed.connection(number).ends("lost")
        assert room.timers.fire() == 5.0
    assert room.feed.connection(6).generation == 6


def test_a_commanded_restart_closes_waits_a_tenth_of_a_second_and_connects(room: Room) -> None:
    room.feed.connection(1).opens()
    room.stream.send(RestartStream())
    assert room.timers.wait() == COMMANDED_RESTART_S == 0.1
    assert room.feed.connection(1).closed
    assert room.ledger.told.all()[-1] == StreamLost(generation=1, why="restarted by command")
    assert len(room.feed.connections.all()) == 1
    room.timers.fire()
    assert room.feed.connection(2).generation == 2


def test_the_late_goodbye_of_a_closed_connection_starts_no_second_one(room: Room) -> None:
    room.feed.connection(1).opens()
    room.stream.send(RestartStream())
    room.timers.fire()
    room.feed.connection(1).ends("lost", "late goodbye")
    room.feed.connection(2).opens()
    room.settle()
    assert room.timers.delays == []
    assert len(room.feed.connections.all()) == 2
    assert room.ledger.told.all()[-1] == StreamOpened(generation=2)


def test_frames_and_ends_of_an_older_generation_are_ignored(room: Room, stage: Stage) -> None:
    # The old connection's thread passes its words on before it is closed; they lie in the inbox behind
    # the restart, and are read when the next connection is up.
    old = room.feed.connection(1)
    old.opens()
    room.settle()
    listener = old._listener
    passed_on = listener._stream  # type: ignore[attr-defined]
    room.stream.send(RestartStream())
    room.timers.fire()
    new = room.feed.connection(2)
    new.opens()
    room.settle()
    told = len(room.ledger.told.all())
    listener._stream = passed_on  # type: ignore[attr-defined]
    room.hear(1, filled("10", "12"))
    old.opens()
    old.ends("lost", "late goodbye")
    room.settle()
    assert len(room.ledger.told.all()) == told
    assert room.timers.delays == []


def test_an_opening_that_a_restart_has_overtaken_does_not_count(room: Room) -> None:
    free = hold(room)
    room.stream.send(RestartStream())
    room.feed.connection(1).opens()
    free()
    room.settle()
    # The connection is closed: to open the gate on it would be to trade deaf.
    assert room.ledger.told.of(StreamOpened) == []
    assert room.reconciler.told.of(StreamOpened) == []


def hold(room: Room) -> Any:
    """Keep the stream's thread busy with a frame until the returned function is called."""
    room.feed.may_parse.clear()
    room.feed.connection(1).says("nothing")
    assert room.feed.parsing.wait(PATIENCE_S)
    return room.feed.may_parse.set


def test_a_connect_that_was_scheduled_before_a_restart_makes_no_second_connection(room: Room) -> None:
    room.feed.connection(1).ends("lost")
    room.timers.wait()
    room.stream.send(RestartStream())
    room.settle()
    assert room.timers.delays == [5.0, 0.1]
    room.timers.fire()
    room.timers.fire()
    room.settle()
    assert [connection.generation for connection in room.feed.connections.all()] == [1, 2]


def test_two_commanded_restarts_make_one_connection(room: Room) -> None:
    room.stream.send(RestartStream())
    room.stream.send(RestartStream())
    room.settle()
    room.timers.fire()
    room.timers.fire()
    room.settle()
    assert [connection.generation for connection in room.feed.connections.all()] == [1, 2]


def test_an_end_told_twice_schedules_one_connection(room: Room) -> None:
    room.feed.connection(1).ends("lost")
    room.feed.connection(1).ends("lost")
    room.settle()
    assert room.timers.delays == [5.0]


def test_stopping_closes_the_connection_and_hears_nothing_more(room: Room) -> None:
    room.stream.stop(timeout=PATIENCE_S)
    connection = room.feed.connection(1)
    assert connection.closed
    connection.ends("lost", "closed by us")
    assert room.ledger.told.all() == []


# --- refusals -------------------------------------------------------------------------------------


def test_refused_handshakes_back_off_up_to_ninety_seconds(room: Room) -> None:
    expected = [5, 10, 20, 40, 80, 90, 90]
    for number, seconds in enumerate(expected, start=1):
        room.feed.connection(number).ends("refused", "429")
        assert seconds <= room.timers.fire() < seconds * 1.2


@pytest.mark.parametrize("jitter", [0.0, 0.999])
def test_the_jitter_adds_a_fifth_at_most(jitter: float) -> None:
    delays = [backoff_s(refusals, jitter) for refusals in range(1, 9)]
    assert delays == [min(5.0 * 2**n, MAX_BACKOFF_S) * (1 + jitter / 5) for n in range(8)]


@pytest.mark.parametrize("between", ["opened", "lost"])
def test_after_something_better_the_back_off_starts_anew(room: Room, between: str) -> None:
    for number in (1, 2, 3):
        room.feed.connection(number).ends("refused")
        room.timers.fire()
    if between == "opened":
        room.feed.connection(4).opens()
    else:
        room.feed.connection(4).ends("lost")
        room.timers.fire()
    room.feed.connection(4 if between == "opened" else 5).ends("refused")
    assert 5 <= room.timers.fire() < 6


def test_refused_keys_are_final(room: Room) -> None:
    room.feed.connection(1).ends("keys_refused", "access key verification failed")
    lost = room.ledger.told.wait(1)
    assert lost == [StreamLost(generation=1, why="access key verification failed", keys_refused=True)]
    room.settle()
    assert room.timers.delays == []
    assert len(room.feed.connections.all()) == 1


def test_refused_keys_are_tried_again_when_a_person_lets_everything_go_on(room: Room) -> None:
    room.feed.connection(1).ends("keys_refused")
    room.ledger.told.wait(1)
    room.stream.send(HaltsCleared(scope="ACME"))
    room.settle()
    assert len(room.feed.connections.all()) == 1
    room.stream.send(HaltsCleared(scope="all"))
    room.feed.connection(2).opens()
    assert room.ledger.told.wait(2)[1] == StreamOpened(generation=2)


def test_what_a_person_clears_is_no_reason_to_give_up_a_connection_that_is_up(room: Room) -> None:
    room.feed.connection(1).opens()
    room.stream.send(HaltsCleared(scope="all"))
    room.settle()
    assert len(room.feed.connections.all()) == 1


def test_the_partial_fills_of_others_are_not_confirmed(room: Room) -> None:
    room.hear(1, partly("4", "12.34", client_order_id="by-hand"))
    assert room.reconciler.told.of(ConfirmPosition) == []


@pytest.mark.parametrize("kind", ["lost", "refused"])
def test_no_other_end_says_that_the_keys_are_refused(room: Room, kind: Any) -> None:
    room.feed.connection(1).ends(kind)
    assert room.ledger.told.wait(1) == [StreamLost(generation=1, why="gone", keys_refused=False)]


# --- fills ----------------------------------------------------------------------------------------


def test_a_partial_fill_asks_for_the_position(room: Room) -> None:
    room.hear(1, partly("4", "12.34"))
    assert room.reconciler.told.wait(1) == [
        ConfirmPosition(client_order_id="sf-one", symbol="ACME", filled_qty=dec("4"))
    ]


def test_nothing_but_a_partial_fill_asks_for_the_position(room: Room) -> None:
    room.hear(1, an_update(event="new"), filled("10", "12"), an_update(status="partially_filled", event=None))
    room.settle()
    assert room.reconciler.told.all() == []


def test_many_waiting_frames_become_few_messages_with_every_update_in_order(room: Room) -> None:
    free = hold(room)
    updates = [partly(str(number), "12", client_order_id=f"sf-{number}") for number in range(1, 201)]
    room.hear(1, *updates)
    free()
    assert room.heard() == updates
    mail = room.ledger.told.of(OrdersUpdated)
    assert len(mail) <= 14
    assert max(len(each.updates) for each in mail) <= 16
    assert len(room.reconciler.told.of(ConfirmPosition)) == 200


def test_of_one_orders_partial_fills_in_a_batch_the_last_asks(room: Room) -> None:
    free = hold(room)
    room.hear(1, *(partly(str(shares), "12") for shares in (1, 2, 3)))
    free()
    room.settle()
    assert [mail.filled_qty for mail in room.reconciler.told.of(ConfirmPosition)] == [dec("3")]


def test_an_end_behind_waiting_frames_comes_after_them(room: Room) -> None:
    free = hold(room)
    room.hear(1, an_update())
    room.feed.connection(1).ends("lost")
    free()
    room.settle()
    assert [type(mail) for mail in room.ledger.told.all()] == [OrdersUpdated, StreamLost]
