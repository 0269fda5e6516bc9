"""The journal's follower: nothing twice, nothing left out, and no failure that stops it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from persistence.rows import JournalRow
from tests.watch.builders import a_row
from watch.tail import ROWS, TRIES, Tail

WAIT_S = 10.0


class Journal:
    """Rows in memory. `failures`: so many reads fail first."""

    def __init__(self) -> None:
        self.rows: list[JournalRow] = []
        self.failures = 0

    def add(self, count: int) -> None:
        start = len(self.rows) + 1
        self.rows += [a_row("halted", seq=start + number) for number in range(count)]

    def newest_seq(self) -> int:
        return len(self.rows)

    def after(self, seq: int, *, limit: int) -> tuple[JournalRow, ...]:
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is full")
        return tuple(self.rows[seq : seq + limit])


class Reader:
    """Keeps the numbers of the rows that it took. `fails_at`: rows at which it fails, so many times."""

    def __init__(self, begins: Callable[[int], int] = lambda newest: newest, **fails_at: int) -> None:
        self.begins, self.took = begins, list[int]()
        self.fails_at = {int(name.removeprefix("row_")): times for name, times in fails_at.items()}
        self.changed = threading.Condition()

    def begin(self, newest: int) -> int:
        return self.begins(newest)

    def take(self, rows: Sequence[JournalRow]) -> None:
        for row in rows:
            if self.fails_at.get(row.seq, 0):
                self.fails_at[row.seq] -= 1
                raise RuntimeError(f"at row {row.seq}")
        with self.changed:
            self.took += [row.seq for row in rows]
            self.changed.notify_all()

    def look(self) -> bool:
        return False

    def until(self, seq: int) -> list[int]:
        with self.changed:
            assert self.changed.wait_for(lambda: bool(self.took) and self.took[-1] >= seq, WAIT_S)
            return self.took


class Looker(Reader):
    """Fails whenever it looks."""

    def look(self) -> bool:
        raise RuntimeError("at a look")


@contextmanager
def following(journal: Journal, *readers: Reader) -> Iterator[Tail]:
    tail = Tail(journal, readers, round_s=0.0, look_s=0.01)
    tail.start()
    try:
        yield tail
    finally:
        tail.close(WAIT_S)


def test_each_reader_begins_at_its_own_place_and_gets_each_row_once() -> None:
    journal, late, early = Journal(), Reader(), Reader(lambda _: 1)
    journal.add(3)
    with following(journal, late, early) as tail:
        journal.add(2)
        tail.tell()
        assert early.until(5) == [2, 3, 4, 5]
        assert late.until(5) == [4, 5]


def test_more_than_one_read_can_tell_comes_in_order() -> None:
    journal, reader = Journal(), Reader(lambda _: 0)
    journal.add(2 * ROWS + 7)
    with following(journal, reader):
        assert reader.until(2 * ROWS + 7) == list(range(1, 2 * ROWS + 8))


def test_a_read_that_fails_is_tried_again() -> None:
    journal, reader = Journal(), Reader(lambda _: 0)
    journal.add(2)
    journal.failures = 3
    with following(journal, reader):
        assert reader.until(2) == [1, 2]


def test_a_reader_that_fails_for_a_while_loses_nothing_and_keeps_nobody_else_from_anything() -> None:
    journal, well, sick = Journal(), Reader(lambda _: 0), Reader(lambda _: 0, row_2=TRIES - 1)
    journal.add(3)
    with following(journal, sick, well):
        assert well.until(3) == [1, 2, 3]
        assert sick.until(3) == [1, 2, 3]


def test_rows_that_a_reader_never_understands_are_left_out_for_it_alone() -> None:
    journal, well, sick = Journal(), Reader(lambda _: 0), Reader(lambda _: 0, row_2=TRIES)
    journal.add(3)
    with following(journal, sick, well) as tail:
        while sick.fails_at[2]:
            well.until(3)
        journal.add(1)
        tail.tell()
        assert sick.until(4) == [4]
        assert well.until(4) == [1, 2, 3, 4]


def test_a_look_that_fails_stops_nothing() -> None:
    journal, looker = Journal(), Looker()
    with following(journal, looker) as tail:
        for number in range(1, 4):
            journal.add(1)
            tail.tell()
            looker.until(number)


class Slow(Reader):
    """Does what it took a row a round."""

    def __init__(self) -> None:
        super().__init__()
        self.done = 0

    def look(self) -> bool:
        self.done = min(self.done + 1, len(self.took))
        return self.done < len(self.took)


def test_one_that_has_more_to_do_is_called_again_without_news_and_before_the_end() -> None:
    journal, slow = Journal(), Slow()
    with following(journal, slow):
        journal.add(50)
    assert (len(slow.took), slow.done) == (50, 50)


def test_what_was_written_before_the_close_is_read() -> None:
    journal, reader = Journal(), Reader()
    with following(journal, reader):
        journal.add(1)
    assert reader.took == [1]
