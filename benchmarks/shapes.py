"""Alpaca's JSON, with every field a real one has: orders, and the frames of the trading stream."""

import json
import struct
from collections.abc import Iterator

from benchmarks import names

_QTY, _PRICE = "0.672043010", "148.79"
_ID, _CLIENT_ID, _SYMBOL, _DIGITS, _STATUS = "@id", "@client-id", "@symbol", "@digits", "@status"
_EXECUTION = "@execution"
_AT = f"2026-11-02T15:00:00.{_DIGITS}Z"
_CREATED = "2026-11-02T14:59:59.917241066Z"
_BINARY = 0x82
_TWO_BYTES, _EIGHT_BYTES = 126, 127
_LARGEST_16_BIT = 0xFFFF


def order(*, filled: bool) -> dict[str, object]:
    """All 37 fields of an order, with marks where orders differ."""
    return {
        "id": _ID, "client_order_id": _CLIENT_ID, "created_at": _CREATED, "updated_at": _AT,
        "submitted_at": _CREATED, "filled_at": _AT if filled else None, "expired_at": None,
        "expires_at": "2026-11-02T21:00:00Z", "cancel_requested_at": None, "canceled_at": None,
        "failed_at": None, "replaced_at": None, "replaced_by": None, "replaces": None,
        "asset_id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415", "symbol": _SYMBOL,
        "asset_class": "us_equity", "notional": names.NOTIONAL, "qty": None,
        "filled_qty": _QTY if filled else "0", "filled_avg_price": _PRICE if filled else None,
        "order_class": "", "order_type": "market", "type": "market", "side": "buy",
        "position_intent": "buy_to_open", "time_in_force": "day", "limit_price": None,
        "stop_price": None, "status": _STATUS, "extended_hours": False, "legs": None,
        "trail_percent": None, "trail_price": None, "hwm": None, "subtag": None, "source": None,
    }  # fmt: skip


def asset(symbol: str) -> bytes:
    """What may be done with the symbol: all of it."""
    told = {
        "symbol": symbol,
        "class": "us_equity",
        "status": "active",
        "tradable": True,
        "fractionable": True,
    }
    return json.dumps(told).encode()


def _update(event: str) -> str:
    filled = event == "fill"
    data: dict[str, object] = {"event": event, "timestamp": _AT, "execution_id": _EXECUTION}
    if filled:
        data |= {"price": _PRICE, "qty": _QTY, "position_qty": _QTY}
    return json.dumps({"stream": "trade_updates", "data": {**data, "order": order(filled=filled)}})


_UPDATES = {
    event: _update(event).replace(_STATUS, status) for event, status in (("new", "new"), ("fill", "filled"))
}
_ANSWER = json.dumps(order(filled=False)).replace(_DIGITS, "917241066").replace(_STATUS, "pending_new")


def _filled_in(template: str, client_order_id: str, symbol: str) -> str:
    return (
        template.replace(_CLIENT_ID, client_order_id)
        .replace(_ID, names.broker_id(client_order_id))
        .replace(_SYMBOL, symbol)
    )


def accepted(client_order_id: str, symbol: str, notional: str) -> bytes:
    """The answer to a POST of this order."""
    body = _ANSWER.replace(f'"notional": "{names.NOTIONAL}"', f'"notional": "{notional}"')
    return _filled_in(body, client_order_id, symbol).encode()


def updates(first: int, count: int) -> Iterator[bytes]:
    """`count` stream frames, for each trade from the `first` on `new` and then `fill`; WebSocket frames."""
    for number in range(first, first + (count + 1) // 2):
        for step, event in enumerate(("new", "fill")):
            if 2 * (number - first) + step == count:
                return
            digits = f"{(2 * number + step) * 1000 % 1_000_000_000:09d}"
            text = _filled_in(_UPDATES[event], names.order_id(number), names.symbol(number))
            execution = names.broker_id(f"{event} {number}")
            yield framed(text.replace(_DIGITS, digits).replace(_EXECUTION, execution).encode())


def framed(payload: bytes, head: int = _BINARY) -> bytes:
    """A server's WebSocket frame."""
    size = len(payload)
    if size < _TWO_BYTES:
        return struct.pack("!BB", head, size) + payload
    if size <= _LARGEST_16_BIT:
        return struct.pack("!BBH", head, _TWO_BYTES, size) + payload
    return struct.pack("!BBQ", head, _EIGHT_BYTES, size) + payload
