import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.oracle import compare, dollars_spent
from domain.orders import Life
from tests.cli.books import Books, an_order, our_id


def told(number: int, kind: str = "fill", **changes: Any) -> dict[str, Any]:
    fields = {"type": kind, "client_order_id": our_id(number), "status": "filled", "cum_qty": "2"}
    return fields | changes


def accepted(number: int, **changes: Any) -> dict[str, Any]:
    return told(number, "accepted", status="new", cum_qty="0", **changes)


def written(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_equal_books_have_no_difference(tmp_path: Path) -> None:
    books = Books(an_order(1), an_order(2, life=Life.REFUSED, status="", filled_qty=Decimal(0)))
    foreign = {"type": "accepted", "client_order_id": "mine", "status": "new", "cum_qty": "0"}
    oracle = written(
        tmp_path / "o", accepted(1), told(1, "partial_fill", cum_qty="1"), told(1, cum_qty="2.0"), foreign
    )
    assert compare(books, oracle) == []


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([accepted(1), accepted(1), told(1)], "accepted 2 times"),
        ([accepted(1), told(1), accepted(7)], "not in the ledger"),
        ([], "unknown to the broker"),
        ([accepted(1), told(1, cum_qty="3")], "2 shares in the ledger and 3 at the broker"),
        ([accepted(1), told(1, "canceled", status="canceled")], "filled in the ledger and canceled"),
    ],
)
def test_a_difference_is_told(tmp_path: Path, lines: list[dict[str, Any]], words: str) -> None:
    [difference] = compare(Books(an_order(1)), written(tmp_path / "o", *lines))
    assert words in difference


def test_dollars_are_bought_shares_times_their_average_price() -> None:
    unfilled = an_order(2, filled_qty=Decimal(0), filled_avg_price=None)
    sold = an_order(3, leg="exit", side="sell")
    assert dollars_spent(Books(an_order(1), unfilled, sold)) == Decimal(100)
