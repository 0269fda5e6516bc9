"""One signal's walk, over real sockets into a real database, judged by the simulator's own oracle."""

from decimal import Decimal

from domain.messages import SignalConflict, SignalRecorded
from domain.orders import Life
from domain.signals import SignalState
from domain.trades import TradeStatus
from simulator.server import Simulator
from tests.flows.conftest import Bot, control, oracle


def filled(trade: object) -> bool:
    return getattr(trade, "shares", None) is not None


def settled(bot: Bot, signal_id: str) -> bool:
    trade = bot.view(signal_id).trade
    return trade is not None and all(o.life is Life.DONE for o in bot.queries.orders_of(trade.id))


def test_a_signal_becomes_one_filled_trade(bot: Bot, simulator: Simulator) -> None:
    control(simulator, "prices", {"ACME": "12.50"})

    answer = bot.accept(bot.signal("ACME", catalyst_tier=3, ai_confidence="medium", catalyst_category="FDA"))

    assert isinstance(answer, SignalRecorded)
    assert not answer.repeated
    trade = bot.trade("acme-1", filled, "the fill")
    assert trade.status is TradeStatus.OPEN
    assert (trade.stars, trade.notional) == (4, Decimal(75))
    assert trade.entry_price == Decimal("12.5")
    assert trade.catalyst_type == "FDA"
    [accepted] = oracle(simulator, "accepted")
    assert accepted["client_order_id"] == trade.client_order_id
    assert accepted["order_id"] == trade.alpaca_order_id
    assert (accepted["notional"], accepted["side"], accepted["symbol"]) == ("75", "buy", "ACME")
    [fill] = oracle(simulator, "fill")
    assert Decimal(fill["cum_qty"]) == trade.shares


def test_the_same_signal_twice_is_one_order(bot: Bot, simulator: Simulator) -> None:
    signal = bot.signal("ACME")

    first, second = bot.accept(signal), bot.accept(signal)

    assert isinstance(first, SignalRecorded)
    assert isinstance(second, SignalRecorded)
    assert (first.repeated, second.repeated) == (False, True)
    assert second.receipt.received_at == first.receipt.received_at
    bot.trade("acme-1", filled, "the fill")
    assert len(oracle(simulator, "accepted")) == 1


def test_the_same_id_with_other_content_is_a_conflict_and_trades_nothing(
    bot: Bot, simulator: Simulator
) -> None:
    bot.accept(bot.signal("ACME", signal_id="one"))

    assert isinstance(bot.accept(bot.signal("KO", signal_id="one")), SignalConflict)

    bot.trade("one", filled, "the fill")
    assert [order["symbol"] for order in oracle(simulator, "accepted")] == ["ACME"]


def test_a_symbol_with_an_open_trade_takes_no_second_one(bot: Bot, simulator: Simulator) -> None:
    for number in range(5):
        bot.accept(bot.signal("ACME", signal_id=f"acme-{number}"))

    views = [bot.decided(f"acme-{number}") for number in range(5)]

    assert [view.state for view in views] == [SignalState.PLANNED, *[SignalState.DECLINED] * 4]
    assert {view.verdict.code for view in views[1:] if view.verdict} == {"duplicate_symbol"}
    assert all(view.trade is None for view in views[1:])
    assert len(oracle(simulator, "accepted")) == 1


def test_a_signal_nobody_rated_leaves_no_trade(bot: Bot, simulator: Simulator) -> None:
    bot.accept(bot.signal("ACME", catalyst_tier=3))

    view = bot.decided("acme-1")

    assert view.verdict is not None
    assert (view.verdict.code, view.trade) == ("no_rating", None)
    assert oracle(simulator) == []


def test_a_refused_order_is_a_rejected_trade_and_nothing_crashes(bot: Bot, simulator: Simulator) -> None:
    bot.accept(bot.signal("NOBUY"))

    trade = bot.trade("nobuy-1", lambda t: t.status is TradeStatus.REJECTED, "the refusal")

    assert (trade.exit_reason, trade.shares) == ("alpaca_refused", None)
    assert oracle(simulator, "accepted") == []
    bot.accept(bot.signal("ACME"))
    bot.trade("acme-1", filled, "the next fill")


def test_an_order_rejected_after_it_was_taken_is_a_missed_trade(bot: Bot) -> None:
    bot.accept(bot.signal("REJCT"))

    trade = bot.trade("rejct-1", lambda t: t.status is TradeStatus.MISSED, "the rejection")

    assert trade.exit_reason == "alpaca_rejected"


