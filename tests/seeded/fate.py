"""What goes wrong, how often, and the dice that decide it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Crash(BaseException):
    """The process is killed here; no handler may catch it."""


class Violation(AssertionError):  # noqa: N818 - what happened, not what was raised
    """A promise was broken; the text says which and how."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Chances from 0 to 1, each at its own occasion."""

    # a POST
    post_not_sent: float = 0
    post_limited: float = 0
    post_lost_before: float = 0
    post_lost_after: float = 0
    post_late: float = 0
    """No answer, and it reaches the exchange up to a minute later, whatever was looked up meanwhile."""
    post_error: float = 0
    post_garbled: float = 0
    # a read
    read_fails: float = 0
    read_lags: float = 0
    """It shows the account as it was up to two seconds ago."""
    # the stream, a frame or a connection
    frame_dropped: float = 0
    frame_doubled: float = 0
    frame_delayed: float = 0
    frame_strange: float = 0
    handshake_refused: float = 0
    handshake_lost: float = 0
    # our own mail, and our own threads
    hint_dropped: float = 0
    hint_doubled: float = 0
    hint_delayed: float = 0
    actor_stalls: float = 0
    answer_late: float = 0
    """Whoever asks the ledger gives up waiting; the question is answered all the same, to nobody."""
    # the process
    crash_at_a_step: float = 0
    crash_at_a_commit: float = 0
    crash_at_a_post: float = 0
    commit_fails: float = 0
    # each second of the world
    disk_full: float = 0
    disconnect: float = 0
    outage: float = 0
    mute: float = 0
    clock_step: float = 0
    owner_trades: float = 0
    splits: float = 0
    operator_halts: float = 0


_OFTEN = {
    "post_": 0.12, "read_": 0.2, "frame_": 0.15, "handshake_": 0.3, "hint_": 0.2,
    "actor_stalls": 0.004, "answer_late": 0.02, "commit_fails": 0.02, "disk_full": 0.01,
    "crash_at_a_step": 0.002, "crash_at_a_commit": 0.01, "crash_at_a_post": 0.08,
    "disconnect": 0.03, "outage": 0.015, "mute": 0.01, "clock_step": 0.01,
    "owner_trades": 0.05, "splits": 0.005, "operator_halts": 0.01,
}  # fmt: skip


def drawn(random: Random) -> Faults:
    """Each kind is on in about half of the worlds: faults that hide each other are then met apart."""
    rates = {}
    for each in fields(Faults):
        most = next(rate for prefix, rate in _OFTEN.items() if each.name.startswith(prefix))
        rates[each.name] = random.random() * most if random.random() < 0.5 else 0.0
    return Faults(**rates)


class Fate:
    """The world's dice: the seed decides every throw."""

    def __init__(self, seed: int | str, faults: Faults, note: Callable[[str], None]) -> None:
        self.random = Random(seed)
        self.faults = faults
        self._note = note

    def strikes(self, fault: str) -> bool:
        """Whether this fault happens now."""
        rate: float = getattr(self.faults, fault)
        struck = rate > 0 and self.random.random() < rate
        if struck:
            self._note(f"FAULT {fault}")
        return struck

    def first(self, *faults: str) -> str | None:
        """The first of these faults to happen now."""
        return next((fault for fault in faults if self.strikes(fault)), None)

    def may_crash(self, fault: str, where: str) -> None:
        """Raises Crash if the process dies here."""
        if self.strikes(fault):
            self._note(f"CRASH {where}")
            raise Crash(where)

    def between(self, least: float, most: float) -> float:
        return self.random.uniform(least, most)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def one_of(self, choices: Sequence[T]) -> T:
        return self.random.choice(choices)
