"""The stop that rests at the broker while its trade is open: placed, kept in step, and out of the way."""

import pytest

from domain.messages import Declined, OrderNotFound, OrdersUpdated, OrderUnresolved, Planned
from domain.orders import Life
from domain.rules import Deferred
from domain.trades import TradeStatus
from tests.actors.books import Books
from tests.actors.desk import Desk, by_hand, name_of, word
from tests.domain.builders import dec, later

NOTHING = Declined(verdict=None)


@pytest.fixture
def held(books: Books) -> Desk:
    """Ten shares and a half, bought at 12, which a stop is to protect."""
    desk = Desk(books)
    desk.configure(protective_stop=True)
    desk.buy("10.5")
    desk.read("10.5")
    return desk


def test_a_stop_is_in_the_books_before_it_can_leave(held: Desk) -> None:
    assert not held.told().in_step
    planned = held.stop()
    assert isinstance(planned, Planned)
    order = planned.order
    assert (order.side, order.type, order.time_in_force, order.leg) == ("sell", "stop", "gtc", "stop")
    assert (order.qty, order.stop_price, order.notional) == (dec("10"), dec("11.16"), None)
    assert order.client_order_id == name_of("stop")
    stored = held.books.order(order.client_order_id)
    assert (stored.life, stored.stop_price) == (Life.INTENDED, dec("11.16"))
    assert held.books.plan_again(order.client_order_id) == planned
    assert held.trade.status is TradeStatus.OPEN


def test_a_stop_that_rests_covers_its_shares_and_is_not_placed_twice(held: Desk) -> None:
    order = held.stopped()
    told = held.told()
    assert (told.covered, told.in_step, told.leaving) == (dec("10"), True, False)
    assert held.stop() == NOTHING
    assert held.canceled() == []
    assert held.books.order(order.client_order_id).life is Life.WORKING


def test_a_stop_that_was_filled_closes_what_it_sold(held: Desk) -> None:
    order = held.stopped()
    held.hear(order, "filled", "10", "11.1")
    trade = held.trade
    assert (trade.status, trade.held, trade.exit_reason) == (TradeStatus.OPEN, dec("0.5"), None)
    assert held.stop() == NOTHING  # no whole share is left
    held.read("0.5")
    rest = held.sent("hard_stop", by="monitor")
    held.hear(rest, "filled", "0.5", "11")
    assert (held.trade.status, held.trade.pnl) == (TradeStatus.CLOSED, dec("-9.5"))


def test_the_rest_behind_a_stop_that_fired_is_wanted_also_when_a_strangers_order_is_told_beside_it(
    held: Desk,
) -> None:
    order = held.stopped()
    words = (word(order, "filled", "10", "11.1", updated_at=later(40)), by_hand("5", side="buy"))
    held.books.tell(OrdersUpdated(updates=words))
    assert (held.trade.held, held.trade.exit_wanted) == (dec("0.5"), "protective_stop")


def test_a_gap_is_sold_at_what_the_market_gives(books: Books) -> None:
    desk = Desk(books)
    desk.configure(protective_stop=True)
    desk.buy()
    order = desk.stopped()
    desk.restart()
    desk.hear(order, "filled", "10", "5")
    trade = desk.trade
    assert (trade.status, trade.exit_reason, trade.exit_price, trade.pnl) == (
        TradeStatus.CLOSED, "protective_stop", dec("5"), dec("-70"),
    )  # fmt: skip


def test_a_partial_fill_keeps_it_in_step(held: Desk) -> None:
    order = held.stopped()
    held.hear(order, "partially_filled", "4", "11.1")
    assert (held.told().in_step, held.told().covered, held.trade.held) == (True, dec("6"), dec("6.5"))


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"hard_stop_loss_pct": dec("10")}, ("10", "10.80")),
        ({"protective_stop": False}, None),
        ({"hard_stop_loss_pct": dec("0")}, None),
    ],
)
def test_a_change_of_the_settings_replaces_it(
    held: Desk, change: dict[str, object], again: tuple[str, str] | None
) -> None:
    order = held.stopped()
    held.configure(**change)
    held.look("12")
    assert not held.told().in_step
    assert held.stop() == NOTHING
    assert held.canceled() == [order.client_order_id]
    held.hear(order, "canceled")
    second = held.stop()
    if again is None:
        assert second == NOTHING
        return
    assert isinstance(second, Planned)  # at once: we have had it canceled ourselves
    assert (second.order.qty, second.order.stop_price) == (dec(again[0]), dec(again[1]))
    assert second.order.client_order_id == name_of("stop", 1)


