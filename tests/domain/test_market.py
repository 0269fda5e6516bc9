"""The trading day between two readings of the clock, and prices that may be acted on.

`market_at` reads the clock and the calendar of the simulator, which shares no code with ours.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.market import (
    Market,
    MarketClock,
    MarketDay,
    Priced,
    Quote,
    Unpriced,
    day_began_at,
    new_york_day,
    price_of,
)
from simulator.calendar import Calendar
from simulator.clock import SECOND, nanos
from simulator.settings import SimulatorSettings, Switchboard
from tests.domain.builders import A_DAY, NOW, a_market, dec, later, modestly

NEW_YORK = Calendar(Switchboard(SimulatorSettings(hours="new_york")))
DAY = timedelta(days=1)
YEAR_S = 365 * 24 * 3600


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at // SECOND, UTC)


def days_around(day: date) -> tuple[MarketDay, ...]:
    return tuple(
        MarketDay(
            date=session.day.isoformat(),
            opens_at=moment(session.at(session.open)),
            closes_at=moment(session.at(session.close)),
            extended_opens_at=moment(session.at(session.extended_open)),
            extended_closes_at=moment(session.at(session.extended_close)),
        )
        for session in NEW_YORK.sessions(day - timedelta(days=1), day + timedelta(days=7))
    )


def market_at(read_at: datetime) -> Market:
    """As it is told at that time in New York's hours."""
    now = nanos(read_at)
    clock = MarketClock(
        timestamp=read_at,
        is_open=NEW_YORK.is_open(now),
        next_open=moment(NEW_YORK.next_open(now)),
        next_close=moment(NEW_YORK.next_close(now)),
    )
    return Market(clock=clock, days=days_around(new_york_day(read_at)))


# --- open and closed, between two readings ------------------------------------------------------

OPENS, CLOSES = utc("2026-11-12T14:30"), utc("2026-11-12T21:00")
A_MOMENT = timedelta(microseconds=1)
BEFORE, AFTER, DURING = (market_at(utc(f"2026-11-12T{at}")) for at in ("14:29:50", "21:00:10", "20:59:50"))


@pytest.mark.parametrize(
    ("market", "now", "is_open"),
    [
        (BEFORE, OPENS - A_MOMENT, False),
        (BEFORE, OPENS, True),
        (BEFORE, CLOSES - A_MOMENT, True),
        (BEFORE, CLOSES, False),
        (DURING, CLOSES - A_MOMENT, True),
        (DURING, CLOSES, False),
        (DURING, OPENS + timedelta(days=1) - A_MOMENT, False),
        (AFTER, CLOSES + timedelta(seconds=11), False),
        (AFTER, OPENS + timedelta(days=1), True),
    ],
)
def test_it_opens_and_closes_between_two_readings(market: Market, now: datetime, is_open: bool) -> None:
    assert market.is_open(now) is is_open
    assert (market.closes_at(now) is not None) is is_open
    assert (market.opened_at(now) is not None) is is_open
    assert (market.opens_at(now) is None) is is_open


def test_a_session_is_told_with_both_its_ends() -> None:
    for market in (BEFORE, DURING):
        assert market.opened_at(later(0)) == OPENS
        assert market.closes_at(later(0)) == CLOSES


def test_while_closed_the_next_opening_is_told() -> None:
    next_day = OPENS + timedelta(days=1)
    assert BEFORE.opens_at(OPENS - A_MOMENT) == OPENS
    assert (DURING.opens_at(CLOSES), AFTER.opens_at(CLOSES + timedelta(seconds=11))) == (next_day, next_day)


def test_the_opening_after_a_session_that_the_clock_only_foresaw_is_the_calendars() -> None:
    assert BEFORE.opens_at(CLOSES) == OPENS + timedelta(days=1)
    assert BEFORE.having({"days": ()}).opens_at(CLOSES) is None


def test_a_clock_that_is_not_read_any_more_keeps_nothing_open() -> None:
    assert not DURING.is_open(OPENS + timedelta(days=1))
    assert not AFTER.is_open(CLOSES + timedelta(days=1))


def test_without_a_calendar_the_clock_still_tells_what_is_open() -> None:
    market = DURING.having({"days": ()})
    assert (market.is_open(NOW), market.closes_at(NOW)) == (True, CLOSES)
    assert (market.opened_at(NOW), market.extended_until(CLOSES)) == (None, None)
    assert market.opens_at(CLOSES) == OPENS + timedelta(days=1)


def test_a_close_that_is_earlier_than_the_calendar_knows_is_the_close() -> None:
    early = a_market(next_close=later(60))
    assert (early.closes_at(later(59)), early.is_open(later(60))) == (later(60), False)
    assert early.extended_until(later(60)) is None


