"""What goes wrong with the POST of an order: at most one order a signal, no guess at what became of it."""

import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from actors.clock import system_clock
from domain.orders import Life
from domain.signals import SignalState
from domain.trades import TradeStatus
from simulator.server import Simulator
from tests.chaos_proxy import ChaosProxy, Ways
from tests.faults.kit import (
    HASTY,
    LOOK_UP,
    POST,
    SHORT,
    agree,
    asked,
    bot_at,
    cid,
    eventually,
    fault,
    filled,
    halts,
    heal,
    journal,
    order_of,
    port_of,
    posts,
    resting,
)
from tests.flows.conftest import Bot, control, oracle, running


@pytest.mark.fault("F10")
def test_an_order_that_was_taken_stays_unresolved_while_nobody_says_so_and_is_found_in_the_end(
    bot: Bot, simulator: Simulator
) -> None:
    fault(simulator, "ws_mute")
    fault(simulator, "status", status=503, match={"method": "GET", "path": "/v2/orders*", "n": None})
    fault(simulator, "accept_then_drop", match=POST)

    bot.accept(bot.signal("ACME"))

    bot.trade("acme-1", lambda _: order_of(bot, "acme-1").silent_since is not None, "the silence")
    eventually(lambda: asked(simulator, LOOK_UP) >= 3, "three look-ups that fail")
    assert order_of(bot, "acme-1").life is Life.UNRESOLVED
    assert bot.view("acme-1").trade.status is TradeStatus.PENDING  # type: ignore[union-attr]
    heal(simulator)
    bot.trade("acme-1", filled, "the fill")
    agree(bot, simulator)
    assert posts(simulator) == len(oracle(simulator, "accepted")) == 1


@pytest.mark.fault("F11")
def test_an_order_that_never_arrived_is_not_sent_past_its_time_and_not_given_up_for_one_denial(
    bot: Bot, simulator: Simulator
) -> None:
    fault(simulator, "rst_before", match={**POST, "n": None})
    signal = bot.signal("ACME", ttl_s=2)
    bot.accept(signal)

    eventually(lambda: system_clock() > signal.expires_at, "the end of its time")
    heal(simulator)
    sent, looked_up = posts(simulator), asked(simulator, LOOK_UP)
    eventually(lambda: asked(simulator, LOOK_UP) >= looked_up + 2, "two denials")

    assert order_of(bot, "acme-1").missing_since is not None
    assert order_of(bot, "acme-1").life is Life.UNRESOLVED
    assert (posts(simulator), oracle(simulator, "accepted")) == (sent, [])
    bot.accept(bot.signal("ACME", signal_id="acme-2"))
    assert bot.decided("acme-2").state is SignalState.DECLINED  # it may still be filled: the symbol is taken


