"""The owner's settings in words: text to BotConfig and back, what is wrong with a text, what each one means.

The command line, the API and the ledger all read settings here, so a text means the same wherever it is
given.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import ValidationError

from domain.config import BotConfig
from domain.limits import MIN_NOTIONAL
from domain.signals import decimal_text
from domain.values import ZERO, Message

KEYS: Final = tuple(BotConfig.model_fields)
LONGEST: Final = 40
"""Digits of a number: longer than any that a setting takes, and no work to convert."""
SHOWN: Final = 64
"""Characters of a name that is none of ours, in an answer."""
DAY_MIN: Final = 390
"""Minutes of a trading day that is not cut short."""
_WHOLE: Final = re.compile(rf"[0-9]{{1,{LONGEST}}}")
_NUMBER: Final = re.compile(rf"[0-9]{{1,{LONGEST}}}([.][0-9]{{1,{LONGEST}}})?")


class SettingFault(Message):
    """What is wrong with one setting, as the second half of a sentence that its name begins."""

    key: str
    fault: str

    def __str__(self) -> str:
        return f"{self.key} {self.fault}"


class SettingChange(Message):
    """A setting and its two values in words."""

    key: str
    old: str
    new: str


def changed(config: BotConfig, changes: Sequence[tuple[str, str]]) -> BotConfig | tuple[SettingFault, ...]:
    """The settings with these changes, or everything that is wrong with them, in the order given.

    A change is a setting's name and its value in words; what is not named stays.
    """
    values: dict[str, object] = {}
    faults: list[SettingFault] = []
    for key, text in changes:
        if key not in KEYS:
            faults.append(_no_setting(key))
        elif key in values:
            faults.append(SettingFault(key=key, fault="is given twice"))
        else:
            values[key] = _value(key, text.strip())
    wrong = {key for key, value in values.items() if value is None}
    good = {key: value for key, value in values.items() if value is not None}
    try:
        wanted = BotConfig.model_validate(dict(config) | good)
    except ValidationError as error:
        wrong |= {str(each["loc"][0]) for each in error.errors()}
    else:
        faults += _contradictions(wanted)
        if not wrong and not faults:
            return wanted
    faults += (SettingFault(key=key, fault="must be " + takes(key)) for key in wrong)
    place = {key: number for number, (key, _) in enumerate(changes)}
    return tuple(sorted(faults, key=lambda fault: (place.get(fault.key, len(place)), fault.key)))


def text_of(value: object) -> str:
    """A setting's value as `changed` reads it."""
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def texts_of(config: BotConfig) -> dict[str, str]:
    """All settings in words, by name."""
    return {key: text_of(value) for key, value in dict(config).items()}


def differences(old: BotConfig, new: BotConfig) -> tuple[SettingChange, ...]:
    """What differs, in the order in which settings are told."""
    before, after = dict(old), dict(new)
    return tuple(
        SettingChange(key=key, old=text_of(before[key]), new=text_of(after[key]))
        for key in KEYS
        if before[key] != after[key]
    )


def unknown(keys: Iterable[str]) -> tuple[SettingFault, ...]:
    """Which of these are no settings."""
    return tuple(_no_setting(key) for key in keys if key not in KEYS)


def description(key: str) -> str:
    """What the setting means, what it takes, and its default: one line."""
    field = BotConfig.model_fields[key]
    meaning = " ".join((field.description or "").split())
    default = text_of(field.default)
    range_ = takes(key)
    return f"{meaning} {range_[0].upper()}{range_[1:]}; default {default or 'none'}."


def takes(key: str) -> str:
    """What values the setting takes, in words."""
    field = BotConfig.model_fields[key]
    limits = _limits(field.metadata)
    if isinstance(field.default, bool):
        return "true or false"
    if isinstance(field.default, str):
        return "one of " + ", ".join(get_args(field.annotation))
    if isinstance(field.default, tuple):
        return _list(field.annotation)
    off = ", 0 = off" if limits.get("ge") == 0 else ""
    if isinstance(field.default, int):
        return f"a whole number from {limits['ge']} to {limits['le']}{off}"
    places = limits["decimal_places"]
    if "le" in limits:
        return f"a number from {limits['ge']} to {limits['le']} with at most {places} decimals{off}"
    lowest = "of 0 or more" if off else "above 0"
    return (
        f"a number {lowest} and below 10^{limits['max_digits'] - places} with at most {places} decimals{off}"
    )


