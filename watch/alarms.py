"""Alarms: from the journal's rows, and from looks at what lasts, to every channel that wants them."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from domain.values import Clock
from persistence.rows import JournalRow
from watch.alarm import Alarm, line_of
from watch.bookmark import Bookmark
from watch.channel import Channel, Pace, Send
from watch.kinds import TEXTS, Kind
from watch.looking import Lasting, Look
from watch.seen import AlarmSeen, AlarmsSeen, DeadmanSeen
from watch.telling import Teller

RECENT: Final = 50


def _no_deadman() -> DeadmanSeen:
    return DeadmanSeen()


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Who is told, and what."""

    who: str
    """How each title begins: which bot this is."""
    services: Sequence[tuple[str, Send]]
    kinds: frozenset[Kind]
    gate_s: int
    pace: Pace = field(default_factory=Pace)


class Alarms:
    """A follower of the journal. `say`, `seen` and `test` are for any thread and return at once."""

    def __init__(
        self,
        wanted: Wanted,
        *,
        teller: Teller,
        look: Callable[[], Look],
        bookmark: Bookmark,
        clock: Clock,
        deadman: Callable[[], DeadmanSeen] = _no_deadman,
    ) -> None:
        self._wanted = wanted
        self._teller = teller
        self._look = look
        self._bookmark = bookmark
        self._clock = clock
        self._deadman = deadman
        self._lasting = Lasting(wanted.gate_s)
        self._channels: tuple[Channel, ...] = ()
        self._recent: deque[Alarm] = deque(maxlen=RECENT)

    # --- on the tail's thread ---------------------------------------------------------------------

    def begin(self, newest: int) -> int:
        """Open the channels, each at the row that it was told last; a new one begins with what comes."""
        places = self._bookmark.read(newest)
        self._channels = tuple(
            Channel(
                name,
                send,
                who=self._wanted.who,
                clock=self._clock,
                place=places.get(name, newest),
                pace=self._wanted.pace,
            )
            for name, send in self._wanted.services
        )
        for channel in self._channels:
            channel.start()
        return min((channel.place() for channel in self._channels), default=newest)

    def take(self, rows: Sequence[JournalRow]) -> None:
        """Have those told that are worth it."""
        for row in rows:
            alarm = self._teller.alarm_of(row)
            if alarm is not None:
                self._raise(alarm)
        for channel in self._channels:
            channel.reached(rows[-1].seq)

    def look(self) -> bool:
        """Have that told which has lasted too long, and keep how far all is told."""
        for alarm in self._lasting.alarms(self._look()):
            self._raise(alarm)
        self.keep()
        return False

    # --- on any thread ----------------------------------------------------------------------------

    def say(self, kind: Kind, text: str) -> None:
        """Tell something that is no row of the journal."""
        self._raise(Alarm(kind, self._clock(), line_of(text)))

    def test(self) -> bool:
        """Send a test on every channel; False: there is none."""
        if self._channels:
            self.say(Kind.TEST, "This is a test. Alarms of Starfill arrive here.")
        return bool(self._channels)

    def seen(self) -> AlarmsSeen:
        """How it stands, newest alarm first."""
        recent = tuple(self._recent)
        return AlarmsSeen(
            channels=tuple(channel.seen() for channel in self._channels),
            kinds={kind: kind in self._wanted.kinds for kind in TEXTS},
            deadman=self._deadman(),
            recent=tuple(
                AlarmSeen(alarm.at, alarm.kind, alarm.text, self._delivered(alarm))
                for alarm in reversed(recent)
            ),
        )

    def close(self, timeout_s: float) -> None:
        """Send what waits, for so many seconds at most. After the tail."""
        for channel in self._channels:
            channel.close()
        for channel in self._channels:
            channel.join(timeout_s)
        self.keep()

    def keep(self) -> None:
        """Write down how far each channel has been told."""
        if self._channels:
            self._bookmark.write({channel.name: channel.place() for channel in self._channels})

    def _raise(self, alarm: Alarm) -> None:
        if alarm.kind is not Kind.TEST and alarm.kind not in self._wanted.kinds:
            return
        offered = [channel.offer(alarm) for channel in self._channels]
        if not offered or any(offered):
            self._recent.append(alarm)

    def _delivered(self, alarm: Alarm) -> bool:
        return bool(self._channels) and not any(channel.holds(alarm) for channel in self._channels)
