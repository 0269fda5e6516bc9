import json
import re
import shutil
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.web.conftest import TOKENS, Api
from tests.web.test_figures import buy_and_sell
from watch.metrics import WEB_ANSWERS, WEB_SECONDS

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


# --- requests ----------------------------------------------------------------------------------------


def value(text: str, name: str, **labels: str) -> float:
    families = text_string_to_metric_families(text)
    samples = (sample for family in families for sample in family.samples)
    return next(sample.value for sample in samples if (sample.name, sample.labels) == (name, labels))


def test_requests_are_named_by_their_routes_and_never_by_what_they_ask_for(api: Api) -> None:
    api.get("/api/signals/a-stranger's-words")
    api.get("/api/trades/12345")
    api.get("/nowhere/at/all")
    requests.get(api.url + "/api/trades", timeout=10)  # no token
    text, answers, timed = page(api), f"{WEB_ANSWERS}_total", f"{WEB_SECONDS}_count"
    assert value(text, answers, route="/api/signals/{signal_id:path}", method="GET", status="4xx") == 1
    assert value(text, timed, route="/api/trades/{trade_id}", method="GET") == 1
    assert value(text, answers, route="none", method="GET", status="4xx") == 2
    for words in ("stranger", "12345", "nowhere"):
        assert words not in text


def test_a_method_that_nobody_knows_is_no_label(api: Api) -> None:
    api.call("PROPFIND", "/api/trades")
    assert "PROPFIND" not in page(api)


def test_a_stranger_sees_nothing(api: Api) -> None:
    assert requests.get(api.url + "/metrics", timeout=10).status_code == 401


# --- the files under deploy/ -------------------------------------------------------------------------

SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",), "gauge": ("",)}


def known(text: str) -> set[str]:
    """The names that a query can ask for."""
    families = text_string_to_metric_families(text)
    return {f"{each.name}{suffix}" for each in families for suffix in SUFFIXES[each.type]}


def rules() -> list[dict[str, Any]]:
    told = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
    return [rule for group in told["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("file", ["prometheus/alerts.yml", "grafana/starfill.json"])
def test_the_files_for_prometheus_and_grafana_ask_for_figures_that_there_are(api: Api, file: str) -> None:
    named = set(re.findall(r"starfill_[a-z_]+", (DEPLOY / file).read_text()))
    assert len(named) > 15
    assert named - known(page(api)) == set()


def test_every_figure_is_drawn_or_watched(api: Api) -> None:
    text = (DEPLOY / "prometheus/alerts.yml").read_text() + (DEPLOY / "grafana/starfill.json").read_text()
    named = set(re.findall(r"starfill_[a-z_]+", text))
    families = [
        each for each in text_string_to_metric_families(page(api)) if not each.name.endswith("_created")
    ]
    idle = {each.name for each in families if not {each.name + end for end in SUFFIXES[each.type]} & named}
    assert idle == {
        "starfill_halts",
        "starfill_open_trades",
        "starfill_event_streams",
        "starfill_ledger_bytes",
    }


def test_every_rule_has_a_name_of_its_own_and_says_how_bad_it_is_and_what_it_means() -> None:
    assert len({rule["alert"] for rule in rules()}) == len(rules()) > 15
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "warn"}
        assert rule["annotations"]["summary"].endswith(".")


def test_the_scrape_example_reads_the_api_with_the_token_that_may_only_look() -> None:
    [job] = yaml.safe_load((DEPLOY / "prometheus/scrape.yml").read_text())["scrape_configs"]
    assert (job["metrics_path"], job["authorization"]["type"]) == ("/metrics", "Bearer")
    assert job["authorization"]["credentials_file"].endswith("token-view")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is in Debian's package prometheus")
def test_prometheus_itself_understands_the_rules() -> None:
    checked = subprocess.run(
        ["promtool", "check", "rules", str(DEPLOY / "prometheus/alerts.yml")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_grafana_dashboard_is_json_and_has_a_panel_for_each_matter() -> None:
    told: dict[str, Any] = json.loads((DEPLOY / "grafana/starfill.json").read_text())
    titles = {panel["title"] for panel in told["panels"]}
    assert {"Trading", "Latency: signal to fill", "Mail that waits", "P&L of the day"} <= titles


def test_no_panel_lies_upon_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads((DEPLOY / "grafana/starfill.json").read_text())["panels"]:
        at = panel["gridPos"]
        cells = set(product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert not cells & taken, panel["title"]
        taken |= cells


def test_what_is_not_known_is_no_number(api: Api) -> None:
    assert "starfill_equity_usd NaN" in page(api).splitlines()
    api.read_account(equity="5000")
    assert "starfill_equity_usd 5000.0" in page(api).splitlines()
