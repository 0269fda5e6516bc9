"""What the limits count, out of `bot_trade` and `bot_order`: read anew for each plan, in its transaction.

A limit that is off costs nothing: what it alone asks for is not read.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from sqlite3 import Cursor
from typing import Final

from domain.config import BotConfig
from domain.exposure import DayPnl, Exposure, dollars_at_stake, open_pnl
from domain.market import day_began_at
from domain.trades import TradeRecord
from domain.values import ZERO
from persistence.codec import built, json_of, micros_of, moment_or_none

MINUTE: Final = timedelta(minutes=1)
ON_ITS_WAY: Final = timedelta(seconds=5)
"""A buy that was planned this long before the buying power was read may have reached the broker after it."""
ENOUGH: Final = 8
"""So many of a symbol's last trades are asked when they ended: seldom is it not the last one."""

_POSITIONS = "SELECT count(*) FROM bot_trade WHERE status IN ('pending', 'open', 'closing')"
# A replaced order whose successor has not been heard of yet: that one works at the broker.
_ENTERING = (
    "SELECT DISTINCT trade_id FROM bot_order AS it"
    " WHERE trade_id IN (SELECT value FROM json_each(?)) AND leg = 'entry' AND"
    " (life IN ('intended', 'unresolved', 'working') OR (status = 'replaced' AND NOT EXISTS"
    " (SELECT 1 FROM bot_order AS next WHERE next.broker_order_id = it.replaced_by)))"
)
_SALES = (
    "SELECT trade_id, filled_qty, filled_avg_price, priced_filled_qty FROM bot_order"
    " WHERE trade_id IN (SELECT value FROM json_each(?)) AND leg <> 'entry' AND filled_qty <> '0'"
)
# An order that replaced another is no second one of ours.
_BUYS_SINCE = "SELECT count(DISTINCT trade_id) FROM bot_order WHERE planned_at > ? AND leg = 'entry'"
_BUYS_FROM = "SELECT count(DISTINCT trade_id) FROM bot_order WHERE planned_at >= ? AND leg = 'entry'"
_ORDERS_SINCE = "SELECT count(*), count(DISTINCT trade_id) FROM bot_order WHERE planned_at > ?"
_LAST_ENDED = (
    "SELECT max(CASE WHEN status IN ('missed', 'rejected') THEN created_at"
    " WHEN status = 'closed' THEN coalesce(exit_at, updated_at) END)"
    " FROM (SELECT status, created_at, exit_at, updated_at FROM bot_trade WHERE symbol = ?"
    " ORDER BY id DESC LIMIT ?)"
)
# Without the plus SQLite would go through all that were ever closed.
_REALISED = "SELECT pnl FROM bot_trade WHERE exit_at >= ? AND +status = 'closed'"
_ORDERED_SINCE = (
    "SELECT notional, count(*) FROM bot_trade WHERE status NOT IN ('missed', 'rejected') AND id IN ("
    "SELECT trade_id FROM bot_order WHERE planned_at >= ? AND leg = 'entry'"
    " UNION SELECT trade_id FROM bot_order WHERE life IN ('intended', 'unresolved') AND leg = 'entry')"
    " GROUP BY notional"
)
# What is neither refused nor taken (given up, or not known yet) says nothing about whether buys are refused.
# The plus again: backwards in time it finds the last ones at once.
_LAST_BUYS = (
    "SELECT life = 'refused' OR (status = 'rejected' AND filled_qty = '0') FROM bot_order"
    " WHERE planned_at > ? AND leg = 'entry' AND +life IN ('refused', 'working', 'done')"
    " ORDER BY planned_at DESC, rowid DESC LIMIT ?"
)


