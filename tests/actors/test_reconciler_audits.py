"""The account is read in full: when, in which order, what is asked, and what a failure says."""

from datetime import timedelta
from typing import Any

import pytest

from actors.account_reading import ACTIONS_SINCE, OVERLAP
from actors.reconciler import AUDIT_EVERY_S, QUIET_S, YOUNG_S
from broker.api import NotFound, ReadFailed
from domain.messages import (
    AuditNow,
    BrokerSnapshot,
    KeysRefused,
    LedgerUnwritable,
    LookUpOrder,
    OrderNotFound,
    OrdersRead,
    StreamOpened,
)
from domain.orders import Life
from domain.reconcile import CorporateAction, FillActivity, Snapshot
from tests.actors.account import FAILED, WATERMARK, Room, market_clock
from tests.actors.doubles import PATIENCE_S, ManualClock, ManualTimers, Stage
from tests.domain.builders import a_position, a_record, an_update, dec, ended, filled, later, partly

POSITION = a_position("ACME", "4")
OPENED = StreamOpened(generation=3)
WORKING: dict[str, Any] = {"life": Life.WORKING, "broker_order_id": "broker-one"}
LOOK = AuditNow(why="a difference", quiet=True)
SPLIT = CorporateAction(activity_id="split-1", kind="SPLIT", symbol="ACME", qty=dec("4"))
A_FILL = FillActivity(
    activity_id="a-1",
    broker_order_id="broker-one",
    symbol="ACME",
    side="buy",
    qty=dec("4"),
    price=dec("12"),
    cum_qty=dec("4"),
    at=later(0),
)


@pytest.fixture
def room(stage: Stage, timers: ManualTimers, clock: ManualClock) -> Room:
    return Room(stage, timers, clock)


def snapshots(room: Room) -> list[BrokerSnapshot]:
    return room.ledger.told.of(BrokerSnapshot)


def snapshot(room: Room) -> Snapshot:
    """The only one."""
    (mail,) = snapshots(room)
    return mail.snapshot


def calls(room: Room) -> list[str]:
    return [call for call, _ in room.broker.reads.all()]


# --- what is read -----------------------------------------------------------------------------------


def test_orders_are_read_before_executions_and_positions_come_last(room: Room) -> None:
    room.script(positions=[(POSITION,)], fills=[(A_FILL,)])
    room.told(OPENED)
    assert room.broker.reads.all() == [
        ("clock", None),
        ("account", None),
        ("calendar", ("2026-11-05", "2026-11-19")),
        ("orders", ("open", None)),
        ("orders", ("all", WATERMARK - OVERLAP)),
        ("fills", WATERMARK - OVERLAP),
        ("positions", None),
    ]
    read = snapshot(room)
    assert (read.taken_at, read.positions, read.fills) == (later(1), (POSITION,), (A_FILL,))
    assert snapshots(room)[0].generation == 3


def test_of_an_order_in_both_lists_the_later_word_counts(room: Room) -> None:
    room.script(orders=[(partly("4", "12"),), (filled("10", "12"),)])
    room.told(OPENED)
    assert snapshot(room).orders == (filled("10", "12"),)


def test_open_orders_that_are_older_than_the_last_read_are_in_the_snapshot_too(room: Room) -> None:
    old, new = an_update(broker_order_id="old"), an_update(broker_order_id="new")
    room.script(orders=[(old,), (new,)])
    room.told(OPENED)
    assert snapshot(room).orders == (old, new)


def test_an_order_of_ours_that_no_list_has_is_asked_for_by_the_brokers_id(room: Room) -> None:
    room.unsettled = [
        a_record(client_order_id="sf-never-heard"),
        a_record(client_order_id="sf-heard", broker_order_id="broker-heard", life=Life.WORKING),
        a_record(client_order_id="sf-listed", broker_order_id="broker-listed", life=Life.WORKING),
    ]
    listed = an_update(client_order_id="other", broker_order_id="broker-listed")
    found = ended("canceled", client_order_id="sf-heard", broker_order_id="broker-heard")
    room.script(orders=[(listed,)], order=found)
    room.told(OPENED)
    assert (snapshot(room).orders, snapshot(room).missing) == ((listed, found), ())
    assert room.broker.calls("order") == ["broker-heard"]
    assert room.broker.calls("order_by_client_id") == []


