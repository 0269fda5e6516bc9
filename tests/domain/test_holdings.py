"""Whose shares are whose: holdings, and the orders that are not ours."""

from collections.abc import Sequence
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.holdings import ExternalOrder, Holding, fold_external, signed
from domain.orders import OrderUpdate
from tests.domain.builders import an_update, dec, ended, filled, later, modestly, partly


def folded(updates: Sequence[OrderUpdate]) -> ExternalOrder | None:
    known: ExternalOrder | None = None
    for update in updates:
        known = fold_external(known, update)
    return known


def test_a_purchase_brings_shares_and_a_sale_takes_them_away() -> None:
    assert (signed("buy", dec("4")), signed("sell", dec("4"))) == (dec("4"), dec("-4"))


@pytest.mark.parametrize("side", ["sell_short", "sell"])
def test_each_kind_of_sale_takes_shares_away(side: str) -> None:
    assert signed(side, dec("4")) == dec("-4")


def test_a_holding_moves_and_its_opening_stays() -> None:
    moved = Holding(symbol="ACME", opening=dec("5"), believed=dec("5")).moved(dec("-7.5"))
    assert (moved.opening, moved.believed) == (dec("5"), dec("-2.5"))


def test_the_first_word_on_an_external_order_is_kept_as_it_came() -> None:
    assert fold_external(None, filled("7", "12", side="sell")) == ExternalOrder(
        broker_order_id="broker-one",
        client_order_id="sf-one",
        symbol="ACME",
        side="sell",
        status="filled",
        done=True,
        filled_qty=dec("7"),
        filled_avg_price=dec("12"),
        updated_at=later(3),
    )


def test_the_same_word_again_changes_nothing_at_all() -> None:
    known = fold_external(None, partly("4", "12"))
    assert fold_external(known, partly("4", "12")) is known


def test_an_older_word_neither_lowers_the_fill_nor_takes_the_status_back() -> None:
    known = fold_external(None, partly("4", "12", at=5))
    assert fold_external(known, an_update(updated_at=later(1))) is known


def test_done_stays_done_and_a_late_fill_still_counts() -> None:
    known = fold_external(None, ended("canceled", at=4))
    after = fold_external(known, partly("3", "12", at=5))
    assert (after.status, after.done, after.filled_qty) == ("canceled", True, dec("3"))


def test_an_end_counts_although_it_is_told_with_an_older_time() -> None:
    known = fold_external(None, an_update(status="pending_cancel", updated_at=later(9)))
    after = fold_external(known, ended("canceled", at=4))
    assert (after.status, after.done) == ("canceled", True)


@pytest.mark.parametrize(
    ("name", "ours"), [("sf-lostlostlostlostlostlostlo", True), ("by-hand", False), ("", False)]
)
def test_an_order_with_our_mark_is_told_from_a_strangers(name: str, ours: bool) -> None:
    known = fold_external(None, an_update(client_order_id=name))
    assert known.bears_our_mark is ours


WORDS = st.builds(
    lambda status, shares, at: an_update(
        status=status, filled_qty=dec(str(shares)), updated_at=None if at is None else later(at)
    ),
    st.sampled_from(["new", "partially_filled", "canceled", "filled", "expired", "halfway"]),
    st.integers(0, 5),
    st.sampled_from([None, 1, 2, 3]),
)


@modestly
@given(st.lists(WORDS, min_size=1, max_size=6).flatmap(lambda w: st.tuples(st.just(w), st.permutations(w))))
def test_in_whatever_order_the_words_come_the_shares_and_the_end_are_the_same(
    both: tuple[list[OrderUpdate], list[OrderUpdate]],
) -> None:
    one, other = folded(both[0]), folded(both[1])
    assert one is not None
    assert other is not None
    assert (one.filled_qty, one.done) == (other.filled_qty, other.done)
    assert one.filled_qty == max(word.filled_qty for word in both[0])


@modestly
@given(st.lists(WORDS, min_size=1, max_size=6), WORDS)
def test_a_word_said_twice_is_a_word_said_once(words: list[OrderUpdate], last: OrderUpdate) -> None:
    once = fold_external(folded(words), last)
    assert fold_external(once, last) is once


@modestly
@given(st.lists(WORDS, max_size=6))
def test_shares_of_an_external_order_never_fall(words: list[OrderUpdate]) -> None:
    def step(known: ExternalOrder | None, word: OrderUpdate) -> ExternalOrder:
        after = fold_external(known, word)
        assert known is None or after.filled_qty >= known.filled_qty
        assert known is None or after.done or not known.done
        return after

    reduce(step, words, None)
