import json
from decimal import Decimal

import pytest

from domain.messages import Declined, OrderRejected, OrdersUpdated, PlanExit, Planned
from domain.rules import Deferred
from tests.cli.conftest import CommandLine
from tests.web.conftest import Api
from tests.web.test_account import order
from tests.web.test_trades import fill, listed, plan, seen, stop


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def api(api: Api) -> Api:
    """With an open trade of ACME, 7.5 shares at 13.3, and one of KO that was refused."""
    api.read_account()
    fill(api, plan(api, "ACME"))
    api.tell(OrderRejected(client_order_id=plan(api, "KO").order.client_order_id, reason="no money"))
    return api


def rows(output: str) -> list[list[str]]:
    """The cells of all tables' rows, their heads included."""
    lines = (line.replace("┃", "│").strip("│").split("│") for line in output.splitlines() if line[0] in "│┃")
    return [[cell.strip() for cell in line] for line in lines]


def acme(api: Api) -> int:
    [trade] = listed(api, "?symbol=ACME")
    return int(trade["id"])


def sold(api: Api) -> None:
    """The owner sold ACME's shares by hand, at 14."""
    sale = order("ACME", "sell", "7.5", client_order_id="by-hand", filled_avg_price=Decimal(14))
    api.tell(OrdersUpdated(updates=(sale,)))


def test_trades_are_listed_with_what_they_brought_or_would_bring(bot: Api, cli: CommandLine) -> None:
    seen(bot, acme(bot), "13.5")
    done = cli("trades")
    assert done.exit_code == 0
    assert rows(done.stdout)[1:] == [
        ["2", "KO", "rejected", "", "", "0", "", "", "alpaca_refused", ""],
        ["1", "ACME", "open", "7.5", "13.3", "7.5", "13.5", "+1.50", "", ""],
    ]
    sold(bot)
    assert rows(cli("trades", "--limit", "2").stdout)[-1] == [
        "1", "ACME", "closed", "7.5", "13.3", "0", "14", "+5.25", "sold_by_owner", "",
    ]  # fmt: skip


def test_what_is_in_the_way_of_a_sale_is_listed(bot: Api, cli: CommandLine) -> None:
    seen(bot, acme(bot), None, naked_why="no price")
    assert rows(cli("trades", "--open").stdout)[1][-2:] == ["", "no price"]
    bot.call("POST", "/api/positions/ACME/close")
    assert rows(cli("trades", "--open").stdout)[1][-2:] == ["manual", "no price"]


def test_what_stands_is_listed_alone_and_all_of_it(
    bot: Api, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.trades.NEWEST", 1)
    monkeypatch.setattr("cli.reach.PAGE", 1)
    bot.send(signal_id="s-IBM", symbol="IBM")
    assert [row[1] for row in rows(cli("trades", "--open").stdout)[1:]] == ["IBM", "ACME"]
    assert [row[1] for row in rows(cli("trades", "--open", "--limit", "1").stdout)[1:]] == ["IBM"]
    assert [row[1] for row in rows(cli("trades").stdout)[1:]] == ["IBM"]
    assert [row[1] for row in rows(cli("trades", "--limit", "3").stdout)[1:]] == ["IBM", "KO", "ACME"]


def test_one_trade_shows_what_would_sell_it_and_how_far_away_that_is(bot: Api, cli: CommandLine) -> None:
    seen(bot, acme(bot), "13.965")
    bot.clock.advance(59)
    done = cli("trades", "--id", str(acme(bot)))
    assert done.exit_code == 0
    assert "holds      7.5, last seen at 13.965, 2026-11-12T15:00:01Z" in done.stdout
    assert "open P&L   +4.99 USD; its best price was 13.965" in done.stdout
    assert rows(done.stdout)[1:5] == [
        ["hard_stop", "12.369", "-11.43 %"],
        ["profit_target", "14.63", "+4.76 %"],
        ["time_exit", "2026-11-12T15:05:00Z", "in 0:04:00"],
        ["force_close_eod", "2026-11-12T20:45:00Z", "in 5:44:00"],
    ]


def test_a_price_that_is_not_known_is_no_distance(bot: Api, cli: CommandLine) -> None:
    done = cli("trades", "--id", str(acme(bot)))
    assert "is not known: it has not been priced yet" in done.stdout
    assert rows(done.stdout)[1] == ["hard_stop", "12.369", "not known"]
    bot.clock.advance(301)
    assert rows(cli("trades", "--id", str(acme(bot))).stdout)[3][-1] == "now"


def test_one_trade_shows_its_orders_and_its_trouble(bot: Api, cli: CommandLine) -> None:
    trade_id = acme(bot)
    stop(bot, trade_id)
    resting = order("ACME", "sell", "0", client_order_id="", status="canceled")
    stop_id = bot.get(f"/api/trades/{trade_id}").json()["orders"][-1]["client_order_id"]
    bot.tell(OrdersUpdated(updates=(resting.having({"client_order_id": stop_id}),)))
    question = PlanExit(trade_id=trade_id, reason="hard_stop", detail="", by="monitor")
    planned = bot.ledger.ask(question, Planned, Declined, Deferred, timeout=5)
    assert isinstance(planned, Planned)
    bot.tell(OrderRejected(client_order_id=planned.order.client_order_id, reason="not now"))
    done = cli("trades", "--id", str(trade_id))
    assert "to be sold hard_stop by monitor, since 2026-11-12T15:00:01Z" in done.stdout
    [trouble] = [line for line in done.stdout.splitlines() if line.startswith("trouble")]
    assert "not now" in trouble
    told = [row[:-1] for row in rows(done.stdout) if row[0] in {"entry", "stop", "exit"}]
    assert told == [
        ["entry", "buy", "market", "100 USD", "", "7.5", "13.3", "filled", ""],
        ["stop", "sell", "stop", "7", "12.36", "0", "", "canceled", ""],
        ["exit", "sell", "market", "7.5", "", "0", "", "refused", "hard_stop"],
    ]


def test_an_ended_trade_shows_what_it_brought(bot: Api, cli: CommandLine) -> None:
    sold(bot)
    done = cli("trades", "--id", str(acme(bot)))
    assert "taken by others 7.5" in done.stdout
    assert "ended      sold_by_owner at 14" in done.stdout
    assert "P&L        +5.25 USD" in done.stdout
    assert "holds" not in done.stdout
    assert "What would sell it" not in done.stdout


def test_what_programs_get_is_one_json_object(bot: Api, cli: CommandLine) -> None:
    told = json.loads(cli("trades", "--json").stdout)
    assert told == {"items": listed(bot)}
    one = json.loads(cli("trades", "--id", "1", "--json").stdout)
    assert one == bot.get("/api/trades/1").json()


def test_an_empty_list_is_told_too(bot: Api, cli: CommandLine) -> None:
    sold(bot)
    assert cli("trades", "--open").stdout == "no trades\n"
    assert json.loads(cli("trades", "--open", "--json").stdout) == {"items": []}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--id", "99"), 1, "no such trade"),
        (("--id", str(2**63)), 1, "not usable"),
        (("--http", "127.0.0.1:1"), 1, "start it with: python run.py"),
        (("--open", "--id", "1"), 64, "exclude each other"),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    bot: Api, cli: CommandLine, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = cli("trades", *arguments)
    [line] = done.stderr.splitlines()
    assert (done.exit_code, said in line) == (code, True)
