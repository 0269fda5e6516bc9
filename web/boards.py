"""What the ledger last told, kept for those who only look: the gate, the stream, the account's means."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from domain.gate import GateFacts
from domain.market import Means
from domain.messages import GateTold, LedgerChanged, MarketTold
from domain.signals import Check
from domain.values import Clock, Moment, Monotonic

Heard = GateTold | MarketTold | LedgerChanged
"""What the ledger tells that is of interest here."""


class StreamSeen(NamedTuple):
    """The trading stream as it stands."""

    connected: bool = False
    since: datetime | None = None
    """When it came to stand so; None: it has never been otherwise."""
    connects: int = 0
    """How often it has been connected since this process began."""
    generation: int | None = None
    last_event_at: datetime | None = None
    """When an order was last heard of by it, by our clock."""


class StateBoard:
    """Hears the ledger, on the ledger's thread; may be read from any. Each field is replaced as a whole."""

    def __init__(self, clock: Clock, monotonic: Monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._facts = GateFacts()
        self._stream = StreamSeen()
        self._means: Means | None = None
        self._listeners: tuple[Callable[[LedgerChanged | None], None], ...] = ()

    def send(self, mail: Heard) -> bool:
        if isinstance(mail, GateTold):
            self._stream = self._after(mail.facts)
            self._facts = mail.facts
        elif isinstance(mail, MarketTold):
            self._means = mail.means or self._means
        elif any(update.event is not None for update in mail.orders):
            self._stream = self._stream._replace(last_event_at=self._clock())
        changed = mail if isinstance(mail, LedgerChanged) else None
        for listener in self._listeners:
            listener(changed)
        return True

    def listen(self, listener: Callable[[LedgerChanged | None], None]) -> None:
        """Have it called on the ledger's thread with each change of the books, and with None for another.

        It must return at once.
        """
        self._listeners = (*self._listeners, listener)

    def conditions(self) -> tuple[Check, ...]:
        """What the gate depends on, as it is now."""
        return self._facts.checks(Moment(self._clock(), self._monotonic()))

    @property
    def facts(self) -> GateFacts:
        """As the ledger last told them."""
        return self._facts

    @property
    def stream(self) -> StreamSeen:
        """Of the trading stream."""
        return self._stream

    @property
    def means(self) -> Means | None:
        """The account's, as last read; None: they never were."""
        return self._means

    def _after(self, facts: GateFacts) -> StreamSeen:
        seen, generation = self._stream, facts.stream
        if generation == seen.generation:
            return seen
        return seen._replace(
            connected=generation is not None,
            since=self._clock(),
            connects=seen.connects + (generation is not None),
            generation=generation,
        )