def warnings(config: BotConfig) -> tuple[str, ...]:
    """What is allowed and does something that its owner may not mean."""
    return tuple(_warnings(config))


# --- text to value -----------------------------------------------------------------------------------


def _value(key: str, text: str) -> object | None:
    """What the text says; None: nothing that fits the setting's kind."""
    field = BotConfig.model_fields[key]
    default = field.default
    if isinstance(default, bool):
        return {"true": True, "false": False}.get(text)
    if isinstance(default, int):
        return int(text) if _WHOLE.fullmatch(text) else None
    if isinstance(default, Decimal):
        # The same amount is always the same text: the settings' digest goes by it.
        return Decimal(decimal_text(Decimal(text))) if _NUMBER.fullmatch(text) else None
    if isinstance(default, tuple):
        of_numbers = int in get_args(_item(field.annotation))
        return _items(text, _tier if of_numbers else str)
    return text


def _items(text: str, item: Callable[[str], Any]) -> tuple[Any, ...]:
    """The list is a set: order and repetition mean nothing, so they are no difference either."""
    found = {item(each.strip()) for each in text.split(",")} if text else set()
    return tuple(sorted(found))


def _tier(text: str) -> int:
    return int(text) if _WHOLE.fullmatch(text) else -1  # which no tier is


def _item(annotation: Any) -> Any:
    """The type of a tuple's items, with its limits."""
    return get_args(annotation)[0]


# --- what fits ---------------------------------------------------------------------------------------


def _limits(metadata: Sequence[Any]) -> dict[str, Any]:
    names = ("ge", "gt", "le", "max_digits", "decimal_places")
    return {name: getattr(each, name) for each in metadata for name in names if hasattr(each, name)}


def _list(annotation: Any) -> str:
    kind, described = get_args(_item(annotation))
    if kind is str:
        return "symbols in capitals, as ACME or BRK.B, separated by commas; empty = none"
    limits = _limits(described.metadata)
    tiers = ", ".join(map(str, range(limits["ge"], limits["le"] + 1)))
    return f"one or more of {tiers}, separated by commas"


def _no_setting(key: str) -> SettingFault:
    # Also as the origin spells them: tradeSizeStars3.
    asked = re.sub("[^a-z0-9]", "", key.lower())
    plain = {name.replace("_", ""): name for name in KEYS}
    near = get_close_matches(asked, plain, n=1)
    hint = f"; did you mean {plain[near[0]]}?" if near else "; `config get` lists them all"
    return SettingFault(key=ascii(key[:SHOWN])[1:-1], fault="is no setting" + hint)


def _contradictions(config: BotConfig) -> Iterable[SettingFault]:
    both = sorted(set(config.allowed_symbols) & set(config.denied_symbols))
    if both:
        fault = f"names {', '.join(both)}, and so does allowed_symbols: a symbol is one or the other"
        yield SettingFault(key="denied_symbols", fault=fault)


# --- what may not be meant ---------------------------------------------------------------------------


def _warnings(config: BotConfig) -> Iterable[str]:
    values = texts_of(config)
    for stars in (3, 4, 5):
        size = f"trade_size_stars_{stars}"
        dollars: Decimal = getattr(config, size)
        for limit in ("max_order_notional_usd", "max_total_exposure_usd"):
            if ZERO < getattr(config, limit) < dollars:
                why = f"is above {limit} ({values[limit]})"
                yield f"{size} ({values[size]}) {why}: no signal of {stars} stars trades"
        if dollars < MIN_NOTIONAL:
            why = "is below the broker's minimum of 1"
            yield f"{size} ({values[size]}) {why}: no signal of {stars} stars trades"
    if config.trailing_stop_pct and config.trailing_stop_dollar:
        yield "trailing_stop_pct is set, so trailing_stop_dollar does not count"
    exits = ("hard_stop_loss_pct", "trailing_stop_pct", "trailing_stop_dollar", "profit_target_pct")
    if not any(getattr(config, name) for name in (*exits, "max_hold_duration_sec", "close_before_end_min")):
        yield "every way out is off: nothing that is bought is ever sold"
    if config.no_entries_first_min + config.close_before_end_min >= DAY_MIN:
        yield "no_entries_first_min and close_before_end_min leave no minute of the day to buy in"
    needed = 3 if config.protective_stop else 2
    if ZERO < config.max_orders_per_signal_ratio <= needed:
        ratio = values["max_orders_per_signal_ratio"]
        yield f"max_orders_per_signal_ratio ({ratio}) halts everything soon: a trade takes {needed} at least"
