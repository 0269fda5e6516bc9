"""Time leaps only while nothing is under way, by no more than the bot's promises allow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from actors.clock import LeapingTime
from actors.pulse import Pulse
from cli.day.lockstep import BUSY_STEP_S, CALM_STEP_S, PATIENCE_S, Lockstep, Stuck
from persistence.queries import Queries
from persistence.rows import LedgerCounts

START = datetime(2026, 11, 12, 14, 15, tzinfo=UTC)
Words = dict[str, tuple[str, Decimal]]
NEW, FILLED = ("new", Decimal(0)), ("filled", Decimal(2))


class Hand:
    """A clock of the machine that moves when somebody pauses, and lets `then` happen meanwhile."""

    def __init__(self) -> None:
        self.now = 0.0
        self.then: list[Any] = []

    def pause(self, seconds: float) -> None:
        self.now += max(seconds, 0.1)
        if self.then:
            self.then.pop(0)()


@dataclass
class World:
    """A bot and a simulator, as far as time goes, that keep what they were told in its order."""

    trades: dict[str, int] = field(default_factory=dict)
    ledger: Words = field(default_factory=dict)
    broker: Words = field(default_factory=dict)
    mail: int | None = 7
    gate: bool = True
    told: list[str] = field(default_factory=list)
    hand: Hand = field(default_factory=Hand)
    clock: LeapingTime = field(default_factory=lambda: LeapingTime(START))

    def advance(self, seconds: int) -> None:
        self.told.append(f"simulator {seconds}")

    def orders(self) -> Mapping[str, tuple[str, Decimal]]:
        return dict(self.broker)

    def steps(self) -> Lockstep:
        world = self

        class AtRest(Pulse):
            def at_rest(self) -> int | None:
                return world.mail

        class Ledger(Queries):
            def __init__(self) -> None:
                pass

            def counts(self) -> LedgerCounts:
                return LedgerCounts(signals={}, trades=world.trades, orders={}, executions=0)

            def last_words(self, broker_order_ids: Any) -> Words:
                return {each: world.ledger[each] for each in broker_order_ids if each in world.ledger}

        self.clock.watch(lambda: self.told.append(f"bot {self.clock.monotonic() // timedelta(seconds=1)}"))
        return Lockstep(
            clock=self.clock,
            venue=self,
            pulse=AtRest(),
            queries=Ledger(),
            gate_is_open=lambda: self.gate,
            pause=self.hand.pause,
            monotonic=lambda: self.hand.now,
        )


def test_both_clocks_leap_by_the_same_the_market_first() -> None:
    world = World(trades={"open": 1})
    steps = world.steps()
    steps.pass_until(25)
    assert world.told == ["simulator 10", "bot 10", "simulator 10", "bot 20", "simulator 5", "bot 25"]
    assert (steps.passed_s, steps.leaps, world.clock.clock()) == (25, 3, START + timedelta(seconds=25))


@pytest.mark.parametrize(
    ("trades", "step"),
    [
        ({}, CALM_STEP_S),
        ({"closed": 3, "missed": 1, "rejected": 1}, CALM_STEP_S),
        ({"pending": 1}, BUSY_STEP_S),
        ({"open": 1, "closed": 2}, BUSY_STEP_S),
        ({"closing": 1}, BUSY_STEP_S),
    ],
)
def test_steps_are_short_while_a_trade_stands(trades: dict[str, int], step: int) -> None:
    world = World(trades=trades)
    world.steps().pass_until(step + 1)
    assert world.told[::2] == [f"simulator {step}", "simulator 1"]


def test_no_time_passes_before_the_mail_is_done() -> None:
    world = World(mail=None)
    world.hand.then = [lambda: None, lambda: world.told.append("done"), lambda: setattr(world, "mail", 8)]
    world.steps().settle()
    assert world.hand.then == []
    assert world.told == ["done"]


@pytest.mark.parametrize("known", [{}, {"one": NEW}, {"one": ("filled", Decimal(1))}])
def test_nor_before_the_ledger_has_heard_the_last_word_on_each_order(known: Words) -> None:
    world = World(broker={"one": FILLED, "two": NEW}, ledger={"two": NEW, **known})
    steps = world.steps()
    world.hand.then = [lambda: None, lambda: world.ledger.update(one=FILLED)]
    steps.settle()
    assert world.hand.then == []


def test_nor_when_mail_came_up_while_it_was_looked() -> None:
    world = World()
    seen = iter([7, 8, 8, 8])
    steps = world.steps()
    steps._pulse = type("Moving", (Pulse,), {"at_rest": lambda _: next(seen)})()
    steps.settle()
    assert list(seen) == []


def test_what_never_comes_to_its_end_is_told_and_not_waited_for_without_end() -> None:
    with pytest.raises(Stuck, match="an actor still has mail"):
        (world := World(mail=None)).steps().settle()
    assert world.hand.now >= PATIENCE_S
    with pytest.raises(Stuck, match="order one is filled, 2 filled"):
        World(broker={"one": FILLED}).steps().settle()


def test_a_shut_gate_is_waited_for_and_then_given_the_days_time() -> None:
    world = World(gate=False)
    world.hand.then = [lambda: None, lambda: setattr(world, "gate", True)]
    world.steps().settle()
    assert world.hand.now < 1

    shut = World(gate=False, broker={"one": FILLED})
    shut.steps().settle()
    assert 1 < shut.hand.now < PATIENCE_S / 2


def test_a_shut_gate_is_no_excuse_for_mail() -> None:
    with pytest.raises(Stuck):
        World(gate=False, mail=None).steps().settle()
