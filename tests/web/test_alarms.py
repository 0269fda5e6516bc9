"""`/api/alarms`, for an owner who wants to know whether anybody would wake him."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.web.conftest import NOW, TOKENS, Api, serving
from watch.kinds import TEXTS, Kind
from watch.seen import AlarmSeen, AlarmsSeen, ChannelSeen, DeadmanSeen

CHANNELS = (ChannelSeen("json-1", True, NOW, None, 0), ChannelSeen("tgram-1", False, None, "answered 401", 3))


@dataclass
class Desk:
    """Alarms as they may stand."""

    tests: list[None] = field(default_factory=list)

    def seen(self) -> AlarmsSeen:
        recent = AlarmSeen(NOW, Kind.HALT, "Everything is halted.", False)
        kinds = dict.fromkeys(TEXTS, False) | {Kind.HALT: True}
        return AlarmsSeen(CHANNELS, kinds, DeadmanSeen(True, NOW, None), (recent,))

    def test(self) -> bool:
        self.tests.append(None)
        return True


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Api, Desk]]:
    desk = Desk()
    with serving(tmp_path, alarms=desk) as api:
        yield api, desk


def test_each_channel_kind_and_alarm_is_told(watched: tuple[Api, Desk]) -> None:
    told = watched[0].get("/api/alarms").json()
    at = "2026-11-12T15:00:00Z"
    assert told["channels"] == [
        {"name": "json-1", "ok": True, "last_sent_at": at, "last_error": None, "queued": 0},
        {"name": "tgram-1", "ok": False, "last_sent_at": None, "last_error": "answered 401", "queued": 3},
    ]
    assert [each["name"] for each in told["kinds"] if each["on"]] == ["halt"]
    assert {each["name"] for each in told["kinds"]} == set(TEXTS)
    assert told["deadman"] == {"on": True, "last_ok_at": at, "error": None}
    assert told["recent"] == [{"at": at, "kind": "halt", "text": "Everything is halted.", "delivered": False}]


def test_the_status_tells_how_many_channels_fail(watched: tuple[Api, Desk]) -> None:
    assert watched[0].get("/api/status").json()["alarms_failing"] == 1


def test_a_test_is_sent_and_not_waited_for(watched: tuple[Api, Desk]) -> None:
    api, desk = watched
    answer = api.call("POST", "/api/alarms/test")
    assert (answer.status_code, answer.json()) == (202, {"channels": 2})
    assert len(desk.tests) == 1


def test_who_may_only_look_sends_no_test(watched: tuple[Api, Desk]) -> None:
    api, desk = watched
    headers = {"Authorization": f"Bearer {TOKENS.view}"}
    assert api.get("/api/alarms", headers=headers).status_code == 200
    assert api.call("POST", "/api/alarms/test", headers=headers).status_code == 403
    assert desk.tests == []


def test_without_a_channel_it_says_that_nobody_is_told(api: Api) -> None:
    answer = api.call("POST", "/api/alarms/test")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_alarm_channel")
    assert api.get("/api/alarms").json()["channels"] == []
    assert api.get("/api/status").json()["alarms_failing"] is None
