"""What has to be there before the actors: the lock, the broker, the ledger; or one clear line why not."""

import gc
import sys
import time
from contextlib import ExitStack

from actors.clock import system_clock
from broker.api import Account, Broker, ReadFailed
from persistence.errors import LedgerBelongsElsewhere, LedgerOutOfReach, LedgerUnusable
from persistence.instance import AlreadyRunning, Instance
from persistence.store import LedgerStore
from settings import Exit, Settings

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


def tune_interpreter() -> None:
    """Settings of the interpreter that an order's way out depends on; `make bench` uses them too."""
    # An order that must leave while fills flood in waits for the interpreter at every step. At the
    # default of 5 ms a switch that wait was up to 90 times the idle time; at 0.1 ms it was not.
    sys.setswitchinterval(0.0001)
    # What is imported stays, and the messages that come after it hold no circles. Looking for some each
    # 700 allocations costs a tenth of a flood of fills.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


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
    """One line for the owner."""
    print(line, file=sys.stderr, flush=True)


def open_ledger(settings: Settings, account: Account) -> LedgerStore:
    """The ledger of this account; raises CannotStart."""
    try:
        store = LedgerStore.open(settings.database, clock=system_clock)
        store.bind_account(account.id)
    except LedgerOutOfReach as error:
        raise CannotStart(Exit.INTERNAL, str(error)) from None
    except (LedgerUnusable, LedgerBelongsElsewhere) as error:
        raise CannotStart(Exit.CONFIGURATION, str(error)) from None
    return store


def open_simulator(settings: Settings, stack: ExitStack) -> Settings:
    """The settings with a broker's address: where none is given, a simulator in this process plays it."""
    if settings.broker_url is not None:
        return settings
    from simulator.server import Simulator, SimulatorSettings

    simulator = Simulator(
        SimulatorSettings(
            folder=settings.state_dir / SIMULATOR_FOLDER,
            key_id=settings.key_id,
            secret_key=settings.secret_key.get_secret_value(),
        )
    )
    stack.enter_context(simulator)
    url = simulator.base_url
    return settings.model_copy(update={"broker_url": url, "data_url": settings.data_url or url})


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
