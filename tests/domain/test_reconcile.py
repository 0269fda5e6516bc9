from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.holdings import ExternalOrder, fold_external
from domain.orders import Life, OrderRecord, OrderUpdate, fold
from domain.reconcile import (
    ExternalHeard,
    Fact,
    OrderHeard,
    OrderMissing,
    OrderVanished,
    PositionHeard,
    Snapshot,
    reconcile,
)
from tests.domain.builders import (
    a_position,
    a_record,
    a_snapshot,
    an_update,
    dec,
    ended,
    filled,
    later,
    modestly,
    partly,
)

Book = dict[str, OrderRecord]
Strangers = dict[str, ExternalOrder]
Quantities = dict[str, Decimal]


def applied(
    known: Book, externals: Strangers, positions: Quantities, facts: tuple[Fact, ...]
) -> tuple[Book, Strangers, Quantities]:
    """The book after the facts; the ledger does the same inside its transaction."""
    known, externals, positions = dict(known), dict(externals), dict(positions)
    for fact in facts:
        match fact:
            case OrderHeard(update=update):
                for cid, record in known.items():
                    if update.broker_order_id == record.broker_order_id or update.client_order_id == cid:
                        known[cid] = fold(record, update)
                        break
                else:
                    successor = a_record(client_order_id=update.client_order_id)
                    known[update.client_order_id] = fold(successor, update)
                    externals.pop(update.broker_order_id, None)
            case ExternalHeard(order=order):
                externals[order.broker_order_id] = order
            case PositionHeard(symbol=symbol, qty=qty):
                positions[symbol] = qty
    return known, externals, positions


def test_an_account_as_we_believe_it_brings_no_facts() -> None:
    settled = fold(a_record(), filled("10", "12"))
    snapshot = a_snapshot(filled("10", "12"), positions=(a_position("ACME", "10"),))
    assert reconcile({"sf-one": settled}, {}, {"ACME": dec("10")}, snapshot) == ()


def test_a_fill_nobody_told_of_is_heard() -> None:
    read = filled("10", "12", event=None)
    assert reconcile({"sf-one": a_record()}, {}, {}, a_snapshot(read)) == (OrderHeard(update=read),)


def test_an_order_is_recognised_by_the_brokers_id_too() -> None:
    known = {"sf-one": a_record(broker_order_id="broker-one")}
    read = filled("10", "12", client_order_id="")
    assert reconcile(known, {}, {}, a_snapshot(read)) == (OrderHeard(update=read),)


def test_an_order_with_our_mark_that_we_do_not_have_is_told_as_a_strangers() -> None:
    stranger = an_update(client_order_id="sf-lostlostlostlostlostlostlo", broker_order_id="broker-nine")
    (fact,) = reconcile({}, {}, {}, a_snapshot(stranger))
    assert fact == ExternalHeard(order=fold_external(None, stranger))
    assert fact.order.bears_our_mark


@pytest.mark.parametrize("record", [a_record(), a_record(broker_order_id="broker-one")])
def test_the_owners_own_orders_are_kept_as_external(record: OrderRecord) -> None:
    foreign = filled("7", "12", client_order_id="by-hand", broker_order_id="broker-nine")
    facts = reconcile({"sf-one": record}, {}, {}, a_snapshot(foreign))
    assert facts == (ExternalHeard(order=fold_external(None, foreign)),)


def test_an_external_order_is_news_only_when_more_is_said_of_it() -> None:
    first = partly("3", "12", client_order_id="by-hand", broker_order_id="broker-nine")
    known = {"broker-nine": fold_external(None, first)}
    assert reconcile({}, known, {}, a_snapshot(first)) == ()
    more = filled("7", "12", client_order_id="by-hand", broker_order_id="broker-nine")
    (fact,) = reconcile({}, known, {}, a_snapshot(more))
    assert isinstance(fact, ExternalHeard)
    assert (fact.order.filled_qty, fact.order.done) == (dec("7"), True)


def test_an_external_order_that_turns_out_to_be_the_successor_of_ours_is_heard_as_ours() -> None:
    known = {"sf-one": fold(a_record(), ended("replaced", replaced_by="broker-two"))}
    successor = an_update(client_order_id="theirs", broker_order_id="broker-two", replaces="broker-one")
    taken_for_a_strangers = {"broker-two": fold_external(None, successor)}
    facts = reconcile(known, taken_for_a_strangers, {}, a_snapshot(successor))
    assert facts == (OrderHeard(update=successor),)


@pytest.mark.parametrize("listed", list(permutations(range(3))))
def test_a_chain_of_replacements_is_heard_in_its_order_however_it_was_listed(
    listed: tuple[int, ...],
) -> None:
    chain = (
        ended("replaced", replaced_by="broker-two"),
        ended("replaced", client_order_id="b", broker_order_id="broker-two", replaces="broker-one"),
        an_update(client_order_id="c", broker_order_id="broker-three", replaces="broker-two"),
    )
    facts = reconcile({"sf-one": a_record()}, {}, {}, a_snapshot(*(chain[place] for place in listed)))
    assert facts == tuple(OrderHeard(update=update) for update in chain)


def test_replacements_that_name_each_other_do_not_keep_the_account_from_being_read() -> None:
    one = an_update(client_order_id="a", broker_order_id="broker-a", replaces="broker-b")
    two = an_update(client_order_id="b", broker_order_id="broker-b", replaces="broker-a")
    assert len(reconcile({}, {}, {}, a_snapshot(one, two))) == 2


