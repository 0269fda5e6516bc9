"""One trading day after another: opens, closes, half days, holidays, the weeks in which the hour changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from simulator.server import Simulator
from tests.simulator.conftest import Api, Start


@dataclass
class Floor:
    """New York's hours, and a clock that stands still till it's told to go on. Moments are New York's."""

    simulator: Simulator
    api: Api

    def begin(self, moment: str) -> None:
        self.api.sim("clock", {"now": moment})

    def live_until(self, moment: str) -> None:
        rest = datetime.fromisoformat(moment).astimezone(UTC) - self.simulator.now()
        self.simulator.advance(rest.total_seconds())

    def order(self, **terms: Any) -> str:
        order = self.api.order(**terms).json()
        self.simulator.advance(0)
        return str(order["id"])

    def status(self, order_id: str) -> str:
        return str(self.read(order_id)["status"])

    def read(self, order_id: str) -> Any:
        return self.api.get(f"/v2/orders/{order_id}")


@pytest.fixture
def floor(start: Start) -> Iterator[Floor]:
    simulator = start(hours="new_york")
    simulator.run_at(0)
    api = Api(simulator.base_url)
    api.sim("prices", {"ACME": "10"})
    yield Floor(simulator, api)
    api.session.close()


CLOSES = [
    # The first Mondays of summer and of winter time, the Fridays before them, a half day, a plain day.
    ("2026-03-06T10:00:00-05:00", "2026-03-06T16:00:00-05:00", "2026-03-06T20:00:00-05:00"),
    ("2026-03-09T10:00:00-04:00", "2026-03-09T16:00:00-04:00", "2026-03-09T20:00:00-04:00"),
    ("2026-10-30T10:00:00-04:00", "2026-10-30T16:00:00-04:00", "2026-10-30T20:00:00-04:00"),
    ("2026-11-02T10:00:00-05:00", "2026-11-02T16:00:00-05:00", "2026-11-02T20:00:00-05:00"),
    ("2026-11-27T10:00:00-05:00", "2026-11-27T13:00:00-05:00", "2026-11-27T17:00:00-05:00"),
    ("2026-11-23T10:00:00-05:00", "2026-11-23T16:00:00-05:00", "2026-11-23T20:00:00-05:00"),
]


