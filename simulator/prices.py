"""Each symbol's price: a seeded path through time, or what somebody has set in its place."""

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from random import Random

from simulator.clock import MINUTE
from simulator.scenes import Scene, Script

_CENT = Decimal("0.01")
_LOWEST_CENTS, _HIGHEST_CENTS = 200, 40_000
# Waves laid over the base price: period in minutes, and how far each swings at most.
_WAVES = ((1440, Decimal("0.04")), (60, Decimal("0.01")), (2, Decimal("0.003")))
_STEPS = 1000
_OWN_PATH = Scene()


class Prices:
    """A function of seed, symbol and time, so any moment's price can be asked for, past ones too."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._scripts: dict[str, Script] = {}

    def put(self, symbol: str, price: Decimal | None) -> None:
        """Pins the price; None lets the symbol go back to its path."""
        self.direct(symbol, None if price is None else Script((0,), (Scene(price=price),)))

    def direct(self, symbol: str, script: Script | None) -> None:
        """None: its own path, and nothing wrong."""
        if script is None:
            self._scripts.pop(symbol, None)
        else:
            self._scripts[symbol] = script

    def known(self) -> tuple[str, ...]:
        return tuple(self._scripts)

    def scene(self, symbol: str, now: int) -> Scene:
        script = self._scripts.get(symbol)
        return script.scene(now) if script else _OWN_PATH

    def halted_since(self, symbol: str, now: int) -> int | None:
        """None: it isn't halted."""
        script = self._scripts.get(symbol)
        return script.halted_since(now) if script else None

    def next_change(self, now: int) -> int | None:
        """When the next scene of any symbol begins."""
        starts = (script.next_start(now) for script in self._scripts.values())
        return min((start for start in starts if start is not None), default=None)

    def last(self, symbol: str, now: int) -> Decimal:
        """Dollars per share, to the cent unless somebody set it finer."""
        price = self.scene(symbol, now).price
        if price is not None:
            return price
        halted_since = self.halted_since(symbol, now)
        return self._own(symbol, now if halted_since is None else halted_since)

    def _own(self, symbol: str, now: int) -> Decimal:
        price = _base(self._seed, symbol)
        swing = sum(
            (reach * self._wave(symbol, period, now) for period, reach in _WAVES),
            start=Decimal(1),
        )
        return max(_CENT, (price * swing).quantize(_CENT, ROUND_HALF_UP))

    def _wave(self, symbol: str, period_min: int, now: int) -> Decimal:
        """Between -1 and 1, straight from one seeded point to the next."""
        index, since = divmod(now, period_min * MINUTE)
        here = _point(self._seed, symbol, period_min, index)
        there = _point(self._seed, symbol, period_min, index + 1)
        return (here + (there - here) * since / (period_min * MINUTE)) / _STEPS


def bid_ask(last: Decimal) -> tuple[Decimal, Decimal]:
    tick = _CENT if last >= 1 else Decimal("0.0001")
    return max(tick, last - tick), last + tick


@lru_cache(maxsize=4096)
def _base(seed: int, symbol: str) -> Decimal:
    return Random(f"{seed}/{symbol}").randint(_LOWEST_CENTS, _HIGHEST_CENTS) * _CENT  # noqa: S311 - prices, not secrets


@lru_cache(maxsize=16384)
def _point(seed: int, symbol: str, period_min: int, index: int) -> Decimal:
    rng = Random(f"{seed}/{symbol}/{period_min}/{index}")  # noqa: S311 - prices, not secrets
    return Decimal(rng.randint(-_STEPS, _STEPS))
