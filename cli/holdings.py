"""`python run.py positions` and `orders`: whose shares are whose, and what was ordered."""

import json
from contextlib import closing
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.client import Unreachable
from cli.exits import configuration_errors
from cli.flags import AsJson, Http, StateDir, settings_from
from cli.reach import bot_of, give_up, listed, told_as
from domain.orders import Life
from domain.signals import decimal_text
from domain.values import ZERO
from web.api.account_views import PositionJson
from web.api.views import ListJson, OrderJson
from web.roles import Role

NEWEST: Final = 20

Limit = Annotated[int, typer.Option(help="So many of the newest.", min=1)]
Symbol = Annotated[str | None, typer.Option(help="Only of this symbol.", show_default=False)]
Known = Annotated[Life | None, typer.Option(help="Only those of which so much is known.", show_default=False)]


def positions(
    context: typer.Context, as_json: AsJson = False, http: Http = None, state_dir: StateDir = None
) -> None:
    """Show what the account holds, and whose it is: the bot's, yours, or not explained."""
    with configuration_errors():
        settings = settings_from(context, http, state_dir)
        try:
            with closing(bot_of(settings, Role.VIEW)) as client:
                told = told_as(ListJson[PositionJson], client, client.read("/api/positions"))
        except Unreachable as error:
            give_up(error)
    if as_json:
        print(json.dumps(told.model_dump(mode="json"), indent=2))
        return
    if not told.items:
        print("the account holds nothing")
        return
    table = Table(box=None, header_style="bold")
    table.add_column("symbol")
    for name in ("account", "ours", "yours", "adjustments", "difference"):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("halted", overflow="fold")
    for each in told.items:
        amounts = (
            each.account_qty,
            each.ours,
            each.opening + each.external,
            each.adjustments,
            each.difference,
        )
        table.add_row(escape(each.symbol), *map(decimal_text, amounts), escape("; ".join(each.halted)))
    Console().print(table)


def orders(  # noqa: PLR0917 - typer makes the flags from them
    context: typer.Context,
    limit: Limit = NEWEST,
    symbol: Symbol = None,
    life: Known = None,
    as_json: AsJson = False,
    http: Http = None,
    state_dir: StateDir = None,
) -> None:
    """Show orders, newest first: what was intended, and the broker's last word on it."""
    wanted = {"symbol": symbol, "life": life and life.value}
    with configuration_errors():
        settings = settings_from(context, http, state_dir)
        found = listed(ListJson[OrderJson], settings, "/api/orders", wanted, limit)
    if as_json:
        print(json.dumps({"items": [each.model_dump(mode="json") for each in found]}, indent=2))
        return
    if not found:
        print("no order like this")
        return
    table = Table(box=None, header_style="bold")
    for name in ("client_order_id", "symbol", "leg", "status"):
        table.add_column(name, no_wrap=True)
    for name in ("size", "filled", "at"):
        table.add_column(name, justify="right", overflow="fold")
    for each in found:
        size = _size(each)
        price = "-" if each.filled_avg_price is None else decimal_text(each.filled_avg_price)
        table.add_row(
            each.client_order_id,
            escape(each.symbol),
            each.leg,
            escape(each.status or each.life),
            size,
            decimal_text(each.filled_qty),
            price,
        )
    Console().print(table)


def _size(order: OrderJson) -> str:
    return (
        decimal_text(order.qty or ZERO) if order.notional is None else f"{decimal_text(order.notional)} USD"
    )
