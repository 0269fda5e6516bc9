"""What a lane, or a preview, looks up at the broker for a decision, and what becomes of reads that fail."""

import threading
from typing import Any

import pytest

from actors.base import Address
from actors.entry_preview import preview_entry
from actors.entry_reads import MOST_ROUNDS, read_for_entry
from actors.lane import Free, Lane, Serve
from broker.api import NotFound, ReadFailed
from domain.messages import (
    Declined,
    ExecuteSignal,
    LedgerUnwritable,
    NotPreviewed,
    PlanEntry,
    Planned,
    Previewed,
    PreviewEntry,
)
from domain.rules import EntryReads, ReadsWanted, weigh_entry
from tests.actors.doubles import PATIENCE_S, ManualClock, ManualTimers, Outbox, ScriptedBroker, Stage
from tests.domain.builders import a_quote, a_signal, a_ticket, an_asset, facts, later

ASSET = ReadsWanted(symbol="ACME", asset=True, quote=False)
QUOTE = ReadsWanted(symbol="ACME", asset=False, quote=True)
BOTH = ReadsWanted(symbol="ACME", asset=True, quote=True)
FAILED = ReadFailed(why="timed out", retry_after_s=1)
NOW = later(1)
KNOWN = EntryReads(asset=an_asset(), at=NOW)
PRICED = EntryReads(quote=a_quote("10"), at=NOW)


def a_broker(**answers: Any) -> ScriptedBroker:
    given: dict[str, Any] = {"asset": an_asset(), "snapshots": {"ACME": a_quote("10")}}
    return ScriptedBroker(**given | answers)


# --- the reads ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "before", "reads", "calls"),
    [
        (ASSET, None, KNOWN, [("asset", "ACME")]),
        (QUOTE, None, PRICED, [("snapshots", ("ACME",))]),
        (BOTH, None, KNOWN.having({"quote": a_quote("10")}), [("asset", "ACME"), ("snapshots", ("ACME",))]),
        (QUOTE, KNOWN, KNOWN.having({"quote": a_quote("10")}), [("snapshots", ("ACME",))]),
    ],
)
def test_exactly_what_is_wanted_is_read_and_kept_with_what_was_read_before(
    wanted: ReadsWanted, before: EntryReads | None, reads: EntryReads, calls: list[Any]
) -> None:
    broker = a_broker()
    assert read_for_entry(broker, wanted, before, lambda: NOW) == reads
    assert broker.reads.all() == calls


def test_a_symbol_that_the_broker_does_not_know_is_not_priced() -> None:
    broker = a_broker(asset=NotFound())
    assert read_for_entry(broker, BOTH, None, lambda: NOW) == EntryReads(unknown_symbol=True, at=NOW)
    assert broker.calls("snapshots") == []


def test_a_symbol_that_the_feed_does_not_know_has_a_quote_without_prices() -> None:
    reads = read_for_entry(a_broker(snapshots={}), QUOTE, None, lambda: NOW)
    assert reads == EntryReads(quote=a_quote(None), at=NOW)


@pytest.mark.parametrize("call", ["asset", "snapshots"])
def test_a_read_that_fails_is_no_answer(call: str) -> None:
    assert read_for_entry(a_broker(**{call: FAILED}), BOTH, None, lambda: NOW) == FAILED


# --- a lane ---------------------------------------------------------------------------------------------


class Room:
    """A lane whose ledger answers by a script, the last answer again and again."""

    def __init__(self, stage: Stage, *answers: object, broker: ScriptedBroker | None = None) -> None:
        self.script = list(answers)
        self.ledger = Outbox(self._answer)
        self.executor = Outbox()
        self.broker = broker or a_broker()
        self.stopping = threading.Event()
        self.lane: Address[Any] = stage.spawn(
            Lane,
            broker=self.broker,
            ledger=self.ledger,
            reconciler=Outbox(),
            stream=Outbox(),
            brake=self,
            timers=ManualTimers(),
            clock=ManualClock(),
            stopping=self.stopping,
            on_death=stage.deaths,
        )
        self.lane.send(Serve(self.executor))

    def why_not(self, symbol: str, side: str) -> str | None:
        return None

    def _answer(self, _: Any) -> object:
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return answer() if callable(answer) else answer

    def execute(self) -> list[EntryReads | None]:
        """Have the signal executed; what the ledger was given with each question."""
        self.lane.send(ExecuteSignal(signal=a_signal()))
        self.lane.ping(timeout=PATIENCE_S)
        return [plan.reads for plan in self.ledger.asked.of(PlanEntry)]

    @property
    def freed(self) -> list[Free]:
        return self.executor.told.of(Free)


PLANNED = Planned(order=a_ticket())


def test_a_lane_looks_up_what_the_ledger_wants_and_asks_again(stage: Stage) -> None:
    room = Room(stage, ASSET, QUOTE, PLANNED)
    assert room.execute() == [None, KNOWN, KNOWN.having({"quote": a_quote("10")})]
    assert len(room.broker.posted.all()) == 1
    assert len(room.freed) == 1


@pytest.mark.parametrize("call", ["asset", "snapshots"])
def test_after_a_read_that_failed_nothing_is_decided_and_the_lane_is_free(stage: Stage, call: str) -> None:
    room = Room(stage, BOTH, broker=a_broker(**{call: FAILED}))
    assert room.execute() == [None]
    assert room.broker.posted.all() == []
    assert len(room.freed) == 1


def test_a_ledger_that_is_never_content_holds_no_lane_up(stage: Stage) -> None:
    room = Room(stage, QUOTE)
    assert len(room.execute()) == MOST_ROUNDS
    assert len(room.freed) == 1


def test_a_lane_that_is_being_stopped_reads_nothing_more(stage: Stage) -> None:
    def stop_and_want() -> ReadsWanted:
        room.stopping.set()
        return ASSET

    room = Room(stage, stop_and_want)
    room.execute()
    assert room.broker.reads.all() == []


# --- a preview ------------------------------------------------------------------------------------------

WEIGHED = Previewed(verdict=weigh_entry(facts()).verdict)


def previewed(*script: object, broker: ScriptedBroker | None = None) -> tuple[object, Outbox]:
    answers = list(script)
    ledger = Outbox(lambda _: answers.pop(0) if len(answers) > 1 else answers[0])
    found = preview_entry(a_signal(), ledger=ledger, broker=broker or a_broker(), clock=lambda: NOW)
    return found, ledger


def test_a_preview_looks_up_the_same(stage: Stage) -> None:
    found, ledger = previewed(ASSET, QUOTE, WEIGHED)
    assert found == WEIGHED
    assert [mail.reads for mail in ledger.asked.of(PreviewEntry)] == [
        None, KNOWN, KNOWN.having({"quote": a_quote("10")}),
    ]  # fmt: skip


def test_a_preview_whose_read_fails_knows_nothing(stage: Stage) -> None:
    found, _ = previewed(ASSET, broker=a_broker(asset=FAILED))
    assert found == NotPreviewed(why="timed out")


def test_a_preview_ends_whatever_the_ledger_wants() -> None:
    found, ledger = previewed(QUOTE)
    assert isinstance(found, NotPreviewed)
    assert len(ledger.asked.all()) == MOST_ROUNDS


def test_a_ledger_that_cannot_be_written_previews_nothing() -> None:
    unwritable = LedgerUnwritable(why="the disk is full")
    assert previewed(unwritable)[0] == unwritable


def test_what_is_declined_is_not_looked_up(stage: Stage) -> None:
    room = Room(stage, Declined(verdict=None))
    assert room.execute() == [None]
    assert room.broker.reads.all() == []
