"""Each symbol's price: a seeded path through time, or the price somebody set."""

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from random import Random

from simulator.clock import MINUTE

_CENT = Decimal("0.01")
_LOWEST_CENTS, _HIGHEST_CENTS = 200, 40_000
# Waves laid over the base price: period in minutes, and how far each swings at most.
_WAVES = ((1440, Decimal("0.04")), (60, Decimal("0.01")), (2, Decimal("0.003")))
_STEPS = 1000


class Prices:
    """A function of seed, symbol and time, so any moment's price can be asked for, past ones too."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._set: dict[str, Decimal] = {}

    def put(self, symbol: str, price: Decimal | None) -> None:
        """Pins the price; None lets the symbol go back to its path."""
        if price is None:
            self._set.pop(symbol, None)
        else:
            self._set[symbol] = price

    def is_pinned(self, symbol: str) -> bool:
        return symbol in self._set

    def known(self) -> tuple[str, ...]:
        return tuple(self._set)

    def last(self, symbol: str, now: int) -> Decimal:
        """Dollars per share, to the cent unless somebody set it finer."""
        pinned = self._set.get(symbol)
        if pinned is not None:
            return pinned
        price = _base(self._seed, symbol)
        swing = sum(
            (reach * self._wave(symbol, period, now) for period, reach in _WAVES),
            start=Decimal(1),
        )
        return max(_CENT, (price * swing).quantize(_CENT, ROUND_HALF_UP))

    def bid_ask(self, symbol: str, now: int) -> tuple[Decimal, Decimal]:
        last = self.last(symbol, now)
        tick = _CENT if last >= 1 else Decimal("0.0001")
        return max(tick, last - tick), last + tick

    def _wave(self, symbol: str, period_min: int, now: int) -> Decimal:
        """Between -1 and 1, straight from one seeded point to the next."""
        index, since = divmod(now, period_min * MINUTE)
        here = _point(self._seed, symbol, period_min, index)
        there = _point(self._seed, symbol, period_min, index + 1)
        return (here + (there - here) * since / (period_min * MINUTE)) / _STEPS


@lru_cache(maxsize=4096)
def _base(seed: int, symbol: str) -> Decimal:
    return Random(f"{seed}/{symbol}").randint(_LOWEST_CENTS, _HIGHEST_CENTS) * _CENT  # noqa: S311 - prices, not secrets


@lru_cache(maxsize=16384)
def _point(seed: int, symbol: str, period_min: int, index: int) -> Decimal:
    rng = Random(f"{seed}/{symbol}/{period_min}/{index}")  # noqa: S311 - prices, not secrets
    return Decimal(rng.randint(-_STEPS, _STEPS))
