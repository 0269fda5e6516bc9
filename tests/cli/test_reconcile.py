import json
from collections.abc import Iterator
from typing import Any

import pytest
import responses

from cli.client import BotClient, Unreachable
from cli.reconcile import NotRead, reconcile
from domain.messages import AuditNow, OrdersUpdated
from tests.cli.conftest import CommandLine, knows
from tests.web.conftest import Answering, Api
from tests.web.test_account import fill, order


class Reader:
    """A reconciler: asked for, the account is read, and this is what it holds."""

    def __init__(self, api: Api, **held: str) -> None:
        self._api = api
        self._held = held

    def send(self, mail: AuditNow) -> bool:
        self._api.read_account(**self._held)
        return True

    def ask(self, mail: AuditNow, /, *answers: Any, timeout: float) -> Any:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def rows(output: str, symbol: str) -> list[list[str]]:
    """The cells of the table's rows of this symbol."""
    lines = (line.replace("┃", "│").split("│") for line in output.splitlines() if "│" in line)
    return [cells for line in lines if (cells := [each.strip() for each in line][1:-1])[0] == symbol]


def test_books_that_agree_are_shown_with_whose_shares_are_whose_and_0(bot: Api, cli: CommandLine) -> None:
    bot.read_account(MINE="10")
    bot.tell(OrdersUpdated(updates=(order("MINE", "buy", "1.50"),)))
    bot.reconciler.swap(Reader(bot, MINE="11.5"))
    done = cli("reconcile")
    assert done.exit_code == 0
    shares, orders = rows(done.stdout, "MINE")
    assert shares == ["MINE", "11.5", "0", "11.5", "0", "0", ""]
    assert orders == ["MINE", "buy", "filled", "1.5", "", "b-MINE-buy"]
    assert "the books agree with the account" in done.stdout


def test_a_difference_is_shown_with_what_to_do_and_1(bot: Api, cli: CommandLine) -> None:
    bot.read_account()
    bot.reconciler.swap(Reader(bot, ACME="2"))
    done = cli("reconcile")
    assert done.exit_code == 1
    assert rows(done.stdout, "ACME") == [["ACME", "2", "0", "0", "0", "2", ""]]
    assert "differ in ACME" in done.stdout
    assert "resume ACME" in done.stdout


def test_a_halt_is_shown_and_1_although_the_books_agree(bot: Api, cli: CommandLine) -> None:
    bot.read_account(MINE="1")
    cli("halt", "MINE", "--reason", "[red]a rumour")
    cli("halt", "--all", "--reason", "going out")
    bot.reconciler.swap(Reader(bot, MINE="1"))
    done = cli("reconcile")
    assert done.exit_code == 1
    assert rows(done.stdout, "MINE")[0][-1] == "[red]a rumour"
    assert "halted everything: going out" in done.stdout


def test_programs_get_one_json_object(bot: Api, cli: CommandLine) -> None:
    bot.read_account()
    bot.reconciler.swap(Reader(bot, ACME="2.50"))
    done = cli("reconcile", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["agrees"]) == (1, False)
    assert [(each["symbol"], each["difference"]) for each in told["positions"]] == [("ACME", "2.5")]
    assert told["last_audit"] == "2026-11-12T15:00:02Z"
    assert told.keys() >= {"asked_at", "gate", "halts", "differences", "unresolved", "external_orders"}


def test_an_empty_account_needs_no_table(bot: Api, cli: CommandLine) -> None:
    bot.reconciler.swap(Reader(bot))
    done = cli("reconcile")
    assert (done.exit_code, done.stdout) == (0, "the books agree with the account\n")


def test_a_read_that_does_not_come_ends_with_one_line_and_1(bot: Api, cli: CommandLine) -> None:
    bot.read_account()  # an older one does not count
    bot.reconciler.swap(Answering(None))
    done = cli("reconcile", "--wait", "0")
    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert "was not read within 0 s" in line
    assert "2026-11-12T15:00:01Z" in line


def test_no_running_bot_is_one_line_and_1(bot: Api, cli: CommandLine) -> None:
    done = cli("reconcile", "--http", "127.0.0.1:1")
    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert "start it with: python run.py" in line


def test_what_our_orders_bought_is_ours(bot: Api, cli: CommandLine) -> None:
    bot.read_account(ACME="1")
    bot.send()
    fill(bot, "ACME", "7.5")
    bot.reconciler.swap(Reader(bot, ACME="8.5"))
    done = cli("reconcile")
    assert (done.exit_code, rows(done.stdout, "ACME")) == (0, [["ACME", "8.5", "7.5", "1", "0", "0", ""]])


@pytest.fixture
def times() -> Iterator[float]:
    return iter([0.0, 1.0, 2.0, 31.0])


@responses.activate
def test_the_wait_for_the_read_has_an_end(times: Iterator[float]) -> None:
    knows("token")
    responses.post("http://bot/api/reconcile", status=202, json={"asked_at": "2026-11-12T15:00:00Z"})
    gate = {"open": False, "reason": "the stream is down"}
    audit: dict[str, Any] = {
        "last_audit": None,
        "gate": gate,
        "differences": [],
        "halts": [],
        "unresolved": 0,
    }
    responses.get("http://bot/api/audit", json=audit)
    pauses: list[float] = []
    with pytest.raises(NotRead, match=r"30 s \(never; the stream is down\)"):
        reconcile(BotClient("http://bot", "token"), 30, pause=pauses.append, monotonic=lambda: next(times))
    assert len(pauses) == 2


@responses.activate
@pytest.mark.parametrize("said", [{}, [], {"asked_at": "soon"}])
def test_another_program_is_told_as_such(said: Any) -> None:
    knows("token")
    responses.post("http://bot/api/reconcile", status=202, json=said)
    with pytest.raises(Unreachable, match="another program than Starfill"):
        reconcile(BotClient("http://bot", "token"), 30)
