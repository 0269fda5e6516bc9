"""Raw bytes -> a domain Signal, or a refusal that names every fault.

Nothing here trusts the sender: the size is bounded before anything is parsed, numbers stay exact,
and what would be ambiguous (a key given twice, a time without its offset) is refused, not guessed.
"""

import asyncio
import json
import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

from fastapi import Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from domain.signals import Signal
from web.errors import Fault, Refusal

MAX_BODY: Final = 16 * 1024
MAX_DEPTH: Final = 8
READ_TIMEOUT_S: Final = 5.0
LONG_INTEGER: Final = 40
"""Digits from which on an integer is read as a Decimal: exact too, and no work to convert."""
YEARS: Final = range(1970, 9000)
"""Outside of these, adding a time to live or an offset could leave what a datetime can hold."""

REQUIREMENTS: Final = {
    "signal_id": "must be text of 1 to 128 printable ASCII characters without spaces",
    "symbol": "must be a stock symbol in capitals (they are required exactly), as ACME or BRK.B",
    "catalyst_tier": "must be an integer from 1 to 4",
    "ai_confidence": 'must be "high", "medium", "low" or null',
    "issued_at": "must be an ISO 8601 time with its UTC offset, as 2026-11-12T15:00:00Z",
    "catalyst_category": "must be text of at most 64 characters, or null",
    "price_at_signal": (
        "must be a number above 0, or a numeric string, with at most 18 digits before the point "
        "and 9 behind it, or null"
    ),
    "ttl_s": "must be an integer from 1 to 86400 (seconds)",
    "source": "must be text of 1 to 64 printable ASCII characters without spaces",
}

_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,64}(\.\d{1,64})?([eE][+-]?\d{1,4})?", re.ASCII)


class _NotAcceptableError(ValueError):
    """The text may be JSON to others; it is not to us."""


def check_headers(request: Request) -> None:
    """Refuse by the headers alone what can be; raises Refusal."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != "application/json" or charset not in {"", "utf-8"}:
        _refuse(
            415, "not_json_type", "The content type is not JSON.", "Send `Content-Type: application/json`."
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        _refuse(415, "encoded", "The body is compressed.", "Send it as it is, without a Content-Encoding.")
    length = request.headers.get("content-length")
    if length is not None and int(length) > MAX_BODY:  # the server has refused what is no number
        _too_large()


async def read_body(request: Request) -> bytes:
    """The body, at most `MAX_BODY` bytes of it, within the time a sender may take; raises Refusal."""
    check_headers(request)
    body = bytearray()
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY:  # a chunked body announces no length
                    _too_large()
    except ClientDisconnect:
        # Nobody reads this; it only ends the request without a line in the log.
        _refuse(400, "disconnected", "The sender has left.", "Send it again; a repeat is safe.")
    except TimeoutError:
        raise Refusal(
            408,
            "too_slow",
            f"The body did not arrive within {READ_TIMEOUT_S:.0f} s; nothing was stored.",
            "Send it again; a repeat is safe.",
            headers={"Connection": "close"},
        ) from None
    return bytes(body)


def signal_from(body: bytes) -> Signal:
    """The signal that the body spells; raises Refusal and nothing else, whatever the bytes are."""
    fields = _object(body)
    faults = [
        Fault(field=_shown(name), fault="is not a field of a signal") for name in fields.keys() - REQUIREMENTS
    ]
    known = {name: _typed(name, value) for name, value in fields.items() if name in REQUIREMENTS}
    try:
        signal = Signal.model_validate(known)
    except ValidationError as error:
        by_field = {str(each["loc"][0]): each["type"] for each in error.errors(include_url=False)}
        faults += [_fault(name, kind) for name, kind in by_field.items()]
    if faults:
        raise Refusal(
            422,
            "bad_signal",
            "The signal is not valid; nothing was stored.",
            "Correct every fault that `details` names and send it again.",
            details=sorted(faults, key=lambda fault: fault.field),
        )
    return signal


def _fault(name: str, kind: str) -> Fault:
    return Fault(
        field=name, fault="is missing; it " + REQUIREMENTS[name] if kind == "missing" else REQUIREMENTS[name]
    )


def _refuse(status: int, code: str, message: str, fix: str) -> NoReturn:
    raise Refusal(status, code, message, fix)


def _too_large() -> NoReturn:
    _refuse(413, "too_large", f"The body is larger than {MAX_BODY} bytes.", "A signal needs a few hundred.")


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_float=_exact,
            parse_int=_integer,
            parse_constant=_no_constant,
            object_pairs_hook=_unique,
        )
        _check_depth(value, MAX_DEPTH)
    except RecursionError:
        why = f"it is nested deeper than {MAX_DEPTH}"
    except _NotAcceptableError as error:
        why = str(error)
    except UnicodeDecodeError:
        why = "it is not UTF-8"
    except ValueError:
        why = "it cannot be parsed"
    else:
        if isinstance(value, dict):
            return value
        why = "it is not an object"
    _refuse(400, "not_json", f"The body is not acceptable JSON: {why}.", "Send one JSON object in UTF-8.")


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond even Decimal's
        raise _NotAcceptableError("a number is out of every range") from None


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= LONG_INTEGER else _exact(text)


def _no_constant(text: str) -> NoReturn:
    raise _NotAcceptableError(f"{text} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are given once each: of two values, parsers disagree on which one counts."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise _NotAcceptableError(f"the key {_shown(name)} is given twice")
        fields[name] = value
    return fields


def _check_depth(value: Any, left: int) -> None:
    if not isinstance(value, dict | list):
        return
    if left == 0:
        raise _NotAcceptableError(f"it is nested deeper than {MAX_DEPTH}")
    for inner in value.values() if isinstance(value, dict) else value:
        _check_depth(inner, left - 1)


def _typed(name: str, value: Any) -> Any:
    """The value as the type JSON has no word for; left as it is, the signal's own check refuses it."""
    if name == "issued_at":
        return _moment(value)
    if name == "price_at_signal":
        return _amount(value)
    return value


def _moment(value: Any) -> Any:
    if not isinstance(value, str) or _TIME.fullmatch(value) is None:
        return value
    try:
        moment = datetime.fromisoformat(value.upper())
    except ValueError:
        return value
    return moment if moment.year in YEARS else value


def _amount(value: Any) -> Any:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    # True is an int to Python, and to nobody who sends prices.
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _shown(name: str) -> str:
    """A sender's own word, short and plain enough for an answer and a log."""
    return ascii(name[:64])[1:-1]