def test_to_be_sold_it_goes_first(held: Desk) -> None:
    order = held.stopped()
    waits = held.exit()
    assert isinstance(waits, Deferred)
    assert "stop order" in waits.reason
    assert held.canceled() == [order.client_order_id]
    assert not held.told().in_step
    held.hear(order, "canceled")
    assert held.sell().qty == dec("10.5")
    assert held.stop() == NOTHING


def test_what_a_stop_sold_while_it_was_being_canceled_is_not_sold_again(held: Desk) -> None:
    order = held.stopped()
    held.exit()
    held.hear(order, "canceled", "4", "11")
    assert held.sell().qty == dec("6.5")


def test_a_stop_that_was_filled_instead_of_canceled_closes_it(held: Desk) -> None:
    order = held.stopped()
    held.exit()
    held.hear(order, "filled", "10", "11")
    held.read("0.5")
    assert held.sell().qty == dec("0.5")


def test_a_refused_stop_waits_and_is_no_trouble_in_selling(held: Desk) -> None:
    for pause in (5, 10, 20):
        planned = held.stop()
        assert isinstance(planned, Planned)
        held.refuse(planned.order)
        assert isinstance(held.stop(), Deferred)
        held.books.clock.move(pause)
    assert (held.trade.exit_trouble, held.told().covered, held.told().in_step) == (None, dec("0"), False)
    assert held.sell().qty == dec("10.5")  # without a pause


def test_a_stop_whose_outcome_is_unknown_covers_nothing_and_is_not_placed_twice(held: Desk) -> None:
    planned = held.stop()
    assert isinstance(planned, Planned)
    held.books.tell(OrderUnresolved(client_order_id=planned.order.client_order_id, why="timeout"))
    assert (held.told().covered, held.told().in_step) == (dec("0"), True)
    assert held.stop() == NOTHING
    assert isinstance(held.exit(), Deferred)  # it may be there
    assert held.canceled() == []


def test_a_stop_that_may_have_left_is_sent_again_so_that_it_can_be_canceled(held: Desk) -> None:
    """Otherwise nothing could be sold before the broker had denied it for five minutes."""
    planned = held.stop()
    assert isinstance(planned, Planned)
    cid = planned.order.client_order_id
    held.request()
    held.books.tell(OrderNotFound(client_order_id=cid))
    assert held.books.plan_again(cid) == planned
    held.accept(planned.order)
    assert isinstance(held.exit(), Deferred)
    assert held.canceled() == [cid]


def test_a_stop_that_has_not_left_does_not_leave_once_it_is_not_wanted(held: Desk) -> None:
    planned = held.stop()
    assert isinstance(planned, Planned)
    held.request()
    assert held.books.plan_again(planned.order.client_order_id, never_sent=True) == NOTHING
    assert held.books.order(planned.order.client_order_id).life is Life.LAPSED
    held.read("10.5")
    assert held.sell().qty == dec("10.5")


def test_while_it_is_bought_or_sold_no_stop_is_placed(books: Books) -> None:
    desk = Desk(books)
    desk.configure(protective_stop=True)
    entry = desk.books.accept()
    desk.hear(entry, "partially_filled", "4", "12")
    assert (desk.stop(), desk.told().in_step) == (NOTHING, True)
    desk.hear(entry, "canceled", "4", "12")
    desk.read("4")
    desk.sell()
    assert desk.stop() == NOTHING


def test_two_stops_may_not_both_rest(held: Desk) -> None:
    """The first was given up, turned up after all, and could sell the owner's shares."""
    first = held.stop()
    assert isinstance(first, Planned)
    held.refuse(first.order)
    held.books.clock.move(5)
    second = held.stopped()
    held.hear(first.order, "new")
    assert not held.told().in_step
    assert set(held.canceled()) == {first.order.client_order_id, second.client_order_id}


def test_a_stop_is_not_placed_for_shares_that_are_not_surely_there(held: Desk) -> None:
    held.read("4")
    assert isinstance(held.stop(), Deferred)
    assert held.trade.exit_trouble is None


def test_a_stop_that_its_owner_replaced_is_replaced_by_ours(held: Desk) -> None:
    order = held.stopped()
    held.hear(order, "replaced", replaced_by="broker-theirs")
    assert held.stop() == NOTHING  # its successor is out there
    theirs = word(
        order, "new", client_order_id="theirs", broker_order_id="broker-theirs",
        replaces="broker-" + order.client_order_id,
    )  # fmt: skip
    held.books.hear(theirs)
    assert held.stop() == NOTHING
    assert held.canceled() == ["theirs"]
    held.books.hear(theirs.having({"status": "canceled"}))
    assert isinstance(held.stop(), Planned)
