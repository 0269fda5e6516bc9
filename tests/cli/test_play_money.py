"""The settings of demonstrations and measurements, and the ledgers that are made with them."""

from contextlib import closing
from pathlib import Path

from actors.clock import system_clock
from cli.play_money import DEMO, UNLIMITED, new_ledger, set_up
from domain.config import BotConfig
from persistence.store import LedgerStore
from tests.domain import builders


def config_of(file: Path) -> BotConfig:
    with closing(LedgerStore.open(file, clock=system_clock)) as store, store.unit() as unit:
        return unit.config()


def test_a_new_ledger_has_these_settings_and_is_complete_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "state" / "ledger.sqlite3"
    new_ledger(file, UNLIMITED)
    copy = tmp_path / "copy.sqlite3"
    copy.write_bytes(file.read_bytes())
    assert config_of(copy) == UNLIMITED


def test_what_an_owner_has_set_stays(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite3"
    own = BotConfig(max_concurrent_positions=1)
    with closing(LedgerStore.open(file, clock=system_clock)) as store:
        with store.unit() as unit:
            unit.save_config(own, at=system_clock(), by="owner")
        set_up(store, DEMO, by="the demo")
    assert config_of(file) == own


def test_no_limit_is_left_on_where_none_is_meant(tmp_path: Path) -> None:
    assert UNLIMITED == builders.BUYS_ONLY
    assert DEMO.max_concurrent_positions > 0
