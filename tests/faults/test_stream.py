"""What goes wrong with the trading stream: it is noticed, closes the gate while it lasts, costs no fill."""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.orders import Life
from domain.signals import SignalState
from domain.trades import TradeStatus
from persistence.rows import ExecutionRow
from simulator.server import Simulator
from tests.chaos_proxy import ChaosProxy
from tests.faults.kit import (
    HASTY,
    agree,
    bot_at,
    eventually,
    fault,
    filled,
    halts,
    heal,
    order_of,
    placed,
    port_of,
    read_account,
    resting,
    state,
)
from tests.flows.conftest import Bot, control, oracle, running


def fill(simulator: Simulator, order: str | None, qty: str | None = None) -> None:
    control(simulator, "fill", {"id": order, "price": "10", **({"qty": qty} if qty else {})})


def done(bot: Bot, signal_id: str) -> None:
    eventually(lambda: order_of(bot, signal_id).life is Life.DONE, f"the end of {signal_id}")


@pytest.mark.fault("F21")
def test_an_event_nobody_knows_costs_nothing_and_halts_nothing(bot: Bot, simulator: Simulator) -> None:
    fault(simulator, "ws_unknown_event", name="moon_phase", match={"event": "*", "n": None})

    bot.accept(bot.signal("ACME"))

    bot.trade("acme-1", filled, "the fill")
    done(bot, "acme-1")
    agree(bot, simulator)
    assert halts(bot) == {}


