"""Dollars into orders: whole shares never for more than the dollars, prices in steps that exchanges take."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.market import Priced
from domain.orders import OrderTicket
from domain.signals import EntryOrder
from domain.sizing import MOST_SHARES, Sized, extended_limit, size_order
from tests.domain.builders import NOW, a_signal, an_asset, dec, later, modestly

WHOLE = an_asset(fractionable=False)


def priced(price: str | Decimal) -> Priced:
    return Priced(symbol="ACME", price=Decimal(price), at=NOW)


def whole(notional: str, price: str | Decimal) -> Sized:
    return size_order(a_signal(), dec(notional), WHOLE, priced(price), extended=False)


def extended(notional: str, price: str | Decimal) -> Sized:
    signal = a_signal(price_at_signal=Decimal(price))
    return size_order(signal, dec(notional), an_asset(), None, extended=True)


def test_a_symbol_that_is_sold_in_fractions_takes_the_dollars() -> None:
    sized = size_order(a_signal(), dec("99.99"), an_asset(), None, extended=False)
    assert sized.order == EntryOrder(notional=dec("99.99"), cost=dec("99.99"))
    assert sized.check.detail == "a market order of 99.99 USD"


@pytest.mark.parametrize(
    ("notional", "price", "qty", "cost"),
    [
        ("100", "13.2", "7", "92.4"),
        ("100", "100", "1", "100"),
        ("100", "50.000001", "1", "50.01"),
        ("100", "0.333", "300", "99.9"),
        ("100", "99.995", "1", "100"),
    ],
)
def test_other_symbols_take_as_many_whole_shares_as_the_dollars_buy(
    notional: str, price: str, qty: str, cost: str
) -> None:
    sized = whole(notional, price)
    assert sized.order == EntryOrder(qty=dec(qty), cost=dec(cost))
    assert sized.check.passed


@pytest.mark.parametrize("price", ["100.01", "5000", "0.00000001"])
def test_dollars_that_buy_no_whole_share_or_more_than_can_be_are_refused_and_it_is_said(price: str) -> None:
    sized = whole("100", price)
    assert (sized.order, sized.code, sized.check.passed) == (None, "no_whole_share", False)
    assert f"100 USD buy no number of whole shares at {price} USD" in sized.check.detail
    assert "ACME is sold in whole shares only" in sized.check.detail


def test_whole_shares_that_come_to_less_than_the_brokers_minimum_are_refused() -> None:
    sized = whole("1.50", "0.9")
    assert (sized.code, sized.check.passed) == ("below_minimum", False)
    assert "1 shares at 0.9 USD, 0.9 USD in all" in sized.check.detail


@pytest.mark.parametrize(
    ("price", "limit"),
    [
        ("10", "10.05"), ("12.34", "12.40"), ("99.50", "100.00"), ("0.5", "0.5025"), ("0.0303", "0.0305"),
        ("0.995", "1.00"), ("0.9949", "0.9999"), ("0.99501", "1.00"), ("1", "1.01"), ("0.9999", "1.00"),
        ("0.00001", "0"),
    ],
)  # fmt: skip
def test_in_extended_hours_it_bids_half_a_percent_more_in_steps_that_are_taken(
    price: str, limit: str
) -> None:
    assert extended_limit(dec(price)) == dec(limit)


def test_an_order_of_extended_hours_is_a_limit_of_whole_shares_within_the_dollars() -> None:
    assert extended("100", "10").order == EntryOrder(
        type="limit", qty=dec("9"), limit_price=dec("10.05"), extended_hours=True, cost=dec("90.45")
    )
    assert extended("100.50", "10").order == EntryOrder(
        type="limit", qty=dec("10"), limit_price=dec("10.05"), extended_hours=True, cost=dec("100.5")
    )


@pytest.mark.parametrize("price", ["100", "0.00001"])
def test_an_order_of_extended_hours_that_would_be_none_is_refused(price: str) -> None:
    sized = extended("100", price)
    assert (sized.order, sized.code, sized.check.passed) == (None, "no_whole_share", False)


DOLLARS = st.decimals("1", "1000000", places=2)
PRICES = st.decimals("0.0001", "100000", places=4) | st.decimals("0.000000001", "999999999", places=9)


@modestly
@given(DOLLARS, PRICES)
def test_whole_shares_are_the_most_that_the_dollars_buy_and_never_more(
    notional: Decimal, price: Decimal
) -> None:
    order = size_order(a_signal(), notional, WHOLE, priced(price), extended=False).order
    if order is None:
        assert price > notional or notional / price >= MOST_SHARES
        return
    assert order.qty is not None
    assert order.qty == order.qty.to_integral_value() > 0
    assert order.qty * price <= order.cost <= notional
    assert (order.qty + 1) * price > notional
    assert order.cost == order.cost.quantize(Decimal("0.01"))


@modestly
@given(DOLLARS, PRICES)
def test_a_limit_is_never_beyond_the_dollars_and_never_in_smaller_steps_than_taken(
    notional: Decimal, price: Decimal
) -> None:
    signal = a_signal(price_at_signal=price)
    order = size_order(signal, notional, an_asset(), None, extended=True).order
    if order is None:
        return
    assert order.qty is not None
    assert order.limit_price is not None
    assert (order.type, order.extended_hours, order.notional) == ("limit", True, None)
    assert order.qty * order.limit_price <= order.cost <= notional
    step = Decimal("0.01") if order.limit_price >= 1 else Decimal("0.0001")
    assert order.limit_price == order.limit_price.quantize(step)
    assert abs(order.limit_price - price * Decimal("1.005")) <= step / 2
    # It is an order that can be written down and sent.
    OrderTicket(
        client_order_id="sf-1",
        symbol="ACME",
        side="buy",
        type=order.type,
        qty=order.qty,
        limit_price=order.limit_price,
        extended_hours=order.extended_hours,
        post_until=later(300),
    )


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (EntryOrder(notional=dec("100.00"), cost=dec("100.00")), "market buy of 100 USD"),
        (EntryOrder(qty=dec("7"), cost=dec("92.4")), "market buy of 7 shares"),
        (
            EntryOrder(
                type="limit", qty=dec("9"), limit_price=dec("10.05"), extended_hours=True, cost=dec("90.45")
            ),
            "limit buy of 9 shares at 10.05 USD at most, in extended hours",
        ),
    ],
)
def test_an_order_is_told_in_words(order: EntryOrder, text: str) -> None:
    assert order.text == text
