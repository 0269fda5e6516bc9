"""How the n-th trade of a benchmark is called, by everybody who has to know without asking."""

import hashlib
from functools import lru_cache
from uuid import UUID

from domain.identity import client_order_id

ACCOUNT_ID = "6f1c0a52-0000-4000-8000-000000000000"
SOURCE = "bench"
KEY = "benchmark"
NOTIONAL = "100"


def symbol(number: int) -> str:
    """Six letters: a symbol of its own for each trade."""
    letters = ""
    for _ in range(6):
        number, letter = divmod(number, 26)
        letters = chr(65 + letter) + letters
    return letters


def signal_id(number: int) -> str:
    return f"signal-{number}"


@lru_cache(maxsize=1 << 17)
def order_id(number: int) -> str:
    """The client_order_id that the ledger gives the trade's order."""
    return client_order_id(account_id=ACCOUNT_ID, source=SOURCE, signal_id=signal_id(number), leg="entry")


def broker_id(client_order_id: str) -> str:
    """The broker's own id, a function of ours so that server and pusher agree."""
    return str(UUID(hashlib.md5(client_order_id.encode(), usedforsecurity=False).hexdigest()))
