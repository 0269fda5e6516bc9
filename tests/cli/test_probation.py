"""SAFE mode: which ledger is told of it, and when it ends."""

import threading
from contextlib import ExitStack

import pytest

from cli.probation import Probation
from domain.messages import HaltsCleared, SafeMode
from tests.actors.doubles import PATIENCE_S, Outbox

WHY = "the bot has crashed four times within ten minutes"


class Boots:
    def __init__(self, verdict: str | None, *, locked: bool = False) -> None:
        self._verdict = verdict
        self.locked = locked
        self.counted = threading.Event()
        self.long_enough = True
        self.fault: OSError | None = None
        self.armed = False

    def arm(self) -> None:
        if self.fault is not None:
            raise self.fault
        self.armed, self.locked = True, False

    def verdict(self) -> str | None:
        return self._verdict

    def settled(self) -> bool:
        self.counted.set()
        if self.fault is not None:
            raise self.fault
        return self.long_enough


def test_every_ledger_that_is_started_is_told() -> None:
    ledger = Outbox()
    probation = Probation(Boots(WHY), ledger)
    probation.tell()
    probation.tell()
    assert ledger.told.all() == [SafeMode(why=WHY), SafeMode(why=WHY)]


def test_it_ends_when_the_time_is_over_for_this_ledger_and_later_ones() -> None:
    ledger, boots = Outbox(), Boots(WHY)
    probation = Probation(boots, ledger)
    probation.tell()
    probation.settle()
    probation.tell()
    assert ledger.told.all() == [SafeMode(why=WHY), SafeMode(why=None)]
    assert boots.counted.is_set()


def test_a_bot_that_is_locked_stays_in_it_for_a_person_to_end() -> None:
    ledger = Outbox()
    probation = Probation(Boots(WHY, locked=True), ledger)
    probation.settle()
    probation.tell()
    assert ledger.told.all() == [SafeMode(why=WHY)]


@pytest.mark.parametrize("fault", [None, OSError("the disk is full")])
def test_a_person_who_lets_everything_go_on_ends_it(fault: OSError | None) -> None:
    ledger, boots = Outbox(), Boots(WHY, locked=True)
    boots.fault = fault
    probation = Probation(boots, ledger)
    probation.send(HaltsCleared(scope="all"))
    probation.tell()
    assert ledger.told.all() == [SafeMode(why=None)]
    assert boots.armed is (fault is None)


def test_a_symbol_that_may_go_on_is_no_word_on_the_bots_failures() -> None:
    ledger, boots = Outbox(), Boots(WHY, locked=True)
    Probation(boots, ledger).send(HaltsCleared(scope="ACME"))
    assert (ledger.told.all(), boots.armed) == ([], False)


def test_a_bot_that_is_well_tells_nobody_anything_and_still_counts_its_minutes() -> None:
    ledger, boots = Outbox(), Boots(None)
    probation = Probation(boots, ledger)
    probation.tell()
    with ExitStack() as stack:
        probation.begin(stack, after_s=0.01)
        assert boots.counted.wait(PATIENCE_S)
    assert ledger.told.all() == []


def test_the_minutes_end_with_the_run() -> None:
    boots = Boots(WHY)
    with ExitStack() as stack:
        Probation(boots, Outbox()).begin(stack, after_s=0.05)
    assert not boots.counted.wait(0.2)


def test_it_goes_on_while_the_time_is_not_over_or_cannot_be_noted() -> None:
    ledger, boots = Outbox(), Boots(WHY)
    probation = Probation(boots, ledger)
    boots.long_enough = False
    assert not probation.settle()
    boots.fault = OSError(28, "No space left on device")
    assert not probation.settle()
    assert ledger.told.all() == []
    boots.long_enough, boots.fault = True, None
    assert probation.settle()
    assert ledger.told.all() == [SafeMode(why=None)]
