from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from pydantic import ValidationError

from domain import config, messages, orders, reconcile, rules, signals, stars, trades, values
from domain.values import Message, in_utc
from tests.domain.builders import NOW, a_record, a_signal, a_ticket, a_trade, an_update

EXAMPLES: list[Message] = [a_signal(), a_ticket(), a_record(), an_update(), a_trade(), config.BotConfig()]
MODULES = (config, messages, orders, reconcile, rules, signals, stars, trades, values)
MODELS = sorted(
    {
        model
        for module in MODULES
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, Message)
    },
    key=lambda model: model.__name__,
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_each_message_is_frozen_strict_and_closed(model: type[Message]) -> None:
    kept = {name: model.model_config.get(name) for name in ("frozen", "strict", "extra")}
    assert kept == {"frozen": True, "strict": True, "extra": "forbid"}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_message_has_a_field_that_could_change_behind_its_back(model: type[Message]) -> None:
    for name, field in model.model_fields.items():
        assert not any(kind in str(field.annotation) for kind in ("list[", "dict[", "set[")), name


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_an_unknown_field_is_refused(example: Message) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        type(example).model_validate({**dict(example), "surprise": 1})


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_a_message_cannot_be_changed(example: Message) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(example, next(iter(type(example).model_fields)), "other")


@pytest.mark.parametrize("wrong", [12.34, "12.34", 12, True])
def test_money_is_a_decimal_and_nothing_that_looks_like_one(wrong: object) -> None:
    with pytest.raises(ValidationError, match="price_at_signal"):
        a_signal(price_at_signal=wrong)


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_money_is_a_finite_number(wrong: str) -> None:
    with pytest.raises(ValidationError, match="filled_qty"):
        an_update(filled_qty=Decimal(wrong))


def test_more_decimals_than_the_broker_counts_are_refused() -> None:
    assert an_update(filled_qty=Decimal("0.123456789")).filled_qty == Decimal("0.123456789")
    with pytest.raises(ValidationError, match="9 decimal places"):
        an_update(filled_qty=Decimal("0.1234567891"))


@pytest.mark.parametrize("wrong", [datetime(2026, 11, 12, 15), "2026-11-12T15:00:00Z", 1762959600])  # noqa: DTZ001
def test_a_time_without_its_offset_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError, match="issued_at"):
        a_signal(issued_at=wrong)


def test_times_are_kept_in_utc_whatever_their_offset_was() -> None:
    new_york = NOW.astimezone(timezone(timedelta(hours=-5)))
    kept = a_signal(issued_at=new_york).issued_at
    assert (kept, kept.tzinfo) == (NOW, UTC)


def test_a_naive_time_has_no_moment() -> None:
    with pytest.raises(ValueError, match="UTC offset"):
        in_utc(NOW.replace(tzinfo=None))


def test_words_for_fixed_choices_are_checked() -> None:
    with pytest.raises(ValidationError, match="ai_confidence"):
        a_signal(ai_confidence="certain")
    with pytest.raises(ValidationError, match="side"):
        a_ticket(side="short")


def test_a_text_is_not_taken_for_an_enum() -> None:
    with pytest.raises(ValidationError, match="life"):
        a_record(life="working")
