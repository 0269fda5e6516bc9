"""The executor and its lanes: what is asked, what is POSTed, and who is told."""

import threading
from decimal import Decimal
from typing import Any

import pykka
import pytest

from actors.base import Address
from actors.lane import BRAKED_RETRY_S, DEFERRED_RETRY_S, SPREAD_S, Lane
from actors.order_executor import OrderExecutor
from broker.api import Accepted, NotFound, NotSent, ReadFailed, Rejected, SubmitOutcome, Unresolved
from domain.messages import (
    CancelOrder,
    ClosePosition,
    Declined,
    ExecuteSignal,
    ExecutorMail,
    LedgerUnwritable,
    LookUpOrder,
    OrderAccepted,
    OrderNotSent,
    OrderPlaced,
    OrderRejected,
    OrderUnresolved,
    PlanEntry,
    PlanExit,
    Planned,
    PlanResend,
    PlanStop,
    ProtectPosition,
    ReadOrder,
    ResendOrder,
)
from domain.orders import OrderTicket
from domain.reconcile import BrokerPosition
from domain.rules import Deferred
from tests.actors.doubles import (
    PATIENCE_S,
    ManualClock,
    ManualTimers,
    Outbox,
    ScriptedBroker,
    Stage,
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


class ScriptedBrake:
    """Lets everything pass until it is given a reason."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.asked: list[tuple[str, str]] = []

    def why_not(self, symbol: str, side: str) -> str | None:
        self.asked.append((symbol, side))
        return self.reason


class Room:
    """An executor and its lanes between their scripted neighbours."""

    def __init__(self, stage: Stage, timers: ManualTimers, clock: ManualClock, lanes: int = 8) -> None:
        self.broker, self.ledger, self.brake = ScriptedBroker(), Ledger(), ScriptedBrake()
        self.reconciler, self.stream = Outbox(), Outbox()
        self.timers, self.clock, self.stopping = timers, clock, threading.Event()
        self.lanes: list[Address[Any]] = [self._lane(stage) for _ in range(lanes)]
        self.executor: Address[Any] = stage.spawn(OrderExecutor, lanes=self.lanes, on_death=stage.deaths)

    def _lane(self, stage: Stage) -> Address[Any]:
        lane: Address[Any] = stage.spawn(
            Lane,
            broker=self.broker,
            ledger=self.ledger.outbox,
            reconciler=self.reconciler,
            stream=self.stream,
            brake=self.brake,
            timers=self.timers,
            clock=self.clock,
            stopping=self.stopping,
            on_death=stage.deaths,
            chance=lambda: 0.5,
        )
        return lane

    def send(self, *mail: ExecutorMail) -> None:
        for each in mail:
            if isinstance(each, ExecuteSignal):
                self.ledger.symbols[each.signal.signal_id] = each.signal.symbol
            self.executor.send(each)

    def settle(self) -> None:
        """Wait until the lanes have done what they have, and the executor knows."""
        self.executor.ping(timeout=PATIENCE_S)
        for lane in self.lanes:
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


# --- the last look ---------------------------------------------------------------------------------


def test_the_brake_is_asked_about_each_order_before_its_post(room: Room) -> None:
    room.send(execute())
    room.broker.posted.wait(1)
    assert room.brake.asked == [("ACME", "buy")]


@pytest.mark.parametrize(
    ("work", "never_sent"), [(execute(), True), (RESEND, False)], ids=["signal", "resend"]
)
def test_a_braked_order_is_not_posted_is_told_once_and_tried_again(
    room: Room, work: ExecuteSignal | ResendOrder, never_sent: bool
) -> None:
    room.brake.reason = "halted: by hand"
    room.send(work)
    room.timers.wait()
    assert [room.timers.fire() for _ in range(3)] == [
        BRAKED_RETRY_S, BRAKED_RETRY_S + SPREAD_S / 2, BRAKED_RETRY_S + SPREAD_S / 2,
    ]  # fmt: skip
    room.timers.wait()
    assert room.posted == []
    assert room.ledger.outbox.told.all() == [OrderNotSent(client_order_id="sf-s-1", why="halted: by hand")]
    room.brake.reason = None
    room.timers.fire()
    room.broker.posted.wait(1)
    again = PlanResend(client_order_id="sf-s-1", never_sent=never_sent)
    assert room.ledger.outbox.asked.all()[1:] == [again] * 4


# --- what the stream is told -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "told"),
    [("pending_new", True), ("new", True), ("partially_filled", True), ("filled", True),
     ("accepted", False), ("held", False), ("canceled", False), ("a_new_word", False)],
)  # fmt: skip
def test_the_stream_is_told_of_orders_that_it_should_tell_of(room: Room, status: str, told: bool) -> None:
    room.broker.outcome = lambda order: Accepted(update=taken(order).having({"status": status}))
    room.send(execute())
    room.ledger.outbox.told.wait(1, OrderAccepted)
    room.settle()
    placed = OrderPlaced(client_order_id="sf-s-1", broker_order_id="broker-sf-s-1")
    assert room.stream.told.all() == ([placed] if told else [])


@pytest.mark.parametrize(
    "outcome", [outcome for outcome, _ in OUTCOMES if not isinstance(outcome, Accepted)], ids=repr
)
def test_the_stream_is_not_told_of_orders_that_are_not_known_to_exist(
    room: Room, outcome: SubmitOutcome
) -> None:
    room.broker.outcome = lambda _: outcome
    room.send(execute())
    room.ledger.outbox.told.wait(1)
    room.settle()
    assert room.stream.told.all() == []


# --- a ledger that has no plan to give -------------------------------------------------------------


def unwritable(_: object) -> object:
    return LedgerUnwritable(why="the disk is full")


def slow(_: object) -> object:
    raise pykka.Timeout("20 seconds")


@pytest.mark.parametrize("answer", [unwritable, slow])
@pytest.mark.parametrize("work", [execute(), RESEND], ids=["signal", "resend"])
def test_a_ledger_that_gives_no_plan_lets_the_work_go_and_nothing_is_posted(
    room: Room, work: ExecuteSignal | ResendOrder, answer: Any
) -> None:
    plans, room.ledger.outbox._answer = room.ledger.outbox._answer, answer
    room.send(work)
    room.ledger.outbox.asked.wait(1)
    room.settle()
    assert (room.posted, room.timers.delays) == ([], [])
    room.ledger.outbox._answer = plans
    room.send(work)  # as the receiver's scan and the audit do
    room.broker.posted.wait(1)
    assert room.posted == ["sf-s-1"]


@pytest.mark.parametrize("answer", [unwritable, slow])
def test_a_waiting_order_is_let_go_when_the_ledger_gives_no_plan(room: Room, answer: Any) -> None:
    room.broker.outcome = lambda _: NotSent(why="rate limit", retry_after_s=1)
    room.send(execute())
    room.timers.wait()
    room.ledger.outbox._answer = answer
    room.timers.fire()
    room.ledger.outbox.asked.wait(2)
    room.settle()
    assert (len(room.posted), room.timers.delays) == (1, [])


# --- cancels ---------------------------------------------------------------------------------------

CANCEL = CancelOrder(client_order_id="sf-s-1", broker_order_id="broker-1", symbol="ACME")
NO_ANSWER = ReadFailed(why="read timeout")


@pytest.mark.parametrize("answer", ["requested", "too_late", NotFound()], ids=repr)
def test_an_answered_cancel_is_asked_for_once_whatever_the_brake_says(room: Room, answer: object) -> None:
    room.broker.script("cancel", answer)
    room.brake.reason = "everything is halted"
    room.send(CANCEL)
    room.settle()
    assert room.broker.calls("cancel") == ["broker-1"]
    assert room.timers.delays == []
    assert (room.ledger.outbox.asked.all(), room.ledger.outbox.told.all()) == ([], [])
    # What has ended may not have been told, and a sale may wait for it.
    read = [] if answer == "requested" else [ReadOrder(broker_order_id="broker-1")]
    assert room.reconciler.told.all() == read


def test_a_cancel_without_an_answer_is_asked_for_again_at_growing_distance(room: Room) -> None:
    room.broker.script("cancel", NO_ANSWER, NO_ANSWER, NO_ANSWER, "requested")
    room.send(CANCEL)
    room.timers.wait()
    assert [room.timers.fire() for _ in range(3)] == [0.5, 1, 2]
    room.settle()
    assert room.broker.calls("cancel") == ["broker-1"] * 4
    assert room.timers.delays == []


def test_a_cancel_held_back_by_the_rate_limit_waits_as_long_as_it_says(room: Room) -> None:
    room.broker.script("cancel", ReadFailed(why="rate limit", retry_after_s=7), "requested")
    room.send(CANCEL)
    assert room.timers.wait() == 7


def test_a_cancel_that_is_never_answered_is_let_go_after_ten_more_tries(room: Room) -> None:
    room.broker.script("cancel", NO_ANSWER)
    room.send(CANCEL)
    delays = [room.timers.fire() for _ in range(10)]
    room.settle()
    assert len(room.broker.calls("cancel")) == 11
    assert (max(delays), room.timers.delays) == (30, [])
    room.broker.script("cancel", "requested")
    room.send(CANCEL)  # nothing of it is left in hand
    room.settle()
    assert len(room.broker.calls("cancel")) == 12


def test_a_cancel_and_a_resend_of_one_order_are_two_pieces_of_work_on_one_lane(room: Room) -> None:
    room.broker.script("cancel", "requested")
    with room.broker.holding("ACME") as free:
        room.send(RESEND)
        room.broker.posted.wait(1)
        room.send(CANCEL, CANCEL)
        room.executor.ping(timeout=PATIENCE_S)
        assert room.broker.calls("cancel") == []
        free.set()
        room.settle()
    assert room.broker.calls("cancel") == ["broker-1"]


# --- selling --------------------------------------------------------------------------------------

CLOSE = ClosePosition(trade_id=7, symbol="ACME", reason="hard_stop", detail="at 93", by="monitor")
PROTECT = ProtectPosition(trade_id=7, symbol="ACME")
SELL = a_ticket(client_order_id="sf-exit", leg="exit", side="sell", notional=None, qty=Decimal(10))
ASKED = {
    CLOSE: PlanExit(trade_id=7, reason="hard_stop", detail="at 93", by="monitor"),
    PROTECT: PlanStop(trade_id=7),
}


@pytest.mark.parametrize("work", [CLOSE, PROTECT], ids=lambda work: type(work).__name__)
def test_what_is_to_be_sold_is_planned_and_posted_once(room: Room, work: ExecutorMail) -> None:
    room.ledger.script = [Planned(order=SELL)]
    room.send(work)
    room.settle()
    assert room.ledger.outbox.asked.all() == [ASKED[work]]
    assert room.broker.posted.all() == [SELL]
    assert room.brake.asked == [("ACME", "sell")]
    assert room.ledger.outbox.told.all() == [OrderAccepted(update=taken(SELL))]


@pytest.mark.parametrize("answer", [Declined(verdict=None), Deferred(reason="its buy is canceled first")])
def test_what_cannot_be_sold_now_is_let_go_and_may_be_asked_for_again(room: Room, answer: object) -> None:
    room.ledger.script = [answer, Planned(order=SELL)]
    for _ in range(2):
        room.send(CLOSE)
        room.settle()
    assert room.posted == ["sf-exit"]
    assert room.timers.delays == []


def test_a_sale_that_is_asked_for_again_while_it_is_in_hand_is_done_once(room: Room) -> None:
    room.ledger.script = [Planned(order=SELL), Planned(order=SELL)]
    with room.broker.holding("ACME") as free:
        room.send(CLOSE, CLOSE)
        room.broker.posted.wait(1)
        room.send(CLOSE)
        free.set()
        room.settle()
    assert room.posted == ["sf-exit"]


def test_a_sale_that_could_not_leave_is_planned_anew_before_it_does(room: Room) -> None:
    room.ledger.script = [Planned(order=SELL), Declined(verdict=None)]
    room.broker.outcome = lambda _: NotSent(why="connection refused", retry_after_s=1)
    room.send(CLOSE)
    room.timers.fire()
    room.settle()
    assert room.ledger.outbox.asked.all()[1:] == [PlanResend(client_order_id="sf-exit", never_sent=True)]
    assert room.posted == ["sf-exit"]


def test_a_symbols_buy_and_its_sale_do_not_overtake_each_other(room: Room) -> None:
    with room.broker.holding("ACME") as free:
        room.send(execute())
        room.broker.posted.wait(1)
        room.ledger.script = [Planned(order=SELL)]
        room.send(CLOSE)
        room.executor.ping(timeout=PATIENCE_S)
        assert len(room.ledger.outbox.asked.all()) == 1
        free.set()
        room.settle()
    assert room.posted == ["sf-s-1", "sf-exit"]


@pytest.mark.parametrize(
    ("told", "qty"),
    [
        (BrokerPosition(symbol="ACME", qty=Decimal("7.5")), Decimal("7.5")),
        (NotFound(), Decimal(0)),
        (ReadFailed(why="no answer"), None),
    ],
)
def test_before_a_sale_the_account_is_asked_what_it_holds(
    room: Room, told: object, qty: Decimal | None
) -> None:
    room.broker.script("position", told)
    room.ledger.script = [Planned(order=SELL)]
    room.send(CLOSE)
    room.settle()
    assert room.broker.calls("position") == ["ACME"]
    [question] = room.ledger.outbox.asked.all()
    assert question.position_qty == qty
