"""`python run.py signals` and `why`: what was sent, what was decided, and why."""

import json
from contextlib import closing
from typing import Annotated, Final
from urllib.parse import quote, urlencode

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.client import Unreachable
from cli.exits import FAILED, configuration_errors, fail
from cli.flags import AsJson, Http, StateDir, settings_from
from cli.reach import bot_of, give_up, listed, told_as
from domain.signals import SignalState, decimal_text
from web.api.timeline import TimelineJson
from web.api.views import ListJson, SignalJson
from web.roles import Role

NEWEST: Final = 20
SEVERAL: Final = 409

Limit = Annotated[int, typer.Option(help="So many of the newest.", min=1)]
State = Annotated[SignalState | None, typer.Option(help="Only those that stand so.", show_default=False)]
Verdict = Annotated[str | None, typer.Option(help="Only with this verdict.", show_default=False)]
Symbol = Annotated[str | None, typer.Option(help="Only of this symbol.", show_default=False)]
Source = Annotated[str | None, typer.Option(help="Only of this source.", show_default=False)]


def command(  # noqa: PLR0917 - typer makes the flags from them
    context: typer.Context,
    limit: Limit = NEWEST,
    state: State = None,
    verdict: Verdict = None,
    symbol: Symbol = None,
    source: Source = None,
    as_json: AsJson = False,
    http: Http = None,
    state_dir: StateDir = None,
) -> None:
    """Show signals, newest first, with what was decided of each; `why ID` tells of one in full."""
    wanted = {"state": state and state.value, "verdict": verdict, "symbol": symbol, "source": source}
    with configuration_errors():
        settings = settings_from(context, http, state_dir)
        found = listed(ListJson[SignalJson], settings, "/api/signals", wanted, limit)
    if as_json:
        print(json.dumps({"items": [each.model_dump(mode="json") for each in found]}, indent=2))
        return
    if not found:
        print("no signal like this")
        return
    table = Table(box=None, header_style="bold")
    for name in ("id", "source", "symbol", "stars", "verdict"):
        table.add_column(name, no_wrap=name != "id")
    table.add_column("why", overflow="fold")
    for each in found:
        stars = "-" if each.stars is None else str(each.stars)
        code = "waiting" if each.verdict is None else each.verdict.code.replace("_", " ")
        reason = "" if each.verdict is None else each.verdict.reason
        table.add_row(*map(escape, (each.signal_id, each.source, each.symbol, stars, code, reason)))
    Console().print(table)


def why(  # noqa: PLR0917 - typer makes the flags from them
    context: typer.Context,
    signal_id: Annotated[str, typer.Argument(help="The signal's id.", show_default=False)],
    source: Annotated[str | None, typer.Option(help="Who sent it.", show_default=False)] = None,
    as_json: AsJson = False,
    http: Http = None,
    state_dir: StateDir = None,
) -> None:
    """Tell why a signal did or did not trade: every check with its inputs, and what became of its trade."""
    with configuration_errors():
        settings = settings_from(context, http, state_dir)
        try:
            with closing(bot_of(settings, Role.VIEW)) as client:
                query = "" if source is None else "?" + urlencode({"source": source}, errors="replace")
                answer = client.read(f"/api/signals/{quote(signal_id, safe='', errors='replace')}{query}")
                if not answer.is_good:
                    hint = "; name one with --source" if answer.status == SEVERAL else ""
                    fail(f"{answer.why()}{hint}", FAILED)
                told = told_as(SignalJson, client, answer)
                line = None
                if told.trade is not None:
                    line = told_as(TimelineJson, client, client.read(f"/api/trades/{told.trade.id}/timeline"))
        except Unreachable as error:
            give_up(error)
    if as_json:
        steps = None if line is None else line.model_dump(mode="json")
        print(json.dumps(told.model_dump(mode="json") | {"timeline": steps}, indent=2))
        return
    _tell(told, line)


def _tell(told: SignalJson, line: TimelineJson | None) -> None:
    console = Console()
    stars = "no rating" if told.stars is None else f"{told.stars} stars"
    console.print(
        f"[bold]{escape(told.symbol)}[/], {stars}, signal {escape(told.signal_id)} of {escape(told.source)}"
    )
    if told.verdict is None:
        console.print("It has no verdict yet: it waits for the gate, or for the market.")
    elif told.verdict.code == "trade":
        size = "" if told.notional is None else f" for {decimal_text(told.notional)} USD"
        console.print(f"It was ordered{size}: every check passed.")
    else:
        console.print(f"It did not trade: {escape(told.verdict.reason)} ({told.verdict.code}).")
    for check in told.checks:
        mark = "[green]ok[/]  " if check.passed else "[red]no[/]  "
        console.print(f"  {mark}{check.name.replace('_', ' '):<28} {escape(check.detail)}")
    if told.trade is None or line is None:
        return
    trade = told.trade
    pnl = "" if trade.pnl is None else f", P&L {trade.pnl:+.2f} USD"
    reason = f" by {trade.exit_reason.replace('_', ' ')}" if trade.exit_reason else ""
    console.print(f"Trade {trade.id} is {trade.status}{reason}{pnl}:")
    for step in line.steps:
        at = step.at.strftime("%H:%M:%S.%f")[:-3]
        console.print(f"  {at}  {escape(step.title)}  [dim]{escape(step.detail)}[/]")
