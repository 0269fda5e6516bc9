"""What the broker said of symbols, kept for a day: it seldom changes, and each question costs a request."""

from datetime import datetime, timedelta
from typing import Final

from domain.market import Asset

GOOD_FOR: Final = timedelta(days=1)


class KnownAssets:
    """In memory: a new process asks again. What cannot be bought is not kept: it may be so again any time."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Asset, datetime]] = {}

    def learn(self, asset: Asset, at: datetime) -> None:
        """The broker said so at that time."""
        if asset.can_be_bought:
            self._known[asset.symbol] = (asset, at)
        else:
            self._known.pop(asset.symbol, None)

    def get(self, symbol: str, now: datetime) -> Asset | None:
        """What is known of the symbol and not too old; None: it has to be asked for."""
        asset, at = self._known.get(symbol, (None, now))
        return asset if abs(now - at) < GOOD_FOR else None
