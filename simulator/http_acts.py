"""What a fault does to a request: each act wraps its handler.

To add one, write the function and name it in HTTP_ACTS.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final, cast

from aiohttp import web

from simulator.desk import DESK
from simulator.fault import Fault

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_HEAD_START_S = 0.1  # time for the frames to be read before the reply is
_HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


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
