import hashlib
import hmac
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.sources.signing import (
    KEY,
    NONCE,
    SIGNATURE,
    TIMESTAMP,
    Claim,
    claim_from,
    is_signed_with,
    off_by_s,
    signature_of,
)

SECRET = "a-secret-of-more-than-thirty-two-characters"
BODY = b'{"signal_id": "a", "symbol": "ACME"}'
HEADERS = {
    KEY: ["k12345678"],
    TIMESTAMP: ["1794495600"],
    NONCE: ["0123456789abcdef"],
    SIGNATURE: ["v1=" + "0" * 64],
}


def values(**changes: list[str]) -> Callable[[str], list[str]]:
    given_ = HEADERS | {
        {"key": KEY, "ts": TIMESTAMP, "nonce": NONCE, "sig": SIGNATURE}[k]: v for k, v in changes.items()
    }
    return lambda name: given_[name]


def signed(body: bytes = BODY, secret: str = SECRET) -> Claim:
    return Claim(
        "k12345678",
        "1794495600",
        "0123456789abcdef",
        signature_of(secret, "1794495600", "0123456789abcdef", body),
    )


def test_the_signature_is_the_hmac_of_time_nonce_and_raw_body() -> None:
    told = hmac.new(SECRET.encode(), b"1794495600.0123456789abcdef." + BODY, hashlib.sha256).hexdigest()
    assert signed().signature == f"v1={told}"
    assert is_signed_with(SECRET, signed(), BODY)


def test_no_bit_of_the_body_can_be_another() -> None:
    for bit in range(8 * len(BODY)):
        other = bytearray(BODY)
        other[bit // 8] ^= 1 << bit % 8
        assert not is_signed_with(SECRET, signed(), bytes(other))


@given(st.sampled_from(["timestamp", "nonce", "signature"]), st.data())
def test_no_character_of_the_headers_can_be_another(field: str, data: st.DataObject) -> None:
    text = getattr(signed(), field)
    at = data.draw(st.integers(0, len(text) - 1))
    bit = data.draw(st.integers(0, 6))
    other = text[:at] + chr(ord(text[at]) ^ (1 << bit)) + text[at + 1 :]
    assert not is_signed_with(SECRET, signed()._replace(**{field: other}), BODY)


def test_another_key_signs_something_else() -> None:
    assert not is_signed_with(SECRET + "x", signed(), BODY)


def test_four_good_headers_are_a_claim() -> None:
    assert claim_from(values()) == Claim("k12345678", "1794495600", "0123456789abcdef", "v1=" + "0" * 64)


@pytest.mark.parametrize(
    "changes",
    [
        {"key": []},
        {"key": ["K12345678"]},
        {"key": ["k12345678", "k12345678"]},
        {"ts": []},
        {"ts": ["-1"]},
        {"ts": ["1.5"]},
        {"ts": ["١٢"]},
        {"ts": ["1" * 13]},
        {"ts": ["1794495600", "1794495600"]},
        {"nonce": ["short"]},
        {"nonce": ["0123456789abcde."]},
        {"nonce": ["x" * 65]},
        {"sig": []},
        {"sig": ["0" * 64]},
        {"sig": ["v1=" + "A" * 64]},
        {"sig": ["v2=" + "0" * 64]},
        {"sig": ["v1=" + "0" * 63]},
        {"sig": ["v1=" + "0" * 64 + "\n"]},
        {"sig": ["v1=" + "0" * 64, "v1=" + "1" * 64]},
    ],
)
def test_anything_else_is_none(changes: dict[str, list[str]]) -> None:
    assert claim_from(values(**changes)) is None


def test_how_far_off_a_claim_is_has_a_sign() -> None:
    assert off_by_s(signed(), 1794495600 - 61) == 61
    assert off_by_s(signed(), 1794495600 + 61) == -61
