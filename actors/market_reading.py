"""The market's hours and the account's means, read beside the account.

Neither may cost the audit: what cannot be read is told as unknown, and asked for again by the next one.
"""

import logging
from collections.abc import Generator
from datetime import date, timedelta
from typing import Final

from broker.api import Broker, ReadFailed
from domain.market import Market, MarketClock, MarketDay, Means, new_york_day
from domain.values import Clock

log = logging.getLogger(__name__)

DAYS_BACK: Final = timedelta(days=7)
"""What was held while the bot was down could be sold in the hours in which the market was open."""
DAYS_AHEAD: Final = timedelta(days=7)
"""Enough for the days after the longest holiday, and for a week in which the calendar cannot be read."""


class MarketReading:
    """Kept from read to read, as the calendar is asked for only once a New York day."""

    def __init__(self, *, broker: Broker, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock
        self._days: tuple[MarketDay, ...] = ()
        self._read_on: date | None = None

    def steps(self, clock: MarketClock) -> Generator[None, None, tuple[Market, Means | None]]:
        """What surrounds this clock, and the means; a yield behind each request."""
        means = self._means()
        yield
        today = new_york_day(clock.timestamp)
        if today != self._read_on:
            self._read_calendar(today)
            yield
        return Market(clock=clock, days=self._days), means

    def _means(self) -> Means | None:
        # An order that leaves while the account is read may be in it or not; so dated, it counts as not.
        before = self._clock()
        account = self._broker.account()
        if isinstance(account, ReadFailed):
            log.warning("the account's means cannot be read (%s)", account.why)
            return None
        return Means(
            buying_power=account.buying_power, equity=account.equity, cash=account.cash, read_at=before
        )

    def _read_calendar(self, today: date) -> None:
        start, end = today - DAYS_BACK, today + DAYS_AHEAD
        days = self._broker.calendar(start=start.isoformat(), end=end.isoformat())
        if isinstance(days, ReadFailed):
            log.warning("the market's calendar cannot be read (%s)", days.why)
        elif not days:  # no week is without a market day
            log.warning("the market's calendar is empty from %s to %s", start, end)
        else:
            self._days, self._read_on = days, today
