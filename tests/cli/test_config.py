"""`config get`, `set` and `diff`: by the running bot, or in a stopped one's ledger, and never beside it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import responses

from actors.clock import system_clock
from cli.client import BotClient
from domain.config import BotConfig
from domain.messages import ConfigChanged, LedgerUnwritable
from domain.settings_text import KEYS, description
from persistence.instance import Instance, claim
from persistence.queries import Queries
from persistence.store import LedgerStore
from tests.cli.conftest import CommandLine, write_tokens
from tests.web.conftest import TOKEN, Answering, Api, serving
from web.token import NAMES

STOPPED = ("--http", "127.0.0.1:1")


@pytest.fixture(scope="module")
def config() -> BotConfig:
    """As an owner finds them who has set nothing."""
    return BotConfig()


def told(done: Any) -> Any:
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def one_line(done: Any, code: int) -> str:
    assert done.exit_code == code, (done.stdout, done.stderr)
    [line] = done.stderr.splitlines()
    return str(line)


def journal(path: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT kind, ref, payload FROM journal ORDER BY seq").fetchall()


def stored(path: Path) -> BotConfig:
    store = LedgerStore.open(path, clock=system_clock)
    config = Queries(store).config()
    store.close()
    return config


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """What the running bot serves; its settings are the defaults."""
    with serving(tmp_path, config=BotConfig()) as served:
        yield served


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of a bot that has never run; it is not there yet."""
    folder = tmp_path / "state"
    monkeypatch.setenv("STARFILL_STATE_DIR", str(folder))
    return folder


# --- with the bot running ----------------------------------------------------------------------------


def test_the_running_bot_is_asked_and_has_changed_it(bot: Api, cli: CommandLine, tmp_path: Path) -> None:
    done = cli("config", "set", "max_orders_per_day=50", "allowed_symbols=KO,ACME")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "allowed_symbols: none -> ACME,KO",
        "max_orders_per_day: 100 -> 50",
        f"in {bot.store.path} of the running bot",
    ]
    assert bot.queries.config() == BotConfig(max_orders_per_day=50, allowed_symbols=("ACME", "KO"))
    [(kind, by, _)] = journal(bot.store.path)
    assert (kind, by) == ("config_changed", "cli")
    assert {each.name for each in (tmp_path / "state").iterdir()} == set(NAMES.values())


def test_what_is_set_is_shown_with_its_meaning(bot: Api, cli: CommandLine) -> None:
    cli("config", "set", "hard_stop_loss_pct=5.5")
    shown = told(cli("config", "get", "--json"))
    assert (shown["running"], shown["ledger"]) == (True, str(bot.store.path))
    assert list(shown["config"]) == list(shown["defaults"]) == list(KEYS)
    assert (shown["config"]["hard_stop_loss_pct"], shown["defaults"]["hard_stop_loss_pct"]) == ("5.5", "7")
    assert shown["descriptions"] == {key: description(key) for key in KEYS}
    table = cli("config", "get", "hard_stop_loss_pct", "max_orders_per_day").stdout
    assert "5.5" in table
    assert "Percent below its entry price" in " ".join(table.replace("│", "").split())
    assert "trailing" not in table


def test_single_settings_can_be_asked_for(bot: Api, cli: CommandLine) -> None:
    shown = told(cli("config", "get", "protective_stop", "max_orders_per_day", "--json"))
    assert shown["config"] == {"max_orders_per_day": 100, "protective_stop": False}
    assert shown["descriptions"].keys() == shown["defaults"].keys() == shown["config"].keys()


def test_the_difference_from_the_defaults_is_shown(bot: Api, cli: CommandLine) -> None:
    assert "everything is as by default" in cli("config", "diff").stdout
    cli("config", "set", "max_orders_per_day=50", "denied_symbols=KO", "trade_size_stars_5=300")
    assert "denied_symbols: none -> KO\nmax_orders_per_day: 100 -> 50\n" in cli("config", "diff").stdout
    shown = told(cli("config", "diff", "--json"))
    assert shown["differences"] == [
        {"key": "trade_size_stars_5", "default": "100", "value": "300"},
        {"key": "denied_symbols", "default": "", "value": "KO"},
        {"key": "max_orders_per_day", "default": "100", "value": "50"},
    ]
    [warning] = shown["warnings"]
    assert "no signal of 5 stars trades" in warning
    assert f"note: {warning}" in cli("config", "diff").stdout


