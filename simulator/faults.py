"""Faults on order: a plan of what goes wrong next, in HTTP replies, on the stream and at the broker itself.

    {"match": {"method": "POST", "path": "/v2/orders", "n": 1}, "act": "delay", "seconds": 2}

`path` may hold `*`; what isn't given matches all. `n`: how many times (1), null for as long as
the plan stands; `skip`: let so many pass first. The first entry that matches a request, or a stream event,
is the one applied.

To a request (http_acts.py):

    accept_then_drop, rst_after         processed, then the connection ends or is reset without a reply
    rst_before                          reset before anything is processed
    delay, delay_reply {seconds}        slow before it's processed, or after
    status {status, body, headers}      answered so, not processed;  status_after: processed first
    drip {bytes_per_s}                  processed, its body sent byte by byte
    body {body}                         processed, answered with garbage | truncated | html | empty
    fill_before_reply                   the order's events leave before the reply
    ws_refuse {status}                  the stream's handshake is answered so (429)

To a frame of the stream (stream_acts.py):

    ws_drop_event, ws_dup               a frame is lost, or comes twice:  match: {"event": "fill", "n": 1}
    ws_null_data                        a frame with null data comes before it
    ws_unknown_event {name}             a copy with an event nobody knows comes before it
    ws_unknown_status {name}            its order has a status nobody knows
    ws_no_execution_id                  its execution_id is null
    ws_wrong_position {by}              the position_qty of a fill is wrong by so many shares
    ws_reorder                          it's sent after the next one
    ws_half_frame                       half of its bytes are sent, and nothing after them
    ws_never_pong                       pings stay unanswered until the plan is cleared
    ws_mute                             connected and silent until the plan is cleared
    ws_close {code}                     in place of the matched event; without one as the acts below

At the broker (broker_acts.py): at once, or with a `match` just before a request that matches is processed.
What lasts ends when the plan is cleared.

    auth_revoke {streams}               the keys are bad from here on; streams are closed too (true)
    halt_symbol {symbol}                orders in it are taken and rest. For an asset that isn't tradable:
                                        /_sim/assets
    external_order {order}              somebody else's order on this account; if no type is given, at the
                                        market
    split {symbol, ratio}               with "2" two new shares for each old one, and the price pinned at
                                        half; told by two SPLIT activities and no event; open orders stay as
                                        they are
    trade_bust {id | client_order_id}   the order's last execution is undone: event, order, position and a
                                        FILL activity of type trade_bust; what was bought must still be held
    clock_offset {seconds}              the simulator's time is off by so much; a negative number is late
    restart {book, account, down_s}     all connections drop, that of the request too, and the book is read
                                        anew. book: kept | empty, the account begins anew; account: same |
                                        new, then under another id; down_s: nobody can connect for so long (0)
    zombie_slot {seconds, status}       handshakes on /stream are refused (429) for so long (90); connected
                                        streams stay. One stream at a time: switch stream_connections

For instance, a lookup that misses an order that exists, and keys revoked on the third order:

    {"match": {"path": "/v2/orders:by_client_order_id"}, "act": "status", "status": 404,
     "body": {"code": 40410000, "message": "order not found"}}
    {"match": {"method": "POST", "path": "/v2/orders", "skip": 2}, "act": "auth_revoke"}
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from types import UnionType
from typing import Final

from simulator import assets
from simulator.broker_acts import BROKER_ACTS
from simulator.fault import Fault
from simulator.http_acts import HTTP_ACTS
from simulator.stream_acts import NEVER_PONG, STREAM_ACTS

_DEFAULTS: Final[Mapping[str, Mapping[str, object]]] = {
    "ws_refuse": {"status": 429},
    "ws_wrong_position": {"by": "1"},
    "zombie_slot": {"seconds": 90, "status": 429},
}
_MATCH: Final[Mapping[str, UnionType | type]] = {
    "method": str,
    "path": str,
    "event": str,
    "n": int | None,
    "skip": int,
}
_ACTS: Final = frozenset({*HTTP_ACTS, *STREAM_ACTS, *BROKER_ACTS, NEVER_PONG})
_MATCHES: Final[Mapping[str, Mapping[str, object]]] = {
    "fill_before_reply": {"method": "POST", "path": "/v2/orders"},
    "ws_refuse": {"path": "/stream"},
    "ws_wrong_position": {"event": "*fill"},
    "ws_mute": {"n": None},
    NEVER_PONG: {"n": None},
}
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "status": ("status",),
    "status_after": ("status",),
    "halt_symbol": ("symbol",),
    "external_order": ("order",),
    "split": ("symbol", "ratio"),
    "clock_offset": ("seconds",),
}
_CHOICES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("body", "body"): ("garbage", "truncated", "html", "empty"),
    ("restart", "book"): ("kept", "empty"),
    ("restart", "account"): ("same", "new"),
}


class Plan:
    """Used on the loop's thread."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        """Ends what lasts, the latest first."""
        faults, self._faults = self._faults, []
        for fault in reversed(faults):
            if fault.undo:
                fault.undo()

    def body(self) -> list[dict[str, object]]:
        return [fault.body() for fault in self._faults]

    def due(self, method: str, path: str) -> list[Fault]:
        """What is done at the broker before this request is processed."""
        return [
            fault
            for fault in self._faults
            if fault.at_broker
            and not fault.at_once
            and _fits(fault, method, path)
            and fault.n != 0
            and fault.applies()
        ]

    def for_request(self, method: str, path: str) -> Fault | None:
        for fault in self._faults:
            if fault.act in HTTP_ACTS and _fits(fault, method, path) and fault.n != 0 and fault.applies():
                return fault
        return None

    def for_ping(self) -> Fault | None:
        for fault in self._faults:
            if fault.act == NEVER_PONG and fault.n != 0 and fault.applies():
                return fault
        return None

    def for_event(self, kind: str) -> Fault | None:
        for fault in self._faults:
            fits = fault.act in STREAM_ACTS and not fault.at_broker and fnmatchcase(kind, fault.event)
            if fits and fault.n != 0 and fault.applies():
                return fault
        return None


