"""What each request passes on its way in: count, faults, keys, rate limit; and errors on its way out."""

from email.utils import formatdate
from ipaddress import ip_address

from aiohttp import web

from simulator.broker_acts import CONTROL, perform
from simulator.clock import MINUTE, SECOND
from simulator.context import CONTEXT, reply
from simulator.errors import ApiError, not_found
from simulator.http_acts import HTTP_ACTS, Handler

_KEY, _SECRET = "APCA-API-KEY-ID", "APCA-API-SECRET-KEY"
_DATA, _STREAM = "/v2/stocks/", "/stream"


class RateLimit:
    """A number of requests in each minute of the clock. Used on the loop's thread."""

    def __init__(self) -> None:
        self._minute = 0
        self._used = 0

    def take(self, now: int, limit: int) -> tuple[bool, dict[str, str]]:
        """Whether the request may pass, and the headers that tell what's left."""
        minute = now // MINUTE
        if minute != self._minute:
            self._minute, self._used = minute, 0
        allowed = self._used < limit
        self._used += allowed
        return allowed, {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(limit - self._used),
            "X-RateLimit-Reset": str((minute + 1) * 60),
        }


LIMIT = web.AppKey("limit", RateLimit)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The request's id, and the simulator's own time.

    On the signal rather than in a middleware: a WebSocket's handshake has its headers sent by then.
    """
    context = request.app[CONTEXT]
    name = f"request-{context.requests.total()}"
    response.headers["X-Request-ID"] = context.exchange.ids.of(name).replace("-", "")
    response.headers["Date"] = formatdate(context.clock.now() // SECOND, usegmt=True)


@web.middleware
async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
    resource = request.match_info.route.resource
    path = resource.canonical if resource else request.path
    request.app[CONTEXT].requests[f"{request.method} {path}"] += 1
    return await handler(request)


@web.middleware
async def tell_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return reply(error.body, status=error.status)
    except web.HTTPMethodNotAllowed:
        return reply({"message": "method not allowed"}, status=405)
    except web.HTTPNotFound:
        return reply(not_found("endpoint not found.").body, status=404)


@web.middleware
async def apply_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path.startswith(CONTROL):
        return await handler(request)
    context = request.app[CONTEXT]
    for due in context.plan.due(request.method, request.path):
        try:
            goes_on = perform(due, context, request)
        except ApiError as error:
            return reply({"message": f"{due.act} can't be done: {error}"}, status=500)
        if not goes_on:
            return web.Response()
    fault = context.plan.for_request(request.method, request.path)
    return await HTTP_ACTS[fault.act](fault, request, handler) if fault else await handler(request)


@web.middleware
async def check_keys(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path.startswith(CONTROL):
        # The control room has no lock of its own, so only this machine may enter.
        if not ip_address(request.remote or "0.0.0.0").is_loopback:  # noqa: S104 - stands for "unknown"
            raise ApiError(403, "the control API answers on the loopback interface only")
    elif request.path != _STREAM:
        if _KEY not in request.headers and _SECRET not in request.headers:
            raise ApiError(403, "forbidden.")
        keys = request.app[CONTEXT].keys
        if not keys.fit(request.headers.get(_KEY), request.headers.get(_SECRET)):
            raise ApiError(401, "unauthorized")
    return await handler(request)


@web.middleware
async def limit_rate(request: web.Request, handler: Handler) -> web.StreamResponse:
    context = request.app[CONTEXT]
    limit = context.switches.now.rate_limit_per_min
    if not limit or request.path.startswith((CONTROL, _DATA, _STREAM)):
        return await handler(request)
    allowed, headers = request.app[LIMIT].take(context.clock.now(), limit)
    if allowed:
        response = await tell_errors(request, handler)  # here too, so that refusals carry the headers
    else:
        response = _too_many(context.switches.now.rate_limit_body)
    response.headers.update(headers)
    return response


def _too_many(kind: str) -> web.Response:
    if kind == "empty":
        return web.Response(status=429)
    if kind == "text":
        return web.Response(status=429, text="too many requests")
    return reply({"code": 42910000, "message": "rate limit exceeded"}, status=429)


MIDDLEWARES = (count, apply_faults, tell_errors, check_keys, limit_rate)
"""Outermost first. Faults are outside of errors, so that a status_after may follow a refusal."""
