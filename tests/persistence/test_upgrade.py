"""A ledger that an older version wrote goes on with all that it held."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.config import BotConfig
from domain.holdings import Halt, Holding
from domain.orders import Life, OrderTicket
from domain.values import ZERO
from persistence.errors import LedgerUnusable
from persistence.migrate import migrations
from persistence.queries import Queries
from persistence.store import LedgerStore, verify_journal
from tests.persistence.making import EXACT, NOW, an_execution


def written(path: Path, version: int) -> Path:
    """A ledger as that version of the schema left it."""
    path.parent.mkdir()
    dump = Path(__file__).with_name(f"ledger_{version:04}.sql")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    return path


@pytest.fixture
def old(path: Path) -> Path:
    return written(path, 1)


@pytest.fixture
def second(path: Path) -> Path:
    return written(path, 2)


@pytest.fixture(params=[2, 3])
def with_all_columns(request: pytest.FixtureRequest, path: Path) -> Path:
    """From a version whose rows are kept to the letter."""
    return written(path, request.param)


@pytest.fixture(params=[1, 2, 3])
def any_old(request: pytest.FixtureRequest, path: Path) -> Path:
    return written(path, request.param)


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


def test_an_old_ledger_ends_with_the_schema_of_a_new_one(any_old: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(any_old)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()
    LedgerStore.open(any_old, clock=lambda: NOW).close()
    new = tmp_path / "new.db"
    LedgerStore.open(new, clock=lambda: NOW).close()
    assert schema(any_old) == schema(new)
    with closing(sqlite3.connect(any_old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    (backup,) = any_old.parent.glob("*.bak")
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == version


Rows = list[tuple[object, ...]]


def contents(path: Path, columns: dict[str, tuple[str, ...]] | None = None) -> dict[str, Rows]:
    """All rows of all tables, or of these columns of these tables; as they were written."""
    with closing(sqlite3.connect(path)) as connection:
        if columns is None:
            columns = columns_of(path)
        return {
            table: connection.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY {first}").fetchall()
            for table, names in columns.items()
            for first in ["rowid" if table not in {"holding", "position"} else "symbol"]
        }


def columns_of(path: Path) -> dict[str, tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {
            table: tuple(row[1] for row in connection.execute(f"PRAGMA table_info({table})"))
            for table in tables
        }


def test_every_row_is_kept_to_the_letter_and_in_its_order(with_all_columns: Path) -> None:
    before, columns = contents(with_all_columns), columns_of(with_all_columns)
    assert all(before.values()), "the old ledger has an empty table: nothing shows that its rows are kept"
    LedgerStore.open(with_all_columns, clock=lambda: NOW).close()
    assert contents(with_all_columns, columns) == before


def test_of_the_first_version_only_the_zeros_at_the_end_of_fills_are_lost(old: Path) -> None:
    before, columns = contents(old), columns_of(old)
    LedgerStore.open(old, clock=lambda: NOW).close()
    after = contents(old, columns)
    executions = [before.pop("execution"), after.pop("execution")]
    assert after == before
    place = columns["execution"].index("filled_qty_after")
    was, now = (
        [(*row[:place], Decimal(str(row[place])), *row[place + 1 :]) for row in rows] for rows in executions
    )
    assert was == now


def test_an_old_trade_has_sold_nothing_yet_and_can_be_sold(second: Path) -> None:
    store = LedgerStore.open(second, clock=lambda: NOW)
    with store.unit() as unit:
        for trade in unit.trades(range(1, 7)).values():
            assert (trade.sold, trade.split, trade.taken, trade.taken_for) == (ZERO,) * 4
            assert (trade.exit_wanted, trade.exit_trouble, trade.peak_price, trade.watched_at) == (None,) * 4
            assert (trade.naked_usd_s, trade.held) == (ZERO, trade.shares or ZERO)
        [order] = unit.orders_of([1])[1]
        assert (order.leg, order.reason, order.stop_price) == ("entry", None, None)
        x1 = unit.external_orders(["x1"])["x1"]
        assert (x1.filled_avg_price, x1.taken) == (None, ZERO)
        unit.add_exit(
            OrderTicket(
                client_order_id="sf-exit",
                leg="stop",
                symbol="AAPL",
                side="sell",
                type="stop",
                time_in_force="gtc",
                qty=Decimal(10),
                stop_price=Decimal("11.5"),
                post_until=NOW,
            ),
            trade_id=1,
            qty_before=EXACT,
            account_id="account-1",
            config_digest="config",
            code_version="0.2.0",
            at=NOW,
        )
        assert [each.leg for each in unit.orders_of([1])[1]] == ["entry", "stop"]
    assert Queries(store).recomputed_holdings() == {
        "AAPL": Decimal("3.000000001"),
        "MSFT": EXACT + Decimal("3.5"),
    }
    store.close()


def test_old_settings_are_kept_and_the_new_ones_have_their_defaults(second: Path) -> None:
    store = LedgerStore.open(second, clock=lambda: NOW)
    kept: dict[str, Any] = {
        "trade_size_stars_5": Decimal("123.45"),
        "hard_stop_loss_pct": Decimal("6.5"),
        "max_hold_duration_sec": 0,
        "enabled_catalyst_tiers": (1, 3),
    }
    with store.unit() as unit:
        assert unit.config() == BotConfig(**kept)
    store.close()


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
