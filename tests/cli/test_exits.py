"""How the process ends: with the command's code, whatever hangs, and without a word too many."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def ended(code: str, stdout: Any = subprocess.PIPE) -> "subprocess.CompletedProcess[str]":
    code = "import sys, threading\nfrom cli.exits import end_with\n" + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("None", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(75)", 75, ""),
        ("sys.exit('no such file')", 1, "no such file"),
        ("1 / 0", 1, "ZeroDivisionError"),
    ],
)
def test_a_command_ends_with_its_own_code(how: str, code: int, said: str) -> None:
    done = ended(f"end_with(lambda: {how})")
    assert done.returncode == code
    assert said in done.stderr
    assert bool(said) == bool(done.stderr)


def test_a_thread_that_hangs_keeps_no_process_alive() -> None:
    done = ended(
        """
        threading.Thread(target=threading.Event().wait).start()  # no daemon
        print("said", end="")
        end_with(lambda: sys.exit(3))
        """
    )
    assert (done.returncode, done.stdout) == (3, "said")


def test_an_output_that_cannot_be_written_changes_nothing() -> None:
    with Path("/dev/full").open("w") as nowhere:
        done = ended("print('lost')\nend_with(lambda: sys.exit(0))", stdout=nowhere)
    assert (done.returncode, done.stderr) == (0, "")
