"""SAFE mode: a bot that has failed too often takes signals in and follows its orders, but begins nothing."""

import logging
import threading
from contextlib import ExitStack
from typing import Final, Protocol

from actors.base import Mailbox
from actors.timers import TimerThread
from domain.holdings import ALL
from domain.messages import HaltsCleared, LedgerMail, SafeMode

log = logging.getLogger(__name__)

SETTLED_AFTER_S: Final = 600.0
"""A process that has run for so long is no part of a crash loop."""
AGAIN_S: Final = 30.0


class Boots(Protocol):
    """What is known of this start and those before it."""

    @property
    def locked(self) -> bool:
        """Only a person ends SAFE mode."""

    def verdict(self) -> str | None:
        """One sentence why this run begins nothing new; None: it may."""

    def arm(self) -> None:
        """A person has looked: forget the failures; raises OSError if that cannot be noted."""

    def settled(self) -> bool:
        """Whether this run has been good for long enough, and that is noted; raises OSError if not."""


class Probation:
    """Has the ledger keep the gate shut while it lasts, whichever ledger there is. Any thread."""

    def __init__(self, boots: Boots, ledger: Mailbox[LedgerMail]) -> None:
        self._boots = boots
        self._ledger = ledger
        self._turn = threading.Lock()
        self.why = boots.verdict()

    def begin(self, stack: ExitStack, after_s: float = SETTLED_AFTER_S) -> None:
        """Count the minutes from here on, until the stack's end."""
        timers = TimerThread()
        stack.callback(timers.close)

        def look() -> None:
            if not self.settle():
                timers.after(AGAIN_S, look)

        timers.after(after_s, look)

    def send(self, mail: HaltsCleared) -> bool:
        """A person who lets everything go on has looked at the failures too."""
        if mail.scope == ALL:
            with self._turn:
                try:
                    self._boots.arm()
                except OSError as error:
                    log.warning("that a person has looked cannot be noted: %s", error.strerror)
                if self.why is not None:
                    self.why = None
                    self._ledger.send(SafeMode(why=None))
        return True

    def tell(self) -> None:
        """A ledger has been started: it has to know."""
        with self._turn:
            if self.why is not None:
                self._ledger.send(SafeMode(why=self.why))

    def settle(self) -> bool:
        """End SAFE mode, unless a person has to, if the time is over; whether it is."""
        with self._turn:
            try:
                settled = self._boots.settled()
            except OSError as error:
                log.warning("that all is well cannot be noted: %s", error.strerror)
                return False
            if settled and self.why is not None and not self._boots.locked:
                self.why = None
                self._ledger.send(SafeMode(why=None))
            return settled
