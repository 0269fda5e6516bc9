"""The live table: what the ledger holds, twice a second, on the owner's terminal."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Final, NamedTuple, Self

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from domain.rules import Gate
from domain.signals import decimal_text
from domain.trades import TradeRecord, TradeStatus
from domain.values import CENT
from persistence.queries import Queries

PER_SECOND: Final = 2
BROAD: Final = 72
"""Columns of a terminal from which on what was bought fits beside how it stands."""
WIDE: Final = 104
"""And from which on stars and dollars do."""
WIDEST: Final = 140
"""And from which on the order's id does."""
FRAME: Final = 8
"""Lines around the trades: the headline, the table's head and frame, the counts, the prompt."""
MAX_ROWS: Final = 100

STYLES: Final[Mapping[str, str]] = {
    "pending": "yellow",
    "open": "green",
    "closing": "cyan",
    "closed": "cyan",
    "missed": "dim",
    "rejected": "red",
}


class LiveTable:
    """Shows itself while entered, in a thread of its own. What is printed meanwhile stands above it."""

    def __init__(
        self, queries: Queries, *, gate: Callable[[], Gate], headline: str, console: Console | None = None
    ) -> None:
        self._queries = queries
        self._gate = gate
        self._headline = headline
        self.console = console or Console()
        self._live = Live(
            self, console=self.console, refresh_per_second=PER_SECOND, redirect_stderr=True, transient=False
        )

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        try:
            shown: RenderableType = self._picture(options.max_width, max(console.height - FRAME, 3))
        except Exception as error:  # noqa: BLE001 - a table that fails must not end rich's thread, or the bot
            shown = Text(f"the ledger cannot be read just now: {type(error).__name__}")
        yield shown

    def _picture(self, width: int, rows: int) -> Group:
        gate = self._gate()
        headline = Text(self._headline, style="bold", overflow="ellipsis", no_wrap=True)
        word = Text("gate open" if gate.open else "gate closed", style="green" if gate.open else "yellow")
        if not gate.open:
            word.append(f": {gate.reason}")
        word.no_wrap, word.overflow = True, "ellipsis"
        trades = self._queries.recent_trades(min(rows, MAX_ROWS))
        return Group(headline, word, _table(trades, width), self._counts())

    def _counts(self) -> Text:
        counts = self._queries.counts()
        trades = ", ".join(f"{number} {status}" for status, number in sorted(counts.trades.items()))
        parts = (
            f"{_sum(counts.signals)} signals",
            f"trades: {trades or 'none'}",
            f"{_sum(counts.orders)} orders",
            f"{counts.executions} executions",
        )
        return Text(" | ".join(parts), style="dim", overflow="ellipsis", no_wrap=True)


class _Column(NamedTuple):
    """One of the table's. `least`: columns of the terminal from which on it is shown."""

    name: str
    least: int
    cell: Callable[[TradeRecord], Text]
    right: bool = True
    min_width: int | None = None
    max_width: int | None = None


def _table(trades: tuple[TradeRecord, ...], width: int) -> Table:
    columns = [column for column in COLUMNS if width >= column.least]
    table = Table(expand=False)
    for column in columns:
        table.add_column(
            column.name,
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if column.right else "left",
            min_width=column.min_width,
            max_width=column.max_width,
        )
    for trade in trades:
        table.add_row(*(column.cell(trade) for column in columns))
    return table


def _number(number: Decimal | None) -> Text:
    return Text("" if number is None else decimal_text(number))


def _pnl(trade: TradeRecord) -> Text:
    """What it brought, or would bring at the last price: that is dim, for it is not certain."""
    pnl = trade.pnl if trade.status is TradeStatus.CLOSED else trade.unrealised_pnl
    if pnl is None:
        return Text("")
    style = "green" if pnl > 0 else "red" if pnl < 0 else ""
    return Text(
        f"{pnl.quantize(CENT):+}", style=style if trade.status is TradeStatus.CLOSED else f"dim {style}"
    )


def _exit(trade: TradeRecord) -> Text:
    """Why it ended; of one that stands what keeps it from being sold, or why it is to be."""
    if trade.exit_reason is not None:
        return Text(trade.exit_reason)
    trouble = trade.exit_trouble or trade.naked_why
    return Text(trade.exit_wanted or "") if trouble is None else Text(trouble, style="red")


COLUMNS: Final = (
    _Column("symbol", 0, lambda trade: Text(trade.symbol), right=False, min_width=6),
    _Column(
        "status",
        0,
        lambda trade: Text(trade.status.value, style=STYLES[trade.status.value]),
        right=False,
        min_width=8,
    ),
    _Column("shares", BROAD, lambda trade: _number(trade.shares)),
    _Column("entry price", BROAD, lambda trade: _number(trade.entry_price)),
    _Column("P&L", 0, _pnl, min_width=7),
    _Column("exit", 0, _exit, right=False, max_width=20),
    _Column("stars", WIDE, lambda trade: Text("*" * (trade.stars or 0)), right=False, min_width=5),
    _Column("notional", WIDE, lambda trade: _number(trade.notional)),
    _Column("client order id", WIDEST, lambda trade: Text(trade.client_order_id), right=False),
)


def _sum(counted: Mapping[str, int]) -> int:
    return sum(counted.values())
