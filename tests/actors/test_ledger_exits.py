"""The intents to sell: one at a time, of what the trade holds and never more, until nothing is held."""

from decimal import Decimal

import pytest

from domain.identity import client_order_id
from domain.messages import (
    Declined,
    ListUnsettled,
    OrderNotFound,
    OrderRejected,
    OrdersUpdated,
    OrderUnresolved,
    PlanExit,
    Planned,
    PlanResend,
    PositionConfirmed,
    StreamLost,
    StreamOpened,
)
from domain.orders import Life, OrderTicket
from domain.rules import Deferred
from domain.trades import TradeStatus
from tests.actors.books import ACCOUNT, Books
from tests.actors.desk import Desk, by_hand, name_of, word
from tests.actors.doubles import PATIENCE_S, ask_later
from tests.actors.test_ledger_commits import queued
from tests.domain.builders import a_signal, dec, later

ENTRY = name_of("entry")


@pytest.fixture
def desk(books: Books) -> Desk:
    return Desk(books)


@pytest.fixture
def held(desk: Desk) -> Desk:
    """Ten shares, bought at 12, and nothing under way."""
    desk.buy()
    desk.read("10")
    return desk


# --- the intent -----------------------------------------------------------------------------------


def test_a_sell_is_in_the_books_before_it_can_leave(held: Desk) -> None:
    order = held.sell("hard_stop", by="monitor")
    assert (order.side, order.qty, order.type, order.time_in_force) == ("sell", dec("10"), "market", "day")
    assert (order.leg, order.reason, order.notional, order.symbol) == ("exit", "hard_stop", None, "ACME")
    stored = held.books.order(order.client_order_id)
    assert (stored.life, stored.trade_id, stored.qty, stored.reason) == (
        Life.INTENDED, held.trade.id, dec("10"), "hard_stop",
    )  # fmt: skip
    assert held.trade.status is TradeStatus.CLOSING
    assert held.books.kinds(order.client_order_id) == ["order_intended"]


def test_each_attempt_has_an_id_of_its_own_and_a_repeat_of_it_the_same(held: Desk) -> None:
    ids = []
    for _ in range(3):
        order = held.sell()
        again = held.books.plan_again(order.client_order_id)
        assert again == Planned(order=order)
        ids.append(order.client_order_id)
        held.refuse(order)
        held.books.clock.move(600)
        held.read("10")
    assert ids == [name_of("exit", generation) for generation in range(3)]
    assert ids[0] == client_order_id(account_id=ACCOUNT, source="api", signal_id="s-1", leg="exit")


def test_it_sells_what_this_trade_bought_and_not_its_owners_other_shares(books: Books) -> None:
    desk = Desk(books, account="7")
    desk.buy("3.123456789")
    desk.read("10.123456789")
    assert desk.sell().qty == dec("3.123456789")


@pytest.mark.parametrize("heard", ["nothing", "accepted", "unresolved", "partly filled"])
def test_while_a_sell_is_under_way_there_is_no_second_one(held: Desk, heard: str) -> None:
    order = held.sell()
    if heard == "accepted":
        held.accept(order)
    elif heard == "unresolved":
        held.books.tell(OrderUnresolved(client_order_id=order.client_order_id, why="timeout"))
    elif heard == "partly filled":
        held.hear(order, "partially_filled", "4", "13")
    for _ in range(3):
        held.books.clock.move(600)
        assert held.exit() == Declined(verdict=None)
    assert len(held.books.rows("SELECT 1 FROM bot_order WHERE leg = 'exit'")) == 1


def test_what_is_not_there_cannot_be_sold(desk: Desk) -> None:
    assert desk.exit(trade_id=7) == Declined(verdict=None)
    desk.books.accept()
    assert desk.exit() == Declined(verdict=None)
    assert desk.canceled() == [ENTRY]


def test_a_trade_that_is_over_is_left_alone(held: Desk) -> None:
    held.hear(held.sent(), "filled", "10", "13")
    before = held.trade
    assert held.exit("time_exit", by="monitor") == Declined(verdict=None)
    assert held.trade == before
    assert held.books.kinds().count("exit_wanted") == 1


