"""The entry decision: one pure function, asked inside the plan transaction."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from domain import limits
from domain.config import BotConfig
from domain.exposure import Exposure
from domain.limits import MIN_NOTIONAL
from domain.market import Asset, Market, Means, Priced, Quote, Unpriced, price_of
from domain.signals import Check, Signal, Verdict, VerdictCode, decimal_text
from domain.sizing import Sized, size_order
from domain.stars import notional_for, stars_for
from domain.trades import TradeStatus
from domain.trading_hours import Hours, hours_for
from domain.values import Message, Utc


class Gate(Message):
    """May an order that adds risk leave now? Closed, it says why."""

    open: bool
    reason: str


class EntryFacts(Message):
    """All that the entry decision depends on, as it stands in one transaction."""

    signal: Signal
    now: Utc
    """By our clock, as everything in the books."""
    config: BotConfig
    gate: Gate
    halts: tuple[str, ...]
    """Reasons for which this symbol, or everything, is halted."""
    occupied_by: TradeStatus | None
    """The status of the trade that already has this symbol."""
    exposure: Exposure
    market: Market | None
    """None: its clock has not been read yet."""
    market_now: Utc
    """By the broker's clock, as all that comes from there."""
    means: Means | None
    asset: Asset | None
    """None: not looked up yet, unless the broker knows no such symbol."""
    unknown_symbol: bool = False
    quote: Quote | None
    """None: not looked up. One without prices: the feed has none."""


class Deferred(Message):
    """Not now. The signal keeps waiting while its time to live holds."""

    reason: str


class ReadsWanted(Message):
    """To decide, this has to be looked up at the broker first."""

    symbol: str
    asset: bool
    quote: bool


class EntryReads(Message):
    """What was looked up for one decision."""

    asset: Asset | None = None
    unknown_symbol: bool = False
    """The broker knows no such symbol."""
    quote: Quote | None = None
    at: Utc


class Weighed(NamedTuple):
    """A decision, and what stands before it."""

    verdict: Verdict
    """By all that is known."""
    waits: Deferred | None = None
    wants: ReadsWanted | None = None


def decide_entry(facts: EntryFacts) -> Verdict | Deferred | ReadsWanted:
    """Trade, or do not, or wait, or look something up; the verdict carries every check with its inputs.

    The first check that fails decides. What fails without it is not looked up.
    """
    weighed = weigh_entry(facts)
    return weighed.waits or weighed.wants or weighed.verdict


def weigh_entry(facts: EntryFacts) -> Weighed:
    """The decision as it would be now, also while it cannot be made yet."""
    hours = hours_for(facts.signal, facts.config, facts.market, facts.market_now)
    stars = stars_for(facts.signal.catalyst_tier, facts.signal.ai_confidence)
    notional = None if stars is None else notional_for(stars, facts.config.star_sizes)
    price = _price(facts)
    sized = size_order(facts.signal, notional, facts.asset, price, extended=hours.extended)
    checks = (
        *_on_signal(facts, stars),
        *_on_hours(hours),
        *_on_account(facts),
        *_on_order(facts, notional, price, sized, stars),
    )
    failed = next(((code, check) for code, check in checks if not check.passed), None)
    verdict = Verdict(
        code="trade" if failed is None else failed[0],
        reason="every check passed" if failed is None else failed[1].detail,
        stars=stars,
        notional=notional,
        checks=(*(check for _, check in checks), _gate_check(facts.gate)),
        order=sized.order if failed is None else None,
    )
    if failed is not None:
        held = hours.waits and failed in _on_hours(hours)
        return Weighed(verdict, waits=Deferred(reason=verdict.reason) if held else None)
    if not facts.gate.open:
        return Weighed(verdict, waits=Deferred(reason=facts.gate.reason))
    if hours.unknown is not None:
        return Weighed(verdict, waits=Deferred(reason=hours.unknown))
    return Weighed(verdict, wants=_wanted(facts, hours))


def _price(facts: EntryFacts) -> Priced | Unpriced | None:
    """The latest price; None: it was not looked up."""
    if facts.quote is None:
        return None
    return price_of(
        facts.signal.symbol, facts.quote, facts.market_now, max_age_s=facts.config.price_max_age_sec
    )