def test_an_order_that_was_replaced_is_followed_to_its_last_successor(room: Room) -> None:
    room.unsettled = [a_record(**WORKING)]
    chain = {
        "broker-one": ended("replaced", replaced_by="broker-two"),
        "broker-two": ended("replaced", broker_order_id="broker-two", replaced_by="broker-three"),
        "broker-three": filled("4", "12", broker_order_id="broker-three"),
    }
    room.script(order=chain.__getitem__)
    room.told(OPENED)
    assert snapshot(room).orders == tuple(chain.values())


def test_a_successor_that_a_list_has_is_not_asked_for_again(room: Room) -> None:
    room.unsettled = [a_record(**WORKING)]
    second = an_update(broker_order_id="broker-two", client_order_id="theirs", replaces="broker-one")
    room.script(orders=[(second,), ()], order=ended("replaced", replaced_by="broker-two"))
    room.told(OPENED)
    assert room.broker.calls("order") == ["broker-one"]


def test_an_order_that_the_broker_had_and_does_not_know_any_more_is_missing(room: Room) -> None:
    room.unsettled = [a_record(**WORKING)]
    room.script(order=NotFound())
    room.told(OPENED)
    assert snapshot(room).missing == ("sf-one",)


def test_intents_the_broker_was_never_heard_on_are_looked_up_beside_the_read(room: Room) -> None:
    room.unsettled = [a_record(), a_record(client_order_id="sf-two")]
    room.script(order_by_client_id=NotFound())
    room.told(OPENED)
    assert (snapshot(room).missing, room.broker.calls("order_by_client_id")) == ((), [])
    assert room.timers.delays == [AUDIT_EVERY_S, 0.5, 0.6]
    room.timers.fire()
    room.script(positions=[()])
    room.timers.fire()
    assert room.ledger.told.wait(1, OrderNotFound) == [OrderNotFound(client_order_id="sf-one")]


def test_between_two_reads_an_intent_is_given_time_to_be_posted(room: Room) -> None:
    room.told(OPENED)
    room.timers.forget()
    room.unsettled = [a_record()]
    room.told(AuditNow(why="the owner asks"))
    assert room.fire() == 0
    assert room.timers.delays == [AUDIT_EVERY_S, 0.5 + YOUNG_S]


def test_many_intents_that_never_left_do_not_keep_the_account_from_being_read(room: Room) -> None:
    room.unsettled = [a_record(client_order_id=f"sf-{number}") for number in range(500)]
    room.script(order_by_client_id=FAILED)
    room.told(OPENED)
    assert len(snapshots(room)) == 1


# --- the first read of all --------------------------------------------------------------------------


def test_before_the_first_read_all_orders_ever_are_asked_for_and_no_executions(room: Room) -> None:
    room.watermark = None
    room.told(OPENED)
    again = [("open", None), ("all", later(1) - OVERLAP)]
    assert room.broker.calls("orders") == [("open", None), ("all", None), *again]
    assert room.broker.calls("fills") == []
    assert snapshot(room).fills == ()


OPEN_ORDER = partly("4", "12")


@pytest.mark.parametrize(
    "again",
    [(partly("5", "12"),), (), (OPEN_ORDER, an_update(broker_order_id="new"))],
    ids=["filled further", "gone", "a new one"],
)
def test_the_books_are_not_opened_while_orders_move(room: Room, again: tuple[Any, ...]) -> None:
    room.watermark = None
    room.script(orders=[(OPEN_ORDER,), (OPEN_ORDER,), again])
    room.told(OPENED)
    assert snapshots(room) == []
    assert room.timers.delays == [0.5]


