"""The simulator's own account of what was accepted, executed and ended, to check a client's ledger against.

One line of JSON each, in oracle.jsonl; nothing in it is ever changed.

    {"type": "accepted" | "fill" | "partial_fill" | "canceled" | "expired" | "rejected" | "replaced"
             | "done_for_day" | "triggered",
     "seq": the book's number of the event, "at": RFC 3339, "order_id", "client_order_id", "symbol", "side",
     "order_type", "time_in_force", "limit_price", "stop_price", "qty", "notional", "status", "cum_qty",
     "filled_avg_price", "replaces", "replaced_by",
     and of an execution "execution_id", "execution_qty", "price", "position_qty"}
    {"type": "trade_bust", ... as an execution that's undone, "busts": the execution_id it had}
    {"type": "split", "seq", "at", "symbol", "ratio", "old_qty", "new_qty"}
    {"type": "reset", "seq", "at", "account_id"}    all above is of an account that has ended
"""

from collections.abc import Iterable
from pathlib import Path

from simulator.book import Journal
from simulator.clock import rfc3339
from simulator.orders import TERMINAL, Event
from simulator.records import Record, Split
from simulator.wire import optional_number

_ACCEPTED = frozenset({"accepted", "pending_new"})
_TOLD = _ACCEPTED | TERMINAL | {"fill", "partial_fill", "done_for_day", "trade_bust", "triggered"}


class Oracle:
    def __init__(self, folder: Path | None, *, synced: bool = True) -> None:
        self.path = folder / "oracle.jsonl" if folder else None
        self._journal = Journal(self.path, synced=synced)

    def append(self, numbered: Iterable[tuple[int, Record]]) -> None:
        """In the file when this returns, as the book's lines are."""
        told = [_line(seq, record) for seq, record in numbered if _is_told(record)]
        if told:
            self._journal.append(told)

    def catch_up(self, numbered: Iterable[tuple[int, Record]]) -> None:
        """Adds what the book has and a kill kept from this file."""
        known = {line["seq"] for line in self._journal.lines()}
        self.append((seq, record) for seq, record in numbered if seq not in known)

    def lines(self) -> list[dict[str, object]]:
        return self._journal.lines()


def _is_told(record: Record) -> bool:
    return not isinstance(record, Event) or record.kind in _TOLD


def _line(seq: int, record: Record) -> dict[str, object]:
    if isinstance(record, Event):
        line = _line_of_order(record)
    elif isinstance(record, Split):
        line = _line_of_split(record)
    else:
        line = {"type": "reset", "account_id": record.account_id}
    return {**line, "seq": seq, "at": rfc3339(record.at)}


def _line_of_split(split: Split) -> dict[str, object]:
    return {
        "type": "split",
        "symbol": split.symbol,
        "ratio": optional_number(split.ratio),
        "old_qty": optional_number(split.old_qty),
        "new_qty": optional_number(split.new_qty),
    }


def _line_of_order(event: Event) -> dict[str, object]:
    order = event.order
    line: dict[str, object] = {
        "type": "accepted" if event.kind in _ACCEPTED else event.kind,
        "order_id": order.id,
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "order_type": order.type,
        "time_in_force": order.time_in_force,
        "limit_price": optional_number(order.limit_price),
        "stop_price": optional_number(order.stop_price),
        "qty": optional_number(order.qty),
        "notional": optional_number(order.notional),
        "status": order.status,
        "cum_qty": optional_number(order.filled_qty),
        "filled_avg_price": optional_number(order.filled_avg_price),
        "replaces": order.replaces,
        "replaced_by": order.replaced_by,
    }
    if event.execution:
        line["execution_id"] = event.execution.execution_id
        line["execution_qty"] = optional_number(event.execution.qty)
        line["price"] = optional_number(event.execution.price)
        line["position_qty"] = optional_number(event.execution.position_qty)
        if event.execution.busts:
            line["busts"] = event.execution.busts
    return line
