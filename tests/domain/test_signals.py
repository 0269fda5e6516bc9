from datetime import timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.signals import Signal, body_digest, decimal_text, timing_fault
from tests.domain.builders import NOW, a_signal, dec, later, modestly

SIGNALS = st.builds(
    Signal,
    signal_id=st.just("s-1"),
    symbol=st.sampled_from(["ACME", "BRK.B"]),
    catalyst_tier=st.integers(1, 4),
    ai_confidence=st.sampled_from(["high", "low", None]),
    issued_at=st.sampled_from([NOW, later(0.000001)]),
    catalyst_category=st.none() | st.text(alphabet="a'\"|\\-N", max_size=4),
    price_at_signal=st.none() | st.sampled_from([dec("1"), dec("1.50"), dec("10"), dec("1E+1")]),
    ttl_s=st.sampled_from([1, 11, 300]),
)


def content(signal: Signal) -> dict[str, object]:
    return signal.model_dump(exclude={"signal_id", "source"})


@modestly
@given(SIGNALS, SIGNALS)
def test_two_signals_have_one_digest_exactly_when_their_content_is_equal(one: Signal, other: Signal) -> None:
    assert (body_digest(one) == body_digest(other)) == (content(one) == content(other))


def test_the_spelling_of_a_price_or_time_makes_no_other_content() -> None:
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    spelled = a_signal(price_at_signal=dec("12.50"), issued_at=tokyo)
    assert body_digest(spelled) == body_digest(a_signal(price_at_signal=dec("12.5")))


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "ACMF"},
        {"catalyst_tier": 2},
        {"ai_confidence": "low"},
        {"issued_at": later(1)},
        {"catalyst_category": "fda"},
        {"price_at_signal": dec("1")},
        {"ttl_s": 299},
    ],
)
def test_each_part_of_the_content_counts(changes: dict[str, object]) -> None:
    assert body_digest(a_signal(**changes)) != body_digest(a_signal())


def test_no_category_is_not_the_category_none() -> None:
    assert body_digest(a_signal(catalyst_category="None")) != body_digest(a_signal())


def test_a_signal_expires_when_its_time_to_live_is_over() -> None:
    assert a_signal(ttl_s=30).expires_at == later(30)


@pytest.mark.parametrize("at", [-60, -59.9, 0, 1, 299.999999])
def test_a_signal_within_its_time_has_no_fault(at: float) -> None:
    assert timing_fault(a_signal(), later(at)) is None


@pytest.mark.parametrize(("at", "late"), [(300, "0.0 s"), (312.34, "12.3 s")])
def test_a_signal_is_late_from_the_end_of_its_time_on(at: float, late: str) -> None:
    assert timing_fault(a_signal(), later(at)) == f"its time to live (300 s) ended {late} ago"


def test_a_signal_from_the_future_points_at_the_senders_clock() -> None:
    fault = timing_fault(a_signal(), later(-60.001))
    assert fault == "issued_at lies more than 60 s in the future; check the sender's clock"


@pytest.mark.parametrize("symbol", ["A", "ACME", "GOOGL", "ABCDEF", "BRK.B", "AB.WS"])
def test_a_symbol_as_alpaca_spells_it_is_taken(symbol: str) -> None:
    assert a_signal(symbol=symbol).symbol == symbol


@pytest.mark.parametrize(
    "wrong",
    [
        {"symbol": "acme"}, {"symbol": ""}, {"symbol": "ABCDEFG"}, {"symbol": "AC/ME"}, {"symbol": "ACME\n"},
        {"symbol": "BRK.BCD"}, {"symbol": " ACME"},
        {"signal_id": ""}, {"signal_id": "a b"}, {"signal_id": "x" * 129}, {"signal_id": "ä"},
        {"source": ""}, {"source": "y" * 65},
        {"catalyst_tier": 0}, {"catalyst_tier": 5}, {"catalyst_tier": -1},
        {"ttl_s": 0}, {"ttl_s": 86401},
        {"price_at_signal": Decimal(0)}, {"price_at_signal": Decimal(-1)},
        {"catalyst_category": "z" * 65},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_signal_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        a_signal(**wrong)


@pytest.mark.parametrize(
    ("value", "text"),
    [("100.00", "100"), ("1E+2", "100"), ("0.10", "0.1"), ("0", "0"), ("0.00", "0"), ("-1.50", "-1.5"),
     ("1E-9", "0.000000001"), ("1200", "1200")],
)  # fmt: skip
def test_numbers_are_written_in_plain_digits(value: str, text: str) -> None:
    assert decimal_text(Decimal(value)) == text