def counted(
    cursor: Cursor,
    config: BotConfig,
    standing: tuple[TradeRecord, ...],
    *,
    symbol: str,
    now: datetime,
    means_read_at: datetime | None,
) -> Exposure:
    """`standing`: the trades that have a symbol; they are asked for by `needs_standing` only."""
    today = micros_of(day_began_at(now))
    return built(
        Exposure,
        {
            "positions": _count(cursor, _POSITIONS) if config.max_concurrent_positions else 0,
            "usd": _at_stake(cursor, standing) if config.max_total_exposure_usd else ZERO,
            "orders_last_minute": (
                _count(cursor, _BUYS_SINCE, micros_of(now - MINUTE)) if config.max_orders_per_minute else 0
            ),
            "orders_today": _count(cursor, _BUYS_FROM, today) if config.max_orders_per_day else 0,
            "last_ended_at": _last_ended(cursor, symbol) if config.symbol_cooldown_sec else None,
            "today": day_pnl(cursor, standing, now=now) if config.daily_loss_limit_usd else DayPnl(),
            "ordered_since": ZERO if means_read_at is None else _ordered_since(cursor, means_read_at),
        },
    )


def day_pnl(cursor: Cursor, standing: tuple[TradeRecord, ...], *, now: datetime) -> DayPnl:
    realised, untold = _realised(cursor, micros_of(day_began_at(now)))
    gained, unpriced = _open_pnl(cursor, standing)
    return built(DayPnl, {"realised": realised, "open": gained, "unpriced": untold + unpriced})


def needs_standing(config: BotConfig) -> bool:
    """Whether any limit asks for what stands open, trade by trade."""
    return bool(config.max_total_exposure_usd or config.daily_loss_limit_usd)


def refusals_in_a_row(cursor: Cursor, *, since: datetime | None, most: int) -> int:
    """How many of the last buys were refused one after the other, `most` at most."""
    rows = cursor.execute(_LAST_BUYS, (_micros(since), most)).fetchall()
    return next((number for number, (refused,) in enumerate(rows) if not refused), len(rows))


def orders_since(cursor: Cursor, since: datetime) -> tuple[int, int]:
    """How many orders of any leg were planned, and for how many trades."""
    orders, trades = cursor.execute(_ORDERS_SINCE, (micros_of(since),)).fetchone()
    return orders, trades


def _micros(moment: datetime | None) -> int:
    return 0 if moment is None else micros_of(moment)


def _count(cursor: Cursor, sql: str, *values: int) -> int:
    [number] = cursor.execute(sql, values).fetchone()
    return int(number)


def _at_stake(cursor: Cursor, standing: tuple[TradeRecord, ...]) -> Decimal:
    ids = json_of([trade.id for trade in standing])
    entering = {trade_id for (trade_id,) in cursor.execute(_ENTERING, (ids,))}
    return sum((dollars_at_stake(trade, entering=trade.id in entering) for trade in standing), ZERO)


def _open_pnl(cursor: Cursor, standing: tuple[TradeRecord, ...]) -> tuple[Decimal, int]:
    """Dollars, and of how many trades a price is missing."""
    got = _got(cursor, [trade.id for trade in standing if trade.sold])
    pnls = [open_pnl(trade, got.get(trade.id, ZERO)) for trade in standing]
    return sum((dollars for dollars, _ in pnls), ZERO), sum(not known for _, known in pnls)


def _got(cursor: Cursor, trade_ids: list[int]) -> dict[int, Decimal | None]:
    """Dollars that our sells brought each trade; None: the broker has not told them all."""
    got: dict[int, Decimal | None] = {}
    if trade_ids:
        for trade_id, qty, price, priced_qty in cursor.execute(_SALES, (json_of(trade_ids),)):
            before = got.get(trade_id, ZERO)
            told = price is not None and Decimal(qty) == Decimal(priced_qty)
            got[trade_id] = before + Decimal(qty) * Decimal(price) if told and before is not None else None
    return got


def _last_ended(cursor: Cursor, symbol: str) -> datetime | None:
    [at] = cursor.execute(_LAST_ENDED, (symbol, ENOUGH)).fetchone()
    return moment_or_none(at)


def _realised(cursor: Cursor, today: int) -> tuple[Decimal, int]:
    """Dollars, and how many trades went for nobody knows what."""
    pnls = [pnl for (pnl,) in cursor.execute(_REALISED, (today,))]
    return sum((Decimal(pnl) for pnl in pnls if pnl is not None), ZERO), pnls.count(None)


def _ordered_since(cursor: Cursor, read_at: datetime) -> Decimal:
    rows = cursor.execute(_ORDERED_SINCE, (micros_of(read_at - ON_ITS_WAY),))
    return sum((Decimal(notional) * trades for notional, trades in rows), ZERO)