# --- particular days ----------------------------------------------------------------------------


def test_a_half_day_closes_at_one() -> None:
    friday = market_at(utc("2026-11-27T15:00"))
    assert friday.closes_at(utc("2026-11-27T17:59:59")) == utc("2026-11-27T18:00")
    assert not friday.is_open(utc("2026-11-27T18:00"))
    assert friday.opened_at(utc("2026-11-27T15:00")) == utc("2026-11-27T14:30")
    assert friday.extended_until(utc("2026-11-27T18:00")) == utc("2026-11-27T22:00")
    assert friday.extended_until(utc("2026-11-27T22:00")) is None
    assert friday.opens_at(utc("2026-11-27T18:00")) == utc("2026-11-30T14:30")


def test_on_thanksgiving_nothing_is_open_and_friday_is_next() -> None:
    for read_at in ("2026-11-25T21:00:10", "2026-11-26T15:00"):
        market = market_at(utc(read_at))
        for now in ("2026-11-26T09:00", "2026-11-26T15:00", "2026-11-26T21:30"):
            assert not market.is_open(utc(now))
            assert market.extended_until(utc(now)) is None
            assert market.opens_at(utc(now)) == utc("2026-11-27T14:30")


@pytest.mark.parametrize(
    ("friday", "monday", "opens"),
    [
        ("2026-03-06T21:30", "2026-03-09", "13:30"),
        ("2026-10-30T20:30", "2026-11-02", "14:30"),
    ],
    ids=["summer time begins", "summer time ends"],
)
def test_over_a_change_of_the_clocks_it_opens_at_half_past_nine(friday: str, monday: str, opens: str) -> None:
    for market in (market_at(utc(friday)), market_at(utc(f"{monday}T12:00"))):
        opening = utc(f"{monday}T{opens}")
        assert market.opens_at(opening - A_MOMENT) == opening
        assert market.is_open(opening)
        assert market.closes_at(opening) == opening + timedelta(hours=6, minutes=30)
        assert market.opened_at(opening) == opening
        assert market.extended_until(opening - timedelta(hours=5, minutes=30)) == opening


# --- extended hours -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-12T08:59:59", None),
        ("2026-11-12T09:00:00", OPENS),
        ("2026-11-12T14:29:59", OPENS),
        ("2026-11-12T14:30:00", None),
        ("2026-11-12T20:59:59", None),
        ("2026-11-12T21:00:00", utc("2026-11-13T01:00")),
        ("2026-11-13T00:59:59", utc("2026-11-13T01:00")),
        ("2026-11-13T01:00:00", None),
    ],
)
def test_extended_hours_end_at_the_opening_or_with_the_day(now: str, until: datetime | None) -> None:
    market = market_at(utc(now))
    assert market.extended_until(utc(now)) == until


def test_while_the_clock_says_open_no_hours_are_extended() -> None:
    late = a_market(next_close=CLOSES + timedelta(hours=1))
    assert late.closes_at(CLOSES) == CLOSES + timedelta(hours=1)
    assert late.extended_until(CLOSES) is None


def test_a_day_that_the_clock_does_not_open_has_no_early_hours() -> None:
    tomorrow = OPENS + timedelta(days=1)
    closed = a_market(is_open=False, next_open=tomorrow, next_close=CLOSES + timedelta(days=1))
    assert closed.extended_until(OPENS - A_MOMENT) is None
    assert closed.opens_at(OPENS - A_MOMENT) == tomorrow


# --- any day of the year ------------------------------------------------------------------------


@given(st.integers(0, YEAR_S), st.integers(0, 40 * 3600))
@modestly
def test_until_the_next_close_a_reading_tells_what_the_exchange_does(read_s: int, later_s: int) -> None:
    read_at = utc("2026-01-01") + timedelta(seconds=read_s)
    market = market_at(read_at)
    now = min(read_at + timedelta(seconds=later_s), market.clock.next_close - timedelta(seconds=1))
    at = nanos(now)
    session = next((day for day in market.days if day.opens_at <= now < day.closes_at), None)
    assert market.is_open(now) is NEW_YORK.is_open(at)
    assert (session is not None) is NEW_YORK.is_open(at)
    if session is None:
        assert market.opens_at(now) == moment(NEW_YORK.next_open(at))
    else:
        assert (market.opened_at(now), market.closes_at(now)) == (session.opens_at, session.closes_at)


