"""The people of the day: who sends the signals, and the account's owner, with the bot and past it."""

import json
from collections.abc import Mapping
from typing import Any, Final, assert_never

import requests

from cli.client import BotClient
from cli.day.course import HALTED, STALE
from cli.day.plan import CloseTrade, DayEvent, OwnOrder, SellByHand, SendSignal
from domain.signals import decimal_text
from domain.trades import TradeRecord, TradeStatus
from domain.values import Clock
from persistence.queries import Queries
from web.api.views import time_text

REFUSAL: Final[Mapping[str, Any]] = {
    "act": "status",
    "status": 403,
    "body": {"code": 40310000, "message": "insufficient qty available for order"},
    "match": {"method": "POST", "path": "/v2/orders"},
}
TIMEOUT_S: Final = 10.0
LEFT_ALONE: Final = frozenset({HALTED, *STALE})
"""What happens to these has its own end."""


class NotTaken(Exception):  # noqa: N818 - what happened, for the owner
    """The bot or the simulator says no to what a person does."""


class Hands:
    """For one thread; does nothing but what people can do: HTTP to the bot, and to the broker."""

    def __init__(self, *, bot: BotClient, broker_url: str, queries: Queries, clock: Clock) -> None:
        self._bot = bot
        self._broker_url = broker_url
        self._queries = queries
        self._clock = clock
        self._session = requests.Session()
        self._session.trust_env = False
        self._own: set[str] = set()
        """Symbols of which the owner has shares of their own."""

    def do(self, event: DayEvent) -> bool:
        """Whether it could be done now; what concerns a trade waits for one. Raises NotTaken, Unreachable."""
        match event:
            case SendSignal():
                self._send(event)
            case OwnOrder():
                self._own.add(event.symbol)
                self._order(event.symbol, event.side, event.qty)
            case SellByHand():
                trade = self._a_trade()
                if trade is None:
                    return False
                self._order(trade.symbol, "sell", decimal_text(trade.held))
            case CloseTrade():
                trade = self._a_trade()
                if trade is None:
                    return False
                if event.refused:
                    self._control("faults", REFUSAL)
                answer = self._bot.close_position(trade.symbol, "the owner has seen enough")
                if not answer.is_good:
                    raise NotTaken(f"{trade.symbol} cannot be closed: {answer.why()}")
            case _:
                assert_never(event)
        return True

    def set_behaviours(self, behaviours: Mapping[str, str]) -> None:
        """What the broker has of these symbols. Raises NotTaken."""
        self._control("assets", behaviours)

    def close(self) -> None:
        self._session.close()

    def _send(self, event: SendSignal) -> None:
        answer = self._bot.post_signal(json.dumps({**event.fields, "issued_at": time_text(self._clock())}))
        if not answer.is_good:
            raise NotTaken(f"signal {event.fields['signal_id']} is not taken in: {answer.why()}")

    def _order(self, symbol: str, side: str, qty: str) -> None:
        order = {"symbol": symbol, "side": side, "qty": qty, "type": "market", "time_in_force": "day"}
        self._control("orders", order)

    def _a_trade(self) -> TradeRecord | None:
        """The oldest one that is just held, in a symbol that is the bot's alone."""
        for trade in (each.trade for each in self._queries.standing_trades(and_since=self._clock())):
            idle = trade.status is TradeStatus.OPEN and trade.exit_wanted is None
            if idle and trade.held and trade.symbol not in self._own | LEFT_ALONE:
                return trade
        return None

    def _control(self, path: str, body: Mapping[str, Any]) -> None:
        answer = self._session.post(f"{self._broker_url}/_sim/{path}", json=body, timeout=TIMEOUT_S)
        if not answer.ok:
            raise NotTaken(f"the simulator refuses /_sim/{path}: {answer.text}")