@pytest.mark.fault("F21")
def test_a_status_nobody_knows_has_the_account_read_and_halts_its_symbol_when_it_is_said_again(
    bot: Bot, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.reconciler.QUIET_S", 0.1)
    resting(simulator)
    order = placed(bot, "ACME")
    odd = {"event": "partial_fill", "n": 2}
    fault(simulator, "ws_unknown_status", name="levitating", match=odd)
    read = bot.queries.last_audit()
    fill(simulator, order.broker_order_id, "1")
    eventually(lambda: bot.queries.last_audit() != read, "a read of the account")
    eventually(lambda: order_of(bot, "acme-1").status == "partially_filled", "a status that is known")
    assert halts(bot) == {}

    fault(simulator, "status", status=503, match={"method": "GET", "path": "/v2/orders*", "n": None})
    fault(simulator, "ws_unknown_status", name="levitating", match=odd)
    fill(simulator, order.broker_order_id, "1")
    fill(simulator, order.broker_order_id, "1")
    eventually(lambda: "ACME" in halts(bot), "the halt")
    heal(simulator)
    fill(simulator, order.broker_order_id)
    done(bot, "acme-1")
    agree(bot, simulator)


@pytest.mark.fault("F22")
def test_a_frame_without_data_is_passed_over(bot: Bot, simulator: Simulator) -> None:
    fault(simulator, "ws_null_data", match={"event": "*", "n": None})

    bot.accept(bot.signal("ACME"))

    bot.trade("acme-1", filled, "the fill")
    done(bot, "acme-1")
    agree(bot, simulator)
    assert bot.parts.board.gate.open


@pytest.mark.fault("F23")
@pytest.mark.parametrize(
    ("act", "match"),
    [
        ("ws_dup", {"event": "*", "n": None}),
        ("ws_reorder", {"event": "partial_fill", "skip": 2}),  # the last part comes after the whole
        ("ws_no_execution_id", {"event": "*", "n": None}),
    ],
    ids=["twice", "late", "nameless"],
)
def test_fills_that_come_twice_late_or_nameless_count_once(
    bot: Bot, simulator: Simulator, act: str, match: dict[str, Any]
) -> None:
    resting(simulator)
    order = placed(bot, "ACME")
    fault(simulator, act, match=match)
    for qty in ("1", "2", "3"):
        fill(simulator, order.broker_order_id, qty)
    fill(simulator, order.broker_order_id)

    evidence = eventually(lambda: told(bot, order.client_order_id, 4), "all four executions")
    assert sum(row.execution.qty for row in evidence) == total(simulator)
    assert order_of(bot, "acme-1").filled_qty == total(simulator)
    agree(bot, simulator)
    assert halts(bot) == {}


def told(bot: Bot, client_order_id: str, number: int) -> tuple[ExecutionRow, ...]:
    """The executions of an order, once so many were told of by the stream."""
    rows = bot.queries.executions_of(client_order_id)
    return rows if sum(row.source == "stream" for row in rows) >= number else ()


def total(simulator: Simulator) -> Decimal:
    return Decimal(oracle(simulator, "fill")[-1]["cum_qty"])


@pytest.mark.fault("F23")
def test_a_fill_that_was_dropped_is_noticed_by_the_next_one(bot: Bot, simulator: Simulator) -> None:
    resting(simulator)
    order = placed(bot, "ACME")
    fault(simulator, "ws_drop_event", match={"event": "partial_fill"})
    fill(simulator, order.broker_order_id, "2")
    fill(simulator, order.broker_order_id, "3")

    bot.trade("acme-1", lambda trade: trade.shares == 5, "both fills")
    agree(bot, simulator)
    evidence = bot.queries.executions_of(order.client_order_id)
    assert sum(row.execution.qty for row in evidence) == 5


@pytest.mark.fault("F23")
def test_a_last_fill_that_was_dropped_is_found_by_the_audit(bot: Bot, simulator: Simulator) -> None:
    resting(simulator)
    order = placed(bot, "ACME")
    fault(simulator, "ws_drop_event", match={"event": "fill"})
    fill(simulator, order.broker_order_id)

    read_account(bot)

    done(bot, "acme-1")
    agree(bot, simulator)
    assert halts(bot) == {}


@pytest.fixture
def proxy(simulator: Simulator) -> Iterator[ChaosProxy]:
    with ChaosProxy("127.0.0.1", port_of(simulator)) as between:
        yield between


@pytest.fixture
def bot_behind(simulator: Simulator, proxy: ChaosProxy, tmp_path: Path) -> Iterator[Bot]:
    """A bot whose stream, and nothing else, goes through the proxy."""
    with bot_at(simulator.base_url, tmp_path / "state", feed={**HASTY, "base_url": proxy.url}) as started:
        started.gate(is_open=True)
        yield started


@pytest.mark.fault("F25")
def test_a_connection_that_falls_silent_is_given_up_and_its_fills_are_found(
    bot_behind: Bot, proxy: ChaosProxy, simulator: Simulator
) -> None:
    bot = bot_behind
    resting(simulator)
    order = placed(bot, "ACME")
    proxy.blackhole()
    fill(simulator, order.broker_order_id)
    bot.gate(is_open=False)
    bot.accept(bot.signal("KO"))
    assert bot.view("ko-1").state is SignalState.RECEIVED

    proxy.heal()

    done(bot, "acme-1")
    bot.trade("ko-1", lambda trade: trade.alpaca_order_id is not None, "the signal that waited")
    agree(bot, simulator)


@pytest.mark.fault("F26")
def test_half_a_frame_ends_the_connection_and_costs_no_fill(simulator: Simulator, tmp_path: Path) -> None:
    with bot_at(simulator.base_url, tmp_path / "state", feed=HASTY) as bot:
        bot.gate(is_open=True)
        resting(simulator)
        order = placed(bot, "ACME")
        fault(simulator, "ws_half_frame", match={"event": "fill"})
        fill(simulator, order.broker_order_id)
        bot.gate(is_open=False)
        bot.gate(is_open=True)
        done(bot, "acme-1")
        agree(bot, simulator)


@pytest.mark.fault("F26")
def test_a_handshake_that_nobody_answers_is_given_up_and_tried_again(
    simulator: Simulator, proxy: ChaosProxy, tmp_path: Path
) -> None:
    proxy.blackhole()
    with bot_at(simulator.base_url, tmp_path / "state", feed={**HASTY, "base_url": proxy.url}) as bot:
        eventually(lambda: "no handshake" in bot.parts.board.gate.reason, "the end of the handshake")
        proxy.heal()
        bot.gate(is_open=True)


@pytest.mark.fault("F26")
def test_pings_that_nobody_answers_end_the_connection(simulator: Simulator, tmp_path: Path) -> None:
    with bot_at(simulator.base_url, tmp_path / "state", feed=HASTY) as bot:
        bot.gate(is_open=True)
        fault(simulator, "ws_never_pong")
        bot.gate(is_open=False)
        heal(simulator)
        bot.gate(is_open=True)


@pytest.mark.fault("F27")
def test_a_stream_that_is_up_and_mute_is_found_out_by_our_own_order(bot: Bot, simulator: Simulator) -> None:
    fault(simulator, "ws_mute")
    bot.accept(bot.signal("ACME"))

    bot.news.until(lambda: not bot.parts.board.gate.open, "the gate to close")
    assert "told nothing" in bot.parts.board.gate.reason
    bot.trade("acme-1", filled, "the fill nobody told of")
    heal(simulator)
    bot.gate(is_open=True)
    agree(bot, simulator)
    bot.accept(bot.signal("KO"))
    bot.trade("ko-1", filled, "the next order")


@pytest.mark.fault("F28")
def test_a_slot_that_a_dead_connection_holds_is_waited_for(bot: Bot, simulator: Simulator) -> None:
    resting(simulator)
    order = placed(bot, "ACME")
    fault(simulator, "zombie_slot", seconds=6)
    fault(simulator, "ws_close", code=1001)
    bot.gate(is_open=False)
    fill(simulator, order.broker_order_id)

    eventually(lambda: "HTTP 429" in bot.parts.board.gate.reason, "a refused handshake")
    bot.gate(is_open=True)
    done(bot, "acme-1")
    agree(bot, simulator)


@pytest.mark.fault("F28")
@pytest.mark.parametrize("status", [401, 403])
def test_keys_refused_at_the_handshake_close_the_gate_for_good(
    simulator: Simulator, tmp_path: Path, status: int
) -> None:
    fault(simulator, "ws_refuse", status=status)
    with running(simulator, tmp_path / "state") as bot:
        eventually(lambda: "refuses the keys" in bot.parts.board.gate.reason, "the refusal")
        bot.accept(bot.signal("ACME"))
        read_account(bot)
        assert bot.view("acme-1").state is SignalState.RECEIVED
    assert oracle(simulator) == []


ENDS: dict[str, Callable[[ChaosProxy], None]] = {
    "reset": ChaosProxy.reset_peer,
    "end of file": ChaosProxy.half_close,
    "cut in a frame": lambda proxy: proxy.limit_data(3),
}


@pytest.mark.fault("F60")
@pytest.mark.parametrize("end", ENDS)
def test_a_connection_that_ends_closes_the_gate_at_once_until_the_account_was_read_anew(
    bot_behind: Bot, proxy: ChaosProxy, simulator: Simulator, end: str
) -> None:
    bot = bot_behind
    resting(simulator)
    order = placed(bot, "ACME")
    ENDS[end](proxy)
    if end == "cut in a frame":
        by_bytes(simulator)
    began = time.monotonic()
    bot.gate(is_open=False)
    assert time.monotonic() - began < 2
    proxy.heal()
    fill(simulator, order.broker_order_id)
    assert order_of(bot, "acme-1").filled_qty == 0
    bot.gate(is_open=True)
    assert 4 < time.monotonic() - began < 10

    done(bot, "acme-1")
    agree(bot, simulator)
    assert state(simulator)["streams"] == 1
    assert bot.view("acme-1").trade.status is TradeStatus.OPEN  # type: ignore[union-attr]


def by_bytes(simulator: Simulator) -> None:
    """Something for the stream to tell, so that its bytes flow."""
    control(simulator, "orders", {"symbol": "KO", "qty": "1", "side": "buy", "type": "market",
                                  "time_in_force": "day"})  # fmt: skip
