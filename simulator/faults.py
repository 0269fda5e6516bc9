"""Faults on order: a plan of what goes wrong next, in HTTP replies and on the stream.

    {"match": {"method": "POST", "path": "/v2/orders", "n": 1}, "act": "delay", "seconds": 2}

`path` may hold `*`; what isn't given matches all. `n`: how many times (1), null for as long as
the plan stands; `skip`: let so many pass first. The first entry that matches a request, or a stream event,
is the one applied.

    accept_then_drop, rst_after         processed, then the connection ends or is reset without a reply
    rst_before                          reset before anything is processed
    delay, delay_reply {seconds}        slow before it's processed, or after
    status {status, body, headers}      answered so, not processed;  status_after: processed first
    drip {bytes_per_s}                  processed, its body sent byte by byte
    body {body}                         processed, answered with garbage | truncated | html | empty
    fill_before_reply                   the order's events leave before the reply
    ws_refuse {status}                  the stream's handshake is answered so (429)
    ws_drop_event, ws_dup               a frame is lost, or comes twice:  match: {"event": "fill", "n": 1}
    ws_null_data                        a frame with null data comes before it
    ws_unknown_event {name}             a copy with an event nobody knows comes before it
    ws_unknown_status {name}            its order has a status nobody knows
    ws_no_execution_id                  its execution_id is null
    ws_reorder                          it's sent after the next one
    ws_half_frame                       half of its bytes are sent, and nothing after them
    ws_never_pong                       pings stay unanswered until the plan is cleared
    ws_mute                             connected and silent until the plan is cleared
    ws_close {code}                     in place of the matched event; at once when no event is named
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from types import UnionType
from typing import Final

from simulator.acts import HTTP_ACTS, NEVER_PONG, STREAM_ACTS, Fault

_DEFAULTS: Final[Mapping[str, Mapping[str, object]]] = {"ws_refuse": {"status": 429}}
_MATCH: Final[Mapping[str, UnionType | type]] = {
    "method": str,
    "path": str,
    "event": str,
    "n": int | None,
    "skip": int,
}
_ACTS: Final = frozenset({*HTTP_ACTS, *STREAM_ACTS, NEVER_PONG})
_SPOILED: Final = ("garbage", "truncated", "html", "empty")
_MATCHES: Final[Mapping[str, Mapping[str, object]]] = {
    "fill_before_reply": {"method": "POST", "path": "/v2/orders"},
    "ws_refuse": {"path": "/stream"},
    "ws_mute": {"n": None},
    NEVER_PONG: {"n": None},
}


class Plan:
    """Used on the loop's thread."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def body(self) -> list[dict[str, object]]:
        return [fault.body() for fault in self._faults]

    def for_request(self, method: str, path: str) -> Fault | None:
        for fault in self._faults:
            fits = fnmatchcase(method, fault.method) and fnmatchcase(path, fault.path)
            if fault.act in HTTP_ACTS and fits and fault.n != 0 and fault.applies():
                return fault
        return None

    def for_ping(self) -> Fault | None:
        for fault in self._faults:
            if fault.act == NEVER_PONG and fault.n != 0 and fault.applies():
                return fault
        return None

    def for_event(self, kind: str) -> Fault | None:
        for fault in self._faults:
            fits = fnmatchcase(kind, fault.event)
            if fault.act in STREAM_ACTS and fits and fault.n != 0 and fault.applies():
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
    return Fault(act=act, options=options, **{**_MATCHES.get(act, {}), **match})


def _check_options(act: str, options: Mapping[str, object]) -> None:
    if act in {"status", "status_after", "ws_refuse"} and not isinstance(options.get("status"), int):
        raise ValueError(f"{act} needs a status")
    if act == "body" and options.get("body", "garbage") not in _SPOILED:
        raise ValueError(f"body is one of {', '.join(_SPOILED)}")
    for name in ("seconds", "bytes_per_s"):
        value = options.get(name, 1)
        if not isinstance(value, int | float) or value <= 0:
            raise ValueError(f"{name} is a number above 0")
