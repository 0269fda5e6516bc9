"""Limits in the ledger: what each decision is judged by, what halts everything, and what is only weighed."""

import json
from typing import Any

import pytest

from domain.config import BotConfig
from domain.holdings import ALL
from domain.market import Means
from domain.messages import (
    BrokerSnapshot,
    Declined,
    OrderNotFound,
    OrderNotSent,
    OrderRejected,
    OrderUnresolved,
    Planned,
    Previewed,
    PreviewEntry,
    StreamOpened,
)
from domain.orders import OrderTicket
from domain.rules import Deferred, EntryReads, ReadsWanted
from domain.signals import Signal, Verdict
from domain.trades import TradeStatus
from tests.actors.books import Books, id_of
from tests.actors.desk import Desk
from tests.actors.doubles import PATIENCE_S
from tests.domain.builders import (
    UNLIMITED,
    a_market,
    a_quote,
    a_signal,
    a_snapshot,
    an_asset,
    dec,
    ended,
    filled,
    later,
)

TWO_AT_ONCE = UNLIMITED.having({"max_concurrent_positions": 2})


@pytest.fixture
def ready(books: Books) -> Books:
    books.open_gate()
    return books


def signals(count: int, **changes: Any) -> list[Signal]:
    """Each of its own symbol."""
    return [
        a_signal(**{"signal_id": f"n-{number}", "symbol": f"N{chr(65 + number)}", "ttl_s": 3600} | changes)
        for number in range(count)
    ]


def verdict(books: Books, signal: Signal) -> Verdict:
    """The ledger's refusal."""
    books.record(signal)
    answer = books.plan(signal)
    assert isinstance(answer, Declined), answer
    assert answer.verdict is not None
    return answer.verdict


def refuse(books: Books, signal: Signal) -> None:
    """Its order leaves, and the broker wants none of it."""
    ticket = books.intend(signal)
    books.tell(OrderRejected(client_order_id=ticket.client_order_id, reason="insufficient buying power"))


# --- pending and unresolved orders count ----------------------------------------------------------------


def test_an_order_that_is_only_intended_or_unresolved_counts_in_full(ready: Books) -> None:
    ready.configure(TWO_AT_ONCE)
    first, second, third = signals(3)
    unresolved = ready.intend(first).client_order_id
    ready.tell(OrderUnresolved(client_order_id=unresolved, why="read timeout"))
    ready.tell(OrderNotFound(client_order_id=unresolved))
    not_sent = ready.intend(second).client_order_id
    ready.tell(OrderNotSent(client_order_id=not_sent, why="connection refused"))
    assert verdict(ready, third).code == "max_positions"


def test_an_order_that_came_to_nothing_makes_room(ready: Books) -> None:
    ready.configure(TWO_AT_ONCE)
    first, second, third, fourth = signals(4)
    refuse(ready, first)
    canceled = ready.accept(second)
    ready.hear(
        ended(
            "canceled",
            client_order_id=canceled.client_order_id,
            broker_order_id="broker-" + canceled.client_order_id,
            symbol=second.symbol,
        )
    )
    ready.intend(third)
    assert ready.intend(fourth).symbol == fourth.symbol


def test_the_dollars_of_whole_shares_are_what_they_cost(ready: Books) -> None:
    ready.configure(UNLIMITED.having({"max_total_exposure_usd": dec("192.40")}))
    first, second, third = signals(3)
    ready.assets[first.symbol] = an_asset(symbol=first.symbol, fractionable=False)
    ready.quotes[first.symbol] = a_quote("13.2", symbol=first.symbol, at=later(5))
    ticket = ready.intend(first)
    assert (ticket.notional, ticket.qty, ticket.type) == (None, dec("7"), "market")
    assert ready.trade().notional == dec("92.40")
    assert ready.intend(second).notional == dec("100")
    refused = verdict(ready, third)
    assert (refused.code, refused.reason) == (
        "max_exposure",
        "192.4 USD held or ordered, at least 1 USD more, 192.4 USD allowed",
    )


def test_buying_power_is_less_by_what_was_ordered_since_it_was_read(ready: Books) -> None:
    means = Means(buying_power=dec("250"), equity=None, cash=None, read_at=ready.clock.now)
    ready.read(a_snapshot(means=means))
    first, second, third = signals(3)
    ready.intend(first)
    ready.intend(second)
    refused = verdict(ready, third)
    assert (refused.code, refused.reason) == (
        "buying_power",
        "250 USD left 5 s ago, 200 USD ordered since, 100 USD more",
    )


