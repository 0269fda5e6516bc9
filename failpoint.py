"""Crash points: named places where the process can be made to kill itself, for `run.py crashtest`.

They stay in the released code, because what is tested has to be what runs. Unarmed, a point costs one look
at a variable; armed they are only against a broker on this machine.
"""

import itertools
import os
import re
import signal
import time
from typing import Final, NamedTuple

NAMES: Final = (
    "sig.before_commit",
    "sig.after_commit",
    "plan.before_intent",
    "plan.after_intent",
    "http.mid_send",
    "http.sent_no_reply",
    "exec.after_post",
    "ledger.after_result",
    "ledger.before_apply",
    "ledger.after_apply",
    "recon.mid",
    "shutdown.mid",
    "migration.mid",
)
"""In the order in which a signal passes them; the last three lie beside its way.

sig.before_commit    a new signal's row is written, its transaction not committed
sig.after_commit     it is committed, and its sender has no answer yet
plan.before_intent   the decision to trade is made and written, not committed
plan.after_intent    the intent is committed, its POST not begun
http.mid_send        a part of the POST is on the wire
http.sent_no_reply   all of the POST is on the wire, its reply not read
exec.after_post      the reply is judged, the ledger does not know it
ledger.after_result  what came of the POST is committed
ledger.before_apply  the ledger has the broker's words on an order, and has not begun on them
ledger.after_apply   they are committed
recon.mid            reading the account: the orders are read, the positions not
shutdown.mid         in an orderly stop: nothing sends orders any more, the ledger still runs
migration.mid        the statements of a migration are executed, not committed
"""


_SPEC: Final = re.compile(r"(?P<name>[^:]*)(:(?P<nth>[1-9][0-9]{0,8})(:(?P<linger>[0-9]{1,4}))?)?")


class _Armed(NamedTuple):
    name: str
    nth: int
    linger_s: float
    passings: "itertools.count[int]"
    """Counted by `next`, which threads may share."""


_armed: _Armed | None = None


def arm(spec: str | None, *, loopback: bool) -> None:
    """From now on the process dies at `name[:n[:ms]]`, the n-th time that it passes there; None: nowhere.

    For `ms` milliseconds the thread that came there lingers before it kills. What should have waited for it
    and did not then has its chance to do harm, and be seen. `loopback`: the broker is on this machine.
    ValueError says in one sentence why it cannot be armed.
    """
    global _armed  # noqa: PLW0603 - one process dies once
    _armed = None
    if spec is None:
        return
    if spec.partition(":")[0] not in NAMES:
        raise ValueError(f"there is no crash point {spec!r}; there are {', '.join(NAMES)}")
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise ValueError(
            f"crash point {spec!r}: after a colon comes a number from 1, the passing that kills, "
            "and after another one how many milliseconds it lingers, 9999 at most"
        )
    if not loopback:
        raise ValueError("crash points are refused unless the broker is on this machine")
    nth, linger_ms = int(found["nth"] or 1), int(found["linger"] or 0)
    _armed = _Armed(found["name"], nth, linger_ms / 1000, itertools.count(1))


def is_armed(name: str) -> bool:
    """Whether the process is to die at this point, so that work can be laid out to have the point in it."""
    return _armed is not None and _armed.name == name


def failpoint(name: str) -> None:
    """Pass a point; nothing is flushed or closed when it kills. Any thread."""
    if _armed is not None and _armed.name == name and next(_armed.passings) == _armed.nth:
        time.sleep(_armed.linger_s)
        os.kill(os.getpid(), signal.SIGKILL)
