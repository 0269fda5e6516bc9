"""Any shuffling, repetition and loss of what the broker says, and one full read: the same belief."""

from collections.abc import Sequence
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from domain.orders import DONE_FOR_DAY, Life, OrderRecord, OrderUpdate, fold, is_done
from tests.domain.builders import a_record, an_update, dec, ended, later, modestly, partly

OPEN = ["new", "accepted", "pending_new", "partially_filled", "pending_cancel", "held", "a_new_word"]
DONE = ["filled", "canceled", "expired", "rejected", "replaced", DONE_FOR_DAY]
LIVES = st.sampled_from([Life.INTENDED, Life.UNRESOLVED, Life.REFUSED, Life.LAPSED])


@st.composite
def histories(draw: st.DrawFn) -> list[OrderUpdate]:
    """What one order went through, in the order in which it happened; the last word says it all."""
    words: list[OrderUpdate] = []
    shares, price = 0, None
    for number in range(draw(st.integers(1, 7))):
        bought = draw(st.integers(0, 3))
        if bought:
            shares += bought
            price = dec(draw(st.sampled_from(["9.5", "10", "10.25", "11"])))
        words.append(
            an_update(
                status=draw(st.sampled_from(OPEN)),
                filled_qty=dec(str(shares)),
                filled_avg_price=price,
                updated_at=later(number + draw(st.sampled_from([0, 0.5]))),
                event="partial_fill" if bought else None,
            )
        )
    if draw(st.booleans()):
        final = {"status": draw(st.sampled_from(DONE)), "updated_at": later(50)}
        words.append(words[-1].model_copy(update=final))
    return words


words = histories().flatmap(st.sampled_from)


def told(record: OrderRecord, updates: Sequence[OrderUpdate]) -> OrderRecord:
    return reduce(fold, updates, record)


@st.composite
def mangled(draw: st.DrawFn) -> tuple[list[OrderUpdate], list[OrderUpdate]]:
    """A history, and what of it got through: shuffled, repeated, and with holes."""
    history = draw(histories())
    return history, draw(st.lists(st.sampled_from(history), max_size=12))


@modestly
@given(mangled(), LIVES, st.integers(0, 12))
def test_whatever_got_through_one_full_read_ends_in_the_same_record(
    told_of: tuple[list[OrderUpdate], list[OrderUpdate]], life: Life, at: int
) -> None:
    history, heard = told_of
    read = history[-1].model_copy(update={"event": None})
    expected = told(a_record(life=life), history)
    assert told(a_record(life=life), [*heard, read]) == expected
    # The read may also come first, or in between: the later-told words are the older ones.
    assert told(a_record(life=life), [*heard[:at], read, *heard[at:]]) == expected


@modestly
@given(histories().flatmap(lambda h: st.tuples(st.just(h), st.permutations(h))), LIVES)
def test_the_order_of_the_words_does_not_matter(
    both: tuple[list[OrderUpdate], list[OrderUpdate]], life: Life
) -> None:
    history, shuffled = both
    assert told(a_record(life=life), shuffled) == told(a_record(life=life), history)


@modestly
@given(histories(), LIVES)
def test_saying_it_all_again_changes_nothing(history: list[OrderUpdate], life: Life) -> None:
    once = told(a_record(life=life), history)
    assert told(once, history) == once
    assert all(fold(once, word) == once for word in history)


@modestly
@given(words, words, LIVES)
def test_two_words_commute_even_when_they_belong_to_different_histories(
    one: OrderUpdate, other: OrderUpdate, life: Life
) -> None:
    record = a_record(life=life)
    assert fold(fold(record, one), other) == fold(fold(record, other), one)
    assert fold(fold(record, one), one) == fold(record, one)


@modestly
@given(mangled(), LIVES)
def test_shares_never_fall_and_done_stays_done(
    told_of: tuple[list[OrderUpdate], list[OrderUpdate]], life: Life
) -> None:
    record = a_record(life=life)
    for word in told_of[1]:
        after = fold(record, word)
        assert after.filled_qty == max(record.filled_qty, word.filled_qty)
        assert after.life is Life.DONE or record.life is not Life.DONE
        assert (after.life is Life.DONE) == (record.life is Life.DONE or is_done(word.status, "day"))
        record = after


@modestly
@given(mangled())
def test_the_price_is_always_that_of_the_most_shares_it_was_told_for(
    told_of: tuple[list[OrderUpdate], list[OrderUpdate]],
) -> None:
    record = told(a_record(), told_of[1])
    priced = [word for word in told_of[1] if word.filled_avg_price is not None]
    if not priced:
        assert record.filled_avg_price is None
        return
    most = max(word.filled_qty for word in priced)
    assert record.priced_filled_qty == most
    assert record.filled_avg_price in {w.filled_avg_price for w in priced if w.filled_qty == most}


def test_a_cancel_and_a_fill_that_cross_on_the_wire_agree_in_either_order() -> None:
    cancel, fill = ended("canceled", "4", at=4), partly("4", "12.34")
    assert told(a_record(), [cancel, fill]) == told(a_record(), [fill, cancel])
