"""What has happened and could not be written down yet."""

from typing import Final

from domain.messages import BrokerSnapshot, LedgerFact, OrdersUpdated

MOST_KEPT: Final = 10_000
"""Beyond it, what the broker can be asked for again is let go: the next read of the account has it."""


class Backlog:
    """Facts in the order in which they came, and why they wait. True while the ledger is out of reach."""

    def __init__(self) -> None:
        self.why = ""
        self.overflowed = False
        self.facts: list[LedgerFact] = []

    def __bool__(self) -> bool:
        return bool(self.why)

    def keep(self, fact: LedgerFact) -> None:
        """Keep it until it can be written."""
        if len(self.facts) >= MOST_KEPT:
            self.facts = [each for each in self.facts if not isinstance(each, OrdersUpdated | BrokerSnapshot)]
            self.overflowed = True
        self.facts.append(fact)
