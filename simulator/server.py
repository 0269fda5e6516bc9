"""The simulator: an Alpaca look-alike on one port, for any client. Trading, `/stream`, market data, `/_sim/`.

Owns a thread with an asyncio loop of its own; everything behind it runs on that thread.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import web

from simulator import account_api, control, data_api, trading_api
from simulator.assets import Assets
from simulator.book import Book
from simulator.calendar import Calendar
from simulator.clock import FASTEST, LONGEST_ADVANCE_S, SECOND, SimClock, nanos
from simulator.context import CONTEXT, Context
from simulator.desk import DESK, Desk
from simulator.exchange import Exchange
from simulator.faults import Plan
from simulator.gate import LIMIT, MIDDLEWARES, RateLimit, add_headers
from simulator.ids import Ids
from simulator.keys import Keys
from simulator.machine import Machine
from simulator.oracle import Oracle
from simulator.orders import Event
from simulator.prices import Prices
from simulator.settings import SimulatorSettings, Switchboard
from simulator.statement import Statement, statement_of
from simulator.stream import Streams
from simulator.wire import trade_update

__all__ = ["Simulator", "SimulatorSettings"]
T = TypeVar("T")


class Simulator:
    """start, stop and the properties are for the thread that made it; the rest is for any but its own."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self._settings = settings
        self._port: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context: Context | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Returns once the port is bound. Raises OSError if it's taken."""
        bound: Future[int] = Future()
        # A daemon: a program whose main thread has died mustn't be kept alive by its simulator.
        self._thread = threading.Thread(target=self._run, args=(bound,), name="simulator", daemon=True)
        self._thread.start()
        try:
            self._port = bound.result()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Closes everything and joins the thread. Idempotent."""
        if self._thread is None:
            return
        if self._loop and self._stopping:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = None

    def advance(self, seconds: Decimal | float) -> None:
        """Lives through so much time at once; 0: only through what is due now.

        When it returns, all that was due by then is done, booked, and can be read over HTTP, as Desk.advance
        says; with a fill delay of 0 that is all there is to do. Frames are with the stream's connections, in
        order, and may still be on their way. So a driver that is to find nothing but what it asked for runs
        the clock at speed 0 and sends `advance` after each thing that it or its client does.
        """
        if not 0 <= seconds <= LONGEST_ADVANCE_S:
            raise ValueError(f"{seconds} s are not between 0 and {LONGEST_ADVANCE_S}")
        step = int(Decimal(str(seconds)) * SECOND)
        self._do(lambda context: context.desk.advance(step))

    def run_at(self, speed: Decimal | float) -> None:
        """So many seconds in one of the machine's; 0: the clock stands still but for `advance`."""
        if not 0 <= speed <= FASTEST:
            raise ValueError(f"a speed of {speed} is not between 0 and {FASTEST}")
        exactly = Decimal(str(speed))
        self._do(lambda context: context.desk.run_at(exactly))

    def set_clock(self, now: datetime) -> None:
        """From here on the clock runs on from `now`; what lies between is skipped, not lived through."""
        moment = nanos(now)
        self._do(lambda context: context.desk.move_to(moment))

    def now(self) -> datetime:
        """To the microsecond, in UTC."""
        told = self._do(lambda context: context.clock.now())
        return datetime.fromtimestamp(told // SECOND, UTC).replace(microsecond=told % SECOND // 1000)

    def set_prices(self, told: Mapping[str, object]) -> None:
        """As `POST /_sim/prices`, fractions as text or Decimal. Raises ApiError."""
        self._do(lambda context: control.put_prices(context, told))

    def orders(self) -> Mapping[str, tuple[str, Decimal]]:
        """Status and filled shares by order id, once all that is due now is done."""

        def settled(context: Context) -> Mapping[str, tuple[str, Decimal]]:
            context.desk.advance(0)
            return {each.id: (each.status, each.filled_qty) for each in context.exchange.orders.values()}

        return self._do(settled)

    def statement(self) -> Statement:
        """The account's, as it stands now."""
        return self._do(lambda context: statement_of(context.exchange))

    @property
    def base_url(self) -> str:
        if self._port is None:
            raise RuntimeError("the simulator has no port before its start")
        return f"http://{self._settings.host}:{self._port}"

    @property
    def oracle_path(self) -> Path | None:
        return self._settings.folder / "oracle.jsonl" if self._settings.folder else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _do(self, act: Callable[[Context], T]) -> T:
        """On the loop's thread, as everything is."""
        if self._loop is None or self._context is None:
            raise RuntimeError("the simulator isn't running")
        context = self._context

        async def done() -> T:
            return act(context)

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result()

    def _run(self, bound: "Future[int]") -> None:
        try:
            asyncio.run(self._serve(bound))
        except BaseException as error:
            if bound.done():
                raise
            bound.set_exception(error)

    async def _serve(self, bound: "Future[int]") -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        context = _assemble(self._settings)
        try:
            port = await context.machine.open()
            self._context = context
            bound.set_result(port)
            await self._stopping.wait()
        finally:
            self._context = None
            context.desk.close()
            await context.machine.close()


def _assemble(settings: SimulatorSettings) -> Context:
    clock, switches, plan = SimClock(), Switchboard(settings), Plan()
    calendar, prices, ids = Calendar(switches), Prices(settings.seed), Ids(settings.seed)
    assets, oracle = Assets(), Oracle(settings.folder, synced=settings.synced)
    keys, app = Keys(switches), web.Application(middlewares=MIDDLEWARES)
    streams = Streams(clock=clock, keys=keys, switches=switches, plan=plan)

    def publish(event: Event) -> None:
        streams.publish(event.kind, trade_update(desk.exchange, event))

    desk = Desk(
        clock=clock,
        switches=switches,
        make_exchange=lambda: Exchange(
            switches=switches, assets=assets, prices=prices, calendar=calendar, ids=ids
        ),
        book=Book(settings.folder, synced=settings.synced),
        oracle=oracle,
        publish=publish,
    )
    context = Context(
        clock=clock,
        keys=keys,
        machine=Machine(app, host=settings.host, port=settings.port, boot=desk.load),
        switches=switches,
        calendar=calendar,
        prices=prices,
        desk=desk,
        oracle=oracle,
        plan=plan,
        streams=streams,
    )
    app[CONTEXT], app[DESK], app[LIMIT] = context, desk, RateLimit()
    app.on_response_prepare.append(add_headers)
    for room in (trading_api, account_api, data_api, control):
        app.add_routes(room.routes)
    app.router.add_get("/stream", streams.handle)
    return context