def test_a_status_nobody_knows_is_heard_each_time_it_is_read() -> None:
    strange = an_update(status="halfway")
    known = {"sf-one": fold(a_record(), strange)}
    assert reconcile(known, {}, {}, a_snapshot(strange)) == (OrderHeard(update=strange),)


def test_a_successor_is_heard_with_the_order_it_replaced_when_both_are_news() -> None:
    first = ended("replaced", replaced_by="broker-two")
    second = an_update(
        client_order_id="theirs", broker_order_id="broker-two", status="replaced", replaces="broker-one"
    )
    third = an_update(client_order_id="theirs-too", broker_order_id="broker-three", replaces="broker-two")
    heard = reconcile({"sf-one": a_record()}, {}, {}, a_snapshot(first, second, third))
    assert heard == tuple(OrderHeard(update=update) for update in (first, second, third))


def test_the_successor_of_one_of_ours_is_heard_whatever_it_is_called() -> None:
    known = {"sf-one": fold(a_record(), ended("replaced", replaced_by="broker-two"))}
    successor = an_update(client_order_id="theirs", broker_order_id="broker-two", replaces="broker-one")
    assert reconcile(known, {}, {}, a_snapshot(successor)) == (OrderHeard(update=successor),)


VANISHED = OrderVanished(client_order_id="sf-one")


@pytest.mark.parametrize("life", Life)
def test_a_missing_order_is_a_fact_while_the_broker_was_never_heard_and_another_while_it_works(
    life: Life,
) -> None:
    facts = reconcile({"sf-one": a_record(life=life)}, {}, {}, a_snapshot(missing=("sf-one",)))
    missing = (OrderMissing(client_order_id="sf-one"),)
    expected: dict[Life, tuple[Fact, ...]] = {Life.INTENDED: missing, Life.UNRESOLVED: missing}
    assert facts == (expected | {Life.WORKING: (VANISHED,)}).get(life, ())


def test_a_missing_order_that_we_do_not_know_is_nothing() -> None:
    assert reconcile({}, {}, {}, a_snapshot(missing=("sf-one",))) == ()


def test_an_order_left_out_of_the_read_is_not_taken_for_missing() -> None:
    assert reconcile({"sf-one": a_record(life=Life.UNRESOLVED)}, {}, {}, a_snapshot()) == ()


def test_positions_are_heard_where_they_differ_and_a_vanished_one_is_zero() -> None:
    held = {"SAME": dec("1"), "MORE": dec("2"), "GONE": dec("3")}
    read = (a_position("SAME", "1.000"), a_position("MORE", "2.5"), a_position("NEW", "-4"))
    assert reconcile({}, {}, held, a_snapshot(positions=read)) == (
        PositionHeard(symbol="GONE", qty=dec("0")),
        PositionHeard(symbol="MORE", qty=dec("2.5")),
        PositionHeard(symbol="NEW", qty=dec("-4")),
    )


def test_what_is_held_at_zero_is_as_good_as_not_held() -> None:
    assert reconcile({}, {}, {"ACME": dec("0")}, a_snapshot()) == ()


@st.composite
def books(draw: st.DrawFn) -> tuple[Book, Strangers, Quantities, Snapshot]:
    words = [
        an_update(), partly("4", "12.34"), filled("10", "12.376"), ended("canceled", "4"), ended("rejected"),
        ended("replaced", replaced_by="broker-sf-nine", at=5),
    ]  # fmt: skip
    ids = ["sf-one", "sf-two", "sf-three"]
    known: Book = {}
    read: list[OrderUpdate] = []
    for cid in ids:
        names = {"client_order_id": cid, "broker_order_id": "broker-" + cid}
        record = a_record(client_order_id=cid, life=draw(st.sampled_from(list(Life))))
        for word in draw(st.lists(st.sampled_from(words), max_size=2)):
            record = fold(record, word.model_copy(update=names))
        known[cid] = record
        found = draw(st.lists(st.sampled_from(words), max_size=1))
        read.extend(word.model_copy(update=names) for word in found)
    if draw(st.booleans()):
        read.append(
            an_update(client_order_id="x", broker_order_id="broker-sf-nine", replaces="broker-sf-one")
        )
    externals: Strangers = {}
    for number in range(draw(st.integers(0, 2))):
        names = {"client_order_id": "by-hand", "broker_order_id": f"broker-hand-{number}"}
        for word in draw(st.lists(st.sampled_from(words), max_size=2)):
            told = word.model_copy(update=names)
            externals[told.broker_order_id] = fold_external(externals.get(told.broker_order_id), told)
        read.extend(w.model_copy(update=names) for w in draw(st.lists(st.sampled_from(words), max_size=1)))
    quantities = st.dictionaries(st.sampled_from("AB"), st.sampled_from([dec("0"), dec("1"), dec("2.5")]))
    snapshot = Snapshot(
        taken_at=later(10),
        orders=tuple(read),
        positions=tuple(a_position(symbol, str(qty)) for symbol, qty in draw(quantities).items()),
        missing=tuple(draw(st.lists(st.sampled_from(ids), unique=True))),
    )
    return known, externals, draw(quantities), snapshot


@modestly
@given(books())
def test_reconciling_twice_changes_nothing_more(
    book: tuple[Book, Strangers, Quantities, Snapshot],
) -> None:
    known, externals, positions, snapshot = book
    facts = reconcile(known, externals, positions, snapshot)
    settled = applied(known, externals, positions, facts)
    again = reconcile(*settled, snapshot)
    # That an order is missing is told as long as that stands: its quarantine, or a halt, depends on it.
    assert all(isinstance(fact, OrderMissing | OrderVanished) for fact in again)
    assert applied(*settled, again) == settled
