"""One entry of the fault plan, as it stands: what is asked for, and how much of it is left."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast

Undo = Callable[[], None]


@dataclass(kw_only=True)
class Fault:
    act: str
    method: str = "*"
    path: str = "*"
    event: str = "*"
    n: int | None = 1
    skip: int = 0
    options: Mapping[str, object] = field(default_factory=dict)
    at_broker: bool = False
    """Done by itself, rather than to a reply or a frame."""
    at_once: bool = False
    """Done by itself as soon as it's ordered; else before a request that matches."""
    undo: Undo | None = None
    """Ends what stands since the act was done."""

    def applies(self) -> bool:
        """Counts the use. True if this occurrence is one of the n."""
        if self.skip:
            self.skip -= 1
            return False
        if self.n is not None:
            self.n -= 1
        return True

    def seconds(self) -> float:
        return float(cast("float", self.options.get("seconds", 1)))

    def word(self, name: str) -> str:
        return str(self.options[name])

    def decimal(self, name: str) -> Decimal:
        return Decimal(str(self.options[name]))

    def body(self) -> dict[str, object]:
        """As `GET /_sim/faults` shows it; n is what is left."""
        match = {
            "method": self.method,
            "path": self.path,
            "event": self.event,
            "n": self.n,
            "skip": self.skip,
        }
        return {"match": match, "act": self.act, **self.options}
