"""One safeguard removed at a time: if a few worlds do not notice, their green is no evidence."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from actors import ledger_halts, ledger_orders, ledger_signals
from actors.brake import OrderBrake
from actors.reconciler import Reconciler
from actors.signal_receiver import SignalReceiver
from broker.api import Broker, Rejected, SubmitOutcome, Unresolved
from domain import orders
from domain.gate import GateFacts
from domain.holdings import ExternalOrder
from domain.orders import OrderRecord, OrderTicket, OrderUpdate
from domain.rules import Gate
from persistence.unit import Unit
from tests.seeded.broker import SeededBroker
from tests.seeded.fate import Faults
from tests.seeded.runs import run_seed
from tests.seeded.world import Mode

SEEDS: Final = range(40)

POSTS: Final = Faults(
    post_lost_before=0.2, post_lost_after=0.2, post_late=0.2, post_not_sent=0.2, crash_at_a_post=0.05
)
FRAMES: Final = Faults(frame_dropped=0.2, frame_doubled=0.3, frame_delayed=0.2, crash_at_a_step=0.002)
MAIL: Final = Faults(hint_dropped=0.4)
OPERATOR: Final = Faults(operator_halts=0.1)
CLOCK: Final = Faults(clock_step=0.1)
OWNER: Final = Faults(owner_trades=0.2)
SLOW: Final = Faults(post_limited=0.5, answer_late=0.1, outage=0.05, disconnect=0.1)


def found(
    promise: str,
    *,
    faults: Faults,
    mode: Mode = "liveness",
    wrap: Callable[[SeededBroker], Broker] = lambda broker: broker,
) -> bool:
    """Whether one of a few worlds says that this promise is broken."""
    results = (run_seed(seed, mode, faults=faults, wrap=wrap) for seed in SEEDS)
    return any(result.broken is not None and result.broken.startswith(promise) for result in results)


class Altered:
    """The broker as a careless client would be it."""

    def __init__(self, broker: SeededBroker) -> None:
        self._broker = broker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


def test_another_id_for_each_post_is_noticed() -> None:
    class FreshIds(Altered):
        count = 0

        def submit(self, order: OrderTicket) -> SubmitOutcome:
            FreshIds.count += 1
            return self._broker.submit(
                order.having({"client_order_id": f"{order.client_order_id[:20]}{FreshIds.count}"})
            )

    assert found("write-ahead", faults=POSTS, wrap=FreshIds)


def test_unresolved_taken_for_rejected_is_noticed() -> None:
    class Guesses(Altered):
        def submit(self, order: OrderTicket) -> SubmitOutcome:
            answer = self._broker.submit(order)
            return Rejected(reason=answer.why, http_status=422) if isinstance(answer, Unresolved) else answer

    assert found("no guess", faults=POSTS, wrap=Guesses)


def test_an_intent_that_is_not_stored_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Unit, "add_entry", lambda *_, **__: 1)
    assert found("write-ahead", faults=Faults())


def test_a_sum_of_fills_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def summing(record: OrderRecord, update: OrderUpdate) -> OrderRecord:
        after = orders.fold(record, update)
        filled = update.execution.qty if update.execution is not None else 0
        return after.having({"filled_qty": record.filled_qty + filled})

    monkeypatch.setattr(ledger_orders, "fold", summing)
    assert found("fold", faults=FRAMES)


def test_a_gate_that_is_always_open_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GateFacts, "gate", lambda *_: Gate(open=True, reason="never mind"))
    assert found("closed gate", faults=CLOCK, mode="safety")


def test_a_clock_that_nobody_compares_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GateFacts, "why_clock", lambda *_: None)
    assert found("closed gate", faults=CLOCK, mode="safety")


def test_a_halt_that_nobody_heeds_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_halts, "standing", lambda *_: ())
    assert found("sticky halt", faults=OPERATOR, mode="safety")


def test_a_halt_that_is_forgotten_with_the_ledger_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_halts, "merge", lambda *_: None)
    monkeypatch.setattr(ledger_halts, "standing", lambda work, symbol: work.unit.active_halts(symbol))
    monkeypatch.setattr(OrderBrake, "why_not", lambda *_: None)
    faults = Faults(operator_halts=0.3, crash_at_a_step=0.01)
    assert found("sticky halt", faults=faults, mode="amnesia")


def test_an_order_that_outlives_its_signal_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def long_lived(**fields: Any) -> OrderTicket:
        return OrderTicket(**{**fields, "post_until": fields["post_until"] + timedelta(hours=1)})

    monkeypatch.setattr(ledger_signals, "OrderTicket", long_lived)
    assert found("stale never trades", faults=SLOW, mode="safety")


def test_signals_that_nobody_asks_for_again_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SignalReceiver, "_resend_undecided", lambda _: None)
    assert found("convergence", faults=MAIL)


def test_orders_that_nobody_looks_up_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reconciler, "_look_up", lambda *_: None)
    assert found("convergence", faults=POSTS)


def test_an_account_that_is_read_only_once_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reconciler, "_audit_after", lambda *_: None)
    assert found("convergence", faults=FRAMES)


def test_owners_orders_that_nobody_books_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(work: Any, before: ExternalOrder | None, after: ExternalOrder, **_: object) -> None:
        work.unit.save_external_orders((after,), at=work.now)

    monkeypatch.setattr(ledger_orders, "keep_external", forgetful)
    assert found("conservation", faults=OWNER)


def test_a_brake_that_never_lets_go_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OrderBrake, "why_not", lambda *_: "for ever")
    assert found("convergence", faults=Faults())


@pytest.mark.parametrize("faults", [POSTS, FRAMES, MAIL, OPERATOR, CLOCK, OWNER, SLOW])
def test_with_every_safeguard_there_is_nothing_to_notice(faults: Faults) -> None:
    results = [run_seed(seed, mode, faults=faults) for seed in range(5) for mode in ("safety", "liveness")]
    assert [result.broken for result in results if result.broken is not None] == []
