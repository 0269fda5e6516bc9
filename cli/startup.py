"""What has to be there before the actors: the lock, the broker, the ledger; or one clear line why not."""

import gc
import logging
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import failpoint
from actors.clock import system_clock
from broker.api import Account, Broker, ReadFailed
from domain.values import Clock
from persistence.boots import BootRecord
from persistence.errors import LedgerBelongsElsewhere, LedgerOutOfReach, LedgerUnusable
from persistence.instance import AlreadyRunning, Instance, claim
from persistence.store import LedgerStore
from settings import Exit, Settings, is_loopback

if TYPE_CHECKING:
    from simulator.server import Simulator

log = logging.getLogger("starfill")

HALT_FILE = "HALT"
"""In the state folder: while it is there, nothing that adds risk is sent. Anybody may put it there."""
SIMULATOR_FOLDER = "simulator"
"""In the state folder: the built-in simulator's book and oracle."""

BROKER_PATIENCE_S = 20.0
"""A broker that does not answer at start is asked again for this long; longer than supervisord's
`startsecs`, so that an outage of hours ends in restarts and not in its giving up on us."""


RATE_LIMIT_PATIENCE_S = 90.0
"""Alpaca counts requests by the minute."""


class CannotStart(Exception):  # noqa: N818 - what happened, for the owner
    """The bot cannot start: one line for the owner, and the exit code."""

    def __init__(self, code: Exit, line: str) -> None:
        super().__init__(line)
        self.code = code


class Failed(Exception):  # noqa: N818 - what happened, for the owner
    """The bot cannot go on; a start may find it well again."""


def tune_interpreter() -> None:
    """Settings of the interpreter that an order's way out depends on; `make bench` uses them too."""
    # An order that must leave while fills flood in waits for the interpreter at every step. At the
    # default of 5 ms a switch that wait was up to 90 times the idle time; at 0.1 ms it was not.
    sys.setswitchinterval(0.0001)
    # What is imported stays, and the messages that come after it hold no circles. Looking for some each
    # 700 allocations costs a tenth of a flood of fills.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def arm_crash_point(settings: Settings) -> None:
    """Have the process die where the crash test wants it to; raises CannotStart."""
    url = settings.broker_url
    here = url is None or is_loopback(urlsplit(url).hostname or "")
    try:
        failpoint.arm(settings.crash_at, loopback=here)
    except ValueError as error:
        raise CannotStart(Exit.CONFIGURATION, f"STARFILL_CRASH_AT: {error}; nothing was started") from None


def meet_broker(broker: Broker, settings: Settings) -> Account:
    """Whose account the keys open; raises CannotStart."""
    started = time.monotonic()
    while isinstance(answer := broker.account(), ReadFailed):
        if answer.keys_refused:
            raise CannotStart(
                Exit.KEYS_REFUSED,
                f"{settings.broker_url} refuses the keys; nothing was traded. Check APCA_API_KEY_ID and "
                f"APCA_API_SECRET_KEY, and that they belong to {settings.mode} trading.",
            )
        # A rate limit is an answer: the run before this one may have used the minute up.
        patience = RATE_LIMIT_PATIENCE_S if answer.retry_after_s else BROKER_PATIENCE_S
        if time.monotonic() - started >= patience:
            raise CannotStart(
                Exit.INTERNAL,
                f"{settings.broker_url} does not answer ({answer.why}); nothing was traded. Check the "
                "network and STARFILL_BROKER_URL, then start again; signals already taken in are kept.",
            )
        say(f"waiting for {settings.broker_url}: {answer.why}")
        time.sleep(min(max(1.0, answer.retry_after_s), 5.0))
    if settings.mode == "live" and settings.confirm_live != answer.account_number:
        raise CannotStart(
            Exit.CONFIGURATION,
            f"live trading of account {answer.account_number} is not confirmed; nothing was traded. "
            f"If you mean it, set STARFILL_CONFIRM_LIVE={answer.account_number}.",
        )
    return answer