def read_fault(entry: object) -> Fault:
    """Raises ValueError for an entry it can't read."""
    if not isinstance(entry, dict):
        raise ValueError("an entry is an object with match and act")  # noqa: TRY004 - read like the rest
    options = {**_DEFAULTS.get(str(entry.get("act")), {}), **entry}
    act, match = str(options.pop("act", None)), options.pop("match", {})
    if act not in _ACTS:
        raise ValueError(f"no such act: {act}; there are {', '.join(sorted(_ACTS))}")
    if not isinstance(match, dict) or any(_MATCH.get(name) is None for name in match):
        raise ValueError(f"match takes {', '.join(_MATCH)}")
    for name, value in match.items():
        if not isinstance(value, _MATCH[name]):
            raise ValueError(f"match: {name} can't be {value!r}")  # noqa: TRY004 - read like the rest
    _check_options(act, options)
    at_broker = act in BROKER_ACTS and "event" not in match
    at_once = at_broker and not match
    told = {**_MATCHES.get(act, {}), **match, **({"n": 0} if at_once else {})}
    return Fault(act=act, options=options, at_broker=at_broker, at_once=at_once, **told)


def _fits(fault: Fault, method: str, path: str) -> bool:
    return fnmatchcase(method, fault.method) and fnmatchcase(path, fault.path)


def _check_options(act: str, options: Mapping[str, object]) -> None:
    for name in _NEEDS.get(act, ()):
        if name not in options:
            raise ValueError(f"{act} needs {name}")
    for (of, name), allowed in _CHOICES.items():
        if of == act and options.get(name, allowed[0]) not in allowed:
            raise ValueError(f"{name} is one of {', '.join(allowed)}")
    if not isinstance(options.get("status", 0), int):
        raise ValueError("status is a whole number")  # noqa: TRY004 - read like the rest
    if "symbol" in options and not assets.exists(str(options["symbol"])):
        raise ValueError(f"there is no {options['symbol']}")
    if act == "trade_bust" and not (options.get("id") or options.get("client_order_id")):
        raise ValueError("trade_bust needs id or client_order_id")
    if act == "external_order" and not isinstance(options["order"], dict):
        raise ValueError("order is an object as for /v2/orders")
    _check_numbers(act, options)


def _check_numbers(act: str, options: Mapping[str, object]) -> None:
    for name in ("seconds", "bytes_per_s", "down_s"):
        value = options.get(name, 1)
        if not isinstance(value, int | float | Decimal):
            raise ValueError(f"{name} is a number")  # noqa: TRY004 - read like the rest
        if act != "clock_offset" and (value < 0 or (value == 0 and name != "down_s")):
            raise ValueError(f"{name} is a number above 0")
    for name in ("ratio", "by"):
        value = options.get(name, "1")
        try:
            read = Decimal(value) if isinstance(value, str | int) else Decimal("NaN")
        except InvalidOperation:
            read = Decimal("NaN")
        if not read.is_finite() or (name == "ratio" and read <= 0):
            raise ValueError(f'{name} is a number, spelled as text: "2"')
