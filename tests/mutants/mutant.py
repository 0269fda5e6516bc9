"""What a safeguard's removal is made of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Change:
    """In this file, in place of text that stands there exactly once, another."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """The product without one of its safeguards."""

    name: str
    what: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]
    """What has to go red, as pytest is told it."""

    def apply(self, root: Path) -> None:
        """Make the changes below this folder; raises ValueError when the sources have moved on."""
        for change in self.changes:
            path = root / change.file
            source = path.read_text(encoding="utf-8")
            if source.count(change.old) != 1:
                raise ValueError(f"{self.name}: {change.file} does not have exactly one {change.old!r}")
            path.write_text(source.replace(change.old, change.new), encoding="utf-8")


def mutant(  # noqa: PLR0917 - a table reads better without names
    name: str, what: str, file: str, old: str, new: str, tests: tuple[str, ...]
) -> Mutant:
    return Mutant(name, what, (Change(file, old, new),), tests)