def test_a_symbol_rests_after_its_trade_has_ended(books: Books) -> None:
    desk = Desk(books)
    desk.buy()
    desk.read("10")
    books.configure(UNLIMITED.having({"symbol_cooldown_sec": 60}))
    desk.hear(desk.sent(), "filled", "10", "13")
    [trade] = books.trades()
    assert trade.exit_at is not None
    assert verdict(books, a_signal(signal_id="s-2", ttl_s=3600)).code == "symbol_cooldown"
    books.clock.now = max(books.clock.now, trade.exit_at)
    books.clock.move(61)
    again = a_signal(signal_id="s-3", ttl_s=3600)
    assert books.intend(again).symbol == "ACME"


# --- the hour -------------------------------------------------------------------------------------------


def test_before_the_markets_hours_are_known_nothing_is_decided(books: Books) -> None:
    read = a_snapshot(clock=books.clock_reading())
    books.tell(StreamOpened(generation=1), BrokerSnapshot(generation=1, snapshot=read))
    signal = a_signal()
    books.record(signal)
    assert books.plan(signal) == Deferred(reason="the market's hours are not known yet")
    assert books.state(signal) == "received"


def test_an_intent_that_missed_the_close_waits_instead_of_resting_until_the_next_open(ready: Books) -> None:
    ticket = ready.intend(a_signal(ttl_s=3600))
    closing = a_market(timestamp=later(60), is_open=True, next_close=later(20))
    ready.read(a_snapshot(market=closing))
    assert isinstance(ready.plan_again(ticket.client_order_id), Planned)
    ready.clock.move(20)
    assert ready.plan_again(ticket.client_order_id) == Deferred(
        reason="the market has closed since it was planned"
    )


def test_an_order_of_extended_hours_may_leave_in_them_and_not_after_them(ready: Books) -> None:
    ready.configure(UNLIMITED.having({"closed_market_policy": "extended_hours"}))
    day = a_market().days[0]
    shut = a_market(is_open=False, next_open=later(86_400 * 3))
    ready.clock.now = day.closes_at
    ready.open_gate()
    ready.read(a_snapshot(market=shut))
    signal = a_signal(issued_at=ready.clock.now, price_at_signal=dec("10"), ttl_s=6 * 3600)
    ticket = ready.intend(signal)
    assert (ticket.type, ticket.qty, ticket.limit_price, ticket.extended_hours, ticket.time_in_force) == (
        "limit", dec("9"), dec("10.05"), True, "day",
    )  # fmt: skip
    assert ready.trade().notional == dec("90.45")
    assert isinstance(ready.plan_again(ticket.client_order_id), Planned)
    ready.clock.now = day.extended_closes_at
    ready.read(a_snapshot(market=shut))
    assert isinstance(ready.plan_again(ticket.client_order_id), Deferred)


# --- what is looked up first ----------------------------------------------------------------------------


def wanted(books: Books, signal: Signal) -> ReadsWanted | None:
    books.record(signal)
    answer = books.plan_with(signal)
    return answer if isinstance(answer, ReadsWanted) else None


def test_a_symbol_is_looked_up_once_a_day(ready: Books) -> None:
    first, second, third = (a_signal(signal_id=f"s-{n}", ttl_s=86_400) for n in range(3))
    assert wanted(ready, first) == ReadsWanted(symbol="ACME", asset=True, quote=False)
    assert isinstance(ready.plan(first), Planned)
    ready.tell(OrderRejected(client_order_id=id_of(first), reason="no"))
    assert wanted(ready, second) is None
    ready.tell(OrderRejected(client_order_id=id_of(second), reason="no"))
    ready.clock.move(86_390)
    ready.open_gate()
    ready.read(a_snapshot(market=a_market(next_close=later(200_000))))
    late = third.having({"issued_at": ready.clock.now})
    assert wanted(ready, late) == ReadsWanted(symbol="ACME", asset=True, quote=False)


def test_a_symbol_that_cannot_be_bought_is_looked_up_again_for_the_next_signal(ready: Books) -> None:
    ready.assets["ACME"] = an_asset(tradable=False)
    assert verdict(ready, a_signal()).code == "not_tradable"
    ready.assets["ACME"] = an_asset()
    assert wanted(ready, a_signal(signal_id="s-2")) is not None
    assert isinstance(ready.plan(a_signal(signal_id="s-2")), Planned)


