"""Clocks that are off: ours beside the broker's is compared with each read; stale signals never trade."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from actors.clock import Time
from domain.signals import SignalState
from simulator.server import Simulator
from tests.faults.kit import agree, eventually, fault, filled, halts, heal, read_account
from tests.flows.conftest import Bot, oracle, running

HOUR, DAY = 3600, 86400


class SteppedTime(Time):
    """A wall clock that somebody sets."""

    off_by = timedelta()

    def clock(self) -> datetime:
        return super().clock() + self.off_by


@pytest.mark.fault("F29")
@pytest.mark.parametrize("seconds", [HOUR, -HOUR, DAY, -DAY, 40, -40])
def test_a_clock_that_is_off_by_more_than_half_a_minute_closes_the_gate_until_it_is_right(
    bot: Bot, simulator: Simulator, seconds: int
) -> None:
    fault(simulator, "clock_offset", seconds=seconds)
    read_account(bot)
    eventually(lambda: not bot.parts.board.gate.open, "the gate to close")
    assert "clock" in bot.parts.board.gate.reason
    bot.accept(bot.signal("ACME"))
    assert bot.view("acme-1").state is SignalState.RECEIVED

    heal(simulator)
    read_account(bot)

    bot.trade("acme-1", filled, "the signal that waited")
    agree(bot, simulator)
    assert (len(oracle(simulator, "accepted")), halts(bot)) == (1, {})


@pytest.mark.fault("F29")
@pytest.mark.parametrize("seconds", [2, -2, 20, -20])
def test_a_clock_that_drifts_a_little_loses_nothing(bot: Bot, simulator: Simulator, seconds: int) -> None:
    fault(simulator, "clock_offset", seconds=seconds)
    read_account(bot)
    bot.accept(bot.signal("ACME"))

    bot.trade("acme-1", filled, "the fill")
    read_account(bot)
    agree(bot, simulator)
    assert (len(oracle(simulator, "accepted")), halts(bot)) == (1, {})


@pytest.mark.fault("F29")
@pytest.mark.parametrize("seconds", [HOUR, -HOUR, DAY, -DAY])
def test_our_clock_that_jumps_closes_the_gate_at_the_next_order_and_not_at_the_next_read(
    simulator: Simulator, tmp_path: Path, seconds: int
) -> None:
    time = SteppedTime()
    with running(simulator, tmp_path / "state", time=time) as bot:
        bot.gate(is_open=True)
        time.off_by = timedelta(seconds=seconds)
        bot.accept(bot.signal("ACME", issued_at=time.clock()))
        eventually(lambda: "jumped" in bot.parts.board.gate.reason, "the gate to close")
        assert oracle(simulator) == []

        time.off_by = timedelta()
        bot.accept(bot.signal("KO"))
        bot.trade("ko-1", filled, "an order once it is right again")
    assert "KO" in {order["symbol"] for order in oracle(simulator, "accepted")}