def test_what_programs_get_of_a_change_is_one_json_object(bot: Api, cli: CommandLine) -> None:
    done = told(cli("config", "set", "max_orders_per_day=50", "--json"))
    assert (done["running"], done["config"]["max_orders_per_day"]) == (True, 50)
    assert done["changed"] == [{"key": "max_orders_per_day", "old": "100", "new": "50"}]
    assert told(cli("config", "set", "max_orders_per_day=50", "--json"))["changed"] == []
    assert "nothing changed" in cli("config", "set", "max_orders_per_day=50").stdout


def test_what_only_the_ledger_can_know_is_refused_by_it(bot: Api, cli: CommandLine) -> None:
    cli("config", "set", "allowed_symbols=KO")
    assert "so does allowed_symbols" in one_line(cli("config", "set", "denied_symbols=KO"), 64)
    done = cli("config", "set", "denied_symbols=KO", "--json")
    assert [each["key"] for each in json.loads(done.stdout)["faults"]] == ["denied_symbols"]
    assert bot.queries.config() == BotConfig(allowed_symbols=("KO",))


def test_a_bot_that_cannot_do_it_is_1_and_what_may_have_happened_is_told(
    bot: Api, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.client.PATIENCE", 1)
    bot.desk.swap(Answering(LedgerUnwritable(why="the disk is full")))
    assert "the disk is full" in one_line(cli("config", "set", "max_orders_per_day=5"), 1)
    assert bot.queries.config() == BotConfig()


def test_patience_is_had_with_a_bot_that_asks_for_it(
    bot: Api, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, able = LedgerUnwritable(why="busy"), ConfigChanged(config=BotConfig(), changed=())
    answering = Answering(busy)

    def pause(seconds: float) -> None:
        answering.outcome = able

    monkeypatch.setattr("cli.settings_holder.bot_of", lambda *_: BotClient(bot.url, TOKEN, pause))
    bot.desk.swap(answering)
    assert cli("config", "set", "max_orders_per_day=5").exit_code == 0
    assert len(answering.mail) == 2


@pytest.mark.parametrize("command", [("get",), ("diff",), ("set", "max_orders_per_day=5")])
def test_flags_that_mean_another_ledger_than_the_running_bots_are_64(
    bot: Api, cli: CommandLine, tmp_path: Path, command: tuple[str, ...]
) -> None:
    other = f"sqlite:///{tmp_path}/other.sqlite3"
    for arguments in (
        ("config", *command, "--mode", "simulator"),
        ("config", *command, "--database", other),
        ("--database", other, "config", *command),
    ):
        assert str(bot.store.path) in one_line(cli(*arguments), 64)
    assert bot.queries.config() == BotConfig()
    assert not (tmp_path / "other.sqlite3").exists()
    assert cli("config", *command, "--database", f"sqlite:///{bot.store.path}").exit_code == 0


# --- what is wrong by itself -------------------------------------------------------------------------


def test_every_fault_is_named_in_one_line_and_no_ledger_is_made(cli: CommandLine, state: Path) -> None:
    line = one_line(
        cli("config", "set", "max_orders_per_day=x", "maxOrdersPerMinute=5", "protective_stop"), 64
    )
    assert "max_orders_per_day must be a whole number from 0 to 1000000, 0 = off" in line
    assert "maxOrdersPerMinute is no setting; did you mean max_orders_per_minute?" in line
    assert "protective_stop must be given as KEY=VALUE" in line
    assert not state.exists()


def test_a_name_that_is_none_cannot_be_got(cli: CommandLine, state: Path) -> None:
    assert "did you mean max_orders_per_day?" in one_line(cli("config", "get", "max_order_per_day"), 64)


@pytest.mark.parametrize("argument", ["\udcff=1", "max_orders_per_day=\udcff", "\udcff"])
def test_what_no_text_can_say_is_refused_in_words(cli: CommandLine, state: Path, argument: str) -> None:
    one_line(cli("config", "set", argument), 64)


def test_to_set_nothing_is_no_command(cli: CommandLine, state: Path) -> None:
    one_line(cli("config", "set"), 64)
    assert not state.exists()


# --- with the bot stopped ----------------------------------------------------------------------------


def test_where_no_ledger_is_yet_the_defaults_are_shown_and_none_is_made(
    cli: CommandLine, state: Path
) -> None:
    shown = told(cli("config", "get", "--json", *STOPPED))
    assert (shown["running"], shown["ledger"]) == (False, str(state / "ledger-simulator.sqlite3"))
    assert shown["config"] == shown["defaults"]
    assert told(cli("config", "diff", "--json", *STOPPED))["differences"] == []
    assert not state.exists()


def test_a_change_makes_the_ledger_that_the_bot_will_find(cli: CommandLine, state: Path) -> None:
    done = cli("config", "set", "max_orders_per_day=50", *STOPPED)
    assert done.exit_code == 0
    path = state / "ledger-simulator.sqlite3"
    assert done.stdout.splitlines() == [
        "max_orders_per_day: 100 -> 50",
        f"in {path}; the bot is not running",
    ]
    assert path.stat().st_mode & 0o777 == 0o600
    assert stored(path) == BotConfig(max_orders_per_day=50)
    assert journal(path) == [
        ("config_changed", "cli", '{"new":{"max_orders_per_day":50},"old":{"max_orders_per_day":100}}')
    ]
    store = LedgerStore.open(path, clock=system_clock)
    store.bind_account("whoever starts it first")
    store.close()


def test_a_stopped_bots_ledger_is_shown_and_changed(cli: CommandLine, state: Path) -> None:
    cli("config", "set", "hard_stop_loss_pct=5.5", *STOPPED)
    done = told(cli("config", "set", "hard_stop_loss_pct=6", "--json", *STOPPED))
    assert done["changed"] == [{"key": "hard_stop_loss_pct", "old": "5.5", "new": "6"}]
    assert done["running"] is False
    assert told(cli("config", "get", "--json", *STOPPED))["config"]["hard_stop_loss_pct"] == "6"
    assert told(cli("config", "diff", "--json", *STOPPED))["differences"] == [
        {"key": "hard_stop_loss_pct", "default": "7", "value": "6"}
    ]


def test_no_change_is_none_in_a_stopped_bots_ledger_either(cli: CommandLine, state: Path) -> None:
    cli("config", "set", "hard_stop_loss_pct=5.5", *STOPPED)
    assert "nothing changed" in cli("config", "set", "hard_stop_loss_pct=5.50", *STOPPED).stdout
    assert len(journal(state / "ledger-simulator.sqlite3")) == 1


def test_a_fault_that_only_the_ledger_knows_changes_nothing(cli: CommandLine, state: Path) -> None:
    cli("config", "set", "allowed_symbols=KO", *STOPPED)
    line = one_line(cli("config", "set", "denied_symbols=KO", "max_orders_per_day=1", *STOPPED), 64)
    assert "so does allowed_symbols" in line
    assert stored(state / "ledger-simulator.sqlite3") == BotConfig(allowed_symbols=("KO",))


@pytest.mark.parametrize("before", [True, False], ids=["before the command", "behind it"])
def test_it_is_the_ledger_that_the_bot_would_have(
    cli: CommandLine, state: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    monkeypatch.setenv("APCA_API_KEY_ID", "AKREAL")
    monkeypatch.setenv("APCA_API_SECRET_KEY", "secret")
    flags, command = ("--mode", "live"), ("config", "set", "max_orders_per_day=50")
    arguments = (*flags, *command, *STOPPED) if before else (*command, *flags, *STOPPED)
    assert cli(*arguments).exit_code == 0
    assert stored(state / "ledger-live.sqlite3").max_orders_per_day == 50
    elsewhere = state / "elsewhere.sqlite3"
    monkeypatch.setenv("STARFILL_DATABASE", f"sqlite:///{elsewhere}")
    assert cli("config", "set", "max_orders_per_day=60", *STOPPED, "--mode", "live").exit_code == 0
    assert stored(elsewhere).max_orders_per_day == 60


def test_a_port_that_is_not_known_is_no_hindrance_to_a_stopped_bot(cli: CommandLine, state: Path) -> None:
    assert cli("config", "set", "max_orders_per_day=50", "--http", "127.0.0.1:0").exit_code == 0


def test_whoever_had_the_ledger_before_cannot_go_on_with_the_old_settings(
    cli: CommandLine, state: Path
) -> None:
    cli("config", "set", "max_orders_per_day=50", *STOPPED)
    store = LedgerStore.open(state / "ledger-simulator.sqlite3", clock=system_clock)
    before = store.take_lease(holder="pid 4711", at=system_clock())
    cli("config", "set", "max_orders_per_day=60", *STOPPED)
    assert store.lease().epoch > before
    assert "config set" in store.lease().holder
    store.close()


# --- with a bot that starts, or hangs ----------------------------------------------------------------


@pytest.mark.parametrize("command", [("get",), ("diff",), ("set", "max_orders_per_day=60")])
def test_a_bot_that_starts_or_hangs_is_not_written_under_and_named_with_75(
    cli: CommandLine, state: Path, command: tuple[str, ...]
) -> None:
    cli("config", "set", "max_orders_per_day=50", *STOPPED)
    held = Instance(state)
    pid = (state / "lock").read_text().strip()
    for port in ("1", "0"):
        line = one_line(cli("config", *command, "--http", f"127.0.0.1:{port}"), 75)
        assert pid in line
        assert "left alone" in line
    held.release()
    assert stored(state / "ledger-simulator.sqlite3").max_orders_per_day == 50


def test_a_bot_of_another_folder_that_has_the_same_ledger_is_not_written_under_either(
    cli: CommandLine, state: Path, tmp_path: Path
) -> None:
    path = tmp_path / "shared.sqlite3"
    database = ("--database", f"sqlite:///{path}")
    cli("config", "set", "max_orders_per_day=50", *STOPPED, *database)
    store = LedgerStore.open(path, clock=system_clock)
    with ExitStack() as stack:
        stack.callback(store.close)
        stack.callback(claim(path, now=system_clock(), lease=store.lease()).release)
        store.take_lease(holder="pid 4711 elsewhere", at=system_clock())
        assert "pid 4711" in one_line(cli("config", "set", "max_orders_per_day=60", *STOPPED, *database), 75)
    assert stored(path).max_orders_per_day == 50


def test_what_another_program_answers_is_no_reason_to_write_under_a_bot_that_is_there(
    cli: CommandLine, state: Path
) -> None:
    held = Instance(state)
    write_tokens(state)
    with responses.RequestsMock() as web:
        web.get("http://127.0.0.1:8787/livez", status=200, json={"hello": "world"})
        line = one_line(cli("config", "set", "max_orders_per_day=60"), 75)
    assert "another program than Starfill" in line
    held.release()


# --- ledgers that cannot be used ---------------------------------------------------------------------


def test_a_ledger_that_is_none_is_64_and_left_as_it_is(cli: CommandLine, state: Path) -> None:
    state.mkdir()
    path = state / "ledger-simulator.sqlite3"
    path.write_bytes(b"this is not a database " * 100)
    for command in (("get",), ("set", "max_orders_per_day=60")):
        assert str(path) in one_line(cli("config", *command, *STOPPED), 64)
    assert path.read_bytes() == b"this is not a database " * 100


def test_settings_in_the_ledger_that_set_nothing_are_64(cli: CommandLine, state: Path) -> None:
    cli("config", "set", "max_orders_per_day=50", *STOPPED)
    with closing(sqlite3.connect(state / "ledger-simulator.sqlite3", isolation_level=None)) as connection:
        connection.execute("UPDATE bot_config SET hard_stop_loss_pct = 'NaN'")
    for command in (("get",), ("set", "max_orders_per_day=60")):
        assert "hard_stop_loss_pct" in one_line(cli("config", *command, *STOPPED), 64)


def test_a_ledger_that_another_program_holds_is_70(cli: CommandLine, state: Path) -> None:
    cli("config", "set", "max_orders_per_day=50", *STOPPED)
    path = state / "ledger-simulator.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "locked" in one_line(cli("config", "set", "max_orders_per_day=60", *STOPPED), 70)
    assert stored(path).max_orders_per_day == 50


def test_a_folder_that_cannot_be_written_is_64(cli: CommandLine, state: Path) -> None:
    state.write_text("a file where the folder should be")
    assert "cannot be written" in one_line(cli("config", "set", "max_orders_per_day=60", *STOPPED), 64)