@pytest.mark.fault("F11")
def test_an_order_given_up_after_its_quarantine_that_appears_all_the_same_is_canceled_and_halts(
    bot: Bot, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.orders.QUARANTINE", timedelta(seconds=0.5))
    resting(simulator)
    fault(simulator, "rst_before", match={**POST, "n": None})
    signal = bot.signal("ACME", ttl_s=1)
    bot.accept(signal)
    missed = bot.trade(
        "acme-1", lambda trade: trade.status is TradeStatus.MISSED, "the end of the quarantine"
    )
    heal(simulator)

    late = {"symbol": "ACME", "side": "buy", "notional": str(missed.notional), "type": "market"}
    control(simulator, "orders", {**late, "time_in_force": "day", "client_order_id": cid(bot, signal)})

    eventually(lambda: order_of(bot, "acme-1").life is Life.DONE, "its cancel")
    assert "given up" in halts(bot)["ACME"]
    agree(bot, simulator)
    assert [line["type"] for line in oracle(simulator)] == ["accepted", "canceled"]


@pytest.mark.fault("F12")
def test_a_post_that_arrives_after_the_broker_denied_it_meets_its_own_id(
    simulator: Simulator, tmp_path: Path
) -> None:
    with bot_at(simulator.base_url, tmp_path / "state", broker=SHORT) as bot:
        bot.gate(is_open=True)
        fault(simulator, "delay", seconds=3, match=POST)
        bot.accept(bot.signal("ACME"))

        trade = bot.trade("acme-1", filled, "the fill of the second POST")
        eventually(lambda: posts(simulator) == 2, "the first POST to be processed")
        agree(bot, simulator)
        [accepted] = oracle(simulator, "accepted")
        assert accepted["client_order_id"] == trade.client_order_id


@pytest.mark.fault("F12")
@pytest.mark.parametrize("way", ["upstream", "downstream", "both"])
def test_a_network_that_swallows_an_order_and_brings_it_late_makes_one_order(
    simulator: Simulator, tmp_path: Path, way: Ways
) -> None:
    with (
        ChaosProxy("127.0.0.1", port_of(simulator)) as proxy,
        bot_at(proxy.url, tmp_path / "state", broker={**SHORT, "base_url": proxy.url}, feed=HASTY) as bot,
    ):
        bot.gate(is_open=True)
        bot.know("ACME")
        proxy.blackhole(way)
        bot.accept(bot.signal("ACME"))
        bot.trade("acme-1", lambda _: order_of(bot, "acme-1").silent_since is not None, "no answer")
        assert order_of(bot, "acme-1").life is Life.UNRESOLVED

        proxy.heal()

        trade = bot.trade("acme-1", filled, "the fill")
        bot.gate(is_open=True)
        agree(bot, simulator)
    [accepted] = oracle(simulator, "accepted")
    assert accepted["client_order_id"] == trade.client_order_id


@pytest.mark.fault("F13")
def test_while_nobody_listens_an_order_waits_and_leaves_once_under_its_own_id(
    simulator: Simulator, tmp_path: Path
) -> None:
    with (
        ChaosProxy("127.0.0.1", port_of(simulator)) as proxy,
        bot_at(simulator.base_url, tmp_path / "state", broker={"base_url": proxy.url}) as bot,
    ):
        bot.gate(is_open=True)
        bot.know("ACME")
        proxy.refuse()
        proxy.reset_peer()
        bot.accept(bot.signal("ACME"))

        eventually(lambda: "order_not_sent" in journal(bot), "a try that does not connect")
        assert order_of(bot, "acme-1").life is Life.INTENDED
        assert oracle(simulator) == []
        proxy.heal()
        trade = bot.trade("acme-1", filled, "the fill")
        agree(bot, simulator)
    [accepted] = oracle(simulator, "accepted")
    assert accepted["client_order_id"] == trade.client_order_id


@pytest.mark.fault("F14")
def test_a_rate_limit_that_names_no_time_is_waited_out_too(bot: Bot, simulator: Simulator) -> None:
    fault(simulator, "status", status=429, match={**POST, "n": 2})

    bot.accept(bot.signal("ACME"))

    bot.trade("acme-1", filled, "the fill")
    agree(bot, simulator)
    assert (posts(simulator), len(oracle(simulator, "accepted"))) == (3, 1)


@pytest.mark.fault("F15")
@pytest.mark.parametrize("act", ["status", "status_after"], ids=["not taken", "taken"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_after_a_5xx_the_broker_is_asked_before_anything_is_sent_again(
    bot: Bot, simulator: Simulator, status: int, act: str
) -> None:
    fault(simulator, act, status=status, match=POST)

    bot.accept(bot.signal("ACME"))

    bot.trade("acme-1", filled, "the fill")
    agree(bot, simulator)
    assert posts(simulator) == (1 if act == "status_after" else 2)
    assert asked(simulator, LOOK_UP) >= (act == "status")
    assert len(oracle(simulator, "accepted")) == 1


@pytest.mark.fault("F17")
def test_a_slow_broker_keeps_no_signal_waiting_at_the_door(bot: Bot, simulator: Simulator) -> None:
    fault(simulator, "delay", seconds=2, match={**POST, "n": None})
    symbols = [f"SYM{letter}" for letter in "ABCDEFGHIJ"]
    longest = 0.0
    for symbol in symbols:
        began = time.monotonic()
        bot.accept(bot.signal(symbol))
        longest = max(longest, time.monotonic() - began)

    assert longest < 1.0  # each POST takes two seconds
    for symbol in symbols:
        bot.trade(f"{symbol.lower()}-1", filled, f"the fill of {symbol}")
    agree(bot, simulator)
    assert sorted(order["symbol"] for order in oracle(simulator, "accepted")) == symbols


@pytest.mark.fault("F17")
def test_an_answer_that_drips_is_given_up_and_its_order_found(simulator: Simulator, tmp_path: Path) -> None:
    with bot_at(simulator.base_url, tmp_path / "state", broker=SHORT) as bot:
        bot.gate(is_open=True)
        resting(simulator)  # so that no fill tells of the order
        fault(simulator, "ws_mute")
        fault(simulator, "drip", bytes_per_s=20, match=POST)
        bot.accept(bot.signal("ACME"))

        bot.trade("acme-1", lambda trade: trade.alpaca_order_id is not None, "the order to be found")
        assert posts(simulator) == 1
        agree(bot, simulator)


@pytest.mark.fault("F19")
def test_revoked_keys_stop_all_orders_until_a_start_with_good_ones(
    simulator: Simulator, tmp_path: Path
) -> None:
    with running(simulator, tmp_path / "state") as bot:
        bot.gate(is_open=True)
        fault(simulator, "auth_revoke", match={**POST, "skip": 1})
        bot.accept(bot.signal("ACME"))
        bot.trade("acme-1", filled, "the fill before")
        bot.accept(bot.signal("KO"))
        bot.trade("ko-1", lambda trade: trade.status is TradeStatus.REJECTED, "the refusal")
        bot.gate(is_open=False)
        heal(simulator)
        bot.accept(bot.signal("MSFT"))
        assert bot.view("msft-1").state is SignalState.RECEIVED
        assert posts(simulator) == 2

    with running(simulator, tmp_path / "state") as bot:
        bot.trade("msft-1", filled, "the signal that waited")
        agree(bot, simulator)
    assert [order["symbol"] for order in oracle(simulator, "accepted")] == ["ACME", "MSFT"]


def twin(bot: Bot, symbol: str, of: str) -> dict[str, Any]:
    """An order that somebody places under the name of this signal's order, right before it comes."""
    return {
        "symbol": symbol, "side": "buy", "notional": "100", "type": "market", "time_in_force": "day",
        "client_order_id": cid(bot, bot.signal(of)),
    }  # fmt: skip


@pytest.mark.fault("F20")
def test_a_taken_id_with_this_very_order_is_an_order_that_arrived(bot: Bot, simulator: Simulator) -> None:
    fault(simulator, "external_order", order=twin(bot, "ACME", "ACME"), match=POST)

    bot.accept(bot.signal("ACME"))

    trade = bot.trade("acme-1", filled, "the order under that id")
    agree(bot, simulator)
    assert (trade.notional, posts(simulator)) == (Decimal(100), 1)
    assert (len(oracle(simulator, "accepted")), halts(bot)) == (1, {})


@pytest.mark.fault("F20")
def test_a_taken_id_with_another_order_is_not_believed_and_halts(bot: Bot, simulator: Simulator) -> None:
    fault(simulator, "external_order", order=twin(bot, "KO", "ACME"), match=POST)

    bot.accept(bot.signal("ACME"))

    eventually(lambda: "ACME" in halts(bot), "the halt")
    trade = bot.trade("acme-1", lambda t: t.status is not TradeStatus.PENDING, "the end of the trade")
    assert trade.shares is None
    assert [order["symbol"] for order in oracle(simulator, "accepted")] == ["KO"]
    assert posts(simulator) == 1