def test_the_books_are_not_opened_over_an_order_that_came_and_was_done_meanwhile(room: Room) -> None:
    room.watermark = None
    bought = filled("3", "1", broker_order_id="new")
    room.script(orders=[(OPEN_ORDER,), (OPEN_ORDER,), (OPEN_ORDER,), (OPEN_ORDER, bought)])
    room.told(OPENED)
    assert snapshots(room) == []
    assert room.timers.delays == [0.5]


def test_the_books_are_opened_with_orders_that_stand_still(room: Room) -> None:
    room.watermark = None
    done = filled("1", "1", broker_order_id="done")
    room.script(orders=[(OPEN_ORDER,), (OPEN_ORDER, done), (OPEN_ORDER,), (OPEN_ORDER, done)])
    room.told(OPENED)
    assert len(snapshot(room).orders) == 2


# --- the clock --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [0.0, 45.0, -45.0, 3600.0])
def test_the_snapshot_says_how_far_our_clock_is_ahead(room: Room, ahead: float) -> None:
    room.ahead(ahead)
    room.told(OPENED)
    told = snapshot(room).clock
    assert told is not None
    assert (told.ahead, told.at, told.monotonic) == (timedelta(seconds=ahead), later(1), timedelta(seconds=1))


@pytest.mark.parametrize(("broker_s", "ahead_s"), [(0, 0), (20, 0), (40, 0), (-10, 10), (50, -10)], ids=repr)
def test_a_slow_answer_does_not_look_like_a_wrong_clock(room: Room, broker_s: float, ahead_s: float) -> None:
    def after_forty_seconds(_: object) -> object:
        at = later(1 + broker_s)
        room.clock.move(40)
        return market_clock(at)

    room.script(clock=after_forty_seconds)
    room.told(OPENED)
    told = snapshot(room).clock
    assert told is not None
    assert told.ahead == timedelta(seconds=ahead_s)


@pytest.mark.parametrize("set_by_s", [120.0, -120.0])
def test_a_clock_that_is_set_while_the_brokers_is_read_is_not_taken_for_right(
    room: Room, set_by_s: float
) -> None:
    def set_meanwhile(_: object) -> object:
        at = room.clock.now
        room.clock.move(0.2)
        room.clock.jump(set_by_s)
        return market_clock(at)

    room.script(clock=set_meanwhile)
    room.told(OPENED)
    told = snapshot(room).clock
    assert told is not None
    assert abs(told.ahead - timedelta(seconds=set_by_s)) <= timedelta(seconds=0.2)


# --- when -------------------------------------------------------------------------------------------


def test_the_account_is_read_every_thirty_seconds(room: Room) -> None:
    assert room.first_audit_s == [AUDIT_EVERY_S] == [30.0]
    room.told(OPENED)
    for count in (2, 3, 4):
        assert room.fire() == 30.0
        assert len(snapshots(room)) == count
    assert {mail.generation for mail in snapshots(room)} == {3}


def test_it_is_read_although_no_stream_ever_opened(room: Room, timers: ManualTimers) -> None:
    timers.all_actions()[0]()
    room.reconciler.ping(timeout=PATIENCE_S)
    room.settle()
    assert [mail.generation for mail in snapshots(room)] == [0]


def test_who_asks_for_it_has_it_read_at_once(room: Room) -> None:
    room.told(OPENED)
    room.timers.forget()
    room.told(AuditNow(why="the owner asks"))
    assert room.fire() == 0
    assert len(snapshots(room)) == 2


def test_a_difference_has_it_read_again_after_some_quiet(room: Room) -> None:
    room.told(OPENED)
    room.timers.forget()
    room.told(LOOK)
    assert room.fire() == QUIET_S == 5.0
    assert len(snapshots(room)) == 2


def test_many_differences_have_it_read_once(room: Room) -> None:
    room.told(OPENED)
    room.timers.forget()
    for _ in range(5):
        room.told(LOOK)
    assert room.timers.delays == [QUIET_S]


