"""Whose shares are whose: what the owner sold by hand, what a split did, and what is not surely there."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from domain.messages import OrdersUpdated, Planned, StreamOpened
from domain.orders import OrderUpdate
from domain.reconcile import CorporateAction, FillActivity
from domain.rules import Deferred
from domain.trades import TradeStatus
from tests.actors.books import Books
from tests.actors.desk import Desk, by_hand, name_of, word
from tests.domain.builders import a_signal, dec, later

OWN = "5"
"""Shares of their owner's, beside the ten of the trade."""
UNHEARD = by_hand("5", side="buy", name="first", updated_at=later(10))


@pytest.fixture
def desk(books: Books) -> Desk:
    return Desk(books)


@pytest.fixture
def held(desk: Desk) -> Desk:
    """Ten shares, bought at 12; the account holds nothing else."""
    desk.buy()
    desk.read("10")
    return desk


@pytest.fixture
def beside(books: Books) -> Desk:
    """The same, beside shares of the owner's own."""
    desk = Desk(books, account=OWN)
    desk.buy()
    desk.read("15")
    return desk


def short(desk: Desk) -> str:
    """Why nothing is sold now."""
    answer = desk.exit()
    assert isinstance(answer, Deferred), answer
    assert desk.books.rows("SELECT 1 FROM bot_order WHERE leg = 'exit' AND life = 'intended'") == []
    return answer.reason


# --- sold by hand ---------------------------------------------------------------------------------


def test_shares_that_their_owner_sold_end_the_trade_at_his_price(held: Desk) -> None:
    held.books.hear(by_hand("10", "13.5"))
    trade = held.trade
    assert (trade.status, trade.exit_reason, trade.exit_price, trade.pnl) == (
        TradeStatus.CLOSED, "sold_by_owner", dec("13.5"), dec("15"),
    )  # fmt: skip
    assert (trade.taken, trade.taken_for, trade.exit_at) == (dec("10"), dec("135"), held.books.clock.now)
    assert held.books.kinds(str(trade.id))[-2:] == ["shares_taken", "trade_closed"]


def test_the_owners_own_shares_are_sold_first(beside: Desk) -> None:
    beside.books.hear(by_hand("4"))
    assert (beside.trade.taken, beside.trade.held) == (dec("0"), dec("10"))
    beside.books.hear(by_hand("4", "14", name="again"))
    assert (beside.trade.taken, beside.trade.taken_for) == (dec("3"), dec("42"))
    beside.read("7")
    assert beside.sell().qty == dec("7")


def test_one_order_of_the_owners_that_fills_bit_by_bit_is_charged_bit_by_bit(held: Desk) -> None:
    held.books.hear(by_hand("4", "13", status="partially_filled"))
    held.books.hear(by_hand("10", "11.8", updated_at=later(21)))  # the other six went for eleven
    assert (held.trade.taken_for, held.trade.pnl) == (dec("118"), dec("-2"))


def test_more_than_the_trade_had_is_not_charged_to_it(held: Desk) -> None:
    """The owner went short: that is his."""
    held.books.hear(by_hand("25"))
    assert (held.trade.taken, held.trade.left) == (dec("10"), dec("0"))
    assert held.books.believed() == {"ACME": dec("-15")}


def test_a_sale_by_hand_without_a_price_leaves_the_profit_open(held: Desk) -> None:
    held.books.hear(by_hand("10", None))
    assert (held.trade.status, held.trade.pnl, held.trade.taken_for) == (TradeStatus.CLOSED, None, None)


def test_what_the_owner_buys_is_his(held: Desk) -> None:
    held.books.hear(by_hand("5", side="buy"))
    held.read("15")
    assert held.sell().qty == dec("10")


def test_a_sale_by_hand_while_ours_is_on_its_way_has_the_surplus_canceled(beside: Desk) -> None:
    order = beside.sent()
    beside.books.hear(by_hand("5"))
    assert beside.canceled() == []
    beside.books.hear(by_hand("4", name="again"))
    assert beside.canceled() == [order.client_order_id]
    beside.hear(order, "canceled")
    beside.read("6")
    beside.books.clock.move(5)
    assert beside.sell().qty == dec("6")


