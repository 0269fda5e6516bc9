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
"""

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

_PLAUSIBLE = re.compile(r"[A-Z]{1,5}(\.[A-Z])?")
_EXCHANGES = ("NASDAQ", "NYSE", "ARCA")


class Behaviour(Enum):
    NOT_FRACTIONABLE = auto()
    NOT_TRADABLE = auto()
    NO_BUYING_POWER = auto()
    REJECTED = auto()
    RESTS = auto()
    FILLS_IN_PARTS = auto()
    PARTLY_FILLED_THEN_CANCELED = auto()


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
"""What `/v2/assets` lists besides the symbols met so far; all plausible ones would be twelve million."""


def exists(symbol: str) -> bool:
    return _PLAUSIBLE.fullmatch(symbol) is not None


def is_tradable(symbol: str) -> bool:
    return SPECIAL.get(symbol) is not Behaviour.NOT_TRADABLE


def is_fractionable(symbol: str) -> bool:
    return SPECIAL.get(symbol) is not Behaviour.NOT_FRACTIONABLE


def exchange_of(symbol: str) -> str:
    return _EXCHANGES[sum(symbol.encode()) % len(_EXCHANGES)]
