"""How each actor is: what waits for it, when it last answered, and how often all were rebuilt."""

import time
from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Counted(Protocol):
    """An actor's address: how much mail it has been sent, and how much of it is done."""

    def handed_in(self) -> int: ...
    def handled(self) -> int: ...


class ActorSeen(NamedTuple):
    """One actor, at a glance."""

    name: str
    waiting: int
    """Mail that it has been sent and has not done."""
    handled: int
    """Mail that it has done since it started."""
    answered_s_ago: float
    """Since its last heartbeat; of one that has just started, since then."""


class Vitals:
    """Told by the supervisor and by the actors' threads, looked at from any."""

    def __init__(self) -> None:
        self._actors: Mapping[str, Counted] = {}
        self._answered: dict[str, float] = {}
        self._starts = 0
        self._started = time.monotonic()

    def follow(self, actors: Mapping[str, Counted]) -> None:
        """These are running from now on."""
        self._started = time.monotonic()
        self._answered = {}
        self._starts += 1
        self._actors = dict(actors)

    def answered(self, name: str) -> None:
        """It has given a heartbeat. On its own thread."""
        self._answered[name] = time.monotonic()

    def actors(self) -> tuple[ActorSeen, ...]:
        """All, in the order in which they were started."""
        now, answered, started = time.monotonic(), self._answered, self._started
        return tuple(
            ActorSeen(
                name,
                max(0, actor.handed_in() - actor.handled()),
                actor.handled(),
                max(0.0, now - answered.get(name, started)),
            )
            for name, actor in self._actors.items()
        )

    @property
    def rebuilds(self) -> int:
        """How often all actors were made anew since the process began."""
        return max(0, self._starts - 1)

    @property
    def running_s(self) -> float:
        """Seconds since these actors were started."""
        return time.monotonic() - self._started
