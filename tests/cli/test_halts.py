import json
from pathlib import Path
from typing import Any

import pytest
import responses

from domain.messages import LedgerUnwritable
from persistence.halt_file import HaltFile
from tests.cli.conftest import OTHERS, CommandLine, knows, write_tokens
from tests.web.conftest import TOKENS, Answering, Api


def standing(api: Api) -> list[tuple[str, str]]:
    return [(each["scope"], each["reason"]) for each in api.get("/api/halts").json()["items"]]


def on_file(state: Path) -> list[tuple[str, str]]:
    return [(each.scope, each.reason) for each in HaltFile(state / "HALT").read()]


def test_a_symbol_is_halted_and_resumed(bot: Api, cli: CommandLine) -> None:
    done = cli("halt", "ACME", "--reason", "a rumour")
    assert (done.exit_code, "ACME is halted" in done.stdout) == (0, True)
    assert standing(bot) == [("ACME", "a rumour")]
    done = cli("resume", "ACME", "--reason", "it was false")
    assert (done.exit_code, "ACME: 1 lifted" in done.stdout) == (0, True)
    assert standing(bot) == []


def test_a_resume_of_everything_shows_what_stood_before_and_what_still_stands(
    bot: Api, cli: CommandLine
) -> None:
    cli("halt", "--all", "--reason", "going out")
    cli("halt", "ACME", "--reason", "a rumour")
    done = cli("resume", "--all", "--reason", "back")
    assert done.exit_code == 0
    before, after = done.stdout.split("everything: 1 lifted")
    assert "going out" in before
    assert "a rumour" in before
    assert "going out" not in after
    assert "a rumour" in after


def test_a_halt_that_stands_already_is_told_and_fine(bot: Api, cli: CommandLine) -> None:
    cli("halt", "--all", "--reason", "stop")
    done = cli("halt", "--all", "--reason", "stop")
    assert (done.exit_code, "already" in done.stdout) == (0, True)
    assert standing(bot) == [("all", "stop")]


def test_what_programs_get_is_one_json_object(bot: Api, cli: CommandLine) -> None:
    halted = json.loads(cli("halt", "ACME", "--reason", "x", "--json").stdout)
    assert (halted["running"], halted["changed"]) == (True, 1)
    assert [each["scope"] for each in halted["standing"]] == ["ACME"]
    resumed = json.loads(cli("resume", "ACME", "--reason", "y", "--json").stdout)
    assert ([each["reason"] for each in resumed["lifted"]], resumed["standing"]) == (["x"], [])


def test_a_stopped_bot_is_halted_by_the_file_that_it_finds_at_its_start(
    bot: Api, cli: CommandLine, tmp_path: Path
) -> None:
    for scope in ("ACME", "KO", "ACME"):
        done = cli("halt", scope, "--reason", "x", "--http", "127.0.0.1:1")
        assert done.exit_code == 0
        assert "the bot is not running" in done.stdout
        assert "when it starts" in done.stdout
    assert on_file(tmp_path / "state") == [("ACME", "x"), ("KO", "x")]


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_folder_that_no_bot_ever_had_is_halted_but_the_bot_that_may_run_elsewhere_is_told_not_to_be(
    cli: CommandLine, tmp_path: Path, form: tuple[str, ...]
) -> None:
    state = tmp_path / "new"
    done = cli("halt", "--all", "--reason", "x", "--state-dir", state, *form)
    assert (done.exit_code, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert "NOT halted" in line
    assert on_file(state) == [("all", "x")]


def test_a_bot_whose_ledger_cannot_be_written_is_halted_by_the_file(
    bot: Api, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.client.PATIENCE", 1)
    bot.desk.swap(Answering(LedgerUnwritable(why="the disk is full")))
    done = cli("halt", "--all", "--reason", "x")
    assert done.exit_code == 0
    assert "the disk is full" in done.stdout
    assert "soon" in done.stdout
    assert on_file(tmp_path / "state") == [("all", "x")]


def test_where_nothing_can_be_written_that_is_told_and_1(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = cli("halt", "--all", "--reason", "x", "--state-dir", tmp_path / "file")
    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert "NOTHING was halted" in line


def test_a_resume_without_a_running_bot_is_refused_with_what_to_do(
    bot: Api, cli: CommandLine, tmp_path: Path
) -> None:
    cli("halt", "--all", "--reason", "x", "--http", "127.0.0.1:1")
    done = cli("resume", "--all", "--reason", "y", "--http", "127.0.0.1:1")
    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert "start it with: python run.py" in line
    assert on_file(tmp_path / "state") == [("all", "x")]


def test_a_resume_that_the_ledger_does_not_take_is_1_and_asked_once(bot: Api, cli: CommandLine) -> None:
    desk = Answering(LedgerUnwritable(why="the disk is full"))
    bot.desk.swap(desk)
    done = cli("resume", "--all", "--reason", "y")
    assert (done.exit_code, "no halt was lifted" in done.stderr) == (1, True)
    assert len(desk.mail) == 1


@pytest.mark.parametrize("what", ["halt", "resume"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("--reason", "x"),
        ("ACME", "--all", "--reason", "x"),
        ("acme", "--reason", "x"),
        ("all", "--reason", "x"),
        ("ACME", "--reason", ""),
        ("ACME", "--reason", "x" * 201),
        ("ACME", "--reason", "two\nlines"),
    ],
)
def test_what_cannot_be_meant_is_64_and_halts_nothing(
    bot: Api, cli: CommandLine, what: str, arguments: tuple[str, ...]
) -> None:
    done = cli(what, *arguments)
    assert (done.exit_code, len(done.stderr.splitlines())) == (64, 1)
    assert standing(bot) == []


def test_a_halt_needs_a_reason(bot: Api, cli: CommandLine) -> None:
    assert cli("halt", "--all").exit_code == 64
    assert standing(bot) == []


def test_another_folders_bot_is_not_halted_and_that_is_told(
    bot: Api, cli: CommandLine, tmp_path: Path
) -> None:
    write_tokens(tmp_path / "state", OTHERS)
    done = cli("halt", "--all", "--reason", "x")
    assert (done.exit_code, "a Starfill with another state folder" in done.stderr) == (1, True)
    assert "it is NOT halted" in done.stderr
    assert standing(bot) == []


@responses.activate
@pytest.mark.parametrize("said", [{}, [], {"changed": "no", "standing": []}])
def test_another_program_in_the_bots_place_does_not_keep_the_bot_from_being_halted(
    bot: Api, cli: CommandLine, tmp_path: Path, said: Any
) -> None:
    knows(TOKENS.operate, bot.url)
    responses.post(f"{bot.url}/api/halt", status=200, json=said)
    done = cli("halt", "--all", "--reason", "x")
    assert (done.exit_code, "another program" in done.stdout) == (0, True)
    assert on_file(tmp_path / "state") == [("all", "x")]


@responses.activate
@pytest.mark.parametrize("status", [404, 500, 501])
def test_an_answer_that_is_no_bots_does_not_keep_the_bot_from_being_halted(
    bot: Api, cli: CommandLine, tmp_path: Path, status: int
) -> None:
    knows(TOKENS.operate, bot.url)
    responses.post(f"{bot.url}/api/halt", status=status, body="<html>")
    done = cli("halt", "--all", "--reason", "x")
    assert (done.exit_code, "soon" in done.stdout) == (0, True)
    assert on_file(tmp_path / "state") == [("all", "x")]
