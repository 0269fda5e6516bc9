"""Decimals and times cross the border of the database without loss."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.orders import OrderRecord
from domain.signals import Check
from domain.trades import TradeRecord
from persistence.codec import built, json_of, micros_of, moment_of, text_of
from tests.persistence.making import EXACT, NOW

amounts = st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**17), max_value=10**17)
moments = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@given(amounts)
def test_an_amount_comes_back_to_the_last_digit(amount: Decimal) -> None:
    assert str(Decimal(text_of(amount))) == str(amount) or Decimal(text_of(amount)) == amount
    assert "E" not in text_of(amount)


@pytest.mark.parametrize("text", ["1E+3", "1E-9", "0E-9", "-1E-9", "1.50"])
def test_an_amount_is_written_in_plain_digits(text: str) -> None:
    assert set(text_of(Decimal(text))) <= set("-.0123456789")
    assert Decimal(text_of(Decimal(text))) == Decimal(text)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        text_of(Decimal(text))


@given(moments)
def test_a_time_comes_back_as_the_same_moment_in_utc(moment: datetime) -> None:
    back = moment_of(micros_of(moment))
    assert back == moment
    assert back.tzinfo is UTC


@given(moments, moments)
def test_stored_times_sort_as_the_moments_do(one: datetime, other: datetime) -> None:
    assert (micros_of(one) < micros_of(other)) == (one < other)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="UTC offset"):
        micros_of(datetime(2026, 11, 12))  # noqa: DTZ001
    with pytest.raises(ValueError, match="UTC offset"):
        json_of({"at": datetime(2026, 11, 12)})  # noqa: DTZ001


def test_a_built_model_is_the_model_its_constructor_makes() -> None:
    values: dict[str, object] = {"name": "stars", "passed": True, "detail": "five"}
    made, constructed = built(Check, dict(values)), Check(name="stars", passed=True, detail="five")
    assert made == constructed
    assert hash(made) == hash(constructed)
    assert made.model_dump_json() == constructed.model_dump_json()
    changed = made.model_copy(update={"detail": "four"})
    assert (changed.detail, made.detail) == ("four", "five")


def test_every_field_of_a_record_has_its_column() -> None:
    from persistence.orders_table import RECORD_COLUMNS
    from persistence.trades_table import TRADE_COLUMNS

    assert set(RECORD_COLUMNS) == set(OrderRecord.model_fields)
    assert set(TRADE_COLUMNS) == set(TradeRecord.model_fields)


def test_the_journal_writes_amounts_and_times_exactly() -> None:
    check = Check(name="n", passed=True, detail="d")
    text = json_of({"qty": EXACT, "at": NOW, "check": check, "tiers": {2, 1}, "tiny": Decimal("1E-9")})
    assert json.loads(text) == {
        "qty": "123456789.123456789",
        "at": "2026-11-12T15:00:00.123457+00:00",
        "check": {"name": "n", "passed": True, "detail": "d"},
        "tiers": [1, 2],
        "tiny": "0.000000001",
    }


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes has no place"):
        json_of({"raw": b"x"})
