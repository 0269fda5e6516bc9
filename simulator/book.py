"""The durable book: every event of every order, and what else befalls the account.

Each is appended as one line of JSON and synced before it's answered, unless it's a book for play.

After a kill the last line may be torn; its order was never answered 200, so it's cut off.
"""

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar, cast

from simulator.orders import Event, Execution, Order
from simulator.records import Record, Reset, Split

DECIMALS: Final = frozenset(
    {
        "qty",
        "notional",
        "limit_price",
        "stop_price",
        "filled_qty",
        "filled_cost",
        "price",
        "cum_qty",
        "leaves_qty",
    }
    | {"position_qty", "ratio", "old_qty", "new_qty", "cost"}
)
Row = TypeVar("Row", Order, Execution, Split, Reset)


class Journal:
    """Lines of JSON in a file, or in memory when there's no path. One writer."""

    def __init__(self, path: Path | None, *, synced: bool) -> None:
        self._path = path
        self._synced = synced
        self._memory: list[bytes] = []

    def append(self, records: Iterable[Mapping[str, object]]) -> None:
        """In the file when this returns, and there for good if it's synced."""
        lines = [json.dumps(record, sort_keys=True).encode() + b"\n" for record in records]
        if self._path is None:
            self._memory.extend(lines)
            return
        with self._path.open("ab") as file:
            file.writelines(lines)
            file.flush()
            if self._synced:
                os.fsync(file.fileno())

    def lines(self) -> list[dict[str, object]]:
        """Comes before any append: it makes the file, and heals what a kill has left."""
        if self._path:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _cut_torn_line(self._path)
        raw = self._path.read_bytes().splitlines() if self._path else self._memory
        return [json.loads(line) for line in raw]


class Book:
    """Numbers the records from 1; the number is also the oracle's, so that the two compare."""

    def __init__(self, folder: Path | None, *, synced: bool = True) -> None:
        self._journal = Journal(folder / "book.jsonl" if folder else None, synced=synced)
        self._length = 0

    def read(self) -> tuple[list[tuple[int, Record]], int]:
        """The records with their numbers, and where ids go on. Comes before any append."""
        lines = self._journal.lines()
        self._length = len(lines)
        numbered = [(cast("int", line["seq"]), _record(line)) for line in lines]
        return numbered, cast("int", lines[-1]["ids"]) if lines else 0

    def append(self, records: Iterable[Record], *, id_count: int) -> list[tuple[int, Record]]:
        """The records with their numbers, durable. `id_count` is where ids go on after a restart."""
        numbered = list(enumerate(records, start=self._length + 1))
        self._journal.append({"seq": number, "ids": id_count, **_line(record)} for number, record in numbered)
        self._length += len(numbered)
        return numbered


def _cut_torn_line(path: Path) -> None:
    path.touch()
    with path.open("rb+") as file:
        file.truncate(file.read().rfind(b"\n") + 1)


def _line(record: Record) -> dict[str, object]:
    if isinstance(record, Split):
        return {"kind": "split", **_plain(record)}
    if isinstance(record, Reset):
        return {"kind": "reset", **_plain(record)}
    return {
        "kind": record.kind,
        "at": record.at,
        "execution_id": record.execution_id,
        "order": _plain(record.order),
        "execution": _plain(record.execution) if record.execution else None,
    }


def _plain(row: Order | Execution | Split | Reset) -> dict[str, object]:
    fields = ((each.name, getattr(row, each.name)) for each in dataclasses.fields(row))
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in fields}


def _record(line: Mapping[str, object]) -> Record:
    plain = {name: value for name, value in line.items() if name not in {"seq", "ids", "kind"}}
    if line["kind"] == "split":
        return _row(Split, plain)
    if line["kind"] == "reset":
        return _row(Reset, plain)
    execution = cast("dict[str, object] | None", line["execution"])
    return Event(
        kind=cast("str", line["kind"]),
        at=cast("int", line["at"]),
        execution_id=cast("str | None", line["execution_id"]),
        order=_row(Order, cast("dict[str, object]", line["order"])),
        execution=_row(Execution, execution) if execution else None,
    )


def _row(kind: type[Row], plain: Mapping[str, object]) -> Row:
    read = {
        name: Decimal(value) if name in DECIMALS and isinstance(value, str) else value
        for name, value in plain.items()
    }
    return kind(**read)  # type: ignore[arg-type]  # what _plain wrote of the same row
