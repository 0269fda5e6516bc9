"""Writes, the only place that does.

In:  LedgerMail, from everybody
Out: ResendOrder, CancelOrder -> OrderExecutor, AuditNow -> Reconciler, GateChanged -> SignalReceiver and
     lanes, LeaseRenewed -> lanes, PositionChanged -> PositionMonitor,
     LedgerChanged, ConfigTold, MarketTold, GateTold -> whoever subscribed

What waits in the inbox is taken together: one transaction, one commit, then every answer and all
news. Signals, buys and outcomes go before the fills, so an order need not wait behind a flood; the
fold does not mind the order. An answer means that what it says is durable.

While the database cannot be written, questions are answered so, and facts wait here until it can.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from actors import ledger_desk, ledger_halts, ledger_limits, ledger_orders, subject
from actors.base import OnDeath, Ping, Subscribe, Worker
from actors.inbox import Envelope, Inbox
from actors.known_assets import KnownAssets
from actors.ledger_backlog import Backlog
from actors.ledger_work import HaltsOnFile, LedgerIdentity, Suspicion, Work
from actors.timers import Timers
from domain.config import BotConfig
from domain.gate import GateFacts
from domain.holdings import Halt
from domain.market import Market, Means
from domain.messages import (
    ChangeConfig,
    ClearHalts,
    ConfigTold,
    GateChanged,
    GateTold,
    HaltTrading,
    KeysRefused,
    LeaseRenewed,
    LedgerChanged,
    LedgerMail,
    LedgerQuestion,
    LedgerUnwritable,
    ListUndecided,
    MarketTold,
    OrderAccepted,
    OrderNotSent,
    OrderRejected,
    OrdersUpdated,
    OrderUnresolved,
    PlanEntry,
    PositionChanged,
    PreviewEntry,
    RecordSignal,
    RequestExit,
    SafeMode,
    StreamLost,
    StreamOpened,
)
from domain.orders import OrderUpdate
from domain.rules import Gate
from domain.values import Clock, Moment, Monotonic
from failpoint import failpoint
from persistence.store import LedgerOutOfReach, LedgerStore, Unit

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Tick:
    """Renew the lease, write what waits, look at the gate and the halts' file; only the latest counts."""

    number: int


URGENT: Final = (
    RecordSignal,
    ListUndecided,
    PlanEntry,
    PreviewEntry,
    RequestExit,
    HaltTrading,
    ClearHalts,
    ChangeConfig,
    OrderAccepted,
    OrderRejected,
    OrderUnresolved,
    OrderNotSent,
    StreamOpened,
    StreamLost,
    KeysRefused,
    SafeMode,
    Ping,
    Subscribe,
    _Tick,
)
"""All of a sender's mail that must keep its order is on one side of this line.

What is sold, or sent again, is planned behind the fills that wait: they say what is there to be sold.
"""

MAIL_A_COMMIT: Final = 64
UPDATES_A_COMMIT: Final = 256
UPDATES_A_STEP: Final = 16
"""Small enough that an order waits little, large enough that one statement serves many rows."""
TICK_S: Final = 5.0
RETRY_S: Final = 1.0

_Mail = LedgerMail | Ping | Subscribe | _Tick


def _fill_up(updates: list[OrderUpdate], inbox: Inbox) -> list[OrderUpdate]:
    """Add what waits of the broker's words until they make a step."""
    while len(updates) < UPDATES_A_STEP and (words := inbox.take(OrdersUpdated, 1)):
        updates += words[0].updates
    return updates


