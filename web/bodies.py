"""A request's body: bounded before anything is parsed, and read the one way in which JSON is not ambiguous.

Nothing here trusts the sender: numbers stay exact, and a key that is given twice is refused, not guessed.
"""

import asyncio
import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn, TypeVar

from fastapi import Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from domain.values import Message
from web.errors import Fault, Refusal

M = TypeVar("M", bound=Message)

MAX_BODY: Final = 16 * 1024
MAX_DEPTH: Final = 8
READ_TIMEOUT_S: Final = 5.0
LONG_INTEGER: Final = 40
"""Digits from which on an integer is read as a Decimal: exact too, and no work to convert."""


class _NotAcceptableError(ValueError):
    """The text may be JSON to others; it is not to us."""


JSON: Final = frozenset({"application/json"})


def check_headers(request: Request, kinds: frozenset[str] = JSON) -> None:
    """Refuse by the headers alone what can be; raises Refusal."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() not in kinds or charset not in {"", "utf-8"}:
        _refuse(
            415, "not_json_type", "The content type is not JSON.", "Send `Content-Type: application/json`."
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        _refuse(415, "encoded", "The body is compressed.", "Send it as it is, without a Content-Encoding.")
    length = request.headers.get("content-length")
    if length is not None and int(length) > MAX_BODY:  # the server has refused what is no number
        _too_large()


async def read_body(request: Request, kinds: frozenset[str] = JSON) -> bytes:
    """The body, at most `MAX_BODY` bytes of it, within the time a sender may take; raises Refusal.

    `kinds`: the content types that it may be sent as.
    """
    check_headers(request, kinds)
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


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object that the body is, the empty one where there is no body at all; raises Refusal."""
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return {}
    return object_from(await read_body(request))


def _refuse(status: int, code: str, message: str, fix: str) -> NoReturn:
    raise Refusal(status, code, message, fix)


def _too_large() -> NoReturn:
    _refuse(
        413,
        "too_large",
        f"The body is larger than {MAX_BODY} bytes.",
        "No request needs more than a few hundred.",
    )


def object_from(body: bytes) -> dict[str, Any]:
    """The one JSON object that the body is; raises Refusal and nothing else, whatever the bytes are."""
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


def checked(model: type[M], fields: Mapping[str, Any], requirements: Mapping[str, str], what: str) -> M:
    """The `model` with these fields; raises Refusal, which names every fault by its field's requirement."""
    faults = [
        Fault(field=shown(name), fault=f"is not a field of a {what}") for name in fields.keys() - requirements
    ]
    try:
        made = model.model_validate({name: fields[name] for name in requirements if name in fields})
    except ValidationError as error:
        by_field = {str(each["loc"][0]): each["type"] for each in error.errors(include_url=False)}
        faults += [_fault(name, kind, requirements[name]) for name, kind in by_field.items()]
    if faults:
        raise Refusal(
            422,
            f"bad_{what}",
            f"The {what} is not valid; nothing was stored.",
            "Correct every fault that `details` names and send it again.",
            details=sorted(faults, key=lambda fault: fault.field),
        )
    return made


def _fault(field: str, kind: str, requirement: str) -> Fault:
    return Fault(field=field, fault=f"is missing; it {requirement}" if kind == "missing" else requirement)


def shown(name: str) -> str:
    """A sender's own word, short and plain enough for an answer and a log."""
    return ascii(name[:64])[1:-1]


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
            raise _NotAcceptableError(f"the key {shown(name)} is given twice")
        fields[name] = value
    return fields


def _check_depth(value: Any, left: int) -> None:
    if not isinstance(value, dict | list):
        return
    if left == 0:
        raise _NotAcceptableError(f"it is nested deeper than {MAX_DEPTH}")
    for inner in value.values() if isinstance(value, dict) else value:
        _check_depth(inner, left - 1)
