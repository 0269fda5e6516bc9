"""Reads of the account that fail or come late: nothing is concluded from them, and age closes the gate."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from domain.market import new_york_day
from domain.messages import AuditNow, MarketTold
from domain.orders import Life
from domain.signals import SignalState
from simulator.server import Simulator
from tests.actors.doubles import Outbox
from tests.faults.kit import (
    agree,
    asked,
    eventually,
    fault,
    filled,
    halts,
    heal,
    order_of,
    placed,
    posts,
    read_account,
    resting,
)
from tests.flows.conftest import Bot, control, oracle, running


@pytest.mark.fault("F16")
@pytest.mark.parametrize(
    "path", ["/v2/orders", "/v2/positions", "/v2/clock", "/v2/account/activities/FILL"], ids=lambda p: p[4:]
)
def test_an_account_that_cannot_be_read_any_more_closes_the_gate_and_is_not_taken_for_empty(
    bot: Bot, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    bot.accept(bot.signal("ACME"))
    bot.trade("acme-1", filled, "a position")
    agree(bot, simulator)
    held, read = bot.queries.positions()["ACME"].qty, bot.queries.last_audit()
    fault(simulator, "status", status=503, match={"method": "GET", "path": path, "n": None})
    bot.parts.reconciler.send(AuditNow(why="test"))
    begun = asked(simulator, "GET /v2/clock")  # each read begins with it
    eventually(lambda: asked(simulator, "GET /v2/clock") >= begun + 3, "reads that fail")
    assert (bot.queries.positions()["ACME"].qty, bot.queries.last_audit()) == (held, read)
    monkeypatch.setattr("domain.gate.AUDIT_GOOD_FOR", timedelta(seconds=1))
    bot.gate(is_open=False)

    bot.accept(bot.signal("KO"))
    assert bot.view("ko-1").state is SignalState.RECEIVED
    assert [order["symbol"] for order in oracle(simulator, "accepted")] == ["ACME"]
    monkeypatch.undo()
    heal(simulator)

    bot.trade("ko-1", filled, "the signal that waited")
    agree(bot, simulator)
    assert halts(bot) == {}


@pytest.mark.fault("F16")
def test_without_its_means_the_account_is_known_all_the_same(bot: Bot, simulator: Simulator) -> None:
    asked_before = asked(simulator, "GET /v2/account")
    fault(simulator, "status", status=503, match={"method": "GET", "path": "/v2/account", "n": None})

    for _ in range(3):
        read_account(bot)

    assert asked(simulator, "GET /v2/account") - asked_before >= 3
    assert (bot.parts.board.gate.open, halts(bot)) == (True, {})


@pytest.mark.fault("F16")
def test_without_the_calendar_the_account_is_known_and_the_calendar_is_asked_for_again(
    simulator: Simulator, tmp_path: Path
) -> None:
    fault(simulator, "status", status=503, match={"method": "GET", "path": "/v2/calendar", "n": None})
    with running(simulator, tmp_path / "state") as bot:
        bot.gate(is_open=True)
        told = Outbox()
        bot.tree.actors["TradeLedger"].subscribe(told, MarketTold)
        read_account(bot)
        heal(simulator)
        bot.parts.reconciler.send(AuditNow(why="test"))
        eventually(lambda: any(each.market.days for each in told.told.of(MarketTold)), "the calendar")

        first, last = told.told.of(MarketTold)[0].market, told.told.of(MarketTold)[-1].market
        assert (first.clock.is_open, first.days) == (True, ())
        assert new_york_day(last.clock.timestamp).isoformat() in {day.date for day in last.days}
        assert halts(bot) == {}


@pytest.mark.fault("F61")
def test_a_position_that_is_read_after_the_rest_was_filled_does_not_count(
    bot: Bot, simulator: Simulator
) -> None:
    resting(simulator)
    order = placed(bot, "ACME")
    slow = {"method": "GET", "path": "/v2/positions/*"}
    fault(simulator, "delay_reply", seconds=1, match=slow)  # the answer is from before the rest was filled
    control(simulator, "fill", {"id": order.broker_order_id, "qty": "3", "price": "10"})
    bot.trade("acme-1", filled, "the partial fill")

    control(simulator, "fill", {"id": order.broker_order_id, "price": "10"})

    eventually(lambda: order_of(bot, "acme-1").life is Life.DONE, "the rest")
    agree(bot, simulator)
    trade = bot.view("acme-1").trade
    assert trade is not None
    assert trade.shares == Decimal(oracle(simulator, "fill")[-1]["cum_qty"])


@pytest.mark.fault("F19")
@pytest.mark.parametrize("streams", [True, False], ids=["streams end", "streams stay"])
def test_keys_that_are_revoked_while_nothing_is_sent_close_the_gate_before_the_next_order(
    bot: Bot, simulator: Simulator, streams: bool
) -> None:
    fault(simulator, "auth_revoke", streams=streams)
    bot.parts.reconciler.send(AuditNow(why="test"))
    eventually(lambda: "refuses the keys" in bot.parts.board.gate.reason, "the refusal")

    bot.accept(bot.signal("ACME"))
    heal(simulator)
    read_account(bot)

    assert bot.view("acme-1").state is SignalState.RECEIVED
    assert (posts(simulator), oracle(simulator)) == (0, [])
