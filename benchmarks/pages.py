"""`python -m benchmarks.pages`: every address that the dashboard reads, over a ledger of 100,000 trades.

The goal is 200 ms an answer. The first one after a start is told apart: the bot adds up the sums of past days
as it starts, and here the first page that shows them does.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import requests

from benchmarks.large import large_ledger
from tests.web.conftest import NOW, TOKENS, serving

GOAL_MS: Final = 200
ROUNDS: Final = 15
ADDRESSES: Final = (
    "/api/status",
    "/api/system",
    "/api/account",
    "/api/halts",
    "/api/config",
    "/api/config/history?limit=20",
    "/api/alarms",
    "/api/exposure",
    "/api/limits",
    "/api/equity?points=400",
    "/api/equity?since=2025-11-12T00:00:00Z&points=400",
    "/api/stars",
    "/api/stars?since=2026-10-13T00:00:00Z",
    "/api/signals?limit=50",
    "/api/signals?limit=50&state=expired",
    "/api/signals?limit=50&stars=5",
    "/api/signals?limit=50&q=news-77",
    "/api/signals?limit=50&q=nothing+like+this",
    "/api/signals/news-50000",
    "/api/trades?limit=50",
    "/api/trades?open=true&limit=100",
    "/api/trades?limit=50&sort=-pnl",
    "/api/trades?limit=50&sort=notional",
    "/api/trades?limit=50&sort=symbol",
    "/api/trades?limit=50&status=closed&stars=4",
    "/api/trades?limit=50&q=nothing+like+this",
    "/api/trades/50000",
    "/api/trades/50000/timeline",
    "/api/orders?limit=50",
    "/api/orders?limit=50&life=unresolved",
    "/api/orders?limit=50&symbol=AAAB",
    "/api/journal?limit=30",
    "/api/journal?limit=30&kind=halted",
    "/api/journal?limit=30&ref=news-5",
    "/api/report",
    "/api/audit",
    "/metrics",
)


def measured(trades: int) -> list[tuple[str, float, float, float]]:
    """Of each address: the first answer, the median and the slowest of the rest, in milliseconds."""
    told = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large_ledger(folder / "ledger.sqlite3", trades, NOW)
        with serving(folder) as api, requests.Session() as session:
            api.read_account(equity="5000")
            session.headers["Authorization"] = f"Bearer {TOKENS.view}"
            for address in ADDRESSES:
                times = [_once(session, api.url + address) for _ in range(ROUNDS + 1)]
                rest = sorted(times[1:])
                told.append((address, times[0], rest[len(rest) // 2], rest[-1]))
    return told


def _once(session: requests.Session, url: str) -> float:
    began = time.perf_counter()
    answer = session.get(url, timeout=60)
    took = (time.perf_counter() - began) * 1000
    answer.raise_for_status()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--trades", type=int, default=100_000)
    told = measured(parser.parse_args().trades)
    print(f"{'ms':>58} {'first':>8} {'median':>8} {'slowest':>8}")
    for address, first, median, slowest in told:
        mark = "" if slowest <= GOAL_MS else f"  over {GOAL_MS} ms"
        print(f"{address:>58} {first:8.1f} {median:8.1f} {slowest:8.1f}{mark}")
    sys.exit(any(slowest > GOAL_MS for *_, slowest in told))


if __name__ == "__main__":
    main()