def test_after_a_hurried_read_the_next_is_due_as_ever(room: Room) -> None:
    room.told(OPENED)
    room.timers.forget()
    room.told(LOOK)
    room.fire()
    assert room.timers.delays == [AUDIT_EVERY_S]


def test_an_audit_that_another_read_has_overtaken_reads_nothing(room: Room) -> None:
    room.told(OPENED)
    room.told(StreamOpened(generation=4))
    room.fire()  # what the first read had set
    assert len(snapshots(room)) == 2
    room.fire()
    assert len(snapshots(room)) == 3


# --- a difference has to be explained ---------------------------------------------------------------


def test_only_a_read_for_a_difference_asks_for_corporate_actions(room: Room) -> None:
    room.script(corporate_actions=[(SPLIT,)])
    room.told(OPENED)
    assert room.broker.calls("corporate_actions") == []
    room.timers.forget()
    room.told(LOOK)
    room.fire()
    assert room.broker.calls("corporate_actions") == [later(1) - ACTIONS_SINCE]
    assert [mail.snapshot.actions for mail in snapshots(room)] == [(), (SPLIT,)]
    room.fire()
    assert len(room.broker.calls("corporate_actions")) == 1


@pytest.mark.parametrize("failing", ["clock", "positions", "corporate_actions"])
def test_a_hurried_read_that_fails_is_made_again_for_the_same_end(room: Room, failing: str) -> None:
    room.told(OPENED)
    room.timers.forget()
    room.script(corporate_actions=[(SPLIT,)])
    good = list(room.broker._answers[failing])
    room.script(**{failing: [FAILED, *good]})
    room.told(LOOK)
    room.fire()
    room.fire()
    assert snapshots(room)[-1].snapshot.actions == (SPLIT,)


def test_a_new_stream_does_not_make_a_hurried_read_forget_its_end(room: Room) -> None:
    room.script(corporate_actions=[(SPLIT,)])
    room.told(LOOK)
    room.told(OPENED)
    assert snapshot(room).actions == (SPLIT,)


def test_a_stream_that_opens_during_a_hurried_read_has_the_next_one_explain_it(room: Room) -> None:
    def open_again(_: object) -> tuple[()]:
        room.reconciler.send(StreamOpened(generation=4))
        return ()

    room.told(OPENED)
    room.timers.forget()
    room.script(fills=[open_again, ()], corporate_actions=[(SPLIT,)])
    room.told(LOOK)
    room.fire()
    assert [mail.snapshot.actions for mail in snapshots(room)] == [(), (SPLIT,)]
    assert room.broker.calls("corporate_actions") == [later(1) - ACTIONS_SINCE]


# --- one request a mail -----------------------------------------------------------------------------


def test_other_questions_have_their_turn_between_two_requests(room: Room) -> None:
    def ask_meanwhile(_: object) -> tuple[()]:
        room.reconciler.send(LookUpOrder(client_order_id="sf-two"))
        return ()

    room.script(orders=[ask_meanwhile, ()])
    room.told(OPENED)
    # The search was begun before the read ended, and so before the next audit was set.
    assert room.timers.delays == [0, AUDIT_EVERY_S]


def test_a_stream_that_opens_meanwhile_has_the_read_begin_anew(room: Room) -> None:
    def open_again(_: object) -> tuple[()]:
        room.reconciler.send(StreamOpened(generation=4))
        return ()

    room.script(fills=[open_again, ()])
    room.told(OPENED)
    assert [mail.generation for mail in snapshots(room)] == [4]
    assert calls(room).count("clock") == 2
    assert calls(room).count("positions") == 1


def test_a_read_that_takes_long_is_not_dropped_for_the_next(room: Room) -> None:
    def ask_for_another(_: object) -> tuple[()]:
        room.reconciler.send(AuditNow(why="the owner asks"))
        return ()

    def its_time_comes(_: object) -> tuple[()]:
        room.timers.fire_all()
        return ()

    room.script(orders=[ask_for_another, ()], fills=[its_time_comes, ()])
    room.told(OPENED)
    assert calls(room) == ["clock", "account", "calendar", "orders", "orders", "fills", "positions"]
    assert len(snapshots(room)) == 1
    assert room.timers.delays == [QUIET_S]


