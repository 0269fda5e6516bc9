"""`/api/config`: what is set, what it means, and changes that are made whole or not at all."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pykka
import pytest

from domain.config import BotConfig
from domain.messages import ChangeConfig, LedgerUnwritable, Planned
from domain.settings_text import KEYS, description
from tests.domain.builders import UNLIMITED, a_plan
from tests.web.conftest import TOKENS, Answering, Api, serving

DEFAULTS = {
    "trade_size_stars_3": "50",
    "trade_size_stars_4": "75",
    "trade_size_stars_5": "100",
    "enabled_catalyst_tiers": [1, 2, 3, 4],
    "allowed_symbols": [],
    "denied_symbols": [],
    "max_share_price_usd": "0",
    "price_collar_pct": "5",
    "max_order_notional_usd": "250",
    "max_orders_per_minute": 10,
    "max_orders_per_day": 100,
    "max_concurrent_positions": 3,
    "max_total_exposure_usd": "1000",
    "symbol_cooldown_sec": 60,
    "daily_loss_limit_usd": "500",
    "max_consecutive_refusals": 5,
    "max_orders_per_signal_ratio": "5",
    "hard_stop_loss_pct": "7",
    "trailing_stop_pct": "0",
    "trailing_stop_dollar": "0",
    "profit_target_pct": "10",
    "max_hold_duration_sec": 300,
    "close_before_end_min": 15,
    "price_max_age_sec": 60,
    "protective_stop": False,
    "closed_market_policy": "expire",
    "no_entries_first_min": 0,
}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """An API whose settings are the defaults."""
    with serving(tmp_path, config=BotConfig()) as served:
        yield served


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One for all tests that change nothing."""
    with serving(tmp_path_factory.mktemp("shared"), config=BotConfig()) as served:
        yield served


def put(api: Api, body: Any, **headers: str) -> Any:
    return api.call("PUT", "/api/config", json=body, headers=headers)


def is_set(api: Api) -> dict[str, Any]:
    config: dict[str, Any] = api.get("/api/config").json()["config"]
    return config


def test_all_settings_are_told_with_defaults_and_descriptions(shared: Api) -> None:
    told = shared.get("/api/config").json()
    assert told["config"] == told["defaults"] == DEFAULTS
    assert told["descriptions"] == {key: description(key) for key in KEYS}
    assert told["warnings"] == []
    assert told["ledger"] == str(shared.store.path)


def test_a_change_is_answered_with_what_is_set_and_what_is_new(api: Api) -> None:
    answer = put(
        api, {"max_orders_per_day": 50, "hard_stop_loss_pct": "5.50", "allowed_symbols": ["KO", "ACME"]}
    )
    assert answer.status_code == 200
    wanted = DEFAULTS | {
        "max_orders_per_day": 50,
        "hard_stop_loss_pct": "5.5",
        "allowed_symbols": ["ACME", "KO"],
    }
    assert answer.json() == {
        "config": wanted,
        "changed": [
            {"key": "allowed_symbols", "old": "", "new": "ACME,KO"},
            {"key": "max_orders_per_day", "old": "100", "new": "50"},
            {"key": "hard_stop_loss_pct", "old": "7", "new": "5.5"},
        ],
        "warnings": [],
        "ledger": str(api.store.path),
    }
    assert is_set(api) == wanted


def test_the_next_signal_is_decided_by_it(tmp_path: Path) -> None:
    with serving(tmp_path, config=UNLIMITED) as api:
        api.read_account()
        put(api, {"trade_size_stars_5": "60.5"})
        api.send(issued_at="2026-11-12T15:00:01Z")
        question = a_plan("fda-1", "ACME", source="test")
        planned = api.ledger.ask(question, Planned, timeout=5)
    assert planned.order.notional == Decimal("60.5")


def test_what_was_told_can_be_sent_back_as_it_is(api: Api) -> None:
    put(api, {"max_share_price_usd": "0.000000001", "denied_symbols": "KO", "protective_stop": True})
    answer = put(api, is_set(api))
    assert (answer.status_code, answer.json()["changed"]) == (200, [])
    assert answer.json()["config"]["max_share_price_usd"] == "0.000000001"


