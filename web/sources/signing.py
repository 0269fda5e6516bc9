"""The signed mode: who sent these bytes, and when.

`X-Signature: v1=` and the hexadecimal HMAC-SHA256, under the source's key, of the timestamp, a dot, the
nonce, a dot and the raw body. The nonce has no dot in it, so no two requests have the same text.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Final, NamedTuple

SIGNATURE: Final = "X-Signature"
TIMESTAMP: Final = "X-Signature-Timestamp"
NONCE: Final = "X-Signature-Nonce"
KEY: Final = "X-Signature-Key"
WINDOW_S: Final = 60
"""How far the timestamp may be from our time, either way."""

_SIGNATURE: Final = re.compile(r"v1=[0-9a-f]{64}", re.ASCII)
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_NONCE: Final = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_KEY: Final = re.compile(r"[a-z0-9]{4,32}", re.ASCII)


class Claim(NamedTuple):
    """What a request says of itself; nothing of it is proven yet."""

    key_id: str
    timestamp: str
    """Seconds since 1970, as they were signed."""
    nonce: str
    signature: str


def claim_from(values: Callable[[str], list[str]]) -> Claim | None:
    """What the headers claim; `values` gives each value a header was sent with. None: they are no claim."""
    found = []
    for name, shape in ((KEY, _KEY), (TIMESTAMP, _TIMESTAMP), (NONCE, _NONCE), (SIGNATURE, _SIGNATURE)):
        given = values(name)
        if len(given) != 1 or shape.fullmatch(given[0]) is None:
            return None
        found.append(given[0])
    return Claim(*found)


def signature_of(secret: str, timestamp: str, nonce: str, body: bytes) -> str:
    """What `X-Signature` has to be."""
    signed = f"{timestamp}.{nonce}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def off_by_s(claim: Claim, now_s: float) -> float:
    """How many seconds the claim's time is ahead of ours; negative: behind."""
    return int(claim.timestamp) - now_s


def is_signed_with(secret: str, claim: Claim, body: bytes) -> bool:
    """Whether the key's owner signed exactly this."""
    return hmac.compare_digest(
        signature_of(secret, claim.timestamp, claim.nonce, body).encode(), claim.signature.encode()
    )
