"""What the sells of a trade, and what others did with its shares, make of it."""

from decimal import Decimal
from itertools import permutations, product
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity import Leg
from domain.orders import Life, OrderRecord, OrderUpdate, fold
from domain.trades import (
    PROTECTIVE_STOP,
    TAKEN,
    TradeRecord,
    TradeStatus,
    follow_trade,
    give_back,
    in_play,
    take,
)
from tests.domain.builders import NOW, a_record, a_trade, an_update, dec, later, modestly

LIVE = [Life.INTENDED, Life.UNRESOLVED, Life.WORKING]


def filled(record: OrderRecord, qty: str, price: str | None, at: float = 9) -> OrderRecord:
    return record.having(
        {
            "filled_qty": dec(qty),
            "filled_avg_price": None if price is None else dec(price),
            "priced_filled_qty": dec(qty) if price is not None else dec("0"),
            "priced_at": None if price is None else later(at),
            "updated_at": later(at),
        }
    )


def a_buy(qty: str = "10", price: str | None = "12", **changes: Any) -> OrderRecord:
    record = a_record(**{"life": Life.DONE, "status": "filled", "broker_order_id": "broker-one"} | changes)
    return filled(record, qty, price, at=3)


def a_sell(
    qty: str = "0", price: str | None = None, *, life: Life = Life.DONE, number: int = 1, **changes: Any
) -> OrderRecord:
    given_: dict[str, Any] = {
        "client_order_id": f"sf-exit-{number}",
        "leg": "exit",
        "side": "sell",
        "qty": dec("10"),
        "notional": None,
        "life": life,
        "reason": "hard_stop",
    }
    return filled(a_record(**(given_ | changes)), qty, price, at=10 + number)


def a_stop(qty: str = "0", price: str | None = None, **changes: Any) -> OrderRecord:
    return a_sell(qty, price, **{"leg": "stop", "client_order_id": "sf-stop", "reason": None} | changes)


def after(*orders: OrderRecord, **trade: Any) -> TradeRecord:
    return follow_trade(a_trade(**trade), orders)


# --- closing and closed ---------------------------------------------------------------------------


@pytest.mark.parametrize("life", LIVE)
def test_a_sell_that_may_still_be_executed_is_closing_it(life: Life) -> None:
    trade = after(a_buy(), a_sell(life=life))
    assert (trade.status, trade.held, trade.exit_reason, trade.pnl) == (
        TradeStatus.CLOSING, dec("10"), None, None,
    )  # fmt: skip


@pytest.mark.parametrize("life", [Life.DONE, Life.REFUSED, Life.LAPSED])
def test_a_sell_that_came_to_nothing_leaves_it_open(life: Life) -> None:
    trade = after(a_buy(), a_sell(life=life, status="canceled"))
    assert (trade.status, trade.held, trade.exit_reason) == (TradeStatus.OPEN, dec("10"), None)


@pytest.mark.parametrize("life", LIVE)
def test_a_stop_that_rests_does_not_close_it(life: Life) -> None:
    assert after(a_buy(), a_stop(life=life)).status is TradeStatus.OPEN


def test_when_all_is_sold_it_is_closed_with_the_brokers_price_and_the_exact_profit() -> None:
    trade = after(a_buy("8.080808081", "12.375"), a_sell("8.080808081", "11.2501"))
    assert (trade.status, trade.held, trade.exit_reason) == (TradeStatus.CLOSED, dec("0"), "hard_stop")
    assert (trade.exit_price, trade.exit_at) == (dec("11.2501"), later(11))
    assert trade.pnl == dec("-9.090101010")  # 8.080808081 x (11.2501 - 12.375), to nine decimals
    assert trade.sold == trade.shares


def test_a_loss_and_a_gain_have_their_sign() -> None:
    assert after(a_buy("10", "12"), a_sell("10", "13")).pnl == 10
    assert after(a_buy("10", "12"), a_sell("10", "11")).pnl == -10


def test_several_sells_add_up_to_one_price_and_the_last_one_says_why() -> None:
    first = a_sell("4", "13", status="canceled", reason="time_exit")
    trade = after(a_buy("10", "12"), first, a_sell("6", "10.5", number=2, reason="force_close_eod"))
    assert (trade.status, trade.exit_reason) == (TradeStatus.CLOSED, "force_close_eod")
    assert (trade.exit_price, trade.pnl, trade.exit_at) == (dec("11.5"), dec("-5"), later(12))


