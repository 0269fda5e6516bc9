"""`docs/commands.md` has a section for each command of the program, and none for another."""

import re

import typer.main

from cli.app import application
from tests.docs.pages import DOCS


def test_every_command_has_its_section() -> None:
    group = typer.main.get_command(application(bot=lambda *_: 0))
    commands = {name for name, each in group.commands.items() if not each.hidden}  # type: ignore[attr-defined]
    told = set(re.findall(r"^### ([a-z]+)$", (DOCS / "commands.md").read_text(), re.MULTILINE))
    assert told == commands
