"""A machine that tries to break each limit: signals race, orders come to all ends, prices and days go by.

The ledger is real, on a real file, and does its work in this thread. What it plans is measured by an oracle
that keeps the accepted orders by itself and counts every limit anew from them, before each one; and what it
refuses for a limit has to be beyond that limit.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from actors.ledger_work import LedgerIdentity
from actors.trade_ledger import TradeLedger
from domain.config import BotConfig
from domain.exits import Look
from domain.holdings import ALL
from domain.market import Means, new_york_day
from domain.messages import (
    BrokerSnapshot,
    ClearHalts,
    Declined,
    OrderAccepted,
    OrderNotFound,
    OrderRejected,
    OrdersUpdated,
    OrderUnresolved,
    PlanEntry,
    PlanExit,
    Planned,
    PositionsLooked,
    RecordSignal,
    StreamOpened,
)
from domain.orders import QUARANTINE, OrderTicket, OrderUpdate
from domain.rules import EntryReads
from domain.signals import Signal, Verdict
from persistence.halt_file import HaltFile
from persistence.store import LedgerStore
from tests.actors.books import ACCOUNT
from tests.actors.desk import word
from tests.actors.doubles import ManualClock, ManualTimers
from tests.domain.builders import (
    UNLIMITED,
    a_market,
    a_position,
    a_quote,
    a_signal,
    a_snapshot,
    an_asset,
    later,
)

SYMBOLS: Final = ("WHOLE", "DENIED", *(f"SYM{letter}" for letter in "ABCDE"))
"""The first is sold in whole shares only, the second may be one that is not bought."""
CENT: Final = Decimal("0.01")
ON_ITS_WAY: Final = timedelta(seconds=5)
ZERO: Final = Decimal(0)

picks = st.integers(0, 1000)
prices = st.sampled_from([Decimal(price) for price in ("7", "8.5", "9.99", "10", "10.25")])


@dataclass
class Entry:
    """An order that the ledger let leave, and what the broker has said of it."""

    trade_id: int
    order: OrderTicket
    cost: Decimal
    planned_at: datetime
    state: str = "intended"  # unresolved, working, done, refused, lapsed
    missing_since: datetime | None = None
    rejected: bool = False
    filled: Decimal = ZERO
    price: Decimal = ZERO
    sold: Decimal = ZERO
    got: Decimal = ZERO
    mark: Decimal | None = None
    ended_at: datetime | None = None

    @property
    def held(self) -> Decimal:
        return self.filled - self.sold

    @property
    def in_doubt(self) -> bool:
        return self.state in {"intended", "unresolved"}

    @property
    def entering(self) -> bool:
        return self.in_doubt or self.state == "working"

    @property
    def came_to_nothing(self) -> bool:
        return not self.entering and not self.filled

    @property
    def open(self) -> bool:
        return self.entering or bool(self.held)

    @property
    def at_stake(self) -> Decimal:
        paid = self.filled * self.price
        return max(self.cost, paid) if self.entering else self.held * self.price

    @property
    def over_at(self) -> datetime | None:
        if self.open:
            return None
        return self.planned_at if self.came_to_nothing else self.ended_at

    @property
    def gained(self) -> Decimal:
        return (
            self.got + self.held * (self.price if self.mark is None else self.mark) - self.filled * self.price
        )


class Oracle:
    """Counts every limit from the accepted orders alone."""

    def __init__(self, config: BotConfig) -> None:
        self.config = config
        self.entries: list[Entry] = []
        self.means = Means(buying_power=None, equity=None, cash=None, read_at=later(0))
        self.cleared_at = later(-1)

    def buys_since(self, since: datetime) -> int:
        return sum(each.planned_at > since for each in self.entries)

    def buys_today(self, now: datetime) -> int:
        return sum(new_york_day(each.planned_at) == new_york_day(now) for each in self.entries)

    @property
    def positions(self) -> int:
        return sum(each.open for each in self.entries)

    @property
    def at_stake(self) -> Decimal:
        return sum((each.at_stake for each in self.entries if each.open), ZERO)

    def ended_at(self, symbol: str) -> datetime | None:
        ends = [each.over_at for each in self.entries if each.order.symbol == symbol]
        return max((end for end in ends if end is not None), default=None)

    def pnl(self, now: datetime) -> Decimal:
        total = ZERO
        for each in self.entries:
            if each.open or (each.ended_at and new_york_day(each.ended_at) == new_york_day(now)):
                total += each.gained
        return total

    def ordered_since(self) -> Decimal:
        since = self.means.read_at - ON_ITS_WAY
        counting = (each for each in self.entries if each.planned_at >= since or each.in_doubt)
        return sum((each.cost for each in counting if not each.came_to_nothing), ZERO)

    def refusals(self) -> int:
        row = 0
        for each in self.entries:
            if each.planned_at > self.cleared_at and not each.in_doubt and each.state != "lapsed":
                refused = each.state == "refused" or (each.rejected and not each.filled)
                row = row + 1 if refused else 0
        return row

    def beyond(self, signal: Signal, cost: Decimal, price: Decimal, now: datetime) -> dict[str, bool]:
        """Which limits an order for this signal would break now."""
        config, ended, then = self.config, self.ended_at(signal.symbol), signal.price_at_signal
        power = self.means.buying_power

        def limit(value: Any, broken: Callable[[], bool]) -> bool:
            return bool(value) and broken()

        return {
            "symbol_denied": signal.symbol in config.denied_symbols,
            "duplicate_symbol": any(
                each.open and each.order.symbol == signal.symbol for each in self.entries
            ),
            "symbol_cooldown": limit(
                config.symbol_cooldown_sec,
                lambda: ended is not None and (now - ended).total_seconds() < config.symbol_cooldown_sec,
            ),
            "orders_per_minute": limit(
                config.max_orders_per_minute,
                lambda: self.buys_since(now - timedelta(minutes=1)) >= config.max_orders_per_minute,
            ),
            "orders_per_day": limit(
                config.max_orders_per_day, lambda: self.buys_today(now) >= config.max_orders_per_day
            ),
            "max_positions": limit(
                config.max_concurrent_positions, lambda: self.positions >= config.max_concurrent_positions
            ),
            "daily_loss_limit": limit(
                config.daily_loss_limit_usd, lambda: self.pnl(now) <= -config.daily_loss_limit_usd
            ),
            "price_moved": limit(
                config.price_collar_pct,
                lambda: then is not None and abs(price - then) > then * config.price_collar_pct / 100,
            ),
            "no_whole_share": not cost,
            "order_too_large": limit(
                config.max_order_notional_usd, lambda: cost > config.max_order_notional_usd
            ),
            "max_exposure": limit(
                config.max_total_exposure_usd, lambda: self.at_stake + cost > config.max_total_exposure_usd
            ),
            "buying_power": power is not None and self.ordered_since() + cost > power,
        }


def dollars(text: str) -> Decimal:
    return Decimal(text)


VALUES: Final[dict[str, list[Any]]] = {
    "max_orders_per_minute": [2, 5],
    "max_orders_per_day": [4, 9],
    "max_concurrent_positions": [1, 2, 4],
    "max_total_exposure_usd": [dollars("149.99"), dollars("230"), dollars("400")],
    "max_order_notional_usd": [dollars("90"), dollars("100")],
    "symbol_cooldown_sec": [30, 3600],
    "daily_loss_limit_usd": [dollars("1"), dollars("4")],
    "max_consecutive_refusals": [2, 3],
    "price_collar_pct": [dollars("5")],
    "denied_symbols": [("DENIED",)],
}


REFUSAL: Final = {
    "max_orders_per_minute": "orders_per_minute",
    "max_orders_per_day": "orders_per_day",
    "max_concurrent_positions": "max_positions",
    "max_total_exposure_usd": "max_exposure",
    "max_order_notional_usd": "order_too_large",
    "symbol_cooldown_sec": "symbol_cooldown",
    "daily_loss_limit_usd": "daily_loss_limit",
    "max_consecutive_refusals": "refusals",
    "price_collar_pct": "price_moved",
    "denied_symbols": "symbol_denied",
    "buying_power": "buying_power",
}
"""By limit: the verdict that says it was reached."""


def named(verdict: Verdict) -> str:
    """The verdict's code, and of a halt that of the limit which called for it."""
    if verdict.code == "halted":
        callers = (code for name, code in REFUSAL.items() if name in verdict.reason)
        return next(callers, verdict.code)
    return verdict.code


