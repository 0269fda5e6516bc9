"""The entry decision: one pure function, asked inside the plan transaction."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from domain.config import BotConfig
from domain.signals import Check, Signal, Verdict, VerdictCode, decimal_text
from domain.stars import notional_for, stars_for
from domain.trades import TradeStatus
from domain.values import Message, Utc

MIN_NOTIONAL: Final = Decimal(1)
"""Alpaca refuses a smaller order: "cost basis must be >= minimal amount of order 1"."""


class Gate(Message):
    """May an order that adds risk leave now? Closed, it says why."""

    open: bool
    reason: str


class EntryFacts(Message):
    """All that the entry decision depends on, as it stands in one transaction."""

    signal: Signal
    now: Utc
    config: BotConfig
    gate: Gate
    halts: tuple[str, ...]
    """Reasons for which this symbol, or everything, is halted."""
    occupied_by: TradeStatus | None
    """The status of the trade that already has this symbol."""


class Deferred(Message):
    """Not now: the gate is closed. The signal keeps waiting while its time to live holds."""

    reason: str


def decide_entry(facts: EntryFacts) -> Verdict | Deferred:
    """Trade, or do not, or wait for the gate; the verdict carries every check with its inputs."""
    stars = stars_for(facts.signal.catalyst_tier, facts.signal.ai_confidence)
    notional = None if stars is None else notional_for(stars, facts.config.star_sizes)
    checks = tuple(_checks(facts, stars, notional))
    failed = next(((code, check) for code, check in checks if not check.passed), None)
    if failed is None and not facts.gate.open:
        return Deferred(reason=facts.gate.reason)
    return Verdict(
        code="trade" if failed is None else failed[0],
        reason="every check passed" if failed is None else failed[1].detail,
        stars=stars,
        notional=notional,
        checks=(*(check for _, check in checks), _gate_check(facts.gate)),
    )


def _gate_check(gate: Gate) -> Check:
    return Check(name="gate", passed=gate.open, detail=gate.reason)


def _checks(
    facts: EntryFacts, stars: int | None, notional: Decimal | None
) -> Iterator[tuple[VerdictCode, Check]]:
    """Each check with the verdict that its failure means, in the order in which they decide."""
    signal = facts.signal
    left = (signal.expires_at - facts.now).total_seconds()
    ttl = (
        f"{left:.1f} s of {signal.ttl_s} s left"
        if left > 0
        else f"its {signal.ttl_s} s ended {-left:.1f} s ago"
    )
    yield "expired", Check(name="time_to_live", passed=left > 0, detail=ttl)

    rating = f"tier {signal.catalyst_tier}, AI confidence {signal.ai_confidence or 'none'}: "
    rating += "no rating, no trade" if stars is None else f"{stars} stars"
    yield "no_rating", Check(name="stars", passed=stars is not None, detail=rating)

    taken = facts.occupied_by
    other = "has no other trade" if taken is None else f"already has a trade that is {taken}"
    yield (
        "duplicate_symbol",
        Check(name="symbol_free", passed=taken is None, detail=f"{signal.symbol} {other}"),
    )

    halted = "halted: " + "; ".join(facts.halts) if facts.halts else "nothing is halted"
    yield "halted", Check(name="halts", passed=not facts.halts, detail=halted)

    if notional is not None:
        size = f"{decimal_text(notional)} USD for {stars} stars, the broker's minimum is 1 USD"
        yield "below_minimum", Check(name="notional", passed=notional >= MIN_NOTIONAL, detail=size)
