"""Two hundred worlds, each decided by its seed. `make simulate SEEDS=10000` looks at more."""

import hashlib
from typing import Final

import pytest

from actors.trade_ledger import TradeLedger
from tests.seeded.fate import Faults
from tests.seeded.runs import reproduction, run_seed
from tests.seeded.world import Mode, World

CHUNK: Final = 10
SEEDS: Final[dict[Mode, int]] = {"safety": 100, "liveness": 100, "amnesia": 20}


@pytest.mark.parametrize(
    ("mode", "first"), [(mode, first) for mode, count in SEEDS.items() for first in range(0, count, CHUNK)]
)
def test_every_promise_holds_whatever_the_seed(mode: Mode, first: int) -> None:
    results = {seed: run_seed(seed, mode) for seed in range(first, first + CHUNK)}
    broken = [reproduction(seed, mode, r.broken) for seed, r in results.items() if r.broken is not None]
    assert not broken, "\n" + "\n".join(broken)
    # A world in which nothing happens proves nothing.
    assert sum(result.orders for result in results.values()) > CHUNK


def test_a_seed_decides_everything() -> None:
    assert _digest(4) == _digest(4) != _digest(5)


def test_a_world_in_which_nothing_fails_knows_its_market_and_its_means() -> None:
    with World(4, "safety", faults=Faults()) as world:
        world.start()
        world.run_for(5)
        assert world.house is not None
        ledger = world.house.actors["ledger"]
        assert isinstance(ledger, TradeLedger)
        market, means = ledger._market, ledger._means
        assert market is not None
        assert (market.is_open(world.time.truth()), len(market.days)) == (True, 15)
        assert means is not None
        assert means.buying_power is not None


def _digest(seed: int) -> str:
    seen = hashlib.sha256()
    with World(seed, "safety", trace=lambda line: seen.update(line.encode())) as world:
        world.run()
    return seen.hexdigest()
