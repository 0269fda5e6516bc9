"""What stands before the actors: the record of starts, the ledger's lock; each refusal with its exit code."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

import run
from actors.base import Death
from actors.clock import system_clock
from cli.startup import CannotStart, Failed, begin_boot, claim_ledger
from persistence.errors import LeaseLost
from persistence.store import LedgerStore
from settings import Exit, Settings, load


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(mode="simulator", broker_url="http://127.0.0.1:1", state_dir=tmp_path / "state")


@pytest.fixture
def store(settings: Settings) -> Iterator[LedgerStore]:
    settings.state_dir.mkdir()
    store = LedgerStore.open(settings.database, clock=system_clock)
    yield store
    store.close()


def verdict_after(settings: Settings, end: BaseException | None, runs: int = 5) -> str | None:
    """What the next start is told after so many that ended in this way."""
    for _ in range(runs):
        with suppress(Exception, KeyboardInterrupt), ExitStack() as stack:
            begin_boot(settings, stack)
            if end is not None:
                raise end
    with ExitStack() as stack:
        return begin_boot(settings, stack).verdict()


@pytest.mark.parametrize(
    "end",
    [None, CannotStart(Exit.INTERNAL, "the broker does not answer"), KeyboardInterrupt()],
    ids=["stopped", "told", "Ctrl-C"],
)
def test_an_end_that_was_meant_or_told_is_no_crash(settings: Settings, end: BaseException | None) -> None:
    assert verdict_after(settings, end) is None


@pytest.mark.parametrize(
    "end", [Failed("TradeLedger failed"), ValueError("nobody thought of this")], ids=repr
)
def test_ends_that_nobody_meant_add_up_to_a_crash_loop(settings: Settings, end: BaseException) -> None:
    assert verdict_after(settings, end, runs=3) is None
    assert verdict_after(settings, end, runs=1) is not None


def test_a_record_that_cannot_be_written_is_one_clear_line(settings: Settings) -> None:
    settings.state_dir.parent.joinpath("state").write_text("a file where the folder should be")
    with pytest.raises(CannotStart) as refused, ExitStack() as stack:
        begin_boot(settings, stack)
    assert refused.value.code is Exit.INTERNAL
    assert str(settings.state_dir) in str(refused.value)


def test_a_ledger_that_another_process_keeps_is_refused_with_its_name(
    settings: Settings, store: LedgerStore
) -> None:
    with ExitStack() as first:
        claim_ledger(settings, store, first)
        store.take_lease(holder="pid 4711 on here", at=system_clock())
        with pytest.raises(CannotStart, match="pid 4711 on here") as refused, ExitStack() as second:
            claim_ledger(settings, store, second)
        assert refused.value.code is Exit.ALREADY_RUNNING
    with ExitStack() as third:
        claim_ledger(settings, store, third)


def test_a_lost_lease_is_no_failure_but_another_processs_turn() -> None:
    assert run.judged(Exit.CLEAN) == 0
    with pytest.raises(CannotStart, match="pid 4711") as lost:
        run.judged(Death("TradeLedger", LeaseLost("pid 4711")))
    assert lost.value.code is Exit.ALREADY_RUNNING
    with pytest.raises(Failed, match="Lane failed"):
        run.judged(Death("Lane", ValueError("broken")))
