from collections.abc import Iterator
from pathlib import Path

import pytest

from persistence.queries import Queries
from persistence.store import LedgerStore
from tests.persistence.making import NOW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def store(path: Path) -> Iterator[LedgerStore]:
    ledger = LedgerStore.open(path, clock=lambda: NOW)
    yield ledger
    ledger.close()


@pytest.fixture
def queries(store: LedgerStore) -> Queries:
    return Queries(store)
