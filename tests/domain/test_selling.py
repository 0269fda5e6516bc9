"""When a sell may be tried again, and the stop that rests at the broker."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.config import BotConfig
from domain.exits import (
    LONGEST_PAUSE,
    StopWanted,
    is_in_step,
    may_sell_from,
    must_wait,
    open_trade,
    protected_qty,
    protective_stop,
    surplus,
)
from domain.orders import Life, OrderRecord
from domain.trades import TradeRecord
from tests.domain.builders import NOW, a_record, a_trade, dec, later, modestly

STOPS = BotConfig(protective_stop=True, hard_stop_loss_pct=dec("7"))


def a_sell(life: Life = Life.WORKING, *, at: float = 0, leg: Any = "exit", **changes: Any) -> OrderRecord:
    """Ten shares, planned so many seconds after NOW."""
    given_: dict[str, Any] = {
        "client_order_id": f"sf-{leg}-{at}",
        "leg": leg,
        "side": "sell",
        "notional": None,
        "qty": dec("10"),
        "life": life,
        "planned_at": later(at),
        "broker_order_id": f"broker-{leg}-{at}" if life in {Life.WORKING, Life.DONE} else None,
    }
    return a_record(**(given_ | changes))


def a_stop(life: Life = Life.WORKING, **changes: Any) -> OrderRecord:
    given_: dict[str, Any] = {"leg": "stop", "type": "stop", "stop_price": dec("93")}
    return a_sell(life, **(given_ | changes))


def ended(status: str = "expired", **changes: Any) -> OrderRecord:
    return a_sell(Life.DONE, status=status, **changes)


def holding(qty: str = "10", **changes: Any) -> TradeRecord:
    return a_trade(**{"shares": dec(qty), "entry_price": dec("100")} | changes)


def the_buy(life: Life = Life.DONE, **changes: Any) -> OrderRecord:
    return a_record(life=life, filled_qty=dec("10"), **changes)


# --- pauses ---------------------------------------------------------------------------------------


def test_the_first_sell_may_leave_at_once() -> None:
    assert may_sell_from([]) is None
    assert may_sell_from([the_buy(), a_sell(Life.WORKING)]) is None


def test_each_failure_makes_the_pause_twice_as_long_up_to_five_minutes() -> None:
    pauses = []
    for count in range(1, 12):
        failures = [a_sell(Life.REFUSED, at=1000 * n) for n in range(count)]
        retry_at = may_sell_from(failures)
        assert retry_at is not None
        pauses.append((retry_at - failures[-1].planned_at).total_seconds())
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300]


@pytest.mark.parametrize(
    "failure",
    [a_sell(Life.REFUSED), a_sell(Life.LAPSED), ended("canceled"), ended("expired"), ended("rejected")],
    ids=["refused", "lapsed", "canceled", "expired", "rejected"],
)
def test_what_sold_nothing_and_never_will_is_a_failure(failure: OrderRecord) -> None:
    assert may_sell_from([failure]) == later(5)


def test_what_was_sold_whole_begins_the_count_anew() -> None:
    orders = [a_sell(Life.REFUSED), ended("filled", filled_qty=dec("10"), at=1)]
    assert may_sell_from(orders) is None
    assert may_sell_from([*orders, a_sell(Life.REFUSED, at=9)]) == later(14)


def test_after_a_part_the_rest_waits_for_the_first_pause_however_often() -> None:
    part = [ended("canceled", filled_qty=dec("0.1"), at=at) for at in (1, 7, 13)]
    assert may_sell_from(part) == later(18)
    assert may_sell_from([*part, ended("filled", filled_qty=dec("10"), at=19)]) is None


def test_an_order_that_was_replaced_has_not_failed() -> None:
    assert may_sell_from([ended("replaced")]) is None


def test_each_leg_has_its_own_pause() -> None:
    orders = [a_stop(Life.REFUSED), a_sell(Life.REFUSED, at=1), a_sell(Life.REFUSED, at=2)]
    assert may_sell_from(orders) == later(12)
    assert may_sell_from(orders, "stop") == later(5)


def test_a_stop_that_was_canceled_was_replaced_by_us_and_one_that_expired_was_not() -> None:
    assert may_sell_from([a_stop(Life.DONE, status="canceled")], "stop") is None
    assert may_sell_from([a_stop(Life.DONE, status="expired")], "stop") == later(5)


def test_a_pause_lasts_until_it_is_over() -> None:
    assert must_wait(later(5), later(4.999))
    assert not must_wait(later(5), later(5))
    assert not must_wait(None, NOW)


def test_a_pause_of_a_clock_that_was_set_back_is_none() -> None:
    retry_at = later(5) + LONGEST_PAUSE
    assert must_wait(retry_at, later(5))
    assert not must_wait(retry_at, later(4.999))


# --- more than it holds ---------------------------------------------------------------------------


def test_sells_that_together_may_sell_more_than_is_held_are_a_surplus() -> None:
    stop, sell = a_stop(qty=dec("6")), a_sell(qty=dec("4"))
    assert surplus(holding("10"), [the_buy(), stop, sell]) == []
    assert surplus(holding("9.999999999"), [the_buy(), stop, sell]) == [sell]
    assert surplus(holding("5"), [the_buy(), stop, sell]) == [stop]
    assert surplus(holding("3"), [the_buy(), stop, sell]) == [stop, sell]
    assert surplus(holding("10", sold=dec("3")), [a_sell(filled_qty=dec("3"))]) == []


@pytest.mark.parametrize("life", [Life.DONE, Life.REFUSED, Life.LAPSED])
def test_what_can_sell_no_more_is_no_surplus(life: Life) -> None:
    assert surplus(holding("1"), [a_sell(life)]) == []


# --- the stop that should rest --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("qty", "price", "stop"),
    [
        ("10", "100", ("10", "93")),
        ("10.999999999", "100", ("10", "93")),
        ("0.999999999", "100", None),
        ("10", "99.99", ("10", "92.99")),  # 92.9907
        ("10", "1.0753", ("10", "1.00")),  # 1.000029
        ("10", "1.075", ("10", "0.9997")),  # 0.99975
        ("10", "0.0001", None),  # 0.000093
        ("10", None, None),
    ],
)
def test_a_stop_is_for_whole_shares_at_a_price_that_the_broker_takes(
    qty: str, price: str | None, stop: tuple[str, str] | None
) -> None:
    trade = holding(qty, entry_price=None if price is None else dec(price))
    expected = None if stop is None else StopWanted(qty=dec(stop[0]), stop_price=dec(stop[1]))
    assert protective_stop(trade, STOPS) == expected


@pytest.mark.parametrize(
    "config",
    [STOPS.having({"protective_stop": False}), STOPS.having({"hard_stop_loss_pct": dec("0")})],
    ids=["the option", "the hard stop"],
)
def test_there_is_no_stop_where_it_is_off(config: BotConfig) -> None:
    assert protective_stop(holding(), config) is None


def test_what_is_to_be_sold_now_needs_no_stop() -> None:
    assert protective_stop(holding(exit_wanted="time_exit"), STOPS) is None


@modestly
@given(
    st.decimals(min_value="0.000000001", max_value=10_000, places=9),
    st.decimals(min_value="0.0001", max_value=10_000, places=9),
    st.decimals(min_value=0, max_value=100, places=6),
)
def test_a_stop_never_sells_more_than_is_held_nor_before_the_hard_stop_would(
    qty: Decimal, price: Decimal, pct: Decimal
) -> None:
    trade = holding(str(qty), entry_price=price)
    wanted = protective_stop(trade, STOPS.having({"hard_stop_loss_pct": pct}))
    if wanted is not None:
        assert 0 < wanted.qty <= qty
        assert wanted.qty == wanted.qty.to_integral_value()
        assert 0 < wanted.stop_price <= price * (100 - pct) / 100
        places = 2 if wanted.stop_price >= 1 else 4
        assert wanted.stop_price == round(wanted.stop_price, places)


# --- in step --------------------------------------------------------------------------------------


@pytest.mark.parametrize("life", [Life.INTENDED, Life.UNRESOLVED, Life.WORKING])
def test_the_right_stop_is_in_step_also_while_it_is_on_its_way(life: Life) -> None:
    assert is_in_step(holding("10.5"), [the_buy(), a_stop(life)], STOPS)


@pytest.mark.parametrize(
    ("trade", "orders"),
    [
        (holding(), []),
        (holding(), [a_stop(Life.DONE, status="canceled")]),
        (holding(), [a_stop(qty=dec("9"))]),
        (holding(), [a_stop(stop_price=dec("92.99"))]),
        (holding(), [a_stop(stop_price=None)]),
        (holding(), [a_stop(), a_stop(at=1)]),
        (holding(exit_wanted="manual"), [a_stop()]),
        (holding(sold=dec("10")), [a_stop()]),
        (holding(taken=dec("4")), [a_stop()]),
    ],
    ids=[
        "none", "canceled", "too few", "another price", "no price", "two", "to be sold now", "all sold",
        "some taken",
    ],
)  # fmt: skip
def test_every_other_stop_is_out_of_step(trade: TradeRecord, orders: list[OrderRecord]) -> None:
    assert not is_in_step(trade, [the_buy(), *orders], STOPS)


def test_a_stop_that_sold_some_of_it_is_in_step_with_the_rest() -> None:
    assert is_in_step(holding("10.5", sold=dec("4")), [the_buy(), a_stop(filled_qty=dec("4"))], STOPS)


def test_a_stop_that_was_replaced_stands_for_its_successor() -> None:
    replaced = a_stop(Life.DONE, status="replaced")
    assert is_in_step(holding(), [the_buy(), replaced], STOPS)
    assert not is_in_step(holding(), [the_buy(), replaced, a_stop(at=1, stop_price=None)], STOPS)


def test_where_no_stop_is_wanted_none_is_in_step() -> None:
    off = STOPS.having({"protective_stop": False})
    assert is_in_step(holding(), [the_buy()], off)
    assert not is_in_step(holding(), [the_buy(), a_stop()], off)


@pytest.mark.parametrize(
    "other",
    [the_buy(Life.WORKING), a_sell(), a_sell(Life.UNRESOLVED)],
    ids=["bought", "sold", "perhaps sold"],
)
def test_while_it_is_bought_or_sold_no_stop_is_missing(other: OrderRecord) -> None:
    assert is_in_step(holding(), [other], STOPS)


def test_only_what_the_broker_surely_has_covers_shares() -> None:
    assert protected_qty([a_stop(Life.INTENDED), a_stop(Life.UNRESOLVED), a_stop(Life.DONE), a_sell()]) == 0
    assert protected_qty([a_stop(filled_qty=dec("3"))]) == 7


# --- what the monitor goes by ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("orders", "leaving", "busy"),
    [
        ([the_buy()], False, False),
        ([the_buy(Life.WORKING)], False, True),
        ([the_buy(), a_stop()], False, True),
        ([the_buy(), a_sell(Life.INTENDED)], True, True),
        ([the_buy(), ended("canceled")], False, False),
        ([the_buy(), ended("replaced")], True, True),
        ([the_buy(), ended("replaced"), ended("canceled", at=1)], False, False),
    ],
    ids=["held", "bought", "stop", "sold", "canceled", "replaced", "canceled then"],
)
def test_the_monitor_is_told_whether_a_sell_or_any_order_is_under_way(
    orders: list[OrderRecord], leaving: bool, busy: bool
) -> None:
    told = open_trade(holding(), orders, BotConfig(), doubtful=False)
    assert (told.leaving, told.busy) == (leaving, busy)


def test_the_monitor_is_told_of_stops_and_pauses() -> None:
    told = open_trade(
        holding(), [the_buy(), a_sell(Life.REFUSED, at=7), a_stop(qty=dec("4"))], STOPS, doubtful=False
    )
    assert (told.covered, told.in_step, told.retry_at) == (dec("4"), False, later(12))
