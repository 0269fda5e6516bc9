"""Whoever sends signals: repeats what was not acknowledged, and now and then what was."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final, Literal, get_args

from domain.identity import client_order_id
from domain.messages import AcceptSignal, SignalConflict, SignalRecorded
from domain.signals import Signal
from domain.stars import Confidence
from tests.seeded.books import Key
from tests.seeded.fate import Fate, Violation
from tests.seeded.house import ACCOUNT_ID
from tests.seeded.mail import SeededMailbox
from tests.seeded.virtual import VirtualTime

PATIENCE_S: Final = 5.0
DOLLARS: Final[dict[Confidence | Literal["top"], int]] = {"top": 100, "high": 100, "medium": 75, "low": 50}


@dataclass
class Sent:
    """One signal and how far its sender has come with it."""

    signal: Signal
    acknowledged: bool = False
    deliveries: int = 0

    @property
    def key(self) -> Key:
        return self.signal.source, self.signal.signal_id

    @property
    def dollars(self) -> int | None:
        """What its order may spend; None: nobody rated it."""
        if self.signal.catalyst_tier <= 2:
            return DOLLARS["top"]
        rating = self.signal.ai_confidence
        return None if rating is None else DOLLARS[rating]


class Source:
    """Its memory is what the ledger is measured by: it forgets nothing."""

    def __init__(
        self,
        time: VirtualTime,
        fate: Fate,
        *,
        intake: Callable[[], SeededMailbox | None],
        note: Callable[[str], None],
    ) -> None:
        self._time = time
        self._fate = fate
        self._intake = intake
        self._note = note
        self.sent: dict[Key, Sent] = {}
        self.by_order: dict[str, Sent] = {}
        """By the one client_order_id that each signal's order can have."""

    def make(self, symbol: str, *, ttl_s: int | None = None) -> Sent:
        """A new signal, not delivered yet."""
        fate = self._fate
        signal = Signal(
            signal_id=f"signal-{len(self.sent) + 1}",
            source=fate.one_of(("api", "other")),
            symbol=symbol,
            catalyst_tier=fate.one_of((1, 2, 3, 3, 4)),
            ai_confidence=fate.one_of((*get_args(Confidence), None)),
            issued_at=self._time.truth() - timedelta(milliseconds=fate.random.randint(0, 900)),
            ttl_s=ttl_s or fate.one_of((1, 5, 20, 60, 120, 300)),
        )
        sent = Sent(signal)
        self.sent[sent.key] = sent
        self.by_order[
            client_order_id(
                account_id=ACCOUNT_ID, source=signal.source, signal_id=signal.signal_id, leg="entry"
            )
        ] = sent
        return sent

    def deliver(self, sent: Sent) -> None:
        """Hand it in, and again while nobody acknowledges it."""
        intake = self._intake()
        sent.deliveries += 1
        if intake is not None:
            intake.ask_later(AcceptSignal(signal=sent.signal), lambda answer: self._answered(sent, answer))
        self._time.later(PATIENCE_S, lambda: self._again(sent))

    def trouble(self, sent: Sent) -> None:
        """Deliver it some more times, as a careless sender may."""
        while self._fate.chance(0.3):
            self._time.later(self._fate.between(0, 60), lambda: self.deliver(sent))

    def forgotten(self) -> None:
        """The ledger was lost: what was acknowledged is sent anew."""
        for sent in self.sent.values():
            if sent.acknowledged:
                sent.acknowledged = False
                self._time.later(self._fate.between(0, 10), partial(self.deliver, sent))

    def _again(self, sent: Sent) -> None:
        if not sent.acknowledged and self._time.truth() < sent.signal.expires_at:
            self.deliver(sent)

    def _answered(self, sent: Sent, answer: Any) -> None:
        if isinstance(answer, SignalConflict):
            raise Violation(f"{sent.key} is said to be in the ledger with other content")
        if isinstance(answer, SignalRecorded):
            if not sent.acknowledged:
                self._note(f"{sent.key[1]} acknowledged")
            sent.acknowledged = True