def utc(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


def a_moment_before(moment: str) -> str:
    at = datetime.fromisoformat(moment)
    return at.replace(hour=at.hour - 1, minute=59, second=59).isoformat()


@pytest.mark.parametrize(("begin", "close", "extended_close"), CLOSES)
def test_a_day_order_expires_at_its_days_close_and_for_extended_hours_at_theirs(
    floor: Floor, begin: str, close: str, extended_close: str
) -> None:
    floor.begin(begin)
    low = {"type": "limit", "limit_price": "9"}
    day, late = floor.order(**low), floor.order(extended_hours=True, **low)
    forever = floor.order(time_in_force="gtc", **low)
    assert floor.read(day)["expires_at"][:19] == utc(close)
    assert floor.read(late)["expires_at"][:19] == utc(extended_close)
    floor.live_until(a_moment_before(close))
    assert [floor.status(each) for each in (day, late, forever)] == ["new", "new", "new"]
    floor.live_until(close)
    assert [floor.status(each) for each in (day, late, forever)] == ["expired", "new", "new"]
    assert floor.read(day)["expired_at"][:19] == utc(close)
    floor.live_until(a_moment_before(extended_close))
    assert floor.status(late) == "new"
    floor.live_until(extended_close)
    assert [floor.status(each) for each in (day, late, forever)] == ["expired", "expired", "new"]
    assert floor.read(late)["expired_at"][:19] == utc(extended_close)


@pytest.mark.parametrize(
    ("night", "open_", "close"),
    [
        ("2026-03-06T21:00:00-05:00", "2026-03-09T09:30:00-04:00", "2026-03-09T16:00:00-04:00"),
        ("2026-03-08T12:00:00-04:00", "2026-03-09T09:30:00-04:00", "2026-03-09T16:00:00-04:00"),
        ("2026-10-30T16:00:00-04:00", "2026-11-02T09:30:00-05:00", "2026-11-02T16:00:00-05:00"),
        ("2026-11-25T18:00:00-05:00", "2026-11-27T09:30:00-05:00", "2026-11-27T13:00:00-05:00"),
        ("2026-11-26T12:00:00-05:00", "2026-11-27T09:30:00-05:00", "2026-11-27T13:00:00-05:00"),
        ("2026-11-27T13:00:00-05:00", "2026-11-30T09:30:00-05:00", "2026-11-30T16:00:00-05:00"),
        ("2026-11-24T08:00:00-05:00", "2026-11-24T09:30:00-05:00", "2026-11-24T16:00:00-05:00"),
        ("2026-12-31T17:00:00-05:00", "2027-01-04T09:30:00-05:00", "2027-01-04T16:00:00-05:00"),
    ],
)
def test_an_order_taken_while_closed_executes_at_the_next_open_and_ends_with_that_day(
    floor: Floor, night: str, open_: str, close: str
) -> None:
    floor.begin(night)
    market, low = floor.order(), floor.order(type="limit", limit_price="9")
    assert [floor.status(each) for each in (market, low)] == ["accepted", "accepted"]
    assert floor.read(low)["expires_at"][:19] == utc(close)
    floor.api.sim("prices", {"ACME": "9.5"})
    floor.live_until(a_moment_before(open_.replace("09:30", "09:00")))
    assert [floor.status(each) for each in (market, low)] == ["accepted", "accepted"]
    floor.live_until(open_)
    filled = floor.read(market)
    assert (filled["status"], filled["filled_avg_price"]) == ("filled", "9.5")
    assert filled["filled_at"][:19] == utc(open_)
    assert floor.status(low) == "new"
    floor.live_until(close)
    assert floor.status(low) == "expired"
    assert floor.read(low)["expired_at"][:19] == utc(close)


def test_an_advance_over_days_executes_at_the_open_and_not_at_its_end(floor: Floor) -> None:
    floor.begin("2026-11-25T21:00:00-05:00")
    high = {"type": "limit", "limit_price": "11"}
    market, early = floor.order(), floor.order(extended_hours=True, **high)
    floor.simulator.advance(5 * 86400)
    assert floor.read(market)["filled_at"][:19] == "2026-11-27T14:30:00"
    assert floor.read(early)["filled_at"][:19] == "2026-11-27T09:00:00"


def test_a_gtc_order_ends_after_ninety_days(floor: Floor) -> None:
    floor.begin("2026-11-23T12:00:00-05:00")
    order = floor.order(type="limit", limit_price="9", time_in_force="gtc")
    floor.simulator.advance(89 * 86400)
    assert floor.status(order) == "new"
    floor.simulator.advance(2 * 86400)
    assert floor.read(order)["expired_at"][:19] == "2027-02-21T17:00:00"


def test_only_orders_for_extended_hours_execute_in_them(floor: Floor) -> None:
    floor.begin("2026-11-23T08:00:00-05:00")
    high = {"type": "limit", "limit_price": "11"}
    plain, early = floor.order(**high), floor.order(extended_hours=True, **high)
    assert [floor.status(each) for each in (plain, early)] == ["accepted", "filled"]
    floor.live_until("2026-11-23T09:30:00-05:00")
    assert floor.status(plain) == "filled"
    floor.live_until("2026-11-23T17:00:00-05:00")
    plain, late = floor.order(**high), floor.order(extended_hours=True, **high)
    assert [floor.status(each) for each in (plain, late)] == ["accepted", "filled"]
    floor.live_until("2026-11-23T20:00:00-05:00")
    night = floor.order(extended_hours=True, **high)
    assert floor.status(night) == "accepted"
    floor.live_until("2026-11-24T04:00:00-05:00")
    assert [floor.status(each) for each in (plain, night)] == ["accepted", "filled"]


def test_a_limit_met_after_hours_is_not_that_of_a_plain_order(floor: Floor) -> None:
    floor.begin("2026-11-23T15:00:00-05:00")
    low = {"type": "limit", "limit_price": "9", "time_in_force": "gtc"}
    plain, late = floor.order(**low), floor.order(extended_hours=True, **low)
    floor.live_until("2026-11-23T18:00:00-05:00")
    floor.api.sim("prices", {"ACME": "8"})
    floor.simulator.advance(60)
    assert [floor.status(each) for each in (plain, late)] == ["new", "filled"]


def test_a_fraction_is_refused_in_extended_hours_unless_they_take_it(floor: Floor) -> None:
    floor.begin("2026-11-23T08:00:00-05:00")
    terms = {"qty": "1.5", "type": "limit", "limit_price": "11", "extended_hours": True}
    refused = floor.api.order(**terms)
    assert (refused.status_code, refused.json()) == (
        422,
        {"code": 42210000, "message": "fractional orders are not eligible for extended hours trading"},
    )
    assert "fractional_eh_enabled" not in floor.api.get("/v2/assets/ACME")["attributes"]
    floor.api.sim("switches", {"fractional_extended_hours": True})
    assert "fractional_eh_enabled" in floor.api.get("/v2/assets/ACME")["attributes"]
    assert floor.status(floor.order(**terms)) == "filled"


def test_the_calendar_tells_the_extended_session_of_half_days_too(floor: Floor) -> None:
    days = floor.api.get("/v2/calendar", start="2026-11-25", end="2026-11-27")
    assert [(day["date"], day["close"], day["session_open"], day["session_close"]) for day in days] == [
        ("2026-11-25", "16:00", "0400", "2000"),
        ("2026-11-27", "13:00", "0400", "1700"),
    ]


def test_a_partly_filled_order_expires_with_what_it_has(floor: Floor) -> None:
    floor.begin("2026-11-27T12:59:00-05:00")
    floor.api.sim("switches", {"auto_fill": False})
    order = floor.order(qty="3")
    floor.api.sim("fill", {"id": order, "qty": "2"})
    floor.live_until("2026-11-27T13:00:00-05:00")
    ended = floor.read(order)
    assert (ended["status"], ended["filled_qty"]) == ("expired", "2")
    assert floor.api.held() == 2


def test_turned_hours_count_at_once(floor: Floor) -> None:
    floor.begin("2026-11-28T12:00:00-05:00")
    order = floor.order()
    assert floor.status(order) == "accepted"
    floor.api.sim("switches", {"hours": "always"})
    floor.simulator.advance(0)
    assert floor.status(order) == "filled"
    assert floor.api.get("/v2/clock")["is_open"] is True
    floor.api.sim("switches", {"hours": "new_york"})
    assert floor.api.get("/v2/clock")["is_open"] is False
