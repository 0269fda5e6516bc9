"""Which symbols exist, and the few that behave in a way of their own, for demonstrations and tests.

Any plausible symbol, one to five capitals with an optional class as in BRK.B, is a tradable, fractionable
asset. What isn't plausible doesn't exist: ZZZZQX has six letters, its asset is 404 and an order in it 422.

    OCGN   not fractionable: a fractional quantity or a notional is refused with 403
    NOTRD  not tradable: an order is refused with 422
    NOBUY  a buy always lacks buying power: 403
    REJCT  an order is answered 200, then rejected
    RESTS  an order stays `new`
    PARTS  an order fills in three parts
    PCANC  an order fills in part, then is canceled

`POST /_sim/assets {"ACME": "rests"}` gives any other symbol such a behaviour.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

_PLAUSIBLE = re.compile(r"[A-Z]{1,5}(\.[A-Z])?")
_EXCHANGES = ("NASDAQ", "NYSE", "ARCA")


class Behaviour(StrEnum):
    NOT_FRACTIONABLE = "not_fractionable"
    NOT_TRADABLE = "not_tradable"
    NO_BUYING_POWER = "no_buying_power"
    REJECTED = "rejected"
    RESTS = "rests"
    """As under a halt: orders are taken, and nothing executes."""
    FILLS_IN_PARTS = "fills_in_parts"
    PARTLY_FILLED_THEN_CANCELED = "partly_filled_then_canceled"


SPECIAL: Final[Mapping[str, Behaviour]] = {
    "OCGN": Behaviour.NOT_FRACTIONABLE,
    "NOTRD": Behaviour.NOT_TRADABLE,
    "NOBUY": Behaviour.NO_BUYING_POWER,
    "REJCT": Behaviour.REJECTED,
    "RESTS": Behaviour.RESTS,
    "PARTS": Behaviour.FILLS_IN_PARTS,
    "PCANC": Behaviour.PARTLY_FILLED_THEN_CANCELED,
}
LISTED: Final = ("AAPL", "ACME", "AMZN", "BRK.B", "KO", "MSFT", "NVDA", "TSLA", *SPECIAL)
"""What `/v2/assets` lists besides the symbols met so far; the plausible are millions."""


class Assets:
    """Used on the loop's thread."""

    def __init__(self) -> None:
        self._behaviours = dict(SPECIAL)

    def put(self, symbol: str, behaviour: Behaviour | None) -> None:
        """None: from here on a symbol like any other."""
        if behaviour is None:
            self._behaviours.pop(symbol, None)
        else:
            self._behaviours[symbol] = behaviour

    def behaviour(self, symbol: str) -> Behaviour | None:
        return self._behaviours.get(symbol)

    def is_tradable(self, symbol: str) -> bool:
        return self.behaviour(symbol) is not Behaviour.NOT_TRADABLE

    def is_fractionable(self, symbol: str) -> bool:
        return self.behaviour(symbol) is not Behaviour.NOT_FRACTIONABLE


def exists(symbol: str) -> bool:
    return _PLAUSIBLE.fullmatch(symbol) is not None


def exchange_of(symbol: str) -> str:
    return _EXCHANGES[sum(symbol.encode()) % len(_EXCHANGES)]
