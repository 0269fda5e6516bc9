import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.web.conftest import TOKENS, Api
from tests.web.test_figures import buy_and_sell
from watch.metrics import COUNTERS, GAUGES, HISTOGRAMS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def page(api: Api) -> str:
    answer = requests.get(
        f"{api.url}/metrics", headers={"Authorization": f"Bearer {TOKENS.view}"}, timeout=10
    )
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    return answer.text


def until(api: Api, line: str) -> str:
    """The alarms' thread follows the journal a moment behind."""
    for _ in range(100):
        told = page(api)
        if line in told.splitlines():
            return told
    pytest.fail(f"{line} never came: {told}")


def test_the_figures_of_this_moment_and_of_what_happened_are_told(api: Api) -> None:
    api.read_account(equity="5000.25")
    buy_and_sell(api, "ACME", "14.3")
    told = until(api, 'starfill_exits_total{reason="manual"} 1.0')
    for line in (
        "starfill_trading 1.0",
        'starfill_gate_condition{check="stream"} 1.0',
        'starfill_mailbox_depth{actor="TradeLedger"} 0.0',
        "starfill_equity_usd 5000.25",
        "starfill_day_pnl_usd 7.5",
        'starfill_signals_total{verdict="trade"} 1.0',
        'starfill_orders_total{outcome="filled"} 2.0',
        "starfill_signal_to_fill_seconds_count 1.0",
        "starfill_exit_to_fill_seconds_count 1.0",
    ):
        assert line in told.splitlines(), line


def known() -> set[str]:
    histograms = {f"{name}_{part}" for name in HISTOGRAMS for part in ("bucket", "count", "sum")}
    return set(GAUGES) | histograms | {f"{name}_total" for name in COUNTERS}


@pytest.mark.parametrize("file", ["prometheus/alerts.yml", "grafana/starfill.json"])
def test_the_files_for_prometheus_and_grafana_ask_for_figures_that_there_are(file: str) -> None:
    named = set(re.findall(r"starfill_[a-z_]+", (DEPLOY / file).read_text()))
    assert named
    assert named <= known()


def test_the_grafana_dashboard_is_json_and_has_a_panel_for_each_matter() -> None:
    told: dict[str, Any] = json.loads((DEPLOY / "grafana/starfill.json").read_text())
    titles = {panel["title"] for panel in told["panels"]}
    assert {"Trading", "Latency: signal to fill", "Mail that waits", "P&L of the day"} <= titles
