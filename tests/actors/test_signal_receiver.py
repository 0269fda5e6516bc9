from typing import Any

import pykka
import pytest

from actors.base import Address
from actors.signal_receiver import SCAN_EVERY_S, SignalReceiver
from domain.messages import (
    AcceptSignal,
    ExecuteSignal,
    GateChanged,
    LedgerUnwritable,
    ListUndecided,
    RecordSignal,
    SignalConflict,
    SignalRecorded,
    Undecided,
)
from domain.signals import Signal, SignalReceipt, SignalState
from tests.actors.doubles import PATIENCE_S, ManualTimers, Outbox, Stage
from tests.domain.builders import CLOSED, NOW, OPEN, a_signal


class Ledger:
    """The ledger's answers: what waits, and whether a signal is new."""

    def __init__(self, *undecided: Signal) -> None:
        self.undecided = undecided
        self.known: dict[str, Signal] = {}
        self.failure: Exception | None = None
        self.unwritable: LedgerUnwritable | None = None
        self.outbox = Outbox(self._answer)

    def _answer(self, mail: Any) -> object:
        if self.failure is not None:
            raise self.failure
        if self.unwritable is not None:
            return self.unwritable
        if isinstance(mail, ListUndecided):
            return Undecided(signals=self.undecided)
        assert isinstance(mail, RecordSignal)
        signal = mail.signal
        known = self.known.setdefault(signal.signal_id, signal)
        if known != signal:
            return SignalConflict(source=signal.source, signal_id=signal.signal_id)
        repeated = len(self.outbox.asked.of(RecordSignal)) > 1
        receipt = SignalReceipt(
            source=signal.source, signal_id=signal.signal_id, state=SignalState.RECEIVED, received_at=NOW
        )
        return SignalRecorded(receipt=receipt, repeated=repeated)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def executor() -> Outbox:
    return Outbox()


@pytest.fixture
def receiver(stage: Stage, timers: ManualTimers, ledger: Ledger, executor: Outbox) -> Address[Any]:
    return stage.spawn(
        SignalReceiver, ledger=ledger.outbox, executor=executor, timers=timers, on_death=stage.deaths
    )


def accept(receiver: Address[Any], signal: Signal) -> SignalRecorded | SignalConflict:
    return receiver.ask(AcceptSignal(signal=signal), SignalRecorded, SignalConflict, timeout=PATIENCE_S)


def test_a_new_signal_is_recorded_answered_and_executed(
    receiver: Address[Any], ledger: Ledger, executor: Outbox
) -> None:
    answer = accept(receiver, a_signal())
    assert isinstance(answer, SignalRecorded)
    assert not answer.repeated
    assert ledger.outbox.asked.of(RecordSignal) == [RecordSignal(signal=a_signal())]
    assert executor.told.all() == [ExecuteSignal(signal=a_signal())]


def test_a_ledger_that_is_too_busy_to_answer_makes_no_receipt_and_no_death(
    receiver: Address[Any], ledger: Ledger
) -> None:
    ledger.failure = pykka.Timeout("the ledger is slow")
    answer = receiver.ask(AcceptSignal(signal=a_signal()), LedgerUnwritable, timeout=PATIENCE_S)
    assert "may be stored" in answer.why
    ledger.failure = None
    assert isinstance(accept(receiver, a_signal()), SignalRecorded)


def test_a_ledger_that_is_dead_is_a_death_and_no_receipt(
    receiver: Address[Any], ledger: Ledger, stage: Stage
) -> None:
    ledger.failure = pykka.ActorDeadError("the ledger has ended")
    with pytest.raises(pykka.ActorDeadError):
        accept(receiver, a_signal())
    assert isinstance(stage.deaths.take().error, pykka.ActorDeadError)


