"""Market days and hours of the New York exchanges, by the exchange's own holiday rules.

With hours "always" each day is a market day from midnight to midnight, nothing ever closes, and the clock's
next_close is at least a day away, so that a client's end-of-day duties don't fire by chance.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Final

from simulator.clock import NEW_YORK, nanos, new_york
from simulator.settings import Switchboard

_DAY = timedelta(days=1)
_SATURDAY, _SUNDAY = 5, 6
_OPEN, _CLOSE, _EARLY_CLOSE = time(9, 30), time(16), time(13)
_EXTENDED_OPEN, _EXTENDED_CLOSE, _EARLY_EXTENDED_CLOSE = time(4), time(20), time(17)
_MIDNIGHT, _LAST_MINUTE = time(0), time(23, 59)


@dataclass(frozen=True)
class Session:
    """One market day; the times are New York's."""

    day: date
    open: time
    close: time
    extended_open: time
    extended_close: time

    def at(self, moment: time) -> int:
        """Nanoseconds since 1970."""
        return nanos(datetime.combine(self.day, moment, NEW_YORK))


@dataclass(frozen=True)
class Phase:
    """A stretch of time between two bells, in nanoseconds since 1970; `end` is the next phase's."""

    start: int
    end: int
    regular: bool
    extended: bool
    """Regular hours are extended hours too."""


_EVER: Final = Phase(start=-sys.maxsize, end=sys.maxsize, regular=True, extended=True)


class Calendar:
    def __init__(self, switches: Switchboard) -> None:
        self._switches = switches
        self._phase = _EVER
        """The one last asked for: it's mostly the same again, and finding it takes some doing."""
        self._phase_is_of: str = "always"

    @property
    def _always(self) -> bool:
        return self._switches.now.hours == "always"

    def sessions(self, start: date, end: date) -> Iterator[Session]:
        """The market days from start to end, both included."""
        day = start
        while day <= end:
            session = self._session(day)
            if session:
                yield session
            day += _DAY

    def settlement(self, day: date) -> date:
        return self._next_session(day + _DAY).day

    def is_open(self, now: int, *, extended: bool = False) -> bool:
        phase = self.phase(now)
        return phase.extended if extended else phase.regular

    def last_traded(self, now: int) -> int:
        """Now, or when trading ended, in extended hours too."""
        phase = self.phase(now)
        return now if phase.extended else phase.start

    def phase(self, now: int) -> Phase:
        hours = self._switches.now.hours
        if hours != self._phase_is_of or not self._phase.start <= now < self._phase.end:
            self._phase = _EVER if self._always else self._find_phase(now)
            self._phase_is_of = hours
        return self._phase

    def _find_phase(self, now: int) -> Phase:
        today = new_york(now).date()
        before, session = self._previous_session(today), self._session(today)
        ended = before.at(before.extended_close)
        if session is not None:
            for until, regular, extended in (
                (session.extended_open, False, False),
                (session.open, False, True),
                (session.close, True, True),
                (session.extended_close, False, True),
            ):
                bell = session.at(until)
                if now < bell:
                    return Phase(ended, bell, regular, extended)
                ended = bell
        after = self._next_session(today + _DAY)
        return Phase(ended, after.at(after.extended_open), regular=False, extended=False)

    def next_open(self, now: int) -> int:
        today = new_york(now).date()
        if self._always:
            return nanos(datetime.combine(today + 2 * _DAY, _MIDNIGHT, NEW_YORK))
        session = self._next_session(today)
        if session.at(session.open) <= now:
            session = self._next_session(today + _DAY)
        return session.at(session.open)

    def next_close(self, now: int, *, extended: bool = False) -> int:
        """Where a day order ends."""
        today = new_york(now).date()
        if self._always:
            return nanos(datetime.combine(today + _DAY, _LAST_MINUTE, NEW_YORK))
        session = self._next_session(today)
        close = session.at(session.extended_close if extended else session.close)
        if close > now:
            return close
        session = self._next_session(today + _DAY)
        return session.at(session.extended_close if extended else session.close)

    def previous_close(self, now: int) -> int:
        """The last close before today."""
        session = self._previous_session(new_york(now).date())
        return session.at(session.close)

    def _previous_session(self, day: date) -> Session:
        day -= _DAY
        while (session := self._session(day)) is None:
            day -= _DAY
        return session

    def _next_session(self, day: date) -> Session:
        while (session := self._session(day)) is None:
            day += _DAY
        return session

    def _session(self, day: date) -> Session | None:
        if self._always:
            return Session(day, _MIDNIGHT, _LAST_MINUTE, _MIDNIGHT, _LAST_MINUTE)
        if day.weekday() >= _SATURDAY or day in holidays(day.year):
            return None
        if day in half_days(day.year):
            return Session(day, _OPEN, _EARLY_CLOSE, _EXTENDED_OPEN, _EARLY_EXTENDED_CLOSE)
        return Session(day, _OPEN, _CLOSE, _EXTENDED_OPEN, _EXTENDED_CLOSE)


@cache
def holidays(year: int) -> frozenset[date]:
    """Full days without trading."""
    days = {
        _nth_weekday(year, 1, 0, 3),  # Martin Luther King
        _nth_weekday(year, 2, 0, 3),  # Washington
        _easter(year) - 2 * _DAY,  # Good Friday
        _last_monday(year, 5),  # Memorial
        _observed(date(year, 6, 19)),  # Juneteenth
        _observed(date(year, 7, 4)),
        _nth_weekday(year, 9, 0, 1),  # Labor
        _thanksgiving(year),
        _observed(date(year, 12, 25)),
    }
    new_year = date(year, 1, 1)
    # On a Saturday it isn't moved: the Friday before closes the year's books.
    if new_year.weekday() != _SATURDAY:
        days.add(_observed(new_year))
    return frozenset(days)


@cache
def half_days(year: int) -> frozenset[date]:
    """Days that close at 13:00."""
    eves = {date(year, 7, 3), _thanksgiving(year) + _DAY, date(year, 12, 24)}
    return frozenset(day for day in eves if day.weekday() < _SATURDAY and day not in holidays(year))


def _observed(day: date) -> date:
    if day.weekday() == _SATURDAY:
        return day - _DAY
    return day + _DAY if day.weekday() == _SUNDAY else day


def _nth_weekday(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _last_monday(year: int, month: int) -> date:
    last = date(year, month + 1, 1) - _DAY
    return last - timedelta(days=last.weekday())


def _thanksgiving(year: int) -> date:
    return _nth_weekday(year, 11, 3, 4)


def _easter(year: int) -> date:
    """Gauss's rule as corrected by Lichtenberg; the names are theirs."""
    k = year // 100
    m = 15 + (3 * k + 3) // 4 - (8 * k + 13) // 25
    s = 2 - (3 * k + 3) // 4
    a = year % 19
    d = (19 * a + m) % 30
    r = (d + a // 11) // 29
    og = 21 + d - r
    sz = 7 - (year + year // 4 + s) % 7
    oe = 7 - (og - sz) % 7
    return date(year, 3, 1) + timedelta(days=og + oe - 1)