def test_a_rule_that_comes_too_late_marks_nothing(held: Desk) -> None:
    """Its owner has sold it by hand while the monitor looked."""
    held.books.hear(by_hand("10"))
    before = held.trade
    assert held.exit("time_exit", by="monitor") == Declined(verdict=None)
    assert (held.trade, held.trade.exit_wanted) == (before, None)


def test_a_sale_is_planned_behind_the_words_that_wait(held: Desk) -> None:
    """They say how much is still there to be sold."""
    with queued(held.books, ListUnsettled()):
        held.books.ledger.send(OrdersUpdated(updates=(by_hand("4"),)))
        answer = ask_later(held.books.ledger, PlanExit(trade_id=1, reason="manual", detail="", by="owner"))
    planned = answer.get(timeout=PATIENCE_S)
    assert isinstance(planned, Planned)
    assert planned.order.qty == dec("6")


def test_a_sale_is_sent_again_behind_the_words_that_wait(held: Desk) -> None:
    order = held.sell()
    with queued(held.books, ListUnsettled()):
        held.books.ledger.send(OrdersUpdated(updates=(by_hand("4"),)))
        answer = ask_later(held.books.ledger, PlanResend(client_order_id=order.client_order_id))
    assert answer.get(timeout=PATIENCE_S) == Declined(verdict=None)


# --- what comes of it -----------------------------------------------------------------------------


def test_a_sell_that_was_filled_closes_the_trade_at_the_brokers_price(held: Desk) -> None:
    order = held.sent("profit_target", by="monitor")
    held.hear(order, "filled", "10", "13.25")
    trade = held.trade
    assert (trade.status, trade.exit_reason, trade.exit_price) == (
        TradeStatus.CLOSED, "profit_target", dec("13.25"),
    )  # fmt: skip
    assert (trade.pnl, trade.sold, trade.held) == (dec("12.5"), dec("10"), dec("0"))
    assert held.books.believed() == {}
    assert held.books.kinds(str(trade.id))[-3:] == ["exit_wanted", "trade_closing", "trade_closed"]


def test_a_fill_that_comes_before_the_posts_answer_closes_it_too(held: Desk) -> None:
    order = held.sell()
    held.hear(order, "filled", "10", "13")
    assert held.trade.status is TradeStatus.CLOSED
    before = held.trade
    held.accept(order)
    held.refuse(order)
    assert (held.trade.status, held.trade.pnl, held.trade.exit_trouble) == (
        TradeStatus.CLOSED,
        before.pnl,
        None,
    )


def test_a_refused_sell_keeps_the_trade_open_and_says_why(held: Desk) -> None:
    order = held.sell()
    held.refuse(order, "insufficient qty available for order")
    trade = held.trade
    assert (trade.status, trade.held, trade.exit_wanted) == (TradeStatus.OPEN, dec("10"), "manual")
    assert trade.exit_trouble == "the broker refused to sell: insufficient qty available for order"
    assert held.books.kinds(str(trade.id))[-2:] == ["trade_open", "exit_trouble"]
    assert not held.told().leaving


def test_after_each_refusal_it_waits_twice_as_long(held: Desk) -> None:
    for pause in (5, 10, 20, 40, 80, 160, 300, 300):
        held.refuse(held.sell())
        held.books.clock.move(pause - 0.001)
        early = held.exit()
        assert isinstance(early, Deferred), pause
        assert "the next attempt is at" in early.reason
        held.books.clock.move(0.001)


def test_a_pause_does_not_outlast_a_clock_that_was_set_back(held: Desk) -> None:
    held.refuse(held.sell())
    held.books.clock.jump(-3600)
    held.refuse(held.sell())
    assert isinstance(held.exit(), Deferred)
    held.books.clock.move(10)
    assert held.sell().client_order_id == name_of("exit", 2)


def test_the_next_attempt_takes_the_trouble_back(held: Desk) -> None:
    held.refuse(held.sell())
    held.books.clock.move(5)
    held.sell()
    assert (held.trade.exit_trouble, held.trade.status) == (None, TradeStatus.CLOSING)


