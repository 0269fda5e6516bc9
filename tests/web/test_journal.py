"""The journal over HTTP: what was done and why, and who set what."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.conftest import Api, serving


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder: Path = tmp_path_factory.mktemp("journal")
    with serving(folder) as api:
        assert api.send(signal_id="s-1").status_code == 202
        assert api.call("POST", "/api/halt", json={"scope": "all", "reason": "lunch"}).status_code == 200
        assert api.call("PUT", "/api/config", json={"denied_symbols": ["GME"]}).status_code == 200
        yield api


def test_rows_come_newest_first_with_their_payload(shared: Api) -> None:
    answer = shared.get("/api/journal").json()
    kinds = [row["kind"] for row in answer["items"]]
    assert kinds[:3] == ["config_changed", "halted", "signal_received"]
    assert answer["next"] is None
    received = answer["items"][2]
    assert received["ref"] == "s-1"
    assert (received["payload"]["source"], received["payload"]["symbol"]) == ("test", "ACME")
    assert received["at"].endswith("Z")
    seqs = [row["seq"] for row in answer["items"]]
    assert seqs == list(range(len(seqs), 0, -1))


def test_they_are_filtered_and_paged(shared: Api) -> None:
    [halted] = shared.get("/api/journal?kind=halted").json()["items"]
    assert (halted["ref"], halted["payload"]["reason"]) == ("all", "lunch")
    assert shared.get("/api/journal?ref=all").json()["items"] == [halted]
    assert shared.get("/api/journal?ref=all&kind=gate").json()["items"] == []
    first = shared.get("/api/journal?limit=1").json()
    second = shared.get(f"/api/journal?limit=1&cursor={first['next']}").json()
    assert second["items"] == [halted]


@pytest.mark.parametrize("query", ["cursor=czE", "limit=0", "kind=" + "k" * 65, "ref=" + "r" * 257])
def test_what_cannot_be_asked_is_refused(shared: Api, query: str) -> None:
    answer = shared.get("/api/journal?" + query)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_parameters")


def test_the_settings_history_tells_who_set_what(shared: Api) -> None:
    answer = shared.get("/api/config/history?limit=1").json()
    [change] = answer["items"]
    assert change["by"] == "api"
    assert change["changes"] == [{"key": "denied_symbols", "old": "", "new": "GME"}]
    before = shared.get(f"/api/config/history?cursor={answer['next']}").json()
    assert [each["by"] for each in before["items"]] == ["test"]
