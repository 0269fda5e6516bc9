"""The whole system on real sockets: the simulator in this process, the bot's actors beside it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from actor_tree import ActorTree, GateBoard, Parts, start_actors
from actors.base import Death, Handle
from actors.clock import Time, system_clock
from actors.ledger_work import LedgerIdentity
from broker.rest import AlpacaRest
from broker.stream import AlpacaStream
from cli.play_money import set_up
from cli.probation import Probation
from cli.startup import HALT_FILE, meet_broker
from domain.config import BotConfig
from domain.messages import (
    AcceptSignal,
    GateChanged,
    LedgerChanged,
    LedgerMail,
    Previewed,
    SignalConflict,
    SignalRecorded,
)
from domain.signals import Signal, SignalState
from domain.trades import TradeRecord
from persistence.halt_file import HaltFile
from persistence.queries import Queries
from persistence.rows import SignalView
from persistence.store import LedgerStore
from settings import Settings, load
from simulator.server import Simulator, SimulatorSettings
from tests.domain.builders import BUYS_ONLY
from watch.metrics import Metrics

WAIT_S = 20.0


class News:
    """Wakes a test whenever the ledger has committed something."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    def send(self, mail: object) -> bool:
        with self._changed:
            self._count += 1
            self._changed.notify_all()
        return True

    def until(self, holds: Callable[[], Any], what: str) -> Any:
        """Wait until `holds()` is true; looked at again after each commit. Fails after `WAIT_S` seconds."""
        with self._changed:
            if not self._changed.wait_for(holds, timeout=WAIT_S):
                pytest.fail(f"waited {WAIT_S} s for {what}")
            return holds()


@dataclass
class Bot:
    """The running actors, and what a test wants to ask of them."""

    parts: Parts
    tree: ActorTree
    queries: Queries
    news: News
    deaths: list[Death]

    def signal(self, symbol: str, **given: Any) -> Signal:
        fields: dict[str, Any] = {
            "signal_id": f"{symbol.lower()}-1",
            "symbol": symbol,
            "catalyst_tier": 1,
            "ai_confidence": None,
            "issued_at": system_clock(),
        }
        return Signal(**(fields | given))

    def accept(self, signal: Signal) -> SignalRecorded | SignalConflict:
        return self.parts.intake.ask(AcceptSignal(signal=signal), SignalRecorded, SignalConflict, timeout=10)

    def know(self, symbol: str) -> None:
        """Have the symbol looked up ahead, as for every signal but the first of a day."""
        assert isinstance(self.parts.preview(self.signal(symbol)), Previewed)

    def view(self, signal_id: str) -> SignalView:
        return self.queries.signal(signal_id)[0]

    def decided(self, signal_id: str) -> SignalView:
        def view() -> SignalView | None:
            found = self.queries.signal(signal_id)
            return found[0] if found and found[0].state is not SignalState.RECEIVED else None

        found: SignalView = self.news.until(view, f"a verdict on {signal_id}")
        return found

    def trade(self, signal_id: str, holds: Callable[[TradeRecord], bool], what: str) -> TradeRecord:
        def trade() -> TradeRecord | None:
            found = self.queries.signal(signal_id)
            trade = found[0].trade if found else None
            return trade if trade is not None and holds(trade) else None

        found: TradeRecord = self.news.until(trade, what)
        return found

    def gate(self, *, is_open: bool) -> None:
        self.news.until(
            lambda: self.parts.board.gate.open is is_open, f"the gate to be {'open' if is_open else 'closed'}"
        )


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A simulator that fills at once and in one piece, unless a test turns its switches."""
    settings = SimulatorSettings(
        folder=tmp_path / "simulator",
        fill_delay_s=0.0,
        partial_fill_share=Decimal(0),
        rate_limit_per_min=0,
    )
    with Simulator(settings) as running:
        yield running


def control(simulator: Simulator, path: str, body: Any) -> Any:
    """Order something of the simulator's control API."""
    answer = requests.post(f"{simulator.base_url}/_sim/{path}", json=body, timeout=10)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def oracle(simulator: Simulator, kind: str | None = None) -> list[dict[str, Any]]:
    """What the simulator itself wrote down, by a path that no code of ours shares."""
    lines = requests.get(f"{simulator.base_url}/_sim/oracle", timeout=10).json()
    return [line for line in lines if kind is None or line["type"] == kind]


@contextmanager
def running(
    simulator: Simulator, folder: Path, config: BotConfig | None = None, time: Time | None = None
) -> Iterator[Bot]:
    """The bot's actors against this simulator, on a ledger in this folder."""
    settings = load(mode="simulator", broker_url=simulator.base_url, state_dir=folder, http="127.0.0.1:0")
    with ExitStack() as stack:
        parts = replace(make_parts(settings, stack), time=time or Time())
        if config is not None:
            with parts.store.unit() as unit:
                unit.save_config(config, at=system_clock(), by="test")
        news, deaths = News(), list[Death]()
        tree = stack.enter_context(start_actors(parts, deaths.append))
        tree.actors["TradeLedger"].subscribe(news, LedgerChanged, GateChanged)
        yield Bot(parts, tree, Queries(parts.store), news, deaths)
        assert deaths == []


class NoBoots:
    """No start before this one has failed."""

    locked = False

    def verdict(self) -> str | None:
        return None

    def arm(self) -> None:
        pass

    def settled(self) -> bool:
        return True


def make_parts(settings: Settings, stack: ExitStack) -> Parts:
    assert settings.broker_url is not None
    keys: dict[str, Any] = {"key_id": settings.key_id, "secret_key": settings.secret_key}
    metrics = Metrics()
    broker = AlpacaRest(
        base_url=settings.broker_url,
        data_url=settings.broker_url,
        rate_per_min=0,
        on_post=metrics.posted,
        **keys,
    )
    account = meet_broker(broker, settings)
    store = LedgerStore.open(settings.database, clock=system_clock)
    stack.callback(store.close)
    store.bind_account(account.id)
    set_up(store, BUYS_ONLY, by="the test")
    ledger: Handle[LedgerMail] = Handle()
    return Parts(
        settings=settings,
        store=store,
        holder="the test's bot",
        halts=HaltFile(settings.state_dir / HALT_FILE),
        probation=Probation(NoBoots(), ledger),
        ledger=ledger,
        reconciler=Handle(),
        broker=broker,
        feed=AlpacaStream(base_url=settings.broker_url, **keys),
        account=account,
        identity=LedgerIdentity(account_id=account.id, code_version="test"),
        intake=Handle(),
        board=GateBoard(),
        metrics=metrics,
    )


@pytest.fixture
def bot(simulator: Simulator, tmp_path: Path) -> Iterator[Bot]:
    """A bot whose gate is open."""
    with running(simulator, tmp_path / "state") as started:
        started.gate(is_open=True)
        yield started
