"""May an order that adds risk leave now?"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from domain.rules import Gate
from domain.signals import Check
from domain.values import Message, Moment, Utc

AUDIT_GOOD_FOR: Final = timedelta(seconds=90)
"""After three audits that did not come about, what we know of the account is too old to add to it."""
CLOCK_TOLERANCE: Final = timedelta(seconds=30)
"""So far our clock may be from the broker's; beyond it a stale signal could pass for a fresh one."""


class ClockReading(Message):
    """Our clock beside the broker's, at one moment."""

    ahead: timedelta
    """Ours less the broker's."""
    at: Utc
    monotonic: timedelta


class GateFacts(Message):
    """What the gate depends on, as it was told."""

    stream: int | None = None
    """The generation of the connection whose subscription is acknowledged; None: none is."""
    why_not: str = "the trading stream is not connected yet"
    snapshot: int | None = None
    """The generation after whose opening the account was last read in full."""
    audited: timedelta | None = None
    """The monotonic time of the last full read of the account after that opening."""
    seen: timedelta | None = None
    """That of the last full read, whether the stream was up or not."""
    clock: ClockReading | None = None
    unwritable: str | None = None
    """Why the ledger cannot be written just now."""
    safe_mode: str | None = None
    """Why nothing new is begun although all is well: the bot has failed too often."""
    keys_refused: str | None = None

    def opened(self, generation: int) -> "GateFacts":
        """After the stream of a generation was acknowledged."""
        return self.having({"stream": generation})

    def lost(self, generation: int, why: str) -> "GateFacts":
        """After a connection ended; the end of one that was replaced changes nothing."""
        if self.stream is not None and generation < self.stream:
            return self
        return self.having({"stream": None, "why_not": f"the trading stream is down: {why}"})

    def read(self, generation: int, monotonic: timedelta) -> "GateFacts":
        """After the account was read in full."""
        return self.having({"snapshot": generation, "audited": monotonic})

    def saw(self, monotonic: timedelta) -> "GateFacts":
        """After the account was read in full; the stream may be down."""
        return self.having({"seen": monotonic})

    def knows_account(self, moment: Moment) -> bool:
        """Whether what others did with the account's shares would be known: all was heard, or just read."""
        if self.stream is not None and self.snapshot == self.stream:
            return True
        return self.seen is not None and moment.monotonic - self.seen <= AUDIT_GOOD_FOR

    def compared(self, clock: ClockReading) -> "GateFacts":
        """After our clock was compared with the broker's."""
        return self.having({"clock": clock})

    def refused(self, why: str) -> "GateFacts":
        """After the broker refused the keys; only a person, or a start with good keys, gets past it."""
        return self.having({"keys_refused": why})

    def gate(self, moment: Moment) -> Gate:
        """Open only when fills are heard, the account is known, and what happens can be written down."""
        why = self._why_shut(moment)
        return Gate(open=why is None, reason=why or "the stream is up and the account is known")

    def checks(self, moment: Moment) -> tuple[Check, ...]:
        """Every condition as it stands, in the order in which they decide; all passed: the gate is open."""
        return tuple(
            Check(name=name, passed=why is None, detail=why or well)
            for name, why, well in self._conditions(moment)
        )

    def _why_shut(self, moment: Moment) -> str | None:
        return next((why for _, why, _ in self._conditions(moment) if why is not None), None)

    def _conditions(self, moment: Moment) -> Iterator[tuple[str, str | None, str]]:
        """Name, why it fails (None: it does not), and what holds if it does not."""
        yield "keys", self._why_keys(), "the broker takes the keys"
        yield "ledger", self._why_ledger(), "the ledger can be written"
        yield "stream", None if self.stream is not None else self.why_not, "the trading stream is up"
        yield "account", self._why_account(moment), "the account is known"
        yield "clock", self.why_clock(moment), "our clock agrees with the broker's"
        yield "safe_mode", self.safe_mode, "the bot has not been failing"

    def _why_keys(self) -> str | None:
        return None if self.keys_refused is None else f"the broker refuses the keys: {self.keys_refused}"

    def _why_ledger(self) -> str | None:
        return None if self.unwritable is None else f"the ledger cannot be written: {self.unwritable}"

    def _why_account(self, moment: Moment) -> str | None:
        if self.stream is None or self.snapshot != self.stream:
            return "the account has not been read since the stream opened"
        if self.audited is None or moment.monotonic - self.audited > AUDIT_GOOD_FOR:
            return f"the account has not been read for more than {AUDIT_GOOD_FOR.seconds} s"
        return None

    def why_clock(self, moment: Moment) -> str | None:
        """Why our clock cannot be trusted just now; None: it can."""
        if self.clock is None:
            return "our clock has not been compared with the broker's"
        if abs(self.clock.ahead) > CLOCK_TOLERANCE:
            return (
                f"our clock is {_seconds(self.clock.ahead)} s ahead of the broker's; set this machine's clock"
            )
        jumped = (moment.now - self.clock.at) - (moment.monotonic - self.clock.monotonic)
        if abs(jumped) > CLOCK_TOLERANCE:
            return f"our clock has jumped by {_seconds(jumped)} s since it was compared with the broker's"
        return None


def _seconds(span: timedelta) -> int:
    return round(span.total_seconds())
