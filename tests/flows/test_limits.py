"""Limits in the whole system: what is looked up at the broker, which order leaves, what is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from actors.clock import LeapingTime
from domain.config import BotConfig
from domain.messages import Previewed
from domain.signals import Signal, SignalState, Verdict
from domain.trades import TradeStatus
from simulator.server import Simulator
from tests.domain.builders import UNLIMITED
from tests.flows.conftest import Bot, control, oracle, running


def configure(bot: Bot, config: BotConfig) -> None:
    with bot.parts.store.unit() as unit:
        unit.save_config(config, at=bot.parts.time.clock(), by="test")


def verdict(bot: Bot, signal_id: str) -> Verdict:
    found = bot.decided(signal_id).verdict
    assert found is not None
    return found


def looked_up(simulator: Simulator) -> int:
    """How often the broker was asked for an asset."""
    asked = requests.get(f"{simulator.base_url}/_sim/state", timeout=10).json()["requests"]
    return sum(count for what, count in asked.items() if "/v2/assets/" in what)


def bought(bot: Bot, signal_id: str) -> Any:
    return bot.trade(
        signal_id, lambda trade: trade.status is TradeStatus.OPEN and trade.shares is not None, "the fill"
    )


def test_a_symbol_that_takes_no_dollars_is_bought_in_whole_shares(bot: Bot, simulator: Simulator) -> None:
    control(simulator, "prices", {"OCGN": "13.20"})

    bot.accept(bot.signal("OCGN"))

    trade = bought(bot, "ocgn-1")
    assert (trade.shares, trade.notional, trade.entry_price) == (
        Decimal(7), Decimal("92.40"), Decimal("13.2"),
    )  # fmt: skip
    [order] = oracle(simulator, "accepted")
    assert (order["qty"], order["notional"]) == ("7", None)
    [check] = [check for check in verdict(bot, "ocgn-1").checks if check.name == "order"]
    assert check.detail == "7 shares at 13.2 USD, 92.4 USD in all: OCGN is sold in whole shares only"


def test_a_share_that_costs_more_than_the_dollars_is_not_bought(bot: Bot, simulator: Simulator) -> None:
    control(simulator, "prices", {"OCGN": "101"})
    bot.accept(bot.signal("OCGN"))
    assert verdict(bot, "ocgn-1").code == "no_whole_share"
    assert oracle(simulator) == []


@pytest.mark.parametrize(("symbol", "code"), [("NOTRD", "not_tradable"), ("ZZZZQX", "unknown_symbol")])
def test_what_cannot_be_bought_is_refused_before_an_order_leaves(
    bot: Bot, simulator: Simulator, symbol: str, code: str
) -> None:
    bot.accept(bot.signal(symbol))
    assert verdict(bot, f"{symbol.lower()}-1").code == code
    assert oracle(simulator) == []


def test_news_that_is_in_the_price_already_is_not_bought(bot: Bot, simulator: Simulator) -> None:
    configure(bot, UNLIMITED.having({"price_collar_pct": Decimal(5)}))
    control(simulator, "prices", {"ACME": "12.50", "KO": "12.50"})
    bot.accept(bot.signal("ACME", price_at_signal=Decimal("11.80")))
    bot.accept(bot.signal("KO", price_at_signal=Decimal("12.00")))

    assert verdict(bot, "acme-1").reason == "12.5 USD now, 11.8 USD at the signal: 5.93 % apart, 5 % allowed"
    bought(bot, "ko-1")


def test_the_fourth_position_is_refused_as_the_settings_come(bot: Bot, simulator: Simulator) -> None:
    configure(bot, BotConfig())
    for symbol in ("ACME", "KO", "MSFT"):
        bot.accept(bot.signal(symbol))
        bought(bot, f"{symbol.lower()}-1")
    bot.accept(bot.signal("AAPL"))

    refused = verdict(bot, "aapl-1")
    assert (refused.code, refused.reason) == ("max_positions", "3 held or ordered, 3 allowed")
    assert len(oracle(simulator, "accepted")) == 3
    assert looked_up(simulator) == 3  # the fourth was refused without it


def test_a_symbol_is_looked_up_once(bot: Bot, simulator: Simulator) -> None:
    bot.accept(bot.signal("REJCT"))
    bot.trade("rejct-1", lambda trade: trade.status is TradeStatus.MISSED, "the rejection")
    bot.accept(bot.signal("REJCT", signal_id="rejct-2"))
    bot.decided("rejct-2")
    assert looked_up(simulator) == 1


def test_refusals_in_a_row_halt_everything(bot: Bot, simulator: Simulator) -> None:
    configure(bot, UNLIMITED.having({"max_consecutive_refusals": 2}))
    control(simulator, "assets", {"ACME": "no_buying_power", "KO": "no_buying_power"})
    for symbol in ("ACME", "KO"):
        bot.accept(bot.signal(symbol))
        bot.trade(f"{symbol.lower()}-1", lambda t: t.status is TradeStatus.REJECTED, "the refusal")
    bot.accept(bot.signal("MSFT"))
    assert verdict(bot, "msft-1").code == "halted"


def test_a_preview_asks_the_broker_and_leaves_nothing(bot: Bot, simulator: Simulator) -> None:
    configure(bot, UNLIMITED.having({"price_collar_pct": Decimal(5)}))
    control(simulator, "prices", {"ACME": "12.50"})
    weighed = bot.parts.preview(bot.signal("ACME", price_at_signal=Decimal("12.40")))
    assert isinstance(weighed, Previewed)
    assert (weighed.verdict.code, weighed.waits) == ("trade", None)
    assert bot.queries.signal("acme-1") == ()
    assert bot.queries.counts().orders == {}
    assert oracle(simulator) == []


# --- the hour -------------------------------------------------------------------------------------------


@contextmanager
def at(simulator: Simulator, folder: Path, start: str, **settings: Any) -> Iterator[Bot]:
    """A bot and its broker at this hour of a Thursday in New York."""
    moment = datetime.fromisoformat(f"2026-11-12T{start}-05:00")
    control(simulator, "switches", {"hours": "new_york"})
    control(simulator, "clock", {"now": moment.isoformat()})
    control(simulator, "prices", {"ACME": "12.50"})
    time = LeapingTime(moment)
    with running(simulator, folder, UNLIMITED.having(settings), time) as bot:
        bot.gate(is_open=True)
        yield bot


def signal_now(bot: Bot, **given: Any) -> Signal:
    return bot.signal("ACME", issued_at=bot.parts.time.clock(), **given)


def leap(simulator: Simulator, bot: Bot, seconds: int) -> None:
    assert isinstance(bot.parts.time, LeapingTime)
    control(simulator, "clock", {"advance_s": seconds})
    bot.parts.time.leap(timedelta(seconds=seconds))


def test_before_the_open_a_signal_expires_as_the_settings_come(simulator: Simulator, tmp_path: Path) -> None:
    with at(simulator, tmp_path / "state", "09:00:00") as bot:
        bot.accept(signal_now(bot))
        refused = verdict(bot, "acme-1")
    assert refused.code == "market_closed"
    assert refused.reason == "closed until 2026-11-12 09:30 New York; closed_market_policy expire"
    assert oracle(simulator) == []


def test_a_signal_that_may_wait_for_the_open_is_bought_then(simulator: Simulator, tmp_path: Path) -> None:
    with at(simulator, tmp_path / "state", "09:29:45", closed_market_policy="hold") as bot:
        signal = signal_now(bot)
        bot.accept(signal)
        weighed = bot.parts.preview(signal)
        assert isinstance(weighed, Previewed)
        assert weighed.waits is not None
        assert weighed.waits.startswith("closed until 2026-11-12 09:30 New York")
        assert bot.view("acme-1").state is SignalState.RECEIVED
        leap(simulator, bot, 15)
        bought(bot, "acme-1")
    assert len(oracle(simulator, "accepted")) == 1


def test_in_extended_hours_a_limit_of_whole_shares_leaves(simulator: Simulator, tmp_path: Path) -> None:
    with at(simulator, tmp_path / "state", "08:00:00", closed_market_policy="extended_hours") as bot:
        bot.accept(signal_now(bot, price_at_signal=Decimal("12.50")))
        trade = bought(bot, "acme-1")
        assert (trade.shares, trade.notional) == (Decimal(7), Decimal("87.92"))
    [order] = oracle(simulator, "accepted")
    assert (order["type"], order["qty"], order["limit_price"]) == ("accepted", "7", "12.56")


def test_in_the_last_minutes_of_the_day_nothing_is_bought(simulator: Simulator, tmp_path: Path) -> None:
    with at(simulator, tmp_path / "state", "15:45:00", close_before_end_min=15) as bot:
        bot.accept(signal_now(bot))
        assert verdict(bot, "acme-1").code == "market_closing"
    assert oracle(simulator) == []
