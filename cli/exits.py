"""How a command ends when it cannot do its work: one line for the owner, and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from settings import ConfigurationError, Exit
from web.token import TokenUnusable


@contextmanager
def configuration_errors() -> Iterator[None]:
    """A configuration that cannot be used ends the program with one line and its exit code."""
    try:
        yield
    except (ConfigurationError, TokenUnusable) as error:
        fail(str(error), Exit.CONFIGURATION)


def fail(line: str, code: int) -> NoReturn:
    """One line for the owner on stderr, and the end."""
    typer.echo(f"starfill: {line}", err=True)
    raise typer.Exit(code)
