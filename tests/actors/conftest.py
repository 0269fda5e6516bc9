from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actors.books import Books
from tests.actors.doubles import ManualClock, ManualTimers, Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Real actors, stopped behind the test; a death that no test took fails it."""
    stage = Stage()
    yield stage
    stage.close()


@pytest.fixture
def timers() -> ManualTimers:
    return ManualTimers()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def books(tmp_path: Path, stage: Stage, clock: ManualClock) -> Iterator[Books]:
    """A real ledger, its gate closed as at a start."""
    books = Books(tmp_path, stage, clock)
    yield books
    books.close()
