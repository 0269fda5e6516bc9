"""Each full read of the account brings the market and the means; neither may cost it."""

import pytest

from broker.api import Account, ReadFailed
from domain.market import Market, Means
from domain.messages import BrokerSnapshot, StreamOpened
from domain.reconcile import Snapshot
from tests.actors.account import FAILED, Room, an_account, market_clock
from tests.actors.doubles import ManualClock, ManualTimers, Stage
from tests.domain.builders import A_DAY, dec, later

OPENED = StreamOpened(generation=3)
TOMORROW = A_DAY.having({"date": "2026-11-13"})
WEEK = ("2026-11-05", "2026-11-19")
NEW_YORKS_MIDNIGHT_S = 14 * 3600
"""After the time of the builders."""


@pytest.fixture
def room(stage: Stage, timers: ManualTimers, clock: ManualClock) -> Room:
    return Room(stage, timers, clock)


def snapshots(room: Room) -> list[Snapshot]:
    return [mail.snapshot for mail in room.ledger.told.of(BrokerSnapshot)]


def days(room: Room) -> list[tuple[str, ...] | None]:
    """Of each read."""
    return [
        None if read.market is None else tuple(day.date for day in read.market.days)
        for read in snapshots(room)
    ]


# --- the market ---------------------------------------------------------------------------------


def test_a_read_brings_the_clock_it_compared_and_the_days_around_it(room: Room) -> None:
    room.told(OPENED)
    (read,) = snapshots(room)
    assert read.market == Market(clock=market_clock(later(1)), days=(A_DAY,))
    assert len(room.broker.calls("clock")) == 1


def test_the_calendar_is_read_once_a_day_and_the_clock_each_time(room: Room) -> None:
    room.told(OPENED)
    for _ in range(3):
        room.clock.move(30)
        room.fire()
    assert room.broker.calls("calendar") == [WEEK]
    told = [read.market.clock.timestamp for read in snapshots(room) if read.market is not None]
    assert told == [later(1), later(31), later(61), later(91)]
    assert days(room) == [(A_DAY.date,)] * 4


def test_the_day_is_new_yorks_by_the_brokers_clock(room: Room) -> None:
    room.ahead(3600)
    room.clock.now = later(NEW_YORKS_MIDNIGHT_S + 3600 - 1)
    room.script(calendar=[(A_DAY,), (TOMORROW,)])
    room.told(OPENED)
    room.clock.move(1)
    room.fire()
    assert room.broker.calls("calendar") == [WEEK, ("2026-11-06", "2026-11-20")]
    assert days(room) == [(A_DAY.date,), (TOMORROW.date,)]


def test_a_new_stream_does_not_have_the_calendar_read_again(room: Room) -> None:
    room.told(OPENED)
    room.told(StreamOpened(generation=4))
    assert room.broker.calls("calendar") == [WEEK]
    assert days(room) == [(A_DAY.date,)] * 2


def test_nor_does_a_read_that_failed_behind_it(room: Room) -> None:
    room.script(positions=[FAILED, ()])
    room.told(OPENED)
    room.fire()
    assert room.broker.calls("calendar") == [WEEK]
    assert days(room) == [(A_DAY.date,)]


@pytest.mark.parametrize("nothing", [FAILED, ()], ids=["failed", "empty"])
def test_without_its_calendar_the_account_is_read_all_the_same(
    room: Room, nothing: ReadFailed | tuple[()]
) -> None:
    room.script(calendar=[nothing, nothing, (A_DAY,)])
    room.told(OPENED)
    assert days(room) == [()]
    assert room.fire() == 30.0
    room.fire()
    room.fire()
    assert days(room) == [(), (), (A_DAY.date,), (A_DAY.date,)]
    assert room.broker.calls("calendar") == [WEEK] * 3


def test_yesterdays_calendar_serves_until_todays_is_read(room: Room) -> None:
    room.script(calendar=[(A_DAY, TOMORROW), FAILED, (TOMORROW,)])
    room.told(OPENED)
    room.clock.now = later(NEW_YORKS_MIDNIGHT_S)
    room.fire()
    room.fire()
    assert days(room) == [(A_DAY.date, TOMORROW.date)] * 2 + [(TOMORROW.date,)]


# --- the means ----------------------------------------------------------------------------------


def test_a_read_brings_what_the_account_can_spend(room: Room) -> None:
    room.told(OPENED)
    room.script(account=an_account(cash=dec("4900"), equity=dec("5010"), buying_power=dec("19800")))
    room.clock.move(30)
    room.fire()
    assert [read.means for read in snapshots(room)] == [
        Means(buying_power=dec("20000"), equity=dec("5000"), cash=dec("5000"), read_at=later(1)),
        Means(buying_power=dec("19800"), equity=dec("5010"), cash=dec("4900"), read_at=later(31)),
    ]


def test_means_are_as_old_as_their_question(room: Room) -> None:
    def slowly(_: object) -> Account:
        room.clock.move(10)
        return an_account()

    room.script(account=slowly)
    room.told(OPENED)
    (read,) = snapshots(room)
    assert read.means is not None
    assert read.means.read_at == later(1)


def test_a_figure_that_the_broker_does_not_tell_is_unknown(room: Room) -> None:
    room.script(account=an_account(cash=None, equity=None, buying_power=None))
    room.told(OPENED)
    (read,) = snapshots(room)
    assert read.means == Means(buying_power=None, equity=None, cash=None, read_at=later(1))


def test_without_its_means_the_account_is_read_all_the_same(room: Room) -> None:
    room.script(account=[FAILED, an_account()])
    room.told(OPENED)
    assert room.timers.delays == [30.0]
    room.fire()
    assert [read.means is None for read in snapshots(room)] == [True, False]
    assert days(room) == [(A_DAY.date,)] * 2


def test_what_surrounds_the_account_costs_one_request_a_read_and_one_a_day(room: Room) -> None:
    room.told(OPENED)
    for _ in range(9):
        room.fire()
    asked = [call for call, _ in room.broker.reads.all()]
    assert (asked.count("account"), asked.count("calendar")) == (10, 1)
    assert len(asked) == 10 * len(("clock", "account", "orders", "orders", "fills", "positions")) + 1
