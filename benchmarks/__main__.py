"""`python -m benchmarks [a b c d e f g] [--json FILE]`: one table; a missed goal fails nothing."""

import argparse
import sys
from pathlib import Path

from benchmarks import fills, orders, report, soak, start

TITLES = {
    "a": "signal accepted -> order read by the broker",
    "b": "200 signals at once, 50 ms a POST",
    "c": "trade updates pushed -> durable",
    "d": "start",
    "e": "memory",
    "f": "(a) while fills flood in",
    "g": "an hour's worth of trading",
}
SECTIONS = {
    "a": orders.single,
    "b": orders.burst,
    "c": fills.updates,
    "d": start.starts,
    "e": start.memory,
    "f": orders.flooded,
    "g": soak.trading,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"any of {' '.join(TITLES)}; default: all"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    asked = parser.parse_args()
    unknown = set(asked.sections) - set(TITLES)
    if unknown:
        parser.error(f"no such section: {' '.join(sorted(unknown))}")
    figures: list[report.Figure] = []
    for section in asked.sections or list(SECTIONS):
        figures += SECTIONS[section](_progress)
    report.show(figures, TITLES)
    if asked.json:
        report.write(figures, asked.json)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
