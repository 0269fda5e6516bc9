"""Whether the actors have anything to do: for whoever drives their time, and must not while they have."""

from collections.abc import Iterable
from typing import Protocol


class Counted(Protocol):
    """An actor's address: how much mail it has been sent, and how much of it is done."""

    def handed_in(self) -> int: ...
    def handled(self) -> int: ...


class Resting(Protocol):
    """The timers: what they do when it is due, they do by sending mail."""

    def at_rest(self) -> bool: ...


class Pulse:
    """Looks at all actors of whichever tree there is. Any thread."""

    def __init__(self) -> None:
        self._tree: tuple[tuple[Counted, ...], Resting] | None = None

    def follow(self, actors: Iterable[Counted], timers: Resting) -> None:
        """These are running."""
        self._tree = tuple(actors), timers

    def leave(self) -> None:
        """None is."""
        self._tree = None

    def at_rest(self) -> int | None:
        """How much mail there has been, if at a moment during this call none waited or was being handled.

        And no timer was due. None: there was no such moment, or there are no actors. It is exact: both
        counts only rise, and what is handled was handed in before, so if all that is handled at first is
        as much as all that is handed in at last, it was the same all the while in between.
        """
        tree = self._tree
        if tree is None:
            return None
        actors, timers = tree
        if any(actor.handled() != actor.handed_in() for actor in actors):
            return None  # a first look, that spares the rest: whoever waits asks often
        handled = sum(actor.handled() for actor in actors)
        if not timers.at_rest():
            return None
        handed_in = sum(actor.handed_in() for actor in actors)
        return handed_in if handed_in == handled else None
