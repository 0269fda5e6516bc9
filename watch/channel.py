"""One way to the owner: a bounded queue, a thread that empties it, patience where nobody takes anything."""

import logging
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from domain.values import Clock
from watch.alarm import Alarm, Notice, notice_of
from watch.kinds import RANK, Kind
from watch.seen import ChannelSeen

log = logging.getLogger(__name__)

MOST_QUEUED: Final = 500
"""What comes on top pushes out the oldest of the least important kind; it is counted in the next message."""

Send = Callable[[Notice], str | None]
"""Sends, and blocks for that; why it was not taken, without the address, or None: it was."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Seconds. How fast a channel may be, and how patient it is."""

    between_s: float = 5.0
    """After a message the next one waits so long, and takes along what came meanwhile."""
    first_retry_s: float = 5.0
    longest_retry_s: float = 300.0
    chance: Callable[[], float] = field(default=random.random)
    """A number from 0 to 1, so that several channels do not come at the same moment."""

    def retry_s(self, failures: int) -> float:
        """After so many failures in a row, the pause before the next try."""
        pause = min(self.first_retry_s * 2.0 ** min(failures - 1, 30), self.longest_retry_s)
        return pause * (0.75 + self.chance() / 2)


class Channel:
    """`offer` and `reached` return at once, from any thread; only its own thread waits for the service."""

    def __init__(self, name: str, send: Send, *, who: str, clock: Clock, place: int, pace: Pace) -> None:
        """`who` begins each title; `place`: the journal row up to which all was told before."""
        self.name = name
        self._send = send
        self._who = who
        self._clock = clock
        self._pace = pace
        self._place = self._handed = place
        self._changed = threading.Condition()
        self._queue: deque[Alarm] = deque()
        self._sending: tuple[Alarm, ...] = ()
        self._lost: Counter[Kind] = Counter()
        self._counted: Counter[Kind] = Counter()
        """What of the lost ones the message under way tells."""
        self._pushed_out: deque[Alarm] = deque(maxlen=MOST_QUEUED)
        self._failures = 0
        self._last_sent_at: datetime | None = None
        self._last_error: str | None = None
        self._closing = False
        self._not_before = 0.0
        self._thread = threading.Thread(target=self._run, name=f"alarm {name}", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def offer(self, alarm: Alarm) -> bool:
        """Queue it; False: this channel had it told before the process began."""
        with self._changed:
            if alarm.seq is not None and alarm.seq <= self._place:
                return False
            self._queue.append(alarm)
            if len(self._queue) > MOST_QUEUED:
                self._push_out()
            self._changed.notify()
        return True

    def reached(self, seq: int) -> None:
        """All rows up to this one have been offered, where they were worth it."""
        with self._changed:
            self._handed = max(self._handed, seq)

    def place(self) -> int:
        """All rows up to this one are told here, or need not be."""
        with self._changed:
            waiting = [alarm.seq for alarm in (*self._sending, *self._queue) if alarm.seq is not None]
            self._place = max(self._place, min(waiting) - 1 if waiting else self._handed)
            return self._place

    def holds(self, alarm: Alarm) -> bool:
        """Whether it is not told yet, or only counted."""
        with self._changed:
            return alarm in self._sending or alarm in self._queue or alarm in self._pushed_out

    def seen(self) -> ChannelSeen:
        """How it stands."""
        with self._changed:
            return ChannelSeen(
                name=self.name,
                ok=self._last_error is None,
                last_sent_at=self._last_sent_at,
                last_error=self._last_error,
                queued=len(self._queue) + len(self._sending),
            )

    def close(self) -> None:
        """Send what waits, once, and end; `join` waits for that."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def join(self, timeout_s: float) -> None:
        """Wait for the end, so long at most: a service that hangs does not keep the process."""
        self._thread.join(timeout_s)

    def _push_out(self) -> None:
        """The oldest of the least important kind gives way."""
        victim = max(self._queue, key=lambda alarm: RANK[alarm.kind])
        self._queue.remove(victim)
        self._pushed_out.append(victim)
        self._lost[victim.kind] += 1

    # --- its own thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while (notice := self._next()) is not None:
            why = self._try(notice)
            with self._changed:
                self._after(why)
                if self._closing and (why is not None or not self._queue):
                    return

    def _next(self) -> Notice | None:
        """The next message, once there is one and its time has come; None: the end."""
        with self._changed:
            while True:
                wait_s = self._not_before - time.monotonic()
                if self._queue and (wait_s <= 0 or self._closing):
                    break
                if self._closing:
                    return None
                self._changed.wait(wait_s if self._queue else None)
            self._sending = tuple(self._queue)
            self._queue.clear()
            self._counted = Counter(self._lost)
            return notice_of(self._who, self._sending, self._lost)

    def _try(self, notice: Notice) -> str | None:
        try:
            return self._send(notice)
        except Exception as error:  # noqa: BLE001 - a service's library must not silence the channel for ever
            return f"{type(error).__name__} in the service's library"

    def _after(self, why: str | None) -> None:
        if why is None:
            self._lost -= self._counted
            self._last_sent_at, self._last_error = self._clock(), None
            if self._failures:
                log.info("alarms reach %s again", self.name)
            self._failures, self._sending = 0, ()
            self._not_before = time.monotonic() + self._pace.between_s
            return
        self._queue.extendleft(reversed(self._sending))
        self._sending = ()
        while len(self._queue) > MOST_QUEUED:
            self._push_out()
        self._failures += 1
        self._last_error = why
        pause = self._pace.retry_s(self._failures)
        self._not_before = time.monotonic() + pause
        log.warning(
            "alarms do not reach %s: %s; %d wait, again in %.0f s", self.name, why, len(self._queue), pause
        )
