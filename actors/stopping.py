"""Stops the actors of a tree: the last started first, each within its time."""

import logging
import time
from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

import pykka

from actors.base import Address
from failpoint import failpoint

log = logging.getLogger(__name__)

STOP_S: Final[Mapping[str, float]] = {"Lane": 17.0, "TradeLedger": 10.0}
"""How long an actor may take to stop, where that is more than three seconds: a POST is waited for."""
STOP_ALL_S: Final = 22.0
"""For all of them; with what comes after them it is less than supervisord and systemd wait."""
STOP_BESIDE_HUNG_S: Final = 3.0
"""When the process is about to end because of one that hangs: a POST on the wire is found by its id."""
WRITERS: Final = frozenset({"OrderExecutor", "Lane", "TradeLedger"})
"""Of these no second one may ever be started beside one that hangs."""


def stop_actors(actors: Mapping[str, Address[Any]], within_s: float) -> list[str]:
    """Stop them in reverse, those of one kind together; the writers that did not stop in time."""
    late: list[str] = []
    deadline = time.monotonic() + within_s
    for kind, group in groupby(reversed(list(actors)), key=_kind):
        ends = {name: actors[name].begin_stop() for name in group}
        until = min(deadline, time.monotonic() + STOP_S.get(kind, 3.0))
        for name, end in ends.items():
            try:
                end.get(timeout=max(0.0, until - time.monotonic()))
            except pykka.Timeout:
                log.warning("%s has not stopped in time; the next start finds what it was doing", name)
                late.append(name)
        if kind == "Lane":
            failpoint("shutdown.mid")
    return [name for name in late if _kind(name) in WRITERS]


def _kind(name: str) -> str:
    """There are several lanes."""
    return name.partition(" ")[0]
