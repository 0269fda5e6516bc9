"""The examples of `/docs`, pasted into a shell beside a served API."""

import html
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.conftest import TOKEN, Api, serving
from web.api.docs_page import BODIES

ANSWERED = {200, 202, 204}
FOREIGN = re.compile(r"/trades/1|/close|session/arm|alarms/test|/hooks/")
"""Of these the sample's trade, session, channel or sender is none of this ledger's."""
NOT_HERE = {403, 404, 409}
ENDLESS = ("curl -s http://127.0.0.1", "curl -s --max-time 2 http://127.0.0.1")
"""The stream of events ends with its reader."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("examples")


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Api]:
    (folder / "var").mkdir()
    (folder / "var" / "token").write_text(TOKEN)
    with serving(folder) as api:
        api.read_account(equity="5000")
        yield api


def examples(api: Api) -> list[str]:
    page = api.get("/docs").text
    return [html.unescape(each) for each in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]


def test_every_operation_has_an_example_and_each_one_works(served: Api, folder: Path) -> None:
    told = examples(served)
    paths = served.get("/openapi.json").json()["paths"]
    assert len(told) == sum(map(len, paths.values()))
    wrong = []
    at = f"{served.clock():%Y-%m-%dT%H:%M:%SZ}"
    for command in told:
        now = command.replace("$(date -u +%Y-%m-%dT%H:%M:%SZ)", at).replace(*ENDLESS)
        done = subprocess.run(
            ["bash", "-c", f"{now} -o /dev/null -w '%{{http_code}}'"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        expected = (
            NOT_HERE | ANSWERED | {403}
            if "session/arm" in command or "hooks" in command
            else ANSWERED | NOT_HERE
        )
        if int(done.stdout or 0) not in expected:
            wrong.append((command, done.stdout))
    assert wrong == []


def test_every_sample_body_belongs_to_an_operation(served: Api) -> None:
    text = "\n".join(examples(served))
    for _, path in BODIES:
        assert path in text
