"""Watches what we hold, and says when it is sold.

In:  PositionChanged, ConfigTold, MarketTold (from the ledger)
Out: ClosePosition, ProtectPosition -> OrderExecutor;  PositionsLooked -> TradeLedger

Every five seconds, and soon after a position has changed, all open trades are priced in one call to the
broker's market data, and `domain.exits` decides. What it decides is not lost with it: a trade that is to
be sold stays so in the ledger, and is found again at each look. A price that is old or missing sells
nothing.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

from actors import subject
from actors.base import Mailbox, OnDeath, Worker
from actors.timers import Timers
from broker.api import Broker, ReadFailed
from domain.config import BotConfig
from domain.exits import BY_RULE, Exit, Look, OpenTrade, decide_exit, must_wait
from domain.market import Market, Priced, Unpriced, price_of
from domain.messages import (
    ClosePosition,
    ConfigTold,
    ExecutorMail,
    LedgerMail,
    MarketTold,
    PositionChanged,
    PositionsLooked,
    ProtectPosition,
)
from domain.trades import OCCUPYING
from domain.values import Clock, Monotonic

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 5.0
LOOK_AGAIN: Final = timedelta(seconds=1)
"""Between two looks at least: a flood of fills asks for prices once a second."""
NO_CLOCK_YET: Final = "the broker's clock has not been read yet"


@dataclass(frozen=True, slots=True)
class _Look:
    """Look at the open trades, unless another look was set since."""

    number: int


MonitorMail = PositionChanged | ConfigTold | MarketTold


class PositionMonitor(Worker[MonitorMail | _Look]):
    def __init__(
        self,
        *,
        broker: Broker,
        ledger: Mailbox[LedgerMail],
        executor: Mailbox[ExecutorMail],
        timers: Timers,
        clock: Clock,
        monotonic: Monotonic,
        on_death: OnDeath,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        super().__init__(on_death=on_death)
        self._broker = broker
        self._ledger = ledger
        self._executor = executor
        self._timers = timers
        self._clock = clock
        self._monotonic = monotonic
        self._look_every_s = look_every_s
        self._open: dict[int, OpenTrade] = {}
        self._config: BotConfig | None = None
        self._market: Market | None = None
        self._as_of: tuple[datetime, timedelta] | None = None
        """The broker's time, and the monotonic one, when the market was told."""
        self._looks = 0
        self._looked_at = -LOOK_AGAIN
        self._hurried = False
        """The next look is due sooner than usual."""

    def setup(self) -> None:
        self._look_after(self._look_every_s)

    def receive(self, mail: MonitorMail | _Look) -> None:
        match mail:
            case PositionChanged():
                self._follow(mail)
            case ConfigTold():
                self._config = mail.config
                self._hurry()
            case MarketTold():
                if self._market is None:
                    self._hurry()
                self._market = mail.market
                self._as_of = (self._clock() - mail.ahead, self._monotonic())
            case _Look():
                if mail.number == self._looks:
                    self._look()
            case _:
                assert_never(mail)

    def _follow(self, mail: PositionChanged) -> None:
        for each in mail.trades:
            trade, before = each.trade, self._open.pop(each.trade.id, None)
            if trade.status in OCCUPYING:
                self._open[trade.id] = each
                if before is None or _moved(before, each):
                    self._hurry()

    # --- when -------------------------------------------------------------------------------------

    def _hurry(self) -> None:
        if not self._hurried:
            self._hurried = True
            rest = self._looked_at + LOOK_AGAIN - self._monotonic()
            self._look_after(max(0.0, rest.total_seconds()))

    def _look_after(self, delay_s: float) -> None:
        self._looks += 1
        address, look = self.address, _Look(self._looks)
        self._timers.after(delay_s, lambda: address.send(look))

    # --- a look -------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._hurried, self._looked_at = False, self._monotonic()
        if self._config is not None and self._open:
            prices = self._prices(self._config)
            now = self._broker_now()
            closes_at = None if self._market is None else self._market.closes_at(now)
            looks: list[Look] = []
            for each in self._open.values():
                price = _doubted(prices[each.trade.symbol]) if each.doubtful else prices[each.trade.symbol]
                self._act(each, price, self._config, now, closes_at)
                if each.trade.held:
                    looks.append(self._seen(each, price, closes_at))
            if looks:
                self._ledger.send(PositionsLooked(looks=tuple(looks)))
        self._look_after(self._look_every_s)

    def _prices(self, config: BotConfig) -> Mapping[str, Priced | Unpriced]:
        """A price that may be acted on, or why there is none, for each symbol."""
        symbols = tuple(sorted({each.trade.symbol for each in self._open.values()}))
        if self._as_of is None:  # by our own clock, if that is behind, old prices would look fresh
            return {symbol: Unpriced(symbol=symbol, why=NO_CLOCK_YET) for symbol in symbols}
        told = self._broker.snapshots(symbols)
        if isinstance(told, ReadFailed):
            log.warning("no prices for %s (%s): no rule that needs one sells", ", ".join(symbols), told.why)
            why = f"the prices could not be read: {told.why}"
            return {symbol: Unpriced(symbol=symbol, why=why) for symbol in symbols}
        now, age = self._broker_now(), config.price_max_age_sec
        return {symbol: price_of(symbol, told.get(symbol), now, max_age_s=age) for symbol in symbols}

    def _broker_now(self) -> datetime:
        """The broker's time, by which the market closes and prices have their age.

        It runs on by the monotonic clock: a step of this machine's own sells nothing too early.
        """
        if self._as_of is None:
            return self._clock()
        then, monotonic = self._as_of
        return then + (self._monotonic() - monotonic)

    def _seen(self, each: OpenTrade, price: Priced | Unpriced, closes_at: datetime | None) -> Look:
        priced = price if isinstance(price, Priced) else None
        return Look(
            trade_id=each.trade.id,
            price=None if priced is None else priced.price,
            priced_at=None if priced is None else priced.at,
            naked_why=self._why_naked(each, price, closes_at),
            covered=each.covered,
        )

    def _act(
        self,
        each: OpenTrade,
        price: Priced | Unpriced,
        config: BotConfig,
        now: datetime,
        closes_at: datetime | None,
    ) -> None:
        trade = each.trade
        # The pause after a failure is by our own clock, which also said when the order was planned.
        if each.leaving or must_wait(each.retry_at, self._clock()):
            return
        if trade.exit_wanted is not None:
            # What a person wants sold is handed to the broker at any hour; it then rests there until the
            # opening. What a rule wants waits for it here, where it can still be looked at.
            if closes_at is not None or trade.exit_wanted_by != BY_RULE:
                self._close(each, trade.exit_wanted, "", trade.exit_wanted_by or BY_RULE)
            return
        if closes_at is not None and trade.held:
            decision = decide_exit(trade, price, config, now, closes_at=closes_at)
            if isinstance(decision, Exit):
                with subject.about(signal_id=trade.signal_id, client_order_id=trade.client_order_id):
                    log.info("trade %d, %s: %s: %s", trade.id, trade.symbol, decision.rule, decision.detail)
                self._close(each, decision.rule, decision.detail, BY_RULE)
                return
        if not each.in_step:
            self._executor.send(ProtectPosition(trade_id=trade.id, symbol=trade.symbol))

    def _why_naked(self, each: OpenTrade, price: Priced | Unpriced, closes_at: datetime | None) -> str | None:
        """Why it could not be sold just now if it had to be; while the market is closed, nothing can."""
        if each.selling:
            return None
        if self._market is None:
            return "it is not known yet whether the market is open"
        if closes_at is None:
            return None
        if each.trade.exit_wanted is not None:
            return each.trade.exit_trouble or "it is to be sold, and the broker may not have the sell yet"
        return price.why if isinstance(price, Unpriced) else None

    def _close(self, each: OpenTrade, reason: str, detail: str, by: str) -> None:
        self._executor.send(
            ClosePosition(
                trade_id=each.trade.id, symbol=each.trade.symbol, reason=reason, detail=detail, by=by
            )
        )


def _doubted(price: Priced | Unpriced) -> Unpriced:
    """What no price says of shares that may not be those which were bought."""
    return Unpriced(symbol=price.symbol, why="the account holds something else than the books explain")


def _moved(before: OpenTrade, after: OpenTrade) -> bool:
    """Whether something changed that may call for an act, and not only the last look at it."""
    was, now = before.trade, after.trade
    return (was.held, was.exit_wanted, before.leaving, before.selling, before.busy, before.in_step) != (
        now.held, now.exit_wanted, after.leaving, after.selling, after.busy, after.in_step,
    )  # fmt: skip
