"""The API on a real socket, in front of a real ledger; only the executor is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from fastapi import FastAPI

from actors.base import Address, Death, Handle, spawn
from actors.entry_preview import preview_entry
from actors.ledger_work import LedgerIdentity
from actors.signal_receiver import SignalReceiver
from actors.timers import TimerThread
from actors.trade_ledger import TradeLedger
from domain.config import BotConfig
from domain.gate import ClockReading
from domain.market import Means
from domain.messages import (
    AuditNow,
    BrokerSnapshot,
    ExecutorMail,
    GateTold,
    LedgerChanged,
    LedgerMail,
    ListUnsettled,
    MarketTold,
    ReceiverMail,
    StreamOpened,
    Unsettled,
)
from domain.orders import OrderUpdate
from domain.reconcile import BrokerPosition, Snapshot
from persistence.halt_file import HaltFile
from persistence.queries import DeskQueries, FiguresQueries, JournalQueries, ListQueries, Queries
from persistence.store import LedgerStore
from tests.actors.doubles import ScriptedBroker
from tests.domain.builders import UNLIMITED, a_market, an_asset
from watch.metrics import Metrics
from watch.seen import AlarmDesk, NoAlarms
from watch.tail import Tail
from web.app import create_app
from web.boards import StateBoard
from web.bot import About, ActorSeen, Bot, DeskMail, ProcessSeen, RequestsSeen, Session
from web.health import Readiness
from web.server import WebServer
from web.sources.door import Door, SourceRules
from web.sources.key_ring import KeyRing
from web.token import Tokens

TOKENS = Tokens(
    arm="a-token-of-more-than-thirty-two-characters",
    operate="a-token-of-more-than-thirty-two-characters-to-operate",
    view="a-token-of-more-than-thirty-two-characters-to-view",
)
TOKEN = TOKENS.arm
ACCOUNT = "PA3TEST"
RULES = SourceRules()
NOW = datetime(2026, 11, 12, 15, 0, tzinfo=UTC)
MARKET = a_market()
"""It closes at 21:00 UTC."""


@dataclass
class Hand:
    """A clock that stands where it was set."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> timedelta:
        return self.now - NOW

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Executor:
    """Keeps what it is sent."""

    mail: list[ExecutorMail] = field(default_factory=list)

    def send(self, mail: ExecutorMail) -> bool:
        self.mail.append(mail)
        return True

    def ask(self, mail: ExecutorMail, /, *answers: Any, timeout: float) -> Any:
        raise NotImplementedError


@dataclass
class Answering:
    """An actor that answers each question with this, or raises it."""

    outcome: Any
    mail: list[Any] = field(default_factory=list)

    def send(self, mail: Any) -> bool:
        self.mail.append(mail)
        return True

    def ask(self, mail: Any, /, *answers: Any, timeout: float) -> Any:
        self.mail.append(mail)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        assert isinstance(self.outcome, answers)
        return self.outcome


@dataclass
class Api:
    """A client of the served app, and what stands behind it."""

    url: str
    store: LedgerStore
    queries: Queries
    clock: Hand
    executor: Executor
    ledger: Address[LedgerMail]
    intake: Handle[ReceiverMail]
    desk: Handle[DeskMail]
    reconciler: Handle[AuditNow]
    readiness: list[Readiness]
    broker: ScriptedBroker
    """Asked for by previews only."""
    deaths: list[Death]
    """Of actors; a test that has one of them die takes it out again."""
    session: requests.Session
    app: FastAPI

    def call(self, method: str, path: str, **given: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {TOKEN}"} | given.pop("headers", {})
        return self.session.request(method, self.url + path, headers=headers, timeout=10, **given)

    def tell(self, *mail: LedgerMail) -> None:
        """Send it to the ledger, and wait until all of it is in the books."""
        for each in mail:
            self.ledger.send(each)
        self.ledger.ping(timeout=5)  # the urgent lane
        self.ledger.ask(ListUnsettled(), Unsettled, timeout=5)  # and the other

    def read_account(self, *orders: OrderUpdate, equity: str | None = None, **held: str) -> None:
        """The ledger gets a full read of the account, a second later, in which it holds so many shares."""
        self.clock.advance(1)
        worth = None if equity is None else Decimal(equity)
        positions = tuple(BrokerPosition(symbol=symbol, qty=Decimal(qty)) for symbol, qty in held.items())
        reading = ClockReading(ahead=timedelta(0), at=self.clock(), monotonic=self.clock.monotonic())
        snapshot = Snapshot(
            taken_at=self.clock(),
            orders=orders,
            positions=positions,
            clock=reading,
            explained=True,
            market=a_market(),
            means=Means(buying_power=worth, equity=worth, cash=worth, read_at=self.clock()),
        )
        self.tell(StreamOpened(generation=1), BrokerSnapshot(generation=1, snapshot=snapshot))

    def get(self, path: str, **given: Any) -> requests.Response:
        return self.call("GET", path, **given)

    def send(self, **changes: Any) -> requests.Response:
        """Post a good signal with these changes; a field set to `...` is left out."""
        return self.call("POST", "/api/signals", json=body(**changes))

    def raw(self, data: Any, **headers: str) -> requests.Response:
        sent = {"Content-Type": "application/json"} | headers
        return self.call("POST", "/api/signals", data=data, headers=sent)


def body(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "signal_id": "fda-1",
        "symbol": "ACME",
        "catalyst_tier": 1,
        "ai_confidence": "high",
        "issued_at": "2026-11-12T15:00:00Z",
        "catalyst_category": "FDA",
        "price_at_signal": "12.5",
        "ttl_s": 300,
        "source": "test",
    }
    return {name: value for name, value in (fields | changes).items() if value is not ...}


@pytest.fixture(scope="module")
def config() -> BotConfig:
    """The settings that an API begins with."""
    return UNLIMITED


@pytest.fixture
def api(tmp_path: Path, config: BotConfig) -> Iterator[Api]:
    """An API for this test alone."""
    with serving(tmp_path, config=config) as served:
        yield served


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, config: BotConfig) -> Iterator[Api]:
    """One API for all tests of a module, of which none leaves anything behind that another sees."""
    with serving(tmp_path_factory.mktemp("shared"), config=config) as served:
        yield served


