"""Market days and hours, and what they do to orders."""

from datetime import date
from typing import Any

import pytest

from simulator.calendar import half_days, holidays
from tests.simulator.conftest import Api, Connect, Start


@pytest.mark.parametrize(
    ("year", "closed", "short"),
    [
        (2026, "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25", "11-27 12-24"),
        (2027, "01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24", "11-26"),
        (2028, "01-17 02-21 04-14 05-29 06-19 07-04 09-04 11-23 12-25", "07-03 11-24"),
    ],
)
def test_holidays_and_half_days_are_new_yorks(year: int, closed: str, short: str) -> None:
    assert sorted(f"{day:%m-%d}" for day in holidays(year)) == closed.split()
    assert sorted(f"{day:%m-%d}" for day in half_days(year)) == short.split()
    assert date(year, 12, 31) not in holidays(year)


@pytest.fixture
def new_york(start: Start) -> Any:
    return start(hours="new_york")


@pytest.fixture
def floor(new_york: Any) -> Any:
    api = Api(new_york.base_url)
    yield api
    api.session.close()


def test_a_half_day_is_in_the_calendar(floor: Api) -> None:
    days = floor.get("/v2/calendar", start="2026-11-25", end="2026-11-30")
    assert [(day["date"], day["open"], day["close"]) for day in days] == [
        ("2026-11-25", "09:30", "16:00"),
        ("2026-11-27", "09:30", "13:00"),
        ("2026-11-30", "09:30", "16:00"),
    ]
    assert days[0]["settlement_date"] == "2026-11-27"
    assert days[0]["session_open"] == "0400"


@pytest.mark.parametrize(
    ("now", "is_open", "next_open", "next_close"),
    [
        ("2026-11-27T12:59:59-05:00", True, "2026-11-30T09:30:00-05:00", "2026-11-27T13:00:00-05:00"),
        ("2026-11-27T13:00:00-05:00", False, "2026-11-30T09:30:00-05:00", "2026-11-30T16:00:00-05:00"),
        ("2026-10-30T17:00:00-04:00", False, "2026-11-02T09:30:00-05:00", "2026-11-02T16:00:00-05:00"),
        ("2026-11-26T12:00:00-05:00", False, "2026-11-27T09:30:00-05:00", "2026-11-27T13:00:00-05:00"),
    ],
)
def test_the_clock_knows_sessions(
    floor: Api, now: str, is_open: bool, next_open: str, next_close: str
) -> None:
    floor.sim("clock", {"now": now})
    clock = floor.get("/v2/clock")
    assert clock["timestamp"][:19] == now[:19]
    assert (clock["is_open"], clock["next_open"], clock["next_close"]) == (is_open, next_open, next_close)


def test_an_order_at_night_waits_for_the_open(floor: Api, new_york: Any, connect: Connect) -> None:
    floor.sim("clock", {"now": "2026-11-23T20:30:00-05:00"})
    order = floor.order().json()
    assert (order["status"], order["expires_at"]) == ("accepted", "2026-11-24T21:00:00Z")
    ear = connect(new_york)
    floor.sim("clock", {"now": "2026-11-24T09:30:00-05:00"})
    assert [heard["event"] for heard in ear.until("fill")] == ["new", "fill"]


def test_a_day_order_ends_with_the_day_and_a_gtc_order_does_not(
    floor: Api, new_york: Any, connect: Connect
) -> None:
    floor.sim("clock", {"now": "2026-11-23T15:59:00-05:00"})
    ear = connect(new_york)
    floor.order(symbol="RESTS", client_order_id="day")
    floor.order(symbol="RESTS", client_order_id="gtc", time_in_force="gtc")
    ear.until("new")
    ear.until("new")
    floor.sim("fill", {"client_order_id": "day", "qty": "0.4"})
    floor.sim("clock", {"now": "2026-11-23T16:00:00-05:00"})
    expired = ear.until("expired")[-1]["order"]
    assert (expired["client_order_id"], expired["filled_qty"]) == ("day", "0.4")
    assert expired["expired_at"]
    assert [order["client_order_id"] for order in floor.get("/v2/orders")] == ["gtc"]


def test_extended_hours_begin_before_the_open(floor: Api, new_york: Any, connect: Connect) -> None:
    floor.sim("clock", {"now": "2026-11-23T08:00:00-05:00"})
    floor.sim("prices", {"ACME": "10"})
    ear = connect(new_york)
    floor.order(type="limit", limit_price="11", extended_hours=True)
    assert ear.until("fill")[-1]["price"] == "10"
