"""Whether the hour is one to buy in, and whether a signal that comes at another may wait."""

from datetime import datetime, timedelta
from typing import NamedTuple

from domain.config import BotConfig
from domain.market import NEW_YORK, Market
from domain.signals import Check, Signal

UNKNOWN = "the market's hours are not known yet"
NO_CALENDAR = "the calendar has not been read, so it is not known since when the market is open"


class Hours(NamedTuple):
    """What the hour allows."""

    market: Check
    opening: Check
    closing: Check
    extended: bool = False
    """Only the extended hours' own kind of order executes now."""
    waits: bool = False
    """A signal that fails by these waits, instead of being refused."""
    unknown: str | None = None
    """What has to be read before anything can be ordered."""


def hours_for(signal: Signal, config: BotConfig, market: Market | None, now: datetime) -> Hours:
    """What the hour allows this signal; `now` is the broker's."""
    if market is None:
        return Hours(_market(UNKNOWN), _opening(UNKNOWN), _closing(UNKNOWN), unknown=UNKNOWN)
    if market.is_open(now):
        return _while_open(signal, config, market, now)
    return _while_closed(signal, config, market, now)


def new_york_text(moment: datetime) -> str:
    """A time as those read it who trade by New York's."""
    return f"{moment.astimezone(NEW_YORK):%Y-%m-%d %H:%M} New York"


def _market(detail: str, *, passed: bool = True) -> Check:
    return Check(name="market_hours", passed=passed, detail=detail)


def _opening(detail: str, *, passed: bool = True) -> Check:
    return Check(name="no_entries_first_min", passed=passed, detail=detail)


def _closing(detail: str, *, passed: bool = True) -> Check:
    return Check(name="close_before_end_min", passed=passed, detail=detail)


def _while_closed(signal: Signal, config: BotConfig, market: Market, now: datetime) -> Hours:
    opens_at, extended_until = _next_opening(market, now), market.extended_until(now)
    closed = f"closed until {'a day not known yet' if opens_at is None else new_york_text(opens_at)}"
    if config.closed_market_policy == "extended_hours" and extended_until is not None:
        extended = f"in extended hours until {new_york_text(extended_until)}"
        return Hours(_market(f"{closed}, {extended}"), _opening(extended), _closing(extended), extended=True)
    return Hours(
        _market(closed + _policy(signal, config), passed=False),
        _opening("the market is closed"),
        _closing("the market is closed"),
        waits=_may_wait(signal, config, opens_at),
    )


def _while_open(signal: Signal, config: BotConfig, market: Market, now: datetime) -> Hours:
    opened_at, closes_at = market.opened_at(now), market.closes_at(now)
    assert closes_at is not None, "it is open"
    opening, closing = _first_minutes(config, opened_at, now), _last_minutes(config, closes_at - now)
    opens_at = _next_opening(market, now) if opening.passed else opened_at
    policy = _policy(signal, config)
    return Hours(
        _market(f"open until {new_york_text(closes_at)}"),
        opening if opening.passed else _opening(opening.detail + policy, passed=False),
        closing if closing.passed else _closing(closing.detail + policy, passed=False),
        waits=_may_wait(signal, config, opens_at),
        unknown=NO_CALENDAR if config.no_entries_first_min and opened_at is None else None,
    )


def _first_minutes(config: BotConfig, opened_at: datetime | None, now: datetime) -> Check:
    minutes = config.no_entries_first_min
    if not minutes:
        return _opening("off")
    if opened_at is None:
        return _opening(NO_CALENDAR)
    detail = f"opened at {new_york_text(opened_at)}, nothing is bought for {minutes} min"
    return _opening(detail, passed=now >= opened_at + timedelta(minutes=minutes))


def _last_minutes(config: BotConfig, left: timedelta) -> Check:
    """What is bought while everything is sold would be sold at once."""
    minutes = config.close_before_end_min
    if not minutes:
        return _closing("off")
    detail = f"{left // timedelta(minutes=1)} min left, everything is sold {minutes} min before the close"
    return _closing(detail, passed=left > timedelta(minutes=minutes))


def _policy(signal: Signal, config: BotConfig) -> str:
    policy = f"; closed_market_policy {config.closed_market_policy}"
    if config.closed_market_policy == "hold":
        return f"{policy}, the signal lives until {new_york_text(signal.expires_at)}"
    return policy


def _may_wait(signal: Signal, config: BotConfig, opens_at: datetime | None) -> bool:
    """Whether the signal waits, and lives until something is bought again."""
    if config.closed_market_policy != "hold" or opens_at is None:
        return False
    return opens_at + timedelta(minutes=config.no_entries_first_min) < signal.expires_at


def _next_opening(market: Market, now: datetime) -> datetime | None:
    """The next opening after now, also while the market is open."""
    if market.clock.next_open > now:
        return market.clock.next_open
    return next((day.opens_at for day in market.days if day.opens_at > now), None)
