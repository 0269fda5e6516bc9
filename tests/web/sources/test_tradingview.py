from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from domain.signals import Signal
from web.errors import Refusal
from web.sources.tradingview import REQUIREMENTS, Alert, mapped


def an_alert(**changes: Any) -> dict[str, Any]:
    """As TradingView fills in the template of the documentation; a field set to `...` is left out."""
    fields: dict[str, Any] = {
        "alert": "breakout",
        "symbol": "NASDAQ:ACME",
        "catalyst_tier": 2,
        "ai_confidence": "high",
        "price_at_signal": "12.5",
        "issued_at": "2026-11-12T15:00:00Z",
        "ttl_s": 120,
    }
    return {name: value for name, value in (fields | changes).items() if value is not ...}


def the_signal(**changes: Any) -> Signal:
    signal = mapped(an_alert(**changes), "tv").signal
    assert signal is not None
    return signal


def faulty(**changes: Any) -> list[str]:
    with pytest.raises(Refusal) as caught:
        mapped(an_alert(**changes), "tv")
    assert (caught.value.status, caught.value.body.code) == (422, "bad_alert")
    return [fault.field for fault in caught.value.body.details]


def test_an_alert_becomes_a_signal_of_its_source() -> None:
    assert the_signal() == Signal(
        signal_id=the_signal().signal_id,
        symbol="ACME",
        catalyst_tier=2,
        ai_confidence="high",
        issued_at=datetime(2026, 11, 12, 15, 0, tzinfo=UTC),
        price_at_signal=Decimal("12.5"),
        ttl_s=120,
        source="tv",
    )


def test_what_may_be_left_out_has_the_defaults_of_a_signal() -> None:
    short = the_signal(ai_confidence=..., price_at_signal=..., ttl_s=...)
    assert (short.ai_confidence, short.price_at_signal, short.ttl_s) == (None, None, 300)


def test_every_field_of_an_alert_has_its_requirement_in_words() -> None:
    assert set(REQUIREMENTS) == set(Alert.model_fields)


@pytest.mark.parametrize("field", ["alert", "symbol", "catalyst_tier", "issued_at"])
def test_a_missing_field_is_named(field: str) -> None:
    assert faulty(**{field: ...}) == [field]


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("ACME", "ACME"),
        ("NYSE:ACME", "ACME"),
        ("NASDAQ_DLY:ACME", "ACME"),
        ("AMEX_DL:SPY", "SPY"),
        ("NYSE:BRK.B", "BRK.B"),
    ],
)
def test_the_exchange_before_a_ticker_is_taken_off(text: str, symbol: str) -> None:
    assert the_signal(symbol=text).symbol == symbol


@pytest.mark.parametrize(
    "text",
    [
        "LSE:BA",
        "BINANCE:BTCUSDT",
        ":ACME",
        "NASDAQ:",
        "nasdaq:ACME",
        "A:NASDAQ:ACME",
        "{{ticker}}",
        "acme",
        "",
    ],
)
def test_a_ticker_that_may_mean_another_stock_is_refused(text: str) -> None:
    assert faulty(symbol=text) == ["symbol"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("issued_at", "{{timenow}}"),
        ("issued_at", "2026-11-12T15:00:00"),
        ("price_at_signal", "NaN"),
        ("price_at_signal", "{{close}}"),
        ("price_at_signal", True),
        ("catalyst_tier", "5"),
        ("catalyst_tier", "\uff12"),
        ("catalyst_tier", "2.0"),
        ("catalyst_tier", True),
        ("ttl_s", "120"),
        ("ttl_s", 0),
        ("action", "{{strategy.order.action}}"),
        ("action", 1),
        ("market_position", "up"),
        ("alert", ""),
        ("alert", "two\nlines"),
        ("alert", "x" * 65),
        ("bar_time", 7),
        ("signal_id", "two words"),
    ],
)
def test_a_value_that_a_field_cannot_have_is_a_fault_of_that_field(field: str, value: Any) -> None:
    assert faulty(**{field: value}) == [field]


def test_fields_that_no_alert_has_are_named() -> None:
    assert faulty(source="api", qty=100) == ["qty", "source"]


def test_a_tier_may_stand_between_quotes_as_what_is_filled_in_does() -> None:
    assert the_signal(catalyst_tier="3").catalyst_tier == 3


def test_an_alert_that_is_sent_again_has_the_same_id() -> None:
    assert the_signal().signal_id == the_signal().signal_id
    assert the_signal().signal_id.startswith("tv-")
    assert len(the_signal().signal_id) == 29


@pytest.mark.parametrize(
    "changes",
    [
        {"alert": "other"},
        {"symbol": "KO"},
        {"order_id": "long"},
        {"issued_at": "2026-11-12T15:00:01Z"},
        {"bar_time": "2026-11-12T14:55:00Z"},
    ],
)
def test_another_alert_has_another_id(changes: dict[str, Any]) -> None:
    assert the_signal(**changes).signal_id != the_signal().signal_id


def test_with_a_bar_an_alert_is_one_signal_a_bar_whenever_it_fires() -> None:
    bar = "2026-11-12T14:55:00Z"
    first, second = (the_signal(bar_time=bar, issued_at=f"2026-11-12T15:00:0{n}Z") for n in (1, 2))
    assert first.signal_id == second.signal_id


def test_an_id_of_its_own_is_kept() -> None:
    told = mapped(an_alert(signal_id="mine-1"), "tv")
    assert told.signal is not None
    assert (told.signal.signal_id, told.names_itself) == ("mine-1", True)


@pytest.mark.parametrize(
    "changes",
    [{"action": "sell"}, {"action": "SELL"}, {"market_position": "short"}, {"market_position": "flat"}],
)
def test_what_sells_is_no_signal(changes: dict[str, Any]) -> None:
    told = mapped(an_alert(**changes), "tv")
    assert told.signal is None
    assert told.why_not


def test_what_buys_is_one() -> None:
    assert the_signal(action="buy", market_position="long").symbol == "ACME"