# --- failures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", ["clock", "orders", "order", "fills", "positions"])
def test_a_read_that_fails_is_no_empty_account(room: Room, failing: str) -> None:
    room.unsettled = [a_record(**WORKING)]
    room.script(order=an_update())
    good = list(room.broker._answers[failing])
    room.script(**{failing: FAILED})
    room.told(OPENED)
    assert (snapshots(room), room.timers.delays) == ([], [0.5])
    room.script(**{failing: good})
    room.fire()
    assert len(snapshots(room)) == 1


def test_the_second_list_of_orders_may_fail_as_well(room: Room) -> None:
    room.script(orders=[(), FAILED])
    room.told(OPENED)
    assert snapshots(room) == []


def test_a_read_that_keeps_failing_is_tried_less_and_less_often(room: Room) -> None:
    room.script(positions=FAILED)
    room.told(OPENED)
    assert [room.fire() for _ in range(7)] == [0.5, 1, 2, 4, 8, 8, 8]


def test_after_a_read_that_came_about_failures_count_anew(room: Room) -> None:
    room.script(positions=[FAILED, FAILED, (), FAILED])
    room.told(OPENED)
    assert [room.fire() for _ in range(4)] == [0.5, 1, AUDIT_EVERY_S, 0.5]


def test_the_broker_says_how_long_to_wait(room: Room) -> None:
    room.script(positions=ReadFailed(why="429", retry_after_s=30))
    room.told(OPENED)
    assert room.timers.delays == [30]


def test_refused_keys_are_told_and_asked_again(room: Room) -> None:
    room.script(positions=ReadFailed(why="unauthorized", keys_refused=True))
    assert room.told(OPENED) == [KeysRefused(why="unauthorized")]
    assert len(room.timers.delays) == 1


def test_while_the_ledger_cannot_be_written_nothing_is_read_and_it_is_tried_again(room: Room) -> None:
    room.unwritable = LedgerUnwritable(why="the disk is full")
    room.told(OPENED)
    assert (room.broker.reads.all(), room.timers.delays) == ([], [0.5])
    room.unwritable = None
    room.fire()
    assert [mail.generation for mail in snapshots(room)] == [3]


def test_a_read_that_was_dropped_because_the_ledger_was_out_of_reach_does_not_block_the_next(
    room: Room,
) -> None:
    def out_of_reach(_: object) -> tuple[()]:
        room.unwritable = LedgerUnwritable(why="the disk is full")
        room.reconciler.send(StreamOpened(generation=4))
        return ()

    room.script(fills=[out_of_reach, ()])
    room.told(OPENED)
    assert snapshots(room) == []
    room.unwritable = None
    room.fire()
    assert [mail.generation for mail in snapshots(room)] == [4]


# --- what the stream should have told ---------------------------------------------------------------


def test_what_an_audit_shows_and_the_ledger_had_not_heard_is_told_to_the_stream(room: Room) -> None:
    room.told(OPENED)
    room.unsettled = [a_record(**WORKING)]
    fill = filled("10", "12")
    room.script(orders=[(), (fill,)])
    room.fire()
    assert room.stream.told.all() == [OrdersRead(updates=(fill,))]


def test_the_first_read_after_a_stream_opened_accuses_nobody(room: Room) -> None:
    # What it shows may be from the gap, of which the stream tells nothing.
    room.unsettled = [a_record(**WORKING)]
    room.script(orders=[(), (filled("10", "12"),)])
    room.told(OPENED)
    assert room.stream.told.all() == []


def test_what_the_ledger_had_heard_already_is_no_news(room: Room) -> None:
    room.told(OPENED)
    known = an_update(status="new")
    room.unsettled = [a_record(status="new", updated_at=known.updated_at, **WORKING)]
    room.script(orders=[(known,), ()])
    room.fire()
    assert room.stream.told.all() == []
