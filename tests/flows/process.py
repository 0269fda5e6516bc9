"""`python run.py` as its owner runs it: a process of its own, spoken to over HTTP and signals."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from cli.play_money import new_ledger
from tests.domain.builders import UNLIMITED

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 30.0


class Process:
    """A started bot. What it says on stderr is read as it comes."""

    launcher = ROOT / "run.py"

    def __init__(self, *arguments: str, **environment: str) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("STARFILL_", "APCA_"))}
        self._popen = subprocess.Popen(
            [sys.executable, str(self.launcher), *arguments],
            cwd=environment.pop("cwd", None),
            env=clean | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        self.lines: list[str] = []
        self._said = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            with self._said:
                self.lines.append(line.rstrip("\n"))
                self._said.notify_all()
        with self._said:
            self._said.notify_all()

    def heard(self, pattern: str) -> str:
        """Wait for a line that matches; its first group, or all of it."""

        def match() -> re.Match[str] | None:
            return next((m for line in self.lines if (m := re.search(pattern, line))), None)

        with self._said:
            self._said.wait_for(lambda: match() is not None or self._popen.poll() is not None, timeout=WAIT_S)
            found = match()
        if found is None:
            pytest.fail(f"never heard {pattern!r} in:\n" + "\n".join(self.lines))
        return found.group(1) if found.groups() else found.group()

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def ended(self) -> int:
        """Wait for the end; the exit code."""
        code = self._popen.wait(timeout=WAIT_S)
        self._reader.join(timeout=5)
        assert self._popen.stdout is not None
        self._popen.stdout.close()
        return code

    def kill(self) -> None:
        if self._popen.poll() is None:
            self._popen.kill()
        self.ended()

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    @property
    def pid(self) -> int:
        return self._popen.pid


class Api:
    """The running bot's HTTP API, with the token of its state folder."""

    def __init__(self, url: str, state: Path) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = "Bearer " + (state / "token").read_text().strip()

    def get(self, path: str) -> requests.Response:
        return self._session.get(self.url + path, timeout=10)

    def post(self, path: str, body: Any) -> requests.Response:
        return self._session.post(self.url + path, json=body, timeout=10)

    def until(self, path: str, holds: Callable[[requests.Response], Any], what: str) -> requests.Response:
        """Ask until the answer is as wanted; each question waits for its answer, none waits in between."""
        pause = threading.Event()
        for _ in range(int(WAIT_S / 0.05)):
            answer = self.get(path)
            if holds(answer):
                return answer
            pause.wait(0.05)
        pytest.fail(f"waited {WAIT_S} s for {what}; last answer: {answer.text}")


def environment(state: Path, broker_url: str | None, **more: str) -> dict[str, str]:
    given = {"STARFILL_STATE_DIR": str(state), "STARFILL_HTTP": "127.0.0.1:0", "cwd": str(state.parent)}
    if broker_url is not None:
        given |= {"STARFILL_MODE": "simulator", "STARFILL_BROKER_URL": broker_url}
    return given | more


@contextmanager
def started(
    state: Path, broker_url: str | None, kind: type[Process] = Process, **more: str
) -> Iterator[tuple[Process, Api]]:
    """A bot that is ready and buys without limits, and its API; killed at the end if it still runs."""
    ledger = state / "ledger-simulator.sqlite3"
    if not ledger.exists():
        new_ledger(ledger, UNLIMITED)
    process = kind(**environment(state, broker_url, **more))
    try:
        api = Api(process.heard(r"^dashboard\s+(http://\S+)$"), state)
        api.until("/readyz", lambda answer: answer.status_code == 200, "the bot to be ready")
        yield process, api
    finally:
        process.kill()