def test_that_the_ledger_cannot_be_written_is_passed_on(receiver: Address[Any], ledger: Ledger) -> None:
    ledger.unwritable = LedgerUnwritable(why="the disk is full")
    answer = receiver.ask(AcceptSignal(signal=a_signal()), LedgerUnwritable, timeout=PATIENCE_S)
    assert answer == ledger.unwritable


@pytest.mark.parametrize("why", ["busy", "unwritable"])
def test_a_scan_that_has_no_answer_executes_nothing_and_comes_again(
    receiver: Address[Any], ledger: Ledger, executor: Outbox, timers: ManualTimers, why: str
) -> None:
    ledger.undecided = (a_signal(),)
    if why == "busy":
        ledger.failure = pykka.Timeout("the ledger is slow")
    else:
        ledger.unwritable = LedgerUnwritable(why="the disk is full")
    timers.fire()
    receiver.ping(timeout=PATIENCE_S)
    assert executor.told.all() == []
    ledger.failure = ledger.unwritable = None
    assert timers.fire() == SCAN_EVERY_S
    assert executor.told.wait(1) == [ExecuteSignal(signal=a_signal())]


def test_a_repeat_is_told_to_be_one(receiver: Address[Any]) -> None:
    accept(receiver, a_signal())
    answer = accept(receiver, a_signal())
    assert isinstance(answer, SignalRecorded)
    assert answer.repeated


def test_a_conflict_is_passed_on(receiver: Address[Any]) -> None:
    accept(receiver, a_signal())
    answer = accept(receiver, a_signal(symbol="OTHR"))
    assert answer == SignalConflict(source="api", signal_id="s-1")


def test_signals_found_undecided_at_start_are_executed_in_order(
    stage: Stage, timers: ManualTimers, executor: Outbox
) -> None:
    waiting = [a_signal(signal_id=f"s-{number}") for number in range(3)]
    ledger = Ledger(*waiting)
    stage.spawn(SignalReceiver, ledger=ledger.outbox, executor=executor, timers=timers, on_death=stage.deaths)
    assert executor.told.all() == [ExecuteSignal(signal=signal) for signal in waiting]


def test_undecided_signals_are_executed_when_the_gate_opens(
    receiver: Address[Any], ledger: Ledger, executor: Outbox
) -> None:
    ledger.undecided = (a_signal(),)
    receiver.send(GateChanged(gate=OPEN))
    assert executor.told.wait(1) == [ExecuteSignal(signal=a_signal())]


def test_a_gate_that_closes_executes_nothing(
    receiver: Address[Any], ledger: Ledger, executor: Outbox
) -> None:
    ledger.undecided = (a_signal(),)
    receiver.send(GateChanged(gate=CLOSED))
    receiver.ping(timeout=PATIENCE_S)
    assert executor.told.all() == []


def test_the_scan_executes_what_was_lost_on_the_way_and_comes_again(
    receiver: Address[Any], ledger: Ledger, executor: Outbox, timers: ManualTimers
) -> None:
    for scan in range(1, 4):
        ledger.undecided = (a_signal(signal_id=f"s-{scan}"),)
        assert timers.fire() == SCAN_EVERY_S == 5.0
        receiver.ping(timeout=PATIENCE_S)
        assert len(executor.told.all()) == scan
    assert len(timers.delays) == 1


def test_opening_gates_start_no_second_scan(receiver: Address[Any], timers: ManualTimers) -> None:
    for _ in range(3):
        receiver.send(GateChanged(gate=OPEN))
    receiver.ping(timeout=PATIENCE_S)
    assert timers.delays == [SCAN_EVERY_S]


def test_a_dead_executor_loses_no_signal(stage: Stage, timers: ManualTimers, ledger: Ledger) -> None:
    class Nobody(Outbox):
        def send(self, mail: Any) -> bool:
            return False

    orphan = stage.spawn(
        SignalReceiver, ledger=ledger.outbox, executor=Nobody(), timers=timers, on_death=stage.deaths
    )
    assert isinstance(accept(orphan, a_signal()), SignalRecorded)
