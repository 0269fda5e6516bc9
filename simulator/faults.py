"""Faults on order: a plan of what goes wrong next, in HTTP replies and on the stream.

    {"match": {"method": "POST", "path": "/v2/orders", "n": 1}, "act": "delay", "seconds": 2}

`path` may hold `*`; what isn't given matches all. `n`: how many times (1), null for as long as
the plan stands; `skip`: let so many pass first. The first entry that matches a request, or a stream event,
is the one applied.

An HTTP act wraps the handler of the request; a stream act turns the frame about to be sent into other frames.
To add one, write the function and name it in the table at its section's end.

    accept_then_drop, rst_after         processed, then the connection ends or is reset without a reply
    rst_before                          reset before anything is processed
    delay, delay_reply {seconds}        slow before it's processed, or after
    status {status, body, headers}      answered so, not processed;  status_after: processed first
    body {body}                         processed, answered with garbage | truncated | html | empty
    fill_before_reply                   the order's events leave before the reply
    ws_refuse {status}                  the stream's handshake is answered so (429)
    ws_drop_event, ws_dup               a frame is lost, or comes twice:  match: {"event": "fill", "n": 1}
    ws_null_data                        a frame with null data comes before it
    ws_unknown_event {name}             a copy with an event nobody knows comes before it
    ws_unknown_status {name}            its order has a status nobody knows
    ws_no_execution_id                  its execution_id is null
    ws_mute                             connected and silent until the plan is cleared
    ws_close {code}                     in place of the matched event; at once when no event is named
"""

import asyncio
import copy
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Final, cast

from aiohttp import web

from simulator.desk import DESK

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Frame = dict[str, object]


@dataclass(frozen=True)
class Close:
    """Sent in a frame's place: the connection is closed with this code."""

    code: int


Outgoing = Frame | Close
_HEAD_START_S = 0.1  # time for the frames to be read before the reply is
_HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass(kw_only=True)
class Fault:
    act: str
    method: str = "*"
    path: str = "*"
    event: str = "*"
    n: int | None = 1
    skip: int = 0
    options: Mapping[str, object] = field(default_factory=dict)

    def applies(self) -> bool:
        """Counts the use. True if this occurrence is one of the n."""
        if self.skip:
            self.skip -= 1
            return False
        if self.n is not None:
            self.n -= 1
        return True

    def seconds(self) -> float:
        return float(cast("float", self.options.get("seconds", 1)))

    def body(self) -> dict[str, object]:
        """As `GET /_sim/faults` shows it; n is what is left."""
        match = {
            "method": self.method,
            "path": self.path,
            "event": self.event,
            "n": self.n,
            "skip": self.skip,
        }
        return {"match": match, "act": self.act, **self.options}


