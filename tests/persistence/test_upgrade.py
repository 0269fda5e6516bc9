"""A ledger that an older version wrote goes on with all that it held."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from domain.holdings import Halt, Holding
from domain.orders import Life
from persistence.errors import LedgerUnusable
from persistence.migrate import migrations
from persistence.queries import Queries
from persistence.store import LedgerStore, verify_journal
from tests.persistence.making import EXACT, NOW, an_execution

WRITTEN_BY_0001 = Path(__file__).with_name("ledger_0001.sql")


@pytest.fixture
def old(path: Path) -> Path:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(WRITTEN_BY_0001.read_text(encoding="utf-8"))
    return path


def schema(path: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return set(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


def test_an_old_ledger_keeps_its_orders_trades_positions_and_halts(old: Path) -> None:
    store = LedgerStore.open(old, clock=lambda: NOW)
    with store.unit() as unit:
        orders = unit.orders_by_id(client_order_ids=[f"sf-api-s{n}" for n in range(3)], broker_order_ids=[])
        assert [order.life for order in orders.values()] == [Life.DONE, Life.WORKING, Life.UNRESOLVED]
        assert {order.silent_since for order in orders.values()} == {None}
        assert orders["sf-api-s0"].filled_qty == Decimal("10.5")
        assert orders["sf-api-s2"].missing_since == NOW
        assert unit.positions() == {"AAPL": Decimal("10.5"), "MSFT": Decimal(3), "TSLA": Decimal(-2)}
        assert unit.trades([1])[1].shares == Decimal("10.5")
        assert unit.standing_halts() == (Halt(scope="KO", reason="looked up in vain", by="ledger", at=NOW),)
        assert (unit.holdings(), unit.books_opened(), unit.watermark()) == ({}, False, None)
    assert store.account_id() == "account-1"
    assert verify_journal(store).broken_at is None
    assert (store.lease().epoch, store.lease().renewed_at) == (0, None)
    assert Queries(store).recomputed_holdings() == {"AAPL": Decimal("10.5"), "MSFT": Decimal(3)}
    store.close()


def test_an_old_ledgers_evidence_is_kept_and_can_be_replaced_by_better(old: Path) -> None:
    store = LedgerStore.open(old, clock=lambda: NOW)
    queries = Queries(store)
    rows = queries.executions_of("sf-api-s0")
    seen = [(row.execution.execution_id, row.filled_qty_after, row.source) for row in rows]
    assert seen == [("e1", Decimal(4), "stream"), ("inferred:b0:10.5", Decimal("10.5"), "inferred")]
    told = an_execution("sf-api-s0", "a2").model_copy(
        update={"filled_qty_after": Decimal("10.50"), "source": "activity"}
    )
    with store.unit() as unit:
        unit.add_executions([told])
    assert [row.execution.execution_id for row in queries.executions_of("sf-api-s0")] == ["a2", "e1"]
    store.close()


def test_an_old_ledger_ends_with_the_schema_of_a_new_one(old: Path, tmp_path: Path) -> None:
    LedgerStore.open(old, clock=lambda: NOW).close()
    new = tmp_path / "new.db"
    LedgerStore.open(new, clock=lambda: NOW).close()
    assert schema(old) == schema(new)
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    (backup,) = old.parent.glob("*.bak")
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_an_upgraded_ledger_takes_what_is_new(old: Path) -> None:
    store = LedgerStore.open(old, clock=lambda: NOW)
    held = Holding(symbol="TSLA", opening=Decimal(-2), believed=Decimal(-2))
    with store.unit() as unit:
        order = unit.orders_by_id(client_order_ids=["sf-api-s2"], broker_order_ids=[])["sf-api-s2"]
        unit.save_orders([order.having({"silent_since": NOW})], at=NOW)
        unit.save_holdings([held])
        unit.open_books(NOW)
    with store.unit() as unit:
        order = unit.orders_by_id(client_order_ids=["sf-api-s2"], broker_order_ids=[])["sf-api-s2"]
        assert (order.silent_since, order.qty_before) == (NOW, EXACT)
        assert unit.holdings() == {"TSLA": held}
    store.close()


def test_an_upgrade_that_cannot_be_leaves_the_old_ledger_as_it_was(old: Path) -> None:
    twice = "INSERT INTO adjustment (symbol, qty, reason, evidence, at) VALUES ('KO', '1', 'split', 'a1', 0)"
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        connection.execute(twice)
        connection.execute(twice)
    before = schema(old)
    with pytest.raises(LedgerUnusable, match=r"UNIQUE constraint.*left as it was"):
        LedgerStore.open(old, clock=lambda: NOW)
    assert schema(old) == before
