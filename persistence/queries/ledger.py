"""The ledger's reader side, for the web and the command line: any thread, frozen models out.

Each answer comes from one statement, which SQLite serves from one snapshot of the file; so no answer
mixes two moments, no reader waits for the writer, and none keeps the WAL from being emptied.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, Final

from pony.orm import db_session, desc

from domain.config import BotConfig
from domain.exits import protected_qty
from domain.holdings import ExternalOrder, Halt, Holding
from domain.orders import OrderRecord
from domain.trades import OCCUPYING, TradeRecord, TradeStatus
from persistence.account_table import (
    CONFIG,
    STANDING_HALTS,
    WATERMARK,
    config_of,
    halt_of,
    moment_of_meta,
)
from persistence.codec import json_of, micros_of, moment_of, moment_or_none
from persistence.executions_table import EXECUTION_COLUMNS, execution_of
from persistence.holdings_table import (
    EXTERNAL_COLUMNS,
    HOLDINGS,
    MOVEMENTS,
    external_of,
    holding_of,
    summed,
)
from persistence.orders_table import RECORD_COLUMNS, record_of
from persistence.queries.pages import bounded, page_of, row_before
from persistence.rows import (
    ExecutionRow,
    HeardPosition,
    LedgerCounts,
    Page,
    ShareDifference,
    SignalView,
    StandingTrade,
    SymbolShares,
)
from persistence.shares import DIFFERENCES, SHARES, differences_of, shares_of
from persistence.signals_table import SIGNAL_COLUMNS, STATES, VERDICT_COLUMNS, signal_of, verdict_of
from persistence.store import LedgerStore
from persistence.trades_table import TRADE_COLUMNS, trade_of

_trade_row = attrgetter(*TRADE_COLUMNS)
_order_row = attrgetter(*RECORD_COLUMNS)
_execution_row = attrgetter(*EXECUTION_COLUMNS)

_VIEW_OF_SIGNAL: Final = ("id", "body_digest", "state", "received_at", "decided_at")
_VIEW_COLUMNS = ", ".join(
    [f"s.{name}" for name in (*_VIEW_OF_SIGNAL, *VERDICT_COLUMNS, *SIGNAL_COLUMNS)]
    + [f"t.{name}" for name in TRADE_COLUMNS]
)
SIGNAL_VIEW: Final = (
    f"SELECT {_VIEW_COLUMNS} FROM signal s "  # noqa: S608
    "LEFT JOIN bot_trade t ON t.signal_id = s.signal_id AND t.source = s.source "
)
_VIEW_BY_ID = SIGNAL_VIEW + "WHERE s.signal_id = $signal_id ORDER BY s.id"
_VIEW_BY_NAME = SIGNAL_VIEW + "WHERE s.signal_id = $signal_id AND s.source = $source"
_VIEW_PAGE = SIGNAL_VIEW + "WHERE s.id < $before ORDER BY s.id DESC LIMIT $limit"
_STANDING_COLUMNS = ", ".join(
    [f"t.{name}" for name in TRADE_COLUMNS] + [f"o.{name}" for name in RECORD_COLUMNS]
)
_STANDING = (
    f"SELECT {_STANDING_COLUMNS} FROM bot_trade t"  # noqa: S608
    " LEFT JOIN bot_order o ON o.trade_id = t.id AND o.leg = 'stop' AND o.life = 'working'"
    " WHERE t.status IN ('pending', 'open', 'closing') OR t.exit_at >= $since ORDER BY t.id, o.planned_at"
)
_EXTERNAL_PAGE = (
    f"SELECT rowid, {', '.join(EXTERNAL_COLUMNS)} FROM external_order WHERE rowid < $before"  # noqa: S608
    " ORDER BY rowid DESC LIMIT $limit"
)
_LAST_WORDS = " UNION ALL ".join(
    f"SELECT broker_order_id, status, filled_qty FROM {table}"  # noqa: S608
    " WHERE broker_order_id IN (SELECT value FROM json_each($ids))"
    for table in ("bot_order", "external_order")
)
_POSITIONS = "SELECT symbol, qty, heard_at FROM position ORDER BY symbol"
_UNDECIDED: Final = "SELECT count(*) FROM signal WHERE state = 'received'"
_COUNTS = (
    "SELECT 'signals' AS what, state AS kind, count(*) AS n FROM signal GROUP BY state"
    " UNION ALL SELECT 'trades', status, count(*) FROM bot_trade GROUP BY status"
    " UNION ALL SELECT 'orders', life, count(*) FROM bot_order GROUP BY life"
    " UNION ALL SELECT 'executions', '', count(*) FROM execution"
)


class Queries:
    """What the ledger tells to those who only read."""

    def __init__(self, store: LedgerStore) -> None:
        self._database = store.database
        self.path = store.path

    def signal(self, signal_id: str, source: str | None = None) -> tuple[SignalView, ...]:
        """The signals of this id, oldest first: of one source, or of all."""
        if source is None:
            return tuple(map(view_of, self._rows(_VIEW_BY_ID, {"signal_id": signal_id})))
        return tuple(map(view_of, self._rows(_VIEW_BY_NAME, {"signal_id": signal_id, "source": source})))

    def signals(self, *, limit: int, cursor: str | None = None) -> Page[SignalView]:
        """Signals, newest first. ValueError for a cursor that is none of ours."""
        limit = bounded(limit)
        rows = self._rows(_VIEW_PAGE, {"before": row_before("s", cursor), "limit": limit + 1})
        return page_of("s", rows, limit, key=lambda row: int(row[0]), item=view_of, page=Page[SignalView])

    def trades(
        self,
        *,
        limit: int,
        cursor: str | None = None,
        status: TradeStatus | None = None,
        symbol: str | None = None,
        standing: bool = False,
    ) -> Page[TradeRecord]:
        """Trades, newest first. ValueError for a cursor that is none of ours.

        `standing`: only those that occupy their symbol (pending, open, closing).
        """
        limit = bounded(limit)
        wanted = {"status": status and status.value, "symbol": symbol}
        statuses = sorted(each.value for each in OCCUPYING)
        with db_session:
            trade = self._database.Trade
            query = trade.select().filter("lambda t: t.id < before", {}, {"before": row_before("t", cursor)})
            if standing:
                query = query.filter("lambda t: t.status in statuses", {}, {"statuses": statuses})
            query = query.filter(**{name: value for name, value in wanted.items() if value is not None})
            found = list(query.order_by(desc(trade.id)).limit(limit + 1))
            rows = [_trade_row(one) for one in found]
        return page_of("t", rows, limit, key=lambda row: int(row[0]), item=trade_of, page=Page[TradeRecord])

    def trade(self, trade_id: int) -> TradeRecord | None:
        """One trade."""
        with db_session:
            found = self._database.Trade.get(id=trade_id)
            return None if found is None else trade_of(_trade_row(found))

    def recent_trades(self, limit: int) -> tuple[TradeRecord, ...]:
        """The newest trades, newest first."""
        return self.trades(limit=limit).items

    def standing_trades(self, *, and_since: datetime) -> tuple[StandingTrade, ...]:
        """The trades that occupy their symbol, and those that ended from then on; oldest first."""
        rows = self._rows(_STANDING, {"since": micros_of(and_since)})
        return tuple(_standing_of(list(of_trade)) for _, of_trade in groupby(rows, key=itemgetter(0)))

    def orders_of(self, trade_id: int) -> tuple[OrderRecord, ...]:
        """The orders of a trade, oldest first."""
        with db_session:
            order = self._database.Order
            found = list(order.select().filter(trade_id=trade_id).order_by(order.planned_at))
            return tuple(record_of(_order_row(one)) for one in found)

    def executions_of(self, client_order_id: str) -> tuple[ExecutionRow, ...]:
        """The evidence of an order's fills, oldest first."""
        with db_session:
            execution = self._database.Execution
            query = execution.select().filter(client_order_id=client_order_id)
            found = list(query.order_by(execution.at, execution.execution_id))
            return tuple(execution_of(_execution_row(one)) for one in found)

    def last_words(self, broker_order_ids: Iterable[str]) -> dict[str, tuple[str, Decimal]]:
        """The broker's last word on these orders, ours and others': status and shares filled so far.

        What it has not been heard of is not among them.
        """
        ids = json_of(sorted(broker_order_ids))
        rows = self._rows(_LAST_WORDS, {"ids": ids})
        return {order_id: (status, Decimal(filled)) for order_id, status, filled in rows}

    def counts(self) -> LedgerCounts:
        """How many rows stand where, in one moment."""
        counted: dict[str, dict[str, int]] = {"signals": {}, "trades": {}, "orders": {}, "executions": {}}
        for what, kind, number in self._rows(_COUNTS, {}):
            counted[what][kind] = number
        executions = counted.pop("executions")[""]
        return LedgerCounts(
            signals=counted["signals"],
            trades=counted["trades"],
            orders=counted["orders"],
            executions=executions,
        )

    def shares(self) -> tuple[SymbolShares, ...]:
        """The account's shares and what explains them, by symbol; reads every order that was filled."""
        return shares_of(self._rows(SHARES, {}))

    def differences(self) -> tuple[ShareDifference, ...]:
        """Where the account and the books differ, by symbol; quick, whatever the ledger's size."""
        return differences_of(self._rows(DIFFERENCES, {}))

    def undecided(self) -> int:
        """How many signals wait for their verdict; reads those rows of the index only."""
        with db_session:
            [number] = self._database.select(_UNDECIDED)
        return int(number)

    # --- whose shares are whose -------------------------------------------------------------------

    def holdings(self) -> dict[str, Holding]:
        """What the account should hold by our books, by symbol."""
        return {row[0]: holding_of(row) for row in self._rows(HOLDINGS, {})}

    def recomputed_holdings(self) -> dict[str, Decimal]:
        """What each holding's `believed` must be, by symbol: from every order and adjustment anew.

        Reads all orders; a second for some 500,000.
        """
        return summed(self._rows(MOVEMENTS, {}))

    def external_orders(self, *, limit: int, cursor: str | None = None) -> Page[ExternalOrder]:
        """Orders of others in this account, newest first. ValueError for a cursor that is none of ours."""
        limit = bounded(limit)
        rows = self._rows(_EXTERNAL_PAGE, {"before": row_before("x", cursor), "limit": limit + 1})
        return page_of(
            "x",
            rows,
            limit,
            key=lambda row: int(row[0]),
            item=lambda row: external_of(row[1:]),
            page=Page[ExternalOrder],
        )

    def positions(self) -> dict[str, HeardPosition]:
        """What the broker last said the account holds, by symbol; what was sold off is there with zero."""
        return {
            symbol: HeardPosition(symbol=symbol, qty=Decimal(qty), heard_at=moment_of(heard_at))
            for symbol, qty, heard_at in self._rows(_POSITIONS, {})
        }

    def standing_halts(self) -> tuple[Halt, ...]:
        """All halts that nobody has cleared, oldest first."""
        return tuple(map(halt_of, self._rows(STANDING_HALTS, {})))

    def config(self) -> BotConfig:
        """What the owner has set. LedgerUnusable for a row that sets nothing usable."""
        [row] = self._rows(CONFIG, {})
        return config_of(row)

    def last_audit(self) -> datetime | None:
        """When the last full read of the account began; None: there was none."""
        with db_session:
            found = self._database.Meta.get(key=WATERMARK)
            return moment_of_meta(None if found is None else found.value)

    def _rows(self, sql: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Plain SQL through Pony's connection; `$name` becomes a bound parameter."""
        with db_session:
            rows: list[tuple[Any, ...]] = self._database.select(sql, {}, dict(values))
        return rows


def view_of(row: tuple[Any, ...]) -> SignalView:
    """The signal from a row of `SIGNAL_VIEW`."""
    start = len(_VIEW_OF_SIGNAL)
    end = start + len(VERDICT_COLUMNS)
    trade = end + len(SIGNAL_COLUMNS)
    _, digest, state, received_at, decided_at = row[:start]
    return SignalView(
        signal=signal_of(row[end:trade]),
        digest=digest,
        state=STATES[state],
        received_at=moment_of(received_at),
        verdict=verdict_of(row[start:end]),
        decided_at=moment_or_none(decided_at),
        trade=None if row[trade] is None else trade_of(row[trade:]),
    )


def _standing_of(rows: Sequence[tuple[Any, ...]]) -> StandingTrade:
    """From the rows of one trade, one a stop of it; a single one without, where it has none."""
    end = len(TRADE_COLUMNS)
    stops = [record_of(row[end:]) for row in rows if row[end] is not None]
    return StandingTrade(trade=trade_of(rows[0][:end]), covered=protected_qty(stops))
