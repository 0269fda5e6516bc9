import http.client
from urllib.parse import urlsplit

import pytest
from fastapi.openapi.models import OpenAPI

from tests.web.conftest import TOKEN, TOKENS, Api, body
from web.health import Readiness
from web.token import proof_of


def test_livez_needs_no_token_and_everything_else_does(shared: Api) -> None:
    bare = {"Authorization": None}
    assert shared.get("/livez", headers=bare).status_code == 200
    for path in (
        "/readyz", "/docs", "/openapi.json", "/api/trades", "/api/signals/x", "/api/halts", "/api/audit",
        "/api/config", "/api/positions", "/api/external-orders", "/api/session", "/nowhere",
    ):  # fmt: skip
        assert shared.get(path, headers=bare).status_code == 401


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer ünïcode",
    ],
)
def test_a_wrong_token_is_401_says_nothing_and_stores_nothing(shared: Api, given: str) -> None:
    answer = shared.call("POST", "/api/signals", json=body(), headers={"Authorization": given.encode()})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert TOKEN not in answer.text
    assert "fda-1" not in answer.text
    assert answer.json()["details"] == []
    assert shared.queries.signal("fda-1") == ()


@pytest.mark.parametrize("host", ["evil.com", "127.0.0.1", "127.0.0.1:1", "localhost.evil.com:{port}", ""])
def test_a_host_that_is_not_ours_is_refused(shared: Api, host: str) -> None:
    port = urlsplit(shared.url).port
    answer = shared.get("/livez", headers={"Host": host.format(port=port)})
    assert (answer.status_code, answer.json()["code"]) == (403, "host_not_allowed")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_our_own_names_are_allowed(shared: Api, host: str) -> None:
    port = urlsplit(shared.url).port
    assert shared.get("/livez", headers={"Host": f"{host}:{port}"}).status_code == 200


def test_a_request_without_a_host_is_refused(shared: Api) -> None:
    parts = urlsplit(shared.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=5)
    connection.putrequest("GET", "/livez", skip_host=True)
    connection.endheaders()
    assert connection.getresponse().status in {400, 403}
    connection.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.com"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_foreign_page_cannot_send_signals(shared: Api, headers: dict[str, str]) -> None:
    assert shared.call("POST", "/api/signals", json=body(), headers=headers).status_code == 403
    assert shared.queries.signal("fda-1") == ()


def test_a_page_of_this_server_can_send_signals(shared: Api) -> None:
    headers = {"Origin": shared.url, "Sec-Fetch-Site": "same-origin"}
    assert shared.call("POST", "/api/signals", json=body(signal_id="own"), headers=headers).status_code == 202


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/livez", 200),
        ("/nowhere", 404),
        ("/api/trades/x", 422),
        ("/docs", 200),
        ("/api/trades?cursor=x", 422),
    ],
)
def test_every_answer_carries_the_security_headers_and_none_opens_it_to_other_origins(
    shared: Api, path: str, status: int
) -> None:
    answer = shared.get(path, headers={"Origin": "http://evil.com"})
    assert answer.status_code == status
    assert "default-src" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_a_failure_of_ours_is_a_500_that_tells_nothing_of_the_inside(
    shared: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the canary")

    monkeypatch.setattr(shared.queries, "signal", fail)
    answer = shared.get("/api/signals/fda-1")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "canary" not in answer.text
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_readyz_is_503_with_the_reason_until_the_gate_is_open(shared: Api) -> None:
    assert shared.get("/readyz").status_code == 200
    shared.readiness.append(Readiness(ready=False, reason="the stream is down", gate="closed"))
    answer = shared.get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "the stream is down")


def test_the_docs_describe_every_address_and_load_nothing_from_elsewhere(shared: Api) -> None:
    schema = shared.get("/openapi.json").json()
    assert set(schema["paths"]) == {
        "/livez",
        "/readyz",
        "/api/signals",
        "/api/signals/{signal_id}",
        "/api/trades",
        "/api/trades/{trade_id}",
        "/api/halt",
        "/api/resume",
        "/api/halts",
        "/api/positions",
        "/api/positions/{symbol}/close",
        "/api/flatten",
        "/api/exposure",
        "/api/config",
        "/api/config/history",
        "/api/journal",
        "/api/external-orders",
        "/api/audit",
        "/api/reconcile",
        "/api/session",
        "/api/session/arm",
        "/hooks/tradingview/{path_token}",
        "/api/alarms",
        "/api/alarms/test",
        "/metrics",
        "/api/status",
        "/api/stars",
        "/api/limits",
        "/api/equity",
        "/api/report",
        "/api/system",
        "/api/events",
        "/api/account",
        "/api/orders",
        "/api/trades/{trade_id}/timeline",
    }
    OpenAPI.model_validate(schema)
    for path, field in (
        ("signals", "symbol"),
        ("halt", "scope"),
        ("resume", "reason"),
        ("positions/{symbol}/close", "reason"),
        ("flatten", "reason"),
    ):
        operation = schema["paths"][f"/api/{path}"]["post"]
        posted = operation["requestBody"]["content"]["application/json"]["schema"]
        assert field in posted["properties"]
        assert "503" in operation["responses"]
    page = shared.get("/docs").text
    assert all(path in page for path in schema["paths"])
    assert "src=" not in page
    assert "<script" not in page


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_method_that_an_address_does_not_take_is_405_in_the_usual_shape(shared: Api, method: str) -> None:
    answer = shared.call(method, "/api/signals")
    assert answer.status_code == 405
    assert set(answer.json()) == {"code", "message", "fix", "details"}


@pytest.mark.parametrize("path", ["/api/halt/", "/hooks/tradingview/secret/", "/livez/"])
def test_an_address_with_a_slash_too_many_is_nowhere_and_leads_nowhere(api: Api, path: str) -> None:
    answer = api.call("POST", path, json={}, allow_redirects=False)
    assert (answer.status_code, "location" in answer.headers) == (404, False)


def test_livez_proves_that_the_bot_knows_the_tokens_and_tells_none(shared: Api) -> None:
    port = urlsplit(shared.url).port or 0
    told = shared.get("/livez?challenge=0123456789abcdef", headers={"Authorization": None}).json()["proofs"]
    assert told == [
        proof_of(token, "0123456789abcdef", port) for token in (TOKENS.arm, TOKENS.operate, TOKENS.view)
    ]
    other = shared.get("/livez?challenge=0123456789abcdeg").json()["proofs"]
    assert not set(told) & set(other)
    assert shared.get("/livez").json()["proofs"] == []


@pytest.mark.parametrize("challenge", ["short", "x" * 65, "16%20with%20a%20blank", "0123456789abcdef%0a"])
def test_a_challenge_is_bounded(shared: Api, challenge: str) -> None:
    assert shared.get(f"/livez?challenge={challenge}").status_code == 422