def test_a_missed_symbol_may_be_traded_again(bot: Bot) -> None:
    bot.accept(bot.signal("REJCT"))
    bot.trade("rejct-1", lambda t: t.status is TradeStatus.MISSED, "the rejection")

    bot.accept(bot.signal("REJCT", signal_id="rejct-2"))

    assert bot.decided("rejct-2").state is SignalState.PLANNED


def test_partial_fills_leave_the_owners_own_shares_out(bot: Bot, simulator: Simulator) -> None:
    control(simulator, "switches", {"auto_fill": False})
    theirs = {"symbol": "ACME", "qty": "3", "side": "buy", "type": "market", "time_in_force": "day"}
    order = control(simulator, "orders", theirs)
    control(simulator, "fill", {"id": order["id"], "price": "10"})
    bot.news.until(lambda: bot_position(bot) == Decimal(3), "the owner's own shares")

    bot.accept(bot.signal("ACME"))
    trade = bot.trade("acme-1", lambda t: t.alpaca_order_id is not None, "the order")
    control(simulator, "fill", {"id": trade.alpaca_order_id, "qty": "4", "price": "10"})

    trade = bot.trade("acme-1", filled, "the partial fill")
    assert trade.shares == Decimal(4)
    bot.news.until(lambda: confirmation(bot, trade.id) == Decimal(4), "the confirmed position")
    control(simulator, "fill", {"id": trade.alpaca_order_id, "price": "10"})
    bot.news.until(lambda: settled(bot, "acme-1"), "the rest of the order")
    [*_, last] = oracle(simulator, "fill")
    final = bot.view("acme-1").trade
    assert final is not None
    assert final.shares == Decimal(last["cum_qty"])


def bot_position(bot: Bot) -> Decimal | None:
    with bot.parts.store.unit() as unit:
        return unit.positions(["ACME"]).get("ACME")


def confirmation(bot: Bot, trade_id: int) -> Decimal | None:
    [order] = bot.queries.orders_of(trade_id)
    return order.confirmed_qty


def test_without_the_position_endpoint_the_streams_count_stands(bot: Bot, simulator: Simulator) -> None:
    control(simulator, "switches", {"auto_fill": False})
    bot.accept(bot.signal("ACME"))
    trade = bot.trade("acme-1", lambda t: t.alpaca_order_id is not None, "the order")
    broken = {"match": {"method": "GET", "path": "/v2/positions*", "n": 50}, "act": "status", "status": 500}
    control(simulator, "faults", broken)

    control(simulator, "fill", {"id": trade.alpaca_order_id, "qty": "2.5", "price": "10"})

    trade = bot.trade("acme-1", filled, "the partial fill")
    assert trade.shares == Decimal("2.5")
    assert confirmation(bot, trade.id) is None


def test_a_partly_filled_order_that_is_canceled_stays_a_position(bot: Bot, simulator: Simulator) -> None:
    bot.accept(bot.signal("PCANC"))

    bot.news.until(lambda: bot.queries.signal("pcanc-1") and bot.view("pcanc-1").trade, "the trade")
    bot.news.until(lambda: settled(bot, "pcanc-1"), "the cancel")

    trade = bot.view("pcanc-1").trade
    assert trade is not None
    assert trade.status is TradeStatus.OPEN
    [fill] = oracle(simulator, "partial_fill")
    assert trade.shares == Decimal(fill["cum_qty"])


def test_an_unfilled_order_that_ends_is_a_missed_trade(bot: Bot, simulator: Simulator) -> None:
    control(simulator, "switches", {"auto_fill": False})
    for how in ("cancel", "expire", "done_for_day"):
        symbol = how[:4].upper()
        bot.accept(bot.signal(symbol, signal_id=how))
        trade = bot.trade(how, lambda t: t.alpaca_order_id is not None, "the order")
        control(simulator, how, {"id": trade.alpaca_order_id})

        bot.trade(how, lambda t: t.status is TradeStatus.MISSED, f"{how} to be booked")


def test_a_fill_that_outruns_the_answer_to_its_own_order_is_not_lost(bot: Bot, simulator: Simulator) -> None:
    control(
        simulator, "faults", {"match": {"method": "POST", "path": "/v2/orders"}, "act": "fill_before_reply"}
    )

    bot.accept(bot.signal("ACME"))

    trade = bot.trade("acme-1", filled, "the fill")
    bot.news.until(lambda: settled(bot, "acme-1"), "the answer to the order")
    [fill] = oracle(simulator, "fill")
    assert trade.shares == Decimal(fill["cum_qty"])


def test_an_executor_with_nothing_to_do_sends_nothing(bot: Bot, simulator: Simulator) -> None:
    assert oracle(simulator) == []
    assert bot.queries.counts().executions == 0