@pytest.mark.parametrize(
    ("key", "given", "stored"),
    [
        ("hard_stop_loss_pct", 5.5, "5.5"),
        ("hard_stop_loss_pct", 5, "5"),
        ("max_orders_per_day", "50", 50),
        ("protective_stop", "true", True),
        ("enabled_catalyst_tiers", [3, "1"], [1, 3]),
        ("enabled_catalyst_tiers", "3,1", [1, 3]),
        ("denied_symbols", ["KO"], ["KO"]),
        ("closed_market_policy", "hold", "hold"),
    ],
)
def test_a_value_may_be_json_s_own_or_a_text(api: Api, key: str, given: Any, stored: Any) -> None:
    assert put(api, {key: given}).status_code == 200
    assert is_set(api) == DEFAULTS | {key: stored}


def test_what_is_allowed_and_may_not_be_meant_is_told(api: Api) -> None:
    [told] = put(
        api, {"max_order_notional_usd": 60, "trade_size_stars_4": 60, "trade_size_stars_5": 60.01}
    ).json()["warnings"]
    assert (
        told == "trade_size_stars_5 (60.01) is above max_order_notional_usd (60): no signal of 5 stars trades"
    )
    assert api.get("/api/config").json()["warnings"] == [told]


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"max_orders_per_day": "many"}, ["max_orders_per_day"]),
        (
            {"max_orders_per_day": 5, "max_orders_per_minute": -1, "no_such": 1},
            ["max_orders_per_minute", "no_such"],
        ),
        ({"max_orders_per_day": True}, ["max_orders_per_day"]),
        ({"max_orders_per_day": 5.0}, ["max_orders_per_day"]),
        ({"max_orders_per_day": None}, ["max_orders_per_day"]),
        ({"max_orders_per_day": {"a": 1}}, ["max_orders_per_day"]),
        ({"max_orders_per_day": [5]}, ["max_orders_per_day"]),
        (
            {"closed_market_policy": None, "no_such": [], "max_orders_per_day": 0.5},
            [
                "closed_market_policy",
                "max_orders_per_day",
                "no_such",
            ],
        ),
        ({"protective_stop": 1}, ["protective_stop"]),
        ({"hard_stop_loss_pct": "NaN"}, ["hard_stop_loss_pct"]),
        ({"hard_stop_loss_pct": "\ud800"}, ["hard_stop_loss_pct"]),
        ({"enabled_catalyst_tiers": []}, ["enabled_catalyst_tiers"]),
        ({"enabled_catalyst_tiers": [True]}, ["enabled_catalyst_tiers"]),
        ({"enabled_catalyst_tiers": [[1]]}, ["enabled_catalyst_tiers"]),
        ({"allowed_symbols": ["ACME,KO"]}, ["allowed_symbols"]),
        ({"allowed_symbols": [""]}, ["allowed_symbols"]),
        ({"allowed_symbols": None}, ["allowed_symbols"]),
        ({"allowed_symbols": ["KO", 5]}, ["allowed_symbols"]),
        ({"allowed_symbols": ["KO", None]}, ["allowed_symbols"]),
        ({"allowed_symbols": ["KO"], "denied_symbols": ["KO"]}, ["denied_symbols"]),
        ({"changes": {"max_orders_per_day": 5}}, ["changes"]),
        ({"\ud800\n": 5}, ["?\\n"]),
        ({"x" * 2000: 5}, ["x" * 64]),
    ],
)
def test_every_fault_is_named_and_nothing_is_changed(shared: Api, body: Any, fields: list[str]) -> None:
    answer = put(shared, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_config")
    assert [each["field"] for each in answer.json()["details"]] == fields
    assert is_set(shared) == DEFAULTS


@pytest.mark.parametrize("number", ["1e999999999", "1E+2", "9" * 5000, "-0.5"])
def test_a_number_of_any_length_is_refused_at_once(shared: Api, number: str) -> None:
    answer = shared.call(
        "PUT",
        "/api/config",
        data=f'{{"hard_stop_loss_pct": {number}}}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    assert answer.json()["details"] == [
        {
            "field": "hard_stop_loss_pct",
            "fault": "must be a number from 0 to 100 with at most 6 decimals, 0 = off",
        }
    ]


def test_a_body_that_names_nothing_changes_nothing(shared: Api) -> None:
    answer = put(shared, {})
    assert (answer.status_code, answer.json()["changed"]) == (200, [])


@pytest.mark.parametrize(
    ("body", "status"), [("[]", 400), ('{"a": 1, "a": 2}', 400), ("{", 400), ("x" * 20_000, 413)]
)
def test_a_body_that_is_no_json_object_is_refused(shared: Api, body: str, status: int) -> None:
    answer = shared.call("PUT", "/api/config", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status


def test_only_the_token_and_no_foreign_page_changes_settings(shared: Api) -> None:
    body = {"max_orders_per_day": 5}
    assert shared.call("PUT", "/api/config", json=body, headers={"Authorization": None}).status_code == 401
    assert put(shared, body, Origin="http://evil.com").status_code == 403
    assert shared.call("GET", "/api/config", headers={"Authorization": None}).status_code == 401
    assert is_set(shared) == DEFAULTS


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (LedgerUnwritable(why="the disk is full"), "the disk is full"),
        (pykka.Timeout("8 seconds"), "or not"),
        (pykka.ActorDeadError("gone"), "started or stopped"),
        (RuntimeError("the ledger broke"), "or not"),
    ],
)
def test_a_ledger_that_cannot_answer_is_503_with_what_may_have_happened(
    api: Api, outcome: Any, told: str
) -> None:
    api.desk.swap(Answering(outcome))
    answer = put(api, {"max_orders_per_day": 5})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert told in answer.json()["message"]
    assert int(answer.headers["Retry-After"]) > 0
    assert is_set(api) == DEFAULTS


