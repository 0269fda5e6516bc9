"""How the alarms are, for whoever shows it."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from watch.kinds import TEXTS, Kind


class ChannelSeen(NamedTuple):
    """One way to the owner."""

    name: str
    """Made of the service's name and a number; nothing of its address."""
    ok: bool
    """Its last message was taken, or it has not been tried."""
    last_sent_at: datetime | None
    last_error: str | None
    """Of the last try, if that failed."""
    queued: int


class DeadmanSeen(NamedTuple):
    """The sign of life that is sent outwards."""

    on: bool = False
    last_ok_at: datetime | None = None
    error: str | None = None
    """Why the last one was not sent, or not taken."""


class AlarmSeen(NamedTuple):
    """An alarm that was raised since the process began."""

    at: datetime
    kind: Kind
    text: str
    delivered: bool
    """Every channel has it; without a channel none ever is."""


class AlarmsSeen(NamedTuple):
    """All of it."""

    channels: tuple[ChannelSeen, ...]
    kinds: Mapping[Kind, bool]
    """Which are on."""
    deadman: DeadmanSeen
    recent: tuple[AlarmSeen, ...]
    """Newest first."""

    @property
    def failing(self) -> int | None:
        """Channels, and the sign of life, that do not get through; None: there is nothing to fail."""
        if not self.channels and not self.deadman.on:
            return None
        return sum(not channel.ok for channel in self.channels) + (self.deadman.error is not None)


class AlarmDesk(Protocol):
    """Where the API looks. Any thread; nothing here waits for a channel."""

    def seen(self) -> AlarmsSeen:
        """How it stands."""

    def test(self) -> bool:
        """Send a test on every channel; False: there is none."""


class NoAlarms:
    """Nobody is to be told anything."""

    def seen(self) -> AlarmsSeen:
        return AlarmsSeen((), dict.fromkeys(TEXTS, False), DeadmanSeen(), ())

    def test(self) -> bool:
        return False
