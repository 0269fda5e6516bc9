"""`/stream`: trade updates over WebSocket, in Alpaca's protocol.

In:  `publish(event)` from the desk; auth and listen messages from clients
Out: frames, in order, through a queue for each connection, so that a slow reader delays nobody else
All on the loop's thread.
"""

import asyncio
import contextlib
import json
import struct
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from simulator.clock import SECOND, SimClock
from simulator.faults import Plan
from simulator.keys import Keys
from simulator.settings import Switchboard
from simulator.stream_acts import STREAM_ACTS, Close, Frame, Half, Later, Outgoing

_STREAMS = ("trade_updates",)


@dataclass(eq=False)
class _Listener:
    request: web.Request
    socket: web.WebSocketResponse
    outbox: asyncio.Queue[Outgoing] = field(default_factory=asyncio.Queue)
    authorized: bool = False
    streams: tuple[str, ...] = ()


class Streams:
    def __init__(self, *, clock: SimClock, keys: Keys, switches: Switchboard, plan: Plan) -> None:
        self._clock = clock
        self._keys = keys
        self._switches = switches
        self._plan = plan
        self._listeners: set[_Listener] = set()
        self._slot_taken_until = 0
        self._zombie_until = 0
        self._zombie_status = HTTPStatus.TOO_MANY_REQUESTS.value
        self._later: list[Outgoing] = []

    @property
    def listening(self) -> int:
        """How many connections receive trade updates."""
        return sum("trade_updates" in each.streams for each in self._listeners)

    def publish(self, kind: str, frame: Frame) -> None:
        fault = self._plan.for_event(kind)
        acted = STREAM_ACTS[fault.act](fault, frame) if fault else [frame]
        outgoing = [each for each in acted if not isinstance(each, Later)] + self._later
        self._later = [each.frame for each in acted if isinstance(each, Later)]
        for listener in self._listeners:
            if "trade_updates" in listener.streams:
                for each in outgoing:
                    listener.outbox.put_nowait(each)

    def close_all(self, close: Close) -> None:
        for listener in self._listeners:
            listener.outbox.put_nowait(close)

    def take_slot(self, seconds: float, *, status: int) -> None:
        """Handshakes are answered with `status` for so long, as if a dead connection held the only slot."""
        self._zombie_until = self._clock.now() + int(seconds * SECOND)
        self._zombie_status = status

    def free_slot(self) -> None:
        self._zombie_until = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self._clock.now() < self._zombie_until:
            return _too_many(self._zombie_status)
        if self._is_full():
            return _too_many(HTTPStatus.TOO_MANY_REQUESTS)
        socket = web.WebSocketResponse(autoping=False, compress=False)
        listener = _Listener(request, socket)
        self._listeners.add(listener)
        try:
            await socket.prepare(request)
            async with asyncio.TaskGroup() as tasks:
                sender = tasks.create_task(self._send(listener))
                deadline = tasks.create_task(self._watch_deadline(listener))
                await self._receive(listener)
                sender.cancel()
                deadline.cancel()
        finally:
            self._listeners.discard(listener)
            # Without a close frame Alpaca took up to 90 s to notice that the connection was gone.
            if socket.close_code in (None, WSCloseCode.ABNORMAL_CLOSURE):
                self._slot_taken_until = self._clock.now() + int(self._switches.now.stream_reap_s * SECOND)
        return socket

    def _is_full(self) -> bool:
        if self._switches.now.stream_connections == "many":
            return False
        return bool(self._listeners) or self._clock.now() < self._slot_taken_until

    async def _send(self, listener: _Listener) -> None:
        with contextlib.suppress(ConnectionError):  # the receiving side learns of it too, and ends both
            while True:
                outgoing = await listener.outbox.get()
                if isinstance(outgoing, Close):
                    await listener.socket.close(code=outgoing.code)
                    return
                if isinstance(outgoing, Half):
                    _send_half(listener, outgoing.frame)
                    return
                text = json.dumps(outgoing, separators=(",", ":"))
                if self._switches.now.binary_frames:
                    await listener.socket.send_bytes(text.encode())
                else:
                    await listener.socket.send_str(text)

    async def _watch_deadline(self, listener: _Listener) -> None:
        limit = self._switches.now.stream_auth_deadline_s
        if limit:
            await asyncio.sleep(limit)
            if not listener.authorized:
                listener.outbox.put_nowait(Close(WSCloseCode.POLICY_VIOLATION))

    async def _receive(self, listener: _Listener) -> None:
        async for message in listener.socket:
            if message.type is WSMsgType.PING:
                if self._plan.for_ping() is None:
                    with contextlib.suppress(ConnectionError):  # gone since: the loop ends by itself
                        await listener.socket.pong(message.data)
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                answer = self._answer(listener, message)
                if answer:
                    listener.outbox.put_nowait(answer)

    def _answer(self, listener: _Listener, message: WSMessage) -> Frame | None:
        try:
            asked = json.loads(message.data)
        except ValueError:
            return None
        if not isinstance(asked, dict):
            return None
        action, data = asked.get("action"), asked.get("data")
        data = data if isinstance(data, dict) else {}
        if action == "authenticate":
            return self._authorize(listener, data.get("key_id"), data.get("secret_key"))
        if action == "auth":
            return self._authorize(listener, asked.get("key"), asked.get("secret"))
        if action == "listen":
            return _listen(listener, data.get("streams"))
        return None

    def _authorize(self, listener: _Listener, key_id: object, secret_key: object) -> Frame:
        if self._keys.fit(key_id, secret_key):
            listener.authorized = True
            data: Frame = {"status": "authorized", "action": "authenticate"}
        else:
            data = {
                "action": "authenticate",
                "message": "access key verification failed",
                "status": "unauthorized",
            }
        return {"stream": "authorization", "data": data}


def _too_many(status: int) -> web.Response:
    return web.json_response({"code": status * 100_000, "message": "too many connections"}, status=status)


def _send_half(listener: _Listener, frame: Frame) -> None:
    """Past the library, which only sends whole frames: a final binary frame with a 16-bit length."""
    content = json.dumps(frame).encode()
    if listener.request.transport:
        header = struct.pack("!BBH", 0x82, 126, len(content))
        listener.request.transport.write(header + content[: len(content) // 2])


def _listen(listener: _Listener, wanted: object) -> Frame:
    if not listener.authorized:
        return {"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}}
    names = cast("list[object]", wanted) if isinstance(wanted, list) else []
    # What isn't offered is left out without a word: the acknowledgement is all a client has to go by.
    listener.streams = tuple(name for name in _STREAMS if name in names)
    return {"stream": "listening", "data": {"streams": list(listener.streams)}}
