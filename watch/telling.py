"""Which rows of the journal are worth an alarm, and in which words.

A row names an order by its id only; what was ordered stands in the row of its intent, which is remembered,
or looked up where the intent is from before this process.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from domain.holdings import ALL
from domain.signals import decimal_text
from persistence.rows import JournalRow
from watch.alarm import Alarm, line_of
from watch.kinds import Kind

REMEMBERED: Final = 5000
"""Intents, and orders whose end was told."""
ENDED: Final = frozenset({"filled", "canceled", "expired", "replaced", "rejected", "done_for_day"})
"""Alpaca's words for an order that will be filled no further today."""

Intent = Mapping[str, Any]
"""The payload of an `order_intended` row."""
FindIntent = Callable[[str], Intent | None]


class Teller:
    """Row by row, oldest first. One thread."""

    def __init__(self, find_intent: FindIntent) -> None:
        """`find_intent` looks up in the journal what the order of this id was to be."""
        self._find_intent = find_intent
        self._intents: OrderedDict[str, Intent] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._by_kind: dict[str, Callable[[JournalRow], tuple[Kind, str] | None]] = {
            "order_intended": self._intended,
            "order_heard": self._heard,
            "order_refused": self._refused,
            "order_lapsed": self._lapsed,
            "order_unresolved": self._unresolved,
            "order_appeared_late": self._late,
            "trade_missed": _missed,
            "trade_closed": _closed,
            "exit_trouble": _unsold,
            "signal_decided": _decided,
            "halted": _halted,
            "halts_cleared": _cleared,
        }

    def alarm_of(self, row: JournalRow) -> Alarm | None:
        """The alarm that this row is; None: it is none."""
        tell = self._by_kind.get(row.kind)
        told = None if tell is None else tell(row)
        return None if told is None else Alarm(told[0], row.at, line_of(told[1]), row.seq)

    def _intended(self, row: JournalRow) -> None:
        self._intents[row.ref] = row.payload
        while len(self._intents) > REMEMBERED:
            self._intents.popitem(last=False)

    def _heard(self, row: JournalRow) -> tuple[Kind, str] | None:
        """The end of a buy that got shares. What a sale brings is told when its trade ends."""
        told = row.payload
        qty = _number(told.get("filled_qty"))
        if told.get("status") not in ENDED or not qty or row.ref in self._ended:
            return None
        self._ended[row.ref] = None
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        intent = self._intent(row.ref)
        if intent.get("side") != "buy":
            return None
        price = _number(told.get("filled_avg_price"))
        paid = "" if price is None else f" at {decimal_text(price)} USD, {_dollars(qty * price)} USD in all"
        short = "" if told["status"] == "filled" else f"; the rest was {told['status']}"
        return Kind.FILL, f"Bought {decimal_text(qty)} {_symbol(intent)}{paid}{_stars(intent)}{short}."

    def _refused(self, row: JournalRow) -> tuple[Kind, str]:
        return Kind.REFUSAL, f"The broker refused {self._order(row.ref)}: {row.payload.get('reason')}"

    def _lapsed(self, row: JournalRow) -> tuple[Kind, str]:
        return Kind.REFUSAL, f"Given up: {self._order(row.ref)}; {row.payload.get('why')}"

    def _unresolved(self, row: JournalRow) -> tuple[Kind, str]:
        return Kind.UNRESOLVED, (
            f"No answer to {self._order(row.ref)} ({row.payload.get('why')}): the broker may have it or not. "
            "It is being looked up, and is not sent twice."
        )

    def _late(self, row: JournalRow) -> tuple[Kind, str]:
        was = row.payload.get("was")
        return (
            Kind.UNRESOLVED,
            f"The broker has {self._order(row.ref)} after all; it had been given up ({was}).",
        )

    def _order(self, client_order_id: str) -> str:
        intent = self._intent(client_order_id)
        if not intent:
            return f"order {client_order_id}"
        verb = {"entry": "the buy of", "exit": "the sale of", "stop": "the protective stop of"}
        return f"{verb.get(str(intent.get('leg')), 'an order of')} {_symbol(intent)} ({client_order_id})"

    def _intent(self, client_order_id: str) -> Intent:
        known = self._intents.get(client_order_id)
        return known if known is not None else self._find_intent(client_order_id) or {}


def _missed(row: JournalRow) -> tuple[Kind, str] | None:
    if row.payload.get("was") not in {"pending", "open"}:
        return None
    return Kind.REFUSAL, f"The buy of {row.payload.get('symbol')} came to nothing; nothing was spent."


def _closed(row: JournalRow) -> tuple[Kind, str]:
    told = row.payload
    pnl, price = _number(told.get("pnl")), _number(told.get("price"))
    at = "" if price is None else f" at {decimal_text(price)} USD"
    brought = "what it brought is not known"
    if pnl is not None:
        brought = f"{'loss' if pnl < 0 else 'gain'} {_dollars(abs(pnl))} USD"
    return Kind.EXIT, f"Sold {told.get('symbol')}{at}, {brought} ({told.get('reason')}, trade {row.ref})."


def _unsold(row: JournalRow) -> tuple[Kind, str]:
    return Kind.UNSOLD, (
        f"{row.payload.get('symbol')} (trade {row.ref}) is not sold: {row.payload.get('why')}. "
        "It is tried again."
    )


def _decided(row: JournalRow) -> tuple[Kind, str] | None:
    told = row.payload
    if told.get("verdict") == "trade":
        return None
    return Kind.DECLINED, f"Signal {row.ref} did not trade: {told.get('reason')}"


def _halted(row: JournalRow) -> tuple[Kind, str]:
    told = row.payload
    what = "Everything" if row.ref == ALL else row.ref
    then = f"python run.py resume {'--all' if row.ref == ALL else row.ref}"
    return Kind.HALT, (
        f"{what} is halted by {told.get('by')}: {told.get('reason')}. "
        f"Nothing is bought until a person says so ({then})."
    )


def _cleared(row: JournalRow) -> tuple[Kind, str]:
    told = row.payload
    what = "everything" if row.ref == ALL else row.ref
    return Kind.HALT, f"The halt of {what} is lifted by {told.get('by')}: {told.get('reason')}"


def _symbol(intent: Intent) -> str:
    return str(intent.get("symbol", "?"))


def _stars(intent: Intent) -> str:
    stars = intent.get("stars")
    return f" ({stars} stars)" if stars else ""


def _number(text: object) -> Decimal | None:
    try:
        return None if text is None else Decimal(str(text))
    except InvalidOperation:
        return None


def _dollars(amount: Decimal) -> str:
    return f"{amount:.2f}"
