"""One case from the first start to the judgement: the bot dies, comes back, and is asked for its promises."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

import requests

from actors.clock import system_clock
from cli.crash.cases import Case
from cli.crash.home import KILLED, Home
from cli.crash.judge import Judgement, judge, oracle_lines
from cli.crash.sender import Sender
from persistence.errors import LedgerUnusable
from persistence.queries import Queries
from persistence.store import LedgerStore, verify_journal
from simulator.server import Simulator, SimulatorSettings

SIGNALS: Final = 4
SIGNALS_WITHIN_LIMITS: Final = 3
"""By a ledger that the bot has made itself no more trades may be open at once."""
MORE_SIGNALS: Final = 6
"""One after the other, where the first ones have not led to the point often enough."""
POLL_S: Final = 0.02
SPACING_S: Final = 0.4


class Abandoned(Exception):  # noqa: N818 - what happened, not what was raised
    """The test is being stopped."""


@dataclass(frozen=True)
class Patience:
    """Seconds, each with room for a machine that is busy with other things."""

    start_s: float = 40.0
    death_s: float = 20.0
    converge_s: float = 60.0


@dataclass(frozen=True)
class Outcome:
    """What came of a case. No faults: it holds."""

    case: Case
    kills: int
    restarts: int
    most_orders: int
    """For one signal."""
    lost: int
    converged_s: float | None
    """From the death to both books being right; None: never."""
    faults: tuple[str, ...]
    folder: Path

    @property
    def holds(self) -> bool:
        return not self.faults


def play(
    case: Case, folder: Path, *, patience: Patience | None = None, abandoned: threading.Event | None = None
) -> Outcome:
    """Play the case below this folder; what it wrote stays there if it does not hold.

    Blocks for some five seconds. Raises Abandoned once the event is set.
    """
    folder = folder / case.name
    simulator = Simulator(
        SimulatorSettings(
            folder=folder / "simulator", partial_fill_share=Decimal("0.5"), seed=case.seed + case.passing
        )
    )
    home = Home(folder / "home")
    life = _Life(case, simulator, home, patience or Patience(), abandoned or threading.Event())
    with simulator:
        try:
            life.live()
        finally:
            home.stop()
    outcome = life.outcome(folder)
    if outcome.holds:
        shutil.rmtree(folder)
    return outcome


class _Life:
    """The bot's two processes, and what is done to them."""

    def __init__(
        self, case: Case, simulator: Simulator, home: Home, patience: Patience, abandoned: threading.Event
    ) -> None:
        assert simulator.oracle_path is not None
        self._case = case
        self._simulator = simulator
        self._oracle = simulator.oracle_path
        self._home = home
        self._patience = patience
        self._abandoned = abandoned
        self._sender = Sender(case.name, home, self._pause)
        self._orphans: frozenset[str] = frozenset()
        self._died_at = 0.0
        self._converged_s: float | None = None
        self._forgotten: list[str] = []
        self._missed = ""
        """What the case waited for in vain; the rest of it did not happen."""

    def live(self) -> None:
        case, home, patience = self._case, self._home, self._patience
        home.start(
            broker_url=self._simulator.base_url,
            crash_at=f"{case.point}:{case.passing}:{case.linger_ms}",
            forget=case.ledger == "deleted",
            prepared=not case.makes_its_ledger,
        )
        if not self._die():
            self._missed = f"never reached: {case.point} was not passed {case.passing} times"
            return
        self._died_at = time.monotonic()
        if not self._until(lambda: len(home.pids) > 1, patience.start_s):
            self._missed = "supervisord has not started it again"
            return
        self._sender.restarted = True
        if case.ledger == "deleted":
            accepted = (line for line in oracle_lines(self._oracle) if line["type"] == "accepted")
            self._orphans = frozenset(line["symbol"] for line in accepted)
        if not self._until(self._sender.is_answered, patience.start_s):
            self._missed = "it does not serve after the restart"
            return
        try:
            self._come_again()
        except LedgerUnusable as error:
            self._missed = str(error)

    # --- towards the death ------------------------------------------------------------------------

    def _die(self) -> bool:
        """Bring the bot to its crash point; whether it died."""
        if self._case.dies_at_start:
            return self._until(self._is_dead, self._patience.start_s)
        self._until(lambda: self._is_dead() or self._sender.is_ready(), self._patience.start_s)
        for _ in range(SIGNALS):
            self._sender.send_new()
        self._lead_on()
        return self._until(self._is_dead, self._patience.death_s)

    def _is_dead(self) -> bool:
        return bool(self._home.ends)

    def _lead_on(self) -> None:
        """What brings it to the point when the first signals alone do not."""
        match self._case.point:
            case "shutdown.mid":
                with suppress(ProcessLookupError):
                    os.kill(self._home.pids[-1], signal.SIGTERM)
            case "recon.mid":  # it connects again, and after each connect it reads the account
                close = {"act": "ws_close", "match": {"event": "*"}, "code": 1011}
                url = f"{self._simulator.base_url}/_sim/faults"
                requests.post(url, json=close, timeout=10).raise_for_status()
            case _:
                for _ in range(MORE_SIGNALS):
                    if self._until(self._is_dead, SPACING_S):
                        break
                    self._sender.send_new()

    # --- after it ---------------------------------------------------------------------------------

    def _come_again(self) -> None:
        """Send everything again, as a sender may who has heard nothing; wait until the books are right."""
        case = self._case
        if case.ledger == "kept":
            self._forgotten = self._acknowledged_in_vain()
        signals = SIGNALS_WITHIN_LIMITS if case.makes_its_ledger else SIGNALS
        while len(self._sender.sent) < signals:  # it died before there was anybody to send to
            self._sender.send_new()
        at_once = {"at once": case.redeliveries, "settled": 0, "both": case.redeliveries // 2}[case.timing]
        self._redeliver(at_once)
        right = self._agree()
        if at_once < case.redeliveries:
            self._redeliver(case.redeliveries - at_once)
            right = self._agree()
        if right:
            self._converged_s = time.monotonic() - self._died_at

    def _acknowledged_in_vain(self) -> list[str]:
        """Signals that the ledger should have without their being sent again, and has not."""
        with self._ledger() as store:
            queries = Queries(store)
            return [s.signal_id for s in self._sender.sent if s.before and not queries.signal(s.signal_id)]

    def _redeliver(self, times: int) -> None:
        """Until each is acknowledged; a bot that takes nothing in is not waited for again and again."""
        give_up = time.monotonic() + self._patience.start_s
        for sent in self._sender.sent * times:
            self._until(partial(self._sender.send, sent), give_up - time.monotonic())

    def _agree(self) -> bool:
        with self._ledger() as store:
            return self._until(lambda: self._is_right(store), self._patience.converge_s)

    def _ledger(self) -> "closing[LedgerStore]":
        """The bot's, also while it runs. Raises LedgerUnusable."""
        return closing(LedgerStore.open(self._home.ledger, clock=system_clock))

    def _is_right(self, store: LedgerStore) -> bool:
        try:
            return not self._judge(store).faults
        except ValueError:  # the oracle's last line is being written
            return False

    # --- the judgement ----------------------------------------------------------------------------

    def _judge(self, store: LedgerStore) -> Judgement:
        promises = self._sender.promises(ledger_kept=self._case.ledger == "kept")
        return judge(Queries(store), self._oracle, promises, orphans=self._orphans)

    def outcome(self, folder: Path) -> Outcome:
        """The last word, when the bot has stopped."""
        ends, restarts = self._home.ends, len(self._home.pids) - 1
        faults = [self._missed] if self._missed else []
        if not self._missed and (ends != [KILLED] or restarts != 1):
            faults.append(f"started {restarts + 1} times, ended: {', '.join(ends)}")
        faults += [f"the signal {name} was acknowledged before it was durable" for name in self._forgotten]
        found = self._last_look()
        return Outcome(
            case=self._case,
            kills=ends.count(KILLED),
            restarts=restarts,
            most_orders=found.most_orders,
            lost=found.lost,
            converged_s=self._converged_s,
            faults=(*faults, *found.faults),
            folder=folder,
        )

    def _last_look(self) -> Judgement:
        """The judgement, with the ledger's own state as part of it."""
        if not self._home.ledger.exists():
            return Judgement(0, 0, ())
        try:
            with self._ledger() as store:
                found, broken_at = self._judge(store), verify_journal(store).broken_at
        except LedgerUnusable as error:
            return Judgement(0, 0, (str(error),))
        if broken_at is None:
            return found
        torn = f"the journal does not hold together from row {broken_at}"
        return replace(found, faults=(*found.faults, torn))

    # --- waiting ----------------------------------------------------------------------------------

    def _pause(self) -> None:
        if self._abandoned.wait(POLL_S):
            raise Abandoned

    def _until(self, holds: Callable[[], bool], seconds: float) -> bool:
        give_up = time.monotonic() + seconds
        while not holds():
            if time.monotonic() >= give_up:
                return False
            self._pause()
        return True