class TradeLedger(Worker[LedgerMail | _Tick]):
    def __init__(
        self,
        *,
        store: LedgerStore,
        identity: LedgerIdentity,
        halts: HaltsOnFile,
        holder: str,
        timers: Timers,
        clock: Clock,
        monotonic: Monotonic,
        on_death: OnDeath,
    ) -> None:
        super().__init__(on_death=on_death)
        self._store = store
        self._identity = identity
        self._halts = halts
        self._holder = holder
        self._timers = timers
        self._clock = clock
        self._monotonic = monotonic
        self._epoch = 0
        self._renewed = timedelta()
        self._gate = GateFacts()
        self._told = Gate(open=False, reason="the bot is starting")
        self._facts_told = self._gate
        self._config: BotConfig | None = None
        """None: not read yet."""
        self._suspicions: dict[str, Suspicion] = {}
        self._vanished: frozenset[str] = frozenset()
        self._market: Market | None = None
        self._means: Means | None = None
        self._assets = KnownAssets()
        self._backlog = Backlog()
        self._ticks = 0
        self._positions_told = True
        """Nobody waits to be told of all open trades."""
        self._halts_to_file = True
        """The file does not show the halts as they stand in the database."""

    @staticmethod
    def _create_actor_inbox() -> Any:
        return Inbox(urgent=URGENT)

    def setup(self) -> None:
        """Become the one writer: whoever wrote before finds the epoch raised, and ends."""
        moment = self._moment()
        self._epoch = self._store.take_lease(holder=self._holder, at=moment.now)
        self._told = self._gate.gate(moment)
        self._tick()

    def teardown(self) -> None:
        self._store.close()

    def subscribed(self, subscription: Subscribe) -> None:
        if GateChanged in subscription.kinds:
            subscription.subscriber.send(GateChanged(gate=self._told))
        if GateTold in subscription.kinds:
            subscription.subscriber.send(GateTold(facts=self._gate))
        if LeaseRenewed in subscription.kinds:
            subscription.subscriber.send(LeaseRenewed(monotonic=self._renewed))
        if ConfigTold in subscription.kinds and self._config is not None:
            subscription.subscriber.send(ConfigTold(config=self._config))
        if MarketTold in subscription.kinds and self._market is not None:
            subscription.subscriber.send(self._told_market(self._market))
        if PositionChanged in subscription.kinds:
            self._positions_told = False
            self._tick()

    def _all_positions(self, work: Work) -> None:
        """Have every open trade told: somebody new listens."""
        work.follow(work.unit.open_trades())

    # --- what waits is done together ------------------------------------------------------------

    def handle(self, message: Any) -> object:
        """This mail together with what waits beside it: one commit, then all answers."""
        if isinstance(message, _Tick):
            if message.number == self._ticks:
                self._tick()
            return None
        if isinstance(message, OrdersUpdated) and not self._backlog:
            self._hear(message)
            return None
        inbox = self._inbox()
        others = inbox.urgent(MAIL_A_COMMIT) if isinstance(message, URGENT) else inbox.rest(MAIL_A_COMMIT)
        with self._answering(others) as answers:
            mine, *theirs = self.commit([message, *(envelope.message for envelope in others)])
            answers.extend(theirs)
            self._beside(others)
        return mine

    def _beside(self, envelopes: list[Envelope]) -> None:
        """What is no matter of the books and was taken along with what is."""
        for envelope in envelopes:
            mail = envelope.message
            if isinstance(mail, Ping | Subscribe):
                self.on_receive(mail)
            elif isinstance(mail, _Tick) and mail.number == self._ticks:
                self._tick()

    def _hear(self, first: OrdersUpdated) -> None:
        """Fold what waits of the broker's words in, step by step.

        Urgent mail that comes meanwhile waits for one step and not for a flood: it is done in the same
        transaction, and the commit that ends it is its own.
        """
        failpoint("ledger.before_apply")
        inbox, urgent = self._inbox(), list[Envelope]()
        step = _fill_up(list(first.updates), inbox)
        heard: list[OrderUpdate] = []
        with self._answering(urgent) as answers:
            try:
                heard += step
                with self._unit() as work:
                    while step:
                        ledger_orders.hear(work, step)
                        # A step that was not full left nothing waiting: what came since belongs to the
                        # next commit, or a steady trickle would put this one off.
                        flooded = len(step) >= UPDATES_A_STEP and len(heard) < UPDATES_A_COMMIT
                        step = _fill_up([], inbox) if flooded and not inbox.urgent_waits() else []
                        heard += step
                    urgent += inbox.urgent(MAIL_A_COMMIT)
                    done = [self._do(work, envelope.message) for envelope in urgent]
                    work.passed.append("ledger.after_apply")
            except LedgerOutOfReach as error:
                waiting: list[_Mail] = [OrdersUpdated(updates=tuple(heard))]
                waiting += [envelope.message for envelope in urgent]
                _, *done = self._put_off(waiting, str(error))
            answers.extend(done)
            self._beside(urgent)

    def commit(self, mail: Sequence[_Mail]) -> list[object]:
        """Do the work of all this mail in one transaction; the answers, in the same order."""
        if self._backlog:
            return self._put_off(mail, self._backlog.why)
        try:
            with self._unit() as work:
                answers = [self._do(work, one) for one in mail]
        except LedgerOutOfReach as error:
            return self._put_off(mail, str(error))
        return answers

    @contextmanager
    def _unit(self, *, put_halts_on_file: bool = False) -> Iterator[Work]:
        """One transaction of the lease's holder; its news goes out after the commit. LedgerOutOfReach."""
        with self._store.unit(self._epoch) as unit:
            work = self._work(unit)
            yield work
            if work.followed:  # prices were seen, or shares were bought, sold or taken
                ledger_limits.look_at_losses(work)
            work.finish()
            if self.wanted(PositionChanged):
                work.tell_positions()
            halts = unit.standing_halts() if work.halted or put_halts_on_file else None
        if halts is not None:
            self._put_on_file(halts)
        self._tell(work)

    def _put_on_file(self, halts: tuple[Halt, ...]) -> None:
        try:
            self._halts.write(halts)
        except OSError as error:  # the database has them, and the next tick tries again
            log.error("the halts cannot be written to their file: %s", error)  # noqa: TRY400 - no traceback
            self._halts_to_file = True
        else:
            self._halts_to_file = False

    def _work(self, unit: Unit) -> Work:
        return Work(
            unit=unit,
            moment=self._moment(),
            identity=self._identity,
            gate=self._gate,
            halts=self._halts,
            suspicions=self._suspicions,
            vanished=self._vanished,
            market=self._market,
            means=self._means,
            assets=self._assets,
        )

    def _moment(self) -> Moment:
        return Moment(self._clock(), self._monotonic())

    def _inbox(self) -> Inbox:
        inbox: Inbox = self.actor_inbox  # type: ignore[assignment]
        return inbox

    @contextmanager
    def _answering(self, envelopes: list[Envelope]) -> Iterator[list[object]]:
        """Answer the envelopes with what the block collects, or with the exception that it raises."""
        answers: list[object] = []
        try:
            yield answers
        except BaseException:
            for envelope in envelopes:
                if envelope.reply_to is not None:
                    envelope.reply_to.set_exception()
            raise
        for envelope, answer in zip(envelopes, answers, strict=True):
            if envelope.reply_to is not None:
                envelope.reply_to.set(answer)

    # --- one piece of work ----------------------------------------------------------------------

    def _do(self, work: Work, mail: _Mail) -> object:
        named = subject.begin(mail)
        try:
            if isinstance(mail, LedgerQuestion):
                return ledger_desk.answer(work, mail)
            if not isinstance(mail, Ping | Subscribe | _Tick):
                ledger_desk.book(work, mail)
            return None
        finally:
            if named:
                subject.end()

    # --- while the database cannot be written ---------------------------------------------------

    def _put_off(self, mail: Sequence[_Mail], why: str) -> list[object]:
        """Keep the facts until they can be written; the questions are answered with the reason.

        What closes the gate counts at once.
        """
        if not self._backlog:
            self._tick_after(RETRY_S)
        self._backlog.why = why
        self._gate = self._gate.having({"unwritable": why})
        answers: list[object] = []
        for one in mail:
            if isinstance(one, LedgerQuestion):
                answers.append(LedgerUnwritable(why=why))
                continue
            if isinstance(one, StreamOpened | StreamLost | KeysRefused):
                self._gate = ledger_desk.gate_after(self._gate, one)
            if not isinstance(one, Ping | Subscribe | _Tick):
                self._backlog.keep(one)
            answers.append(None)
        self._tell_gate(self._moment())
        return answers

    def _tick(self) -> None:
        """Also when nothing happens: the lease runs on, the gate ages, a person may have written the file."""
        try:
            with self._unit(put_halts_on_file=self._halts_to_file) as work:
                work.unit.renew_lease(work.now)
                if self._config is None:
                    work.config = work.unit.config()
                ledger_halts.merge(work, self._halts)
                for fact in self._backlog.facts:
                    ledger_desk.book(work, fact)
                if not self._positions_told:
                    self._all_positions(work)
                if self._config is None:
                    work.config = work.unit.config()
                work.gate = work.gate.having({"unwritable": None})
                if self._backlog.overflowed:
                    work.gate = work.gate.having({"snapshot": None})
                    work.look("more had happened than could be kept while the ledger was out of reach")
        except LedgerOutOfReach as error:
            self._backlog.why = str(error)
            self._gate = self._gate.having({"unwritable": str(error)})
            self._tell_gate(self._moment())
        else:
            self._backlog = Backlog()
            self._positions_told = True
            self._renewed = work.moment.monotonic
            self.publish(LeaseRenewed(monotonic=self._renewed))
        self._tick_after(RETRY_S if self._backlog else TICK_S)

    def _tick_after(self, delay_s: float) -> None:
        self._ticks += 1
        address, tick = self.address, _Tick(self._ticks)
        self._timers.after(delay_s, lambda: address.send(tick))

    # --- news -----------------------------------------------------------------------------------

    def _tell(self, work: Work) -> None:
        """What the commit changed, to those who asked for it."""
        for name in work.passed:
            failpoint(name)
        self._gate = work.gate
        self._suspicions, self._vanished = dict(work.suspicions), work.vanished
        self._tell_gate(work.moment)
        self._means = work.means
        if work.market is not None and work.market != self._market:
            self._market = work.market
            self.publish(self._told_market(work.market))
        for news in (*work.orders, *work.cleared):
            self.publish(news)
        if work.audit is not None:
            self.publish(work.audit)
        if work.positions is not None:
            self.publish(work.positions)
        if work.config is not None:
            self._config = work.config
            self.publish(ConfigTold(config=work.config))
        changed = work.signals or work.trades or work.updates or work.unit.journaled
        if changed and self.wanted(LedgerChanged):
            self.publish(
                LedgerChanged(
                    signals=tuple(work.signals),
                    trades=tuple(sorted(work.trades)),
                    orders=tuple(work.updates),
                    journaled=work.unit.journaled,
                )
            )

    def _tell_gate(self, moment: Moment) -> None:
        now = self._gate.gate(moment)
        if now != self._told:
            self._told = now
            self.publish(GateChanged(gate=now))
        if self._gate is not self._facts_told:
            self._facts_told = self._gate
            self.publish(GateTold(facts=self._gate))

    def _told_market(self, market: Market) -> MarketTold:
        clock = self._gate.clock
        ahead = timedelta() if clock is None else clock.ahead
        return MarketTold(market=market, ahead=ahead, means=self._means)
