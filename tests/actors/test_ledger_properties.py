"""Any shuffling, repetition and loss of words, and one full read: the same books, through the real ledger."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.messages import BrokerSnapshot, ListUnsettled, OrdersUpdated, StreamOpened
from domain.orders import OrderRecord, OrderUpdate
from domain.reconcile import Snapshot
from tests.actors.books import Books, id_of
from tests.actors.doubles import PATIENCE_S, ManualClock, Stage, ask_later
from tests.domain.builders import a_position, a_signal, a_snapshot, an_execution, an_update, dec, later

CID = id_of(a_signal())
OURS: dict[str, Any] = {"client_order_id": CID, "broker_order_id": "broker-" + CID}
NEXT: dict[str, Any] = {"client_order_id": "theirs", "broker_order_id": "broker-two"}
HAND: dict[str, Any] = {"client_order_id": "by-hand", "broker_order_id": "broker-hand"}
OPENING = dec("3")

Words = list[OrderUpdate]


class Between(NamedTuple):
    """Before which message the account was read, and during which the ledger could not be written."""

    read: int | None = None
    locked: frozenset[int] = frozenset()


Telling = tuple[Words, Snapshot, list[Words], Between]


@st.composite
def a_life(draw: st.DrawFn, names: dict[str, Any], side: str, final: list[str]) -> Words:
    """What one order goes through: some fills, each an event, and perhaps an end."""
    words: Words = [an_update(status="new", event="new", side=side, updated_at=later(1), **names)]
    shares = 0
    for number in range(1, draw(st.integers(0, 3)) + 1):
        qty = draw(st.integers(1, 3))
        shares += qty
        execution = an_execution(number, str(qty), "12")
        words.append(
            an_update(
                status="partially_filled",
                event="partial_fill",
                side=side,
                updated_at=later(1 + number),
                filled_qty=dec(str(shares)),
                filled_avg_price=dec("12"),
                execution=execution.model_copy(
                    update={"execution_id": f"{names['broker_order_id']}-{number}"}
                ),
                position_qty=OPENING + shares,
                **names,
            )
        )
    if end := draw(st.sampled_from([*final, None])):
        words.append(
            words[-1].having({"status": end, "event": end, "execution": None, "updated_at": later(20)})
        )
    return words


@st.composite
def a_story(draw: st.DrawFn) -> tuple[Words, Snapshot]:
    """What truly happened to the account, and what a read of it shows at the end."""
    ours = draw(a_life(OURS, "buy", ["canceled", "expired", "filled"]))
    lives = [ours]
    if draw(st.booleans()):
        end = {"status": "replaced", "event": "replaced", "replaced_by": NEXT["broker_order_id"]}
        ours.append(ours[-1].having(end | {"execution": None, "updated_at": later(21)}))
        successor = draw(a_life(NEXT, "buy", ["canceled", "filled"]))
        tells = draw(st.booleans())  # the stream may leave out what it replaced; a read does not
        lives.append([w.having({"replaces": OURS["broker_order_id"] if tells else None}) for w in successor])
    if draw(st.booleans()):
        lives.append(draw(a_life(HAND, draw(st.sampled_from(["buy", "sell"])), ["canceled", "filled"])))
    last = [life[-1].having({"event": None, "execution": None, "position_qty": None}) for life in lives]
    last = [
        w.having({"replaces": OURS["broker_order_id"]}) if w.client_order_id == "theirs" else w for w in last
    ]
    held = OPENING + sum((w.filled_qty if w.side == "buy" else -w.filled_qty for w in last), Decimal())
    read = a_snapshot(
        *draw(st.permutations(last)), positions=(a_position("ACME", str(held)),) if held else ()
    )
    return [word for life in lives for word in life], read


@st.composite
def a_telling(draw: st.DrawFn) -> Telling:
    """The story, the messages in which some of it came through, and what else came in between."""
    words, read = draw(a_story())
    messages = draw(st.lists(st.lists(st.sampled_from(words), min_size=1, max_size=4), max_size=5))
    locked = draw(st.sets(st.integers(0, 4), max_size=2))
    return words, read, messages, Between(draw(st.none() | st.integers(0, 4)), frozenset(locked))


@st.composite
def all_of_it(draw: st.DrawFn) -> Telling:
    """The story with every word told, some twice, in any order and in any parcels."""
    words, read = draw(a_story())
    again = draw(st.lists(st.sampled_from(words), max_size=4))
    shuffled = draw(st.permutations([*words, *again]))
    size = draw(st.integers(1, 4))
    messages = [shuffled[start : start + size] for start in range(0, len(shuffled), size)]
    locked = draw(st.sets(st.integers(0, len(messages) - 1), max_size=3))
    return words, read, messages, Between(locked=frozenset(locked))


@contextmanager
def opened() -> Iterator[Books]:
    """A ledger whose order has been planned, on an account that held three shares before."""
    with TemporaryDirectory() as folder:
        stage = Stage()
        books = Books(Path(folder), stage, ManualClock(), busy_s=0.01)
        try:
            books.tell(StreamOpened(generation=1))
            books.read(a_snapshot(positions=(a_position("ACME", str(OPENING)),)))
            books.intend()
            yield books
        finally:
            stage.close()
            books.close()


def told(
    books: Books, messages: Sequence[Words], read: Snapshot, between: Between, *, at_the_end: bool = True
) -> None:
    """Tell it all, and at the end what a read of the account shows."""
    for place, words in enumerate(messages):
        if place == between.read:
            books.ledger.send(BrokerSnapshot(generation=1, snapshot=read))
        with books.locked() if place in between.locked else nullcontext():
            books.ledger.send(OrdersUpdated(updates=tuple(words)))
            ask_later(books.ledger, ListUnsettled()).get(timeout=PATIENCE_S)
    books.tick()  # what could not be written is written now
    books.settle()
    if at_the_end:
        books.read(read)


def outcome(books: Books) -> tuple[object, ...]:
    """All that must not depend on what was heard when."""
    trade = books.trade()
    orders = [books.order(cid) for (cid,) in books.rows("SELECT client_order_id FROM bot_order")]
    return (
        books.believed(),
        (trade.status, trade.shares, trade.entry_price),
        sorted(map(facts_of, orders)),
        books.rows("SELECT broker_order_id, filled_qty, done FROM external_order ORDER BY broker_order_id"),
        books.halts(),
    )


def facts_of(order: OrderRecord) -> tuple[str, ...]:
    return (order.client_order_id, order.life.value, order.status, str(order.filled_qty))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(a_telling())
def test_whatever_was_heard_one_full_read_ends_in_the_same_books(telling: Telling) -> None:
    words, read, messages, between = telling
    with opened() as books:
        told(books, [words], read, Between())  # all of it, in its order
        expected = outcome(books)
        assert expected[-1] == []
    with opened() as books:
        told(books, messages, read, between)
        assert outcome(books) == expected
        held = sum((position.qty for position in read.positions), Decimal())
        assert books.believed() == ({"ACME": held} if held else {})
        told(books, messages, read, between)  # and all of that again
        assert outcome(books) == expected


@settings(max_examples=40, deadline=None, derandomize=True)
@given(all_of_it())
def test_when_every_word_comes_through_the_shares_are_right_without_any_read(telling: Telling) -> None:
    _, read, messages, between = telling
    with opened() as books:
        told(books, messages, read, between, at_the_end=False)
        held = sum((position.qty for position in read.positions), Decimal())
        assert books.believed() == ({"ACME": held} if held else {})
        assert books.halts() == []
