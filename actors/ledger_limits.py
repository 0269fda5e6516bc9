"""The ledger's work on limits: the facts that they are judged by, and the breakers that halt everything.

A breaker's reason is the same text as long as it is the same matter, so one halt stands for it.
"""

from datetime import timedelta
from typing import Final

from actors import ledger_halts
from actors.ledger_work import Work
from domain import limits
from domain.config import BotConfig
from domain.exposure import DayPnl
from domain.holdings import ALL
from domain.market import new_york_day
from domain.rules import EntryFacts, EntryReads
from domain.signals import Signal, decimal_text

HOUR: Final = timedelta(hours=1)
FEWEST_ORDERS: Final = 10
"""Of fewer in the last hour no ratio is taken: one trade that is sold in parts is no runaway."""


def entry_facts(work: Work, signal: Signal, config: BotConfig, reads: EntryReads | None) -> EntryFacts:
    """What the decision on this signal depends on, as it stands in this transaction."""
    asset = None if reads is None else reads.asset
    if asset is not None and reads is not None:
        work.assets.learn(asset, reads.at)
    means = work.means
    read_at = None if means is None or means.buying_power is None else means.read_at
    return EntryFacts(
        signal=signal,
        now=work.now,
        config=config,
        gate=work.gate_now(),
        halts=ledger_halts.standing(work, signal.symbol),
        occupied_by=work.unit.trade_occupying(signal.symbol),
        exposure=work.unit.exposure(config, symbol=signal.symbol, now=work.now, means_read_at=read_at),
        market=work.market,
        market_now=work.market_now(),
        means=means,
        asset=asset or work.assets.get(signal.symbol, work.now),
        unknown_symbol=reads is not None and reads.unknown_symbol,
        quote=None if reads is None else reads.quote,
    )


def look_at_losses(work: Work) -> None:
    """Halt everything if the day has lost what it may; at the end of each unit that has touched a trade."""
    config = work.unit.config()
    if config.daily_loss_limit_usd:
        stop_losing(work, config, work.unit.day_pnl(work.now))


def stop_losing(work: Work, config: BotConfig, today: DayPnl) -> None:
    """Halt everything if that is all that the day may lose."""
    if limits.daily_loss_limit_usd(config, today).passed:
        return
    limit = decimal_text(config.daily_loss_limit_usd)
    day = new_york_day(work.now)
    reason = (
        f"the loss of {day} (New York) has reached daily_loss_limit_usd, {limit} USD: look at the trades, "
        "then resume; while the loss is that large nothing is bought all the same, unless you raise the limit"
    )
    # Once a day: a person who has lifted it knows.
    if not work.unit.was_raised(ALL, reason) and work.halt(ALL, reason):
        work.journal("daily_loss", str(day), realised=today.realised, open=today.open)


def look_at_refusals(work: Work) -> None:
    """Halt everything if the broker has refused so many buys in a row; after a buy was refused."""
    most = work.unit.config().max_consecutive_refusals
    if most and work.unit.refusals_in_a_row(since=work.unit.last_cleared(ALL), most=most) >= most:
        work.halt(
            ALL,
            f"the broker has refused {most} buys in a row (max_consecutive_refusals): find out why by its "
            "words on these orders, then resume; the count begins anew",
        )


def look_at_orders(work: Work) -> None:
    """Halt everything if trades take far more orders than a trade should; after an order was planned."""
    ratio = work.unit.config().max_orders_per_signal_ratio
    if not ratio:
        return
    cleared = work.unit.last_cleared(ALL)
    since = work.now - HOUR if cleared is None else max(cleared, work.now - HOUR)
    orders, trades = work.unit.orders_since(since)
    if orders >= FEWEST_ORDERS and orders >= ratio * trades:
        work.halt(
            ALL,
            f"trades have taken {decimal_text(ratio)} orders each on average within an hour "
            "(max_orders_per_signal_ratio): find out why their orders do not come through, then resume; "
            "the count begins anew",
        )
