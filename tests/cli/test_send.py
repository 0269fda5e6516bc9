import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import responses

from cli.client import Answer, BotClient, Unreachable
from cli.delivery import Delivered, deliver, follow, with_time
from tests.cli.conftest import OTHERS, CommandLine, knows, write_tokens
from tests.web.conftest import NOW, Api, body

UNRATED = {"catalyst_tier": 3, "ai_confidence": None}


def jsonl(path: Path, *lines: Any) -> Path:
    path.write_text("".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in lines))
    return path


def test_a_signal_from_flags_is_taken_in_and_its_verdict_printed(bot: Api, cli: CommandLine) -> None:
    done = cli(
        "send", "--symbol", "ACME", "--tier", "3", "--category", "FDA", "--price", "12.50", "--id", "x"
    )
    assert done.exit_code == 0
    assert "1 accepted" in done.stdout
    assert "no_rating" in done.stdout
    [view] = bot.queries.signal("x", "cli")
    assert view.signal.price_at_signal == Decimal("12.50")
    assert view.signal.issued_at == NOW


def test_without_an_id_a_signal_is_named_by_its_time_and_symbol(bot: Api, cli: CommandLine) -> None:
    assert cli("send", "--symbol", "ACME", "--tier", "3").exit_code == 0
    [view] = bot.queries.signals(limit=10).items
    assert view.signal.signal_id == "cli-20261112T150000.000000Z-ACME"


def test_a_broken_line_is_told_with_its_number_and_the_rest_goes_on(
    bot: Api, cli: CommandLine, tmp_path: Path
) -> None:
    file = jsonl(
        tmp_path / "signals.jsonl",
        body(signal_id="a", **UNRATED),
        "{not json",
        "",
        "[1]",
        body(signal_id="b", symbol="acme"),
        body(signal_id="c", after_s=1),
        body(signal_id="d", **UNRATED),
    )
    done = cli("send", file)
    assert done.exit_code == 1
    assert [line.split(":")[0] for line in done.stdout.splitlines()[:4]] == [
        "line 2",
        "line 4",
        "line 5",
        "line 6",
    ]
    assert "2 accepted, 0 repeated, 4 refused" in done.stdout
    assert bot.queries.signal("d") != ()


def test_a_file_sent_twice_is_repeated_and_fine(bot: Api, cli: CommandLine, tmp_path: Path) -> None:
    file = jsonl(tmp_path / "signals.jsonl", body(**UNRATED))
    assert cli("send", file).exit_code == 0
    again = cli("send", file)
    assert again.exit_code == 0
    assert "1 repeated" in again.stdout


def test_a_pipe_is_read_like_a_file_and_a_line_without_a_time_is_issued_now(
    bot: Api, cli: CommandLine
) -> None:
    line = json.dumps(body(issued_at=..., price_at_signal=12.345678901, **UNRATED))
    assert cli("send", "-", stdin=line + "\n").exit_code == 0
    [view] = bot.queries.signal("fda-1")
    assert view.signal.issued_at == NOW
    assert view.signal.price_at_signal == Decimal("12.345678901")


def test_a_report_for_programs_is_one_json_object(bot: Api, cli: CommandLine, tmp_path: Path) -> None:
    file = jsonl(tmp_path / "signals.jsonl", body(**UNRATED), "{")
    done = cli("send", file, "--json")
    report = json.loads(done.stdout)
    assert (done.exit_code, report["accepted"], report["refused"]) == (1, 1, 1)
    assert report["verdicts"] == {"no_rating": 1}
    assert [each["outcome"] for each in report["lines"]] == ["accepted", "refused"]


def test_a_signal_that_waits_for_the_gate_is_undecided_and_taken_in(bot: Api, cli: CommandLine) -> None:
    done = cli("send", "--symbol", "ACME", "--tier", "1", "--no-wait")
    assert done.exit_code == 0
    assert "undecided" in done.stdout


def test_no_running_bot_is_one_clear_line_and_1(bot: Api, cli: CommandLine) -> None:
    done = cli("send", "--symbol", "ACME", "--tier", "1", "--http", "127.0.0.1:1")
    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert "no Starfill answers at http://127.0.0.1:1" in line


