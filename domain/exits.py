"""The exit decision: one pure function, asked at each look at an open trade; and what goes with it.

The rules in the origin's order; the first that applies sells. A rule that needs a price does nothing
without a fresh one. 0 turns a rule off.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal
from typing import Final, Literal

from domain.config import BotConfig
from domain.identity import Leg
from domain.market import Market, Priced, Unpriced
from domain.orders import Life, OrderRecord
from domain.signals import decimal_text
from domain.trades import TradeRecord, in_play
from domain.values import CENT, ZERO, Message, Shares, Usd, Utc

Rule = Literal["hard_stop", "trailing_stop", "profit_target", "time_exit", "force_close_eod"]
PRICE_RULES: Final = frozenset({"hard_stop", "trailing_stop", "profit_target"})
BY_RULE: Final = "monitor"
"""By whose word a trade is to be sold that no person wanted sold."""

_HUNDRED: Final = Decimal(100)
_TENTH_OF_A_CENT: Final = Decimal("0.0001")
_DOLLAR: Final = Decimal(1)


class WayOut(Message):
    """One rule that would sell a trade, and how far away that is."""

    rule: Rule
    price: Usd | None = None
    """It sells at or beyond this price a share."""
    away_pct: Decimal | None = None
    """How far the price has to move for that, in percent of itself; None: there is no fresh price."""
    at: Utc | None = None
    """It sells at this time."""
    applies: bool = False


class Exit(Message):
    """Sell it now."""

    rule: Rule
    detail: str


class Hold(Message):
    """Nothing sells it yet."""

    ways: tuple[WayOut, ...]


def decide_exit(
    trade: TradeRecord,
    price: Priced | Unpriced,
    config: BotConfig,
    now: datetime,
    *,
    closes_at: datetime | None,
) -> Exit | Hold:
    """Sell or hold; `closes_at`: the end of the day's session by the broker's clock, None while closed.

    `trade.peak_price` may be older than `price`, which then counts as the peak if it is higher.
    """
    ways = ways_out(trade, price, config, now, closes_at=closes_at)
    due = next((way for way in ways if way.applies), None)
    return Hold(ways=ways) if due is None else Exit(rule=due.rule, detail=_detail(due, trade, price, now))


def ways_out(
    trade: TradeRecord,
    price: Priced | Unpriced,
    config: BotConfig,
    now: datetime,
    *,
    closes_at: datetime | None,
) -> tuple[WayOut, ...]:
    """Every rule that is on, in the order in which they decide."""
    ways: list[WayOut] = []
    basis = trade.basis_price
    if basis is not None:
        ways += _price_ways(basis, peak_of(trade, price), price, config)
    if config.max_hold_duration_sec and trade.entry_at is not None:
        at = trade.entry_at + timedelta(seconds=config.max_hold_duration_sec)
        ways.append(WayOut(rule="time_exit", at=at, applies=now >= at))
    if config.close_before_end_min and closes_at is not None:
        at = closes_at - timedelta(minutes=config.close_before_end_min)
        ways.append(WayOut(rule="force_close_eod", at=at, applies=now >= at))
    return tuple(ways)


def peak_of(trade: TradeRecord, price: Priced | Unpriced) -> Decimal | None:
    """The best price seen since the trade was bought, this one included."""
    seen = (trade.basis_price, trade.peak_price, price.price if isinstance(price, Priced) else None)
    return max((each for each in seen if each is not None), default=None)


def last_mark(trade: TradeRecord, now: datetime, *, max_age_s: int) -> Priced | Unpriced:
    """The price that the trade was last seen at, while it is fresh."""
    if trade.mark_price is None or trade.mark_at is None:
        return Unpriced(symbol=trade.symbol, why="it has not been priced yet")
    age = now - trade.mark_at
    if age > timedelta(seconds=max_age_s):
        why = f"its last price is {round(age.total_seconds())} s old, more than {max_age_s} s"
        return Unpriced(symbol=trade.symbol, why=why)
    return Priced(symbol=trade.symbol, price=trade.mark_price, at=trade.mark_at)


def _price_ways(
    basis: Decimal, peak: Decimal | None, price: Priced | Unpriced, config: BotConfig
) -> list[WayOut]:
    ways: list[WayOut] = []
    if config.hard_stop_loss_pct:
        ways.append(_below("hard_stop", _share(basis, -config.hard_stop_loss_pct), price))
    if peak is not None and config.trailing_stop_pct:
        ways.append(_below("trailing_stop", _share(peak, -config.trailing_stop_pct), price))
    elif peak is not None and config.trailing_stop_dollar:
        ways.append(_below("trailing_stop", max(ZERO, peak - config.trailing_stop_dollar), price))
    if config.profit_target_pct:
        ways.append(_above("profit_target", _share(basis, config.profit_target_pct), price))
    return ways


def _share(price: Decimal, pct: Decimal) -> Decimal:
    """So many percent more, or less. Exact: a rule must not fire a cent early for a rounding."""
    return price * (_HUNDRED + pct) / _HUNDRED


def _below(rule: Rule, limit: Decimal, price: Priced | Unpriced) -> WayOut:
    applies = isinstance(price, Priced) and price.price <= limit
    return _way(rule, limit, price, applies=applies, rounding=ROUND_FLOOR)


def _above(rule: Rule, limit: Decimal, price: Priced | Unpriced) -> WayOut:
    applies = isinstance(price, Priced) and price.price >= limit
    return _way(rule, limit, price, applies=applies, rounding=ROUND_CEILING)


def _way(rule: Rule, limit: Decimal, price: Priced | Unpriced, *, applies: bool, rounding: str) -> WayOut:
    """The limit is shown as the first price that sells, of those with the four decimals that prices have."""
    away = (limit - price.price) / price.price * _HUNDRED if isinstance(price, Priced) else None
    return WayOut(
        rule=rule,
        price=limit.quantize(_TENTH_OF_A_CENT, rounding=rounding),
        away_pct=None if away is None else away.quantize(CENT),
        applies=applies,
    )


def _detail(way: WayOut, trade: TradeRecord, price: Priced | Unpriced, now: datetime) -> str:
    """The rule with its inputs, in words."""
    if way.price is not None and isinstance(price, Priced):
        basis = trade.basis_price
        bought = "" if basis is None else f", bought at {decimal_text(basis)}"
        return f"at {decimal_text(price.price)} it reached {decimal_text(way.price)}{bought}"
    if way.rule == "time_exit" and trade.entry_at is not None:
        return f"held for {round((now - trade.entry_at).total_seconds())} s"
    return "the day's session is about to end"


# --- selling ------------------------------------------------------------------------------------

EXIT_GOOD_FOR: Final = timedelta(days=1)
"""What is to be sold stays to be sold; only its id is not sent for ever."""
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=5)
_DOUBLINGS: Final = 6


def may_sell_from(orders: Sequence[OrderRecord], leg: Leg = "exit") -> datetime | None:
    """From when on another order of this leg may be sent; None: at once.

    After one that sold only a part a first pause, after those that sold nothing each twice the last. To be
    asked with `must_wait`; by our own clock, which also says when an order was planned.
    """
    pauses, last = 0, None
    for order in orders:
        if order.leg != leg:
            continue
        last = order if _fell_short(order) else None
        pauses = pauses + 1 if _came_to_nothing(order) else int(last is not None)
    if last is None:
        return None
    doublings: int = 2 ** min(pauses - 1, _DOUBLINGS)
    return last.planned_at + min(FIRST_PAUSE * doublings, LONGEST_PAUSE)


def must_wait(retry_at: datetime | None, now: datetime) -> bool:
    """Whether the pause before a retry lasts; one longer than any is that of a clock that was set back."""
    return retry_at is not None and retry_at - LONGEST_PAUSE <= now < retry_at


def _fell_short(order: OrderRecord) -> bool:
    """Whether it ended before all of it was sold."""
    return _came_to_nothing(order) or (not order.is_live and ZERO < order.filled_qty < (order.qty or ZERO))


def _came_to_nothing(order: OrderRecord) -> bool:
    """Whether it sold nothing and never will. A stop that was canceled is one that we had replaced."""
    if order.is_live or order.filled_qty > ZERO or order.status == "replaced":
        return False
    return order.leg != "stop" or order.status != "canceled"


def surplus(trade: TradeRecord, orders: Sequence[OrderRecord]) -> list[OrderRecord]:
    """The sells of a trade that may sell more than it holds, beside those that came before them."""
    left, extra = trade.held, []
    for order in orders:
        if order.leg != "entry" and order.is_live:
            if unsold(order) > left:
                extra.append(order)
            else:
                left -= unsold(order)
    return extra


def unsold(order: OrderRecord) -> Decimal:
    """Shares that a sell may still sell."""
    return (order.qty or ZERO) - order.filled_qty


# --- a stop that rests at the broker --------------------------------------------------------------


class StopWanted(Message):
    """The stop order that should rest at the broker."""

    qty: Shares
    stop_price: Usd


def protective_stop(trade: TradeRecord, config: BotConfig) -> StopWanted | None:
    """For the whole shares of a trade: Alpaca takes fractions as day orders only, not overnight."""
    basis = trade.basis_price
    if not config.protective_stop or not config.hard_stop_loss_pct or basis is None:
        return None
    if trade.exit_wanted is not None:
        return None
    whole = trade.held.quantize(Decimal(1), rounding=ROUND_DOWN)
    limit = _share(basis, -config.hard_stop_loss_pct)
    # Sub-penny rule: two decimals from a dollar on, four below.
    stop_price = limit.quantize(CENT if limit >= _DOLLAR else _TENTH_OF_A_CENT, rounding=ROUND_DOWN)
    return StopWanted(qty=whole, stop_price=stop_price) if whole and stop_price else None


def resting_stops(orders: Sequence[OrderRecord]) -> list[OrderRecord]:
    """The stops of a trade that rest at the broker, or may."""
    return [order for order in in_play(orders) if order.leg == "stop"]


def protected_qty(orders: Sequence[OrderRecord]) -> Decimal:
    """Shares that a stop surely covers: one whose POST has no answer yet covers none."""
    return sum(
        (unsold(order) for order in orders if order.leg == "stop" and order.life is Life.WORKING), ZERO
    )


def is_as_wanted(stop: OrderRecord, wanted: StopWanted | None) -> bool:
    """Whether this stop is the one that should rest at the broker."""
    return wanted is not None and (unsold(stop), stop.stop_price) == (wanted.qty, wanted.stop_price)


def is_in_step(trade: TradeRecord, orders: Sequence[OrderRecord], config: BotConfig) -> bool:
    """Whether the stops at the broker are just what they should be, or already on their way there."""
    wanted, resting = protective_stop(trade, config), resting_stops(orders)
    if any(order.leg != "stop" for order in in_play(orders)):
        return True  # while it is bought or sold, a stop would only be in the way
    if wanted is None or not resting:
        return wanted is None and not resting
    [first, *more] = resting
    return not more and is_as_wanted(first, wanted)


class OpenTrade(Message):
    """A trade with what its orders mean for selling it: what the monitor goes by."""

    trade: TradeRecord
    leaving: bool
    """A sell of it is under way."""
    selling: bool = False
    """The broker surely has that sell, and may execute it."""
    busy: bool
    """An order of it may still be executed, of whatever leg."""
    covered: Shares
    """Shares that a stop resting at the broker covers."""
    in_step: bool
    """Its stops are as they should be."""
    retry_at: Utc | None
    """Not to be sold again before, because selling it has just failed."""
    doubtful: bool = False
    """It is being found out why the account holds something else than the books explain: after a split, say,
    no price means what it did when the trade was bought."""


def open_trade(
    trade: TradeRecord, orders: Sequence[OrderRecord], config: BotConfig, *, doubtful: bool = False
) -> OpenTrade:
    """What the monitor has to know of a trade; `orders` are all of its orders, oldest first."""
    legs = {order.leg for order in in_play(orders)}
    return OpenTrade(
        trade=trade,
        leaving="exit" in legs,
        selling=any(order.leg == "exit" and order.life is Life.WORKING for order in orders),
        busy=bool(legs),
        covered=protected_qty(orders),
        in_step=is_in_step(trade, orders, config),
        retry_at=may_sell_from(orders),
        doubtful=doubtful,
    )


# --- time without a way out -----------------------------------------------------------------------


class Look(Message):
    """What the monitor saw of a trade: told to the ledger, which keeps it."""

    trade_id: int
    price: Usd | None = None
    priced_at: Utc | None = None
    naked_why: str | None = None
    """Why it could not be sold now if it had to be; None: it could."""
    covered: Shares = ZERO
    """Shares that a resting stop covers all the same."""


LOOKED_LATELY: Final = timedelta(seconds=15)
"""Three looks that did not come about: in a longer gap nobody watched."""


def looked(trade: TradeRecord, look: Look, now: datetime, market: Market | None) -> TradeRecord:
    """The trade after the monitor's look: its price, its peak, and its time without a way out.

    The time since the last look counts as naked if it was then, or if nobody looked for too long, as far as
    the market was open; while that is not known, it is left to the next look. The dollars are those of the
    shares that no stop covers, at the last price known. `now` is the broker's.
    """
    price = look.price if look.price is not None else trade.mark_price or trade.basis_price
    bare = max(ZERO, trade.held - look.covered) * (price or ZERO)
    changes: dict[str, object] = {"naked_why": look.naked_why if bare else None}
    if market is not None:
        changes["watched_at"] = now
        since = trade.watched_at or trade.entry_at or now
        if trade.naked_why is not None or now - since > LOOKED_LATELY:
            seconds = Decimal(market.open_for(since, now) // timedelta(milliseconds=1)) / 1000
            changes["naked_usd_s"] = (trade.naked_usd_s + bare * seconds).quantize(CENT)
    if look.price is not None:
        peak = max(look.price, trade.peak_price or look.price, trade.basis_price or look.price)
        changes |= {"mark_price": look.price, "mark_at": look.priced_at, "peak_price": peak}
    return trade.having(changes)
