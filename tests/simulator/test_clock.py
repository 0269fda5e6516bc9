"""The clock: set, advanced, run at another speed; and what is settled once an advance returns."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulator.clock import MICROSECOND, SECOND, SimClock
from simulator.server import Simulator, SimulatorSettings
from tests.simulator.conftest import Api, Connect, Start
from tests.simulator.test_book import lines

NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)


@pytest.fixture
def floor(start: Start) -> Iterator[tuple[Simulator, Api]]:
    """New York's hours, and a clock that stands still at noon."""
    simulator = start(hours="new_york")
    simulator.run_at(0)
    simulator.set_clock(NOON)
    api = Api(simulator.base_url)
    api.sim("prices", {"ACME": "10"})
    yield simulator, api
    api.session.close()


def status(api: Api, order: Any) -> str:
    return str(api.get(f"/v2/orders/{order['id']}")["status"])


def test_a_clock_at_speed_0_moves_only_when_advanced(floor: tuple[Simulator, Api]) -> None:
    simulator, api = floor
    assert simulator.now() == NOON
    simulator.advance(Decimal("12.5"))
    assert simulator.now() == NOON + timedelta(seconds=12.5)
    told = api.sim("clock", {"advance_s": "0.25"})
    assert told == {"now": "2026-11-23T17:00:12.75Z", "speed": "0"}
    assert api.get("/v2/clock")["timestamp"] == "2026-11-23T12:00:12.75-05:00"


def test_a_clock_runs_as_fast_as_it_is_told(start: Start) -> None:
    simulator = start()
    api = Api(simulator.base_url)
    simulator.set_clock(NOON)
    api.sim("clock", {"speed": 100_000})
    while simulator.now() < NOON + timedelta(hours=1):
        pass
    api.sim("clock", {"speed": 1})
    now = simulator.now()
    assert simulator.now() - now < timedelta(seconds=30)
    api.session.close()


def test_no_two_stamps_are_alike_and_none_is_early() -> None:
    clock = SimClock()
    clock.run_at(Decimal(0))
    clock.move_to(1000 * SECOND)
    stamps = [clock.stamp() for _ in range(100)]
    assert stamps == [1000 * SECOND + MICROSECOND * number for number in range(100)]
    assert clock.now() == stamps[-1]
    clock.advance(SECOND)
    assert clock.now() == stamps[-1] + SECOND
    clock.be_off(-60 * SECOND)
    assert clock.now() == stamps[-1] - 59 * SECOND


def test_setting_the_clock_leaves_delays_alone() -> None:
    clock = SimClock()
    clock.run_at(Decimal(0))
    ran = clock.running()
    clock.move_to(5)
    clock.be_off(1000)
    assert clock.running() == ran
    clock.advance(7)
    assert clock.running() == ran + 7


def test_an_advance_returns_when_the_order_before_it_is_done(floor: tuple[Simulator, Api]) -> None:
    simulator, api = floor
    for _ in range(20):
        order = api.order().json()
        simulator.advance(0)
        assert status(api, order) == "filled"


def test_what_an_advance_has_brought_is_booked_when_it_returns(start: Start, tmp_path: Path) -> None:
    simulator = start(folder=tmp_path)
    api = Api(simulator.base_url)
    simulator.run_at(0)
    for count in range(1, 31):
        simulator.set_prices({"ACME": "10"})
        api.order(type="limit", limit_price="9")
        simulator.advance(0)
        simulator.set_prices({"ACME": {"script": [{"at_s": 1, "price": "8"}]}})
        simulator.advance(1)
        assert [line["type"] for line in lines(simulator)].count("fill") == count
    api.session.close()


def test_what_is_left_of_a_delay_after_an_advance_passes_by_itself(start: Start, connect: Connect) -> None:
    simulator = start(fill_delay_s=3600)
    api, ear = Api(simulator.base_url), connect(simulator)
    api.order()
    ear.until("new")
    simulator.advance(Decimal("3599.9"))
    assert ear.until("fill")
    api.session.close()


def test_with_a_delay_an_order_is_done_once_the_clock_has_gone_so_far(
    floor: tuple[Simulator, Api],
) -> None:
    simulator, api = floor
    api.sim("switches", {"fill_delay_s": 10})
    api.sim("assets", {"ACME": "fills_in_parts"})
    order = api.order(qty="10").json()
    simulator.advance(Decimal("9.999"))
    assert status(api, order) == "new"
    simulator.advance(Decimal("0.001"))
    assert status(api, order) == "partially_filled"
    simulator.advance(3600)
    fills = api.get("/v2/account/activities/FILL", direction="asc")
    assert [fill["transaction_time"][:19] for fill in fills] == [
        "2026-11-23T17:00:10",
        "2026-11-23T17:00:20",
        "2026-11-23T17:00:30",
    ]