@given(st.integers(0, YEAR_S), st.integers(0, 10 * 24 * 3600))
@modestly
def test_however_old_a_reading_is_its_answers_agree(read_s: int, later_s: int) -> None:
    read_at = utc("2026-01-01") + timedelta(seconds=read_s)
    market, now = market_at(read_at), read_at + timedelta(seconds=later_s)
    closes, opens = market.closes_at(now), market.opens_at(now)
    opened, extended = market.opened_at(now), market.extended_until(now)
    assert market.is_open(now) is (closes is not None)
    if closes is None:
        assert opened is None
        assert opens is None or opens > now
        assert extended is None or extended > now
    else:
        assert closes > now
        assert opened is not None
        assert opened <= now
        assert (opens, extended) == (None, None)


@given(st.integers(0, YEAR_S))
@modestly
def test_extended_hours_are_those_of_the_exchange(read_s: int) -> None:
    now = utc("2026-01-01") + timedelta(seconds=read_s)
    market, at = market_at(now), nanos(now)
    early_or_late = NEW_YORK.is_open(at, extended=True) and not NEW_YORK.is_open(at)
    assert (market.extended_until(now) is not None) is early_or_late


# --- New York's date ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "day", "began"),
    [
        ("2026-11-12T04:59:59", "2026-11-11", "2026-11-11T05:00"),
        ("2026-11-12T05:00:00", "2026-11-12", "2026-11-12T05:00"),
        ("2026-07-01T03:59:59", "2026-06-30", "2026-06-30T04:00"),
        ("2026-03-08T12:00:00", "2026-03-08", "2026-03-08T05:00"),
        ("2026-03-09T03:59:59", "2026-03-08", "2026-03-08T05:00"),
        ("2026-03-09T04:00:00", "2026-03-09", "2026-03-09T04:00"),
        ("2026-11-02T04:59:59", "2026-11-01", "2026-11-01T04:00"),
        ("2026-11-02T05:00:00", "2026-11-02", "2026-11-02T05:00"),
    ],
)
def test_a_day_is_new_yorks_from_midnight_to_midnight(now: str, day: str, began: str) -> None:
    assert new_york_day(utc(now)) == date.fromisoformat(day)
    assert day_began_at(utc(now)) == utc(began)
    assert day_began_at(utc(now)).tzinfo is UTC


@given(st.integers(0, YEAR_S))
@modestly
def test_every_moment_is_in_the_day_that_began_last(at_s: int) -> None:
    now = utc("2026-01-01") + timedelta(seconds=at_s)
    began = day_began_at(now)
    assert began <= now < day_began_at(began + timedelta(hours=26))
    assert new_york_day(began) == new_york_day(now)
    assert new_york_day(began - A_MOMENT) == new_york_day(now) - timedelta(days=1)


OPENS, CLOSES = A_DAY.opens_at, A_DAY.closes_at
NEXT_DAY = A_DAY.having({"opens_at": OPENS + DAY, "closes_at": OPENS + DAY + timedelta(hours=3)})
"""A half day."""
HOUR_S = 3600


@pytest.mark.parametrize(
    ("since", "until", "open_s"),
    [
        (OPENS, OPENS, 0),
        (OPENS, OPENS + timedelta(seconds=1), 1),
        (OPENS - timedelta(hours=1), OPENS, 0),
        (OPENS - timedelta(hours=1), CLOSES + timedelta(hours=1), 6.5 * HOUR_S),
        (CLOSES - timedelta(hours=1), OPENS + DAY + timedelta(hours=1), 2 * HOUR_S),
        (OPENS, OPENS + 2 * DAY, 9.5 * HOUR_S),
        (CLOSES, OPENS + DAY, 0),
        (OPENS + timedelta(hours=2), OPENS, 0),
        (CLOSES + timedelta(hours=2), CLOSES, 0),
    ],
)
def test_of_a_stretch_of_time_only_the_sessions_count(
    since: datetime, until: datetime, open_s: float
) -> None:
    market = a_market(days=(A_DAY, NEXT_DAY))
    assert market.open_for(since, until) == timedelta(seconds=open_s)


def test_of_time_before_the_calendar_or_without_one_every_hour_counts() -> None:
    midnight = day_began_at(OPENS)
    market = a_market(days=(A_DAY, NEXT_DAY))
    assert market.open_for(midnight - 3 * DAY, midnight - DAY) == 2 * DAY
    assert market.open_for(midnight - DAY, OPENS + timedelta(hours=1)) == DAY + timedelta(hours=1)
    assert a_market(days=()).open_for(CLOSES, CLOSES + DAY) == DAY
    assert a_market(days=()).open_for(CLOSES, CLOSES - DAY) == timedelta()


# --- prices -------------------------------------------------------------------------------------


