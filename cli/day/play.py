"""Plays the day: does what is due, lets time pass in between, and reports at the end."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from actor_tree import Parts
from actors.clock import LeapingTime
from cli.client import BotClient, Unreachable
from cli.day.course import course_of
from cli.day.hands import Hands, NotTaken
from cli.day.lockstep import BUSY_STEP_S, Lockstep, Stuck
from cli.day.plan import CloseTrade, DayEvent, DayPlan
from cli.day.progress import shown
from cli.day.report import read_ledger, report_of, show
from cli.oracle import compare
from domain.market import NEW_YORK
from persistence.queries import Queries
from settings import Exit
from simulator.server import Simulator

TOLD_EVERY_S: Final = 60
"""How far the day has come, in its own seconds."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What the day is played on."""

    plan: DayPlan
    clock: LeapingTime
    simulator: Simulator
    steps: Lockstep
    hands: Hands
    queries: Queries
    console: Console


def play_day(plan: DayPlan, parts: Parts, url: str, token: str, console: Console) -> int:
    """From before the open until after the close; the exit code: 1 when anything differs.

    `parts`: of a bot that goes by a leaping time and trades on the simulator in this process.
    """
    clock, simulator, queries = parts.time, parts.simulator, Queries(parts.store)
    assert isinstance(clock, LeapingTime)
    assert simulator is not None
    with (
        closing(BotClient(url, token)) as bot,
        closing(Hands(bot=bot, broker_url=simulator.base_url, queries=queries, clock=clock.clock)) as hands,
    ):
        steps = Lockstep(
            clock=clock,
            venue=simulator,
            pulse=parts.pulse,
            queries=queries,
            gate_is_open=lambda: parts.board.gate.open,
        )
        stage = Stage(
            plan=plan,
            clock=clock,
            simulator=simulator,
            steps=steps,
            hands=hands,
            queries=queries,
            console=console,
        )
        return _play(stage)


def _play(stage: Stage) -> int:
    troubles: list[str] = []
    try:
        _live_through(stage)
    except (Stuck, Unreachable, NotTaken) as error:
        at = stage.clock.clock().astimezone(NEW_YORK)
        troubles.append(f"the day ended early, at {at:%H:%M:%S} in New York: {error}")
    oracle = stage.simulator.oracle_path
    assert oracle is not None, "without a folder it keeps no oracle"
    took_s, steps = stage.steps.took_s(), stage.steps.leaps
    stage.console.print(f"{stage.plan.day} in New York, lived through in {took_s:.0f} s and {steps} steps")
    differences = (*troubles, *compare(stage.queries, oracle))
    report = report_of(read_ledger(stage.queries), stage.simulator.statement(), differences)
    show(stage.console, report)
    return Exit.DIFFERENT if report.differences else Exit.CLEAN


def _live_through(stage: Stage) -> None:
    """Raises Stuck, Unreachable, NotTaken."""
    course, steps, plan = course_of(stage.plan), stage.steps, stage.plan
    stage.simulator.set_prices(course.prices)
    stage.hands.set_behaviours(course.behaviours)
    steps.settle()
    with shown(stage.console, plan, stage.queries, stage.clock.clock) as tell:
        waiting: list[DayEvent] = []
        for event in course.events:
            for at_s in _stops(steps.passed_s, event.at_s):
                steps.pass_until(at_s)
                tell(steps.passed_s)
            waiting = [each for each in (*waiting, event) if not _done(stage, each)]
        for at_s in _stops(steps.passed_s, plan.ends_s):
            steps.pass_until(at_s)
            tell(steps.passed_s)


def _done(stage: Stage, event: DayEvent) -> bool:
    """Do it, if it can be done now, with all that follows from it."""
    done = stage.hands.do(event)
    stage.steps.settle()
    if done and isinstance(event, CloseTrade):
        # The monitor sells at its next look; a broker that is to refuse this must not meet a buy before.
        stage.steps.pass_until(stage.steps.passed_s + BUSY_STEP_S)
    return done


def _stops(from_s: int, to_s: int) -> Iterator[int]:
    """Moments between two, the last included."""
    yield from range(from_s + TOLD_EVERY_S, to_s, TOLD_EVERY_S)
    yield to_s
