"""One match is kept once, however many tell of it, and by its best witness."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from itertools import permutations
from typing import Literal

import pytest

from persistence import executions_table, holdings_table
from persistence.queries import Queries
from persistence.rows import ExecutionRow
from persistence.store import LedgerStore
from tests.persistence.making import an_execution, planned

Source = Literal["stream", "activity", "inferred"]


def told(cid: str, name: str, source: Source, after: str = "10") -> ExecutionRow:
    return an_execution(cid, name).model_copy(update={"source": source, "filled_qty_after": Decimal(after)})


def names(queries: Queries, cid: str) -> list[str]:
    return [row.execution.execution_id for row in queries.executions_of(cid)]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_best_witness_of_a_match_stays_in_whatever_order_they_come(
    store: LedgerStore, queries: Queries, order: tuple[int, ...], together: bool
) -> None:
    _, cid = planned(store)
    rows = [told(cid, "e", "stream", "10.0"), told(cid, "a", "activity"), told(cid, "i", "inferred", "10.00")]
    shuffled = [rows[index] for index in order]
    for batch in [shuffled] if together else [[row] for row in shuffled]:
        with store.unit() as unit:
            unit.add_executions(batch)
    assert queries.executions_of(cid) == (rows[0],)


def test_the_history_takes_the_place_of_what_was_inferred(store: LedgerStore, queries: Queries) -> None:
    _, cid = planned(store)
    with store.unit() as unit:
        unit.add_executions([told(cid, "i10", "inferred"), told(cid, "i12", "inferred", "12.5")])
        unit.add_executions([told(cid, "a4", "activity", "4"), told(cid, "a10", "activity", "10.000")])
        unit.add_executions([told(cid, "i10", "inferred")])
    assert names(queries, cid) == ["a10", "a4", "i12"]


def test_the_same_fill_of_another_order_is_another_match(store: LedgerStore, queries: Queries) -> None:
    _, one = planned(store, "s1")
    _, other = planned(store, "s2", symbol="KO")
    with store.unit() as unit:
        unit.add_executions([told(one, "i1", "inferred"), told(other, "i2", "inferred")])
        unit.add_executions([told(one, "e1", "stream")])
    assert (names(queries, one), names(queries, other)) == (["e1"], ["i2"])


def test_two_matches_that_the_stream_tells_are_both_kept(store: LedgerStore, queries: Queries) -> None:
    """A bust and a new fill lead to the same cumulative fill twice."""
    _, cid = planned(store)
    with store.unit() as unit:
        unit.add_executions([told(cid, "e1", "stream"), told(cid, "e2", "stream")])
    assert names(queries, cid) == ["e1", "e2"]


@pytest.mark.parametrize(
    "question",
    [
        executions_table._DROP_FROM_READ,
        executions_table._DROP_INFERRED,
        executions_table._ADD_FROM_READ,
        holdings_table._OPEN_EXTERNAL,
        holdings_table._EXTERNAL_OF,
        holdings_table._HOLDINGS_OF,
        holdings_table._DROP_EXTERNAL,
    ],
)
def test_what_is_asked_while_trading_never_reads_a_whole_table(store: LedgerStore, question: str) -> None:
    with closing(sqlite3.connect(store.path)) as connection:
        nothing = (None,) * (9 if "?9" in question else question.count("?"))
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {question}", nothing)]
    assert plan
    scans = [step for step in plan if step.startswith("SCAN") and "json_each" not in step]
    assert [step for step in scans if step != "SCAN CONSTANT ROW"] == []
    if question.startswith("DELETE FROM execution"):
        assert [step for step in plan if "execution_not_streamed" in step] != []
