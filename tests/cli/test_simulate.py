import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.cli.conftest import CommandLine

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_simulator_stands_alone_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    arguments = ["simulator", "--port", "0", "--folder", str(tmp_path / "books")]
    with subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), *arguments], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        keys = {"APCA-API-KEY-ID": "simulator", "APCA-API-SECRET-KEY": "simulator"}
        assert requests.get(f"{url}/v2/account", headers=keys, timeout=10).status_code == 200
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
    books = list((tmp_path / "books").iterdir())
    assert {each.name for each in books} == {"book.jsonl", "oracle.jsonl"}
    assert [each.name for each in books if each.stat().st_mode & 0o077] == []


@pytest.fixture
def _handlers() -> Iterator[None]:
    """The command sets the process's handlers; they are put back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_handlers")
def test_a_port_in_use_is_64_and_one_line(cli: CommandLine, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = cli("simulator", "--port", str(taken.getsockname()[1]), "--folder", tmp_path / "books")
    assert done.exit_code == 64
    [line] = done.stderr.splitlines()
    assert "cannot listen on port" in line
    assert not (tmp_path / "books").exists()


@pytest.mark.usefixtures("_handlers")
def test_an_unusable_folder_is_64_and_told_apart_from_a_port_in_use(cli: CommandLine) -> None:
    done = cli("simulator", "--port", "0", "--folder", "/dev/null/x")
    assert done.exit_code == 64
    [line] = done.stderr.splitlines()
    assert "cannot keep its books in /dev/null/x" in line
    assert "port" not in line


def test_a_state_folder_that_cannot_be_resolved_is_64_and_one_line(cli: CommandLine) -> None:
    done = cli("simulator", "--state-dir", "~nosuchuser/x")
    assert done.exit_code == 64
    assert len(done.stderr.splitlines()) == 1


def test_unknown_hours_are_64(cli: CommandLine) -> None:
    assert cli("simulator", "--hours", "tokyo").exit_code == 64