def test_nothing_is_written_while_something_has_to_be_looked_up(ready: Books) -> None:
    signal = a_signal()
    ready.record(signal)
    before = ready.kinds()
    assert isinstance(ready.plan_with(signal), ReadsWanted)
    assert ready.state(signal) == "received"
    assert (ready.kinds(), ready.trades()) == (before, [])


def test_a_symbol_that_turns_out_to_need_a_price_is_asked_for_that_next(ready: Books) -> None:
    signal = a_signal()
    ready.record(signal)
    assert ready.plan_with(signal) == ReadsWanted(symbol="ACME", asset=True, quote=False)
    reads = EntryReads(asset=an_asset(fractionable=False), at=ready.clock.now)
    assert ready.plan_with(signal, reads) == ReadsWanted(symbol="ACME", asset=False, quote=True)
    planned = ready.plan_with(signal, reads.having({"quote": a_quote("30", at=ready.clock.now)}))
    assert isinstance(planned, Planned)
    assert planned.order.qty == dec("3")


def test_a_symbol_the_broker_does_not_know_is_refused_and_asked_for_again_next_time(ready: Books) -> None:
    ready.assets["ACME"] = None
    refused = verdict(ready, a_signal())
    assert (refused.code, refused.reason) == ("unknown_symbol", "the broker knows no ACME")
    assert wanted(ready, a_signal(signal_id="s-2")) == ReadsWanted(symbol="ACME", asset=True, quote=False)


def test_a_signal_whose_reads_keep_failing_expires_as_any_other(ready: Books) -> None:
    signal = a_signal()
    assert wanted(ready, signal) is not None
    ready.clock.now = signal.expires_at
    answer = ready.plan_with(signal)
    assert isinstance(answer, Declined)
    assert ready.state(signal) == "expired"


# --- the breakers ---------------------------------------------------------------------------------------


def halted(books: Books) -> list[str]:
    """Why everything is halted."""
    return [reason for scope, reason in books.halts() if scope == ALL]


FIVE_REFUSALS = UNLIMITED.having({"max_consecutive_refusals": 5})


def test_five_buys_refused_one_after_the_other_halt_everything(ready: Books) -> None:
    ready.configure(FIVE_REFUSALS)
    for signal in signals(5):
        assert halted(ready) == []
        refuse(ready, signal)
    [reason] = halted(ready)
    assert reason.startswith("the broker has refused 5 buys in a row (max_consecutive_refusals)")
    assert "then resume" in reason
    assert verdict(ready, a_signal()).code == "halted"
    assert (ALL, reason) in {(halt.scope, halt.reason) for halt in ready.halt_file.read()}


def test_a_buy_that_was_taken_begins_the_count_anew(ready: Books) -> None:
    ready.configure(FIVE_REFUSALS)
    many = signals(9)
    for signal in many[:4]:
        refuse(ready, signal)
    ready.clock.move(1)
    ready.accept(many[4])
    ready.clock.move(1)
    for signal in many[5:]:
        refuse(ready, signal)
    assert halted(ready) == []


def test_refusals_from_before_a_person_had_looked_do_not_count_again(ready: Books) -> None:
    ready.configure(FIVE_REFUSALS)
    many = signals(10)
    for signal in many[:5]:
        refuse(ready, signal)
    ready.clock.move(1)
    ready.clear(ALL)
    ready.clock.move(1)
    for signal in many[5:9]:
        refuse(ready, signal)
        assert halted(ready) == []
    refuse(ready, many[9])
    assert len(halted(ready)) == 1


def test_a_refusal_that_proves_nothing_of_an_earlier_post_is_none(ready: Books) -> None:
    ready.configure(FIVE_REFUSALS.having({"max_consecutive_refusals": 1}))
    ticket = ready.intend()
    ready.tell(OrderUnresolved(client_order_id=ticket.client_order_id, why="timeout"))
    ready.tell(OrderRejected(client_order_id=ticket.client_order_id, reason="insufficient buying power"))
    assert halted(ready) == []