def test_a_state_folder_without_a_token_is_one_clear_line_and_1(
    bot: Api, cli: CommandLine, tmp_path: Path
) -> None:
    done = cli("send", "--symbol", "ACME", "--tier", "1", "--state-dir", tmp_path / "nowhere")
    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert "no token" in line
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("signals.jsonl", "--symbol", "ACME"),
        ("--symbol", "ACME"),
        (),
        ("--symbol", "ACME", "--tier", "1", "--http", "127.0.0.1:0"),
        ("--symbol", "ACME", "--tier", "1", "--http", "0.0.0.0:8787"),
        ("no-such-file.jsonl",),
    ],
)
def test_what_cannot_be_meant_is_64_and_one_line(
    bot: Api, cli: CommandLine, arguments: tuple[str, ...]
) -> None:
    done = cli("send", *arguments)
    assert done.exit_code == 64
    assert len(done.stderr.splitlines()) == 1


def test_the_roots_flags_before_the_command_count_too(bot: Api, cli: CommandLine) -> None:
    done = cli("--http", "127.0.0.1:1", "send", "--symbol", "ACME", "--tier", "1")
    assert "127.0.0.1:1" in done.stderr


def test_a_wrong_token_is_told_and_not_shown(bot: Api, cli: CommandLine, tmp_path: Path) -> None:
    write_tokens(tmp_path / "state", OTHERS)
    done = cli("send", "--symbol", "ACME", "--tier", "1")
    assert done.exit_code == 1
    assert "a Starfill with another state folder" in done.stderr
    assert "another-token" not in done.stdout + done.stderr


@responses.activate
def test_a_busy_bot_is_asked_again_after_the_time_it_names() -> None:
    knows("token")
    busy = {"status": 503, "json": {"message": "busy"}, "headers": {"Retry-After": "3"}}
    for given in (busy, busy, {"status": 202, "json": {"signal_id": "x", "source": "cli"}}):
        responses.post("http://bot/api/signals", **given)
    pauses: list[float] = []
    assert BotClient("http://bot", "token", pauses.append).post_signal("{}").status == 202
    assert pauses == [3.0, 3.0]


@responses.activate
def test_a_bot_that_stays_busy_is_given_up() -> None:
    knows("token")
    responses.post("http://bot/api/signals", status=503, body="not json")
    pauses: list[float] = []
    assert BotClient("http://bot", "token", pauses.append).post_signal("{}").status == 503
    assert len(pauses) == 4


@responses.activate
def test_a_broken_connection_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="http://bot"):
        BotClient("http://bot", "token").post_signal("{}")


@responses.activate
def test_the_wait_for_verdicts_has_an_end() -> None:
    knows("token")
    responses.get("http://bot/api/signals/x", json={"verdict": None})
    times = iter([0.0, 0.1, 0.2, 5.0])
    signal = Delivered(1, signal_id="x", source="cli", outcome="accepted")
    follow(
        BotClient("http://bot", "token"), [signal], 1.0, pause=lambda _: None, monotonic=lambda: next(times)
    )
    assert signal.verdict == ""


def test_a_complete_line_goes_out_to_the_letter() -> None:
    line = '{"issued_at":  "2026-11-12T15:00:00Z", "price_at_signal": 12.500}'
    assert with_time(line, lambda: NOW) == line


def test_a_refusal_is_one_line_with_every_fault() -> None:
    said = {"message": "Not valid.", "details": [{"field": "symbol", "fault": "is missing"}]}
    assert Answer(422, said, 1.0).why() == "Not valid. symbol is missing"
    assert Answer(500, {}, 1.0).why() == "HTTP 500"


def test_bytes_of_a_pipe_that_are_no_text_spoil_their_own_line_only(bot: Api, cli: CommandLine) -> None:
    good = json.dumps(body(**UNRATED)).encode()
    done = cli("send", "-", stdin=b'{"signal_id": "\xff"}\n\xff\n' + good + b"\n")
    assert done.exit_code == 1
    assert "1 accepted, 0 repeated, 2 refused" in done.stdout


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}])
def test_bytes_that_are_no_text_end_in_no_traceback_in_any_locale(bot: Api, locale: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parents[2] / "run.py"), "send", "-"],
        input=b'{"issued_at": "\xff"}\n',
        capture_output=True,
        env=os.environ | locale,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"0 accepted, 0 repeated, 1 refused" in done.stdout


