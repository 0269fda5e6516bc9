"""Neighbours for an actor under test: they record, answer from a script, and can be waited on.

Nothing here sleeps: whoever waits, waits on a condition, for `PATIENCE_S` at most.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Literal, ParamSpec, TypeVar, overload

from pykka.messages import ProxyGetAttr

from actors.base import Address, Death, Worker, spawn
from broker.api import (
    Accepted,
    Account,
    NotFound,
    ReadFailed,
    StreamEnd,
    StreamListener,
    SubmitOutcome,
)
from domain.market import Asset, MarketClock, MarketDay, Quote
from domain.orders import OrderTicket, OrderUpdate
from domain.reconcile import BrokerPosition, CorporateAction, FillActivity
from tests.domain.builders import NOW, an_update, later

PATIENCE_S = 5.0

T = TypeVar("T")
M = TypeVar("M")
P = ParamSpec("P")


class Record:
    """A list that other threads append to and a test waits on."""

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._grown = threading.Condition()

    def add(self, item: Any) -> None:
        with self._grown:
            self._items.append(item)
            self._grown.notify_all()

    def all(self) -> list[Any]:
        with self._grown:
            return list(self._items)

    def of(self, *kinds: type[T]) -> list[T]:
        return [item for item in self.all() if isinstance(item, kinds)]

    @overload
    def wait(self, count: int, /) -> list[Any]: ...
    @overload
    def wait(self, count: int, kind: type[T], /) -> list[T]: ...
    def wait(self, count: int, /, *kinds: type[Any]) -> list[Any]:
        """The first `count` items of this kind (of any, if none is named)."""
        wanted = kinds or (object,)

        def found() -> list[Any]:
            return [item for item in self._items if isinstance(item, wanted)]

        with self._grown:
            enough = self._grown.wait_for(lambda: len(found()) >= count, PATIENCE_S)
            assert enough, f"waited for {count} of {wanted}, there are {self._items}"
            return found()[:count]


class Outbox:
    """A mailbox that keeps its mail; an ask is answered by the script, which may raise or block."""

    def __init__(self, answer: Callable[[Any], object] | None = None) -> None:
        self.told = Record()
        self.asked = Record()
        self._answer = answer

    def send(self, mail: Any) -> bool:
        self.told.add(mail)
        return True

    def begin(self, mail: Any, /, *answers: type[Any]) -> "Given":
        """As `ask`, but a script that raises is heard when the answer is waited for."""
        return Given(lambda: self.ask(mail, *answers, timeout=1))

    def ask(self, mail: Any, /, *answers: type[Any], timeout: float) -> Any:
        assert timeout > 0
        self.asked.add(mail)
        assert self._answer is not None, f"nobody said how to answer {mail!r}"
        answer = self._answer(mail)
        assert isinstance(answer, answers), f"{answer!r} answers {mail!r}"
        return answer


class Given:
    """An answer that is there already, or the failure that came in its place."""

    def __init__(self, get: Callable[[], Any]) -> None:
        self._get = get

    def get(self, *, timeout: float) -> Any:
        assert timeout > 0
        return self._get()


class ManualTimers:
    """Keeps what is to be done later until the test fires it."""

    def __init__(self) -> None:
        self._pending = Record()
        self._fired = 0

    def after(self, delay_s: float, action: Callable[[], object]) -> None:
        self._pending.add((delay_s, action))

    @property
    def delays(self) -> list[float]:
        """What has been asked for since the last one fired."""
        return [delay for delay, _ in self._pending.all()[self._fired :]]

    def wait(self) -> float:
        """The delay of the next one, once there is one."""
        pending = self._pending.wait(self._fired + 1)
        return float(pending[self._fired][0])

    def forget(self) -> None:
        """As if nothing had been asked for."""
        self._fired = len(self._pending.all())

    def all_actions(self) -> list[Callable[[], object]]:
        """Everything that was ever asked for, done or not."""
        return [action for _, action in self._pending.all()]

    def skip_to_last(self) -> None:
        """Forget all but the one that was asked for last."""
        self._fired = max(self._fired, len(self._pending.all()) - 1)

    def fire_all(self) -> None:
        """Do all that have been asked for by now."""
        for _ in self.delays:
            self.fire()

    def fire(self) -> float:
        """Do the next one, in the order in which they were asked for; its delay."""
        delay = self.wait()
        self._fired += 1
        self._pending.all()[self._fired - 1][1]()
        return delay


class ManualClock:
    """Shows what it was set to. Held, it keeps the next caller waiting until it is let go.

    Setting `now` is time that passes, for the monotonic clock too; `jump` moves the wall clock alone.
    """

    def __init__(self) -> None:
        self.now = later(1)
        self._jumped = timedelta()
        self.reads = 0
        self._free = threading.Event()
        self._free.set()
        self._entered = threading.Event()

    def __call__(self) -> datetime:
        self.reads += 1
        self._entered.set()
        assert self._free.wait(PATIENCE_S), "nobody let the clock go"
        return self.now

    def monotonic(self) -> timedelta:
        return self.now - NOW - self._jumped

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def jump(self, seconds: float) -> None:
        self._jumped += timedelta(seconds=seconds)
        self.now += timedelta(seconds=seconds)

    def hold(self) -> None:
        self._entered.clear()
        self._free.clear()

    def wait_held(self) -> None:
        assert self._entered.wait(PATIENCE_S), "nobody read the clock"

    def let_go(self) -> None:
        self._free.set()


def taken(ticket: OrderTicket) -> OrderUpdate:
    """The broker's own word on an order it has just taken."""
    cid = ticket.client_order_id
    return an_update(client_order_id=cid, broker_order_id="broker-" + cid, symbol=ticket.symbol)


