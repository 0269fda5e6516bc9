"""Who has the owner's settings: the running bot, asked over HTTP, or the ledger of one that is stopped."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actors.clock import system_clock
from cli.client import BotClient, Unreachable
from cli.exits import FAILED
from cli.reach import bot_of, told_as
from domain.config import BotConfig
from domain.settings_text import SettingChange, SettingFault, changed, differences
from persistence.errors import LedgerOutOfReach, LedgerUnusable
from persistence.instance import AlreadyRunning, Instance, claim
from persistence.queries import Queries
from persistence.store import LedgerStore
from settings import Exit, Settings
from web.api.config import BY_CLI, ConfigChangedJson, ConfigJson
from web.roles import Role

INVALID: Final = 422

Changes = Sequence[tuple[str, str]]


class NotDone(Exception):  # noqa: N818 - what is the case, for the owner
    """It could not be done: one line for the owner, and the exit code."""

    def __init__(self, line: str, code: int) -> None:
        super().__init__(line)
        self.code = code


class Refused(Exception):  # noqa: N818 - what is the case, for the owner
    """The settings are not valid, and nothing was changed."""

    def __init__(self, faults: Sequence[SettingFault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = tuple(faults)


@dataclass(frozen=True, kw_only=True)
class Held:
    """The settings, and where they are."""

    config: BotConfig
    ledger: str
    running: bool
    """A running bot has told them; else its ledger was read."""
    changed: tuple[SettingChange, ...] = ()


def read(settings: Settings, *, only: Path | None = None) -> Held:
    """The settings as they stand; raises NotDone.

    `only`: of a running bot with this ledger, and of none with another.
    """
    try:
        with closing(_running(settings, Role.VIEW)) as client:
            told = _of(client, only)
            return Held(config=told.config, ledger=told.ledger, running=True)
    except Unreachable as error:
        if not settings.database.exists():  # nothing was ever set, and to look makes no ledger
            return Held(config=BotConfig(), ledger=str(settings.database), running=False)
        with _stopped(settings, str(error)) as store:
            return Held(config=Queries(store).config(), ledger=str(store.path), running=False)


def change(settings: Settings, changes: Changes, *, only: Path | None = None) -> Held:
    """Set these, all or none; raises Refused, NotDone. `only` as for `read`."""
    try:
        with closing(_running(settings, Role.ARM)) as client:
            if only is not None:
                _of(client, only)
            return _changed_by(client, changes)
    except Unreachable as error:
        with _stopped(settings, str(error)) as store:
            return _changed_in(store, changes)


def _running(settings: Settings, role: Role) -> BotClient:
    if not settings.http_port:
        raise Unreachable("STARFILL_HTTP names port 0, so it is not known where a running bot listens")
    return bot_of(settings, role)


def _of(client: BotClient, only: Path | None) -> ConfigJson:
    told = told_as(ConfigJson, client, client.read("/api/config"))
    if only is not None and told.ledger != str(only):
        raise NotDone(
            f"the bot that runs at {client.url} has the ledger {told.ledger}, and not {only}; nothing was "
            "changed. Leave the flags out to speak with that bot, or stop it first.",
            Exit.CONFIGURATION,
        )
    return told


def _changed_by(client: BotClient, changes: Changes) -> Held:
    answer = client.change_config(dict(changes))
    if answer.status == INVALID:
        raise Refused([SettingFault(key=key, fault=fault) for key, fault in answer.faults()])
    if not answer.is_good:
        raise NotDone(f"the bot at {client.url} did not do it: {answer.why()}", FAILED)
    told = told_as(ConfigChangedJson, client, answer)
    return Held(config=told.config, ledger=told.ledger, running=True, changed=told.changed)


def _changed_in(store: LedgerStore, changes: Changes) -> Held:
    old = Queries(store).config()
    new = changed(old, changes)
    if isinstance(new, tuple):
        raise Refused(new)
    now = system_clock()
    # Whoever had the ledger before us, and only stood still, must not go on with the old settings.
    epoch = store.take_lease(holder=f"pid {os.getpid()} (config set)", at=now)
    with store.unit(epoch) as unit:
        unit.save_config(new, at=now, by=BY_CLI)
    return Held(config=new, ledger=str(store.path), running=False, changed=differences(old, new))


@contextmanager
def _stopped(settings: Settings, why: str) -> Iterator[LedgerStore]:
    """The ledger, made if there is none, under the locks that a bot takes; raises NotDone.

    A bot that starts, or hangs, holds them too: then nothing is touched.
    """
    with ExitStack() as stack:
        try:
            stack.callback(Instance(settings.state_dir).release)
            store = LedgerStore.open(settings.database, clock=system_clock)
            stack.callback(store.close)
            lock = claim(settings.database, now=system_clock(), lease=store.lease())
            stack.callback(lock.release)
            yield store
        except AlreadyRunning as error:
            line = f"{why}; but {error}, so the ledger was left alone. Ask again, or stop it first."
            raise NotDone(line, Exit.ALREADY_RUNNING) from None
        except LedgerOutOfReach as error:
            raise NotDone(str(error), Exit.INTERNAL) from None
        except LedgerUnusable as error:
            raise NotDone(str(error), Exit.CONFIGURATION) from None
        except OSError as error:
            line = f"{settings.state_dir} cannot be written ({error.strerror}); nothing was changed"
            raise NotDone(line, Exit.CONFIGURATION) from None
