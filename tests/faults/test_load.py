"""More signals at once than can be traded: what is promised is kept, and the rest is told to come again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simulator.server import Simulator
from tests.faults.kit import POST, eventually, fault
from tests.flows.conftest import oracle
from tests.flows.process import Api, started
from tests.flows.test_process import a_signal, symbols
from web.bot import MAX_WAITING

SENDERS = 16


def send(api: Api, body: dict[str, Any]) -> tuple[int, str]:
    answer = api.post("/api/signals", body)
    return answer.status_code, answer.headers.get("Retry-After", "")


def counts(api: Api) -> dict[str, int]:
    """How many signals stand where, counted page by page."""
    found: dict[str, int] = {}
    cursor = ""
    while True:
        page = api.get(f"/api/signals?limit=500{cursor}").json()
        for each in page["items"]:
            found[each["state"]] = found.get(each["state"], 0) + 1
        if not page["next"]:
            return found
        cursor = f"&cursor={page['next']}"


@pytest.mark.fault("F41")
@pytest.mark.timeout(180)
def test_a_burst_at_a_slow_broker_is_traded_to_the_last_signal_once(
    simulator: Simulator, tmp_path: Path
) -> None:
    names = symbols(120)  # of what a minute's rate limit lets out
    bodies = [a_signal(name) for name in names]
    with started(tmp_path / "state", simulator.base_url) as (_, api):
        fault(simulator, "delay", seconds=0.1, match={**POST, "n": None})
        with ThreadPoolExecutor(SENDERS) as senders:
            answers = list(senders.map(lambda body: send(api, body), [*bodies, *bodies]))
        assert {code for code, _ in answers} == {202, 200}
        assert sum(code == 202 for code, _ in answers) == len(names)
        eventually(lambda: counts(api) == {"planned": len(names)}, "all verdicts", within_s=90)
        eventually(lambda: len(oracle(simulator, "fill")) == len(names), "all fills", within_s=90)
    assert sorted(order["symbol"] for order in oracle(simulator, "accepted")) == sorted(names)


@pytest.mark.fault("F41")
@pytest.mark.timeout(180)
def test_beyond_what_may_wait_signals_are_refused_before_anything_is_stored_and_the_stale_never_trade(
    simulator: Simulator, tmp_path: Path
) -> None:
    with started(tmp_path / "state", simulator.base_url) as (_, api):
        fault(simulator, "zombie_slot", seconds=60)
        fault(simulator, "ws_close", code=1001)
        api.until("/readyz", lambda answer: answer.status_code == 503, "the gate to close")
        bodies = [
            a_signal("ACME", f"s-{number}", issued_at=datetime.now(UTC).isoformat(), ttl_s=30)
            for number in range(MAX_WAITING + 100)
        ]
        with ThreadPoolExecutor(SENDERS) as senders:
            answers = list(senders.map(lambda body: send(api, body), bodies))
        taken = sum(code == 202 for code, _ in answers)
        refused = [after for code, after in answers if code == 503]
        assert taken + len(refused) == len(bodies)
        assert MAX_WAITING - 2 * SENDERS <= taken <= MAX_WAITING  # one under way may count as two
        assert all(refused)  # each was told when to come again
        assert counts(api) == {"received": taken}
        eventually(lambda: counts(api) == {"expired": taken}, "their time to be over", within_s=90)
    assert oracle(simulator) == []
