"""The hour of a signal against each policy, by the days of a real week with a half day in it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.config import BotConfig
from domain.market import Market, MarketClock, MarketDay
from domain.signals import Signal
from domain.trading_hours import UNKNOWN, Hours, hours_for, new_york_text
from tests.domain.builders import a_signal


def utc(text: str) -> datetime:
    """As `26 09:30`: a day of November 2026, by UTC."""
    return datetime.strptime(f"2026-11-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def a_day(day: int, closes: str = "21:00", extended: str | None = None) -> MarketDay:
    late = f"{day} {extended}" if extended else f"{day + 1} 01:00"
    return MarketDay(
        date=f"2026-11-{day}",
        opens_at=utc(f"{day} 14:30"),
        closes_at=utc(f"{day} {closes}"),
        extended_opens_at=utc(f"{day} 09:00"),
        extended_closes_at=utc(late),
    )


WEEK = (a_day(24), a_day(25), a_day(27, "18:00", "22:00"))
"""Tuesday, Wednesday, and the half day after Thanksgiving."""


def market_at(now: datetime, days: tuple[MarketDay, ...] = WEEK) -> Market:
    """As the clock would tell it then."""
    today = next((day for day in WEEK if day.opens_at <= now < day.closes_at), None)
    coming = [day for day in WEEK if day.opens_at > now]
    after = coming[0].opens_at if coming else utc("30 14:30")
    return Market(
        clock=MarketClock(
            timestamp=now,
            is_open=today is not None,
            next_open=after,
            next_close=today.closes_at if today else after + timedelta(hours=6.5),
        ),
        days=days,
    )


def hours(now: str, ttl_s: int = 300, **settings: Any) -> Hours:
    moment = utc(now)
    return hours_for(signal_at(moment, ttl_s), BotConfig(**settings), market_at(moment), moment)


def signal_at(moment: datetime, ttl_s: int = 300) -> Signal:
    return a_signal(issued_at=moment, ttl_s=ttl_s)


def failing(told: Hours) -> list[str]:
    return [check.name for check in (told.market, told.opening, told.closing) if not check.passed]


OPEN: list[str] = ["25 14:30", "25 17:00", "25 20:44", "27 14:30", "27 17:44"]
SHUT = ["25 14:29", "25 21:00", "26 15:00", "27 18:00", "28 15:00"]


@pytest.mark.parametrize("now", OPEN)
@pytest.mark.parametrize("policy", ["expire", "hold", "extended_hours"])
def test_in_regular_hours_every_policy_buys(now: str, policy: str) -> None:
    told = hours(now, closed_market_policy=policy)
    assert (failing(told), told.extended, told.waits, told.unknown) == ([], False, False, None)


@pytest.mark.parametrize("now", SHUT)
def test_outside_of_them_a_signal_expires_as_the_owner_has_not_said_otherwise(now: str) -> None:
    told = hours(now)
    assert (failing(told), told.extended, told.waits) == (["market_hours"], False, False)
    assert told.market.detail.endswith("; closed_market_policy expire")


def test_it_is_told_when_the_market_opens() -> None:
    assert hours("26 15:00").market.detail.startswith("closed until 2026-11-27 09:30 New York")
    assert hours("25 17:00").market.detail == "open until 2026-11-25 16:00 New York"
    assert hours("27 15:00").market.detail == "open until 2026-11-27 13:00 New York"


# --- hold ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "ttl_s", "waits"),
    [
        ("25 14:29", 61, True),
        ("25 14:29", 60, False),
        ("25 21:00", 86_400, False),  # Thanksgiving is a day longer
        ("26 15:00", 84_601, True),
        ("26 15:00", 84_600, False),
    ],
)
def test_a_signal_is_held_exactly_when_it_lives_past_the_opening(now: str, ttl_s: int, waits: bool) -> None:
    told = hours(now, ttl_s, closed_market_policy="hold")
    assert (failing(told), told.waits) == (["market_hours"], waits)
    assert "the signal lives until" in told.market.detail


@pytest.mark.parametrize(("ttl_s", "waits"), [(60 + 15 * 60, False), (61 + 15 * 60, True)])
def test_it_must_live_past_the_first_minutes_too(ttl_s: int, waits: bool) -> None:
    told = hours("25 14:29", ttl_s, closed_market_policy="hold", no_entries_first_min=15)
    assert told.waits is waits


def test_an_opening_that_nobody_knows_is_not_waited_for() -> None:
    now = utc("25 22:00")
    stale = market_at(utc("25 17:00"), days=WEEK[:2])
    stale = stale.having({"clock": stale.clock.having({"next_open": utc("25 14:30")})})
    told = hours_for(signal_at(now, 86_400), BotConfig(closed_market_policy="hold"), stale, now)
    assert (failing(told), told.waits) == (["market_hours"], False)
    assert "a day not known yet" in told.market.detail


# --- extended hours -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "extended"),
    [
        ("25 08:59", False), ("25 09:00", True), ("25 14:29", True), ("25 21:00", True), ("26 00:59", True),
        ("26 01:00", False), ("26 15:00", False), ("27 18:00", True), ("27 21:59", True), ("27 22:00", False),
    ],
)  # fmt: skip
def test_extended_hours_are_those_of_the_calendar(now: str, extended: bool) -> None:
    told = hours(now, closed_market_policy="extended_hours")
    assert (told.extended, failing(told)) == (extended, [] if extended else ["market_hours"])
    assert not told.waits


@pytest.mark.parametrize("policy", ["expire", "hold"])
def test_no_other_policy_buys_in_them(policy: str) -> None:
    told = hours("25 21:30", closed_market_policy=policy)
    assert (told.extended, failing(told)) == (False, ["market_hours"])


# --- the first and the last minutes -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "names"),
    [("25 14:30", ["no_entries_first_min"]), ("25 14:44", ["no_entries_first_min"]), ("25 14:45", [])],
)
def test_in_the_first_minutes_nothing_is_bought(now: str, names: list[str]) -> None:
    assert failing(hours(now, no_entries_first_min=15)) == names


@pytest.mark.parametrize(
    ("now", "names"),
    [
        ("25 20:44", []), ("25 20:45", ["close_before_end_min"]), ("25 20:59", ["close_before_end_min"]),
        ("27 17:44", []), ("27 17:45", ["close_before_end_min"]),
    ],
)  # fmt: skip
def test_while_everything_is_being_sold_nothing_is_bought(now: str, names: list[str]) -> None:
    assert failing(hours(now)) == names


def test_a_signal_may_wait_for_the_first_minutes_to_pass_and_for_the_next_day() -> None:
    hold = {"closed_market_policy": "hold", "no_entries_first_min": 15}
    assert hours("25 14:40", 301, **hold).waits
    assert not hours("25 14:40", 300, **hold).waits
    assert hours("24 20:50", 86_400, **hold).waits
    assert not hours("24 20:50", 3600, **hold).waits
    assert not hours("24 20:50", 86_400).waits


def test_without_a_calendar_nothing_is_bought_while_the_first_minutes_matter() -> None:
    now = utc("25 17:00")
    blind = market_at(now, days=())
    told = hours_for(signal_at(now), BotConfig(no_entries_first_min=15), blind, now)
    assert (failing(told), told.unknown) == ([], told.opening.detail)
    assert hours_for(signal_at(now), BotConfig(), blind, now).unknown is None


def test_a_market_that_was_not_read_is_unknown_and_not_shut() -> None:
    now = utc("25 17:00")
    told = hours_for(signal_at(now), BotConfig(), None, now)
    assert (failing(told), told.unknown) == ([], UNKNOWN)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 7, 1, 13, 30, tzinfo=UTC), "2026-07-01 09:30 New York"),
        (datetime(2026, 12, 1, 14, 30, tzinfo=UTC), "2026-12-01 09:30 New York"),
    ],
)
def test_times_are_told_by_new_yorks_clock_in_summer_and_in_winter(moment: datetime, text: str) -> None:
    assert new_york_text(moment) == text
