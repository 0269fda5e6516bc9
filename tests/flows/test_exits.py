"""What is bought is sold again, over real sockets: each reason, and what can go wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.config import BotConfig
from domain.messages import ExitRequested, LedgerUnwritable, RequestExit
from domain.trades import TradeRecord, TradeStatus
from simulator.server import Simulator
from tests.faults.kit import agree, by_hand, eventually, fault, halts, heal, state
from tests.flows.conftest import Bot, control, oracle, running

QUIET: dict[str, Any] = {
    "hard_stop_loss_pct": Decimal(0),
    "profit_target_pct": Decimal(0),
    "max_hold_duration_sec": 0,
    "close_before_end_min": 0,
}
"""No rule sells by itself; a test turns on what it is about."""


@contextmanager
def trading(simulator: Simulator, folder: Path, **rules: Any) -> Iterator[Bot]:
    """A bot whose gate is open, with these rules only."""
    with running(simulator, folder, BotConfig(**(QUIET | rules))) as bot:
        bot.gate(is_open=True)
        yield bot


def bought(bot: Bot, simulator: Simulator, symbol: str = "ACME", price: str = "10") -> TradeRecord:
    """An open trade of about a hundred dollars, bought at this price."""
    control(simulator, "prices", {symbol: price})
    signal = bot.signal(symbol)
    bot.accept(signal)
    return bot.trade(signal.signal_id, lambda trade: trade.shares is not None, "the buy")


def closed(bot: Bot, symbol: str = "ACME") -> TradeRecord:
    return bot.trade(f"{symbol.lower()}-1", lambda trade: trade.status is TradeStatus.CLOSED, "the sale")


def close(bot: Bot, scope: str, reason: Any = "manual") -> ExitRequested:
    mail = RequestExit(scope=scope, reason=reason, by="owner")
    answer = bot.parts.ledger.ask(mail, ExitRequested, LedgerUnwritable, timeout=10)
    assert isinstance(answer, ExitRequested)
    return answer


def held(simulator: Simulator) -> dict[str, Decimal]:
    return {each["symbol"]: Decimal(each["qty"]) for each in state(simulator)["positions"]}


def sells(simulator: Simulator) -> list[dict[str, Any]]:
    return [order for order in oracle(simulator, "accepted") if order["side"] == "sell"]


@pytest.mark.parametrize(
    ("rule", "rules", "price"),
    [
        ("hard_stop", {"hard_stop_loss_pct": Decimal(7)}, "9.29"),
        ("trailing_stop", {"trailing_stop_pct": Decimal(5)}, "9.5"),
        ("trailing_stop", {"trailing_stop_dollar": Decimal("0.3")}, "9.7"),
        ("profit_target", {"profit_target_pct": Decimal(10)}, "11"),
        ("time_exit", {"max_hold_duration_sec": 1}, "10"),
    ],
)
def test_each_rule_sells_all_that_was_bought_at_the_price_that_the_broker_made(
    simulator: Simulator, tmp_path: Path, rule: str, rules: dict[str, Any], price: str
) -> None:
    with trading(simulator, tmp_path / "state", **rules) as bot:
        trade = bought(bot, simulator)
        control(simulator, "prices", {"ACME": price})

        after = closed(bot)

        assert (after.exit_reason, after.exit_price) == (rule, Decimal(price))
        assert trade.shares is not None
        assert after.pnl == (Decimal(price) - Decimal(10)) * trade.shares
        assert (after.sold, after.held) == (trade.shares, Decimal(0))
        assert held(simulator) == {}
        [sell] = sells(simulator)
        assert Decimal(sell["qty"]) == trade.shares
        agree(bot, simulator)


def test_a_person_has_one_symbol_sold_and_the_rest_stays(simulator: Simulator, tmp_path: Path) -> None:
    with trading(simulator, tmp_path / "state") as bot:
        bought(bot, simulator)
        other = bought(bot, simulator, "KO", "50")

        assert [trade.symbol for trade in close(bot, "ACME").trades] == ["ACME"]

        assert closed(bot).exit_reason == "manual"
        assert held(simulator) == {"KO": other.shares}


def test_flattening_sells_everything_once_however_often_it_is_asked_for(
    simulator: Simulator, tmp_path: Path
) -> None:
    with trading(simulator, tmp_path / "state") as bot:
        bought(bot, simulator)
        bought(bot, simulator, "KO", "50")

        for _ in range(3):
            close(bot, "all", "flatten")

        assert [closed(bot, symbol).exit_reason for symbol in ("ACME", "KO")] == ["flatten", "flatten"]
        assert held(simulator) == {}
        assert len(sells(simulator)) == 2


def test_the_owners_own_shares_are_not_sold(simulator: Simulator, tmp_path: Path) -> None:
    control(simulator, "prices", {"ACME": "10"})
    by_hand(simulator, "ACME", "buy", "7")
    with trading(simulator, tmp_path / "state") as bot:
        trade = bought(bot, simulator)
        close(bot, "ACME")

        assert closed(bot).sold == trade.shares
        assert held(simulator) == {"ACME": Decimal(7)}


def test_a_refused_sell_keeps_the_trade_open_and_is_tried_again(simulator: Simulator, tmp_path: Path) -> None:
    with trading(simulator, tmp_path / "state") as bot:
        bought(bot, simulator)
        refusal = {"code": 40310000, "message": "insufficient qty available for order"}
        fault(simulator, "status", status=403, body=refusal, match={"method": "POST", "path": "/v2/orders"})
        close(bot, "ACME")

        troubled = bot.trade("acme-1", lambda trade: trade.exit_trouble is not None, "the refusal")
        assert troubled.status is TradeStatus.OPEN
        assert "insufficient qty" in (troubled.exit_trouble or "")

        after = closed(bot)
        assert (after.exit_reason, after.exit_trouble) == ("manual", None)
        assert len(sells(simulator)) == 1


def test_a_sell_whose_answer_is_lost_is_sent_once(simulator: Simulator, tmp_path: Path) -> None:
    with trading(simulator, tmp_path / "state") as bot:
        bought(bot, simulator)
        fault(simulator, "accept_then_drop", match={"method": "POST", "path": "/v2/orders"})
        close(bot, "ACME")

        closed(bot)
        assert len(sells(simulator)) == 1
        agree(bot, simulator)


def test_a_partial_sell_that_is_canceled_leaves_the_rest_to_be_sold(
    simulator: Simulator, tmp_path: Path
) -> None:
    with trading(simulator, tmp_path / "state") as bot:
        trade = bought(bot, simulator)
        control(simulator, "switches", {"auto_fill": False})
        close(bot, "ACME")
        [order] = eventually(lambda: sells(simulator), "the sell")
        control(simulator, "fill", {"id": order["order_id"], "qty": "4", "price": "10.5"})
        control(simulator, "cancel", {"id": order["order_id"]})

        partly = bot.trade("acme-1", lambda trade: trade.sold == 4 and not _leaving(bot, trade), "the rest")
        assert (partly.status, partly.held) == (TradeStatus.OPEN, (trade.shares or 0) - 4)

        control(simulator, "switches", {"auto_fill": True})
        control(simulator, "prices", {"ACME": "11"})
        after = closed(bot)
        assert after.pnl == 4 * Decimal("0.5") + ((trade.shares or 0) - 4) * 1
        assert held(simulator) == {}


def _leaving(bot: Bot, trade: TradeRecord) -> bool:
    return any(order.leg == "exit" and order.is_live for order in bot.queries.orders_of(trade.id))


def test_a_buy_that_still_fills_is_canceled_and_what_it_bought_is_sold(
    simulator: Simulator, tmp_path: Path
) -> None:
    control(simulator, "switches", {"auto_fill": False})
    with trading(simulator, tmp_path / "state") as bot:
        control(simulator, "prices", {"ACME": "10"})
        bot.accept(bot.signal("ACME"))
        [order] = eventually(lambda: oracle(simulator, "accepted"), "the buy")
        control(simulator, "fill", {"id": order["order_id"], "qty": "4", "price": "10"})
        bot.trade("acme-1", lambda trade: trade.shares == 4, "the first part")
        close(bot, "ACME")
        eventually(lambda: sells(simulator), "the sell")
        control(simulator, "switches", {"auto_fill": True})

        after = closed(bot)
        assert (after.shares, after.sold) == (Decimal(4), Decimal(4))
        assert held(simulator) == {}
        agree(bot, simulator)


def test_shares_that_their_owner_sold_by_hand_end_the_trade(simulator: Simulator, tmp_path: Path) -> None:
    with trading(simulator, tmp_path / "state") as bot:
        trade = bought(bot, simulator)
        control(simulator, "prices", {"ACME": "12"})
        by_hand(simulator, "ACME", "sell", str(trade.shares))

        after = closed(bot)

        assert (after.exit_reason, after.exit_price) == ("sold_by_owner", Decimal(12))
        assert after.taken == trade.shares
        assert after.pnl == 2 * (trade.shares or 0)
        assert sells(simulator) == [order for order in sells(simulator) if order["symbol"] == "ACME"]
        assert len(sells(simulator)) == 1


def test_a_restart_in_the_middle_of_a_close_ends_in_one_sale(simulator: Simulator, tmp_path: Path) -> None:
    with trading(simulator, tmp_path / "state") as bot:
        bought(bot, simulator)
        control(simulator, "switches", {"auto_fill": False})
        close(bot, "ACME")
        eventually(lambda: sells(simulator), "the sell")
    control(simulator, "switches", {"auto_fill": True})
    with running(simulator, tmp_path / "state") as bot:
        closed(bot)
        assert len(sells(simulator)) == 1
        assert held(simulator) == {}


def test_a_wish_to_sell_outlasts_a_restart(simulator: Simulator, tmp_path: Path) -> None:
    with trading(simulator, tmp_path / "state") as bot:
        bought(bot, simulator)
        fault(simulator, "status", status=503, match={"method": "POST", "path": "/v2/orders", "n": None})
        close(bot, "ACME")
        bot.trade("acme-1", lambda trade: trade.exit_wanted is not None, "the wish")
    heal(simulator)
    with running(simulator, tmp_path / "state") as bot:
        assert closed(bot).exit_reason == "manual"
        assert len(sells(simulator)) == 1


def test_prices_that_cannot_be_read_sell_nothing(simulator: Simulator, tmp_path: Path) -> None:
    fault(simulator, "status", status=500, match={"path": "/v2/stocks/snapshots", "n": None})
    with trading(simulator, tmp_path / "state", hard_stop_loss_pct=Decimal(7)) as bot:
        bought(bot, simulator)
        control(simulator, "prices", {"ACME": "1"})
        naked = bot.trade("acme-1", lambda trade: trade.naked_why is not None, "the look")
        assert "could not be read" in (naked.naked_why or "")
        assert sells(simulator) == []

        heal(simulator)
        assert closed(bot).exit_price == 1


def test_a_protective_stop_rests_at_the_broker_and_closes_the_trade_with_the_bot_down(
    simulator: Simulator, tmp_path: Path
) -> None:
    rules = {"hard_stop_loss_pct": Decimal(7), "protective_stop": True}
    with trading(simulator, tmp_path / "state", **rules) as bot:
        trade = bought(bot, simulator)
        eventually(lambda: sells(simulator), "the stop")
        [stop] = [order for order in state(simulator)["orders"] if order["side"] == "sell"]
        assert (stop["type"], stop["qty"], stop["stop_price"]) == ("stop", "9", "9.3")
        assert stop["status"] == "new"
    control(simulator, "prices", {"ACME": "9"})
    with running(simulator, tmp_path / "state") as bot:
        rest = closed(bot)
        assert rest.sold == trade.shares
        assert held(simulator) == {}


@pytest.mark.parametrize("rules", [{}, {"hard_stop_loss_pct": Decimal(7)}], ids=["open", "realised"])
def test_a_loss_that_reaches_the_days_limit_halts_what_buys_and_nothing_else(
    simulator: Simulator, tmp_path: Path, rules: dict[str, Any]
) -> None:
    with trading(simulator, tmp_path / "state", daily_loss_limit_usd=Decimal(5), **rules) as bot:
        bought(bot, simulator)
        control(simulator, "prices", {"ACME": "9.2"})
        if rules:
            closed(bot)

        halt = eventually(lambda: halts(bot).get("all"), "the halt")

        assert "daily_loss_limit_usd" in halt
        bot.accept(bot.signal("KO"))
        assert bot.decided("ko-1").trade is None
        close(bot, "ACME")
        closed(bot)


@pytest.mark.parametrize("ratio", ["2", "0.2"])
def test_a_split_that_was_not_read_yet_sells_nothing_at_a_price_that_means_nothing(
    simulator: Simulator, tmp_path: Path, ratio: str
) -> None:
    control(simulator, "prices", {"ACME": "10"})
    by_hand(simulator, "ACME", "buy", "70")
    rules = {"hard_stop_loss_pct": Decimal(7), "profit_target_pct": Decimal(10)}
    with trading(simulator, tmp_path / "state", **rules) as bot:
        trade = bought(bot, simulator)
        fault(simulator, "split", symbol="ACME", ratio=ratio)
        after = bot.trade("acme-1", lambda trade: trade.split != 0, "the split")
        assert sells(simulator) == []

        close(bot, "ACME")

        done = closed(bot)
        assert trade.shares is not None
        assert done.sold == after.held == (trade.shares * Decimal(ratio)).quantize(Decimal("1e-9"))
        assert done.pnl is not None
        assert abs(done.pnl) < Decimal("0.01")
        assert held(simulator) == {"ACME": 70 * Decimal(ratio)}
        agree(bot, simulator)


def test_what_a_stop_did_not_cover_is_sold_once_it_was_filled(simulator: Simulator, tmp_path: Path) -> None:
    rules = {"hard_stop_loss_pct": Decimal(7), "protective_stop": True}
    with trading(simulator, tmp_path / "state", **rules) as bot:
        bought(bot, simulator)
        eventually(lambda: sells(simulator), "the stop")
    control(simulator, "prices", {"ACME": "9"})
    control(simulator, "prices", {"ACME": "10"})
    with running(simulator, tmp_path / "state") as bot:
        assert closed(bot).held == 0
        assert held(simulator) == {}
