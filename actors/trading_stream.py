"""Hears the broker.

In:  RestartStream, OrderPlaced (from the lanes), OrdersRead (from the reconciler), HaltsCleared (from the
     ledger); what the connection's own thread passes on
Out: StreamOpened, StreamLost, OrdersUpdated -> TradeLedger
     StreamOpened, ConfirmPosition, ReadOrder -> Reconciler

Five seconds after a disconnect the actor restarts itself with a new connection generation; what a
connection of an older generation still says is ignored, so two can never count. A refused handshake
backs off (Alpaca lets a dead connection's slot go only after some 90 s), refused keys are
asked again only when a person lets everything go on.

A connection can answer every ping and still tell nothing. So what a read shows and the stream has not told
within five seconds ends the connection, and a new one begins.
"""

import logging
import random
from dataclasses import dataclass
from typing import Any, Final, assert_never

from actors import subject
from actors.base import Address, Mailbox, OnDeath, Worker
from actors.stream_memory import StreamMemory
from actors.timers import Timers
from broker.api import Connection, Feed, StreamEnd
from domain.holdings import ALL
from domain.identity import PREFIX
from domain.messages import (
    ConfirmPosition,
    HaltsCleared,
    LedgerMail,
    OrderPlaced,
    OrdersRead,
    OrdersUpdated,
    ReadOrder,
    ReconcilerMail,
    RestartStream,
    StreamLost,
    StreamMail,
    StreamOpened,
)
from domain.orders import OrderUpdate

log = logging.getLogger(__name__)

RECONNECT_S: Final = 5.0
COMMANDED_RESTART_S: Final = 0.1
MAX_BACKOFF_S: Final = 90.0
FRAMES_A_BATCH: Final = 16
TELLS_WITHIN_S: Final = 5.0
"""How far the stream may be behind a read before it counts as mute."""


@dataclass(frozen=True, slots=True)
class _Opened:
    generation: int


@dataclass(frozen=True, slots=True)
class _Frame:
    generation: int
    frame: bytes | str


@dataclass(frozen=True, slots=True)
class _Ended:
    generation: int
    end: StreamEnd


@dataclass(frozen=True, slots=True)
class _Connect:
    """Connect, unless a later connection has been made since this was scheduled."""

    after_generation: int


@dataclass(frozen=True, slots=True)
class _HasTold:
    """Has the stream told of this order by now?"""

    generation: int
    broker_order_id: str


@dataclass(frozen=True, slots=True)
class _HasShown:
    """Has the stream told by now what a read of this order showed?"""

    generation: int
    update: OrderUpdate


_Mail = StreamMail | _Opened | _Frame | _Ended | _Connect | _HasTold | _HasShown


class _Listener:
    """Passes on what a connection's thread hears; does nothing else on that thread."""

    def __init__(self, stream: Address[_Mail]) -> None:
        self._stream: Address[_Mail] | None = stream

    def hang_up(self) -> None:
        """Pass nothing more on: whoever closes a connection does not ask how it ended."""
        self._stream = None

    def stream_opened(self, generation: int) -> None:
        self._pass_on(_Opened(generation))

    def stream_frame(self, generation: int, frame: bytes | str) -> None:
        self._pass_on(_Frame(generation, frame))

    def stream_ended(self, generation: int, end: StreamEnd) -> None:
        self._pass_on(_Ended(generation, end))

    def _pass_on(self, mail: _Mail) -> None:
        stream = self._stream
        if stream is not None:
            stream.send(mail)


def backoff_s(refusals: int, jitter: float) -> float:
    """Seconds to wait after the n-th refused handshake in a row: 5, 10, 20 … 90, plus up to a fifth."""
    return float(min(RECONNECT_S * 2 ** (refusals - 1), MAX_BACKOFF_S) * (1 + jitter / 5))


