"""What a fault does, by the name of its act.

An HTTP act wraps the handler of the request; a stream act turns the frame about to be sent into other frames.
To add one, write the function and name it in HTTP_ACTS or STREAM_ACTS.
"""

import asyncio
import copy
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Half:
    """Only the first half of the frame's bytes is sent, and nothing after it."""

    frame: Frame


@dataclass(frozen=True)
class Later:
    """The frame is sent after the next one."""

    frame: Frame


Outgoing = Frame | Close | Half | Later
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


async def drip(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    reply = await handler(request)
    content = _content(reply)
    slow = web.StreamResponse(status=reply.status, headers=reply.headers)
    slow.content_length = len(content)
    await slow.prepare(request)
    pause = 1 / float(cast("float", fault.options.get("bytes_per_s", 10)))
    for each in content:
        await asyncio.sleep(pause)
        await slow.write(bytes([each]))
    await slow.write_eof()
    return slow


async def body(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    reply = await handler(request)
    whole = _content(reply)
    spoiled = {
        "garbage": (b"\x00\xff\x13" + whole[::-1], "application/json"),
        "truncated": (whole[: len(whole) // 2], "application/json"),
        "html": (_HTML.encode(), "text/html"),
        "empty": (b"", "application/json"),
    }
    content, kind = spoiled[str(fault.options.get("body", "garbage"))]
    return web.Response(status=reply.status, body=content, content_type=kind)


async def rst_before(_: Fault, request: web.Request, __: Handler) -> web.StreamResponse:
    await (
        request.read()
    )  # else the reset may meet a client that is still sending, and look like a plain close
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
    "drip": drip,
    "body": body,
    "rst_before": rst_before,
    "rst_after": rst_after,
    "fill_before_reply": fill_before_reply,
    "ws_refuse": status,
}


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


def ws_reorder(_: Fault, frame: Frame) -> list[Outgoing]:
    return [Later(frame)]


def ws_half_frame(_: Fault, frame: Frame) -> list[Outgoing]:
    return [Half(frame)]


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
    "ws_reorder": ws_reorder,
    "ws_half_frame": ws_half_frame,
    "ws_close": ws_close,
}


def close_of(fault: Fault) -> Close:
    return Close(int(cast("int", fault.options.get("code", 1011))))


NEVER_PONG: Final = "ws_never_pong"
"""The one act that answers neither a request nor an event: pings stay without their pong."""


def _content(reply: web.StreamResponse) -> bytes:
    content = reply.body if isinstance(reply, web.Response) else b""
    return content if isinstance(content, bytes) else b""


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
