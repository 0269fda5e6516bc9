"""The executor and its lanes: what is asked, what is POSTed, and who is told."""

from typing import Any

import pytest

from actors.base import Address
from actors.order_executor import DEFERRED_RETRY_S, OrderExecutor
from broker.api import Accepted, NotSent, Rejected, SubmitOutcome, Unresolved
from domain.messages import (
    Declined,
    ExecuteSignal,
    LookUpOrder,
    OrderAccepted,
    OrderNotSent,
    OrderRejected,
    OrderUnresolved,
    PlanEntry,
    Planned,
    PlanResend,
    ResendOrder,
)
from domain.orders import OrderTicket
from domain.rules import Deferred
from tests.actors.doubles import (
    PATIENCE_S,
    ManualClock,
    ManualTimers,
    Outbox,
    ScriptedBroker,
    Stage,
    peek,
    taken,
)
from tests.domain.builders import a_signal, a_ticket, later

RESEND = ResendOrder(client_order_id="sf-s-1", symbol="ACME")


def execute(number: int = 1, symbol: str = "ACME") -> ExecuteSignal:
    return ExecuteSignal(signal=a_signal(signal_id=f"s-{number}", symbol=symbol))


class Ledger:
    """Plans every signal to an order named after it, unless the script says otherwise."""

    def __init__(self) -> None:
        self.symbols: dict[str, str] = {}
        self.script: list[object] = []
        self.outbox = Outbox(self._answer)

    def ticket(self, signal_id: str) -> OrderTicket:
        return a_ticket(client_order_id=f"sf-{signal_id}", symbol=self.symbols.get(signal_id, "ACME"))

    def _answer(self, mail: Any) -> object:
        if self.script:
            return self.script.pop(0)
        if isinstance(mail, PlanEntry):
            return Planned(order=self.ticket(mail.signal_id))
        assert isinstance(mail, PlanResend)
        return Planned(order=self.ticket(mail.client_order_id.removeprefix("sf-")))


class Room:
    """An executor between its scripted neighbours."""

    def __init__(self, stage: Stage, timers: ManualTimers, clock: ManualClock, lanes: int = 8) -> None:
        self.broker, self.ledger, self.reconciler = ScriptedBroker(), Ledger(), Outbox()
        self.timers, self.clock = timers, clock
        self.executor: Address[Any] = stage.spawn(
            OrderExecutor,
            broker=self.broker,
            ledger=self.ledger.outbox,
            reconciler=self.reconciler,
            timers=timers,
            clock=clock,
            on_death=stage.deaths,
            lanes=lanes,
        )

    def send(self, *mail: ExecuteSignal | ResendOrder) -> None:
        for each in mail:
            if isinstance(each, ExecuteSignal):
                self.ledger.symbols[each.signal.signal_id] = each.signal.symbol
            self.executor.send(each)

    def settle(self) -> None:
        """Wait until the lanes have done what they have, and the executor knows."""
        for lane in peek(self.executor, "_lanes"):
            lane.ping(timeout=PATIENCE_S)
        self.executor.ping(timeout=PATIENCE_S)

    @property
    def posted(self) -> list[str]:
        return [order.client_order_id for order in self.broker.posted.all()]


@pytest.fixture
def room(stage: Stage, timers: ManualTimers, clock: ManualClock) -> Room:
    return Room(stage, timers, clock)


TICKET = a_ticket(client_order_id="sf-s-1")
OUTCOMES = [
    (Accepted(update=taken(TICKET)), OrderAccepted(update=taken(TICKET))),
    (
        Rejected(reason="insufficient buying power", http_status=403, code=40310000),
        OrderRejected(client_order_id="sf-s-1", reason="insufficient buying power"),
    ),
    (
        Rejected(reason="unauthorized", http_status=401, keys_refused=True),
        OrderRejected(client_order_id="sf-s-1", reason="unauthorized", keys_refused=True),
    ),
    (
        NotSent(why="connection refused", retry_after_s=2.5),
        OrderNotSent(client_order_id="sf-s-1", why="connection refused"),
    ),
    (Unresolved(why="read timeout"), OrderUnresolved(client_order_id="sf-s-1", why="read timeout")),
    (
        Unresolved(why="client_order_id must be unique", id_taken=True),
        OrderUnresolved(client_order_id="sf-s-1", why="client_order_id must be unique"),
    ),
]


@pytest.mark.parametrize(("outcome", "told"), OUTCOMES, ids=lambda value: type(value).__name__)
def test_a_planned_order_is_posted_once_and_its_outcome_told(
    room: Room, outcome: SubmitOutcome, told: object
) -> None:
    room.broker.outcome = lambda _: outcome
    room.send(execute())
    assert room.ledger.outbox.told.wait(1) == [told]
    assert room.broker.posted.all() == [TICKET]
    assert room.ledger.outbox.asked.all() == [PlanEntry(source="api", signal_id="s-1")]


def test_an_unresolved_order_is_looked_up_and_not_posted_again(room: Room) -> None:
    room.broker.outcome = lambda _: Unresolved(why="read timeout")
    room.send(execute())
    assert room.reconciler.told.wait(1) == [LookUpOrder(client_order_id="sf-s-1")]
    assert room.posted == ["sf-s-1"]
    assert room.timers.delays == []


@pytest.mark.parametrize(
    "outcome", [outcome for outcome, _ in OUTCOMES if not isinstance(outcome, Unresolved)], ids=repr
)
def test_a_clear_outcome_is_not_looked_up(room: Room, outcome: SubmitOutcome) -> None:
    room.broker.outcome = lambda _: outcome
    room.send(execute())
    room.ledger.outbox.told.wait(1)
    assert room.reconciler.told.all() == []