@pytest.mark.parametrize("status", ["canceled", "expired", "rejected"])
def test_a_sell_that_ended_before_its_time_leaves_the_rest_to_be_sold(held: Desk, status: str) -> None:
    order = held.sent()
    held.hear(order, status, "4", "13")
    trade = held.trade
    assert (trade.status, trade.held, trade.exit_trouble) == (
        TradeStatus.OPEN, dec("6"), f"the sell ended {status} with 4 sold",
    )  # fmt: skip
    held.books.clock.move(5)
    rest = held.sell()
    assert (rest.qty, rest.client_order_id) == (dec("6"), name_of("exit", 1))
    held.hear(rest, "filled", "6", "11")
    assert (held.trade.status, held.trade.pnl) == (TradeStatus.CLOSED, dec("-2"))
    assert held.trade.exit_price == dec("11.8")


def test_a_fill_that_comes_after_the_cancel_is_not_sold_again(held: Desk) -> None:
    order = held.sent()
    held.hear(order, "canceled", "4", "13")
    held.hear(order, "canceled", "7", "13")
    held.books.clock.move(5)
    assert held.sell().qty == dec("3")


# --- wanted until it is done ----------------------------------------------------------------------


def test_the_wish_to_sell_outlasts_a_restart_and_a_price_that_recovers(held: Desk) -> None:
    held.refuse(held.sell("hard_stop", by="monitor"))
    held.restart()
    trade = held.trade
    assert (trade.exit_wanted, trade.exit_wanted_by) == ("hard_stop", "monitor")
    assert held.told().trade.exit_wanted == "hard_stop"
    held.read("10")
    held.books.clock.move(5)
    assert held.sell("time_exit", by="monitor").reason == "hard_stop"


def test_the_first_reason_stands_but_a_persons_word_outweighs_a_rules(held: Desk) -> None:
    held.request()
    held.request(reason="flatten", by="somebody")
    assert (held.trade.exit_wanted, held.trade.exit_wanted_by) == ("manual", "owner")
    assert isinstance(held.exit("hard_stop", by="monitor"), Planned)
    assert held.trade.exit_wanted == "manual"


def test_what_a_rule_wants_a_person_may_want_too(held: Desk) -> None:
    held.refuse(held.sell("time_exit", by="monitor"))
    held.request(reason="flatten")
    assert (held.trade.exit_wanted, held.trade.exit_wanted_by) == ("flatten", "owner")
    assert held.books.kinds().count("exit_wanted") == 2


def test_a_late_fill_of_the_buy_is_sold_too(held: Desk) -> None:
    held.hear(held.sent(), "filled", "10", "13")
    held.hear_entry("12")
    trade = held.trade
    assert (trade.status, trade.held, trade.exit_wanted) == (TradeStatus.OPEN, dec("2"), "manual")
    held.read("2")
    assert held.sell().qty == dec("2")


# --- a person asks --------------------------------------------------------------------------------


def test_a_person_has_one_symbol_sold_or_everything(desk: Desk) -> None:
    desk.buy()
    desk.buy(signal=a_signal(signal_id="s-2", symbol="KO"))
    assert [trade.symbol for trade in desk.request("KO").trades] == ["KO"]
    wanted = {trade.symbol: trade.exit_wanted for trade in desk.books.trades()}
    assert wanted == {"ACME": None, "KO": "manual"}
    assert [trade.symbol for trade in desk.request("all", reason="flatten").trades] == ["ACME", "KO"]
    wanted = {trade.symbol: trade.exit_wanted for trade in desk.books.trades()}
    assert wanted == {"ACME": "flatten", "KO": "manual"}
    assert desk.request("NONE").trades == ()


def test_a_buy_that_still_works_is_canceled_first_and_then_what_it_bought_is_sold(desk: Desk) -> None:
    entry = desk.books.accept()
    desk.hear(entry, "partially_filled", "4", "12")
    desk.request()
    assert desk.canceled() == [ENTRY]
    assert isinstance(desk.exit(), Deferred)
    assert desk.canceled() == [ENTRY]  # it is asked for until it happens
    desk.hear(entry, "canceled", "5", "12")
    assert not desk.told().busy
    assert desk.sell().qty == dec("5")


def test_a_buy_that_has_not_left_never_leaves_once_it_is_to_be_sold(desk: Desk) -> None:
    """The lane holds it back, as after a refused connection, and asks again."""
    entry = desk.books.intend()
    desk.request()
    assert desk.books.plan_again(entry.client_order_id, never_sent=True) == Declined(verdict=None)
    assert (desk.trade.status, desk.trade.exit_reason) == (TradeStatus.MISSED, "expired_unseen")
    assert desk.books.order(entry.client_order_id).life is Life.LAPSED


