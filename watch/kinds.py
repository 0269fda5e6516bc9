"""The kinds of alarms, each of which its owner may want or not."""

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What an alarm is about."""

    FILL = "fill"
    EXIT = "exit"
    REFUSAL = "refusal"
    DECLINED = "declined"
    HALT = "halt"
    RESTART = "restart"
    NAKED = "naked"
    UNSOLD = "unsold"
    GATE = "gate"
    UNRESOLVED = "unresolved"
    TEST = "test"


TEXTS: Final[dict[Kind, str]] = {
    Kind.FILL: "A buy was filled",
    Kind.EXIT: "A trade ended, with what it brought",
    Kind.REFUSAL: "The broker refused an order, or a buy came to nothing",
    Kind.DECLINED: "A signal did not trade, and why",
    Kind.HALT: "A halt was raised or lifted",
    Kind.RESTART: "Starfill started, stopped, rebuilt its actors, or is in SAFE mode",
    Kind.NAKED: "What a trade holds cannot be sold if it had to be",
    Kind.UNSOLD: "An attempt to sell has failed",
    Kind.GATE: "No order that adds risk can leave, for longer than STARFILL_ALARM_GATE_S",
    Kind.UNRESOLVED: "It is not known whether the broker has an order",
}
"""Of those that can be switched; a test is always sent."""

QUIET: Final = frozenset({Kind.DECLINED})
"""Not sent unless asked for: there may be hundreds a day, and none needs anybody."""
ROUTINE: Final = frozenset({Kind.FILL, Kind.EXIT, Kind.DECLINED, Kind.TEST})
"""What happens when all goes well."""
_FIRST: Final = (
    Kind.HALT,
    Kind.RESTART,
    Kind.UNSOLD,
    Kind.NAKED,
    Kind.GATE,
    Kind.UNRESOLVED,
    Kind.TEST,
    Kind.REFUSAL,
    Kind.EXIT,
    Kind.FILL,
    Kind.DECLINED,
)
RANK: Final[dict[Kind, int]] = {kind: rank for rank, kind in enumerate(_FIRST)}
"""Where not all can be told: the lowest first."""


def switched(text: str) -> frozenset[Kind]:
    """The kinds that STARFILL_ALARMS names: with commas, or `all`, or `none`; empty: the usual ones.

    ValueError, in one sentence, for what is no kind.
    """
    words = {word.strip().lower() for word in text.split(",") if word.strip()}
    if not words:
        return frozenset(TEXTS) - QUIET
    if words == {"all"}:
        return frozenset(TEXTS)
    if words == {"none"}:
        return frozenset()
    unknown = sorted(words - set(TEXTS))
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is no kind of alarm; there are {', '.join(TEXTS)}")
    return frozenset(map(Kind, words))