def test_a_stop_that_rests_is_canceled_when_there_is_nothing_left_for_it_to_sell(held: Desk) -> None:
    """Or it would sell what the next trade of the symbol buys."""
    held.configure(protective_stop=True)
    stop = held.stopped()
    held.books.hear(by_hand("10", "13"))
    assert (held.trade.status, held.canceled()) == (TradeStatus.CLOSING, [stop.client_order_id])
    held.hear(stop, "canceled")
    assert (held.trade.status, held.trade.exit_reason, held.trade.pnl) == (
        TradeStatus.CLOSED, "sold_by_owner", dec("10"),
    )  # fmt: skip
    assert held.trade.exit_at is not None


def test_an_intended_sell_whose_shares_were_sold_by_hand_does_not_leave(held: Desk) -> None:
    order = held.sell()
    held.books.hear(by_hand("4"))
    assert not isinstance(held.books.plan_again(order.client_order_id), Planned)
    assert held.books.kinds(order.client_order_id)[-1] == "order_withdrawn"
    held.books.hear(by_hand("6", name="again"))
    assert (held.trade.status, held.trade.held) == (TradeStatus.CLOSING, dec("0"))


def test_one_that_the_lane_still_holds_back_is_over_at_once(held: Desk) -> None:
    order = held.sell()
    held.books.hear(by_hand("4"))
    held.books.plan_again(order.client_order_id, never_sent=True)
    held.read("6")
    held.books.clock.move(5)
    assert held.sell().qty == dec("6")


# --- in whatever order it is heard ----------------------------------------------------------------


def test_our_sale_and_the_owners_in_one_breath_are_told_apart(beside: Desk) -> None:
    order = beside.sent()
    words = (word(order, "filled", "10", "13", updated_at=later(40)), by_hand(OWN, "14"))
    beside.books.tell(OrdersUpdated(updates=words))
    trade = beside.trade
    assert (trade.status, trade.taken, trade.pnl) == (TradeStatus.CLOSED, dec("0"), dec("10"))


def test_our_buy_and_the_owners_sale_of_it_in_one_breath_are_told_apart(desk: Desk) -> None:
    entry = desk.books.accept()
    words = (word(entry, "filled", "10", "12", updated_at=later(5)), by_hand("10", "14"))
    desk.books.tell(OrdersUpdated(updates=words))
    assert (desk.trade.status, desk.trade.taken, desk.trade.pnl) == (TradeStatus.CLOSED, dec("10"), dec("20"))


def after_the_outage(desk: Desk, held: str, *orders: OrderUpdate) -> None:
    """What a restarted bot reads at first."""
    desk.restart()
    desk.books.tell(StreamOpened(generation=1))
    desk.read(held, *orders)


def test_a_buy_and_a_sale_by_hand_that_one_read_tells_of_are_told_apart(desk: Desk) -> None:
    entry = desk.books.accept()
    after_the_outage(desk, "6", by_hand("4", "14"), word(entry, "filled", "10", "12", updated_at=later(5)))
    trade = desk.trade
    assert (trade.held, trade.taken, trade.taken_for) == (dec("6"), dec("4"), dec("56"))
    assert desk.sell().qty == dec("6")


def test_our_sale_and_one_by_hand_that_one_read_tells_of_are_told_apart(beside: Desk) -> None:
    order = beside.sent()
    after_the_outage(beside, "0", by_hand(OWN, "14"), word(order, "filled", "10", "13", updated_at=later(40)))
    assert (beside.trade.status, beside.trade.taken, beside.trade.pnl) == (
        TradeStatus.CLOSED, dec("0"), dec("10"),
    )  # fmt: skip


def test_what_the_owner_bought_and_sold_between_two_reads_is_his(held: Desk) -> None:
    after_the_outage(held, "10", by_hand("5", "14"), UNHEARD)
    assert (held.trade.taken, held.trade.held) == (dec("0"), dec("10"))


