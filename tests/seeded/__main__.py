"""Looks for seeds that break a promise, or repeats one."""

import argparse
import logging
import sys
import time
from typing import get_args

from tests.seeded.runs import reproduction, run_seed
from tests.seeded.world import Mode


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> int:
    """0: every promise held; 1: not, and the last lines say how to see it again."""
    parser = argparse.ArgumentParser(prog="python -m tests.seeded", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds, each in each mode")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="this seed only")
    parser.add_argument("--mode", choices=get_args(Mode), help="this mode only")
    parser.add_argument("--trace", action="store_true", help="print every step")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    seeds = range(given.first, given.first + given.seeds) if given.seed is None else (given.seed,)
    modes: tuple[Mode, ...] = (given.mode,) if given.mode else get_args(Mode)
    trace = say if given.trace else None
    runs = broken = steps = 0
    began = time.monotonic()
    for seed in seeds:
        for mode in modes:
            result = run_seed(seed, mode, trace=trace)
            runs, steps = runs + 1, steps + result.steps
            if result.broken is not None:
                broken += 1
                say(reproduction(seed, mode, result.broken))
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{runs} worlds, {steps} steps, {broken} broken ")
    took = time.monotonic() - began
    sys.stderr.write(f"\r{runs} worlds, {steps} steps, {broken} broken, {took:.1f} s\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
