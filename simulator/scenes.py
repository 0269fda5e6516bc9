"""What the market shows of a symbol, from scene to scene: its price, and what is wrong with it. Pure.

A scene, as `POST /_sim/prices` takes it (control.py), lasts until the next one of its script.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

from simulator.clock import SECOND
from simulator.errors import invalid
from simulator.reading import flag, read_decimal

_FIELDS: Final = frozenset({"price", "path", "stale_s", "no_quote", "missing", "halted"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    price: Decimal | None = None
    """Dollars per share; None: the symbol's own path."""
    stale: int = 0
    """Nanoseconds that its last trade and quote are old."""
    no_quote: bool = False
    missing: bool = False
    """Market data doesn't know the symbol; it's traded all the same."""
    halted: bool = False
    """Orders rest, and there are no trades."""


@dataclass(frozen=True, slots=True)
class Script:
    """The first scene also stands for all the time before it. Times are nanoseconds since 1970, ascending."""

    starts: tuple[int, ...]
    scenes: tuple[Scene, ...]

    def scene(self, now: int) -> Scene:
        return self.scenes[self._index(now)]

    def halted_since(self, now: int) -> int | None:
        """None: it isn't halted."""
        index = self._index(now)
        if not self.scenes[index].halted:
            return None
        while index and self.scenes[index - 1].halted:
            index -= 1
        return self.starts[index]

    def next_start(self, now: int) -> int | None:
        index = bisect_right(self.starts, now)
        return self.starts[index] if index < len(self.starts) else None

    def _index(self, now: int) -> int:
        return max(0, bisect_right(self.starts, now) - 1)


def read_script(told: object, now: int, current: Scene) -> Script | None:
    """From what was told of a symbol `now`; None: its own path, and nothing wrong. Raises ApiError.

    `current` goes on until a script's first scene begins.
    """
    if told is None:
        return None
    if not isinstance(told, dict):
        return Script((now,), (_read_scene({"price": told}),))
    if "script" not in told:
        return Script((now,), (_read_scene(told),))
    points = told["script"]
    if len(told) > 1 or not isinstance(points, list) or not points:
        raise invalid("a script is a list of scenes with at_s, and stands alone")
    read = [_read_point(point, now) for point in points]
    if read[0][0] > now:
        read.insert(0, (now, current))
    starts, scenes = zip(*read, strict=True)
    if starts[0] < now or any(later <= earlier for earlier, later in pairwise(starts)):
        raise invalid("at_s rises from scene to scene, from 0 on")
    return Script(starts, scenes)


def _read_point(point: object, now: int) -> tuple[int, Scene]:
    if not isinstance(point, dict) or (at_s := read_decimal(point, "at_s")) is None:
        raise invalid("a scene of a script has at_s, the seconds from now to its beginning")
    rest = {name: value for name, value in point.items() if name != "at_s"}
    return now + int(at_s * SECOND), _read_scene(rest)


def _read_scene(told: Mapping[str, object]) -> Scene:
    unknown = sorted(set(told) - _FIELDS)
    if unknown:
        raise invalid(f"a scene has no {', '.join(unknown)}")
    price, stale_s = read_decimal(told, "price"), read_decimal(told, "stale_s")
    if price is not None and price <= 0:
        raise invalid("a price is more than 0")
    if told.get("path", "own") != "own" or ("path" in told and price is not None):
        raise invalid('path is "own", in the place of a price')
    if stale_s is not None and stale_s < 0:
        raise invalid("stale_s is not less than 0")
    return Scene(
        price=price,
        stale=int((stale_s or Decimal(0)) * SECOND),
        no_quote=flag(told, "no_quote"),
        missing=flag(told, "missing"),
        halted=flag(told, "halted"),
    )