class ScriptedBroker:
    """Takes every order unless told otherwise; reads come from `answers`, by call, in turn.

    An answer may be a function of the call's argument. The last one of a call is given again.
    """

    def __init__(self, **answers: Any) -> None:
        self.posted = Record()
        self.reads = Record()
        self.warmed = Record()
        self.outcome: Callable[[OrderTicket], SubmitOutcome] = lambda order: Accepted(update=taken(order))
        answers = {"position": ReadFailed(why="nobody has said what it holds"), **answers}
        self._answers: dict[str, list[Any]] = {
            name: list(given) if isinstance(given, list) else [given] for name, given in answers.items()
        }
        self._held: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def script(self, call: str, *answers: Any) -> None:
        """From now on these are the answers of the call, in turn."""
        with self._lock:
            self._answers[call] = list(answers)

    @contextmanager
    def holding(self, symbol: str) -> Iterator[threading.Event]:
        """While this lasts (or until the event is set), POSTs of the symbol get no answer."""
        free = self._held[symbol] = threading.Event()
        try:
            yield free
        finally:
            free.set()

    def submit(self, order: OrderTicket) -> SubmitOutcome:
        self.posted.add(order)
        held = self._held.get(order.symbol)
        assert held is None or held.wait(PATIENCE_S), "nobody let the POST go"
        return self.outcome(order)

    def _read(self, call: str, argument: object = None) -> Any:
        self.reads.add((call, argument))
        with self._lock:
            script = self._answers.get(call)
            assert script, f"nobody said how to answer {call}({argument!r})"
            answer = script.pop(0) if len(script) > 1 else script[0]
        return answer(argument) if callable(answer) else answer

    def calls(self, call: str) -> list[Any]:
        """What a call was asked for, in turn."""
        return [argument for name, argument in self.reads.all() if name == call]

    def cancel(self, broker_order_id: str) -> Literal["requested", "too_late"] | NotFound | ReadFailed:
        answer: Literal["requested", "too_late"] | NotFound | ReadFailed = self._read(
            "cancel", broker_order_id
        )
        return answer

    def order_by_client_id(self, client_order_id: str) -> OrderUpdate | NotFound | ReadFailed:
        answer: OrderUpdate | NotFound | ReadFailed = self._read("order_by_client_id", client_order_id)
        return answer

    def order(self, broker_order_id: str) -> OrderUpdate | NotFound | ReadFailed:
        answer: OrderUpdate | NotFound | ReadFailed = self._read("order", broker_order_id)
        return answer

    def orders(
        self, *, status: Literal["open", "closed", "all"], after: datetime | None = None
    ) -> tuple[OrderUpdate, ...] | ReadFailed:
        answer: tuple[OrderUpdate, ...] | ReadFailed = self._read("orders", (status, after))
        return answer

    def positions(self) -> tuple[BrokerPosition, ...] | ReadFailed:
        answer: tuple[BrokerPosition, ...] | ReadFailed = self._read("positions")
        return answer

    def position(self, symbol: str) -> BrokerPosition | NotFound | ReadFailed:
        answer: BrokerPosition | NotFound | ReadFailed = self._read("position", symbol)
        return answer

    def account(self) -> Account | ReadFailed:
        answer: Account | ReadFailed = self._read("account")
        return answer

    def clock(self) -> MarketClock | ReadFailed:
        answer: MarketClock | ReadFailed = self._read("clock")
        return answer

    def calendar(self, *, start: str, end: str) -> tuple[MarketDay, ...] | ReadFailed:
        answer: tuple[MarketDay, ...] | ReadFailed = self._read("calendar", (start, end))
        return answer

    def asset(self, symbol: str) -> Asset | NotFound | ReadFailed:
        answer: Asset | NotFound | ReadFailed = self._read("asset", symbol)
        return answer

    def fills(
        self, *, after: datetime | None = None, most: int | None = None
    ) -> tuple[FillActivity, ...] | ReadFailed:
        answer: tuple[FillActivity, ...] | ReadFailed = self._read("fills", after)
        return answer

    def corporate_actions(self, *, after: datetime) -> tuple[CorporateAction, ...] | ReadFailed:
        answer: tuple[CorporateAction, ...] | ReadFailed = self._read("corporate_actions", after)
        return answer

    def snapshots(self, symbols: tuple[str, ...]) -> dict[str, Quote] | ReadFailed:
        answer: dict[str, Quote] | ReadFailed = self._read("snapshots", symbols)
        return answer

    def warm(self) -> None:
        self.warmed.add(threading.current_thread())


