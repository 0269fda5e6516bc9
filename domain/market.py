"""The trading day, by Alpaca's own clock and calendar: what is open, until when, and what day it is.

The clock is the authority on whether the market is open now and when it closes, the calendar on when a
session began and when its extended hours end. Neither is computed here.
"""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from domain.values import Message, Usd, Utc, in_utc

NEW_YORK: Final = ZoneInfo("America/New_York")


class MarketClock(Message):
    """The broker's time and the session around it (`/v2/clock`)."""

    timestamp: Utc
    is_open: bool
    next_open: Utc
    next_close: Utc
    """While closed: the close of the session that begins at `next_open`."""


class MarketDay(Message):
    """One day of trading (`/v2/calendar`); a holiday has none, a half day closes early."""

    date: str
    """New York's, as YYYY-MM-DD."""
    opens_at: Utc
    closes_at: Utc
    extended_opens_at: Utc
    extended_closes_at: Utc


class Market(Message):
    """What was last read of the clock and the calendar.

    A reading of the clock is good until the next close that it names; the market counts as closed from
    there on, until the clock is read again.
    """

    clock: MarketClock
    days: tuple[MarketDay, ...] = ()
    """In order; empty: the calendar could not be read yet."""

    def is_open(self, now: datetime) -> bool:
        """Whether orders execute now in regular hours; `now` is the broker's."""
        return self.closes_at(now) is not None

    def closes_at(self, now: datetime) -> datetime | None:
        """When the session that `now` lies in ends; None: the market is closed."""
        begun = self.clock.is_open or now >= self.clock.next_open
        return self.clock.next_close if begun and now < self.clock.next_close else None

    def open_for(self, since: datetime, until: datetime) -> timedelta:
        """How much of this time the market was open; before the days that are known, all of it counts."""
        known_from = day_began_at(self.days[0].opens_at) if self.days else until
        unknown = min(until, known_from) - since
        sessions = (min(until, day.closes_at) - max(since, day.opens_at) for day in self.days)
        return sum((max(each, timedelta()) for each in (unknown, *sessions)), timedelta())

    def opened_at(self, now: datetime) -> datetime | None:
        """When that session began; None: the market is closed, or the calendar does not tell."""
        if not self.is_open(now):
            return None
        return next((day.opens_at for day in self.days if day.opens_at <= now < day.closes_at), None)

    def opens_at(self, now: datetime) -> datetime | None:
        """The next opening; None while open, and while it is not known."""
        if self.is_open(now):
            return None
        if now < self.clock.next_open:
            return self.clock.next_open
        return next((day.opens_at for day in self.days if day.opens_at > now), None)

    def extended_until(self, now: datetime) -> datetime | None:
        """Before or after regular hours, but in extended ones: their end, or the opening. None: not so.

        A day that the clock does not open has no early hours, whatever an older calendar says: an order
        would rest until another day.
        """
        if self.is_open(now):
            return None
        for day in self.days:
            if day.extended_opens_at <= now < day.opens_at:
                return day.opens_at if day.opens_at == self.clock.next_open else None
            if day.closes_at <= now < day.extended_closes_at:
                return day.extended_closes_at
        return None


class Asset(Message):
    """What may be done with a symbol (`/v2/assets`)."""

    symbol: str
    status: str
    tradable: bool
    fractionable: bool

    @property
    def can_be_bought(self) -> bool:
        """Whether the broker takes orders in it."""
        return self.tradable and self.status == "active"


class Quote(Message):
    """The latest prices of a symbol; None where the feed has none."""

    symbol: str
    last_price: Usd | None
    last_at: Utc | None
    bid: Usd | None
    ask: Usd | None
    quoted_at: Utc | None = None


class Means(Message):
    """What the account can spend, when it was read. None: the broker does not tell it any more."""

    buying_power: Usd | None
    equity: Usd | None
    cash: Usd | None
    read_at: Utc


class Priced(Message):
    """A price that may be acted on: dollars a share."""

    symbol: str
    price: Usd
    at: Utc


class Unpriced(Message):
    """No price that may be acted on, and why."""

    symbol: str
    why: str


WIDEST: Final = Decimal("0.05")
"""Of the ask: a quote that is wider says little of what a share is worth."""


def _is_tight(quote: Quote) -> bool:
    if quote.bid is None or not quote.ask:
        return False
    return abs(quote.ask - quote.bid) <= quote.ask * WIDEST


def price_of(symbol: str, quote: Quote | None, now: datetime, *, max_age_s: int) -> Priced | Unpriced:
    """The last trade while it is fresh, else a fresh bid with an ask close above it; else there is none.

    A feed of one exchange may have seen no trade for minutes, and its quotes may then be far from the
    market: a bid that stands alone is no price. `now` is the broker's: by a clock that is behind, old
    prices would look fresh.
    """
    if quote is None:
        return Unpriced(symbol=symbol, why="the feed has no such symbol")
    oldest = now - timedelta(seconds=max_age_s)
    bid = quote.bid if _is_tight(quote) else None
    for price, at in ((quote.last_price, quote.last_at), (bid, quote.quoted_at)):
        if price is not None and price > 0 and at is not None and at >= oldest:
            return Priced(symbol=symbol, price=price, at=at)
    if quote.last_price is None or quote.last_at is None:
        return Unpriced(symbol=symbol, why="the feed has no trade of it")
    age = (now - quote.last_at).total_seconds()
    return Unpriced(symbol=symbol, why=f"its last trade is {age:.1f} s old, more than {max_age_s} s")


def new_york_day(now: datetime) -> date:
    """The date in New York, to which a day's losses and orders belong."""
    return now.astimezone(NEW_YORK).date()


def day_began_at(now: datetime) -> datetime:
    """The midnight in New York with which its date began, in UTC."""
    return in_utc(datetime.combine(new_york_day(now), time(), NEW_YORK))