@pytest.mark.parametrize("unresolved", [False, True])
def test_a_buy_that_may_have_left_is_not_sent_again_once_it_is_to_be_sold(
    desk: Desk, unresolved: bool
) -> None:
    entry = desk.books.intend(a_signal(ttl_s=3000))
    cid = entry.client_order_id
    if unresolved:
        desk.books.tell(OrderUnresolved(client_order_id=cid, why="timeout"))
    desk.request()
    assert desk.books.plan_again(cid) == Declined(verdict=None)
    assert [trade.status for trade in desk.books.trades()] == [TradeStatus.PENDING]
    assert desk.books.kinds(cid)[-1] == "order_withdrawn"
    for _ in range(2):  # the broker denies it for five minutes
        desk.books.tell(OrderNotFound(client_order_id=cid))
        assert desk.books.plan_again(cid) == Declined(verdict=None)
        desk.books.clock.move(300)
        desk.read("0")
    desk.books.tell(OrderNotFound(client_order_id=cid))
    assert desk.trade.status is TradeStatus.MISSED


def test_a_buy_that_was_on_its_way_is_canceled_when_it_turns_up_and_its_shares_are_sold(desk: Desk) -> None:
    entry = desk.books.intend()
    desk.request()
    desk.accept_entry(entry)
    assert desk.exit() == Declined(verdict=None)
    assert desk.canceled() == [ENTRY]
    desk.hear(entry, "canceled", "3", "12")
    assert desk.sell().qty == dec("3")


# --- one whose outcome is not known ---------------------------------------------------------------


def test_a_sell_that_was_intended_in_a_crash_is_sent_again_under_its_own_id(held: Desk) -> None:
    order = held.sell()
    held.restart()
    held.read("10")
    assert held.exit() == Declined(verdict=None)
    assert held.books.plan_again(order.client_order_id) == Planned(order=order)


def test_an_unresolved_sell_is_sent_again_under_its_own_id_for_a_day(held: Desk) -> None:
    order = held.sell()
    cid = order.client_order_id
    held.books.tell(OrderUnresolved(client_order_id=cid, why="timeout"), OrderNotFound(client_order_id=cid))
    assert [mail.client_order_id for mail in held.resent()] == [cid]
    assert held.books.plan_again(cid) == Planned(order=order)
    held.books.clock.move(86_400)
    held.read("10")
    assert held.books.plan_again(cid) == Declined(verdict=None)


def test_a_sell_that_the_broker_does_not_know_is_sent_again_under_its_id_though_one_post_was_refused(
    held: Desk,
) -> None:
    order = held.sell()
    cid = order.client_order_id
    held.books.tell(OrderUnresolved(client_order_id=cid, why="timeout"))
    held.books.tell(OrderRejected(client_order_id=cid, reason="no"))  # of the second POST only
    assert not held.told().selling
    for _ in range(3):
        held.books.tell(OrderNotFound(client_order_id=cid))
        assert held.books.order(cid).life is Life.UNRESOLVED
        assert held.exit() == Declined(verdict=None)
        assert isinstance(held.books.plan_again(cid), Planned)
        held.books.clock.move(150)
        held.read("10")


def test_a_sell_that_was_denied_for_a_day_is_given_up_and_another_follows(held: Desk) -> None:
    given_up(held, Life.LAPSED)
    assert held.trade.status is TradeStatus.OPEN
    assert held.sell().client_order_id == name_of("exit", 1)


@pytest.mark.parametrize("reason", ["hard_stop", "time_exit", "manual"])
@pytest.mark.parametrize("position_qty", ["20", "5", "0"])
def test_nothing_is_sold_while_the_account_holds_something_else_than_the_books(
    held: Desk, reason: str, position_qty: str
) -> None:
    by = "owner" if reason == "manual" else "monitor"
    question = PlanExit(trade_id=1, reason=reason, detail="", by=by, position_qty=dec(position_qty))
    answer = held.books.ledger.ask(question, Deferred, timeout=PATIENCE_S)
    assert "the account has" in answer.reason
    # What a price said of shares that may not be those that were bought is not even kept.
    assert held.trade.exit_wanted == (None if reason == "hard_stop" else reason)
    again = question.having({"position_qty": dec("10")})
    assert isinstance(held.books.ledger.ask(again, Planned, timeout=PATIENCE_S), Planned)


