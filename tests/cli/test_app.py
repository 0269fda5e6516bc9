import sys
from pathlib import Path

import pytest

from cli.app import BotOptions, application
from cli.day.plan import CONFIG
from cli.play_money import DEMO
from settings import Exit, Settings
from tests.cli.conftest import CommandLine


def test_without_a_command_the_bot_runs_and_its_code_is_the_exit_code(
    cli: CommandLine, tmp_path: Path
) -> None:
    cli.code = Exit.KEYS_REFUSED
    done = cli("--state-dir", tmp_path / "s", "--http", "127.0.0.1:9999")
    assert done.exit_code == 77
    [(settings, options)] = cli.started
    assert (settings.mode, settings.http_port, settings.state_dir) == ("simulator", 9999, tmp_path / "s")
    assert (options.demo, options.once, options.live_table) == (False, False, False)


def test_a_flag_overrides_the_variable_of_its_name(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARFILL_BROKER_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("STARFILL_DATABASE", "sqlite:///one.sqlite3")
    cli(
        "--broker-url",
        "http://127.0.0.1:2",
        "--database",
        "sqlite:///two.sqlite3",
        "--data-url",
        "http://[::1]:3",
    )
    [(settings, _)] = cli.started
    assert (settings.broker_url, settings.data_url) == ("http://127.0.0.1:2", "http://[::1]:3")
    assert settings.database.name == "two.sqlite3"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--mode", "paper"),
        ("--mode", "casino"),
        ("--http", "8787"),
        ("--database", "postgresql://x"),
        ("--once",),
        ("--state-dir", "~nosuchuser/x"),
        ("--broker-url", "http://[::1"),
        ("--broker-url", "https://api.alpaca.markets"),
        ("--demo", "--mode", "live"),
        ("--demo", "--broker-url", "https://api.alpaca.markets"),
        ("--demo-day", "--mode", "paper"),
        ("--demo-day", "--demo"),
        ("--demo-day", "--once"),
        ("--demo-day", "--date", "2026-11-26"),
        ("--demo-day", "--date", "tomorrow"),
        ("--date", "2026-11-12"),
        ("--signals", "60"),
    ],
)
def test_a_bad_configuration_is_64_with_one_line_and_starts_nothing(
    cli: CommandLine, arguments: tuple[str, ...]
) -> None:
    done = cli(*arguments)
    assert done.exit_code == 64
    assert len(done.stderr.splitlines()) == 1
    assert cli.started == []


def test_the_version_needs_no_configuration(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARFILL_HTTP", "nonsense")
    done = cli("--version")
    assert (done.exit_code, done.stdout.startswith("starfill ")) == (0, True)


def test_the_demo_never_uses_real_keys_or_addresses(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARFILL_MODE", "live")
    monkeypatch.setenv("STARFILL_BROKER_URL", "https://api.alpaca.markets")
    monkeypatch.setenv("STARFILL_DATABASE", "sqlite:///real.sqlite3")
    monkeypatch.setenv("APCA_API_KEY_ID", "AKREAL")
    monkeypatch.setenv("APCA_API_SECRET_KEY", "real-secret")
    assert cli("--demo").exit_code == 0
    [(settings, options)] = cli.started
    assert (settings.mode, settings.broker_url, settings.data_url) == ("simulator", None, None)
    assert (settings.key_id, settings.secret_key.get_secret_value()) == ("simulator", "simulator")
    assert settings.database.parent == settings.state_dir
    assert settings.state_dir.parent == (tmp_path / "var" / "demo").resolve()
    assert (options.demo, options.once) == (True, True)  # nobody watches, so it ends by itself


def test_two_demos_have_two_ledgers_unless_they_are_told_where_to_be(
    cli: CommandLine, tmp_path: Path
) -> None:
    cli("--demo")
    cli("--demo")
    cli("--demo", "--state-dir", tmp_path / "mine", "--database", f"sqlite:///{tmp_path}/my.sqlite3")
    first, second, third = (settings for settings, _ in cli.started)
    assert first.database != second.database
    assert (third.state_dir, third.database) == (tmp_path / "mine", tmp_path / "my.sqlite3")


def test_the_day_is_played_on_the_simulator_with_a_ledger_of_its_own(
    cli: CommandLine, tmp_path: Path
) -> None:
    assert cli("--demo-day").exit_code == 0
    assert cli("--demo-day", "--date", "2026-11-27", "--signals", "60").exit_code == 0
    (settings, ordinary), (_, half) = cli.started
    assert (settings.mode, settings.broker_url, settings.key_id) == ("simulator", None, "simulator")
    assert settings.database.is_relative_to(tmp_path / "var" / "demo")
    assert ordinary.day is not None
    assert half.day is not None
    assert (str(ordinary.day.day), ordinary.day.signals) == ("2026-11-12", 500)
    assert (str(half.day.day), half.day.signals, half.day.closes_s) == ("2026-11-27", 60, 13500)
    assert (ordinary.demo, ordinary.config) == (False, CONFIG)


def test_what_the_bot_begins_with_is_the_owners_own_but_for_a_demo() -> None:
    assert BotOptions().config is None
    assert BotOptions(demo=True).config == DEMO


@pytest.mark.parametrize("used", ["ledger-simulator.sqlite3", "simulator"])
def test_a_day_does_not_go_on_with_the_books_of_another(cli: CommandLine, tmp_path: Path, used: str) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / used).mkdir()
    done = cli("--demo-day", "--state-dir", tmp_path / "s")
    assert (done.exit_code, cli.started) == (64, [])
    assert used in done.stderr
    assert cli("--demo", "--state-dir", tmp_path / "s").exit_code == 0


def test_a_closed_standard_output_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[BotOptions] = []

    def bot(settings: Settings, options: BotOptions) -> int:
        started.append(options)
        return 0

    monkeypatch.setattr(sys, "stdout", None)
    # Not through the runner, which puts an output of its own in place.
    with pytest.raises(SystemExit) as ended:
        application(bot=bot)([])
    assert ended.value.code == 0
    assert started == [BotOptions()]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--foo",), ("send", "--foo"), ("nosuch",), ("trades", "--limit", "x"), ("--mode",), ("config",),
        ("source", "add"), ("token",), ("deadman", "--max-age", "3"), ("halt", "--all"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_flag_is_64_and_one_line(cli: CommandLine, arguments: tuple[str, ...]) -> None:
    done = cli(*arguments)
    assert (done.exit_code, done.stdout) == (64, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("starfill: ")
    assert line.endswith(" --help")
