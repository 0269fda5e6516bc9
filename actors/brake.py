"""The last look before a POST. It may only refuse.

The plan was made by the ledger, in its own transaction; since then the gate may have closed, a person
may have halted trading, or this process may have stood still while another took its place.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Final, Protocol

from domain.messages import GateChanged, LeaseRenewed
from domain.rules import Gate
from domain.values import Monotonic

LEASE_GOOD_FOR: Final = timedelta(seconds=15)
"""Three renewals that did not come about; less than another process waits before it takes over."""


class Brake(Protocol):
    """Asked right before each POST."""

    def why_not(self, symbol: str, side: str) -> str | None:
        """Why an order may not leave now; None: it may. Called on a lane's thread; never blocks for long."""


class Halts(Protocol):
    """The halts as they stand outside the database."""

    def reasons(self, symbol: str) -> tuple[str, ...]:
        """Why this symbol, or everything, is halted."""


class OrderBrake:
    """Holds buys back by the ledger's latest word on the gate and by the halts, and all orders by the lease.

    A sale is held back by nothing that stands against risk. But it was planned a moment ago, in a write:
    if the lease is old by now, this process has stood still since, and another may have sold the shares.
    `send` and `why_not` may be called on any thread.
    """

    def __init__(self, *, halts: Halts, lease_fresh: Callable[[], bool]) -> None:
        self._halts = halts
        self._lease_fresh = lease_fresh
        self._gate = Gate(open=False, reason="the ledger has not told of the gate yet")

    def send(self, mail: GateChanged) -> bool:
        """Hear of the gate."""
        self._gate = mail.gate
        return True

    def why_not(self, symbol: str, side: str) -> str | None:
        if side == "buy":
            gate = self._gate
            if not gate.open:
                return gate.reason
            if reasons := self._halts.reasons(symbol):
                return "halted: " + "; ".join(reasons)
        if not self._lease_fresh():
            return "the ledger has not renewed its lease; another process may have taken over"
        return None


class LeaseWatch:
    """Whether the ledger is surely still ours, by the monotonic clock, which runs on while we stand still."""

    def __init__(self, monotonic: Monotonic) -> None:
        self._monotonic = monotonic
        self._renewed: timedelta | None = None

    def send(self, mail: LeaseRenewed) -> bool:
        """Hear of a renewal."""
        self._renewed = mail.monotonic
        return True

    def fresh(self) -> bool:
        """Whether the last renewal is recent enough; before the first one, no."""
        return self._renewed is not None and self._monotonic() - self._renewed < LEASE_GOOD_FOR