_DEFAULTS: Final[Mapping[str, Mapping[str, object]]] = {"ws_refuse": {"status": 429}}
_MATCHES: Final[Mapping[str, Mapping[str, object]]] = {
    "fill_before_reply": {"method": "POST", "path": "/v2/orders"},
    "ws_refuse": {"path": "/stream"},
    "ws_mute": {"n": None},
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

    def for_event(self, kind: str) -> Fault | None:
        for fault in self._faults:
            fits = fnmatchcase(kind, fault.event)
            if fault.act in STREAM_ACTS and fits and fault.n != 0 and fault.applies():
                return fault
        return None


# HTTP acts


async def accept_then_drop(_: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    reply = await handler(request)
    if request.transport:
        request.transport.close()
    return reply


async def delay(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    await asyncio.sleep(fault.seconds())
    return await handler(request)


async def delay_reply(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    reply = await handler(request)
    await asyncio.sleep(fault.seconds())
    return reply


async def status(fault: Fault, _: web.Request, __: Handler) -> web.StreamResponse:
    return _told(fault)


async def status_after(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    await handler(request)
    return _told(fault)


async def body(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    reply = await handler(request)
    sent = reply.body if isinstance(reply, web.Response) else b""
    whole = sent if isinstance(sent, bytes) else b""
    spoiled = {
        "garbage": (b"\x00\xff\x13" + whole[::-1], "application/json"),
        "truncated": (whole[: len(whole) // 2], "application/json"),
        "html": (_HTML.encode(), "text/html"),
        "empty": (b"", "application/json"),
    }
    content, kind = spoiled[str(fault.options.get("body", "garbage"))]
    return web.Response(status=reply.status, body=content, content_type=kind)


async def rst_before(_: Fault, request: web.Request, __: Handler) -> web.StreamResponse:
    _reset(request)
    return web.Response()


async def rst_after(_: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    reply = await handler(request)
    _reset(request)
    return reply


async def fill_before_reply(_: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    reply = await handler(request)
    if reply.status == HTTPStatus.OK and isinstance(reply, web.Response):
        request.app[DESK].run_now(json.loads(reply.text or "")["id"])
        await asyncio.sleep(_HEAD_START_S)
    return reply


HTTP_ACTS: Final[Mapping[str, Callable[[Fault, web.Request, Handler], Awaitable[web.StreamResponse]]]] = {
    "accept_then_drop": accept_then_drop,
    "delay": delay,
    "delay_reply": delay_reply,
    "status": status,
    "status_after": status_after,
    "body": body,
    "rst_before": rst_before,
    "rst_after": rst_after,
    "fill_before_reply": fill_before_reply,
    "ws_refuse": status,
}


# Stream acts


def ws_drop_event(_: Fault, __: Frame) -> list[Outgoing]:
    return []


def ws_dup(_: Fault, frame: Frame) -> list[Outgoing]:
    return [frame, frame]


def ws_null_data(_: Fault, frame: Frame) -> list[Outgoing]:
    return [{"stream": "trade_updates", "data": None}, frame]


def ws_unknown_event(fault: Fault, frame: Frame) -> list[Outgoing]:
    stranger = copy.deepcopy(frame)
    data = cast("Frame", stranger["data"])
    data["event"] = fault.options.get("name", "held_for_review")
    return [stranger, frame]


def ws_unknown_status(fault: Fault, frame: Frame) -> list[Outgoing]:
    changed = copy.deepcopy(frame)
    order = cast("Frame", cast("Frame", changed["data"])["order"])
    order["status"] = fault.options.get("name", "under_review")
    return [changed]


def ws_no_execution_id(_: Fault, frame: Frame) -> list[Outgoing]:
    changed = copy.deepcopy(frame)
    cast("Frame", changed["data"])["execution_id"] = None
    return [changed]


def ws_close(fault: Fault, _: Frame) -> list[Outgoing]:
    return [close_of(fault)]


STREAM_ACTS: Final[Mapping[str, Callable[[Fault, Frame], list[Outgoing]]]] = {
    "ws_drop_event": ws_drop_event,
    "ws_mute": ws_drop_event,
    "ws_dup": ws_dup,
    "ws_null_data": ws_null_data,
    "ws_unknown_event": ws_unknown_event,
    "ws_unknown_status": ws_unknown_status,
    "ws_no_execution_id": ws_no_execution_id,
    "ws_close": ws_close,
}


def close_of(fault: Fault) -> Close:
    return Close(int(cast("int", fault.options.get("code", 1011))))


def read_fault(entry: Mapping[str, object]) -> Fault:
    """Raises ValueError for an entry it can't read."""
    options = {**_DEFAULTS.get(str(entry.get("act")), {}), **entry}
    act, match = str(options.pop("act", None)), options.pop("match", {})
    if act not in HTTP_ACTS and act not in STREAM_ACTS:
        raise ValueError(f"no such act: {act}; there are {', '.join(sorted({*HTTP_ACTS, *STREAM_ACTS}))}")
    if not isinstance(match, dict) or not set(match) <= {"method", "path", "event", "n", "skip"}:
        raise ValueError("match takes method, path, event, n and skip")
    if act in {"status", "status_after"} and not isinstance(options.get("status"), int):
        raise ValueError(f"{act} needs a status")
    if act == "body" and options.get("body", "garbage") not in {"garbage", "truncated", "html", "empty"}:
        raise ValueError("body is one of garbage, truncated, html, empty")
    return Fault(act=act, options=options, **{**_MATCHES.get(act, {}), **match})


def _told(fault: Fault) -> web.Response:
    told = fault.options.get("body", {"message": "fault on order"})
    text = told if isinstance(told, str) else json.dumps(told)
    headers = cast("Mapping[str, str]", fault.options.get("headers", {}))
    kind = None if "Content-Type" in headers else "application/json"
    return web.Response(
        status=int(cast("int", fault.options["status"])), text=text, headers=headers, content_type=kind
    )


def _reset(request: web.Request) -> None:
    """Closes with a TCP reset: a linger of zero seconds throws unsent data away."""
    if request.transport:
        request.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        request.transport.abort()