def test_a_partial_sell_leaves_the_rest() -> None:
    trade = after(a_buy(), a_sell("4", "13", status="canceled"))
    assert (trade.status, trade.held, trade.sold, trade.pnl) == (
        TradeStatus.OPEN, dec("6"), dec("4"), None,
    )  # fmt: skip


def test_a_stop_that_was_filled_closes_it() -> None:
    trade = after(a_buy(), a_stop("10", "9.99"))
    assert (trade.status, trade.exit_reason, trade.pnl) == (TradeStatus.CLOSED, PROTECTIVE_STOP, dec("-20.1"))


def test_what_a_stop_left_is_sold_by_its_own_reason() -> None:
    trade = after(a_buy("10.5"), a_stop("10", "11"), a_sell("0.5", "11", reason="manual"))
    assert (trade.status, trade.exit_reason) == (TradeStatus.CLOSED, "manual")


def test_while_the_buy_still_works_it_is_not_closed() -> None:
    trade = after(a_buy("4", life=Life.WORKING), a_sell("4", "13"))
    assert (trade.status, trade.held) == (TradeStatus.OPEN, dec("0"))


@pytest.mark.parametrize(("leg", "life"), list(product(["exit", "stop"], LIVE)))
def test_while_a_sell_could_still_sell_what_is_gone_it_is_not_closed(leg: Leg, life: Life) -> None:
    """Its symbol stays taken: nothing bought for another trade may be sold by a stop of this one."""
    still = a_sell(life=life, leg=leg, number=2)
    trade = after(a_buy(), a_sell("10", "13"), still)
    assert (trade.status, trade.held, trade.pnl) == (TradeStatus.CLOSING, dec("0"), None)


@pytest.mark.parametrize("leg", ["exit", "stop"])
def test_a_sell_that_was_replaced_is_under_way_until_its_successor_is_heard(leg: Leg) -> None:
    replaced = a_sell(leg=leg, status="replaced")
    assert in_play([a_buy(), replaced]) == [replaced]
    assert after(a_buy(), a_sell("10", "13"), replaced).status is TradeStatus.CLOSING
    successor = a_sell("10", "13", leg=leg, number=2, client_order_id="theirs")
    assert in_play([a_buy(), replaced, successor]) == []
    assert after(a_buy(), replaced, successor).status is TradeStatus.CLOSED


# --- what is not told -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unpriced", [a_sell("10", None), a_sell("10", "13").having({"priced_filled_qty": dec("4")})]
)
def test_a_sale_without_a_price_is_closed_without_a_profit(unpriced: OrderRecord) -> None:
    trade = after(a_buy(), unpriced)
    assert (trade.status, trade.pnl, trade.exit_price) == (TradeStatus.CLOSED, None, None)
    assert trade.exit_at is not None
    assert follow_trade(trade, [a_buy(), a_sell("10", "13")]).pnl == 10  # once it is told


def test_a_buy_without_a_price_has_no_profit_but_an_exit_price() -> None:
    trade = after(a_buy("10", None), a_sell("10", "13"))
    assert (trade.pnl, trade.exit_price) == (None, dec("13"))


def test_a_sale_without_a_time_has_that_of_its_order() -> None:
    silent = a_sell("10", "13", planned_at=later(5)).having({"priced_at": None, "updated_at": None})
    assert after(a_buy(), silent).exit_at == later(5)


# --- what comes later -----------------------------------------------------------------------------


def test_a_late_fill_of_the_buy_opens_it_again_and_it_is_still_to_be_sold() -> None:
    closed = after(a_buy("4"), a_sell("4", "13"), exit_wanted="manual", exit_trouble="refused")
    assert (closed.status, closed.exit_trouble) == (TradeStatus.CLOSED, None)
    again = follow_trade(closed, [a_buy("10"), a_sell("4", "13")])
    assert (again.status, again.held, again.exit_wanted) == (TradeStatus.OPEN, dec("6"), "manual")
    assert (again.exit_price, again.exit_at, again.exit_reason, again.pnl) == (None, None, None, None)


