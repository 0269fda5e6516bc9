"""The day's report: what became of the signals, what was earned by which exit, and whether it all ties out.

`read_books` asks the ledger, `report_of` is pure, `show` prints.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.day.tie_out import Books, Executed, TieOut, tie_out
from cli.oracle import all_trades
from domain.identity import is_ours
from domain.orders import Life, OrderRecord
from domain.signals import VerdictCode, decimal_text
from domain.trades import TradeRecord
from domain.values import CENT, ZERO
from persistence.queries import Queries
from persistence.rows import SignalView
from simulator.statement import Statement

PAGE: Final = 500
LIMITS: Final[frozenset[VerdictCode]] = frozenset(
    {
        "tier_disabled", "symbol_not_allowed", "symbol_denied", "symbol_cooldown", "orders_per_minute",
        "orders_per_day", "max_positions", "daily_loss_limit", "share_price", "price_moved",
        "order_too_large", "max_exposure", "buying_power",
    }
)  # fmt: skip
"""Verdicts by a limit that the owner has set, or that the account sets."""
UNDECIDED: Final = "undecided"
HOUR_S: Final = 3600


class VerdictRow(NamedTuple):
    """All signals that ended so; `reason` is the first one's."""

    code: str
    signals: int
    reason: str

    @property
    def by_limit(self) -> bool:
        return self.code in LIMITS


class ExitRow(NamedTuple):
    """All trades that ended so."""

    reason: str
    trades: int
    won: int
    pnl: Decimal


class DayReport(NamedTuple):
    """All that is shown."""

    signals: int
    verdicts: tuple[VerdictRow, ...]
    exits: tuple[ExitRow, ...]
    never_bought: tuple[tuple[str, int], ...]
    """Why, and how many trades."""
    naked_usd_s: Decimal
    """Dollars times seconds for which trades could not have been sold."""
    naked_trades: int
    orders: int
    refused: int
    """Of these: the broker said no, to a buy or to a sell."""
    own_orders: int
    """The owner's, by hand."""
    sums: TieOut
    differences: tuple[str, ...]


class Ledger(NamedTuple):
    """What the ledger says at the end of the day."""

    signals: tuple[SignalView, ...]
    """The newest first."""
    books: Books
    orders: tuple[OrderRecord, ...]


def read_ledger(queries: Queries) -> Ledger:
    """All signals, trades and executions."""
    trades = tuple(all_trades(queries))
    orders = [order for trade in trades for order in queries.orders_of(trade.id)]
    executions = tuple(
        Executed(order.client_order_id, order.side, row.execution.qty, row.execution.price)
        for order in orders
        for row in queries.executions_of(order.client_order_id)
    )
    shares = {symbol: holding.believed for symbol, holding in queries.holdings().items()}
    return Ledger(tuple(_signals(queries)), Books(executions, trades, shares), tuple(orders))


def _signals(queries: Queries) -> Iterator[SignalView]:
    cursor = None
    while True:
        page = queries.signals(limit=PAGE, cursor=cursor)
        yield from page.items
        if page.next is None:
            return
        cursor = page.next


def report_of(ledger: Ledger, statement: Statement, more: Iterable[str] = ()) -> DayReport:
    """`more`: differences that were found elsewhere."""
    trades = ledger.books.trades
    sums = tie_out(ledger.books, statement)
    verdicts = _verdicts(ledger.signals)
    undecided = [f"{row.signals} signals are undecided" for row in verdicts if row.code == UNDECIDED]
    never = Counter(trade.exit_reason or trade.status.value for trade in trades if not trade.shares)
    return DayReport(
        signals=len(ledger.signals),
        verdicts=verdicts,
        exits=_exits(trades),
        never_bought=tuple(sorted(never.items())),
        naked_usd_s=sum((trade.naked_usd_s for trade in trades), ZERO),
        naked_trades=sum(1 for trade in trades if trade.naked_usd_s),
        orders=len(ledger.orders),
        refused=sum(order.life is Life.REFUSED for order in ledger.orders),
        own_orders=len(
            {line.client_order_id for line in statement.lines if not is_ours(line.client_order_id)}
        ),
        sums=sums,
        differences=(*sums.differences, *undecided, *more),
    )


def _verdicts(signals: Iterable[SignalView]) -> tuple[VerdictRow, ...]:
    """The most frequent first."""
    found: dict[str, list[str]] = defaultdict(list)
    for view in signals:
        verdict = view.verdict
        code, reason = (UNDECIDED, "") if verdict is None else (verdict.code, verdict.reason)
        found[code].append(reason)
    rows = [VerdictRow(code, len(reasons), reasons[-1]) for code, reasons in found.items()]
    return tuple(sorted(rows, key=lambda row: (-row.signals, row.code)))


