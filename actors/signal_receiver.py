"""Takes signals in.

In:  AcceptSignal (asked by web and command line), GateChanged (from the ledger)
Out: ?RecordSignal, ?ListUndecided -> TradeLedger;  ExecuteSignal -> OrderExecutor

The answer goes out after the signal is durable; its sender never waits for the broker. What the
inboxes lose, the ledger keeps: signals without a verdict are sent to the executor again at start,
when the gate opens, and every few seconds.
"""

from dataclasses import dataclass
from typing import Any, Final, assert_never

import pykka

from actors.base import Mailbox, OnDeath, PatientMailbox, Worker
from actors.timers import Timers
from domain.messages import (
    AcceptSignal,
    ExecuteSignal,
    ExecutorMail,
    GateChanged,
    LedgerMail,
    LedgerUnwritable,
    ListUndecided,
    ReceiverMail,
    RecordSignal,
    SignalConflict,
    SignalRecorded,
    Undecided,
)

SCAN_EVERY_S: Final = 5.0
LEDGER_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Scan:
    """Look for signals that wait for a verdict."""


class SignalReceiver(Worker[ReceiverMail | _Scan]):
    def __init__(
        self,
        *,
        ledger: PatientMailbox[LedgerMail],
        executor: Mailbox[ExecutorMail],
        timers: Timers,
        on_death: OnDeath,
    ) -> None:
        super().__init__(on_death=on_death)
        self._ledger = ledger
        self._executor = executor
        self._timers = timers

    def setup(self) -> None:
        self._scan()

    def receive(self, mail: ReceiverMail | _Scan) -> Any:
        match mail:
            case AcceptSignal():
                return self._accept(mail)
            case GateChanged():
                if mail.gate.open:
                    self._resend_undecided()
            case _Scan():
                self._scan()
            case _:
                assert_never(mail)
        return None

    def _accept(self, mail: AcceptSignal) -> SignalRecorded | SignalConflict | LedgerUnwritable:
        answer = self._ledger.begin(
            RecordSignal(signal=mail.signal), SignalRecorded, SignalConflict, LedgerUnwritable
        )
        # The ledger takes a sender's mail, and what follows from it, in order: the plan comes after the
        # record, and of a signal that it does not have, or has decided on, it makes none. So the order's
        # way need not wait for the receipt's.
        self._executor.send(ExecuteSignal(signal=mail.signal))
        try:
            return answer.get(timeout=LEDGER_TIMEOUT_S)
        except pykka.Timeout:  # busy, not broken; the supervisor watches whether it ever comes back
            return LedgerUnwritable(why="the ledger has not answered in time; the signal may be stored")

    def _scan(self) -> None:
        self._resend_undecided()
        address = self.address
        self._timers.after(SCAN_EVERY_S, lambda: address.send(_Scan()))

    def _resend_undecided(self) -> None:
        try:
            answer = self._ledger.ask(ListUndecided(), Undecided, LedgerUnwritable, timeout=LEDGER_TIMEOUT_S)
        except pykka.Timeout:
            return  # the next scan asks again
        if isinstance(answer, Undecided):
            for signal in answer.signals:
                self._executor.send(ExecuteSignal(signal=signal))