def test_a_late_fill_of_a_sell_corrects_what_is_held() -> None:
    partly = after(a_buy(), a_sell("4", "13", status="canceled"))
    late = follow_trade(partly, [a_buy(), a_sell("10", "12.5", status="canceled")])
    assert (late.status, late.pnl) == (TradeStatus.CLOSED, dec("5"))


def test_more_sold_than_bought_shows_and_is_not_held() -> None:
    trade = after(a_buy("10"), a_sell("10", "13"), a_sell("3", "13", number=2))
    assert (trade.status, trade.held, trade.left) == (TradeStatus.CLOSED, dec("0"), dec("-3"))


def test_the_confirmed_number_of_a_buy_counts_only_while_it_works() -> None:
    """A sell is planned when the buy is through: then what the broker counts of the buy is final."""
    works = a_buy("4", life=Life.WORKING).having(
        {"confirmed_qty": dec("3.5"), "confirmed_at_filled": dec("4")}
    )
    assert after(works).held == dec("3.5")
    assert after(works.having({"life": Life.DONE})).held == 4


# --- what others did ------------------------------------------------------------------------------


def test_shares_that_somebody_else_sold_count_with_what_they_went_for() -> None:
    taken = take(after(a_buy()), dec("4"), dec("52"), later(20))
    partly = follow_trade(taken, [a_buy()])
    assert (partly.status, partly.held, partly.exit_at) == (TradeStatus.OPEN, dec("6"), None)
    closed = follow_trade(partly, [a_buy(), a_sell("6", "14")])
    assert (closed.status, closed.exit_reason) == (TradeStatus.CLOSED, "hard_stop")
    assert (closed.exit_price, closed.pnl) == (dec("13.6"), dec("16"))


def test_a_trade_whose_shares_were_all_taken_ends_by_its_owners_hand() -> None:
    trade = follow_trade(take(after(a_buy()), dec("10"), dec("130"), later(20)), [a_buy()])
    assert (trade.status, trade.exit_reason, trade.exit_at) == (TradeStatus.CLOSED, TAKEN, later(20))
    assert (trade.exit_price, trade.pnl) == (dec("13"), dec("10"))
    assert follow_trade(trade, [a_buy()]) == trade


def test_shares_that_went_for_nobody_knows_what_leave_no_profit() -> None:
    first = take(after(a_buy()), dec("4"), None, later(20))
    both = take(first, dec("6"), dec("78"), later(21))
    for taken in (first, both):
        assert taken.taken_for is None
    closed = follow_trade(both, [a_buy()])
    assert (closed.status, closed.pnl, closed.exit_price) == (TradeStatus.CLOSED, None, None)


def test_the_time_of_a_taking_is_not_lost_when_a_stop_has_to_go_first() -> None:
    resting = a_stop(life=Life.WORKING)
    waiting = follow_trade(
        take(after(a_buy(), resting), dec("10"), dec("130"), later(20)), [a_buy(), resting]
    )
    assert waiting.status is TradeStatus.CLOSING
    gone = resting.having({"life": Life.DONE, "status": "canceled"})
    closed = follow_trade(waiting.having({"updated_at": later(21)}), [a_buy(), gone])
    assert (closed.status, closed.exit_at) == (TradeStatus.CLOSED, later(21))


def test_what_was_taken_is_given_back_with_its_dollars() -> None:
    trade = after(a_buy())
    taken = take(take(trade, dec("4"), dec("52"), later(20)), dec("2"), dec("20"), later(21))
    half = give_back(taken, dec("3"))
    assert (half.taken, half.taken_for) == (dec("3"), dec("36"))
    assert give_back(trade, dec("3")) is trade
    nothing = give_back(take(trade, dec("4"), None, later(20)), dec("9"))
    assert (nothing.taken, nothing.taken_for) == (dec("0"), dec("0"))


@pytest.mark.parametrize(
    ("split", "held", "basis"), [("10", "20", "6"), ("-9", "1", "120"), ("0", "10", "12")]
)
def test_a_split_changes_the_shares_and_what_each_cost(split: str, held: str, basis: str) -> None:
    trade = after(a_buy(), split=dec(split))
    assert (trade.held, trade.basis_price, trade.entry_price) == (dec(held), dec(basis), dec("12"))
    closed = follow_trade(trade, [a_buy(), a_sell(held, "7")])
    assert (closed.status, closed.pnl) == (TradeStatus.CLOSED, dec(held) * 7 - 120)


