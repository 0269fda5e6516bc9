"""`python run.py report`: what a day, or a range of days, has brought."""

import json
import os
import sqlite3
from contextlib import closing
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from actors.clock import system_clock
from cli.client import Unreachable
from cli.exits import FAILED, START_IT, configuration_errors, fail
from cli.flags import AsJson, Http, StateDir, settings_from
from cli.reach import bot_of, give_up, told_as
from cli.settings_holder import INVALID
from cli.working import working
from domain.market import new_york_day
from persistence.errors import LedgerUnusable
from persistence.other_ledger import check_readable
from persistence.queries import FiguresQueries
from settings import ConfigurationError, Settings
from web.api.figures_views import StarJson
from web.api.report import LineJson, ReportJson, report_json
from web.api.report_files import report_csv, report_html
from web.errors import Refusal
from web.roles import Role

LISTED = 20
"""Trades that the terminal is shown; the files have all."""


class Format(StrEnum):
    """How it is told."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    HTML = "html"


Day = Annotated[str | None, typer.Option(help="One day of New York, as 2026-11-27.", show_default="today")]
First = Annotated[str | None, typer.Option("--from", help="The first day of several.", show_default=False)]
Last = Annotated[str | None, typer.Option("--to", help="The last one.", show_default="today")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write it to this new file.", show_default=False)
]


def command(  # noqa: PLR0917 - typer makes the flags from them
    context: typer.Context,
    day: Day = None,
    first: First = None,
    last: Last = None,
    format_: Annotated[Format, typer.Option("--format", help="How it is told.")] = Format.TABLE,
    output: Output = None,
    as_json: AsJson = False,
    http: Http = None,
    state_dir: StateDir = None,
) -> None:
    """Tell what trades have brought: in all, by day, by rating, by what sold them."""
    with configuration_errors():
        if day is not None and (first is not None or last is not None):
            raise ConfigurationError("--day is one day, --from and --to are several; name one or the others")
        begin, end = _day("--from", first) or _day("--day", day), _day("--to", last) or _day("--day", day)
        if output is not None and output.exists():
            raise ConfigurationError(f"{output} is there already, and is not written over")
        settings = settings_from(context, http, state_dir)
        with working("the trades are being added up"):
            told = _told(settings, begin, end)
        wanted = Format.JSON if as_json else format_
        if wanted is Format.TABLE and output is None:
            _show(told)
            return
        _write(_text(told, wanted), output)


def _told(settings: Settings, first: date | None, last: date | None) -> ReportJson:
    """By the running bot; where none answers, by its ledger. Ends the program where neither can tell."""
    asked = {"from": first, "to": last}
    query = urlencode({name: value.isoformat() for name, value in asked.items() if value is not None})
    try:
        with closing(bot_of(settings, Role.VIEW)) as client:
            answer = client.read(f"/api/report?{query}")
    except Unreachable as error:
        return _read(settings.database, first, last, why=str(error))
    if answer.status == INVALID:
        raise ConfigurationError(answer.why())
    try:
        return told_as(ReportJson, client, answer)
    except Unreachable as error:
        give_up(error)


def _read(ledger: Path, first: date | None, last: date | None, *, why: str) -> ReportJson:
    if not ledger.is_file():
        fail(f"{why}; {START_IT}", FAILED)
    today = new_york_day(system_clock())
    try:
        check_readable(ledger)
        told = report_json(FiguresQueries(ledger), first or last or today, last or first or today, most=None)
    except (LedgerUnusable, sqlite3.Error) as error:
        fail(f"{why}; and {error}", FAILED)
    except Refusal as error:
        raise ConfigurationError(f"{error} {error.body.fix}") from None
    typer.echo(f"starfill: {why}; this is read from the ledger {ledger}", err=True)
    return told


def _day(flag: str, text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{flag} {text} is no day; write it as 2026-11-27") from None


def _text(told: ReportJson, wanted: Format) -> str:
    if wanted is Format.CSV:
        return report_csv(told)
    if wanted is Format.HTML:
        return report_html(told)
    if wanted is Format.JSON:
        return json.dumps(told.model_dump(mode="json"), indent=2) + "\n"
    raise ConfigurationError("--output takes a file of the format csv, json or html; name it with --format")


def _write(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        with open(output, "x", encoding="utf-8", opener=_for_the_owner_alone) as file:
            file.write(text)
    except OSError as error:
        fail(f"{output} cannot be written ({error.strerror})", FAILED)
    typer.echo(f"{output} is written")


def _for_the_owner_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _show(told: ReportJson) -> None:
    console = Console()
    span = told.first if told.first == told.last else f"{told.first} to {told.last}"
    total = told.total
    console.print(
        f"[bold]{span}[/]  {_usd(total.pnl)} USD, {total.trades} trades ended, {total.won} with a gain"
    )
    if total.unknown:
        console.print(
            f"Of {total.unknown} trades nobody knows what they brought; they are not in these sums."
        )
    if not total.trades:
        return
    if len(told.days) > 1:
        console.print(_lines("day", told.days))
    console.print(_ratings(told.stars))
    console.print(_lines("sold by", told.exit_reasons))
    trades = Table(box=None, header_style="bold")
    for name in ("symbol", "stars", "sold (UTC)", "for", "by"):
        trades.add_column(name)
    trades.add_column("P&L", justify="right")
    for trade in told.trades[-LISTED:]:
        trades.add_row(
            escape(trade.symbol),
            "-" if trade.stars is None else str(trade.stars),
            f"{trade.exit_at:%m-%d %H:%M:%S}",
            "?" if trade.exit_price is None else str(trade.exit_price),
            escape(trade.exit_reason.replace("_", " ")),
            _usd(trade.pnl),
        )
    console.print(trades)
    if len(told.trades) > LISTED:
        console.print(f"The last {LISTED} of {len(told.trades)} trades; --format csv has all.")


def _lines(first: str, lines: tuple[LineJson, ...]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column(first)
    for name in ("trades", "won", "P&L"):
        table.add_column(name, justify="right")
    for line in lines:
        table.add_row(escape(line.name.replace("_", " ")), str(line.trades), str(line.won), _usd(line.pnl))
    return table


def _ratings(stars: tuple[StarJson, ...]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("stars")
    for name in ("trades", "won", "P&L"):
        table.add_column(name, justify="right")
    table.add_column("a trade, 95 %")
    for each in stars:
        sure = each.expectancy
        table.add_row(
            "-" if each.stars is None else str(each.stars),
            str(each.trades),
            str(each.won),
            _usd(each.pnl),
            each.note if sure is None else f"{_usd(sure.value)} ({_usd(sure.low)} to {_usd(sure.high)})",
        )
    return table


def _usd(amount: Decimal | None) -> str:
    return "?" if amount is None else f"{amount:+,.2f}"