def a_quote(last: tuple[str | None, float | None], bid: tuple[str | None, float | None]) -> Quote:
    """Prices, each with the seconds since it was told."""

    def price(text: str | None) -> Decimal | None:
        return None if text is None else dec(text)

    def told_at(age_s: float | None) -> datetime | None:
        return None if age_s is None else later(-age_s)

    return Quote(
        symbol="ACME",
        last_price=price(last[0]),
        last_at=told_at(last[1]),
        bid=price(bid[0]),
        ask=dec("12.5"),
        quoted_at=told_at(bid[1]),
    )


@pytest.mark.parametrize(
    ("last", "bid", "price", "age_s"),
    [
        (("12.5", 0), ("12.4", 0), "12.5", 0),
        (("12.5", 60), ("12.4", 0), "12.5", 60),
        (("12.5", 60.001), ("12.4", 60), "12.4", 60),
        (("12.5", 600), ("12.4", 1), "12.4", 1),
        ((None, None), ("12.4", 1), "12.4", 1),
        (("12.5", None), ("12.4", 1), "12.4", 1),
        ((None, 1), ("12.4", 1), "12.4", 1),
        (("0", 1), ("12.4", 1), "12.4", 1),
        (("12.5", 1), (None, None), "12.5", 1),
        (("12.5", -1), ("12.4", 1), "12.5", -1),
    ],
)
def test_the_price_is_the_last_trade_while_it_is_fresh_and_else_a_fresh_bid(
    last: tuple[str | None, float | None], bid: tuple[str | None, float | None], price: str, age_s: float
) -> None:
    found = price_of("ACME", a_quote(last, bid), NOW, max_age_s=60)
    assert found == Priced(symbol="ACME", price=dec(price), at=later(-age_s))


OLD = "its last trade is 60.5 s old, more than 60 s"
NONE = "the feed has no trade of it"


@pytest.mark.parametrize(
    ("last", "bid", "why"),
    [
        (("12.5", 60.5), (None, None), OLD),
        (("12.5", 60.5), ("12.4", 61), OLD),
        (("12.5", 60.5), ("12.4", None), OLD),
        (("12.5", 60.5), ("0", 1), OLD),
        ((None, None), ("12.4", 61), NONE),
        ((None, 1), (None, 1), NONE),
        (("12.5", None), (None, None), NONE),
    ],
)
def test_an_old_or_missing_price_is_none_and_says_why(
    last: tuple[str | None, float | None], bid: tuple[str | None, float | None], why: str
) -> None:
    found = price_of("ACME", a_quote(last, bid), NOW, max_age_s=60)
    assert found == Unpriced(symbol="ACME", why=why)


@pytest.mark.parametrize(
    ("bid", "ask", "priced"),
    [
        ("9.5", "10", True),
        ("9.49", "10", False),
        ("10.5", "10", True),
        ("10.51", "10", False),
        ("0.01", "12.5", False),
        ("9.5", None, False),
    ],
)
def test_a_bid_counts_only_with_an_ask_close_to_it(bid: str, ask: str | None, priced: bool) -> None:
    quote = a_quote((None, None), (bid, 1)).having({"ask": None if ask is None else dec(ask)})
    found = price_of("ACME", quote, NOW, max_age_s=60)
    expected = (
        Priced(symbol="ACME", price=dec(bid), at=later(-1)) if priced else Unpriced(symbol="ACME", why=NONE)
    )
    assert found == expected


def test_a_symbol_that_the_feed_does_not_have_has_no_price() -> None:
    found = price_of("ACME", None, NOW, max_age_s=60)
    assert found == Unpriced(symbol="ACME", why="the feed has no such symbol")


prices = st.none() | st.decimals(min_value=0, max_value=1000, places=2)
ages_s = st.none() | st.integers(-5, 600)


@given(prices, ages_s, prices, ages_s, st.integers(1, 300))
@modestly
def test_no_price_is_acted_on_that_is_zero_old_or_nobodys(
    last: Decimal | None, last_s: int | None, bid: Decimal | None, bid_s: int | None, max_age_s: int
) -> None:
    def fresh(price: Decimal | None, age_s: int | None) -> bool:
        return price is not None and price > 0 and age_s is not None and age_s <= max_age_s

    quote = a_quote((None, last_s), (None, bid_s)).having({"last_price": last, "bid": bid, "ask": bid})
    found = price_of("ACME", quote, NOW, max_age_s=max_age_s)
    if fresh(last, last_s):
        assert isinstance(found, Priced)
        assert (found.price, found.at) == (last, quote.last_at)
    elif fresh(bid, bid_s):
        assert isinstance(found, Priced)
        assert (found.price, found.at) == (bid, quote.quoted_at)
    else:
        assert isinstance(found, Unpriced)