def _wanted(facts: EntryFacts, hours: Hours) -> ReadsWanted | None:
    asset, then = facts.asset, facts.signal.price_at_signal
    needs_price = (
        bool(facts.config.max_share_price_usd)
        or (bool(facts.config.price_collar_pct) and then is not None)
        or (hours.extended and then is None)
        or (not hours.extended and asset is not None and not asset.fractionable)
    )
    wanted = ReadsWanted(
        symbol=facts.signal.symbol, asset=asset is None, quote=needs_price and facts.quote is None
    )
    return wanted if wanted.asset or wanted.quote else None


Coded = tuple[VerdictCode, Check]
"""A check, and the verdict that its failure means."""


def _on_signal(facts: EntryFacts, stars: int | None) -> Iterator[Coded]:
    """What is asked of the signal itself, and of its symbol."""
    signal, config = facts.signal, facts.config
    yield "expired", _time_to_live(facts)
    yield "no_rating", _stars_check(signal, stars)
    yield "tier_disabled", limits.enabled_catalyst_tiers(signal, config)
    yield "symbol_not_allowed", limits.allowed_symbols(signal, config)
    yield "symbol_denied", limits.denied_symbols(signal, config)
    taken = facts.occupied_by
    other = "has no other trade" if taken is None else f"already has a trade that is {taken}"
    yield (
        "duplicate_symbol",
        Check(name="symbol_free", passed=taken is None, detail=f"{signal.symbol} {other}"),
    )
    halted = "halted: " + "; ".join(facts.halts) if facts.halts else "nothing is halted"
    yield "halted", Check(name="halts", passed=not facts.halts, detail=halted)


def _on_hours(hours: Hours) -> tuple[Coded, ...]:
    return (
        ("market_closed", hours.market),
        ("market_opening", hours.opening),
        ("market_closing", hours.closing),
    )


def _on_account(facts: EntryFacts) -> Iterator[Coded]:
    """What is asked of the books, whatever the order's size."""
    signal, config, exposure = facts.signal, facts.config, facts.exposure
    yield "symbol_cooldown", limits.symbol_cooldown_sec(signal, config, exposure, facts.now)
    yield "orders_per_minute", limits.max_orders_per_minute(config, exposure)
    yield "orders_per_day", limits.max_orders_per_day(config, exposure)
    yield "max_positions", limits.max_concurrent_positions(config, exposure)
    yield "daily_loss_limit", limits.daily_loss_limit_usd(config, exposure.today)


def _on_order(
    facts: EntryFacts,
    notional: Decimal | None,
    price: Priced | Unpriced | None,
    sized: Sized,
    stars: int | None,
) -> Iterator[Coded]:
    """What is asked of the order, and of the price it would be bought at."""
    signal, config, exposure = facts.signal, facts.config, facts.exposure
    yield "below_minimum", _notional_check(notional, stars)
    unknown = facts.unknown_symbol
    yield (
        "unknown_symbol" if unknown else "not_tradable",
        limits.asset(signal.symbol, facts.asset, unknown_symbol=unknown),
    )
    unpriced = isinstance(price, Unpriced)
    yield "no_price" if unpriced else "share_price", limits.max_share_price_usd(config, price)
    yield "no_price" if unpriced else "price_moved", limits.price_collar_pct(signal, config, price)
    yield sized.code, sized.check
    yield "order_too_large", limits.max_order_notional_usd(config, sized.order)
    yield "max_exposure", limits.max_total_exposure_usd(config, exposure, sized.order)
    yield "buying_power", limits.buying_power(facts.means, exposure, sized.order, facts.now)


def _gate_check(gate: Gate) -> Check:
    return Check(name="gate", passed=gate.open, detail=gate.reason)


def _time_to_live(facts: EntryFacts) -> Check:
    signal = facts.signal
    left = (signal.expires_at - facts.now).total_seconds()
    detail = (
        f"{left:.1f} s of {signal.ttl_s} s left"
        if left > 0
        else f"its {signal.ttl_s} s ended {abs(left):.1f} s ago"
    )
    return Check(name="time_to_live", passed=left > 0, detail=detail)


def _stars_check(signal: Signal, stars: int | None) -> Check:
    rating = f"tier {signal.catalyst_tier}, AI confidence {signal.ai_confidence or 'none'}: "
    rating += "no rating, no trade" if stars is None else f"{stars} stars"
    return Check(name="stars", passed=stars is not None, detail=rating)


def _notional_check(notional: Decimal | None, stars: int | None) -> Check:
    if notional is None:
        return Check(name="notional", passed=True, detail="no rating, no order")
    size = f"{decimal_text(notional)} USD for {stars} stars, the broker's minimum is 1 USD"
    return Check(name="notional", passed=notional >= MIN_NOTIONAL, detail=size)
