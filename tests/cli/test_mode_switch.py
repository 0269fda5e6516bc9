"""Neither paper nor live starts over what the other one has left open."""

from pathlib import Path
from typing import Any

import pytest

from cli.mode_switch import refuse_half_a_switch
from cli.startup import CannotStart
from domain.trades import TradeStatus
from settings import Exit, Mode, Settings, load
from tests.persistence.test_other_ledger import a_ledger


def settings_of(mode: Mode, folder: Path, **given: Any) -> Settings:
    keys = {"key_id": "k", "secret_key": "s", "broker_url": "http://127.0.0.1:1"}
    return load(mode=mode, state_dir=folder, **(keys | given))


def refusal(settings: Settings) -> str:
    with pytest.raises(CannotStart) as caught:
        refuse_half_a_switch(settings)
    assert caught.value.code is Exit.CONFIGURATION
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize(("mode", "other"), [("paper", "live"), ("live", "paper")])
@pytest.mark.parametrize("status", [TradeStatus.PENDING, TradeStatus.OPEN, TradeStatus.CLOSING])
def test_a_trade_that_is_open_in_the_other_mode_is_told_with_what_to_do(
    tmp_path: Path, mode: Mode, other: str, status: TradeStatus
) -> None:
    path = a_ledger(tmp_path / f"ledger-{other}.sqlite3", ACME=status, KO=TradeStatus.CLOSED)
    told = refusal(settings_of(mode, tmp_path))
    assert f"1 trade is not closed (ACME {status}) in the {other} ledger {path}" in told
    assert f"STARFILL_MODE={other}" in told
    assert "STARFILL_STATE_DIR" in told


def test_of_many_the_first_are_named_and_all_are_counted(tmp_path: Path) -> None:
    a_ledger(tmp_path / "ledger-paper.sqlite3", **dict.fromkeys("ABCDEFG", TradeStatus.OPEN))
    told = refusal(settings_of("live", tmp_path))
    assert "7 trades are not closed (A open, B open, C open, D open, E open and 2 more)" in told


def test_a_ledger_that_does_not_tell_is_not_guessed_about(tmp_path: Path) -> None:
    path = tmp_path / "ledger-live.sqlite3"
    path.write_bytes(b"this is not a database " * 100)
    told = refusal(settings_of("paper", tmp_path))
    assert str(path) in told
    assert "cannot be told whether live trades are open" in told


@pytest.mark.parametrize("mode", ["paper", "live"])
def test_what_is_over_or_only_simulated_or_its_own_holds_nobody_up(tmp_path: Path, mode: Mode) -> None:
    other = {"paper": "live", "live": "paper"}[mode]
    over = (TradeStatus.CLOSED, TradeStatus.MISSED, TradeStatus.REJECTED)
    a_ledger(tmp_path / f"ledger-{other}.sqlite3", **dict(zip("ABC", over, strict=True)))
    a_ledger(tmp_path / "ledger-simulator.sqlite3", ACME=TradeStatus.OPEN)
    a_ledger(tmp_path / f"ledger-{mode}.sqlite3", ACME=TradeStatus.OPEN)
    refuse_half_a_switch(settings_of(mode, tmp_path))


def test_the_simulator_starts_whatever_the_others_have_open(tmp_path: Path) -> None:
    a_ledger(tmp_path / "ledger-paper.sqlite3", ACME=TradeStatus.OPEN)
    (tmp_path / "ledger-live.sqlite3").write_bytes(b"this is not a database " * 100)
    refuse_half_a_switch(settings_of("simulator", tmp_path))


def test_the_other_modes_ledger_counts_also_where_this_modes_is_elsewhere(tmp_path: Path) -> None:
    a_ledger(tmp_path / "ledger-paper.sqlite3", ACME=TradeStatus.OPEN)
    refusal(settings_of("live", tmp_path, database=f"sqlite:///{tmp_path}/elsewhere.sqlite3"))


def test_a_state_folder_of_its_own_knows_of_no_other_mode(tmp_path: Path) -> None:
    a_ledger(tmp_path / "ledger-paper.sqlite3", ACME=TradeStatus.OPEN)
    refuse_half_a_switch(settings_of("live", tmp_path / "mine"))
    assert not (tmp_path / "mine").exists()
