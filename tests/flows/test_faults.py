"""What goes wrong between us and the broker: never two orders, never a guess, always the same ledger."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from actors.ledger_orders import LOST_LEDGER
from domain.messages import RestartStream
from domain.orders import Life
from domain.signals import SignalState
from domain.trades import TradeStatus
from simulator.server import Simulator
from tests.flows.conftest import Bot, control, oracle, running


def filled(trade: Any) -> bool:
    return trade.shares is not None


def requests_seen(simulator: Simulator) -> dict[str, int]:
    state = requests.get(f"{simulator.base_url}/_sim/state", timeout=10).json()
    counts: dict[str, int] = state["requests"]
    return counts


@pytest.mark.parametrize(
    "fault",
    [
        {"act": "accept_then_drop"},
        {"act": "rst_after"},
        {"act": "status_after", "status": 504},
        {"act": "status_after", "status": 500},
        {"act": "body", "body": "garbage"},
        {"act": "body", "body": "truncated"},
        {"act": "body", "body": "html"},
        {"act": "body", "body": "empty"},
    ],
    ids=lambda fault: "-".join(str(part) for part in fault.values()),
)
def test_an_order_whose_answer_was_lost_is_found_and_not_sent_twice(
    bot: Bot, simulator: Simulator, fault: dict[str, Any]
) -> None:
    control(simulator, "faults", {"match": {"method": "POST", "path": "/v2/orders", "n": 1}, **fault})

    bot.accept(bot.signal("ACME"))

    trade = bot.trade("acme-1", filled, "the fill")
    assert trade.status is TradeStatus.OPEN
    assert len(oracle(simulator, "accepted")) == 1


@pytest.mark.parametrize("fault", [{"act": "rst_before"}, {"act": "status", "status": 503}])
def test_an_order_that_never_arrived_is_sent_again_under_its_own_id(
    bot: Bot, simulator: Simulator, fault: dict[str, Any]
) -> None:
    control(simulator, "faults", {"match": {"method": "POST", "path": "/v2/orders", "n": 1}, **fault})

    bot.accept(bot.signal("ACME"))

    trade = bot.trade("acme-1", filled, "the fill")
    [accepted] = oracle(simulator, "accepted")
    assert accepted["client_order_id"] == trade.client_order_id


def test_an_order_held_back_by_the_rate_limit_leaves_when_it_may(bot: Bot, simulator: Simulator) -> None:
    limited = {
        "match": {"method": "POST", "path": "/v2/orders", "n": 1},
        "act": "status",
        "status": 429,
        "headers": {"Retry-After": "1"},
    }
    control(simulator, "faults", limited)

    bot.accept(bot.signal("ACME"))

    bot.trade("acme-1", filled, "the fill")
    assert len(oracle(simulator, "accepted")) == 1


def test_refused_keys_close_the_gate_and_nothing_more_is_sent(bot: Bot, simulator: Simulator) -> None:
    refused = {"match": {"method": "POST", "path": "/v2/orders", "n": 1}, "act": "status", "status": 401}
    control(simulator, "faults", {**refused, "body": {"message": "unauthorized"}})

    bot.accept(bot.signal("ACME"))

    bot.trade("acme-1", lambda t: t.status is TradeStatus.REJECTED, "the refusal")
    bot.gate(is_open=False)
    bot.accept(bot.signal("KO"))
    assert oracle(simulator, "accepted") == []
    assert bot.view("ko-1").state is SignalState.RECEIVED


def test_a_fill_in_a_gap_of_the_stream_is_found_when_it_opens_again(bot: Bot, simulator: Simulator) -> None:
    control(simulator, "switches", {"auto_fill": False})
    bot.accept(bot.signal("ACME"))
    trade = bot.trade("acme-1", lambda t: t.alpaca_order_id is not None, "the order")
    control(simulator, "faults", {"act": "ws_close", "code": 1001})
    bot.gate(is_open=False)

    control(simulator, "fill", {"id": trade.alpaca_order_id, "price": "10"})
    bot.gate(is_open=True)

    trade = bot.trade("acme-1", filled, "the fill from the gap")
    [fill] = oracle(simulator, "fill")
    assert trade.shares == Decimal(fill["cum_qty"])
    [execution] = bot.queries.executions_of(trade.client_order_id)
    assert (execution.source, execution.execution.price) == ("activity", Decimal(10))


def test_a_signal_that_comes_while_the_gate_is_closed_trades_when_it_opens(
    bot: Bot, simulator: Simulator
) -> None:
    control(simulator, "faults", {"act": "ws_close", "code": 1001})
    bot.gate(is_open=False)

    bot.accept(bot.signal("ACME"))
    assert oracle(simulator) == []

    bot.trade("acme-1", filled, "the fill after the gate opened")
    assert len(oracle(simulator, "accepted")) == 1


def test_a_signal_goes_stale_behind_a_closed_gate_and_does_not_trade(bot: Bot, simulator: Simulator) -> None:
    control(simulator, "faults", {"act": "ws_close", "code": 1001})
    bot.gate(is_open=False)

    bot.accept(bot.signal("ACME", ttl_s=1))

    view = bot.decided("acme-1")
    assert view.state is SignalState.EXPIRED
    assert oracle(simulator) == []


def test_the_simulator_restarts_and_everything_goes_on(bot: Bot, simulator: Simulator) -> None:
    control(simulator, "switches", {"auto_fill": False})
    bot.accept(bot.signal("ACME"))
    trade = bot.trade("acme-1", lambda t: t.alpaca_order_id is not None, "the order")
    control(simulator, "restart", {})
    bot.gate(is_open=False)
    bot.gate(is_open=True)

    control(simulator, "fill", {"id": trade.alpaca_order_id})

    bot.trade("acme-1", filled, "the fill after the restart")


def test_names_that_run_together_alike_are_two_signals(bot: Bot, simulator: Simulator) -> None:
    bot.accept(bot.signal("ACME", source="a|b", signal_id="c"))
    bot.accept(bot.signal("KO", source="a", signal_id="b|c"))

    bot.trade("c", filled, "the first fill")
    bot.trade("b|c", filled, "the second fill")
    assert len(oracle(simulator, "accepted")) == 2


def test_a_strangers_order_with_our_mark_and_two_lines_stops_nothing(bot: Bot, simulator: Simulator) -> None:
    order = {"symbol": "KO", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    control(simulator, "orders", order | {"client_order_id": "sf-\nx"})

    bot.accept(bot.signal("ACME"))

    bot.trade("acme-1", filled, "the fill")


def test_a_broker_that_is_slow_at_the_start_does_not_hold_it_up(simulator: Simulator, tmp_path: Path) -> None:
    slow = {"match": {"method": "GET", "path": "/v2/clock", "n": None}, "act": "delay", "seconds": 8}
    control(simulator, "faults", slow)

    with running(simulator, tmp_path / "state") as bot:
        bot.gate(is_open=True)


def test_a_rate_limit_that_the_last_run_used_up_is_waited_for_at_the_start(
    simulator: Simulator, tmp_path: Path
) -> None:
    limited = {"match": {"path": "/v2/account", "n": 1}, "act": "status", "status": 429}
    control(simulator, "faults", limited | {"headers": {"Retry-After": "1"}})

    with running(simulator, tmp_path / "state") as bot:
        bot.gate(is_open=True)


def test_shares_bought_by_hand_beside_a_partial_fill_are_not_ours(bot: Bot, simulator: Simulator) -> None:
    control(simulator, "switches", {"auto_fill": False})
    bot.accept(bot.signal("ACME"))
    trade = bot.trade("acme-1", lambda t: t.alpaca_order_id is not None, "the order")
    late = {"match": {"method": "GET", "path": "/v2/positions/*", "n": 1}, "act": "delay", "seconds": 1}
    control(simulator, "faults", late)
    control(simulator, "fill", {"id": trade.alpaca_order_id, "qty": "1", "price": "10"})
    by_hand = {"symbol": "ACME", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day"}
    control(simulator, "fill", {"id": control(simulator, "orders", by_hand)["id"], "price": "10"})
    control(simulator, "cancel", {"id": trade.alpaca_order_id})

    def done() -> bool:
        [order] = bot.queries.orders_of(trade.id)
        return order.life is Life.DONE

    bot.news.until(done, "the cancel")
    ended = bot.view("acme-1").trade
    assert ended is not None
    assert ended.shares == Decimal(1)


def test_a_ledger_that_was_lost_halts_and_does_not_double_a_redelivered_signal(
    simulator: Simulator, tmp_path: Path
) -> None:
    with running(simulator, tmp_path / "first") as bot:
        bot.gate(is_open=True)
        signal = bot.signal("ACME")
        bot.accept(signal)
        bot.trade("acme-1", filled, "the fill")

    with running(simulator, tmp_path / "second") as bot:
        bot.gate(is_open=True)
        bot.accept(signal)
        assert bot.decided("acme-1").state is SignalState.DECLINED
        [halt] = bot.queries.standing_halts()
        assert (halt.scope, halt.reason) == ("all", LOST_LEDGER)
        [external] = bot.queries.external_orders(limit=10).items

    [accepted] = oracle(simulator, "accepted")
    assert external.client_order_id == accepted["client_order_id"]


def test_a_restart_takes_up_what_the_last_run_left(simulator: Simulator, tmp_path: Path) -> None:
    control(simulator, "switches", {"auto_fill": False})
    with running(simulator, tmp_path / "state") as bot:
        bot.gate(is_open=True)
        bot.accept(bot.signal("ACME"))
        trade = bot.trade("acme-1", lambda t: t.alpaca_order_id is not None, "the order")
    control(simulator, "fill", {"id": trade.alpaca_order_id})

    with running(simulator, tmp_path / "state") as bot:
        trade = bot.trade("acme-1", filled, "the fill of the night")
        [order] = bot.queries.orders_of(trade.id)
        assert order.life is Life.DONE

    assert len(oracle(simulator, "accepted")) == 1


def test_a_stream_that_we_give_up_ourselves_does_not_keep_its_only_slot(
    simulator: Simulator, tmp_path: Path
) -> None:
    control(simulator, "switches", {"stream_connections": "one", "stream_reap_s": 300})
    with running(simulator, tmp_path / "state") as bot:
        bot.gate(is_open=True)
        bot.tree.actors["TradingStream"].send(RestartStream())
        bot.gate(is_open=False)
        bot.gate(is_open=True)

    with running(simulator, tmp_path / "state") as bot:
        bot.gate(is_open=True)
