"""Alarms about what lasts: a closed gate, a trade that cannot be sold, a rebuild. It is told, and tells."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from watch.alarm import Alarm, line_of
from watch.kinds import Kind

NAKED_FOR: Final = timedelta(seconds=30)
"""A trade that could not be sold for a moment is nothing to be woken for."""


class Naked(NamedTuple):
    """A trade that could not be sold if it had to be."""

    symbol: str
    usd: str
    why: str


class Look(NamedTuple):
    """How the bot is at one moment."""

    at: datetime
    monotonic: timedelta
    gate_open: bool
    gate_reason: str
    safe_mode: str | None
    rebuilds: int
    naked: Mapping[int, Naked]
    """By trade."""


class Lasting:
    """Tells once when something has lasted too long, and once when it is over. One thread."""

    def __init__(self, gate_s: int) -> None:
        self._gate_for = timedelta(seconds=gate_s)
        self._shut_since: timedelta | None = None
        self._shut_told = False
        self._safe_mode: str | None = None
        self._rebuilds = 0
        self._naked_since: dict[int, timedelta] = {}
        self._naked_told: dict[int, str] = {}

    def alarms(self, look: Look) -> tuple[Alarm, ...]:
        """What is new by this look."""
        told = (*self._machinery(look), *self._gate(look), *self._naked(look))
        return tuple(Alarm(kind, look.at, line_of(text)) for kind, text in told)

    def gate_shut_s(self, monotonic: timedelta) -> int:
        """Seconds for which the gate has been closed by the last look; 0: it is open."""
        return 0 if self._shut_since is None else int((monotonic - self._shut_since).total_seconds())

    def _machinery(self, look: Look) -> Iterator[tuple[Kind, str]]:
        if look.rebuilds > self._rebuilds:
            yield (
                Kind.RESTART,
                (
                    f"A part of Starfill died, and all were rebuilt from the ledger ({look.rebuilds} times "
                    "since the start); trading goes on. The log says of what."
                ),
            )
        self._rebuilds = look.rebuilds
        if look.safe_mode is not None and self._safe_mode is None:
            yield Kind.RESTART, f"SAFE mode: {look.safe_mode}"
        elif look.safe_mode is None and self._safe_mode is not None:
            yield Kind.RESTART, "SAFE mode has ended: signals are bought again."
        self._safe_mode = look.safe_mode

    def _gate(self, look: Look) -> Iterator[tuple[Kind, str]]:
        if look.gate_open:
            if self._shut_told and self._shut_since is not None:
                yield Kind.GATE, f"The gate is open again, after {_words(look.monotonic - self._shut_since)}."
            self._shut_since, self._shut_told = None, False
            return
        if self._shut_since is None:
            self._shut_since = look.monotonic
        lasted = look.monotonic - self._shut_since
        if lasted >= self._gate_for and not self._shut_told:
            self._shut_told = True
            yield Kind.GATE, f"For {_words(lasted)} nothing could be bought: {look.gate_reason}."

    def _naked(self, look: Look) -> Iterator[tuple[Kind, str]]:
        for trade_id in self._naked_since.keys() - look.naked.keys():
            del self._naked_since[trade_id]
            symbol = self._naked_told.pop(trade_id, None)
            if symbol is not None:
                yield Kind.NAKED, f"{symbol} (trade {trade_id}) can be sold again, or is."
        for trade_id, naked in look.naked.items():
            since = self._naked_since.setdefault(trade_id, look.monotonic)
            if trade_id not in self._naked_told and look.monotonic - since >= NAKED_FOR:
                self._naked_told[trade_id] = naked.symbol
                yield (
                    Kind.NAKED,
                    (
                        f"{naked.usd} USD of {naked.symbol} (trade {trade_id}) could not be sold if they had "
                        f"to be: {naked.why}. If that lasts, sell them at the broker."
                    ),
                )


def _words(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"  # noqa: PLR2004 - two minutes
