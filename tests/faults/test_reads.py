"""Reads of the account that fail or come late: nothing is concluded from them, and age closes the gate."""

from datetime import timedelta
from decimal import Decimal

import pytest

from domain.orders import Life
from domain.signals import SignalState
from simulator.server import Simulator
from tests.faults.kit import agree, eventually, fault, filled, halts, heal, order_of, placed, resting
from tests.flows.conftest import Bot, control, oracle


@pytest.mark.fault("F16")
@pytest.mark.parametrize(
    "path", ["/v2/orders", "/v2/positions", "/v2/clock", "/v2/account/activities/FILL"], ids=lambda p: p[4:]
)
def test_an_account_that_cannot_be_read_any_more_closes_the_gate_and_is_not_taken_for_empty(
    bot: Bot, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    bot.accept(bot.signal("ACME"))
    bot.trade("acme-1", filled, "a position")
    monkeypatch.setattr("domain.gate.AUDIT_GOOD_FOR", timedelta(seconds=2))
    fault(simulator, "status", status=503, match={"method": "GET", "path": path, "n": None})
    bot.gate(is_open=False)

    bot.accept(bot.signal("KO"))
    assert bot.view("ko-1").state is SignalState.RECEIVED
    assert [order["symbol"] for order in oracle(simulator, "accepted")] == ["ACME"]
    monkeypatch.undo()
    heal(simulator)

    bot.trade("ko-1", filled, "the signal that waited")
    agree(bot, simulator)
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