def test_a_sale_beside_a_buy_that_was_not_heard_is_not_charged_before_the_account_was_read(
    held: Desk,
) -> None:
    held.books.hear(by_hand("5", "14", event="fill", position_qty=dec("10")))
    assert (held.trade.taken, held.audits()[-1].quiet) == (dec("0"), True)
    assert "10" in short(held)  # until then nothing is sold either
    held.read("10", UNHEARD)
    assert (held.trade.taken, held.trade.held) == (dec("0"), dec("10"))
    assert held.sell().qty == dec("10")


def test_a_sale_that_could_not_be_told_apart_is_charged_once_the_account_agrees(desk: Desk) -> None:
    """Heard before the buy that it is of; the account then shows that the shares are gone."""
    entry = desk.books.accept()
    desk.books.hear(by_hand("4", "14", updated_at=later(50)))
    desk.hear(entry, "filled", "10", "12")
    assert (desk.trade.taken, desk.trade.held) == (dec("0"), dec("10"))
    assert "the account has 6 shares" in short(desk)
    desk.read("6")
    assert (desk.trade.taken, desk.trade.taken_for, desk.trade.held) == (dec("4"), dec("56"), dec("6"))
    assert desk.sell().qty == dec("6")
    desk.read("6")
    assert desk.trade.taken == dec("4")


def test_an_execution_that_only_the_history_tells_has_its_price(held: Desk) -> None:
    held.books.hear(by_hand("4", "13", status="canceled"))
    held.read("0", fills=(a_fill("broker-hand", "6"),))
    assert (held.trade.status, held.trade.pnl) == (TradeStatus.CLOSED, dec("-2"))


def a_fill(broker_order_id: str, qty: str) -> FillActivity:
    """The last execution of a sell of ten, at 11."""
    return FillActivity(
        activity_id="a-1", broker_order_id=broker_order_id, symbol="ACME", side="sell",
        qty=dec(qty), price=dec("11"), cum_qty=dec("10"), at=later(300),
    )  # fmt: skip


def test_where_an_execution_in_between_is_missing_there_is_no_price(held: Desk) -> None:
    held.books.hear(by_hand("4", "13", status="canceled"))
    held.read("0", fills=(a_fill("broker-hand", "5"),))
    assert (held.trade.status, held.trade.pnl) == (TradeStatus.CLOSED, None)


@pytest.mark.parametrize(("qty", "pnl"), [("6", "-2"), ("5", None)])
def test_an_execution_of_ours_that_only_the_history_tells_has_its_price_too(
    held: Desk, qty: str, pnl: str | None
) -> None:
    order = held.sent()
    held.hear(order, "canceled", "4", "13")
    held.read("0", fills=(a_fill("broker-" + order.client_order_id, qty),))
    assert (held.trade.status, held.trade.pnl) == (TradeStatus.CLOSED, None if pnl is None else dec(pnl))
    held.hear(order, "canceled", "10", "11.8", event=None)  # a read of the order tells the average
    assert held.trade.pnl == dec("-2")


# --- what is not surely there ---------------------------------------------------------------------


def test_what_the_account_does_not_show_is_not_sold_until_a_person_has_said_which_is_right(
    held: Desk,
) -> None:
    held.read("7")
    assert "read again" in short(held)
    held.differ("7")
    assert "resume ACME" in short(held)
    assert "7 shares" in (held.trade.exit_trouble or "")
    assert held.books.halted() == ["ACME"]
    held.books.clear("ACME")
    trade = held.trade
    assert (trade.taken, trade.taken_for, trade.held) == (dec("3"), None, dec("7"))
    order = held.sell()
    assert order.qty == dec("7")
    held.hear(order, "filled", "7", "13")
    assert (held.trade.status, held.trade.pnl) == (TradeStatus.CLOSED, None)


def test_a_difference_that_passes_lets_it_be_sold(held: Desk) -> None:
    held.read("7")
    short(held)
    held.read("10")
    assert held.sell().qty == dec("10")


