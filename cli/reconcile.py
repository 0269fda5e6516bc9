"""`python run.py reconcile`: have the account read now, and show whose shares are whose."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.client import BotClient, Unreachable
from cli.exits import FAILED, configuration_errors, fail
from cli.flags import AsJson, Http, StateDir, settings_from
from cli.reach import bot_of, give_up, told_as
from cli.working import working
from domain.holdings import ALL
from domain.signals import decimal_text
from web.api.account_views import AskedJson, AuditJson, ExternalOrderJson, PositionJson
from web.api.views import ListJson, time_text
from web.roles import Role

POLL_S: Final = 0.5
SHOWN_ORDERS: Final = 20
"""Of the external orders, so many of the newest."""


class NotRead(Exception):  # noqa: N818 - what is the case, for the owner
    """The account was not read in time."""


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """The books beside the account, after a read of it that began after it was asked for."""

    asked_at: datetime
    audit: AuditJson
    positions: tuple[PositionJson, ...]
    orders: ListJson[ExternalOrderJson]

    @property
    def agrees(self) -> bool:
        """Whether nothing differs and nothing is halted."""
        return not self.audit.halts and not any(each.difference for each in self.positions)

    def as_json(self) -> dict[str, Any]:
        return {
            "agrees": self.agrees,
            "asked_at": time_text(self.asked_at),
            **self.audit.model_dump(mode="json"),
            "positions": [each.model_dump(mode="json") for each in self.positions],
            "external_orders": [each.model_dump(mode="json") for each in self.orders.items],
        }


def command(
    context: typer.Context,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the read.", min=0)] = 30.0,
    as_json: AsJson = False,
    http: Http = None,
    state_dir: StateDir = None,
) -> None:
    """Have the account read now, and show it beside the books: whose shares are whose.

    Ends with 0 when they agree and nothing is halted, else with 1. Nothing is traded or changed.
    """
    with configuration_errors():
        settings = settings_from(context, http, state_dir)
        try:
            with closing(bot_of(settings, Role.OPERATE)) as client, working("the account is being read"):
                found = reconcile(client, wait)
        except Unreachable as error:
            give_up(error)
        except NotRead as error:
            fail(str(error), FAILED)
    if as_json:
        print(json.dumps(found.as_json(), indent=2))
    else:
        _print(found, Console())
    raise typer.Exit(0 if found.agrees else FAILED)


def reconcile(
    client: BotClient,
    wait_s: float,
    *,
    pause: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Reconciled:
    """Ask for a read of the account, wait for it, and tell what it shows; raises Unreachable, NotRead."""
    asked_at = told_as(AskedJson, client, client.reconcile()).asked_at
    give_up = monotonic() + wait_s
    while not _is_later(
        (audit := told_as(AuditJson, client, client.read("/api/audit"))).last_audit, asked_at
    ):
        if monotonic() >= give_up:
            since = "never" if audit.last_audit is None else f"last at {time_text(audit.last_audit)}"
            raise NotRead(
                f"the account was not read within {wait_s:.0f} s ({since}; {audit.gate.reason}); nothing was "
                "changed. See the bot's log for what the broker answers."
            )
        pause(POLL_S)
    return Reconciled(
        asked_at=asked_at,
        audit=audit,
        positions=told_as(ListJson[PositionJson], client, client.read("/api/positions")).items,
        orders=told_as(
            ListJson[ExternalOrderJson], client, client.read(f"/api/external-orders?limit={SHOWN_ORDERS}")
        ),
    )


def _is_later(audit: datetime | None, asked_at: datetime) -> bool:
    return audit is not None and audit > asked_at


def _print(found: Reconciled, console: Console) -> None:
    if found.positions:
        console.print(_shares(found))
    if found.orders.items:
        console.print(_external_orders(found.orders))
    for each in found.audit.halts:
        print(f"halted {'everything' if each.scope == ALL else each.scope}: {each.reason}")
    print(_conclusion(found))


def _shares(found: Reconciled) -> Table:
    table = Table("symbol", title="Shares", title_justify="left")
    for name in ("account", "ours", "yours", "adjustments", "difference"):
        table.add_column(name, justify="right")
    table.add_column("halt")
    for each in found.positions:
        numbers = (
            each.account_qty,
            each.ours,
            each.opening + each.external,
            each.adjustments,
            each.difference,
        )
        halts = "; ".join(halt.reason for halt in found.audit.halts if halt.scope == each.symbol)
        table.add_row(
            escape(each.symbol),
            *map(decimal_text, numbers),
            escape(halts),
            style="red" if each.difference else "",
        )
    return table


def _external_orders(orders: ListJson[ExternalOrderJson]) -> Table:
    title = "Orders of others, which are never touched" + (" (the newest)" if orders.next else "")
    table = Table("symbol", "side", "status", title=title, title_justify="left")
    table.add_column("filled", justify="right")
    table.add_column("updated")
    table.add_column("order")
    for each in orders.items:
        updated = "" if each.updated_at is None else time_text(each.updated_at)
        told = (
            each.symbol,
            each.side,
            each.status,
            decimal_text(each.filled_qty),
            updated,
            each.alpaca_order_id,
        )
        table.add_row(*map(escape, told))
    return table


def _conclusion(found: Reconciled) -> str:
    differing = [each.symbol for each in found.positions if each.difference]
    if not differing:
        return "the books agree with the account" + ("" if found.agrees else "; what is halted stays so")
    return (
        f"the books and the account differ in {', '.join(differing)}; nothing is traded to mend it. "
        "A difference that stays is halted. Once you know where it comes from, accept the account's count "
        f"with: python run.py resume {differing[0]} --reason TEXT"
    )
