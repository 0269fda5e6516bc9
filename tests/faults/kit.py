"""What the fault tests share: faults on order, a bot with other timeouts, two sets of books compared."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from actor_tree import start_actors
from actors.base import Death
from broker.rest import AlpacaRest
from broker.stream import AlpacaStream
from cli.oracle import compare
from domain.identity import client_order_id
from domain.messages import AuditNow, GateChanged, LedgerChanged
from domain.orders import OrderRecord
from domain.signals import Signal
from persistence.queries import Queries
from settings import load
from simulator.server import Simulator
from tests.flows.conftest import WAIT_S, Bot, News, control, make_parts

POST = {"method": "POST", "path": "/v2/orders"}
LOOK_UP = "GET /v2/orders:by_client_order_id"
KEYS = {"APCA-API-KEY-ID": "simulator", "APCA-API-SECRET-KEY": "simulator"}
HASTY: Mapping[str, Any] = {"ping_interval_s": 0.4, "ping_timeout_s": 0.2, "handshake_timeout_s": 1.0}
"""A stream that notices silence in 0.6 s and not in 15."""
SHORT: Mapping[str, Any] = {"connect_timeout_s": 0.5, "read_timeout_s": 1.0, "total_timeout_s": 1.5}
"""A client that gives an answer up after a second and not after ten."""


def fault(simulator: Simulator, act: str, **options: Any) -> None:
    """Have this go wrong, next or at once."""
    control(simulator, "faults", {"act": act, **options})


def heal(simulator: Simulator) -> None:
    """Have nothing go wrong any more."""
    requests.delete(f"{simulator.base_url}/_sim/faults", timeout=10).raise_for_status()


def state(simulator: Simulator) -> dict[str, Any]:
    """The simulator as it is: orders, positions, how often it was asked what."""
    told: dict[str, Any] = requests.get(f"{simulator.base_url}/_sim/state", timeout=10).json()
    return told


def asked(simulator: Simulator, request: str) -> int:
    """How many such requests have reached it: method and path."""
    return int(state(simulator)["requests"].get(request, 0))


def posts(simulator: Simulator) -> int:
    """How many POSTs of orders have reached it."""
    return asked(simulator, "POST /v2/orders")


def port_of(simulator: Simulator) -> int:
    return int(simulator.base_url.rpartition(":")[2])


def eventually(holds: Callable[[], Any], what: str, within_s: float = WAIT_S) -> Any:
    """Wait until `holds()` is true, and return it."""
    pause, give_up = threading.Event(), time.monotonic() + within_s
    while not (found := holds()):
        if time.monotonic() > give_up:
            pytest.fail(f"waited {within_s} s for {what}")
        pause.wait(0.02)
    return found


@contextmanager
def bot_at(
    url: str,
    folder: Path,
    *,
    broker: Mapping[str, Any] | None = None,
    feed: Mapping[str, Any] | None = None,
) -> Iterator[Bot]:
    """The bot's actors against this address; `broker` and `feed`: what their clients have otherwise."""
    settings = load(mode="simulator", broker_url=url, state_dir=folder, http="127.0.0.1:0")
    keys: dict[str, Any] = {"key_id": settings.key_id, "secret_key": settings.secret_key, "base_url": url}
    with ExitStack() as stack:
        parts = make_parts(settings, stack)
        if broker is not None:
            parts = replace(parts, broker=AlpacaRest(rate_per_min=0, data_url=url, **(keys | dict(broker))))
        if feed is not None:
            parts = replace(parts, feed=AlpacaStream(**(keys | dict(feed))))
        news, deaths = News(), list[Death]()
        tree = stack.enter_context(start_actors(parts, deaths.append))
        tree.actors["TradeLedger"].subscribe(news, LedgerChanged, GateChanged)
        yield Bot(parts, tree, Queries(parts.store), news, deaths)
        assert deaths == []


def cid(bot: Bot, signal: Signal) -> str:
    """The name that this signal's order will have at the broker."""
    return client_order_id(
        account_id=bot.parts.account.id, source=signal.source, signal_id=signal.signal_id, leg="entry"
    )


def filled(trade: Any) -> bool:
    return getattr(trade, "shares", None) is not None


def order_of(bot: Bot, signal_id: str) -> OrderRecord:
    """The first order of this signal's trade."""
    trade = bot.view(signal_id).trade
    assert trade is not None
    return bot.queries.orders_of(trade.id)[0]


def placed(bot: Bot, symbol: str, **given: Any) -> OrderRecord:
    """The order of a new signal, once the broker has it; switch `auto_fill` off before."""
    signal = bot.signal(symbol, **given)
    bot.accept(signal)
    bot.trade(signal.signal_id, lambda trade: trade.alpaca_order_id is not None, "the order")
    return order_of(bot, signal.signal_id)


def journal(bot: Bot) -> list[str]:
    """The kinds of all entries of the ledger's journal, read as another program would."""
    with closing(sqlite3.connect(bot.parts.settings.database)) as connection:
        return [kind for (kind,) in connection.execute("SELECT kind FROM journal ORDER BY seq")]


def resting(simulator: Simulator) -> None:
    """Have orders wait until they are filled by hand."""
    control(simulator, "switches", {"auto_fill": False})


def by_hand(simulator: Simulator, symbol: str, side: str, qty: str, **more: Any) -> dict[str, Any]:
    """Somebody else's order on this account."""
    order = {"symbol": symbol, "side": side, "qty": qty, "type": "market", "time_in_force": "day", **more}
    told: dict[str, Any] = control(simulator, "orders", order)
    return told


def halts(bot: Bot) -> dict[str, str]:
    """The halts that stand: reason by scope."""
    return {halt.scope: halt.reason for halt in bot.queries.standing_halts()}


def read_account(bot: Bot) -> None:
    """Have the account read now, and wait until the ledger has booked it."""
    before = bot.queries.last_audit()
    bot.parts.reconciler.send(AuditNow(why="test"))
    eventually(lambda: bot.queries.last_audit() != before, "a read of the account")


def differences(queries: Queries, simulator: Simulator) -> list[str]:
    """All that the ledger and the broker do not agree on: orders, fills, shares, and its own sums."""
    assert simulator.oracle_path is not None
    held = {each["symbol"]: Decimal(each["qty"]) for each in state(simulator)["positions"]}
    believed = {symbol: holding.believed for symbol, holding in queries.holdings().items()}
    summed = queries.recomputed_holdings()
    return compare(queries, simulator.oracle_path) + [
        f"{symbol}: {held.get(symbol, 0)} at the broker, {believed.get(symbol, 0)} in the books, "
        f"{summed.get(symbol, 0)} summed anew"
        for symbol in sorted({*held, *believed, *summed})
        if not held.get(symbol, 0) == believed.get(symbol, 0) == summed.get(symbol, 0)
    ]


def agree(bot: Bot, simulator: Simulator) -> None:
    """Wait until ledger and broker agree in everything, after a read of the account if it takes one."""
    if differences(bot.queries, simulator):
        read_account(bot)
    give_up = time.monotonic() + WAIT_S
    while left := differences(bot.queries, simulator):
        if time.monotonic() > give_up:
            pytest.fail("ledger and broker do not agree:\n" + "\n".join(left))
        threading.Event().wait(0.05)