def bought(books: Books, signal: Signal, shares: str, price: str) -> None:
    ticket = books.accept(signal)
    names: dict[str, Any] = {"client_order_id": ticket.client_order_id}
    names |= {"broker_order_id": "broker-" + ticket.client_order_id, "symbol": signal.symbol}
    books.hear(filled(shares, price, **names))


LOSE_50 = UNLIMITED.having({"daily_loss_limit_usd": dec("50")})


@pytest.fixture
def losing(books: Books) -> Desk:
    """Ten shares bought at 12, and a day that may lose fifty dollars."""
    desk = Desk(books)
    desk.buy()
    desk.read("10")
    books.configure(LOSE_50)
    return desk


def test_a_loss_that_is_only_open_halts_everything_as_soon_as_it_is_seen(losing: Desk) -> None:
    losing.look("7.01")
    assert halted(losing.books) == []
    losing.look("7")
    [reason] = halted(losing.books)
    assert reason.startswith("the loss of 2026-11-12 (New York) has reached daily_loss_limit_usd, 50 USD")
    assert losing.books.kinds("2026-11-12") == ["daily_loss"]
    refused = verdict(losing.books, a_signal(signal_id="s-2", symbol="KO"))
    assert refused.code == "halted"
    assert [check.name for check in refused.checks if not check.passed] == ["halts", "daily_loss_limit_usd"]


def test_a_loss_that_is_realised_halts_when_the_trade_has_ended(losing: Desk) -> None:
    losing.hear(losing.sent(), "filled", "10", "6")
    assert losing.trade.status is TradeStatus.CLOSED
    assert len(halted(losing.books)) == 1


def test_once_a_person_has_resumed_the_same_loss_halts_no_more_and_buys_nothing_either(losing: Desk) -> None:
    losing.look("7")
    losing.books.clear(ALL)
    losing.look("6.50")
    assert halted(losing.books) == []
    assert verdict(losing.books, a_signal(signal_id="s-2", symbol="KO")).code == "daily_loss_limit"
    assert halted(losing.books) == []
    losing.look("11")
    assert losing.books.intend(a_signal(signal_id="s-3", symbol="PFE")).symbol == "PFE"


def test_a_limit_that_was_raised_halts_again_when_that_is_reached(losing: Desk) -> None:
    losing.look("7")
    losing.books.clear(ALL)
    losing.configure(daily_loss_limit_usd=dec("55"))
    losing.look("6.50")
    [reason] = halted(losing.books)
    assert "daily_loss_limit_usd, 55 USD" in reason


def test_the_next_days_loss_halts_anew(losing: Desk) -> None:
    losing.look("7")
    losing.books.clear(ALL)
    losing.books.clock.move(86_400)
    losing.look("7")
    [reason] = halted(losing.books)
    assert "the loss of 2026-11-13" in reason


def test_a_plan_that_finds_the_loss_halts_too(ready: Books) -> None:
    bought(ready, a_signal(), "10", "12")
    with ready.store.unit() as unit:
        [trade] = unit.trades([1]).values()
        unit.save_trades([trade.having({"mark_price": dec("7")})], at=ready.clock.now)
    ready.configure(LOSE_50)
    assert verdict(ready, a_signal(signal_id="s-2", symbol="KO")).code == "daily_loss_limit"
    assert len(halted(ready)) == 1


def test_trades_that_take_far_too_many_orders_halt_everything(ready: Books) -> None:
    ready.configure(UNLIMITED.having({"max_orders_per_signal_ratio": dec("3")}))
    bought(ready, a_signal(), "10", "12")
    for number in range(28):
        _sale(ready, f"sale-{number}")
    many = signals(2)
    ready.intend(many[0])  # 30 orders of 2 trades
    [reason] = halted(ready)
    assert reason.startswith("trades have taken 3 orders each on average within an hour")
    ready.clear(ALL)
    ready.clock.move(1)
    ready.intend(many[1])
    assert halted(ready) == []


def test_orders_of_more_than_an_hour_ago_make_no_ratio(ready: Books) -> None:
    ready.configure(UNLIMITED.having({"max_orders_per_signal_ratio": dec("3")}))
    bought(ready, a_signal(), "10", "12")
    for number in range(28):
        _sale(ready, f"sale-{number}")
    ready.clock.move(3600)
    ready.open_gate()
    ready.intend(a_signal(signal_id="s-2", symbol="KO", ttl_s=7200))
    assert halted(ready) == []