def given_up(held: Desk, how: Life) -> OrderTicket:
    """A sell that the broker has refused, or has denied until its time was over; and both were wrong."""
    order = held.sell()
    if how is Life.REFUSED:
        held.refuse(order)
    else:
        never_was(held, order.client_order_id)
    assert held.books.order(order.client_order_id).life is how
    held.books.clock.move(5)
    return order


def never_was(held: Desk, cid: str) -> None:
    """Nobody knows what became of its POST, and the broker denies it for a day and five minutes."""
    held.books.tell(OrderUnresolved(client_order_id=cid, why="timeout"))
    held.books.clock.move(24 * 3600)
    for _ in range(4):
        held.read("10")
        held.books.tell(OrderNotFound(client_order_id=cid))
        held.books.clock.move(150)
    held.read("10")


@pytest.mark.parametrize("how", [Life.REFUSED, Life.LAPSED])
def test_a_sell_that_was_given_up_and_appears_is_canceled_and_halts(held: Desk, how: Life) -> None:
    order = given_up(held, how)
    second = held.sent()
    held.hear(order, "new")
    assert order.client_order_id in held.canceled()
    assert held.books.halted() == ["ACME"]
    held.hear(second, "filled", "10", "13")
    assert held.trade.status is TradeStatus.CLOSING  # the other one could still sell
    assert order.client_order_id in held.canceled()
    held.hear(order, "canceled")
    assert (held.trade.status, held.trade.pnl) == (TradeStatus.CLOSED, dec("10"))


@pytest.mark.parametrize("how", [Life.REFUSED, Life.LAPSED])
def test_what_was_sold_twice_is_in_the_books_as_it_is_and_halts(held: Desk, how: Life) -> None:
    order = given_up(held, how)
    held.hear(held.sent(), "filled", "10", "13")
    held.hear(order, "filled", "10", "13")
    assert (held.trade.left, held.trade.held) == (dec("-10"), dec("0"))
    assert held.books.believed() == {"ACME": dec("-10")}
    assert any("10 shares more than trade 1 had are gone" in reason for _, reason in held.books.halts())


# --- replaced at the broker -----------------------------------------------------------------------


def test_a_sell_that_was_replaced_is_under_way_until_its_successor_is_heard(held: Desk) -> None:
    order = held.sent()
    theirs = word(order, "new", client_order_id="theirs", broker_order_id="broker-theirs")
    held.hear(order, "replaced", replaced_by="broker-theirs")
    assert (held.trade.status, held.trade.exit_trouble) == (TradeStatus.CLOSING, None)
    assert held.exit() == Declined(verdict=None)
    held.books.hear(theirs.having({"replaces": "broker-" + order.client_order_id}))
    assert held.exit() == Declined(verdict=None)
    held.books.hear(
        theirs.having({"status": "filled", "filled_qty": dec("10"), "filled_avg_price": dec("13")})
    )
    assert (held.trade.status, held.trade.pnl) == (TradeStatus.CLOSED, dec("10"))


def test_a_successor_that_was_taken_for_a_strangers_is_not_counted_twice(held: Desk) -> None:
    order = held.sent()
    theirs = word(
        order, "partially_filled", "4", "13", client_order_id="theirs", broker_order_id="broker-theirs"
    )
    held.books.hear(theirs)
    assert (held.trade.taken, held.trade.held) == (dec("4"), dec("6"))
    held.hear(order, "replaced", replaced_by="broker-theirs")
    held.books.hear(theirs.having({"replaces": "broker-" + order.client_order_id}))
    trade = held.trade
    assert (trade.taken, trade.taken_for, trade.sold, trade.held) == (
        dec("0"), dec("0"), dec("4"), dec("6"),
    )  # fmt: skip
    assert held.books.believed() == {"ACME": dec("6")}
    assert held.books.halts() == []


# --- an execution that is undone ------------------------------------------------------------------