def test_one_reason_that_stays_is_journaled_once(held: Desk) -> None:
    held.differ("7")
    for _ in range(5):
        short(held)
    assert held.books.kinds().count("exit_trouble") == 1


def test_the_owners_own_shares_may_be_missing(beside: Desk) -> None:
    beside.differ("10")
    assert beside.sell().qty == dec("10")


def two_trades(desk: Desk) -> Desk:
    """Of one symbol: the first was over, and then filled for six more beside the ten of the second."""
    desk.hear(desk.sent(), "filled", "10", "13")
    desk.buy(signal=a_signal(signal_id="s-2"))
    desk.hear_entry("16")
    desk.read("16")
    return desk


def test_of_two_trades_the_older_ones_shares_are_sold_by_hand_first(held: Desk) -> None:
    two_trades(held).books.hear(by_hand("3"))
    assert [trade.held for trade in held.books.trades()] == [dec("3"), dec("10")]
    assert held.sell(trade_id=2).qty == dec("10")
    assert held.sell(trade_id=1).qty == dec("3")


def test_shares_that_another_trades_sell_may_still_take_are_not_there(held: Desk) -> None:
    """Six were sold by hand, and it is not known yet whose: what is left is enough for one of both."""
    two_trades(held).books.hear(by_hand("6", event="fill", position_qty=dec("16")))
    assert [trade.held for trade in held.books.trades()] == [dec("6"), dec("10")]
    order = held.sell(trade_id=2)
    assert order.qty == dec("10")
    waits = held.exit(trade_id=1)
    assert isinstance(waits, Deferred)
    assert "the account has 0 shares to be sold" in waits.reason


def test_a_difference_that_was_accepted_is_the_trades_only_beyond_its_owners_shares(beside: Desk) -> None:
    beside.differ("8")
    beside.books.clear("ACME")
    assert (beside.trade.taken, beside.trade.held) == (dec("2"), dec("8"))
    assert beside.books.believed() == {"ACME": dec("8")}


# --- splits and the like --------------------------------------------------------------------------


def action(qty: str, kind: str = "SPLIT", **changes: Any) -> CorporateAction:
    return CorporateAction(activity_id=f"{kind}-{qty}", kind=kind, symbol="ACME", qty=dec(qty), **changes)


def test_a_split_is_the_trades_by_its_part(beside: Desk) -> None:
    beside.look("14")
    beside.differ("30", actions=(action("15"),))
    trade = beside.trade
    assert (trade.split, trade.held, trade.basis_price) == (dec("10"), dec("20"), dec("6"))
    assert (trade.peak_price, trade.mark_price) == (None, None)
    order = beside.sell()
    assert order.qty == dec("20")
    beside.hear(order, "filled", "20", "6.5")
    assert (beside.trade.status, beside.trade.pnl) == (TradeStatus.CLOSED, dec("10"))
    assert beside.books.believed() == {"ACME": dec("10")}


def test_a_reverse_split_leaves_no_trade_with_more_than_the_account_has(desk: Desk) -> None:
    second = a_signal(signal_id="s-2")
    desk.buy("5")
    desk.read("5")
    desk.hear(desk.sent(), "filled", "5", "13")
    desk.buy("5", signal=second)
    desk.hear_entry("10")
    desk.read("10")
    desk.differ("6.666666667", actions=(action("-3.333333333"),))
    assert [trade.held for trade in desk.books.trades()] == [dec("3.333333333"), dec("3.333333333")]
    assert desk.sell(trade_id=1).qty == dec("3.333333333")
    assert desk.sell(trade_id=2).qty == dec("3.333333333")


def test_what_was_bought_since_a_split_has_no_part_in_it(beside: Desk) -> None:
    """Its owner's five shares became ten; the trade's ten were bought at the new price already."""
    bought_at = beside.trade.entry_at
    assert bought_at is not None
    beside.differ("20", actions=(action("5", at=bought_at - timedelta(seconds=1)),))
    assert (beside.trade.split, beside.trade.held) == (dec("0"), dec("10"))
    assert beside.books.believed() == {"ACME": dec("20")}
    assert beside.sell().qty == dec("10")