def test_one_long_advance_lives_through_all_that_lies_between(floor: tuple[Simulator, Api]) -> None:
    """A limit is met at 15:00; another, that would be met at 16:30 only, expires at 16:00."""
    simulator, api = floor
    met = api.order(type="limit", limit_price="9").json()
    missed = api.order(type="limit", limit_price="8").json()
    simulator.advance(0)
    night = api.order(type="limit", limit_price="8", extended_hours=True).json()
    scenes = [{"at_s": 3 * 3600, "price": "9"}, {"at_s": 4.5 * 3600, "price": "8"}]
    api.sim("prices", {"ACME": {"script": [*scenes, {"at_s": 24 * 3600, "price": "20"}]}})
    simulator.advance(48 * 3600)
    told = {order["id"]: order for order in api.get("/v2/orders", status="all")}
    assert told[met["id"]]["filled_at"][:19] == "2026-11-23T20:00:00"
    assert told[met["id"]]["filled_avg_price"] == "9"
    assert told[missed["id"]]["expired_at"][:19] == "2026-11-23T21:00:00"
    assert told[night["id"]]["filled_at"][:19] == "2026-11-23T21:30:00"
    assert told[night["id"]]["filled_avg_price"] == "8"


def test_events_of_an_advance_are_heard_in_their_order(
    floor: tuple[Simulator, Api], connect: Connect
) -> None:
    simulator, api = floor
    ear = connect(simulator)
    api.order(type="limit", limit_price="9", client_order_id="limit")
    api.order(type="limit", limit_price="1", client_order_id="day")
    simulator.advance(0)
    api.sim("prices", {"ACME": {"script": [{"at_s": 60, "price": "9"}]}})
    simulator.advance(86400)
    heard = [(each["event"], each["order"]["client_order_id"]) for each in ear.until("expired")]
    assert heard[-2:] == [("fill", "limit"), ("expired", "day")]


def test_a_scene_comes_in_time_by_itself(start: Start, connect: Connect) -> None:
    simulator = start()
    api, ear = Api(simulator.base_url), connect(simulator)
    api.sim("prices", {"ACME": "10"})
    order = api.order(type="limit", limit_price="9").json()
    ear.until("new")
    api.sim("prices", {"ACME": {"script": [{"at_s": "0.2", "price": "8"}, {"at_s": "0.4", "price": "10"}]}})
    fill = ear.until("fill")[-1]
    assert (fill["order"]["id"], fill["price"]) == (order["id"], "8")
    api.session.close()


def test_an_order_is_watched_from_the_start(start: Start, connect: Connect) -> None:
    simulator = start()
    api, ear = Api(simulator.base_url), connect(simulator)
    api.sim("prices", {"ACME": {"script": [{"at_s": 0, "price": "10"}, {"at_s": "0.3", "price": "8"}]}})
    api.order(type="limit", limit_price="9")
    assert ear.until("fill")[-1]["price"] == "8"
    api.session.close()


def test_the_open_comes_in_time_by_itself_at_a_higher_speed(start: Start, connect: Connect) -> None:
    simulator = start(hours="new_york")
    api, ear = Api(simulator.base_url), connect(simulator)
    simulator.set_clock(datetime(2026, 11, 23, 13, tzinfo=UTC))
    assert api.order().json()["status"] == "accepted"
    simulator.run_at(36000)
    filled = ear.until("fill")[-1]["order"]
    assert filled["filled_at"][:15] == "2026-11-23T14:3"
    api.session.close()


def test_an_order_fills_by_itself_though_the_clock_stands_still(
    floor: tuple[Simulator, Api], connect: Connect
) -> None:
    simulator, api = floor
    ear = connect(simulator)
    api.order()
    assert [heard["event"] for heard in ear.until("fill")] == ["pending_new", "new", "fill"]
    assert simulator.now() - NOON < timedelta(milliseconds=1)


def test_while_it_is_down_time_passes_and_nothing_else(start: Start, tmp_path: Path) -> None:
    simulator = start(hours="new_york", folder=tmp_path)
    simulator.run_at(0)
    simulator.set_clock(NOON)
    api = Api(simulator.base_url)
    api.order(symbol="RESTS")
    simulator.advance(0)
    api.sim("restart", {"down_s": 60})
    simulator.advance(86400)
    assert simulator.now() >= NOON + timedelta(days=1)
    assert [line["type"] for line in lines(simulator)] == ["accepted"]
    api.session.close()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"now": "yesterday"},
        {"advance_s": "-1"},
        {"advance_s": "1e9"},
        {"advance_s": None},
        {"speed": -1},
        {"speed": 1e6},
        {"speed": "fast"},
        {"speed": 1, "advance_s": 1},
        {"later": 5},
    ],
)
def test_what_is_no_time_is_refused(api: Api, body: Any) -> None:
    assert api("POST", "/_sim/clock", json=body).status_code == 422


def test_time_is_not_turned_back_by_an_advance(simulator: Simulator) -> None:
    for impossible in (-1, 1e9):
        with pytest.raises(ValueError, match="not between"):
            simulator.advance(impossible)
        with pytest.raises(ValueError, match="not between"):
            simulator.run_at(impossible)


def test_a_simulator_that_does_not_run_is_not_driven() -> None:
    simulator = Simulator(SimulatorSettings())
    with pytest.raises(RuntimeError, match="isn't running"):
        simulator.advance(1)
    simulator.start()
    simulator.stop()
    with pytest.raises(RuntimeError, match="isn't running"):
        simulator.now()


def test_threads_may_drive_it_at_once(floor: tuple[Simulator, Api]) -> None:
    simulator, _ = floor

    def drive() -> None:
        for i in range(50):
            simulator.set_prices({"ACME": str(10 + i)})
            simulator.advance(1)

    drivers = [threading.Thread(target=drive) for _ in range(4)]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join()
    assert simulator.now() == NOON + timedelta(seconds=200)
