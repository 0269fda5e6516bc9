"""Settings that set nothing: an amount that is none is never taken for no limit."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from simulator.server import Simulator
from tests.flows.conftest import oracle, running
from tests.flows.process import Process, environment


@pytest.mark.fault("F59")
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("trade_size_stars_5", "NaN"),
        ("trade_size_stars_5", "Infinity"),
        ("trade_size_stars_5", "-5"),
        ("trade_size_stars_5", ""),
        ("trade_size_stars_5", "1e400"),
        ("daily_loss_limit_usd", "none"),
        ("hard_stop_loss_pct", "700"),
        ("enabled_catalyst_tiers", '["1"]'),
    ],
)
def test_a_setting_in_the_ledger_that_sets_nothing_ends_the_start_with_64(
    simulator: Simulator, tmp_path: Path, setting: str, value: str
) -> None:
    state = tmp_path / "state"
    with running(simulator, state) as bot:
        bot.gate(is_open=True)
    with closing(sqlite3.connect(state / "ledger-simulator.sqlite3", isolation_level=None)) as connection:
        connection.execute(f"UPDATE bot_config SET {setting} = ?", (value,))

    process = Process(**environment(state, simulator.base_url))

    assert process.ended() == 64
    assert setting in process.lines[-1]
    assert oracle(simulator) == []