class ScriptedConnection:
    """One connection: the test plays its thread by calling the listener."""

    def __init__(self, generation: int, listener: StreamListener) -> None:
        self.generation = generation
        self._listener = listener
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def opens(self) -> None:
        self._listener.stream_opened(self.generation)

    def says(self, frame: bytes | str) -> None:
        self._listener.stream_frame(self.generation, frame)

    def ends(self, kind: Literal["lost", "refused", "keys_refused"] = "lost", why: str = "gone") -> None:
        self._listener.stream_ended(self.generation, StreamEnd(kind=kind, why=why))


class ScriptedFeed:
    """Hands out scripted connections; a frame means the update it was registered with."""

    def __init__(self) -> None:
        self.connections = Record()
        self.meanings: dict[bytes | str, OrderUpdate] = {}
        self.parsing = threading.Event()
        """Set once a frame is being parsed."""
        self.may_parse = threading.Event()
        self.may_parse.set()

    def connect(self, generation: int, listener: StreamListener) -> ScriptedConnection:
        connection = ScriptedConnection(generation, listener)
        self.connections.add(connection)
        return connection

    def parse(self, frame: bytes | str) -> OrderUpdate | None:
        self.parsing.set()
        assert self.may_parse.wait(PATIENCE_S), "nobody let the parsing go"
        return self.meanings.get(frame)

    def connection(self, number: int) -> ScriptedConnection:
        """The n-th connection, from 1, once it has been asked for."""
        connection: ScriptedConnection = self.connections.wait(number, ScriptedConnection)[number - 1]
        return connection


class Deaths:
    """What an actor's `on_death` was told."""

    def __init__(self) -> None:
        self._told = Record()
        self._taken = 0

    def __call__(self, death: Death) -> None:
        self._told.add(death)

    def take(self) -> Death:
        """The next death, once it was told; a test that expects none takes none."""
        death: Death = self._told.wait(self._taken + 1, Death)[self._taken]
        self._taken += 1
        return death

    def untaken(self) -> list[Death]:
        left: list[Death] = self._told.all()[self._taken :]
        return left


class Stage:
    """Starts actors for a test and stops them behind it."""

    def __init__(self) -> None:
        self.deaths = Deaths()
        self._started: list[Address[Any]] = []

    def spawn(self, worker: "Callable[P, Worker[M]]", *args: P.args, **kwargs: P.kwargs) -> Address[M]:
        address = spawn(worker, *args, **kwargs)
        self._started.append(address)
        return address

    def close(self) -> None:
        for address in reversed(self._started):
            address.stop(timeout=PATIENCE_S)
        assert not self.deaths.untaken()


def ask_later(address: Address[Any], mail: object) -> Any:
    """Put an ask into the inbox without waiting; `.get(timeout=)` waits for its answer."""
    return address._ref.ask(mail, block=False)


def peek(address: Address[Any], attribute: str) -> Any:
    """An attribute of the actor, read in its own thread after all mail before this: no mail asks for it."""
    return address._ref.ask(ProxyGetAttr(attr_path=(attribute,)), timeout=PATIENCE_S)