class TradingStream(Worker[_Mail]):
    def __init__(
        self,
        *,
        feed: Feed,
        ledger: Mailbox[LedgerMail],
        reconciler: Mailbox[ReconcilerMail],
        timers: Timers,
        on_death: OnDeath,
        reconnect_s: float = RECONNECT_S,
    ) -> None:
        super().__init__(on_death=on_death)
        self._feed = feed
        self._ledger = ledger
        self._reconciler = reconciler
        self._timers = timers
        self._reconnect_s = reconnect_s
        self._generation = 0
        self._connection: Connection | None = None
        self._listener: _Listener | None = None
        self._refusals = 0
        self._opened_generation = 0
        """What was told before a connection opened, or after it ended, is for a read to find."""
        self._memory = StreamMemory()

    def setup(self) -> None:
        self._connect()

    def teardown(self) -> None:
        self._disconnect()

    def receive(self, mail: _Mail) -> None:
        match mail:
            case _Frame():
                self._hear(mail)
            case _Opened():
                self._opened(mail.generation)
            case _Ended():
                self._ended(mail.generation, mail.end)
            case _Connect():
                if mail.after_generation == self._generation:
                    self._connect()
            case HaltsCleared():
                if mail.scope == ALL and self._connection is None:
                    self._connect()
            case RestartStream():
                self._restart("restarted by command")
            case OrderPlaced() | OrdersRead() | _HasTold() | _HasShown():
                self._watch(mail)
            case _:
                assert_never(mail)

    def _connect(self) -> None:
        self._generation += 1
        self._listener = _Listener(self.address)
        self._connection = self._feed.connect(self._generation, self._listener)

    def _disconnect(self) -> None:
        if self._listener is not None:
            self._listener.hang_up()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self, generation: int) -> None:
        if generation != self._generation or self._connection is None:
            return
        self._refusals = 0
        self._opened_generation = generation
        self._ledger.send(StreamOpened(generation=generation))
        self._reconciler.send(StreamOpened(generation=generation))

    def _ended(self, generation: int, end: StreamEnd) -> None:
        if generation != self._generation or self._connection is None:
            return
        self._connection = None
        keys_refused = end.kind == "keys_refused"
        self._ledger.send(StreamLost(generation=generation, why=end.why, keys_refused=keys_refused))
        if keys_refused:
            log.error("the broker refuses the keys on the trading stream: %s", end.why)
            return
        self._refusals = self._refusals + 1 if end.kind == "refused" else 0
        delay = backoff_s(self._refusals, random.random()) if self._refusals else self._reconnect_s  # noqa: S311 - jitter
        log.warning("trading stream ended (%s); connecting again in %.1f s", end.why, delay)
        self._connect_after(delay)

    def _restart(self, why: str) -> None:
        self._disconnect()
        self._ledger.send(StreamLost(generation=self._generation, why=why))
        self._connect_after(COMMANDED_RESTART_S)

    # --- a connection that is up and says nothing -----------------------------------------------

    def _watch(self, mail: OrderPlaced | OrdersRead | _HasTold | _HasShown) -> None:
        match mail:
            case OrderPlaced():
                if mail.broker_order_id not in self._memory:
                    self._in_time(_HasTold(self._generation, mail.broker_order_id))
            case OrdersRead():
                for update in mail.updates:
                    if not self._memory.covers(update):
                        self._in_time(_HasShown(self._generation, update))
            case _HasTold():
                if mail.generation == self._generation and mail.broker_order_id not in self._memory:
                    self._reconciler.send(ReadOrder(broker_order_id=mail.broker_order_id))
            case _HasShown():
                if mail.generation == self._generation and not self._memory.covers(mail.update):
                    self._mute(mail.update)

    def _in_time(self, question: _HasTold | _HasShown) -> None:
        if self._opened_generation != self._generation:
            return
        address = self.address
        self._timers.after(TELLS_WITHIN_S, lambda: address.send(question))

    def _mute(self, update: OrderUpdate) -> None:
        if self._connection is None:
            return
        with subject.about(client_order_id=update.client_order_id):
            log.error(
                "the trading stream is up and has not told that order %s is %s; connecting anew",
                update.client_order_id,
                update.status,
            )
        self._restart("it was up and told nothing")

    def _connect_after(self, delay_s: float) -> None:
        address, mail = self.address, _Connect(self._generation)
        self._timers.after(delay_s, lambda: address.send(mail))

    def _hear(self, first: _Frame) -> None:
        """One message to the ledger for all frames that wait, so that it commits them together."""
        updates: list[OrderUpdate] = []
        for frame in (first, *self._waiting_frames()):
            update = self._feed.parse(frame.frame) if frame.generation == self._generation else None
            if update is not None:
                updates.append(update)
                self._memory.add(update)
        if not updates:
            return
        self._ledger.send(OrdersUpdated(updates=tuple(updates)))
        # Others' partial fills are none of ours to confirm, and would use up the rate limit.
        partly = {
            u.client_order_id: u
            for u in updates
            if u.event == "partial_fill" and u.side == "buy" and u.client_order_id.startswith(PREFIX)
        }
        for update in partly.values():
            self._reconciler.send(
                ConfirmPosition(
                    client_order_id=update.client_order_id,
                    symbol=update.symbol,
                    filled_qty=update.filled_qty,
                )
            )

    def _waiting_frames(self) -> list[_Frame]:
        inbox: Any = self.actor_inbox
        frames: list[_Frame] = inbox.take(_Frame, FRAMES_A_BATCH - 1)
        return frames
