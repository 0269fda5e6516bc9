"""`python -m tests.mutants [NAME ...]`: each safeguard removed in a copy of the sources, its tests run there.

Red is right: then the tests would notice if the safeguard were lost. A mutant that its tests do not notice
is told, and the exit code is 1.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.safeguards import MUTANTS

TESTS_FAILED: Final = 1
"""pytest's exit code for tests that ran and failed; all others say that nothing was proved."""
PATIENCE_S: Final = 600
LEFT_OUT: Final = shutil.ignore_patterns(
    ".git", ".venv", "var", "build", "__pycache__", ".*_cache", ".hypothesis"
)


@dataclass(frozen=True)
class Result:
    """What became of a mutant."""

    mutant: Mutant
    caught: bool
    seconds: float
    said: str


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    asked = parser.parse_args()
    unknown = set(asked.names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        parser.error(f"no such mutant: {', '.join(sorted(unknown))}")
    chosen = [mutant for mutant in MUTANTS if not asked.names or mutant.name in asked.names]
    with ThreadPoolExecutor(asked.jobs) as pool:
        results = list(pool.map(_try, chosen))
    _show(results)
    caught = sum(result.caught for result in results)
    print(f"{caught} of {len(results)} caught")  # noqa: T201 - the verdict
    return 0 if caught == len(results) else 1


def _try(mutant: Mutant) -> Result:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder) / "starfill"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        mutant.apply(copy)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    last = (done.stdout.strip().splitlines() or [done.stderr.strip()[-200:]])[-1]
    print(f"  {mutant.name}: {last}", file=sys.stderr, flush=True)  # noqa: T201 - progress
    return Result(mutant, done.returncode == TESTS_FAILED, time.monotonic() - began, last)


def _show(results: list[Result]) -> None:
    table = Table(title="Safeguards removed", title_justify="left")
    table.add_column("safeguard")
    table.add_column("removed")
    table.add_column("noticed")
    table.add_column("s", justify="right")
    for result in results:
        noticed = "[green]yes[/green]" if result.caught else f"[red]no[/red]: {result.said}"
        table.add_row(result.mutant.name, result.mutant.what, noticed, f"{result.seconds:.0f}")
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    sys.exit(main())