class Limits(RuleBasedStateMachine):
    """Time passes a little before each rule, so that no two things happen at once but what races."""

    limit: str
    """The one that is on in any case; one more may be, of which the first that is reached hides the other."""
    verdicts: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.ends = ExitStack()

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        beside = data.draw(st.sampled_from([*["none"] * len(REFUSAL), *REFUSAL]))
        chosen = {
            name: data.draw(st.sampled_from(VALUES[name])) for name in {self.limit, beside} if name in VALUES
        }
        config, power = UNLIMITED.having(chosen), None
        if "buying_power" in {self.limit, beside}:
            power = data.draw(st.sampled_from([dollars("260"), dollars("500")]))
        self.folder = Path(self.ends.enter_context(TemporaryDirectory(prefix="limits-", dir=_memory())))
        self.clock, self.power = ManualClock(), power
        self.store = LedgerStore.open(self.folder / "ledger.sqlite3", clock=self.clock)
        self.ends.callback(self.store.close)
        self.file = self.ends.enter_context(closing(sqlite3.connect(self.store.path)))
        with self.store.unit() as unit:
            unit.save_config(config, at=self.clock.now, by="owner")
        self.oracle = Oracle(config)
        self.price = dict.fromkeys(SYMBOLS, Decimal(10))
        self.signals = 0
        self.start()

    def teardown(self) -> None:
        self.ends.close()

    # --- the ledger, without a thread ---------------------------------------------------------------

    def start(self) -> None:
        self.ledger = TradeLedger(
            store=self.store,
            identity=LedgerIdentity(account_id=ACCOUNT, code_version="1"),
            halts=HaltFile(self.folder / "HALT"),
            holder="the machine",
            timers=ManualTimers(),
            clock=self.clock,
            monotonic=self.clock.monotonic,
            on_death=lambda death: None,
        )
        self.ledger.setup()
        self.tell(StreamOpened(generation=1))
        self.read()

    def tell(self, *mail: Any) -> list[object]:
        self.clock.move(0.25)
        return self.ledger.commit(mail)

    def read(self) -> None:
        """The account is read in full, and is as the broker has it."""
        self.clock.move(0.25)
        oracle, now = self.oracle, self.clock.now
        oracle.means = Means(buying_power=self.power, equity=None, cash=None, read_at=now)
        held: dict[str, Decimal] = {}
        for each in oracle.entries:
            held[each.order.symbol] = held.get(each.order.symbol, ZERO) + each.held
        reading = {"ahead": timedelta(), "at": now, "monotonic": self.clock.monotonic()}
        snapshot = a_snapshot(
            taken_at=now,
            positions=tuple(a_position(symbol, str(qty)) for symbol, qty in held.items() if qty),
            clock=_clock_reading(reading),
            market=a_market(next_close=later(86_400 * 60), next_open=later(86_400 * 61), days=()),
            means=oracle.means,
        )
        self.tell(BrokerSnapshot(generation=1, snapshot=snapshot))

    def hear(self, *words: OrderUpdate) -> None:
        self.tell(OrdersUpdated(updates=words))

    def said(self, entry: Entry, status: str) -> OrderUpdate:
        """The broker's word on a buy, by what it has filled of it."""
        price = str(entry.price) if entry.filled else None
        return word(entry.order, status, str(entry.filled), price, updated_at=self.clock.now)

    def halts(self) -> list[str]:
        """Why everything is halted."""
        rows = self.file.execute("SELECT reason FROM halt WHERE cleared_at IS NULL AND scope = ?", (ALL,))
        return [reason for (reason,) in rows]

    # --- signals race -------------------------------------------------------------------------------

    @rule(
        symbols=st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=4),
        confidences=st.lists(st.sampled_from(["high", "medium", "low"]), min_size=4, max_size=4),
        then=st.sampled_from([None, Decimal(10), Decimal("9.6")]),
    )
    def signals_race(self, symbols: list[str], confidences: list[Any], then: Decimal | None) -> None:
        raced = []
        for symbol, confidence in zip(symbols, confidences, strict=False):
            self.signals += 1
            raced.append(
                a_signal(
                    signal_id=f"s-{self.signals}", symbol=symbol, catalyst_tier=4, ai_confidence=confidence,
                    issued_at=self.clock.now, price_at_signal=then,
                )
            )  # fmt: skip
        self.tell(*(RecordSignal(signal=signal) for signal in raced))
        halted = bool(self.halts())
        answers = self.tell(*(self.question(signal) for signal in raced))
        for signal, answer in zip(raced, answers, strict=True):
            self.judge(signal, answer, halted=halted)

    def question(self, signal: Signal) -> PlanEntry:
        symbol = signal.symbol
        reads = EntryReads(
            asset=an_asset(symbol=symbol, fractionable=symbol != "WHOLE"),
            quote=a_quote(str(self.price[symbol]), symbol=symbol, at=self.clock.now),
            at=self.clock.now,
        )
        return PlanEntry(source=signal.source, signal_id=signal.signal_id, reads=reads)

    def cost_of(self, signal: Signal) -> Decimal:
        notional = Decimal({"high": 100, "medium": 75, "low": 50}[signal.ai_confidence or ""])
        if signal.symbol != "WHOLE":
            return notional
        price = self.price[signal.symbol]
        return (notional // price * price).quantize(CENT, ROUND_CEILING)

    def judge(self, signal: Signal, answer: object, *, halted: bool) -> None:
        now, cost = self.clock.now, self.cost_of(signal)
        beyond = self.oracle.beyond(signal, cost, self.price[signal.symbol], now)
        if isinstance(answer, Planned):
            broken = [limit for limit, is_broken in beyond.items() if is_broken]
            assert not broken, f"{signal.symbol} for {cost} USD leaves in spite of {broken}"
            assert not halted, f"{signal.symbol} leaves in spite of a halt"
            self.accept(answer.order, cost)
            return
        assert isinstance(answer, Declined), answer
        assert isinstance(answer.verdict, Verdict)
        self.verdicts[named(answer.verdict)] += 1
        if answer.verdict.code != "halted":
            assert beyond[answer.verdict.code], (
                f"{signal.symbol} is refused for nothing: {answer.verdict.reason}"
            )

    def accept(self, order: OrderTicket, cost: Decimal) -> None:
        spent = order.notional if order.qty is None else None
        assert spent in {None, cost}
        trade_id = len(self.oracle.entries) + 1
        self.oracle.entries.append(
            Entry(trade_id=trade_id, order=order, cost=cost, planned_at=self.clock.now)
        )

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        halves=st.integers(2, 8),
        price=prices,
        before=st.none() | prices,
        then=st.sampled_from(["held", "seen", "sold"]),
    )
    def a_position_comes_about(
        self, symbol: str, halves: int, price: Decimal, before: Decimal | None, then: str
    ) -> None:
        """The usual way in one step, and what follows at another price; `before`: the signal's own."""
        known = len(self.oracle.entries)
        self.signals_race([symbol], ["low"], before)
        for entry in self.oracle.entries[known:]:
            entry.price, entry.state = self.price[symbol], "done"
            entry.filled = Decimal(1) if entry.order.qty is not None else Decimal(halves) / 2
            self.tell(OrderAccepted(update=self.said(entry, "filled")))
            if then == "seen":
                self.look(entry, price)
            elif then == "sold":
                self.sell(entry, price, entry.held)

    @rule(symbol=st.sampled_from(SYMBOLS))
    def a_buy_is_refused(self, symbol: str) -> None:
        known = len(self.oracle.entries)
        self.signals_race([symbol], ["high"], None)
        for entry in self.oracle.entries[known:]:
            self.refuse(entry)

    # --- what becomes of orders -----------------------------------------------------------------------

    def some(self, holds: Callable[[Entry], bool], pick: int) -> Entry | None:
        found = [each for each in self.oracle.entries if holds(each)]
        return found[pick % len(found)] if found else None

    @precondition(lambda self: any(each.in_doubt for each in self.oracle.entries))
    @rule(pick=picks, outcome=st.sampled_from(["taken", "taken", "refused", "refused", "unresolved"]))
    def a_post_is_answered(self, pick: int, outcome: str) -> None:
        entry = self.some(lambda each: each.in_doubt, pick)
        assert entry is not None
        cid = entry.order.client_order_id
        if outcome == "unresolved":
            self.tell(OrderUnresolved(client_order_id=cid, why="timeout"), OrderNotFound(client_order_id=cid))
            entry.missing_since = entry.missing_since or self.clock.now
            denied_for = self.clock.now - max(entry.missing_since, entry.order.post_until)
            entry.state = "lapsed" if denied_for >= QUARANTINE else "unresolved"
        elif outcome == "refused" and entry.state == "intended":
            self.refuse(entry)
        else:  # of an unresolved one a refusal proves nothing, and only the broker's own word counts
            entry.state, entry.missing_since = "working", None
            self.tell(OrderAccepted(update=self.said(entry, "new")))

    def refuse(self, entry: Entry) -> None:
        entry.state = "refused"
        self.tell(
            OrderRejected(client_order_id=entry.order.client_order_id, reason="insufficient buying power")
        )
        most = self.oracle.config.max_consecutive_refusals
        assert self.halts() or not most or self.oracle.refusals() < most, "refused and refused, and no halt"

    @precondition(lambda self: any(each.state == "working" for each in self.oracle.entries))
    @rule(pick=picks, halves=st.integers(1, 8), last=st.booleans())
    def it_is_filled(self, pick: int, halves: int, last: bool) -> None:
        entry = self.some(lambda each: each.state == "working", pick)
        assert entry is not None
        more = Decimal(halves) / 2 if entry.order.qty is None else Decimal(1)
        if entry.order.qty is not None and entry.filled + more > entry.order.qty:
            return
        entry.price = entry.price or self.price[entry.order.symbol]
        entry.filled += more
        entry.state = "done" if last else "working"
        self.hear(self.said(entry, "filled" if last else "partially_filled"))

    @precondition(lambda self: any(each.state == "working" for each in self.oracle.entries))
    @rule(pick=picks, status=st.sampled_from(["canceled", "expired", "rejected"]))
    def it_ends_unfilled(self, pick: int, status: str) -> None:
        entry = self.some(lambda each: each.state == "working", pick)
        assert entry is not None
        entry.state, entry.rejected = "done", status == "rejected"
        self.hear(self.said(entry, status))

    # --- what is held ---------------------------------------------------------------------------------

    @precondition(lambda self: any(each.held and not each.entering for each in self.oracle.entries))
    @rule(pick=picks, price=prices, part=st.booleans())
    def it_is_sold(self, pick: int, price: Decimal, part: bool) -> None:
        entry = self.some(lambda each: bool(each.held) and not each.entering, pick)
        assert entry is not None
        self.sell(entry, price, entry.held / 2 if part else entry.held)

    def sell(self, entry: Entry, price: Decimal, qty: Decimal) -> None:
        [answer] = self.tell(PlanExit(trade_id=entry.trade_id, reason="manual", detail="", by="owner"))
        if not isinstance(answer, Planned):
            return
        self.clock.move(0.25)
        entry.sold += qty
        entry.got += qty * price
        entry.ended_at = None if entry.held else self.clock.now
        status = "canceled" if entry.held else "filled"
        self.hear(word(answer.order, status, str(qty), str(price), updated_at=self.clock.now))
        self.loss_is_seen()

    @precondition(lambda self: any(each.held for each in self.oracle.entries))
    @rule(pick=picks, price=prices)
    def it_is_looked_at(self, pick: int, price: Decimal) -> None:
        entry = self.some(lambda each: bool(each.held), pick)
        assert entry is not None
        self.look(entry, price)

    def look(self, entry: Entry, price: Decimal) -> None:
        entry.mark = price
        look = Look(trade_id=entry.trade_id, price=price, priced_at=self.clock.now)
        self.tell(PositionsLooked(looks=(look,)))
        self.loss_is_seen()

    def loss_is_seen(self) -> None:
        limit, now = self.oracle.config.daily_loss_limit_usd, self.clock.now
        if limit and self.oracle.pnl(now) <= -limit:
            told = any(f"the loss of {new_york_day(now)}" in reason for reason in self.halts())
            assert told or self.oracle.cleared_at > later(-1), "the day's loss is reached, and no halt"

    # --- the world --------------------------------------------------------------------------------------

    @rule(symbol=st.sampled_from(SYMBOLS), price=prices)
    def a_price_moves(self, symbol: str, price: Decimal) -> None:
        self.price[symbol] = price

    @rule(seconds=st.sampled_from([1, 20, 53, 58, 61, 1800, 40_000]))
    def time_passes(self, seconds: float) -> None:
        self.clock.move(seconds)
        self.read()

    @rule()
    def the_account_is_read(self) -> None:
        self.read()

    @rule()
    def the_process_is_another(self) -> None:
        self.start()

    @precondition(lambda self: self.halts())
    @rule()
    def a_person_resumes(self) -> None:
        self.tell(ClearHalts(scope=ALL, reason="I have looked", by="owner"))
        self.oracle.cleared_at = self.clock.now
        self.clock.move(0.25)

    @invariant()
    def the_books_count_the_same(self) -> None:
        """What the ledger counts is what the oracle counts."""
        if not hasattr(self, "oracle"):
            return
        config, now = self.oracle.config, self.clock.now
        with self.store.unit() as unit:
            counted = unit.exposure(config, symbol="SYMA", now=now, means_read_at=self.oracle.means.read_at)
        if config.max_concurrent_positions:
            assert counted.positions == self.oracle.positions
        if config.max_total_exposure_usd:
            assert counted.usd == self.oracle.at_stake
        if config.max_orders_per_minute:
            assert counted.orders_last_minute == self.oracle.buys_since(now - timedelta(minutes=1))
        if config.max_orders_per_day:
            assert counted.orders_today == self.oracle.buys_today(now)
        if config.symbol_cooldown_sec:
            assert counted.last_ended_at == self.oracle.ended_at("SYMA")
        if config.daily_loss_limit_usd:
            assert counted.today.total == self.oracle.pnl(now)
        assert counted.ordered_since == self.oracle.ordered_since()


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _clock_reading(fields: dict[str, Any]) -> Any:
    from domain.gate import ClockReading

    return ClockReading(**fields)


@pytest.mark.parametrize("limit", REFUSAL)
def test_no_story_breaks_a_limit(limit: str) -> None:
    class OfThisLimit(Limits):
        pass

    OfThisLimit.limit, OfThisLimit.verdicts = limit, Counter()
    run_state_machine_as_test(
        OfThisLimit,
        settings=settings(
            max_examples=14,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],  # what shrinking takes is minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert OfThisLimit.verdicts[REFUSAL[limit]], f"no story came to the limit: {OfThisLimit.verdicts}"