def test_the_number_of_a_buy_that_was_confirmed_lower_is_not_what_is_sold(desk: Desk) -> None:
    """Once the buy is through, the broker's own count of it is; and what the account lacks is found out."""
    entry = desk.books.accept()
    desk.hear(entry, "partially_filled", "4", "12")
    cid = entry.client_order_id
    desk.books.tell(PositionConfirmed(client_order_id=cid, filled_qty=dec("4"), position_qty=dec("3.5")))
    assert desk.trade.held == dec("3.5")
    assert isinstance(desk.exit(), Deferred)
    desk.hear(entry, "canceled", "4", "12")
    assert desk.trade.held == dec("4")
    desk.read("3.5")
    assert isinstance(desk.exit(), Deferred)
    desk.read("4")
    assert desk.sell().qty == dec("4")


@pytest.mark.parametrize("of", ["entry", "exit"])
def test_an_execution_that_is_undone_halts_and_moves_nothing_by_itself(held: Desk, of: str) -> None:
    order = held.sent()
    held.hear(order, "filled", "10", "13")
    if of == "exit":
        held.hear(order, "filled", "10", "13", event="trade_bust")
    else:
        held.hear_entry("10", event="trade_bust")
    assert held.books.halted() == ["ACME"]
    assert (held.trade.status, held.trade.sold) == (TradeStatus.CLOSED, dec("10"))
    assert held.audits()


# --- what is known of the account -----------------------------------------------------------------


def test_after_a_start_nothing_is_sold_before_the_account_has_been_read(held: Desk) -> None:
    """Its owner may have sold the shares while the bot was down."""
    held.restart()
    blind = held.exit()
    assert isinstance(blind, Deferred)
    assert "has not been read" in blind.reason
    assert held.trade.exit_wanted == "manual"
    assert not held.audits()[-1].quiet
    held.read("10")
    assert held.sell().qty == dec("10")


def test_after_an_outage_nothing_is_sold_before_the_account_has_been_read(held: Desk) -> None:
    held.books.tell(StreamLost(generation=1, why="gone"))
    held.books.clock.move(91)
    assert isinstance(held.exit(), Deferred)
    held.books.tell(StreamOpened(generation=2))
    assert isinstance(held.exit(), Deferred)
    held.read("10")  # though of the connection before
    assert held.sell().qty == dec("10")


@pytest.mark.parametrize("down_s", [0, 90])
def test_while_the_stream_is_down_a_fresh_read_is_enough(held: Desk, down_s: float) -> None:
    held.books.tell(StreamLost(generation=1, why="gone"))
    held.books.clock.move(down_s)
    assert held.sell().qty == dec("10")


def test_while_all_is_heard_an_old_read_is_enough(held: Desk) -> None:
    held.books.clock.move(10_000)
    assert held.sell().qty == dec("10")


def test_a_closed_gate_and_a_halt_keep_nothing_from_being_sold(held: Desk) -> None:
    held.books.halt("all")
    held.books.halt("ACME")
    order = held.sell()
    assert held.books.plan_again(order.client_order_id) == Planned(order=order)


# --- looks ----------------------------------------------------------------------------------------


def test_what_the_monitor_saw_is_kept_over_a_restart_and_journals_nothing(held: Desk) -> None:
    before = held.books.kinds()
    held.look("13")
    held.look("12.5", naked_why="no price", covered="4")
    held.books.clock.move(4)
    held.look()
    held.restart()
    trade = held.trade
    assert (trade.peak_price, trade.mark_price, trade.mark_at) == (dec("13"), dec("12.5"), later(0))
    assert (trade.naked_why, trade.naked_usd_s) == (None, Decimal(5) * 10 * Decimal("12.5"))
    assert trade.watched_at == held.books.clock.now
    assert held.books.kinds()[: len(before)] == before
    assert not set(held.books.kinds()[len(before) :]) - {"gate"}


def test_a_look_is_by_the_brokers_clock_as_the_entry_is(held: Desk) -> None:
    """Ours may be ahead: the seconds between must not count as time in which nobody looked."""
    held.books.clock.jump(1000)
    held.read("10", clock=held.ahead(1000))
    held.look("12")
    assert held.trade.watched_at == held.books.clock.now - held.ahead(1000).ahead
    assert held.trade.naked_usd_s < 100 * 120


def test_a_look_at_what_is_over_or_unknown_changes_nothing(held: Desk) -> None:
    held.hear(held.sent(), "filled", "10", "13")
    before = held.trade
    held.look("99")
    held.look("99", trade_id=7)
    assert held.trade == before