def _exits(trades: Iterable[TradeRecord]) -> tuple[ExitRow, ...]:
    found: dict[str, list[Decimal]] = defaultdict(list)
    for trade in trades:
        if trade.pnl is not None:
            found[trade.exit_reason or ""].append(trade.pnl)
    return tuple(
        ExitRow(reason, len(pnls), sum(pnl > ZERO for pnl in pnls), sum(pnls, ZERO))
        for reason, pnls in sorted(found.items())
    )


# --- printed --------------------------------------------------------------------------------------


def show(console: Console, report: DayReport) -> None:
    """All of it; what differs comes last."""
    bought = sum(row.trades for row in report.exits)
    console.print(Text(f"\n{report.signals} signals, by what became of them", style="bold"))
    console.print(_verdict_table(report))
    told = f"{bought} trades, by what sold them; {report.orders} orders, {report.refused} of them refused"
    console.print(Text(f"\n{told}, and {report.own_orders} by the owner's hand", style="bold"))
    console.print(_exit_table(report))
    console.print(_naked(report, bought))
    console.print(Text("\nThe account's cash", style="bold"))
    console.print(_sums(report))
    for difference in report.differences:
        console.print(f"difference: {difference}", style="red", markup=False, highlight=False)
    if not report.differences:
        console.print("Ledger and account tie out: every execution, every share and every cent.")


def _verdict_table(report: DayReport) -> Table:
    table = Table("verdict")
    table.add_column("signals", justify="right")
    table.add_column("the first of them")
    for limits in (False, True):
        for row in report.verdicts:
            if row.by_limit is limits:
                table.add_row(Text(row.code), str(row.signals), Text(row.reason))
        table.add_section()
    refused = sum(row.signals for row in report.verdicts if row.by_limit)
    table.add_row("by limits, all", str(refused), "")
    return table


def _exit_table(report: DayReport) -> Table:
    table = Table("sold by")
    for name in ("trades", "won", "P&L"):
        table.add_column(name, justify="right")
    for row in report.exits:
        table.add_row(
            Text(row.reason), str(row.trades), _share(row.won, row.trades), _usd(row.pnl, sign=True)
        )
    table.add_section()
    all_won, pnl = sum(row.won for row in report.exits), sum((row.pnl for row in report.exits), ZERO)
    bought = sum(row.trades for row in report.exits)
    table.add_row("all", str(bought), _share(all_won, bought), _usd(pnl, sign=True))
    table.add_section()
    for reason, count in report.never_bought:
        table.add_row(Text(f"never bought: {reason}"), str(count), "", "")
    return table


def _naked(report: DayReport, bought: int) -> Text:
    hours = (report.naked_usd_s / HOUR_S).quantize(CENT)
    return Text(
        f"Naked exposure, when it could not have been sold if it had to be: {_usd(report.naked_usd_s)} "
        f"dollar-seconds ({_usd(hours)} dollar-hours), in {report.naked_trades} of {bought} trades."
    )


def _sums(report: DayReport) -> Table:
    sums = report.sums
    table = Table("", show_header=False)
    table.add_column("", justify="right")
    table.add_row("at the start", _usd(sums.starting_cash))
    table.add_row("bought, execution by execution", _exact(-sums.bought))
    table.add_row("sold, execution by execution", _exact(sums.sold))
    table.add_row("each rounded to the cent by the broker", _exact(sums.rounding))
    table.add_row("the owner's own orders", _usd(sums.by_hand, sign=True))
    table.add_section()
    table.add_row("by the ledger", _exact(sums.explained, sign=False))
    table.add_row("by the account", _usd(sums.cash))
    table.add_section()
    table.add_row("the trades' P&L", _exact(sums.pnl))
    table.add_row("less what the owner sold of theirs", _exact(-sums.taken_for))
    table.add_row("the same rounding", _exact(sums.rounding))
    table.add_row("what the bot's orders changed of the cash", _usd(sums.earned, sign=True))
    table.add_section()
    for symbol, qty in sums.left.items():
        table.add_row(f"still held, the owner's: {symbol}", f"{decimal_text(qty)} shares")
    return table


def _share(part: int, whole: int) -> str:
    return f"{round(100 * part / whole)} %" if whole else ""


def _usd(amount: Decimal, *, sign: bool = False) -> str:
    return f"{amount.quantize(CENT):+,}" if sign else f"{amount.quantize(CENT):,}"


def _exact(amount: Decimal, *, sign: bool = True) -> str:
    """With all the places it has, two at least."""
    whole, _, fraction = decimal_text(abs(amount)).partition(".")
    mark = "-" if amount < 0 else "+" if sign else ""
    return f"{mark}{int(whole):,}.{fraction:<02}"
