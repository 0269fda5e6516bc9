"""Our own side: Starfill's actors, assembled as `run.py` does it, against the benchmarks' server and pusher.

As in `run.py` the interpreter's switch interval is 0.1 ms; the peers run at Python's default of 5 ms.
"""

import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actor_tree import GateBoard, Parts, start_actors
from actors.base import Address, Death, Handle
from actors.clock import system_clock
from actors.ledger_work import LedgerIdentity
from benchmarks import ledgers, names
from benchmarks.child import Answer, clean_slate, serve
from benchmarks.process import rss_mb, threads
from broker.api import Account
from broker.rest import AlpacaRest
from broker.stream import AlpacaStream
from cli.play_money import UNLIMITED, set_up
from cli.probation import Probation
from cli.startup import HALT_FILE, tune_interpreter
from domain.messages import (
    AcceptSignal,
    GateChanged,
    LedgerChanged,
    LedgerMail,
    Previewed,
    ReceiverMail,
    SignalConflict,
    SignalRecorded,
)
from persistence.halt_file import HaltFile
from persistence.store import LedgerStore
from settings import load

_PATIENCE_S = 60.0
_PAUSE_S = 0.002


class News:
    """Hears the ledger after each commit, in the ledger's own thread: stamps, counts, returns."""

    def __init__(self) -> None:
        self.gate_open = threading.Event()
        self.commits: list[tuple[int, int]] = []
        """When a commit with words from the stream was through, and with how many."""
        self.answers = threading.Semaphore(0)
        """Released once for each answer to a POST that was committed."""
        self._heard = 0
        self._expected = 0
        self._all_heard = threading.Event()

    def expect(self, count: int) -> None:
        """From now on count to `count` words from the stream."""
        self.commits, self._heard, self._expected = [], 0, count
        self._all_heard.clear()

    def wait(self) -> None:
        if not self._all_heard.wait(_PATIENCE_S):
            raise TimeoutError(f"only {self._heard} of {self._expected} updates were committed")

    @property
    def flooded(self) -> bool:
        """Whether words are still awaited."""
        return not self._all_heard.is_set()

    def send(self, mail: LedgerChanged | GateChanged) -> bool:
        if isinstance(mail, GateChanged):
            if mail.gate.open:
                self.gate_open.set()
            return True
        told = sum(update.event is not None for update in mail.orders)
        if told:
            self.commits.append((time.monotonic_ns(), told))
            self._heard += told
            if self._heard >= self._expected:
                self._all_heard.set()
        for _ in range(len(mail.orders) - told):
            self.answers.release()
        return True

    def ask(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


@dataclass
class Bot:
    """The running actors."""

    store: LedgerStore
    receiver: Address[ReceiverMail]
    parts: Parts
    news: News = field(default_factory=News)

    def know(self, first: int, count: int) -> None:
        """Have their symbols looked up, as for every signal of a symbol but the first of a day."""
        for number in range(first, first + count):
            told = self.parts.preview(ledgers.signal(number, system_clock()))
            assert isinstance(told, Previewed), told

    def accept(self, number: int) -> None:
        """Hand a signal in; returns when it is durable."""
        self.receiver.ask(
            AcceptSignal(signal=ledgers.signal(number, system_clock())),
            SignalRecorded,
            SignalConflict,
            timeout=30,
        )


def _die(death: Death) -> None:
    logging.getLogger(__name__).critical("%s failed", death.actor, exc_info=death.error)


class _NeverFailed:
    """No start before this one has failed."""

    locked = False

    def verdict(self) -> str | None:
        return None

    def arm(self) -> None:
        pass

    def settled(self) -> bool:
        return True


@contextmanager
def running(ledger_file: Path, broker_url: str, stream_url: str, key: str, lanes: int = 8) -> Iterator[Bot]:
    """The actors over a ledger, until the block is left; returns when the gate is open."""
    tune_interpreter()
    keys: dict[str, Any] = {"key_id": key, "secret_key": key}
    broker = AlpacaRest(base_url=broker_url, data_url=broker_url, rate_per_min=0, **keys)
    feed = AlpacaStream(base_url=stream_url, **keys)
    account = broker.account()
    assert isinstance(account, Account)
    store = LedgerStore.open(ledger_file, clock=system_clock)
    store.bind_account(account.id)
    set_up(store, UNLIMITED, by="the benchmark")
    handle: Handle[LedgerMail] = Handle()
    settings = load(mode="simulator", broker_url=broker_url, state_dir=ledger_file.parent)
    parts = Parts(
        settings=settings.model_copy(update={"lanes": lanes}),
        store=store,
        broker=broker,
        feed=feed,
        account=account,
        identity=LedgerIdentity(account.id, "benchmark"),
        holder="the benchmark",
        halts=HaltFile(ledger_file.parent / HALT_FILE),
        probation=Probation(_NeverFailed(), handle),
        intake=Handle(),
        ledger=handle,
        reconciler=Handle(),
        board=GateBoard(),
    )
    with start_actors(parts, _die) as tree:
        news = News()
        tree.actors["TradeLedger"].subscribe(news, GateChanged, LedgerChanged)
        if not news.gate_open.wait(_PATIENCE_S):
            raise TimeoutError("the gate has not opened")
        yield Bot(store, tree.actors["SignalReceiver"], parts, news)


class _Actions:
    """What the parent may ask of the bot."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    def one_by_one(self, first: int, count: int) -> Answer:
        """Signals one at a time, each after the answer to the one before; when each was accepted."""
        self._bot.know(first, count)
        clean_slate()
        offered: dict[str, int] = {}
        accepted: dict[str, int] = {}
        for number in range(first, first + count):
            offered[names.order_id(number)] = time.monotonic_ns()
            self._bot.accept(number)
            accepted[names.order_id(number)] = time.monotonic_ns()
            self._bot.news.answers.acquire(timeout=_PATIENCE_S)
            time.sleep(_PAUSE_S)
        return {"offered": offered, "called": accepted}

    def during_flood(self, first: int, most: int) -> Answer:
        """The same, for as long as updates that were announced are not all committed."""
        self._bot.know(first, most)
        offered: dict[str, int] = {}
        accepted: dict[str, int] = {}
        started = len(self._bot.news.commits)
        while len(self._bot.news.commits) == started:
            time.sleep(_PAUSE_S)
        for number in range(first, first + most):
            offered[names.order_id(number)] = time.monotonic_ns()
            self._bot.accept(number)
            accepted[names.order_id(number)] = time.monotonic_ns()
            self._bot.news.answers.acquire(timeout=_PATIENCE_S)
            time.sleep(_PAUSE_S)
            if not self._bot.news.flooded:
                break
        return {"offered": offered, "called": accepted}

    def burst(self, first: int, count: int, senders: int = 1) -> Answer:
        """Signals as fast as they are accepted, then wait until the broker has answered all of them."""
        self._bot.know(first, count)
        clean_slate()
        begin = time.monotonic_ns()
        with ThreadPoolExecutor(senders) as pool:
            list(pool.map(self._bot.accept, range(first, first + count)))
        for _ in range(count):
            self._bot.news.answers.acquire(timeout=_PATIENCE_S)
        return {"begin": begin}

    def prepare(self, first: int, count: int) -> Answer:
        """Write orders whose fills are going to be pushed, in one transaction, past the actors."""
        with self._bot.store.unit() as unit:
            for number in range(first, first + count):
                ledgers.plan(unit, number, system_clock())
        return {}

    def expect(self, count: int) -> Answer:
        """So many updates are going to be pushed."""
        self._bot.news.expect(count)
        clean_slate()
        return {}

    def heard(self) -> Answer:
        """Wait for them; when they were committed, as pairs of time and number."""
        self._bot.news.wait()
        return {"heard": self._bot.news.commits}

    def memory(self) -> Answer:
        return {"rss_mb": rss_mb(), "threads": threads()}


def main(broker_url: str, stream_url: str, key: str, ledger: str | None = None) -> None:
    logging.basicConfig(level=logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(ledger or f"{folder}/ledger.sqlite3")
        with running(file, broker_url, stream_url, key) as bot:
            act = _Actions(bot)
            serve(
                {
                    "one_by_one": act.one_by_one,
                    "during_flood": act.during_flood,
                    "burst": act.burst,
                    "prepare": act.prepare,
                    "expect": act.expect,
                    "heard": act.heard,
                    "memory": act.memory,
                },
                {"ready": time.monotonic_ns()},
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
