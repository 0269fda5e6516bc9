"""The day that is played: its plan, and that everything in its course can be sent, priced and sold."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest

from cli.day.course import BEHAVIOURS, HALTED, ODDITIES, STALE, course_of
from cli.day.plan import CONFIG, CloseTrade, OwnOrder, SellByHand, SendSignal, plan_of
from settings import ConfigurationError
from simulator.assets import Behaviour
from simulator.scenes import Scene, read_script
from web.api.intake import signal_from
from web.api.views import time_text

DAYS = [date(2026, 11, 12), date(2026, 11, 27), date(2026, 11, 2), date(2026, 7, 1)]


def test_a_plan_has_the_exchanges_hours_of_its_day() -> None:
    hours = [(plan.opens_at, plan.closes_at) for plan in map(plan_of, DAYS)]
    assert [time_text(at)[11:16] for pair in hours for at in pair] == [
        "14:30", "21:00", "14:30", "18:00", "14:30", "21:00", "13:30", "20:00",
    ]  # fmt: skip
    assert [plan_of(day).opens_s for day in DAYS] == [900] * 4


@pytest.mark.parametrize("day", [date(2026, 11, 26), date(2026, 11, 28), date(2026, 12, 25)])
def test_a_day_without_a_market_is_no_plan(day: date) -> None:
    with pytest.raises(ConfigurationError, match="no market day"):
        plan_of(day)


def test_the_same_plan_is_the_same_day_and_another_seed_another() -> None:
    assert course_of(plan_of()) == course_of(plan_of())
    assert course_of(plan_of()) != course_of(plan_of(seed=8))


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("signals", [1, 25, 500])
def test_a_course_has_its_signals_in_order_within_the_day(day: date, signals: int) -> None:
    plan = plan_of(day, signals=signals)
    times = [event.at_s for event in course_of(plan).events]
    sent = [event for event in course_of(plan).events if isinstance(event, SendSignal)]
    assert times == sorted(times)
    assert (times[0] >= 0, times[-1] < plan.ends_s) == (True, True)
    names = [each.fields["signal_id"] for each in sent]
    assert names == sorted(set(names))
    assert len(names) == signals


def test_an_ordinary_day_has_something_of_everything() -> None:
    plan = plan_of()
    course = course_of(plan)
    sent = [event for event in course.events if isinstance(event, SendSignal)]
    assert {event.fields["symbol"] for event in sent} >= {*ODDITIES, HALTED, *STALE}
    assert len({event.fields["symbol"] for event in sent}) > 60
    assert {event.fields["catalyst_tier"] for event in sent} == {1, 2, 3, 4}
    assert {event.fields["ai_confidence"] for event in sent} == {"high", "medium", "low", None}
    early = [event for event in sent if event.at_s < plan.opens_s]
    assert {event.fields["ttl_s"] for event in early} == {300, 1800}
    assert any(event.at_s > plan.closes_s for event in sent)
    assert {type(event) for event in course.events} == {SendSignal, OwnOrder, SellByHand, CloseTrade}
    assert any(isinstance(event, CloseTrade) and event.refused for event in course.events)


def test_every_signal_can_be_taken_in_and_every_price_be_played() -> None:
    plan = plan_of()
    course = course_of(plan)
    for event in course.events:
        if isinstance(event, SendSignal):
            issued_at = time_text(plan.starts_at + timedelta(seconds=event.at_s))
            signal_from(json.dumps({**event.fields, "issued_at": issued_at}).encode())
    scripts = {symbol: read_script(told, 0, Scene()) for symbol, told in course.prices.items()}
    flags = {
        name
        for script in scripts.values()
        if script is not None
        for scene in script.scenes
        for name in ("halted", "missing", "stale")
        if getattr(scene, name)
    }
    assert flags == {"halted", "missing", "stale"}
    assert {Behaviour(each) for each in BEHAVIOURS.values()} == {Behaviour.NOT_FRACTIONABLE}


def test_a_signal_names_the_price_of_its_time_or_one_that_the_market_has_left() -> None:
    course = course_of(plan_of())
    apart = []
    for event in course.events:
        if isinstance(event, SendSignal) and event.fields["symbol"] in course.prices:
            scenes = course.prices[event.fields["symbol"]]["script"]
            price = Decimal([each["price"] for each in scenes if each["at_s"] <= event.at_s][-1])
            apart.append(abs(Decimal(event.fields["price_at_signal"]) / price - 1) * 100)
    left = [each for each in apart if each > CONFIG.price_collar_pct]
    assert 5 < len(left) < 60
    assert sum(each < 1 for each in apart) == len(apart) - len(left)
