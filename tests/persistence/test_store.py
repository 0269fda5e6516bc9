"""A unit of work is one durable transaction; the account and its owner's will are kept in it."""

import json
import sqlite3
import subprocess
import sys
import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from pony.orm import db_session

from domain.config import BotConfig
from persistence.database import PRAGMAS, pragmas_of, thread_connection
from persistence.queries import Queries
from persistence.store import LedgerBelongsElsewhere, LedgerStore, verify_journal
from tests.persistence.making import (
    EXACT,
    NOW,
    a_signal,
    add_entry,
    add_signal,
    planned,
    the_order,
)

LATER = NOW + timedelta(seconds=1, microseconds=1)


def settings_of_this_thread(store: LedgerStore) -> dict[str, object]:
    with db_session(immediate=True):
        return pragmas_of(thread_connection(store.database))


def test_every_connection_is_durable_and_checks_references(store: LedgerStore) -> None:
    seen = [settings_of_this_thread(store)]
    thread = threading.Thread(target=lambda: seen.append(settings_of_this_thread(store)))
    thread.start()
    thread.join()
    assert seen == [{"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}] * 2
    assert seen[0] == PRAGMAS


def test_a_unit_inside_another_session_is_refused(store: LedgerStore) -> None:
    with db_session, pytest.raises(RuntimeError, match="would not be committed"), store.unit():
        pass
    with store.unit(), pytest.raises(RuntimeError, match="would not be committed"), store.unit():
        pass
    with db_session, pytest.raises(RuntimeError, match="would not be committed"):
        store.take_lease(holder="pid 1", at=NOW)
    planned(store)


def test_an_exception_undoes_the_whole_unit(store: LedgerStore, queries: Queries) -> None:
    def fail() -> None:
        with store.unit() as unit:
            add_entry(unit, a_signal())
            unit.set_positions({"AAPL": EXACT}, at=NOW)
            unit.journal("planned", "s1", {}, at=NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert queries.counts().model_dump() == {"signals": {}, "trades": {}, "orders": {}, "executions": 0}
    with store.unit() as unit:
        assert unit.positions() == {}
    assert verify_journal(store).rows == 0


def test_a_unit_that_ended_is_seen_by_another_process(store: LedgerStore) -> None:
    planned(store)
    script = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])"
    command = [sys.executable, "-c", script, str(store.path), "SELECT symbol FROM bot_trade"]
    seen = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert seen.stdout == "AAPL\n"


def test_readers_neither_wait_for_the_writer_nor_see_its_half_done_work(
    store: LedgerStore, queries: Queries
) -> None:
    seen: list[object] = []

    def look() -> None:
        seen.append(queries.counts().signals)
        seen.append(queries.trades(limit=1).items)

    with store.unit() as unit:
        add_entry(unit, a_signal())
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(timeout=10)
        assert seen == [{}, ()]
    assert queries.counts().signals == {"received": 1}


def test_a_unit_is_of_no_use_after_its_end(store: LedgerStore, queries: Queries) -> None:
    with store.unit() as unit:
        pass
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        add_signal(unit, a_signal())
    assert queries.counts().signals == {}


def test_a_unit_may_run_in_any_thread(store: LedgerStore) -> None:
    thread = threading.Thread(target=lambda: planned(store))
    thread.start()
    thread.join()
    assert the_order(store, "sf-api-s1").symbol == "AAPL"


def test_positions_are_as_last_heard(store: LedgerStore) -> None:
    with store.unit() as unit:
        unit.set_positions({"AAPL": EXACT, "MSFT": -EXACT, "TSLA": Decimal(1)}, at=NOW)
        unit.set_positions({"TSLA": Decimal(0)}, at=LATER)
    with store.unit() as unit:
        assert unit.positions() == {"AAPL": EXACT, "MSFT": -EXACT}
        assert unit.positions(["TSLA", "AAPL", "NONE"]) == {"AAPL": EXACT, "TSLA": Decimal(0)}


def test_the_settings_begin_with_the_defaults(store: LedgerStore) -> None:
    with store.unit() as unit:
        assert unit.config() == BotConfig()


def test_every_setting_is_kept_exactly_and_its_change_journaled(store: LedgerStore) -> None:
    changed = BotConfig(
        trade_size_stars_3=EXACT,
        trade_size_stars_4=EXACT + 1,
        trade_size_stars_5=EXACT + 2,
        enabled_catalyst_tiers=(2, 1),
        max_concurrent_positions=7,
        daily_loss_limit_usd=EXACT + 3,
        max_share_price_usd=EXACT + 4,
        hard_stop_loss_pct=Decimal("1.123456"),
        profit_target_pct=Decimal("2.123456"),
        trailing_stop_pct=Decimal("3.123456"),
        trailing_stop_dollar=EXACT + 5,
        max_hold_duration_sec=9,
        allowed_symbols=("ACME",),
        denied_symbols=("KO", "BRK.B"),
        price_collar_pct=Decimal("4.123456"),
        max_order_notional_usd=EXACT + 6,
        max_orders_per_minute=11,
        max_orders_per_day=12,
        max_total_exposure_usd=EXACT + 7,
        symbol_cooldown_sec=13,
        max_consecutive_refusals=14,
        max_orders_per_signal_ratio=EXACT + 8,
        close_before_end_min=16,
        price_max_age_sec=17,
        protective_stop=True,
        closed_market_policy="hold",
        no_entries_first_min=18,
    )
    with store.unit() as unit:
        assert unit.save_config(changed, at=LATER, by="owner")
        assert unit.config() == changed
    with store.unit() as unit:
        assert unit.config() == changed
    assert Queries(store).config() == changed
    with db_session:
        (row,) = store.database.select("SELECT kind, ref, payload FROM journal")
    assert row[:2] == ("config_changed", "owner")
    payload = json.loads(row[2])
    assert payload["old"].keys() == payload["new"].keys() == set(BotConfig.model_fields)
    assert payload["old"]["daily_loss_limit_usd"] == "500"
    assert payload["new"]["daily_loss_limit_usd"] == "123456792.123456789"
    assert (payload["old"]["protective_stop"], payload["new"]["protective_stop"]) == (False, True)


def test_of_the_settings_only_what_changed_is_journaled(store: LedgerStore) -> None:
    changed = BotConfig(hard_stop_loss_pct=Decimal("5.5"))
    with store.unit() as unit:
        assert not unit.save_config(BotConfig(hard_stop_loss_pct=Decimal("7.00")), at=NOW, by="owner")
        assert unit.save_config(changed, at=NOW, by="owner")
        assert not unit.save_config(changed, at=LATER, by="owner")
    with db_session:
        payloads = store.database.select("SELECT payload FROM journal")
    assert payloads == ['{"new":{"hard_stop_loss_pct":"5.5"},"old":{"hard_stop_loss_pct":"7"}}']


def test_a_halt_stands_until_it_is_cleared(store: LedgerStore) -> None:
    with store.unit() as unit:
        unit.add_halt(scope="AAPL", reason="unexplained", by="ledger", at=NOW)
        unit.add_halt(scope="AAPL", reason="unexplained", by="ledger", at=LATER)
        unit.add_halt(scope="AAPL", reason="busted", by="ledger", at=NOW)
        unit.add_halt(scope="all", reason="keys refused", by="ledger", at=NOW)
    with store.unit() as unit:
        assert unit.active_halts("AAPL") == ("unexplained", "busted", "keys refused")
        assert unit.active_halts("MSFT") == ("keys refused",)
        assert unit.active_halts(None) == ("keys refused",)
        assert unit.clear_halts(scope="AAPL", by="owner", reason="looked", at=LATER) == 2
        assert unit.clear_halts(scope="AAPL", by="owner", reason="looked", at=LATER) == 0
        assert unit.active_halts("AAPL") == ("keys refused",)
        unit.add_halt(scope="AAPL", reason="busted", by="ledger", at=LATER)
        assert unit.active_halts("AAPL") == ("keys refused", "busted")
    assert verify_journal(store).rows == 5


def test_a_ledger_belongs_to_one_account(store: LedgerStore) -> None:
    assert store.account_id() is None
    store.bind_account("account-1")
    store.bind_account("account-1")
    with pytest.raises(LedgerBelongsElsewhere, match=r"account-1.*account-2"):
        store.bind_account("account-2")
    assert store.account_id() == "account-1"
