"""The journal is followed from any row on, and looked through by kind and by what it is about."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from domain.config import BotConfig
from domain.settings_text import SettingChange
from persistence.queries import JournalQueries
from persistence.rows import JournalRow
from persistence.store import LedgerStore
from tests.persistence.making import NOW
from tests.persistence.plans import plan, statements


@pytest.fixture
def journal(store: LedgerStore) -> JournalQueries:
    return JournalQueries(store)


@pytest.fixture
def five(store: LedgerStore) -> LedgerStore:
    """Five rows: a and b about x and y in turn."""
    with store.unit() as unit:
        for number in range(1, 6):
            kind, ref = "ab"[number % 2], "xy"[number % 2] if number < 5 else "x"
            unit.journal(kind, ref, {"number": number, "price": Decimal("1.50")}, at=NOW)
    return store


def seqs(rows: tuple[JournalRow, ...]) -> list[int]:
    return [row.seq for row in rows]


def test_an_empty_journal_has_nothing_to_tell(journal: JournalQueries) -> None:
    assert journal.newest_seq() == 0
    assert journal.after(0, limit=10) == ()
    assert (journal.page(limit=10).items, journal.page(limit=10).next) == ((), None)


def test_it_is_followed_from_any_row_on_oldest_first(five: LedgerStore, journal: JournalQueries) -> None:
    assert journal.newest_seq() == 5
    assert seqs(journal.after(0, limit=100)) == [1, 2, 3, 4, 5]
    assert seqs(journal.after(2, limit=2)) == [3, 4]
    assert journal.after(5, limit=100) == journal.after(99, limit=100) == ()


def test_a_row_tells_what_was_journaled(five: LedgerStore, journal: JournalQueries) -> None:
    [row] = journal.after(3, limit=1)
    assert row == JournalRow(seq=4, at=NOW, kind="a", ref="x", payload={"number": 4, "price": "1.50"})
    assert JournalRow.model_validate(row.model_dump()) == row


@pytest.mark.parametrize(
    ("kind", "ref", "expected"),
    [
        (None, None, [5, 4, 3, 2, 1]),
        ("b", None, [5, 3, 1]),
        (None, "x", [5, 4, 2]),
        ("b", "x", [5]),
        ("a", "y", []),
        ("none such", None, []),
        (None, "x' OR 1=1 --", []),
    ],
)
def test_pages_are_newest_first_and_of_what_was_asked(
    five: LedgerStore, journal: JournalQueries, kind: str | None, ref: str | None, expected: list[int]
) -> None:
    whole = journal.page(limit=100, kind=kind, ref=ref)
    assert (seqs(whole.items), whole.next) == (expected, None)
    walked: list[int] = []
    page = journal.page(limit=1, kind=kind, ref=ref)
    walked += seqs(page.items)
    while page.next is not None:
        page = journal.page(limit=1, kind=kind, ref=ref, cursor=page.next)
        walked += seqs(page.items)
    assert walked == expected


def test_rows_that_come_meanwhile_shift_no_page(five: LedgerStore, journal: JournalQueries) -> None:
    first = journal.page(limit=2)
    with five.unit() as unit:
        unit.journal("a", "z", {}, at=NOW)
    assert seqs(journal.page(limit=2, cursor=first.next).items) == [3, 2]


def test_a_cursor_of_another_list_is_refused(five: LedgerStore, journal: JournalQueries) -> None:
    with pytest.raises(ValueError, match="cursor"):
        journal.page(limit=1, cursor="dDE")


@pytest.mark.parametrize(
    ("kind", "ref", "step"),
    [
        ("b", None, "SEARCH journal USING COVERING INDEX journal_by_kind (kind=?)"),
        (None, "x", "SEARCH journal USING COVERING INDEX journal_by_kind (kind=? AND ref=?)"),
        ("b", "x", "SEARCH journal USING COVERING INDEX journal_by_kind (kind=? AND ref=?)"),
        (None, None, "SEARCH journal USING INTEGER PRIMARY KEY (rowid<?)"),
    ],
)
def test_no_page_is_looked_for_row_by_row(
    five: LedgerStore, journal: JournalQueries, kind: str | None, ref: str | None, step: str
) -> None:
    with statements(five) as ran:
        journal.page(limit=2, kind=kind, ref=ref)
    [sql] = ran
    steps = plan(five, sql)
    assert step in steps
    assert [each for each in steps if each.startswith("SCAN") and each != "SCAN kinds"] == []


@pytest.mark.parametrize("read", [lambda j: j.newest_seq(), lambda j: j.after(3, limit=2)])
def test_following_it_reads_the_last_rows_only(
    five: LedgerStore, journal: JournalQueries, read: Callable[[JournalQueries], object]
) -> None:
    with statements(five) as ran:
        read(journal)
    [sql] = ran
    assert [step.partition(" USING")[0] for step in plan(five, sql)] == ["SEARCH journal"]


def test_the_settings_history_tells_who_set_what_in_the_words_of_the_settings(
    store: LedgerStore, journal: JournalQueries
) -> None:
    changed = BotConfig(trade_size_stars_5=Decimal("99.5"), denied_symbols=("GME", "AMC"))
    with store.unit() as unit:
        unit.save_config(changed, at=NOW, by="cli")
    with store.unit() as unit:
        unit.journal("halted", "all", {}, at=NOW)
        unit.save_config(changed.model_copy(update={"protective_stop": True}), at=NOW, by="api")
    second, first = journal.config_changes(limit=9).items
    assert (second.seq, second.by, second.at) == (3, "api", NOW)
    assert second.changes == (SettingChange(key="protective_stop", old="false", new="true"),)
    assert first.by == "cli"
    assert first.changes == (
        SettingChange(key="trade_size_stars_5", old="100", new="99.5"),
        SettingChange(key="denied_symbols", old="", new="GME,AMC"),
    )
