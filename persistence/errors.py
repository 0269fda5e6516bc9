"""What this room raises when the ledger cannot serve, each in one sentence for the owner.

Their names say what is the case; "Error" behind each would say it twice.
"""


class LedgerUnusable(Exception):  # noqa: N818
    """The database file cannot be used: what is wrong, what it means for the money, what to do."""


class LedgerOutOfReach(LedgerUnusable):
    """For now it cannot be used: somebody holds it, or the disk is full. Another start may find it well."""


class LedgerBelongsElsewhere(Exception):  # noqa: N818
    """The ledger keeps another account's trades; mixing two accounts would corrupt both books."""

    def __init__(self, known: str, given: str) -> None:
        super().__init__(
            f"this ledger belongs to account {known}, the broker's keys open account {given}; "
            "nothing was sent, use the other account's keys or a database of its own"
        )
        self.known = known
        self.given = given


class RowMissing(LookupError):  # noqa: N818
    """A write named a row that the ledger does not have, or that has been settled before."""


class LeaseLost(Exception):  # noqa: N818
    """Another process writes the ledger now; `holder` is what it says of itself."""

    def __init__(self, holder: str) -> None:
        super().__init__(
            f"another process ({holder}) has taken the ledger over; this one stops, it cannot order any more"
        )
        self.holder = holder
