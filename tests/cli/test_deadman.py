"""The dead-man beside the bot: it knows one file, and tells once."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from actors.clock import system_clock
from cli.deadman import look
from cli.health import HealthFile
from domain.rules import Gate
from tests.watch.service import Service, a_service
from watch.services import services
from watch.silence import Silence

ROOT = Path(__file__).parents[2]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def service() -> Iterator[Service]:
    with a_service() as one:
        yield one


def alive(folder: Path) -> datetime:
    """The bot shows a sign of life; when that was."""
    gate = Gate(open=False, reason="the trading stream is down")
    HealthFile(folder, gate=lambda: gate, clock=system_clock).all_well(0.1)
    return system_clock()


class Deadman:
    def __init__(self, folder: Path, service: Service) -> None:
        self.folder, self.channels = folder, services([service.url()])
        self.said: list[str] = []
        self.silence = Silence(folder, MINUTE)

    def look(self, at: datetime, *, anew: bool = True) -> bool:
        """As cron would: a new process each time."""
        if anew:
            self.silence = Silence(self.folder, MINUTE)
        return look(self.silence, self.channels, at, self.said.append).alive


@pytest.fixture
def deadman(tmp_path: Path, service: Service) -> Deadman:
    return Deadman(tmp_path, service)


def test_while_the_bot_lives_nobody_is_told(deadman: Deadman, service: Service) -> None:
    now = alive(deadman.folder)
    assert deadman.look(now + timedelta(seconds=59))
    assert service.messages.empty()


def test_its_silence_is_told_once_with_its_last_words(deadman: Deadman, service: Service) -> None:
    now = alive(deadman.folder)
    assert [deadman.look(now + MINUTE * number) for number in (2, 3, 30)] == [False, False, False]
    text = service.next()
    assert "No sign of life for 120 s" in text or "No sign of life for 119 s" in text
    assert "the gate was closed: the trading stream is down" in text
    assert service.messages.empty()


def test_each_hour_it_reminds_and_its_end_is_told(deadman: Deadman, service: Service) -> None:
    now = alive(deadman.folder)
    deadman.look(now + MINUTE * 2)
    deadman.look(now + MINUTE * 63)
    assert ["No sign of life" in service.next(), "No sign of life" in service.next()] == [True, True]
    os.utime(deadman.folder / "health", times=(now.timestamp() + 3900,) * 2)
    assert deadman.look(now + MINUTE * 65)
    assert "signs of life again" in service.next()
    assert deadman.look(now + MINUTE * 65)
    assert service.messages.empty()


def test_a_bot_that_never_was_is_silent_too(deadman: Deadman, service: Service) -> None:
    assert not deadman.look(system_clock())
    assert f"There is no sign of life in {deadman.folder}" in service.next()


def test_what_no_channel_took_is_told_again(deadman: Deadman, service: Service) -> None:
    service.status = 500
    now = alive(deadman.folder)
    deadman.look(now + MINUTE * 2)
    service.status = 200
    deadman.look(now + MINUTE * 3)
    assert "No sign of life" in service.next()
    assert any("did not reach json-1" in line for line in deadman.said)


def test_a_folder_that_keeps_nothing_keeps_it_from_telling_again_and_again(
    tmp_path: Path, service: Service
) -> None:
    deadman = Deadman(tmp_path / "gone", service)
    now = system_clock()
    for number in range(3):
        deadman.look(now + MINUTE * number, anew=number == 0)
    assert "There is no sign of life" in service.next()
    assert service.messages.empty()


def run(folder: Path, *args: str, **env: str) -> "subprocess.CompletedProcess[str]":
    given: dict[str, Any] = {"PATH": os.environ["PATH"], "STARFILL_STATE_DIR": str(folder), **env}
    return subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "deadman", *args],
        capture_output=True, text=True, timeout=60, check=False, env=given, cwd=folder,
    )  # fmt: skip


def test_by_cron_it_tells_and_ends_with_1(tmp_path: Path, service: Service) -> None:
    done = run(tmp_path, "--once", STARFILL_ALARM_URLS=service.url(path="/c4nary-of-a-token"))
    assert (done.returncode, "c4nary" in done.stdout + done.stderr) == (1, False)
    assert "There is no sign of life" in service.next()


def test_for_programs_a_look_is_one_json_object(tmp_path: Path, service: Service) -> None:
    url = {"STARFILL_ALARM_URLS": service.url()}
    done = run(tmp_path, "--once", "--json", **url)
    told = json.loads(done.stdout)
    assert (done.returncode, told["alive"], told["by"]) == (1, False, ["json-1"])
    assert "There is no sign of life" in told["told"]
    alive(tmp_path)
    assert json.loads(run(tmp_path, "--once", "--json", **url).stdout)["alive"] is True
    endless = run(tmp_path, "--json", **url)
    assert (endless.returncode, endless.stdout, "--once" in endless.stderr) == (64, "", True)


def test_one_that_could_tell_nobody_does_not_seem_to_watch(tmp_path: Path) -> None:
    done = run(tmp_path, "--once")
    assert (done.returncode, done.stderr.count("\n")) == (64, 1)
    assert "STARFILL_ALARM_URLS is empty" in done.stderr


@pytest.mark.parametrize("name", ["starfill-deadman.service", "supervisord-deadman.conf"])
def test_the_examples_start_it(name: str) -> None:
    text = (ROOT / "deploy" / name).read_text()
    assert re.search(r"^(ExecStart|command)=\S+python \S+run\.py deadman( --once)?$", text, re.MULTILINE)
