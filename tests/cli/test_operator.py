"""The commands of the operator's seat, in front of a served API or the ledger's own file."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from typer.testing import Result

from simulator.server import Simulator, SimulatorSettings
from tests.cli.conftest import CommandLine, write_tokens
from tests.web.conftest import TOKEN, TOKENS, Api
from tests.web.test_figures import buy_and_sell
from tests.web.test_trades import plan


class Seat:
    """Runs commands at the bot of `api`, whose state folder this is."""

    def __init__(self, api: Api, cli: CommandLine, state: Path) -> None:
        self.api, self.state, self._cli = api, state, cli
        write_tokens(state)

    def __call__(self, *arguments: str) -> Result:
        return self._cli(*arguments, "--http", urlsplit(self.api.url).netloc, "--state-dir", self.state)

    def on_file(self, *arguments: str | Path) -> Result:
        return self._cli(
            "--database", f"sqlite:///{self.api.store.path}", *arguments, "--state-dir", self.state
        )


@pytest.fixture
def seat(api: Api, cli: CommandLine, tmp_path: Path) -> Seat:
    """A trade that ended, one that is pending, a signal that was refused."""
    api.read_account(IBM="5")
    buy_and_sell(api, "ACME", "14.3")
    plan(api, "KO")
    return Seat(api, cli, tmp_path)


def test_why_tells_every_check_and_how_the_trade_ended(seat: Seat) -> None:
    told = seat("why", "s-ACME")
    assert told.exit_code == 0
    for words in ("It was ordered for 100 USD", "time to live", "Trade 1 is closed by manual, P&L +7.50 USD"):
        assert words in told.stdout
    whole = json.loads(seat("why", "s-ACME", "--json").stdout)
    assert whole["trade"]["pnl"] == "7.5"
    assert whole["timeline"]["steps"][0]["kind"] == "signal"


def test_why_of_a_signal_that_nobody_sent_is_1(seat: Seat) -> None:
    told = seat("why", "nobody")
    assert (told.exit_code, "no such signal" in told.stderr) == (1, True)


@pytest.mark.parametrize("arguments", [("why", "\udcff"), ("why", "x", "--source", "\udcff")])
def test_bytes_that_are_no_text_name_nothing_and_are_told_in_one_line(
    seat: Seat, arguments: tuple[str, ...]
) -> None:
    told = seat(*arguments)
    assert (told.exit_code, len(told.stderr.splitlines())) == (1, 1)


@pytest.mark.parametrize(
    "arguments",
    [("signals", "--symbol", "\udcff"), ("signals", "--source", "\udcff"), ("orders", "--symbol", "\udcff")],
)
def test_nothing_is_listed_of_what_is_no_text(seat: Seat, arguments: tuple[str, ...]) -> None:
    told = seat(*arguments)
    assert (told.exit_code, len(told.stdout.splitlines()), told.stderr) == (0, 1, "")


def test_signals_are_listed_with_their_verdicts_and_filtered(seat: Seat) -> None:
    told = seat("signals")
    assert "s-ACME" in told.stdout
    assert "s-KO" in told.stdout
    only = json.loads(seat("signals", "--symbol", "KO", "--json").stdout)
    assert [each["signal_id"] for each in only["items"]] == ["s-KO"]
    assert "no signal like this" in seat("signals", "--state", "expired").stdout


def test_positions_say_whose_the_shares_are(seat: Seat) -> None:
    told = json.loads(seat("positions", "--json").stdout)
    [ibm] = [each for each in told["items"] if each["symbol"] == "IBM"]
    assert (ibm["ours"], ibm["opening"]) == ("0", "5")
    assert "IBM" in seat("positions").stdout


def test_orders_are_listed_newest_first(seat: Seat) -> None:
    told = json.loads(seat("orders", "--limit", "2", "--json").stdout)
    assert [(each["symbol"], each["leg"]) for each in told["items"]] == [("KO", "entry"), ("ACME", "exit")]
    assert "intended" in seat("orders", "--life", "intended").stdout


def test_verify_of_sound_books_is_0_and_of_changed_ones_1(seat: Seat) -> None:
    told = seat.on_file("verify")
    assert told.exit_code == 0
    assert "all as it says" in told.stdout
    with closing(sqlite3.connect(seat.api.store.path)) as connection, connection:
        connection.execute("UPDATE bot_trade SET pnl = '1000' WHERE id = 1")
    told = seat.on_file("verify", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["differences"][0]["column"] == "pnl"


def test_a_backup_is_whole_private_and_written_over_nothing(seat: Seat, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    assert seat.on_file("backup", str(copy)).exit_code == 0
    assert copy.stat().st_mode & 0o777 == 0o600
    assert seat.on_file("verify", copy).exit_code == 0
    again = seat.on_file("backup", str(copy))
    assert (again.exit_code, "not written over" in again.stderr) == (64, True)
    named = json.loads(seat.on_file("backup", "--json").stdout)
    assert Path(named["backup"]).parent == tmp_path / "backups"
    assert named["sound"]


@pytest.mark.parametrize("command", ["verify", "backup"])
def test_without_a_ledger_there_is_nothing_to_do(cli: CommandLine, tmp_path: Path, command: str) -> None:
    told = cli(command, "--state-dir", tmp_path)
    assert (told.exit_code, "there is no ledger" in told.stderr) == (1, True)
    assert not (tmp_path / "backups").exists()


def test_a_token_that_was_replaced_opens_nothing(seat: Seat) -> None:
    before = {name: (seat.state / name).read_text() for name in ("token",)}
    told = seat.on_file("token", "rotate")
    assert told.exit_code == 0
    assert before["token"] not in told.stdout
    assert (seat.state / "token").read_text() != before["token"]
    assert all((seat.state / name).stat().st_mode & 0o777 == 0o600 for name in ("token", "token-view"))


def test_the_token_is_not_shown_into_a_pipe_unless_it_is_meant(seat: Seat) -> None:
    refused = seat("token", "show-url")
    assert (refused.exit_code, TOKEN in refused.stdout) == (64, False)
    assert seat("token", "show-url", "--print").stdout == f"{seat.api.url}/#token={TOKEN}\n"
    assert seat("token", "show-url", "--json").exit_code == 64
    told = json.loads(seat("token", "show-url", "--print", "--json", "--role", "view").stdout)
    assert told == {"url": f"{seat.api.url}/#token={TOKENS.view}", "role": "view"}


# --- doctor -----------------------------------------------------------------------------------------


def lines_of(told: Result) -> dict[str, Any]:
    return {each["what"]: each for each in json.loads(told.stdout)["items"]}


def test_the_doctor_finds_a_running_bot_and_its_gate(seat: Seat) -> None:
    told = lines_of(seat("doctor", "--json"))
    assert told["bot"]["state"] == "ok"
    assert told["permissions"]["state"] == "ok"


def test_the_doctor_looks_at_keys_clock_and_stream_of_a_broker(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(SimulatorSettings(folder=tmp_path / "books")) as simulator:
        monkeypatch.setenv("STARFILL_BROKER_URL", simulator.base_url)
        monkeypatch.setenv("STARFILL_MODE", "simulator")
        monkeypatch.setenv("STARFILL_HTTP", "127.0.0.1:1")
        told = lines_of(cli("doctor", "--json", "--state-dir", tmp_path / "state"))
        assert {name: line["state"] for name, line in told.items()} == {
            "version": "ok", "permissions": "warn", "disk": "ok", "database": "ok", "bot": "ok",
            "keys": "ok", "clock": "ok", "stream": "ok",
        }  # fmt: skip
        monkeypatch.setenv("APCA_API_KEY_ID", "wrong")
        monkeypatch.setenv("APCA_API_SECRET_KEY", "wrong")
        refused = cli("doctor", "--json", "--state-dir", tmp_path / "state")
    assert refused.exit_code == 1
    assert lines_of(refused)["keys"]["state"] == "fail"


def test_the_doctor_names_a_token_that_others_can_read_and_a_damaged_ledger(
    cli: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o644)
    (tmp_path / "ledger-simulator.sqlite3").write_bytes(b"not a database, and longer than a header" * 10)
    told = cli("doctor", "--json", "--state-dir", tmp_path, "--http", "127.0.0.1:1")
    lines = lines_of(told)
    assert (told.exit_code, lines["permissions"]["state"], lines["database"]["state"]) == (1, "fail", "fail")
    assert "chmod 600" in lines["permissions"]["text"]
