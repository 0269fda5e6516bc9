"""What the HTTP handlers share, and how they read requests and write replies."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from aiohttp import web

from simulator.calendar import Calendar
from simulator.clock import SimClock, read_time
from simulator.desk import Desk
from simulator.errors import ApiError, invalid
from simulator.exchange import Exchange
from simulator.faults import Plan
from simulator.keys import Keys
from simulator.machine import Machine
from simulator.oracle import Oracle
from simulator.prices import Prices
from simulator.settings import Switchboard
from simulator.stream import Streams


@dataclass(kw_only=True)
class Context:
    """Used on the loop's thread."""

    clock: SimClock
    keys: Keys
    machine: Machine
    switches: Switchboard
    calendar: Calendar
    prices: Prices
    desk: Desk
    oracle: Oracle
    plan: Plan
    streams: Streams
    requests: Counter[str] = field(default_factory=Counter)
    """How often each was asked for, as in "GET /v2/orders/{id}"."""

    @property
    def exchange(self) -> Exchange:
        return self.desk.exchange


CONTEXT = web.AppKey("context", Context)


async def read_json(request: web.Request) -> dict[str, object]:
    """The body, its fractions as Decimal. Raises ApiError."""
    try:
        payload = json.loads(await request.read() or b"{}", parse_float=Decimal)
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        raise ApiError(400, "request body format is invalid", code=40010000)
    return payload


def reply(body: object, *, status: int = 200, sort_keys: bool = True) -> web.Response:
    text = json.dumps(body, sort_keys=sort_keys, separators=(",", ":"))
    return web.Response(status=status, text=text, content_type="application/json")


def time_from(query: Mapping[str, str], name: str) -> int | None:
    """Nanoseconds since 1970. Raises ApiError."""
    text = query.get(name)
    if not text:
        return None
    try:
        return read_time(text)
    except ValueError:
        raise invalid(f"invalid {name}") from None


def count_from(query: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    """Raises ApiError."""
    text = query.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise invalid(f"{name} must be between 1 and {most}")
    return int(text)


def choice_from(query: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    """The first of those allowed is the default. Raises ApiError."""
    value = query.get(name) or allowed[0]
    if value not in allowed:
        raise invalid(f"invalid {name}")
    return value


def list_from(query: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(each for each in query.get(name, "").split(",") if each)
