"""How a command ends when it cannot do its work: one line for the owner, and an exit code."""

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from settings import ConfigurationError, Exit
from web.token import TokenUnusable

FAILED: Final = 1
"""The command could not do its work, or found what is not as it should be."""
START_IT: Final = "start it with: python run.py"


class OneLine(TyperGroup):
    """The command line itself; what is wrong with a flag ends it as everything else does."""

    def main(self, *args: Any, **given: Any) -> NoReturn:
        given["standalone_mode"] = False  # typer's own way would tell it in a frame of many lines
        try:
            code = super().main(*args, **given)
        except TyperException as error:
            asked = getattr(getattr(error, "ctx", None), "command_path", "")
            what = " ".join(error.format_message().split()).rstrip(".")
            _say(f"{what}; see {asked or 'starfill'} --help")
            code = Exit.CONFIGURATION
        except typer.Abort:
            _say("given up; nothing was done")
            code = FAILED
        sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def configuration_errors() -> Iterator[None]:
    """A configuration that cannot be used ends the program with one line and its exit code."""
    try:
        yield
    except (ConfigurationError, TokenUnusable) as error:
        fail(str(error), Exit.CONFIGURATION)


def fail(line: str, code: int) -> NoReturn:
    """One line for the owner on stderr, and the end."""
    _say(line)
    raise typer.Exit(code)


def _say(line: str) -> None:
    typer.echo(f"starfill: {line}", err=True)


def end_with(command: Callable[[], object]) -> NoReturn:
    """Run the command and end the process with its exit code, whatever threads still hang."""
    code = 1
    try:
        command()
        code = 0
    except SystemExit as end:
        code = _code_of(end)
    except BaseException:  # noqa: BLE001 - nothing is behind this that could be told of it
        traceback.print_exc()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # a full disk, closed, or not there at all
            stream.flush()
    os._exit(code)


def _code_of(end: SystemExit) -> int:
    """As Python itself reads it: nothing is 0, a text is told and is 1."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1