@contextmanager
def serving(
    folder: Path,
    *,
    most_waiting: int = 1000,
    config: BotConfig = UNLIMITED,
    rules: SourceRules = RULES,
    alarms: AlarmDesk | None = None,
) -> Iterator[Api]:
    hidden: list[str] = []
    clock, executor, deaths, timers = Hand(), Executor(), list[Death](), TimerThread()
    store = LedgerStore.open(folder / "ledger.sqlite3", clock=clock)
    with store.unit() as unit:
        unit.save_config(config, at=clock(), by="test")
    queries = Queries(store)
    ledger = spawn(
        TradeLedger,
        store=store,
        identity=LedgerIdentity(account_id="test", code_version="test"),
        halts=HaltFile(folder / "HALT"),
        holder="test",
        timers=timers,
        clock=clock,
        monotonic=clock.monotonic,
        on_death=deaths.append,
    )
    metrics = Metrics()
    tail = Tail(JournalQueries(store), (metrics,), round_s=0.01)
    tail.start()
    board = StateBoard(clock, clock.monotonic)
    ledger.subscribe(board, GateTold, MarketTold, LedgerChanged)
    receiver = spawn(SignalReceiver, ledger=ledger, executor=executor, timers=timers, on_death=deaths.append)
    intake: Handle[ReceiverMail] = Handle()
    intake.swap(receiver)
    desk: Handle[DeskMail] = Handle()
    desk.swap(ledger)
    reconciler: Handle[AuditNow] = Handle()
    reconciler.swap(Answering(None))
    broker = ScriptedBroker(asset=lambda symbol: an_asset(symbol=symbol))
    readiness = [Readiness(ready=True, reason="all is well", gate="open")]
    bot = Bot(
        receiver=intake,
        preview=lambda signal: preview_entry(signal, ledger=ledger, broker=broker, clock=clock),
        desk=desk,
        reconciler=reconciler,
        queries=queries,
        lists=ListQueries(store),
        desk_queries=DeskQueries(store),
        figures=FiguresQueries(store.path),
        journal=JournalQueries(store),
        board=board,
        clock=clock,
        ready=lambda: readiness[-1],
        session=lambda: Session(clock(), MARKET),
        metrics=metrics,
        door=Door(KeyRing(folder, hidden.append), rules, now=clock, monotonic=clock.monotonic),
        about=About(mode="simulator", version="test", account_number=ACCOUNT, started_at=NOW),
        process=lambda: ProcessSeen((ActorSeen("TradeLedger", 0, 7, 0.5),), 0, RequestsSeen(200, 180, 0.0)),
        most_waiting=most_waiting,
        alarms=alarms or NoAlarms(),
        alarms_failing=lambda: None if alarms is None else alarms.seen().failing,
    )
    board.listen(tail.tell)
    app = create_app(bot, tokens=lambda: TOKENS)
    server = WebServer(app, "127.0.0.1", 0, closing=app.state.hub.close)
    server.start()
    session = requests.Session()
    session.trust_env = False
    try:
        yield Api(
            server.url,
            store,
            queries,
            clock,
            executor,
            ledger,
            intake,
            desk,
            reconciler,
            readiness,
            broker,
            deaths,
            session,
            app,
        )
    finally:
        session.close()
        server.stop()
        tail.close()
        receiver.stop(timeout=5)
        ledger.stop(timeout=5)
        timers.close()
        store.close()
    assert deaths == []
