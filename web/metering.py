"""Times every request, from its arrival to the beginning of its answer; those that are refused too."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watch.metrics import Metrics


class Metered:
    """ASGI middleware. A request is named by its route, never by what it asked for."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def send_timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", None)
                seconds = time.perf_counter() - began
                self._metrics.request(route, scope["method"], message["status"], seconds)
            await send(message)

        await self._app(scope, receive, send_timed)
