"""The same world, driven by hypothesis: it looks for the shortest story that breaks a promise."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from simulator.orders import Order
from tests.seeded.fate import Faults
from tests.seeded.world import World

SYMBOLS: Final = ("SYMA", "SYMB", "SYMC", "SYMD", "NOBUY")
KINDS: Final = (
    "post_not_sent", "post_lost_before", "post_lost_after", "post_late", "post_error", "read_fails",
    "read_lags", "frame_dropped", "frame_doubled", "frame_delayed", "handshake_refused", "hint_dropped",
    "hint_doubled", "crash_at_a_commit", "crash_at_a_post",
)  # fmt: skip

picks = st.integers(0, 1000)
seconds = st.sampled_from((0.1, 1.0, 6.0, 40.0))


class TheWorld(RuleBasedStateMachine):
    """Nothing goes wrong, and no order moves, but by a rule."""

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.world = World(seed, "safety", faults=Faults(), lively=False)
        self.world.symbols = SYMBOLS
        self.world.start()

    @rule(symbol=st.sampled_from(SYMBOLS), for_s=st.sampled_from((0.1, 1.0)))
    def signal(self, symbol: str, for_s: float) -> None:
        self.world.source.deliver(self.world.source.make(symbol))
        self.world.run_for(for_s)

    @precondition(lambda self: self.world.source.sent)
    @rule(pick=picks)
    def the_same_signal_again(self, pick: int) -> None:
        sent = list(self.world.source.sent.values())
        self.world.source.deliver(sent[pick % len(sent)])

    @rule(for_s=seconds)
    def time_passes(self, for_s: float) -> None:
        self.world.run_for(for_s)

    @precondition(lambda self: self.open_orders())
    @rule(pick=picks, percent=st.sampled_from((None, 10, 50, 90)))
    def fill(self, pick: int, percent: int | None) -> None:
        orders = self.open_orders()
        share = None if percent is None else Decimal(percent) / 100
        self.world.venue.fill(orders[pick % len(orders)].id, share)
        self.world.run_for(0.1)

    @precondition(lambda self: self.open_orders())
    @rule(pick=picks, how=st.sampled_from(("canceled", "expired", "rejected")))
    def end(self, pick: int, how: str) -> None:
        orders = self.open_orders()
        self.world.venue.end(orders[pick % len(orders)].id, how)

    @rule(symbol=st.sampled_from(SYMBOLS), side=st.sampled_from(("buy", "sell")))
    def the_owner_trades(self, symbol: str, side: str) -> None:
        own = self.world.venue.owners_shares(symbol)
        if side == "buy" or own:
            self.world.venue.owner_trades(symbol, side, own if side == "sell" else Decimal(3), at_once=True)

    @precondition(lambda self: self.world.house is not None)
    @rule()
    def kill(self) -> None:
        self.world.kill()

    @precondition(lambda self: self.world.house is None)
    @rule()
    def restart(self) -> None:
        self.world.act(self.world.start)

    @precondition(lambda self: self.world.house is not None)
    @rule()
    def disconnect(self) -> None:
        self.world.feed.cut("connection reset")

    @rule(kind=st.sampled_from(KINDS), rate=st.sampled_from((0.3, 0.9)))
    def fault(self, kind: str, rate: float) -> None:
        fate = self.world.fate
        fate.faults = replace(fate.faults, **{kind: rate})

    @rule()
    def heal(self) -> None:
        self.world.heal()

    @invariant()
    def every_promise_holds(self) -> None:
        if hasattr(self, "world"):
            self.world.checks.look()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        with self.world:
            self.world.heal()
            self.world.act(self.world.start)
            self.world.converge()

    def open_orders(self) -> list[Order]:
        return list(self.world.venue.exchange.open_orders())


TheWorld.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestEveryPromiseHoldsInEveryStory = pytest.mark.timeout(600)(TheWorld.TestCase)
"""It takes seconds; minutes only to shorten a story that has broken a promise."""
