"""The live table: what the ledger holds, twice a second, on the owner's terminal."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from domain.rules import Gate
from domain.signals import decimal_text
from domain.trades import TradeRecord
from persistence.queries import Queries

PER_SECOND: Final = 2
WIDE: Final = 104
"""Columns of a terminal from which on the order's id fits beside the rest."""
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
        return Group(headline, word, _table(trades, wide=width >= WIDE), self._counts())

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


def _table(trades: tuple[TradeRecord, ...], *, wide: bool) -> Table:
    table = Table(expand=False)
    table.add_column("symbol", no_wrap=True, min_width=6)
    table.add_column("stars", no_wrap=True, min_width=5)
    for name in ("notional", "status", "shares", "entry price"):
        table.add_column(name, no_wrap=True, justify="left" if name == "status" else "right")
    if wide:
        table.add_column("client order id", no_wrap=True, overflow="ellipsis")
    for trade in trades:
        cells = [
            Text(trade.symbol),
            Text("*" * (trade.stars or 0)),
            Text(decimal_text(trade.notional)),
            Text(trade.status.value, style=STYLES[trade.status.value]),
            Text("" if trade.shares is None else decimal_text(trade.shares)),
            Text("" if trade.entry_price is None else decimal_text(trade.entry_price)),
        ]
        table.add_row(*cells, *([Text(trade.client_order_id)] if wide else []))
    return table


def _sum(counted: Mapping[str, int]) -> int:
    return sum(counted.values())
