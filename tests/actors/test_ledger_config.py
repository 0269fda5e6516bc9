"""The owner's settings: changed in one transaction, journaled as far as they changed, told when durable."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from domain.config import BotConfig
from domain.messages import ChangeConfig, ConfigChanged, ConfigRefused, ConfigTold, LedgerUnwritable, Planned
from domain.settings_text import SettingChange, SettingFault
from persistence.queries import Queries
from tests.actors.books import Books
from tests.actors.doubles import PATIENCE_S, ManualClock, Stage, ask_later
from tests.actors.test_ledger_commits import plan, queued
from tests.domain.builders import a_signal, dec


@pytest.fixture
def books(tmp_path: Path, stage: Stage, clock: ManualClock) -> Iterator[Books]:
    """A ledger whose settings are the defaults; it waits a moment only for whoever holds the file."""
    books = Books(tmp_path, stage, clock, busy_s=0.01, config=BotConfig())
    yield books
    books.close()


@pytest.fixture
def trading(tmp_path: Path, stage: Stage, clock: ManualClock) -> Iterator[Books]:
    """A ledger without limits, whose gate is open."""
    books = Books(tmp_path, stage, clock)
    books.open_gate()
    yield books
    books.close()


def asked(books: Books, *changes: tuple[str, str], by: str = "cli") -> Any:
    mail = ChangeConfig(changes=changes, by=by)
    return books.ledger.ask(mail, ConfigChanged, ConfigRefused, LedgerUnwritable, timeout=PATIENCE_S)


def changed(books: Books, **changes: str) -> ConfigChanged:
    answer = asked(books, *changes.items())
    assert isinstance(answer, ConfigChanged), answer
    return answer


def journaled(books: Books) -> list[tuple[str, dict[str, Any]]]:
    """Who changed what, as another program reads it."""
    rows = books.rows("SELECT ref, payload FROM journal WHERE kind = 'config_changed' ORDER BY seq")
    return [(by, json.loads(payload)) for by, payload in rows]


def told(books: Books) -> list[BotConfig]:
    books.settle()
    return [news.config for news in books.news.told.of(ConfigTold)]


def test_a_change_is_stored_and_answered_with_all_that_is_set_and_what_is_new(books: Books) -> None:
    answer = changed(books, max_orders_per_day="50", allowed_symbols="KO,ACME", protective_stop="true")
    assert answer.config == BotConfig(
        max_orders_per_day=50, allowed_symbols=("ACME", "KO"), protective_stop=True
    )
    assert answer.changed == (
        SettingChange(key="allowed_symbols", old="", new="ACME,KO"),
        SettingChange(key="max_orders_per_day", old="100", new="50"),
        SettingChange(key="protective_stop", old="false", new="true"),
    )
    assert Queries(books.store).config() == answer.config


def test_the_journal_has_what_changed_from_what_to_what_and_who(books: Books) -> None:
    asked(books, ("hard_stop_loss_pct", "5.5"), ("max_orders_per_day", "100"), by="api")
    asked(books, ("denied_symbols", "KO"), ("hard_stop_loss_pct", "6"), by="cli")
    assert journaled(books) == [
        ("api", {"old": {"hard_stop_loss_pct": "7"}, "new": {"hard_stop_loss_pct": "5.5"}}),
        (
            "cli",
            {
                "old": {"denied_symbols": [], "hard_stop_loss_pct": "5.5"},
                "new": {"denied_symbols": ["KO"], "hard_stop_loss_pct": "6"},
            },
        ),
    ]


def test_the_next_signal_is_decided_by_it_without_a_restart(trading: Books) -> None:
    assert trading.intend(a_signal(signal_id="s-1", symbol="ACME")).notional == dec("100")
    changed(trading, trade_size_stars_5="60.5")
    assert trading.intend(a_signal(signal_id="s-2", symbol="KO")).notional == dec("60.5")


def test_a_change_that_waits_with_a_plan_counts_for_it_in_the_order_of_arrival(trading: Books) -> None:
    before, after = a_signal(signal_id="s-1", symbol="ACME"), a_signal(signal_id="s-2", symbol="KO")
    trading.record(before)
    trading.record(after)
    with queued(trading):
        plans = [plan(trading, before)]
        change = ask_later(trading.ledger, ChangeConfig(changes=(("trade_size_stars_5", "60"),), by="cli"))
        plans.append(plan(trading, after))
    assert isinstance(change.get(timeout=PATIENCE_S), ConfigChanged)
    planned = [each.get(timeout=PATIENCE_S) for each in plans]
    assert all(isinstance(each, Planned) for each in planned)
    assert [each.order.notional for each in planned] == [dec("100"), dec("60")]


def test_two_changes_in_one_commit_both_count(books: Books) -> None:
    with queued(books):
        answers = [
            ask_later(books.ledger, ChangeConfig(changes=((key, "7"),), by="cli"))
            for key in ("max_orders_per_day", "max_orders_per_minute")
        ]
    assert [answer.get(timeout=PATIENCE_S).changed[0].old for answer in answers] == ["100", "10"]
    assert Queries(books.store).config() == BotConfig(max_orders_per_day=7, max_orders_per_minute=7)
    assert len(journaled(books)) == 2


def test_with_a_fault_anywhere_nothing_is_changed_journaled_or_told(books: Books) -> None:
    books.ledger.subscribe(books.news, ConfigTold)
    answer = asked(books, ("max_orders_per_day", "50"), ("max_orders_per_minute", "x"), ("no_such", "1"))
    assert isinstance(answer, ConfigRefused)
    assert [fault.key for fault in answer.faults] == ["max_orders_per_minute", "no_such"]
    assert Queries(books.store).config() == BotConfig()
    assert journaled(books) == []
    assert told(books) == [BotConfig()]


def test_a_change_is_judged_beside_what_is_set_already(books: Books) -> None:
    changed(books, allowed_symbols="ACME,KO")
    fault = "names KO, and so does allowed_symbols: a symbol is one or the other"
    assert asked(books, ("denied_symbols", "KO")) == ConfigRefused(
        faults=(SettingFault(key="denied_symbols", fault=fault),)
    )


@pytest.mark.parametrize("again", [(), (("max_orders_per_day", "100"), ("hard_stop_loss_pct", "7.00"))])
def test_what_is_set_so_already_is_no_change(books: Books, again: tuple[tuple[str, str], ...]) -> None:
    books.ledger.subscribe(books.news, ConfigTold)
    assert asked(books, *again) == ConfigChanged(config=BotConfig(), changed=())
    assert journaled(books) == []
    assert told(books) == [BotConfig()]


# --- told --------------------------------------------------------------------------------------------


def test_who_subscribes_is_told_at_once_and_whenever_something_changes(books: Books) -> None:
    changed(books, max_hold_duration_sec="60")
    books.ledger.subscribe(books.news, ConfigTold)
    assert told(books) == [BotConfig(max_hold_duration_sec=60)]
    changed(books, max_hold_duration_sec="90")
    changed(books, protective_stop="true")
    assert told(books)[1:] == [
        BotConfig(max_hold_duration_sec=90),
        BotConfig(max_hold_duration_sec=90, protective_stop=True),
    ]


def test_after_a_restart_the_first_word_is_what_the_ledger_holds(books: Books) -> None:
    changed(books, max_hold_duration_sec="60")
    books.restart()
    books.ledger.subscribe(books.news, ConfigTold)
    assert told(books) == [BotConfig(max_hold_duration_sec=60)]


def test_who_did_not_ask_for_it_is_not_told(books: Books) -> None:
    changed(books, max_hold_duration_sec="60")
    assert told(books) == []


def test_it_is_told_after_the_commit(books: Books) -> None:
    """What the subscriber finds in the file when it is told, by a connection of its own."""
    found: list[tuple[BotConfig, Any]] = []

    class Looking:
        def send(self, mail: ConfigTold) -> bool:
            found.append((mail.config, Queries(books.store).config()))
            return True

    books.ledger.subscribe(Looking(), ConfigTold)
    changed(books, max_hold_duration_sec="60")
    assert [stored == config for config, stored in found] == [True, True]


def test_what_cannot_be_written_is_not_set_and_not_told(books: Books) -> None:
    books.ledger.subscribe(books.news, ConfigTold)
    with books.locked():
        answer = asked(books, ("max_hold_duration_sec", "60"))
        assert isinstance(answer, LedgerUnwritable)
    books.tick()
    assert told(books) == [BotConfig()]
    assert Queries(books.store).config() == BotConfig()


def test_a_ledger_out_of_reach_at_the_start_is_told_of_once_it_can_be_read(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(books, max_hold_duration_sec="60")
    take_lease = books.store.take_lease
    with closing(sqlite3.connect(books.store.path, isolation_level=None, check_same_thread=False)) as other:

        def take_and_lock(**given: Any) -> int:
            epoch = take_lease(**given)
            other.execute("BEGIN IMMEDIATE")
            return epoch

        monkeypatch.setattr(books.store, "take_lease", take_and_lock)
        books.restart()
        books.ledger.subscribe(books.news, ConfigTold)
        books.ledger.ping(timeout=PATIENCE_S)
        assert books.news.told.of(ConfigTold) == []
        other.execute("ROLLBACK")
    books.tick()
    assert told(books) == [BotConfig(max_hold_duration_sec=60)]
