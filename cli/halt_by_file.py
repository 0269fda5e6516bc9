"""A halt that does not need the bot: into the file in the state folder that the bot looks at."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actors.clock import system_clock
from cli.startup import HALT_FILE
from domain.holdings import Halt
from persistence.halt_file import HaltFile

BY: Final = "command line"


class NotHalted(Exception):  # noqa: N818 - what is the case, for the owner
    """The file could not be written; one line with what to do."""


@dataclass(frozen=True, kw_only=True)
class HaltedByFile:
    """A halt that stands on file. `new`: it did not before."""

    path: Path
    new: bool


def halt_by_file(state_dir: Path, scope: str, reason: str) -> HaltedByFile:
    """Add the halt to those on file; raises NotHalted.

    The lock on the folder is left alone: a bot that met it at its start would take us for another bot, and
    not start at all.
    """
    path = state_dir / HALT_FILE
    file = HaltFile(path)
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = file.add(Halt(scope=scope, reason=reason, by=BY, at=system_clock()))
    except OSError as error:
        raise NotHalted(
            f"and {state_dir} cannot be written ({error.strerror}), so NOTHING was halted: stop the bot, and "
            "cancel open orders at the broker"
        ) from None
    return HaltedByFile(path=path, new=new)
