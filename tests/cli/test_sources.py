import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import CommandLine
from web.sources.key_file import NAME, read_keys


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STARFILL_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def told(cli: CommandLine, *arguments: str) -> dict[str, Any]:
    done = cli("source", *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def refused(cli: CommandLine, *arguments: str) -> str:
    done = cli("source", *arguments)
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (64, "", 1)
    return done.stderr


def test_a_source_is_added_and_its_secret_shown_once(state: Path, cli: CommandLine) -> None:
    done = cli("source", "add", "news")
    [key] = read_keys(state).sources[0].keys
    assert done.exit_code == 0
    assert getattr(key, "secret") in done.stdout  # noqa: B009 - a signing key's only
    listed = cli("source", "list").stdout
    assert ("news" in listed, key.id in listed, getattr(key, "secret") in listed) == (True, True, False)  # noqa: B009


def test_for_tradingview_there_is_an_address_a_passphrase_and_a_message_to_paste(
    state: Path, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARFILL_PUBLIC_HOST", "bot.example.com")
    shown = told(cli, "add", "tv", "--tradingview")
    assert shown["url"].startswith("https://bot.example.com/hooks/tradingview/")
    assert shown["url"].endswith(shown["path"])
    message = json.loads(shown["message"])
    assert (message["passphrase"], message["issued_at"]) == (shown["passphrase"], "{{timenow}}")
    text = cli("source", "rotate", "tv").stdout
    assert "https://bot.example.com/hooks/tradingview/" in text
    assert '"passphrase": ' in text


def test_without_a_public_host_the_address_says_what_is_missing(state: Path, cli: CommandLine) -> None:
    assert told(cli, "add", "tv", "--tradingview")["url"].startswith("https://YOUR-PUBLIC-HOST/hooks/")


def test_a_source_is_rotated_and_removed(state: Path, cli: CommandLine) -> None:
    first = told(cli, "add", "news")
    second = told(cli, "rotate", "news")
    assert first["key"] != second["key"]
    assert first["secret"] != second["secret"]
    assert [row["key"] for row in told(cli, "list")["items"]] == [first["key"], second["key"]]
    assert told(cli, "remove", "news", "--key", first["key"]) == {"name": "news", "keys_left": 1}
    assert "removed" in cli("source", "remove", "news").stdout
    assert "no sources" in cli("source", "list").stdout


def test_what_cannot_be_is_told_in_one_line(state: Path, cli: CommandLine) -> None:
    assert "no source news" in refused(cli, "rotate", "news")
    assert "no source news" in refused(cli, "remove", "news")
    assert "name is" in refused(cli, "add", "two words")
    told(cli, "add", "news")
    assert "already" in refused(cli, "add", "news")
    (state / NAME).chmod(0o644)
    assert "chmod 600" in refused(cli, "list")
