"""A secret that nobody may ever see, and everything going wrong that could show it."""

import base64
import signal
from pathlib import Path
from typing import Final
from urllib.parse import quote

import requests

from actors.clock import system_clock
from simulator.server import Simulator, SimulatorSettings
from tests.flows.conftest import control
from tests.flows.process import Process, started
from tests.flows.test_process import a_signal
from web.sources.key_file import add_source

CANARY: Final = "CANARYsecret/0123456789+abcdefghij"
PASSWORD: Final = "CANARYpassword"
FAULTS: Final[dict[str, dict[str, object]]] = {
    "ACX": {"act": "body", "body": "garbage"},
    "ACY": {"act": "status", "status": 500},
    "ACZ": {"act": "rst_after"},
}
READ: Final = (
    "status", "system", "alarms", "config", "journal?limit=500", "signals", "orders", "trades", "account",
)  # fmt: skip


class Faulty(Process):
    """A bot with a fault inside."""

    launcher = Path(__file__).with_name("launcher.py")


def spellings(secret: str) -> set[bytes]:
    raw = secret.encode()
    encoded = {base64.b64encode(raw), base64.urlsafe_b64encode(raw), raw.hex().encode()}
    return {raw, quote(secret, safe="").encode(), *(each.rstrip(b"=") for each in encoded)}


def test_no_secret_leaves_whatever_goes_wrong(tmp_path: Path) -> None:
    state, said = tmp_path / "state", list[str]()
    told = SimulatorSettings(folder=tmp_path / "books", key_id="CANARYKEY", secret_key=CANARY)
    with Simulator(told) as simulator:
        given = {
            "APCA_API_KEY_ID": "CANARYKEY",
            "APCA_API_SECRET_KEY": CANARY,
            "STARFILL_ALARM_URLS": f"json://user:{PASSWORD}@127.0.0.1:1",
        }
        fault = {"FAULT_IN": "TradeLedger", "FAULT": "exit", "SHORT": "5"}
        with started(state, simulator.base_url, Faulty, **given, **fault) as (process, api):
            hook = add_source(state, "tv", "tradingview", system_clock)
            source = add_source(state, "desk", "signed", system_clock)
            tokens = [(state / name).read_text().strip() for name in ("token", "token-operate", "token-view")]
            match = {"method": "POST", "path": "/v2/orders", "n": 1}
            for symbol, act in FAULTS.items():
                control(simulator, "faults", {"match": match} | act)
                api.post("/api/signals", a_signal(symbol))
                api.until(
                    "/api/status", lambda answer: answer.json()["unresolved"] == 0, "the order to be found"
                )
            bodies = [*refused(api.url, hook.secret, tokens[0]), *asked(api)]
            process.signal(signal.SIGUSR1)  # an actor fails, and all are made anew
            api.until("/readyz", lambda answer: answer.status_code == 200, "the bot to be well again")
            control(simulator, "faults", {"act": "auth_revoke", "streams": True})
            api.until("/readyz", lambda answer: answer.status_code == 503, "the keys to be refused")
            bodies += asked(api)
            process.signal(signal.SIGTERM)
            process.ended()
            said += process.lines
    secrets = [CANARY, PASSWORD, hook.secret, hook.passphrase, *tokens, source.secret]
    everywhere = {"what it said": "\n".join(said).encode(), "what it answered": b"\n".join(bodies)}
    everywhere |= {
        path.name: path.read_bytes()
        for path in state.rglob("*")
        if path.is_file() and path.name not in {"token", "token-operate", "token-view", "signal-keys.json"}
    }
    for place, text in everywhere.items():
        for secret in secrets:
            assert not [each for each in spellings(secret) if each in text], place
    keys = (state / "signal-keys.json").read_bytes()
    assert hook.secret.encode() not in keys
    assert hook.passphrase.encode() not in keys


def refused(url: str, path: str, token: str) -> list[bytes]:
    """What is answered to requests that are wrong in one way or another."""
    hooks = f"{url}/hooks/tradingview/{path}"
    answers = [
        requests.post(hooks, data="not json", timeout=10),
        requests.post(
            f"{url}/api/signals", data="{}", headers={"Authorization": f"Bearer {token}x"}, timeout=10
        ),
        requests.get(f"{url}/api/nothing", headers={"Authorization": f"Bearer {token}"}, timeout=10),
        requests.post(f"{url}/api/session", json={"token": f"{token}x"}, timeout=10),
    ]
    return [answer.content + str(answer.headers).encode() for answer in answers]


def asked(api: object) -> list[bytes]:
    """All that the dashboard reads."""
    get = api.get  # type: ignore[attr-defined]
    paths = (
        "status",
        "system",
        "alarms",
        "config",
        "journal?limit=500",
        "signals",
        "orders",
        "trades",
        "account",
    )
    return [get(f"/api/{path}").content for path in paths] + [get("/metrics").content, get("/docs").content]
