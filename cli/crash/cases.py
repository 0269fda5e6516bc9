"""What is tried: where the bot dies, what its supervisor then finds, and how often its sender repeats."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

import failpoint

Ledger = Literal["kept", "deleted"]
Timing = Literal["at once", "settled", "both"]
Extent = Literal["quick", "default", "full"]

LEDGERS: Final[tuple[Ledger, ...]] = ("kept", "deleted")
REDELIVERIES: Final = (0, 1, 2, 3)
PASSINGS: Final = 3
"""How many of the first signals take turns at being the one that meets the crash."""
FEWER_PASSINGS: Final = {"recon.mid": 2, "shutdown.mid": 1, "migration.mid": 1}
LINGERS_MS: Final = (50, 0)
"""With it, what must not happen before the point has time to; without, what runs beside it is cut off."""
TIMINGS: Final[tuple[Timing, ...]] = ("at once", "settled", "both")

Way = tuple[int, Ledger]
QUICK: Final[Sequence[Way]] = ((2, "kept"), (1, "deleted"))
"""One of these a point, in turn."""
DEFAULT: Final[Sequence[Way]] = ((0, "kept"), (3, "kept"), (1, "deleted"), (2, "deleted"))


@dataclass(frozen=True, kw_only=True)
class Case:
    """One life of a bot: it dies once, at `point`, the `passing`-th time that it comes there."""

    point: str
    passing: int = 1
    redeliveries: int = 1
    """How often each signal is sent again after the restart."""
    ledger: Ledger = "kept"
    """Whether the ledger is there when the bot starts again."""
    timing: Timing = "at once"
    """Signals are sent again while the bot is still finding out what happened, or when it has, or both."""
    linger_ms: int = 0
    """How long all but the dying thread still run."""
    seed: int = 0

    @property
    def name(self) -> str:
        """As a folder may be called."""
        return f"{self.point}-{self.passing}-{self.ledger}-{self.redeliveries}-{self.seed}"

    @property
    def makes_its_ledger(self) -> bool:
        """Whether its first start has to find none."""
        return self.point == "migration.mid"

    @property
    def dies_at_start(self) -> bool:
        """Whether its first start brings it to the point, before any signal."""
        return self.makes_its_ledger or (self.point == "recon.mid" and self.passing == 1)


def sweep(points: Sequence[str], seeds: int, extent: Extent) -> Iterator[Case]:
    """The cases; a seed varies which passing kills and when signals come again."""
    for seed, (place, point) in product(range(seeds), enumerate(points)):
        for number, (redeliveries, ledger) in enumerate(_ways(place + seed, extent)):
            turn = place + number + seed
            yield Case(
                point=point,
                passing=1 + turn % FEWER_PASSINGS.get(point, PASSINGS),
                redeliveries=redeliveries,
                ledger=ledger,
                timing=TIMINGS[turn % len(TIMINGS)],
                linger_ms=LINGERS_MS[(number + seed) % len(LINGERS_MS)],
                seed=seed,
            )


def _ways(turn: int, extent: Extent) -> Sequence[Way]:
    if extent == "quick":
        return (QUICK[turn % len(QUICK)],)
    return DEFAULT if extent == "default" else tuple(product(REDELIVERIES, LEDGERS))


def chosen(points: str | None) -> tuple[str, ...]:
    """The points of a list with commas, all for None; raises ValueError for one that there is not."""
    if points is None:
        return failpoint.NAMES
    names = tuple(dict.fromkeys(name.strip() for name in points.split(",")))
    unknown = [name for name in names if name not in failpoint.NAMES]
    if unknown:
        raise ValueError(f"there is no crash point {unknown[0]!r}; there are {', '.join(failpoint.NAMES)}")
    return names
