"""Lets a day pass in a minute: the bot's time and the simulator's leap together, and only while all is quiet.

Quiet is a fact and no guess: no actor has mail, no timer is due, the simulator has nothing left to do by
now, and of each order the ledger has heard the last word there is. So nothing is under way when time
leaps; nothing comes late because of it, and no read of the account can mix two moments.
"""

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Final, Protocol

from actors.clock import LeapingTime
from actors.pulse import Pulse
from domain.signals import decimal_text
from domain.trades import OCCUPYING
from persistence.queries import Queries

BUSY_STEP_S: Final = 10
"""With a trade open. The monitor looks each 5 s, and takes a gap of more than 15 s for one in which nobody
watched; the ledger's lease is good for 15 s."""
CALM_STEP_S: Final = 60
"""With none. The gate shuts when the account was not read for 90 s."""
PATIENCE_S: Final = 30.0
GATE_PATIENCE_S: Final = 2.0
"""With the gate shut: the stream connects on a thread that no inbox tells of. What takes longer than this, as
another attempt, takes the day's time too."""
POLL_S: Final = 0.0005
STANDING: Final = frozenset(status.value for status in OCCUPYING)


class Venue(Protocol):
    """The simulator, as far as time goes."""

    def advance(self, seconds: int) -> None:
        """So much passes, with all that it brings."""

    def orders(self) -> Mapping[str, tuple[str, Decimal]]:
        """Status and filled shares by order id, once all that is due is done."""


class Stuck(Exception):  # noqa: N818 - what is the case, for the owner
    """Something is under way and does not come to its end."""


class Lockstep:
    """For one thread."""

    def __init__(
        self,
        *,
        clock: LeapingTime,
        venue: Venue,
        pulse: Pulse,
        queries: Queries,
        gate_is_open: Callable[[], bool],
        pause: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._venue = venue
        self._pulse = pulse
        self._queries = queries
        self._gate_is_open = gate_is_open
        self._pause = pause
        self._monotonic = monotonic
        self._heard: dict[str, tuple[str, Decimal]] = {}
        self._begun = monotonic()
        self.passed_s = 0
        """Seconds since the day's start."""
        self.leaps = 0

    def took_s(self) -> float:
        """Seconds of the machine's since the day's start."""
        return self._monotonic() - self._begun

    def pass_until(self, at_s: int) -> None:
        """Live on to this moment; quiet when it returns. Raises Stuck."""
        while self.passed_s < at_s:
            step = BUSY_STEP_S if STANDING & self._queries.counts().trades.keys() else CALM_STEP_S
            self._leap(min(step, at_s - self.passed_s))
            self.settle()

    def _leap(self, seconds: int) -> None:
        self._venue.advance(seconds)
        self._clock.leap(timedelta(seconds=seconds))
        self.passed_s += seconds
        self.leaps += 1

    def settle(self) -> None:
        """Wait until nothing is under way. Raises Stuck."""
        begun = self._monotonic()
        while (why := self._under_way()) is not None:
            waited = self._monotonic() - begun
            if not self._gate_is_open() and waited >= GATE_PATIENCE_S and self._pulse.at_rest() is not None:
                return
            if waited >= PATIENCE_S:
                raise Stuck(f"after {PATIENCE_S:.0f} s {why}")
            self._pause(POLL_S)

    def _under_way(self) -> str | None:
        mail = self._pulse.at_rest()
        if mail is None:
            return "an actor still has mail, or a timer is due"
        told = self._venue.orders()
        for order_id in sorted(self._unheard(told)):
            status, filled = told[order_id]
            return (
                f"the ledger has not heard that order {order_id} is {status}, {decimal_text(filled)} filled"
            )
        if not self._gate_is_open():
            return "the gate is not open"
        # What was asked in between is true of a quiet moment only if nothing has come up since.
        return None if self._pulse.at_rest() == mail else "an actor has mail again"

    def _unheard(self, told: Mapping[str, tuple[str, Decimal]]) -> set[str]:
        """Orders that the ledger knows otherwise than the simulator tells of them, or not at all."""
        unheard = {order_id for order_id, word in told.items() if self._heard.get(order_id) != word}
        if unheard:
            self._heard |= self._queries.last_words(unheard)
        return {order_id for order_id in unheard if self._heard.get(order_id) != told[order_id]}
