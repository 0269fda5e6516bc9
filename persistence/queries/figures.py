"""What closed trades have brought, what the account was worth, how far the limits are used. Any thread."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from sqlite3 import Cursor
from typing import Any, Final, NamedTuple

from domain.config import BotConfig
from domain.exposure import EquitySample, Exposure
from domain.holdings import ALL
from domain.limit_use import all_counted
from domain.market import Means
from domain.performance import ClosedSums, all_of, sums_of
from domain.report import SoldTrade
from persistence import equity_table
from persistence.account_table import CONFIG, config_of, last_cleared
from persistence.codec import built, micros_of, moment_of
from persistence.exposure_table import counted, orders_since, refusals_in_a_row
from persistence.queries.snapshot import snapshot
from persistence.trades_table import TradesTable

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
MOST_REFUSALS: Final = 1000
_DAY_MICROS: Final = DAY // timedelta(microseconds=1)
_SOLD = (
    "SELECT t.id, t.symbol, t.signal_id, t.source, t.stars, t.notional, t.shares, t.entry_price, t.entry_at,"
    " t.exit_price, t.exit_at, t.exit_reason, t.pnl, s.price_at_signal, s.received_at FROM bot_trade t"
    " JOIN signal s ON s.signal_id = t.signal_id AND s.source = t.source"
    " WHERE t.exit_at >= ? AND t.exit_at < ? AND +t.status = 'closed' ORDER BY t.exit_at, t.id"
)
_SOLD_COUNT = "SELECT count(*) FROM bot_trade WHERE exit_at >= ? AND exit_at < ? AND +status = 'closed'"
# A day whose trades are as many and as old as they were is the day that it was.
_DAYS = (
    f"SELECT exit_at / {_DAY_MICROS}, count(*), max(updated_at) FROM bot_trade"  # noqa: S608
    " WHERE exit_at >= ? AND exit_at < ? AND +status = 'closed' GROUP BY 1 ORDER BY 1"
)
_OPEN = "SELECT stars, count(*) FROM bot_trade WHERE status IN ('pending', 'open', 'closing') GROUP BY stars"


class LimitFacts(NamedTuple):
    """What the limits are judged by, as a plan would count it now."""

    config: BotConfig
    exposure: Exposure
    """With everything counted, also for limits that are off."""
    refusals: int
    """Buys that were refused in a row, since a person last let everything go on."""
    orders: int
    """Planned within the hour, or since then."""
    trades: int
    """That they were planned for."""


class FiguresQueries:
    """Reads the ledger's file. Sums of days are kept, so that a year of trades is added up once."""

    def __init__(self, ledger: Path) -> None:
        self._path = ledger
        self._kept: dict[int, tuple[tuple[int, int], ClosedSums]] = {}
        """By day of UTC: what told it apart from an older state of itself, and its sums."""

    def sold(self, since: datetime, until: datetime) -> tuple[SoldTrade, ...]:
        """Trades that ended in this time, in the order in which they did."""
        with snapshot(self._path) as cursor:
            return tuple(_sold(cursor, micros_of(since), micros_of(until)))

    def sold_count(self, since: datetime, until: datetime) -> int:
        """How many trades `sold` would tell."""
        with snapshot(self._path) as cursor:
            [count] = cursor.execute(_SOLD_COUNT, (micros_of(since), micros_of(until))).fetchone()
            return int(count)

    def closed(self, since: datetime, until: datetime) -> ClosedSums:
        """What is to be known of the trades that ended on UTC's days from the one moment's to the other's."""
        begin, end = micros_of(since) // _DAY_MICROS, micros_of(until) // _DAY_MICROS + 1
        days: list[ClosedSums] = []
        with snapshot(self._path) as cursor:
            told = cursor.execute(_DAYS, (begin * _DAY_MICROS, end * _DAY_MICROS)).fetchall()
            for day, trades, changed_at in told:
                state, (kept, sums) = (trades, changed_at), self._kept.get(day, ((0, 0), ClosedSums({}, {})))
                if kept != state:
                    those = _sold(cursor, day * _DAY_MICROS, (day + 1) * _DAY_MICROS)
                    sums = sums_of(trade.as_closed() for trade in those)
                    self._kept[day] = (state, sums)
                days.append(sums)
        return all_of(days)

    def open_by_stars(self) -> dict[int | None, int]:
        """How many trades of each rating are pending, open or closing."""
        with snapshot(self._path) as cursor:
            return dict(cursor.execute(_OPEN).fetchall())

    def equity(self, since: datetime, until: datetime, *, most: int) -> tuple[EquitySample, ...]:
        """What the account was worth, oldest first; of more than `most` moments, so many evenly taken."""
        with snapshot(self._path) as cursor:
            return equity_table.between(cursor, since, until, most)

    def limit_facts(self, now: datetime, means: Means | None) -> LimitFacts:
        """What the limits are judged by; `now` is ours."""
        read_at = None if means is None or means.buying_power is None else means.read_at
        with snapshot(self._path) as cursor:
            config = config_of(cursor.execute(CONFIG).fetchone())
            cleared = last_cleared(cursor, ALL)
            since = now - HOUR if cleared is None else max(cleared, now - HOUR)
            orders, trades = orders_since(cursor, since)
            return LimitFacts(
                config,
                counted(
                    cursor,
                    all_counted(config),
                    TradesTable(cursor).open(None),
                    symbol="",
                    now=now,
                    means_read_at=read_at,
                ),
                refusals_in_a_row(cursor, since=cleared, most=MOST_REFUSALS),
                orders,
                trades,
            )


def everything() -> tuple[datetime, datetime]:
    """From before any trade until after any."""
    return datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _sold(cursor: Cursor, since: int, until: int) -> Iterator[SoldTrade]:
    for row in cursor.execute(_SOLD, (since, until)).fetchall():
        yield _sold_of(row)


def _sold_of(row: tuple[Any, ...]) -> SoldTrade:
    (
        id_, symbol, signal_id, source, stars, notional, shares, entry_price, entry_at, exit_price, exit_at,
        reason, pnl, price_at_signal, received_at,
    ) = row  # fmt: skip
    return built(
        SoldTrade,
        {
            "id": id_,
            "symbol": symbol,
            "signal_id": signal_id,
            "source": source,
            "stars": stars,
            "notional": Decimal(notional),
            "shares": _decimal(shares),
            "entry_price": _decimal(entry_price),
            "entry_at": moment_of(entry_at),
            "exit_price": _decimal(exit_price),
            "exit_at": moment_of(exit_at),
            "exit_reason": reason or "unknown",
            "pnl": _decimal(pnl),
            "price_at_signal": _decimal(price_at_signal),
            "latency_ms": max(0, (entry_at - received_at) // 1000) if shares is not None else None,
        },
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
