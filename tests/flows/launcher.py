"""`run.py` with a fault inside: on SIGUSR1 the actor named by FAULT_IN does what FAULT says.

    hang        its handler waits for ever
    gil         its handler is a piece of C that keeps the interpreter to itself
    exit        its handler ends the interpreter's thread, as it thinks

Heartbeats and the watchdog are as strict as in SHORT (seconds), where that is set.
"""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import run
from actor_tree import ActorTree, Parts, start_actors
from actors.base import OnDeath, Ping
from actors.heartbeats import BUDGETS_S
from actors.supervisor import Watch
from cli.health import Watchdog


def hang() -> None:
    threading.Event().wait()


FAULTS: dict[str, Callable[[], Any]] = {
    "hang": hang,
    "gil": lambda: ctypes.PyDLL(None).sleep(600),
    "exit": lambda: sys.exit(3),
}


@contextmanager
def started(parts: Parts, on_death: OnDeath) -> Iterator[ActorTree]:
    with start_actors(parts, on_death) as tree:
        actor: Any = tree.actors[os.environ["FAULT_IN"]]
        signal.signal(signal.SIGUSR1, lambda *_: actor.send(Ping(FAULTS[os.environ["FAULT"]])))
        yield tree


vars(run).update(start_actors=started)
if short := float(os.environ.get("SHORT", "0")):
    budgets = dict.fromkeys(BUDGETS_S, short)
    vars(run).update(
        Watch=partial(Watch, budgets=budgets, turn_s=short / 2),
        Watchdog=partial(Watchdog, period_s=2 * short),
    )

if __name__ == "__main__":
    run.main()
