"""`/metrics` of a real app, and the files under deploy/ that speak of it."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.web.conftest import TOKENS, Api

DEPLOY = Path(__file__).parents[2] / "deploy"
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",), "gauge": ("",)}
FOREIGN = {"up"}
"""Prometheus' own."""
WORDS = re.compile(r"\b(?:starfill|process)_[a-z_]+\b")


def exposed(api: Api) -> str:
    answer = api.get("/metrics", headers={"Authorization": f"Bearer {TOKENS.view}"})
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/plain")
    return answer.text


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def names(text: str) -> set[str]:
    families = text_string_to_metric_families(text)
    return {f"{each.name}{suffix}" for each in families for suffix in SUFFIXES[each.type]}


def value(text: str, name: str, **labels: str) -> float:
    return samples(text)[name, tuple(sorted(labels.items()))]


def test_it_tells_how_the_bot_stands(api: Api) -> None:
    api.read_account(ACME="3")
    api.call("POST", "/api/halt", json={"scope": "ACME", "reason": "a rumour"})
    text = exposed(api)
    assert value(text, "starfill_gate_open") == 1
    assert value(text, "starfill_halted_symbols") == 1
    assert value(text, "starfill_halted_all") == 0
    assert value(text, "starfill_stream_connected") == 1
    assert value(text, "starfill_ledger_writable") == 1
    assert value(text, "starfill_mailbox_depth", actor="TradeLedger") == 0
    assert value(text, "starfill_rate_limit_remaining") == 180
    assert value(text, "starfill_info", version="test", mode="simulator") == 1


def test_what_is_not_known_is_left_out(api: Api) -> None:
    text = exposed(api)
    assert "starfill_alarms_failing " not in text
    assert "starfill_audit_age_seconds " not in text


def test_requests_are_named_by_their_routes_and_never_by_what_they_ask_for(api: Api) -> None:
    api.get("/api/signals/a-stranger's-words")
    api.get("/api/trades/12345")
    api.get("/nowhere/at/all")
    requests.get(api.url + "/api/trades", timeout=10)  # no token
    text = exposed(api)
    assert (
        value(
            text,
            "starfill_web_answers_total",
            route="/api/signals/{signal_id:path}",
            method="GET",
            status="4xx",
        )
        == 1
    )
    assert (
        value(text, "starfill_web_request_seconds_count", route="/api/trades/{trade_id}", method="GET") == 1
    )
    assert value(text, "starfill_web_answers_total", route="none", method="GET", status="4xx") == 2
    for words in ("stranger", "12345", "nowhere"):
        assert words not in text


def test_a_stranger_sees_nothing(api: Api) -> None:
    assert requests.get(api.url + "/metrics", timeout=10).status_code == 401


# --- the files under deploy/ -------------------------------------------------------------------------


def rules() -> list[dict[str, Any]]:
    told = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
    return [rule for group in told["groups"] for rule in group["rules"]]


def queries(found: Any) -> Iterator[str]:
    """Every `expr` of a dashboard, however deep."""
    if isinstance(found, dict):
        if isinstance(found.get("expr"), str):
            yield found["expr"]
        for each in found.values():
            yield from queries(each)
    elif isinstance(found, list):
        for each in found:
            yield from queries(each)


def dashboard() -> dict[str, Any]:
    told: dict[str, Any] = json.loads((DEPLOY / "grafana" / "starfill.json").read_text())
    return told


def test_every_metric_that_a_rule_or_a_panel_asks_for_is_there(api: Api) -> None:
    known = names(exposed(api)) | FOREIGN | {"starfill_alarms_failing", "starfill_audit_age_seconds"}
    asked = {word for rule in rules() for word in WORDS.findall(rule["expr"])}
    drawn = {word for expr in queries(dashboard()) for word in WORDS.findall(expr)}
    assert len(asked) > 15
    assert len(drawn) > 25
    assert (asked | drawn) - known == set()


def test_every_metric_of_ours_is_watched_or_drawn(api: Api) -> None:
    used = {word for text in ((DEPLOY / "prometheus" / "alerts.yml").read_text(), json.dumps(dashboard()))
            for word in WORDS.findall(text)}  # fmt: skip
    families = [
        each for each in text_string_to_metric_families(exposed(api)) if each.name.startswith("starfill_")
    ]
    unused = [
        each.name for each in families if not {f"{each.name}{end}" for end in SUFFIXES[each.type]} & used
    ]
    assert unused == []


def test_every_rule_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert {"summary", "action"} <= rule["annotations"].keys()
    assert len({rule["alert"] for rule in rules()}) == len(rules())


def test_the_scrape_example_reads_the_api_with_a_token() -> None:
    [job] = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    assert job["job_name"] == "starfill"
    assert job["authorization"]["credentials_file"].endswith("token-view")
    assert job["static_configs"] == [{"targets": ["127.0.0.1:8787"]}]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool: apt-get install prometheus")
def test_prometheus_itself_understands_the_rules() -> None:
    checked = subprocess.run(
        ["promtool", "check", "rules", str(DEPLOY / "prometheus" / "alerts.yml")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_dashboard_s_panels_do_not_overlap_and_ask_the_chosen_source() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or panel["datasource"]["uid"] == "${datasource}"