def test_an_order_that_was_not_sent_is_tried_again_under_the_same_id(room: Room) -> None:
    room.broker.outcome = lambda _: NotSent(why="rate limit", retry_after_s=2.5)
    room.send(execute())
    assert room.timers.wait() == 2.5
    room.broker.outcome = lambda order: Accepted(update=taken(order))
    room.timers.fire()
    room.ledger.outbox.told.wait(1, OrderAccepted)
    assert room.posted == ["sf-s-1", "sf-s-1"]
    assert room.ledger.outbox.asked.all() == [
        PlanEntry(source="api", signal_id="s-1"),
        PlanResend(client_order_id="sf-s-1", never_sent=True),
    ]


def test_a_try_that_the_gate_defers_is_made_again_and_again(room: Room) -> None:
    room.broker.outcome = lambda _: NotSent(why="rate limit", retry_after_s=2.5)
    room.send(execute())
    room.timers.wait()
    room.ledger.script = [Deferred(reason="closed"), Deferred(reason="closed")]
    assert [room.timers.fire() for _ in range(3)] == [2.5, DEFERRED_RETRY_S, DEFERRED_RETRY_S]
    room.broker.posted.wait(2)
    assert room.posted == ["sf-s-1", "sf-s-1"]


def test_a_try_that_is_declined_is_the_last(room: Room) -> None:
    room.broker.outcome = lambda _: NotSent(why="rate limit", retry_after_s=0)
    room.send(execute())
    room.timers.wait()
    room.ledger.script = [Declined(verdict=None)]
    room.timers.fire()
    room.ledger.outbox.asked.wait(2)
    room.send(execute(2))  # the symbol is free again, whatever lane it had
    room.broker.posted.wait(2)
    assert room.posted == ["sf-s-1", "sf-s-2"]


@pytest.mark.parametrize("answer", [Declined(verdict=None), Deferred(reason="the gate is closed")])
@pytest.mark.parametrize("work", [execute(), RESEND], ids=["signal", "resend"])
def test_without_a_plan_nothing_is_posted_told_or_tried_again(
    room: Room, work: ExecuteSignal | ResendOrder, answer: object
) -> None:
    room.ledger.script = [answer]
    room.send(work, execute(2))
    room.broker.posted.wait(1)
    assert room.posted == ["sf-s-2"]
    assert room.ledger.outbox.told.wait(1) == room.ledger.outbox.told.of(OrderAccepted)
    assert room.timers.delays == []


def test_a_deferred_signal_may_come_again(room: Room) -> None:
    room.ledger.script = [Deferred(reason="the gate is closed")]
    room.send(execute())
    room.ledger.outbox.asked.wait(1)
    room.settle()
    room.send(execute())
    room.broker.posted.wait(1)
    assert room.posted == ["sf-s-1"]


def test_a_resend_is_asked_for_under_its_id_as_one_that_may_have_left_before(room: Room) -> None:
    room.send(RESEND)
    assert room.broker.posted.wait(1) == [TICKET]
    assert room.ledger.outbox.asked.all() == [PlanResend(client_order_id="sf-s-1", never_sent=False)]


def test_a_resend_that_was_not_sent_still_counts_as_one_that_may_have_left_before(room: Room) -> None:
    room.broker.outcome = lambda _: NotSent(why="rate limit", retry_after_s=1)
    room.send(RESEND)
    room.timers.fire()
    plans = room.ledger.outbox.asked.wait(2, PlanResend)
    assert [plan.never_sent for plan in plans] == [False, False]


@pytest.mark.parametrize(
    ("work", "never_sent"), [(execute(), True), (RESEND, False)], ids=["signal", "resend"]
)
def test_an_order_past_its_time_is_not_posted_and_the_ledger_is_asked_to_settle_it(
    room: Room, work: ExecuteSignal | ResendOrder, never_sent: bool
) -> None:
    room.clock.now = later(300)  # the plan was made in time, the lane came to it too late
    room.send(work)
    assert room.timers.wait() == 0
    room.ledger.script = [Declined(verdict=None)]
    room.timers.fire()
    asked = room.ledger.outbox.asked.wait(2)
    assert asked[1] == PlanResend(client_order_id="sf-s-1", never_sent=never_sent)
    assert room.posted == []


def test_an_order_is_posted_up_to_the_last_moment(room: Room) -> None:
    room.clock.now = later(299.999999)
    room.send(execute())
    assert room.broker.posted.wait(1) == [TICKET]


@pytest.mark.parametrize("work", [execute(), RESEND], ids=["signal", "resend"])
def test_the_same_work_twice_in_hand_is_done_once(room: Room, work: ExecuteSignal | ResendOrder) -> None:
    with room.broker.holding("ACME"):
        room.send(work)
        room.broker.posted.wait(1)
        room.send(work, work, work)
        room.executor.ping(timeout=PATIENCE_S)
    room.send(execute(2))
    room.broker.posted.wait(2)
    assert room.posted == ["sf-s-1", "sf-s-2"]


def test_the_same_id_of_another_source_is_other_work(room: Room) -> None:
    with room.broker.holding("ACME") as free:
        room.send(execute())
        room.send(ExecuteSignal(signal=a_signal(source="cli")))
        room.broker.posted.wait(1)
        free.set()
        room.ledger.outbox.asked.wait(2, PlanEntry)
    assert [plan.source for plan in room.ledger.outbox.asked.of(PlanEntry)] == ["api", "cli"]