@pytest.mark.parametrize(
    ("agent", "by"), [("starfill-cli", "cli"), ("curl/8", "api"), ("starfill-cli\t", "cli")]
)
def test_a_change_says_who_asked(api: Api, agent: str, by: str) -> None:
    desk = Answering(LedgerUnwritable(why=""))
    api.desk.swap(desk)
    put(api, {"max_orders_per_day": 5}, **{"User-Agent": agent})
    assert desk.mail == [ChangeConfig(changes=(("max_orders_per_day", "5"),), by=by)]


# --- described ---------------------------------------------------------------------------------------


def test_the_api_s_description_has_every_setting_with_its_kind_and_meaning(shared: Api) -> None:
    described = shared.get("/openapi.json").json()
    put_it = described["paths"]["/api/config"]["put"]
    body = put_it["requestBody"]["content"]["application/json"]["schema"]
    assert list(body["properties"]) == list(KEYS) == list(BotConfig.model_fields)
    assert {name: field["description"] for name, field in body["properties"].items()} == {
        key: description(key) for key in KEYS
    }
    assert "required" not in body
    answer = described["components"]["schemas"]["ConfigValues"]["properties"]
    assert answer["trade_size_stars_3"]["type"] == "string"
    assert answer["max_orders_per_day"]["type"] == "integer"
    assert {"200", "422", "503"} <= put_it["responses"].keys()
    assert description("max_hold_duration_sec") in json.dumps(described)
    assert description("max_hold_duration_sec") in shared.get("/docs").text


def put_as(api: Api, token: str, **settings: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return api.call("PUT", "/api/config", json=settings, headers=headers)


def test_whoever_may_only_operate_tightens_and_does_not_loosen(api: Api) -> None:
    assert put_as(api, TOKENS.operate, max_orders_per_day=50).status_code == 200
    refused = put_as(api, TOKENS.operate, max_orders_per_day=51, trade_size_stars_3="40")
    assert (refused.status_code, refused.json()["code"]) == (403, "role_too_low")
    now = api.get("/api/config").json()["config"]
    assert (now["max_orders_per_day"], now["trade_size_stars_3"]) == (50, "50")
    assert put_as(api, TOKENS.arm, max_orders_per_day=51).status_code == 200


def test_a_preview_tells_what_would_change_and_what_that_needs_and_changes_nothing(api: Api) -> None:
    asked = {"max_orders_per_day": 200, "hard_stop_loss_pct": "5"}
    told = api.call("PUT", "/api/config?preview=true", json=asked).json()
    assert told["changes"] == [
        {"name": "max_orders_per_day", "before": "100", "after": "200", "loosens": True, "needs": "arm"},
        {"name": "hard_stop_loss_pct", "before": "7", "after": "5", "loosens": False, "needs": "operate"},
    ]
    assert told["faults"] == []
    assert api.get("/api/config").json()["config"]["max_orders_per_day"] == 100


def test_a_preview_names_every_fault(api: Api) -> None:
    asked = {"max_orders_per_day": -1, "max_order": "5"}
    told = api.call("PUT", "/api/config?preview=true", json=asked).json()
    assert {each["field"] for each in told["faults"]} == {"max_orders_per_day", "max_order"}
    assert told["changes"] == []
