"""Every command that a reader can paste is run: beside a bot, beside none, or by a test named here."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from tests.docs.pages import ROOT, Block, blocks, commands, pages
from tests.flows.process import started

WAIT_S: Final = 60
DOCUMENTED: Final = "127.0.0.1:8787"
ELSEWHERE: Final[dict[str, str]] = {
    "make demo": (
        "flows/test_process.py::test_the_demo_ends_by_itself_with_a_summary_and_agrees_with_the_oracle"
    ),
    "make test": "docs/test_commands.py::test_what_cannot_be_run_here_is_run_by_another_test",
    "make check": "docs/test_pages.py::test_every_target_that_a_page_names_is_in_the_makefile",
    ".venv/bin/python run.py": "flows/test_process.py::test_a_posted_signal_is_traded_and_can_be_asked_about",
    ".venv/bin/python run.py --demo-day": (
        "flows/test_day.py::test_a_day_ends_with_a_report_in_which_all_ties_out"
    ),
    ".venv/bin/python run.py crashtest": "cli/test_crashtest.py::test_two_points_are_really_passed_and_hold",
    ".venv/bin/python run.py deadman": "cli/test_deadman.py::test_each_hour_it_reminds_and_its_end_is_told",
    ".venv/bin/python run.py deadman --once": (
        "cli/test_deadman.py::test_while_the_bot_lives_nobody_is_told"
    ),
    "curl -sf -X POST http://127.0.0.1:8787/api/alarms/test": (
        "web/test_alarms.py::test_a_test_is_sent_and_not_waited_for"
    ),
    "chmod 600 .env": "test_settings.py::test_a_secret_that_others_can_read_is_refused",
    ".venv/bin/supervisord -c deploy/supervisord.conf": (
        "flows/test_supervisord.py::test_it_starts_restarts_after_kill_9_and_stops_by_term"
    ),
    ".venv/bin/supervisorctl -c deploy/supervisord.conf status": (
        "flows/test_supervisord.py::test_it_starts_restarts_after_kill_9_and_stops_by_term"
    ),
}
"""Commands that need another world than the one here, and the test that runs them in it."""


class House:
    """A folder as a newcomer's checkout, with everything at hand that the pages speak of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".venv/bin").mkdir(parents=True)
        python = folder / ".venv/bin/python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        for name in ("run.py", "deploy"):
            (folder / name).symlink_to(ROOT / name)
        self.address = DOCUMENTED
        # A newcomer's is found beside run.py, which is a link here.
        self.given = {"STARFILL_STATE_DIR": str(folder / "var"), "NO_COLOR": "1"}

    @contextmanager
    def bot(self) -> Iterator[None]:
        with started(self.folder / "var", None) as (_, api):
            self.address = urlsplit(api.url).netloc
            yield

    def run(self, block: Block) -> None:
        """As a shell does it that stops at the first fault."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("STARFILL_", "APCA_"))}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text.replace(DOCUMENTED, self.address)],
            cwd=self.folder,
            env=clean | self.given | {"STARFILL_HTTP": self.address},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        assert done.returncode == 0, f"{block} ends with {done.returncode}:\n{block.text}\n{done.stdout}"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def running(house: House) -> Iterator[House]:
    with house.bot():
        yield house


@pytest.mark.parametrize("block", commands(""), ids=str)
def test_a_command_does_what_its_page_says_beside_a_running_bot(running: House, block: Block) -> None:
    running.run(block)


@pytest.mark.parametrize("block", commands("stopped"), ids=str)
def test_a_command_for_a_stopped_bot_works_where_one_has_run(tmp_path: Path, block: Block) -> None:
    house = House(tmp_path)
    with house.bot():
        pass
    house.run(block)


@pytest.mark.parametrize("block", commands("elsewhere"), ids=str)
def test_what_cannot_be_run_here_is_run_by_another_test(block: Block) -> None:
    text = re.sub(r"\\\n.*", "", block.text)  # a line that goes on is known by its beginning
    for line in filter(None, (each.split(" #")[0].strip() for each in text.splitlines())):
        assert line in ELSEWHERE, f"{block}: nothing runs {line!r}"
        module, test = ELSEWHERE[line].split("::")
        assert f"def {test}(" in (ROOT / "tests" / module).read_text(), ELSEWHERE[line]


def test_no_command_hides_behind_another_name() -> None:
    kinds = {"sh", "sh stopped", "sh elsewhere"}
    shells = {"bash", "shell", "zsh", "console", "shell-session"}
    for page in pages():
        for block in blocks(page):
            first = block.info.split()[:1]
            assert first, f"{block}: says not what it is"
            assert first != ["sh"] or block.info in kinds, f"{block}: {block.info}"
            # An example in a programming language has a test of its own beside this one.
            assert block.info == "bash example" or first[0] not in shells, f"{block}: is nobody's to run"
