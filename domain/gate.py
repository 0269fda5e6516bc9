"""May an order that adds risk leave now?"""

from domain.rules import Gate
from domain.values import Message


class GateFacts(Message):
    """What the gate depends on, as told by the stream and the reconciler."""

    stream: int | None = None
    """The generation of the connection whose subscription is acknowledged; None: none is."""
    why_not: str = "the trading stream is not connected yet"
    snapshot: int | None = None
    """The generation after whose opening the account was last read in full."""
    keys_refused: str | None = None

    def opened(self, generation: int) -> "GateFacts":
        """After the stream of a generation was acknowledged."""
        return self.having({"stream": generation})

    def lost(self, generation: int, why: str) -> "GateFacts":
        """After a connection ended; the end of one that was replaced changes nothing."""
        if self.stream is not None and generation < self.stream:
            return self
        return self.having({"stream": None, "why_not": f"the trading stream is down: {why}"})

    def read(self, generation: int) -> "GateFacts":
        """After the account was read in full."""
        return self.having({"snapshot": generation})

    def refused(self, why: str) -> "GateFacts":
        """After the broker refused the keys; only a restart with good keys gets past it."""
        return self.having({"keys_refused": why})

    def gate(self) -> Gate:
        """Open only when fills are heard and the account is known."""
        if self.keys_refused is not None:
            return Gate(open=False, reason=f"the broker refuses the keys: {self.keys_refused}")
        if self.stream is None:
            return Gate(open=False, reason=self.why_not)
        if self.snapshot != self.stream:
            return Gate(open=False, reason="the account has not been read since the stream opened")
        return Gate(open=True, reason="the stream is up and the account is known")
