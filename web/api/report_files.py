"""A report as a file: CSV for spreadsheets, or one HTML page that needs nothing but itself."""

import csv
import io
from base64 import b64encode
from collections.abc import Iterable, Sequence
from decimal import Decimal
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from web.api.figures_views import PointJson, StarJson
    from web.api.report import LineJson, ReportJson

COLUMNS: Final = (
    "id", "symbol", "source", "signal_id", "stars", "notional", "shares", "entry_at", "entry_price",
    "exit_at", "exit_price", "exit_reason", "pnl",
)  # fmt: skip
TEXT: Final = ("symbol", "source", "signal_id", "exit_reason")
"""What others have written."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet computes (owasp.org/www-community/attacks/CSV_Injection)."""
WIDTH: Final = 900
HEIGHT: Final = 240
STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; }
td.num, th.num { text-align: right; font-variant-numeric: tabular-nums; }
.frame { overflow-x: auto; } .big { font-size: 2rem; font-weight: 650; } .muted { opacity: .7; }
svg { width: 100%; height: auto; } polyline { fill: none; stroke: #2a78d6; stroke-width: 2; }
"""
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's own Content-Security-Policy: its one style and nothing besides."""
PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Starfill, {title}</title>
<style>{style}</style>
<h1>Starfill, {title}</h1>
<p class="big">{pnl} USD</p>
<p class="muted">{trades} trades ended, {won} with a gain{unknown}.</p>
{curve}{tables}
</html>
"""


def report_csv(report: "ReportJson") -> str:
    """Its trades, one a line, with a head. Text that a spreadsheet would compute is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for trade in report.trades:
        told = trade.model_dump(mode="json")
        writer.writerow([_cell(name, told[name]) for name in COLUMNS])
    return out.getvalue()


def report_html(report: "ReportJson") -> str:
    """One page without scripts."""
    span = report.first if report.first == report.last else f"{report.first} to {report.last}"
    unknown = f"; of {report.total.unknown} nobody knows what they brought" if report.total.unknown else ""
    tables = (
        _table("By day", "day", map(_counted, report.days)),
        _stars(report.stars),
        _table("By what sold them", "exit", map(_counted, report.exit_reasons)),
        _trades(report),
    )
    return PAGE.format(
        title=escape(span),
        style=STYLE,
        pnl=_usd(report.total.pnl),
        trades=report.total.trades,
        won=report.total.won,
        unknown=unknown,
        curve=_curve(report.equity),
        tables="".join(tables),
    )


def _cell(name: str, value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if name in TEXT and text.startswith(FORMULA) else text


def _usd(amount: Decimal | None) -> str:
    return "?" if amount is None else f"{amount:+,.2f}"


def _counted(line: "LineJson") -> Sequence[str]:
    return (line.name.replace("_", " "), str(line.trades), str(line.won), _usd(line.pnl))


def _table(title: str, first: str, rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    names = (first, *(head or ("trades", "won", "P&L, USD")))
    heads = "".join(_tag("th", name, num=number > 0) for number, name in enumerate(names))
    body = "".join(
        "<tr>" + "".join(_tag("td", each, num=number > 0) for number, each in enumerate(row)) + "</tr>"
        for row in rows
    )
    nothing = f'<tr><td colspan="{len(names)}">none</td></tr>'
    return (
        f'<h2>{escape(title)}</h2><div class="frame"><table><tr>{heads}</tr>{body or nothing}</table></div>'
    )


def _tag(tag: str, text: str, *, num: bool) -> str:
    return f"<{tag}{' class=num' if num else ''}>{escape(text)}</{tag}>"


def _stars(stars: Iterable["StarJson"]) -> str:
    rows = [
        (
            "no rating" if each.stars is None else "★" * each.stars,
            str(each.trades),
            str(each.won),
            _usd(each.pnl),
            each.note
            if each.expectancy is None
            else f"{each.expectancy.value:+.2f} ({each.expectancy.low:+.2f} to {each.expectancy.high:+.2f})",
        )
        for each in stars
    ]
    told = [tuple(each or "" for each in row) for row in rows]
    return _table("By rating", "stars", told, ("trades", "won", "P&L, USD", "a trade, USD (95 %)"))


def _trades(report: "ReportJson") -> str:
    rows = [
        (
            each.symbol,
            each.entry_at.strftime("%Y-%m-%d %H:%M:%S"),
            each.exit_at.strftime("%Y-%m-%d %H:%M:%S"),
            "" if each.entry_price is None else str(each.entry_price),
            "" if each.exit_price is None else str(each.exit_price),
            each.exit_reason.replace("_", " "),
            _usd(each.pnl),
        )
        for each in report.trades
    ]
    head = ("bought, UTC", "sold, UTC", "at", "for", "why", "P&L, USD")
    return _table("Trades", "symbol", rows, head)


def _curve(points: Sequence["PointJson"]) -> str:
    if len(points) <= 1:
        return "<h2>Equity</h2><p class=muted>No samples of the account's equity in this time.</p>"
    values, began = [point.equity for point in points], points[0].at
    low, high = min(values), max(values)
    span = (points[-1].at - began).total_seconds() or 1
    places = " ".join(
        f"{(point.at - began).total_seconds() / span * WIDTH:.1f},"
        f"{HEIGHT - 10 - int((point.equity - low) * (HEIGHT - 20) / ((high - low) or 1))}"
        for point in points
    )
    label = f"Equity from {values[0]:,.2f} to {values[-1]:,.2f} USD"
    return (
        f'<h2>Equity</h2><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f'<polyline points="{places}"/></svg>'
        f'<p class="muted">{label}; lowest {low:,.2f}, highest {high:,.2f}.</p>'
    )