def say(line: str) -> None:
    """One line for the owner. That nobody can read it (a full disk, a closed pipe) stops nothing."""
    with suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def begin_boot(settings: Settings, stack: ExitStack) -> BootRecord:
    """Note this start, and at the stack's end how it ended; raises CannotStart.

    What is told in one line and an exit code is an orderly end, also where it is no success: only what
    nobody meant to happen counts towards a crash loop.
    """
    try:
        boots = BootRecord.begin(settings.state_dir, clock=system_clock, version=version("starfill"))
    except OSError as error:
        raise CannotStart(
            Exit.INTERNAL,
            f"the start cannot be noted in {settings.state_dir} ({error.strerror}); nothing was traded. "
            "Make room there, then start again.",
        ) from None

    def end(kind: type[BaseException] | None, _error: object, _where: object) -> None:
        try:
            boots.end(clean=kind is None or issubclass(kind, CannotStart | KeyboardInterrupt))
        except OSError as error:  # then it counts as no clean one
            log.warning("how this run ended cannot be noted: %s", error.strerror)

    stack.push(end)
    if why := boots.verdict():
        say(f"SAFE mode  {why}")
    return boots


def claim_ledger(settings: Settings, store: LedgerStore, stack: ExitStack) -> None:
    """Keep other processes from this ledger until the stack's end; raises CannotStart."""
    try:
        lock = claim(settings.database, now=system_clock(), lease=store.lease())
    except AlreadyRunning as error:
        raise CannotStart(Exit.ALREADY_RUNNING, f"{error}; nothing was started") from None
    except OSError as error:
        raise CannotStart(
            Exit.INTERNAL,
            f"{settings.database} cannot be locked ({error.strerror}); nothing was traded. Make its folder "
            "writable for this user and see that the disk has space, then start again.",
        ) from None
    stack.callback(lock.release)


def open_ledger(settings: Settings, account: Account, clock: Clock) -> LedgerStore:
    """The ledger of this account; raises CannotStart."""
    try:
        store = LedgerStore.open(settings.database, clock=clock)
        store.bind_account(account.id)
    except LedgerOutOfReach as error:
        raise CannotStart(Exit.INTERNAL, str(error)) from None
    except (LedgerUnusable, LedgerBelongsElsewhere) as error:
        raise CannotStart(Exit.CONFIGURATION, str(error)) from None
    return store


def open_simulator(
    settings: Settings, stack: ExitStack, starts_at: datetime | None
) -> "tuple[Settings, Simulator | None]":
    """The settings with a broker's address: where none is given, a simulator in this process plays it.

    With `starts_at` it has New York's hours, and its clock stands still there until it is advanced.
    """
    if settings.broker_url is not None:
        return settings, None
    from simulator.server import Simulator, SimulatorSettings

    told = SimulatorSettings(
        folder=settings.state_dir / SIMULATOR_FOLDER,
        key_id=settings.key_id,
        secret_key=settings.secret_key.get_secret_value(),
    )
    if starts_at is not None:
        told = replace(
            told, hours="new_york", fill_delay_s=0.0, partial_fill_share=Decimal("0.3"), synced=False
        )
    simulator = stack.enter_context(Simulator(told))
    if starts_at is not None:
        simulator.run_at(0)
        simulator.set_clock(starts_at)
    url = simulator.base_url
    return settings.model_copy(update={"broker_url": url, "data_url": settings.data_url or url}), simulator


def hold(settings: Settings) -> Instance:
    """The lock on the state folder; raises CannotStart."""
    try:
        return Instance(settings.state_dir)
    except AlreadyRunning as error:
        raise CannotStart(Exit.ALREADY_RUNNING, f"{error}; nothing was started") from None
    except OSError as error:
        raise CannotStart(
            Exit.CONFIGURATION,
            f"the state folder {settings.state_dir} cannot be written ({error.strerror}); nothing was "
            "traded. Make it writable for this user, or set STARFILL_STATE_DIR.",
        ) from None


def examine_beside(store: LedgerStore, stop: Callable[[int], None]) -> None:
    """Check the whole ledger on a thread of its own; a damaged one ends the bot."""

    def examine() -> None:
        try:
            store.examine()
        except LedgerOutOfReach as error:  # busy, or no space: that says nothing of what it holds
            log.warning("the ledger could not be examined: %s", error)
        except LedgerUnusable as error:
            say(f"starfill: {error}")
            stop(Exit.CONFIGURATION)

    threading.Thread(target=examine, name="examine", daemon=True).start()