# --- in any order ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", TradeStatus)
@pytest.mark.parametrize("leg", get_args(Leg))
def test_following_twice_changes_nothing_more(status: TradeStatus, leg: Leg) -> None:
    for life in Life:
        orders = [a_buy(), a_sell("4", "13", life=life, leg=leg)]
        once = follow_trade(a_trade(status=status), orders)
        assert follow_trade(once, orders) is once


@st.composite
def lives(draw: st.DrawFn) -> list[list[OrderUpdate]]:
    """A buy and up to three sells of it, each as the words in which the broker told of it."""
    told: list[list[OrderUpdate]] = []
    for number in range(1 + draw(st.integers(0, 3))):
        filled_qty = 0
        words: list[OrderUpdate] = []
        for step in range(draw(st.integers(0, 3))):
            filled_qty += draw(st.integers(0, 4))
            words.append(
                an_update(
                    client_order_id=f"sf-{number}",
                    broker_order_id=f"broker-{number}",
                    side="buy" if number == 0 else "sell",
                    status="partially_filled",
                    filled_qty=dec(str(filled_qty)),
                    filled_avg_price=dec(draw(st.sampled_from(["10", "12.5"]))) if filled_qty else None,
                    updated_at=later(10 * number + step),
                )
            )
        if draw(st.booleans()) and words:
            words.append(words[-1].having({"status": "canceled", "updated_at": later(10 * number + 9)}))
        told.append(words)
    return told


def of(number: int) -> OrderRecord:
    if number == 0:
        return a_record(client_order_id="sf-0", life=Life.UNRESOLVED)
    leg: Leg = "stop" if number == 2 else "exit"
    return a_sell(client_order_id=f"sf-{number}", life=Life.UNRESOLVED, leg=leg).having(
        {"updated_at": None, "priced_at": None}
    )


def followed(trade: TradeRecord, count: int, words: list[OrderUpdate]) -> TradeRecord:
    """The trade after each of these words, followed each time."""
    orders = {f"sf-{number}": of(number) for number in range(count)}
    for word in words:
        orders[word.client_order_id] = fold(orders[word.client_order_id], word)
        trade = follow_trade(trade, list(orders.values()))
        assert trade.held == max(0, trade.left)
        assert trade.status is not TradeStatus.CLOSED or not trade.held
        bought = sum((o.filled_qty for o in orders.values() if o.leg == "entry"), Decimal())
        sold = sum((o.filled_qty for o in orders.values() if o.leg != "entry"), Decimal())
        assert (trade.shares or 0, trade.sold) == (bought, sold)
        assert trade.left == bought + trade.split - sold - trade.taken
    return follow_trade(trade, list(orders.values()))


TIMED = {"entry_at": NOW}
"""From which of its fills the first time was heard is all that may differ."""


@modestly
@given(lives(), st.data())
def test_however_the_words_on_its_orders_are_interleaved_the_trade_ends_the_same(
    told: list[list[OrderUpdate]], data: st.DataObject
) -> None:
    words = [word for each in told for word in each]
    trade = a_trade(
        taken=data.draw(st.sampled_from([dec("0"), dec("2")])),
        taken_for=data.draw(st.sampled_from([None, dec("25")])),
        split=data.draw(st.sampled_from([dec("0"), dec("5"), dec("-1")])),
    )
    expected = followed(trade, len(told), words)
    again = data.draw(st.lists(st.sampled_from(words), max_size=4)) if words else []
    shuffled = data.draw(st.permutations([*words, *again]))
    assert followed(trade, len(told), shuffled).having(TIMED) == expected.having(TIMED)
    if expected.status is TradeStatus.CLOSED and expected.pnl is not None:
        assert expected.taken_for is not None
        got = sum(
            ((w[-1].filled_avg_price or 0) * w[-1].filled_qty for w in told[1:] if w), expected.taken_for
        )
        paid = (told[0][-1].filled_avg_price or 0) * told[0][-1].filled_qty
        assert expected.pnl == got - paid


def test_the_order_in_which_orders_are_followed_does_not_matter_to_the_sums() -> None:
    sells = [a_sell("3", "13", number=1), a_sell("3", "14", number=2), a_sell("4", "12", number=3)]
    assert {after(a_buy(), *order).pnl for order in permutations(sells)} == {dec("9")}
