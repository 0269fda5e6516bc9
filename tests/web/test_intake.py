import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.signals import Signal, body_digest
from tests.web.conftest import body
from web.api.intake import REQUIREMENTS, signal_from
from web.errors import Refusal


def refusal(text: str | bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        signal_from(text.encode() if isinstance(text, str) else text)
    return caught.value


def faulty(**changes: Any) -> list[str]:
    """The fields that a body with these changes is refused for."""
    error = refusal(json.dumps(body(**changes)))
    assert error.status == 422
    return [fault.field for fault in error.body.details]


def with_price(text: str) -> str:
    return json.dumps(body(price_at_signal=...))[:-1] + f', "price_at_signal": {text}}}'


def test_a_good_body_becomes_the_signal_it_spells() -> None:
    assert signal_from(json.dumps(body()).encode()) == Signal(
        signal_id="fda-1",
        symbol="ACME",
        catalyst_tier=1,
        ai_confidence="high",
        issued_at=datetime(2026, 11, 12, 15, 0, tzinfo=UTC),
        catalyst_category="FDA",
        price_at_signal=Decimal("12.5"),
        ttl_s=300,
        source="test",
    )


def test_what_may_be_left_out_has_the_defaults_of_a_signal() -> None:
    short = body(catalyst_category=..., price_at_signal=..., ttl_s=..., source=...)
    signal = signal_from(json.dumps(short).encode())
    assert (signal.catalyst_category, signal.price_at_signal) == (None, None)
    assert (signal.ttl_s, signal.source) == (300, "api")


def test_every_field_of_a_signal_has_its_requirement_in_words() -> None:
    assert set(REQUIREMENTS) == set(Signal.model_fields)


@pytest.mark.parametrize("field", ["signal_id", "symbol", "catalyst_tier", "ai_confidence", "issued_at"])
def test_a_missing_field_is_named(field: str) -> None:
    error = refusal(json.dumps(body(**{field: ...})))
    assert [fault.field for fault in error.body.details] == [field]
    assert error.body.details[0].fault.startswith("is missing")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("symbol", "acme"),
        ("symbol", "ACME\n"),
        ("symbol", "TOOLONGX"),
        ("symbol", "ÀCME"),
        ("symbol", ""),
        ("symbol", None),
        ("symbol", ["ACME"]),
        ("catalyst_tier", 0),
        ("catalyst_tier", 5),
        ("catalyst_tier", 7),
        ("catalyst_tier", True),
        ("catalyst_tier", "1"),
        ("catalyst_tier", 1.0),
        ("catalyst_tier", 10**60),
        ("ai_confidence", "HIGH"),
        ("ai_confidence", 5),
        ("issued_at", "2026-11-12T15:00:00"),
        ("issued_at", "2026-11-12"),
        ("issued_at", "2026-13-12T15:00:00Z"),
        ("issued_at", "0001-01-01T00:00:00+23:59"),
        ("issued_at", "9999-12-31T23:59:59-23:59"),
        ("issued_at", "1763000000"),
        ("issued_at", 1763000000),
        ("issued_at", None),
        ("catalyst_category", "x" * 65),
        ("catalyst_category", "\ud800"),
        ("price_at_signal", 0),
        ("price_at_signal", -1),
        ("price_at_signal", True),
        ("price_at_signal", "1.0000000001"),
        ("price_at_signal", "1234567890123456789"),
        ("price_at_signal", "1e400"),
        ("price_at_signal", "twelve"),
        ("price_at_signal", "١٢"),
        ("price_at_signal", " 12"),
        ("price_at_signal", "NaN"),
        ("price_at_signal", {"usd": 12}),
        ("ttl_s", 0),
        ("ttl_s", 86401),
        ("ttl_s", "300"),
        ("signal_id", ""),
        ("signal_id", "two words"),
        ("signal_id", "x" * 129),
        ("signal_id", 1),
        ("source", "naïve"),
        ("source", None),
    ],
)
def test_a_value_that_a_field_cannot_have_is_a_fault_of_that_field(field: str, value: Any) -> None:
    assert faulty(**{field: value}) == [field]


@pytest.mark.parametrize("text", ["1e400", "1E-20", "1.0000000001", "9" * 5000, "-0.0"])
def test_a_number_that_money_cannot_hold_is_a_fault_of_the_price(text: str) -> None:
    error = refusal(with_price(text))
    assert (error.status, [fault.field for fault in error.body.details]) == (422, ["price_at_signal"])


@pytest.mark.parametrize("text", ["0.1", "12", '"12.50"', "1.5e2", "123456789012345678.123456789", "1e17"])
def test_a_price_keeps_every_digit(text: str) -> None:
    price = signal_from(with_price(text).encode()).price_at_signal
    assert price == Decimal(text.strip('"'))


def test_unknown_fields_are_named_however_they_are_spelled() -> None:
    assert faulty(color=1, **{"\ud800": 2, "x" * 500: 3}) == ["\\ud800", "color", "x" * 64]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "not json",
        "[]",
        "null",
        '"text"',
        "{} {}",
        '{"symbol": "ACME", "symbol": "KO"}',
        with_price("NaN"),
        with_price("Infinity"),
        with_price("-Infinity"),
        with_price("1e9999999999999999999"),
        with_price("[" * 9 + "]" * 9),
        "[" * 8000,
        "[" * 8000 + "]" * 8000,
        '{"a":' * 3000 + "1" + "}" * 3000,
    ],
)
def test_what_is_not_one_plain_json_object_is_400(text: str) -> None:
    assert refusal(text).status == 400


@pytest.mark.parametrize(
    "data", [b"\xff\xfe{}", b'{"symbol": "\xc0\xaf"}', b"\xef\xbb\xbf{}", json.dumps(body()).encode("utf-16")]
)
def test_what_is_not_plain_utf_8_is_400(data: bytes) -> None:
    assert refusal(data).status == 400


def outcome(data: bytes) -> Signal | Refusal:
    """The signal, or the refusal of it, which can be rendered; nothing else may come."""
    try:
        return signal_from(data)
    except Refusal as error:
        error.response()
        return error


@given(st.binary(max_size=300))
def test_no_bytes_make_the_intake_fail(data: bytes) -> None:
    assert isinstance(outcome(data), Refusal)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.from_regex(r"[A-Z]{1,6}", fullmatch=True)
    | st.datetimes(timezones=st.timezones() | st.none()).map(datetime.isoformat)
    | st.decimals().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


# The first text of a machine has Hypothesis make its table of characters, which is slow once.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from([*REQUIREMENTS, "other"]), JSON, max_size=4),
    st.sets(st.sampled_from(sorted(REQUIREMENTS)), max_size=2),
)
def test_what_the_intake_accepts_a_signal_accepts(changes: dict[str, Any], left_out: set[str]) -> None:
    fields = body(**changes, **dict.fromkeys(left_out - changes.keys(), ...))
    signal = outcome(json.dumps(fields).encode())
    if isinstance(signal, Signal):
        assert Signal.model_validate(dict(signal)) == signal
        assert (
            {"signal_id", "symbol", "catalyst_tier", "ai_confidence", "issued_at"}
            <= fields.keys()
            <= REQUIREMENTS.keys()
        )
        assert body_digest(signal)
        assert signal.expires_at > signal.issued_at
