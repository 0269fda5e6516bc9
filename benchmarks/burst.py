"""`python -m benchmarks.burst`: signals as fast as nobody should send them, at the real bot.

Each is answered with 202 or 503, what got a 202 is in the ledger, and memory does not grow with the burst.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import aiohttp

from persistence.queries import Queries
from persistence.store import LedgerStore
from tests.flows.process import started

CONNECTIONS = 200
STATM = "/proc/{pid}/statm"
PAGE_KB = 4


class Burst(NamedTuple):
    """What came of one."""

    sent: int
    seconds: float
    answers: Counter[int]
    lost: int
    """Signals that got a 202 and are not in the ledger."""
    rss_before_mb: int
    rss_after_mb: int
    p99_ms: int


def burst(folder: Path, rate: int, seconds: int) -> Burst:
    """Send `rate` signals a second for so many seconds; blocks."""
    state = folder / "var"
    with started(state, None) as (process, api):
        before = _rss_mb(process.pid)
        begun = time.monotonic()
        token = (state / "token-operate").read_text().strip()
        told = asyncio.run(_send(api.url, token, rate, seconds))
        took = time.monotonic() - begun
        after = _rss_mb(process.pid)
    store = LedgerStore.open(state / "ledger-simulator.sqlite3", clock=lambda: datetime.now(UTC))
    queries = Queries(store)
    taken = [name for name, status, _ in told if status == 202]
    lost = sum(not queries.signal(name, "burst") for name in taken)
    store.close()
    waits = sorted(wait for _, _, wait in told)
    return Burst(
        sent=len(told),
        seconds=took,
        answers=Counter(status for _, status, _ in told),
        lost=lost,
        rss_before_mb=before,
        rss_after_mb=after,
        p99_ms=round(waits[len(waits) * 99 // 100] * 1000),
    )


async def _send(url: str, token: str, rate: int, seconds: int) -> list[tuple[str, int, float]]:
    """Name, status and seconds of each; 0: no answer."""
    told: list[tuple[str, int, float]] = []
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(url, headers=headers, connector=connector) as session:

        async def one(number: int) -> None:
            name = f"burst-{number}"
            began = time.monotonic()
            try:
                async with session.post("/api/signals", data=_body(name, number)) as answer:
                    await answer.read()
                    status = answer.status
            except aiohttp.ClientError:
                status = 0
            told.append((name, status, time.monotonic() - began))

        begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(rate * seconds):
                early = begun + number / rate - time.monotonic()
                if early > 0:
                    await asyncio.sleep(early)
                group.create_task(one(number))
    return told


def _body(name: str, number: int) -> str:
    return json.dumps(
        {
            "signal_id": name,
            "symbol": f"S{number % 26**3:05d}".translate(str.maketrans("0123456789", "ABCDEFGHIJ"))[:5],
            "catalyst_tier": 3,
            "ai_confidence": "high",
            "issued_at": datetime.now(UTC).isoformat(),
            "ttl_s": 120,
            "source": "burst",
        }
    )


def _rss_mb(pid: int) -> int:
    return int(Path(STATM.format(pid=pid)).read_text().split()[1]) * PAGE_KB // 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.burst", description=__doc__)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        told = burst(Path(folder), asked.rate, asked.seconds)
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(told.answers.items()))
    print(
        f"{told.sent} signals in {told.seconds:.1f} s: {answers}; lost {told.lost}; p99 {told.p99_ms} ms; "
        f"memory {told.rss_before_mb} MB before, {told.rss_after_mb} MB after"
    )
    sys.exit(bool(told.lost or set(told.answers) - {202, 503}))


if __name__ == "__main__":
    main()