@pytest.mark.parametrize(("sales", "halts"), [(7, 0), (8, 1)])
def test_less_than_ten_orders_make_no_ratio(ready: Books, sales: int, halts: int) -> None:
    ready.configure(UNLIMITED.having({"max_orders_per_signal_ratio": dec("2")}))
    bought(ready, a_signal(), "10", "12")
    for number in range(sales):
        _sale(ready, f"sale-{number}")
    ready.intend(a_signal(signal_id="s-2", symbol="KO"))
    assert len(halted(ready)) == halts


def _sale(books: Books, name: str) -> None:
    """A sell that was planned, past the ledger."""
    ticket = OrderTicket(
        client_order_id=name, leg="exit", symbol="ACME", side="sell", qty=dec("1"), reason="manual",
        post_until=books.clock.now,
    )  # fmt: skip
    with books.store.unit() as unit:
        unit.add_exit(
            ticket, trade_id=1, qty_before=dec("0"), account_id="a", config_digest="c", code_version="v",
            at=books.clock.now,
        )  # fmt: skip


# --- weighed without a trace ----------------------------------------------------------------------------


def preview(books: Books, signal: Signal) -> Previewed | ReadsWanted:
    reads = None
    while True:
        mail = PreviewEntry(signal=signal, reads=reads)
        answer = books.ledger.ask(mail, Previewed, ReadsWanted, timeout=PATIENCE_S)
        if not isinstance(answer, ReadsWanted) or reads is not None:
            return answer
        reads = books.looked_up(answer)


def everything(books: Books) -> list[Any]:
    """All rows of the tables that a decision could leave something in."""
    tables = ("signal", "bot_trade", "bot_order", "journal", "halt", "ledger_meta", "bot_config")
    return [books.rows(f"SELECT * FROM {table}") for table in tables]


def test_a_preview_tells_what_a_plan_would_and_changes_nothing(ready: Books) -> None:
    ready.configure(BotConfig())
    signal = a_signal(price_at_signal=dec("10"))
    ready.quotes["ACME"] = a_quote("10.10", at=ready.clock.now)
    before = everything(ready)
    weighed = preview(ready, signal)
    assert everything(ready) == before
    assert isinstance(weighed, Previewed)
    assert (weighed.verdict.code, weighed.waits, weighed.known) == ("trade", None, None)
    ready.record(signal)
    planned = ready.plan(signal)
    assert isinstance(planned, Planned)
    assert weighed.verdict.order is not None
    assert planned.order.notional == weighed.verdict.order.notional
    ((checks,),) = ready.rows("SELECT checks FROM signal")
    assert [check[2] for check in json.loads(checks)] == [check.detail for check in weighed.verdict.checks]


def test_a_preview_of_what_would_halt_does_not_halt(losing: Desk) -> None:
    with losing.books.store.unit() as unit:
        [trade] = unit.trades([1]).values()
        unit.save_trades([trade.having({"mark_price": dec("7")})], at=losing.books.clock.now)
    before = everything(losing.books)
    weighed = preview(losing.books, a_signal(signal_id="s-2", symbol="KO"))
    assert isinstance(weighed, Previewed)
    assert weighed.verdict.code == "daily_loss_limit"
    assert everything(losing.books) == before


def test_a_preview_of_a_known_signal_says_how_far_that_has_come(ready: Books) -> None:
    signal = a_signal()
    ready.intend(signal)
    weighed = preview(ready, signal)
    assert isinstance(weighed, Previewed)
    assert weighed.known == "planned"
    assert weighed.verdict.code == "duplicate_symbol"


def test_a_preview_asks_for_the_same_reads(ready: Books) -> None:
    mail = PreviewEntry(signal=a_signal(price_at_signal=dec("10")))
    ready.configure(BotConfig())
    assert ready.ledger.ask(mail, Previewed, ReadsWanted, timeout=PATIENCE_S) == ReadsWanted(
        symbol="ACME", asset=True, quote=True
    )


def test_the_decision_and_the_order_are_in_the_journal(ready: Books) -> None:
    ready.intend()
    [(payload,)] = ready.rows("SELECT payload FROM journal WHERE kind = 'signal_decided'")
    assert '"order":"market buy of 100 USD"' in payload
    [(payload,)] = ready.rows("SELECT payload FROM journal WHERE kind = 'order_intended'")
    assert '"cost":"100"' in payload
