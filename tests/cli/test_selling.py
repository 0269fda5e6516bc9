import json

import pytest

from domain.messages import LedgerUnwritable
from domain.trades import TradeStatus
from tests.cli.conftest import CommandLine
from tests.web.conftest import NOW, Answering, Api
from tests.web.test_trades import fill, listed, plan


@pytest.fixture
def api(api: Api) -> Api:
    """With a trade of 7.5 ACME, one of KO whose buy has not been filled, and five MINE of the owner's own."""
    api.read_account(MINE="5")
    fill(api, plan(api, "ACME"))
    plan(api, "KO")
    return api


def wanted(api: Api) -> dict[str, str | None]:
    return {trade["symbol"]: trade["exit_wanted"] for trade in listed(api)}


NOTHING = {"ACME": None, "KO": None}


def test_a_symbol_is_to_be_sold_and_what_is_sold_is_told(bot: Api, cli: CommandLine) -> None:
    done = cli("close", "ACME", "--reason", "a rumour")
    assert done.exit_code == 0
    assert "ACME: its 7.5 shares are to be sold" in done.stdout
    assert "manual by api since" in done.stdout
    assert wanted(bot) == {"ACME": "manual", "KO": None}


def test_a_buy_that_has_bought_nothing_yet_is_told_as_such(bot: Api, cli: CommandLine) -> None:
    done = cli("close", "KO")
    assert (done.exit_code, "KO: nothing is bought yet" in done.stdout) == (0, True)


def test_a_repeat_is_fine(bot: Api, cli: CommandLine) -> None:
    first, second = cli("close", "ACME"), cli("close", "ACME")
    assert (first.exit_code, second.exit_code, first.stdout) == (0, 0, second.stdout)


def test_everything_is_to_be_sold_if_that_is_meant(bot: Api, cli: CommandLine) -> None:
    done = cli("flatten", "--yes")
    assert done.exit_code == 0
    assert [line.partition(":")[0] for line in done.stdout.splitlines()[:-1]] == ["ACME", "KO"]
    assert wanted(bot) == {"ACME": "flatten", "KO": "flatten"}


def test_where_nobody_can_be_asked_everything_is_sold_only_with_yes(bot: Api, cli: CommandLine) -> None:
    done = cli("flatten", stdin="y\n")
    assert (done.exit_code, "--yes" in done.stderr) == (64, True)
    assert wanted(bot) == NOTHING


def test_with_nothing_open_there_is_nothing_to_flatten_and_that_is_fine(bot: Api, cli: CommandLine) -> None:
    for trade in listed(bot):
        with bot.store.unit() as unit:
            found = unit.trades([trade["id"]])[trade["id"]]
            unit.save_trades([found.having({"status": TradeStatus.CLOSED})], at=NOW)
    done = cli("flatten", "--yes")
    assert (done.exit_code, "nothing to sell" in done.stdout) == (0, True)


def test_what_programs_get_is_one_json_object(bot: Api, cli: CommandLine) -> None:
    closed = json.loads(cli("close", "ACME", "--json").stdout)
    assert [(each["symbol"], each["held"]) for each in closed["trades"]] == [("ACME", "7.5")]
    flat = json.loads(cli("flatten", "--yes", "--json").stdout)
    assert [(each["symbol"], each["exit_wanted"]) for each in flat["trades"]] == [
        ("ACME", "manual"),
        ("KO", "flatten"),
    ]


@pytest.mark.parametrize("symbol", ["MINE", "NONE"])
def test_what_is_no_trade_of_ours_is_1_and_says_why(bot: Api, cli: CommandLine, symbol: str) -> None:
    done = cli("close", symbol)
    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert f"no open trade in {symbol}" in line
    assert "your own are never sold" in line
    assert wanted(bot) == NOTHING


@pytest.mark.parametrize("arguments", [("close", "ACME"), ("flatten", "--yes")])
def test_without_a_running_bot_that_is_1_with_what_to_do(
    bot: Api, cli: CommandLine, arguments: tuple[str, ...]
) -> None:
    done = cli(*arguments, "--http", "127.0.0.1:1")
    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert "start it with: python run.py" in line
    assert "sell at the broker" in line
    assert wanted(bot) == NOTHING


@pytest.mark.parametrize("arguments", [("close", "ACME"), ("flatten", "--yes")])
def test_a_ledger_that_cannot_be_written_is_asked_again_and_then_1(
    bot: Api, cli: CommandLine, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setattr("cli.client.LONGEST_PAUSE_S", 0)
    desk = Answering(LedgerUnwritable(why="the disk is full"))
    bot.desk.swap(desk)
    done = cli(*arguments)
    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert "the disk is full" in line
    assert "sell at the broker" in line
    assert len(desk.mail) == 5


@pytest.mark.parametrize(
    "arguments",
    [
        ("close", "acme"),
        ("close", "all"),
        ("close", ""),
        ("close", "../flatten"),
        ("close", "ACME\n"),
        ("close", "ACME", "--reason", ""),
        ("close", "ACME", "--reason", "x" * 201),
        ("flatten", "--yes", "--reason", "two\nlines"),
    ],
)
def test_what_cannot_be_meant_is_64_and_sells_nothing(
    bot: Api, cli: CommandLine, arguments: tuple[str, ...]
) -> None:
    done = cli(*arguments)
    assert (done.exit_code, len(done.stderr.splitlines())) == (64, 1)
    assert wanted(bot) == NOTHING
