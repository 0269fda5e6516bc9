"""Alarms behind a real ledger's journal, in front of a real HTTP server."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from persistence.queries import JournalQueries
from persistence.store import LedgerStore
from tests.domain.builders import NOW
from tests.watch.service import Service
from watch.alarms import Alarms, Wanted
from watch.bookmark import Bookmark
from watch.channel import Pace
from watch.kinds import Kind, switched
from watch.looking import Look
from watch.services import services
from watch.tail import Tail
from watch.telling import Teller

ALL_WELL = Look(NOW, timedelta(0), True, "all is well", None, 0, {})
FAST = Pace(between_s=0.0, first_retry_s=0.01, longest_retry_s=0.02)


@dataclass
class Running:
    alarms: Alarms
    tail: Tail
    store: LedgerStore

    def journal(self, *kinds_and_refs: tuple[str, str]) -> None:
        journal(self.store, *kinds_and_refs)
        self.tail.tell()


def journal(store: LedgerStore, *kinds_and_refs: tuple[str, str]) -> None:
    with store.unit() as unit:
        for kind, ref in kinds_and_refs:
            unit.journal(kind, ref, {"reason": f"about {ref}", "by": "api"}, at=NOW)


@contextmanager
def running(store: LedgerStore, service: Service, kinds: str = "", pace: Pace = FAST) -> Iterator[Running]:
    """Alarms from their start to their end, as a process has them."""
    wanted = Wanted(
        who="Starfill", services=services([service.url()]), kinds=switched(kinds), gate_s=60, pace=pace
    )
    reads = JournalQueries(store)
    alarms = Alarms(
        wanted,
        teller=Teller(lambda _: None),
        look=lambda: ALL_WELL,
        bookmark=Bookmark(store.path.parent, store.path),
        clock=lambda: NOW,
    )
    tail = Tail(reads, [alarms], round_s=0.0)
    tail.start()
    try:
        yield Running(alarms, tail, store)
    finally:
        tail.close(10)
        alarms.close(10)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LedgerStore]:
    ledger = LedgerStore.open(tmp_path / "ledger.sqlite3", clock=lambda: NOW)
    yield ledger
    ledger.close()


def test_a_halt_reaches_its_owner(store: LedgerStore, service: Service) -> None:
    with running(store, service) as bot:
        bot.journal(("halted", "ACME"))
        assert service.next().startswith("15:00:00 ACME is halted by api: about ACME.")


def test_what_was_before_the_first_start_is_not_told(store: LedgerStore, service: Service) -> None:
    journal(store, ("halted", "OLD"))
    with running(store, service) as bot:
        bot.journal(("halted", "NEW"))
        assert "NEW" in service.next()
    assert service.messages.empty()


def test_a_kind_that_is_off_is_not_told(store: LedgerStore, service: Service) -> None:
    with running(store, service, kinds="halt") as bot:
        bot.journal(("order_refused", "sf-1"), ("halted", "ACME"))
        assert len(service.next().splitlines()) == 1
        assert [each.kind for each in bot.alarms.seen().recent] == [Kind.HALT]


def test_a_flood_comes_as_few_messages_and_its_halt_is_told(store: LedgerStore, service: Service) -> None:
    service.open.clear()
    with running(store, service) as bot:
        bot.journal(("order_refused", "first"))
        assert service.asked.wait(10)
        bot.journal(*[("order_refused", f"sf-{number}") for number in range(400)], ("halted", "all"))
        bot.tail.close(10)  # all is read
        service.open.set()
        assert "first" in service.next()
        lines = service.next().splitlines()
    assert any("Everything is halted" in line for line in lines)
    assert lines[-1] == "and 391 more (391 refusal)"
    assert service.messages.empty()


def test_a_restart_repeats_nothing(store: LedgerStore, service: Service) -> None:
    with running(store, service) as bot:
        bot.journal(("halted", "ONE"))
        service.lines_until("ONE")
    with running(store, service) as bot:
        bot.journal(("halted", "TWO"))
        assert [line for line in service.lines_until("TWO") if "ONE" in line] == []


def test_what_happened_while_nobody_was_told_is_told_after_the_restart(
    store: LedgerStore, service: Service
) -> None:
    with running(store, service):
        pass
    journal(store, ("halted", "MEANWHILE"))
    with running(store, service):
        service.lines_until("MEANWHILE is halted")


def test_a_halt_that_no_service_took_is_told_after_the_restart(store: LedgerStore, service: Service) -> None:
    service.status = 500
    with running(store, service, pace=Pace(first_retry_s=3600)) as bot:
        bot.journal(("halted", "ACME"))
        assert service.asked.wait(10)
    service.status = 200
    with running(store, service):
        service.lines_until("ACME is halted")


def test_a_failing_channel_is_shown_and_so_is_that_it_is_well_again(
    store: LedgerStore, service: Service
) -> None:
    service.status = 500
    with running(store, service, pace=Pace(first_retry_s=3600)) as bot:
        assert (bot.alarms.seen().failing, bot.alarms.test()) == (0, True)
    seen = bot.alarms.seen()
    assert (seen.failing, seen.channels[0].ok, seen.channels[0].queued) == (1, False, 1)
    assert [(each.kind, each.delivered) for each in seen.recent] == [(Kind.TEST, False)]
    service.status = 200
    with running(store, service) as bot:
        bot.alarms.test()
    seen = bot.alarms.seen()
    assert (seen.failing, [each.delivered for each in seen.recent]) == (0, [True])