def test_a_split_is_the_trades_by_its_ratio_whatever_was_bought_since(beside: Desk) -> None:
    """Fifteen shares became thirty before its owner bought fifteen more: the trade has twenty of them."""
    beside.books.hear(by_hand("15", side="buy", name="more"))
    beside.differ("45", actions=(action("-15"), action("30")))
    assert beside.trade.held == dec("20")
    assert beside.books.believed() == {"ACME": dec("45")}


def test_shares_that_went_in_a_merger_went_for_nobody_knows_what(held: Desk) -> None:
    held.differ("0", actions=(action("-10", "MA"),))
    assert (held.trade.status, held.trade.taken_for, held.trade.pnl) == (TradeStatus.CLOSED, None, None)


def test_an_undone_execution_that_only_the_history_tells_halts(held: Desk) -> None:
    held.hear(held.sent(), "filled", "10", "13")
    held.differ("10", actions=(action("10", "TRADE_BUST"),))
    assert held.books.halted() == ["ACME"]
    assert held.books.believed() == {"ACME": dec("10")}


@pytest.mark.parametrize(("account", "added"), [("20", "10"), ("5", "-5")])
def test_while_it_is_found_out_what_was_split_no_price_sells(held: Desk, account: str, added: str) -> None:
    """Each share is worth something else: what looks like a loss or a gain is none."""
    held.read(account)
    assert held.told().doubtful
    waits = held.exit("hard_stop", by="monitor")
    assert isinstance(waits, Deferred)
    assert "split" in waits.reason
    assert held.trade.exit_wanted is None
    held.differ(account, actions=(action(added),))
    assert (held.trade.held, held.told().doubtful) == (dec(account), False)
    assert isinstance(held.exit("hard_stop", by="monitor"), Planned)


@pytest.mark.parametrize("reason", ["manual", "flatten", "time_exit", "force_close_eod"])
def test_but_time_and_persons_do(held: Desk, reason: str) -> None:
    held.read("20")
    assert held.sell(reason).qty == dec("10")


def test_once_nobody_could_explain_them_the_price_counts_again(held: Desk) -> None:
    """A person has to look; until then its price may fall for hours."""
    held.differ("20", explained=False)  # what could explain it has not been asked for yet
    assert held.told().doubtful
    held.read("20")
    assert not held.told().doubtful
    assert held.sell("hard_stop", by="monitor").qty == dec("10")


# --- opening the books ----------------------------------------------------------------------------


@pytest.fixture
def unopened(books: Books) -> Callable[..., Desk]:
    """Ten shares of a trade in a ledger that knows of no holdings yet, as an old version's; then a read."""

    def opened(held: str, *orders: OrderUpdate) -> Desk:
        desk = Desk(books)
        desk.buy()
        with books.store.unit() as unit:
            unit._cursor.execute("DELETE FROM ledger_meta WHERE key = 'books_opened_at'")
            unit._cursor.execute("DELETE FROM holding")
        desk.restart()
        books.tell(StreamOpened(generation=1))
        desk.read(held, *orders)
        return desk

    return opened


def test_when_the_books_are_opened_no_sale_of_before_is_charged(unopened: Callable[..., Desk]) -> None:
    desk = unopened("10", by_hand("5", "14"))
    assert (desk.trade.taken, desk.trade.held) == (dec("0"), dec("10"))
    assert desk.sell().qty == dec("10")


def test_when_the_books_are_opened_the_trades_hold_what_the_account_has(
    unopened: Callable[..., Desk],
) -> None:
    desk = unopened("6")
    assert (desk.trade.taken, desk.trade.taken_for, desk.trade.held) == (dec("4"), None, dec("6"))
    assert desk.sell().qty == dec("6")
    assert desk.books.rows("SELECT client_order_id FROM bot_order WHERE leg = 'exit'") == [(name_of("exit"),)]
