"""One seed, run to its end."""

from collections.abc import Callable
from dataclasses import dataclass

from broker.api import Broker
from tests.seeded.broker import SeededBroker
from tests.seeded.fate import Faults, Violation
from tests.seeded.world import Mode, World


@dataclass(frozen=True)
class Result:
    """How a world went. `broken`: the promise that was, in words."""

    steps: int
    lives: int
    orders: int
    broken: str | None


def run_seed(
    seed: int,
    mode: Mode,
    *,
    faults: Faults | None = None,
    trace: Callable[[str], None] | None = None,
    wrap: Callable[[SeededBroker], Broker] = lambda broker: broker,
) -> Result:
    """Run the world of this seed; never raises for a broken promise."""
    broken = None
    with World(seed, mode, faults=faults, trace=trace, wrap=wrap) as world:
        try:
            world.run()
        except Violation as violation:
            broken = str(violation)
        return Result(
            steps=world.scheduler.steps, lives=world.lives, orders=len(world.venue.ours), broken=broken
        )


def reproduction(seed: int, mode: Mode, broken: str) -> str:
    """The one line that shows it again, and what is broken."""
    return f"python -m tests.seeded --seed {seed} --mode {mode}  # {' '.join(broken.split())}"