def test_text_that_utf_8_cannot_carry_is_refused_by_the_bot_and_no_crash(bot: Api, cli: CommandLine) -> None:
    done = cli("send", "--symbol", "ACME", "--tier", "3", "--id", "\udcff")
    assert done.exit_code == 1
    assert "1 refused" in done.stdout


@pytest.mark.parametrize("signal_id", ["..", ".", "a/../b", "a%2Fb", "a?c#d"])
def test_an_id_that_looks_like_a_path_is_asked_about_as_it_is(
    bot: Api, cli: CommandLine, signal_id: str
) -> None:
    done = cli("send", "--symbol", "ACME", "--tier", "3", "--id", signal_id)
    assert done.exit_code == 0
    assert "no_rating" in done.stdout


@responses.activate
@pytest.mark.parametrize("said", [{}, [], {"signal_id": "x"}, {"signal_id": 1, "source": None}])
def test_a_server_that_gives_no_receipt_is_another_program(said: Any) -> None:
    knows("token")
    responses.post("http://bot/api/signals", status=200, json=said)
    with pytest.raises(Unreachable, match="another program than Starfill answers at http://bot"):
        list(deliver(BotClient("http://bot", "token"), [(1, "{}")], lambda: NOW))


@responses.activate
@pytest.mark.parametrize("verdict", ["yes", {}, [], {"code": "x"}])
def test_a_verdict_of_another_shape_is_none(verdict: Any) -> None:
    knows("token")
    responses.get("http://bot/api/signals/x", json={"verdict": verdict})
    signal = Delivered(1, signal_id="x", source="cli", outcome="accepted")
    follow(BotClient("http://bot", "token"), [signal], 0.0, pause=lambda _: None, monotonic=lambda: 0.0)
    assert signal.verdict == ""


@pytest.mark.parametrize("details", ["text", None, 5, ["text"], [{}]])
def test_a_refusal_with_details_of_another_shape_is_still_one_line(details: Any) -> None:
    assert Answer(422, {"message": "No.", "details": details}, 1.0).why() == "No."


# --- preview --------------------------------------------------------------------------------------------


def test_a_preview_prints_every_check_and_stores_nothing(bot: Api, cli: CommandLine) -> None:
    bot.read_account()
    done = cli("send", "--preview", "--symbol", "ACME", "--tier", "1", "--id", "p-1")
    assert done.exit_code == 0, done.output
    first, *checks = done.stdout.splitlines()
    assert first == "p-1, ACME: would trade: every check passed"
    assert len(checks) == 24
    assert checks[0].split() == ["passed", "time_to_live", "300.0", "s", "of", "300", "s", "left"]
    assert bot.queries.signal("p-1") == ()


def test_a_preview_of_what_would_be_declined_says_which_check_fails(bot: Api, cli: CommandLine) -> None:
    bot.read_account()
    done = cli("send", "--preview", "--symbol", "ACME", "--tier", "3")
    assert done.exit_code == 0
    first, *checks = done.stdout.splitlines()
    assert first.endswith("would decline: tier 3, AI confidence none: no rating, no trade")
    assert [line.split()[1] for line in checks if line.startswith("  FAILED")] == ["stars"]


def test_a_file_is_previewed_line_by_line_and_what_is_no_signal_is_told(
    bot: Api, cli: CommandLine, tmp_path: Path
) -> None:
    file = jsonl(
        tmp_path / "signals.jsonl",
        body(signal_id="a", **UNRATED),
        "{not json",
        body(signal_id="b", symbol="x"),
    )
    done = cli("send", "--preview", file)
    assert done.exit_code == 1
    first, second, third = done.stdout.splitlines()
    assert first.startswith("a, ACME: would decline")
    assert second.startswith("line 2: it is not a signal")
    assert third.startswith("line 3: ")
    assert bot.queries.undecided() == 0


def test_a_preview_may_be_had_as_json(bot: Api, cli: CommandLine) -> None:
    bot.read_account()
    done = cli("send", "--preview", "--json", "--symbol", "ACME", "--tier", "1")
    [told] = json.loads(done.stdout)["previews"]
    assert (told["line"], told["why"], told["would"], told["order"]["notional"]) == (1, None, "trade", "100")


def test_without_a_bot_there_is_no_preview(
    bot: Api, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARFILL_HTTP", "127.0.0.1:1")
    done = cli("send", "--preview", "--symbol", "ACME", "--tier", "1")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "start it with" in done.stderr
