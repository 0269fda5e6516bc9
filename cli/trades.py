"""`python run.py trades`: what was traded, and of one trade what would sell it and how far away that is."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.client import Unreachable
from cli.exits import FAILED, configuration_errors, fail
from cli.flags import AsJson, Http, StateDir, settings_from
from cli.reach import bot_of, give_up, listed, told_as
from domain.signals import decimal_text
from domain.values import CENT
from settings import ConfigurationError, Settings
from web.api.views import ListJson, OrderJson, TradeJson, TradeWithOrders, WayOutJson, time_text
from web.roles import Role

NEWEST: Final = 20


def command(  # noqa: PLR0917 - typer makes the flags from them
    context: typer.Context,
    only_open: Annotated[bool, typer.Option("--open", help="Only what is pending, open or closing.")] = False,
    trade_id: Annotated[
        int | None, typer.Option("--id", help="This one in full.", min=0, show_default=False)
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="So many of the newest.", min=1, show_default="20; with --open all")
    ] = None,
    as_json: AsJson = False,
    http: Http = None,
    state_dir: StateDir = None,
) -> None:
    """Show trades, newest first; with --id one of them: what would sell it, its orders, its trouble."""
    with configuration_errors():
        if only_open and trade_id is not None:
            raise ConfigurationError("--open and --id exclude each other")
        settings = settings_from(context, http, state_dir)
        if trade_id is not None:
            _show_one(_one(settings, trade_id), as_json=as_json)
            return
        wanted = {"open": str(only_open).lower()}
        most = limit or (None if only_open else NEWEST)
        _show_list(listed(ListJson[TradeJson], settings, "/api/trades", wanted, most), as_json=as_json)


def _one(settings: Settings, trade_id: int) -> TradeWithOrders:
    try:
        with closing(bot_of(settings, Role.VIEW)) as client:
            answer = client.read(f"/api/trades/{trade_id}")
            if not answer.is_good:
                fail(answer.why(), FAILED)
            return told_as(TradeWithOrders, client, answer)
    except Unreachable as error:
        give_up(error)


def _show_list(trades: list[TradeJson], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"items": [each.model_dump(mode="json") for each in trades]}, indent=2))
        return
    if not trades:
        print("no trades")
        return
    table = Table("id", "symbol", "status")
    for name in ("bought", "at", "held", "price", "P&L"):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("exit", overflow="fold")
    table.add_column("in the way", overflow="fold")
    for each in trades:
        table.add_row(
            str(each.id),
            escape(each.symbol),
            each.status,
            _text(each.shares),
            _text(each.entry_price),
            _text(each.held),
            _text(each.mark_price if each.exit_price is None else each.exit_price),
            _signed(each.unrealised_pnl if each.pnl is None else each.pnl),
            escape(each.exit_reason or each.exit_wanted or ""),
            escape(each.exit_trouble or each.naked_why or ""),
        )
    Console().print(table)


def _show_one(trade: TradeWithOrders, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(trade.model_dump(mode="json"), indent=2))
        return
    for line in (*_course(trade), *_state(trade)):
        print(line)
    console = Console()
    if trade.exits:
        console.print(_ways_out(trade.exits))
    if trade.unpriced_why is not None:
        print(f"how far away a price is, is not known: {trade.unpriced_why}")
    console.print(_orders(trade.orders))


def _course(trade: TradeWithOrders) -> Iterator[str]:
    """What has happened to it, a line each."""
    yield f"trade {trade.id}: {trade.symbol}, {trade.status}, of signal {trade.signal_id} from {trade.source}"
    if trade.shares is not None:
        at = "" if trade.entry_at is None else f", {time_text(trade.entry_at)}"
        yield f"bought     {_text(trade.shares)} at {_text(trade.entry_price)}{at}"
    for name, qty in (("by a split", trade.split), ("taken by others", trade.taken), ("sold", trade.sold)):
        if qty:
            yield f"{name:<10} {_text(qty)}"
    if trade.exit_reason is not None:
        at = "" if trade.exit_at is None else f", {time_text(trade.exit_at)}"
        price = "" if trade.exit_price is None else f" at {_text(trade.exit_price)}"
        yield f"ended      {trade.exit_reason}{price}{at}"
    if trade.pnl is not None:
        yield f"P&L        {_signed(trade.pnl)} USD"


def _state(trade: TradeWithOrders) -> Iterator[str]:
    """What is the case with it now, a line each."""
    if trade.held:
        seen = "not seen at a price yet"
        if trade.mark_price is not None and trade.mark_at is not None:
            seen = f"last seen at {_text(trade.mark_price)}, {time_text(trade.mark_at)}"
        yield f"holds      {_text(trade.held)}, {seen}"
    if trade.held and trade.unrealised_pnl is not None:
        yield f"open P&L   {_signed(trade.unrealised_pnl)} USD; its best price was {_text(trade.peak_price)}"
    if trade.held and trade.exit_wanted is not None and trade.exit_wanted_at is not None:
        since = time_text(trade.exit_wanted_at)
        yield f"to be sold {trade.exit_wanted} by {trade.exit_wanted_by}, since {since}"
    if trade.exit_trouble is not None:
        yield f"trouble    {trade.exit_trouble}"
    if trade.naked_why is not None:
        yield f"no way out {trade.naked_why}"
    if trade.naked_usd_s:
        yield f"without a way out so far: {_text(trade.naked_usd_s)} dollar-seconds"


def _ways_out(ways: tuple[WayOutJson, ...]) -> Table:
    table = Table("rule", title="What would sell it", title_justify="left")
    table.add_column("at", justify="right")
    table.add_column("how far away", justify="right")
    for way in ways:
        at = time_text(way.at) if way.at is not None else _text(way.price)
        table.add_row(way.rule, at, _distance(way), style="red" if way.applies else "")
    return table


def _distance(way: WayOutJson) -> str:
    if way.applies:
        return "now"
    if way.away_s is not None:
        return f"in {timedelta(seconds=way.away_s)}"
    return "not known" if way.away_pct is None else f"{_signed(way.away_pct)} %"


def _orders(orders: tuple[OrderJson, ...]) -> Table:
    table = Table("leg", "side", "type", title="Its orders", title_justify="left")
    for name in ("ordered", "stop", "filled", "at"):
        table.add_column(name, justify="right")
    for name in ("status", "reason", "order"):
        table.add_column(name, overflow="fold")
    for each in orders:
        ordered = f"{_text(each.qty)}" if each.qty is not None else f"{_text(each.notional)} USD"
        table.add_row(
            each.leg,
            each.side,
            each.type,
            ordered,
            _text(each.stop_price),
            _text(each.filled_qty),
            _text(each.filled_avg_price),
            escape(each.status or each.life),
            escape(each.reason or ""),
            escape(each.client_order_id),
        )
    return table


def _text(number: Decimal | None) -> str:
    return "" if number is None else decimal_text(number)


def _signed(number: Decimal | None) -> str:
    """In cents, with its sign."""
    return "" if number is None else f"{number.quantize(CENT):+}"
