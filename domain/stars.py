"""How a catalyst becomes stars, and stars become dollars."""

from decimal import Decimal
from typing import Final, Literal

from domain.values import CENT, Message, Usd

Confidence = Literal["high", "medium", "low"]

TOP_TIER: Final = 2
"""Up to this catalyst tier the AI's opinion is not asked."""
STARS_BY_CONFIDENCE: Final[dict[Confidence, int]] = {"high": 5, "medium": 4, "low": 3}


class StarSizes(Message):
    """Dollars to spend on a signal of three, four and five stars."""

    three: Usd
    four: Usd
    five: Usd


def stars_for(catalyst_tier: int, ai_confidence: Confidence | None) -> int | None:
    """Three to five stars; None: nobody rated it, so it does not trade."""
    if catalyst_tier <= TOP_TIER:
        return 5
    return None if ai_confidence is None else STARS_BY_CONFIDENCE[ai_confidence]


def notional_for(stars: int, sizes: StarSizes) -> Decimal:
    """Dollars to spend, cut down to whole cents: Alpaca refuses a notional with more decimals."""
    dollars = {3: sizes.three, 4: sizes.four, 5: sizes.five}[stars]
    return dollars.quantize(CENT, rounding="ROUND_DOWN")
