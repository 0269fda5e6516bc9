"""The log of a real bot: every line about a trade bears its names."""

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.clock import system_clock
from cli import logs
from cli.watching import Watching, Wellness
from domain.messages import ExitRequested, RequestExit
from domain.trades import TradeStatus
from simulator.server import Simulator
from tests.flows.conftest import Bot, control, running

POST = {"method": "POST", "path": "/v2/orders"}


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions
    root.handlers[:] = []
    path = tmp_path / "starfill.log"
    logs.configure(secrets=["c4nary-of-a-key"], file=path)
    yield path
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.level, logging.raiseExceptions = before


@contextmanager
def watched(simulator: Simulator, folder: Path) -> Iterator[Bot]:
    with running(simulator, folder) as bot, ExitStack() as stack:
        bot.gate(is_open=True)
        wellness = Wellness(lambda: bot.parts.board.gate, 60, lambda _: None)
        Watching(bot.parts, wellness=wellness).begin(stack)
        yield bot


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def fault(simulator: Simulator, act: str, **options: Any) -> None:
    control(simulator, "faults", {"act": act, "match": POST, **options})


def sell(bot: Bot) -> None:
    ask = RequestExit(scope="ACME", reason="manual", by="api")
    bot.parts.ledger.ask(ask, ExitRequested, timeout=10)


def test_every_line_of_a_trade_s_life_bears_its_names(
    simulator: Simulator, tmp_path: Path, log_file: Path
) -> None:
    with watched(simulator, tmp_path / "state") as bot:
        bot.know("ACME")
        log_file.write_text("")  # the life begins here
        fault(simulator, "accept_then_drop")  # the buy's answer is lost: it is looked up
        bot.accept(bot.signal("ACME", signal_id="news-1", issued_at=system_clock()))
        bot.trade("news-1", lambda trade: bool(trade.shares), "the fill")
        refusal = {"code": 40310000, "message": "insufficient qty available for order"}
        fault(simulator, "status", status=403, body=refusal)  # the sale is refused
        sell(bot)
        bot.trade("news-1", lambda trade: trade.exit_trouble is not None, "the refusal")
        [buy, *sales] = bot.queries.orders_of(bot.view("news-1").trade.id)  # type: ignore[union-attr]
    told = lines(log_file)
    assert {"starfill.trades", "broker.rest", "actors.lane", "actors.ledger_work"} <= {
        line["logger"] for line in told
    }
    nameless = [line for line in told if line.get("signal_id") != "news-1"]
    assert nameless == []
    orders = {buy.client_order_id, *(sale.client_order_id for sale in sales)}
    before_the_order = [line for line in told if line.get("client_order_id") not in orders]
    assert [line["event"].split()[0] for line in before_the_order] == ["signal_received"]
    for line in told:
        for order in orders:
            assert order not in line["event"] or line["client_order_id"] == order, line
    steps = [line["event"].split()[0] for line in told if line["logger"] == "starfill.trades"]
    for step in ("order_intended", "signal_decided", "order_unresolved", "order_heard", "exit_wanted",
                 "order_refused", "exit_trouble"):  # fmt: skip
        assert step in steps


def test_a_trade_from_before_the_start_keeps_its_names(
    simulator: Simulator, tmp_path: Path, log_file: Path
) -> None:
    with watched(simulator, tmp_path / "state") as bot:
        bot.accept(bot.signal("ACME", signal_id="news-1", issued_at=system_clock()))
        bot.trade("news-1", lambda trade: bool(trade.shares), "the fill")
    log_file.write_text("")
    with watched(simulator, tmp_path / "state") as bot:
        sell(bot)
        bot.trade("news-1", lambda trade: trade.status is TradeStatus.CLOSED, "the sale")
        [buy, sale] = bot.queries.orders_of(bot.view("news-1").trade.id)  # type: ignore[union-attr]
    told = [line for line in lines(log_file) if line["logger"] == "starfill.trades"]
    assert [line for line in told if line.get("signal_id") != "news-1"] == []
    assert {line["client_order_id"] for line in told} == {buy.client_order_id, sale.client_order_id}
    assert "trade_closed" in {line["event"].split()[0] for line in told}
