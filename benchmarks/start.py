"""(d) how long a start takes, by the ledger's size, and (e) what the process holds.

(d) runs from the start of the process `python run.py` until it says on `/readyz` that orders can leave; the
simulator it trades with runs already, in a process of its own.
"""

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import IO, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from benchmarks import ledgers, orders
from benchmarks.child import Child
from benchmarks.process import rss_mb, threads
from benchmarks.pusher import Pusher
from benchmarks.report import Figure, Goal
from benchmarks.server import Server

_PROGRAM = Path(__file__).parent.parent / "run.py"
_SIZES = (0, 10_000, 100_000)
_ROUNDS = 3
_PATIENCE_S = 30.0
_REST_S = 3.0
_SENDERS = 8
_FEW, _MANY = 1_000, 10_000


class ReadyBot(NamedTuple):
    """A process whose orders can leave."""

    took_s: float
    pid: int
    url: str
    token: str


@contextmanager
def _program(*args: str, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """`python run.py` away from any `.env` and from the caller's settings, until the block is left."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("STARFILL_", "APCA_"))}
    process = subprocess.Popen(
        [sys.executable, str(_PROGRAM), *args],
        cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _told(output: IO[str] | None, name: str) -> str:
    """What the program says of `name`, in a line of its own."""
    assert output is not None
    heard = []
    for line in output:
        heard.append(line)
        said, _, value = line.strip().partition(" ")
        if said == name:
            return value.strip()
    raise RuntimeError(f"the program never told its {name}: {''.join(heard)}")


@contextmanager
def simulator(folder: Path) -> Iterator[str]:
    folder.mkdir()
    with _program("simulator", "--port", "0", "--folder", str(folder / "books"), folder=folder) as process:
        yield _told(process.stdout, "simulator")


@contextmanager
def ready_bot(broker_url: str, folder: Path) -> "Iterator[ReadyBot]":
    """The bot over the ledger in this folder."""
    args = (
        "--mode",
        "simulator",
        "--broker-url",
        broker_url,
        "--http",
        "127.0.0.1:0",
        "--state-dir",
        str(folder),
    )
    begin = time.monotonic()
    with _program(*args, folder=folder) as process:
        url = _told(process.stdout, "dashboard")
        # A pipe that nobody reads would hold the program up.
        threading.Thread(target=deque, args=(process.stdout, 0), daemon=True).start()
        token = (folder / "token").read_text(encoding="utf-8").strip()
        asked = Request(f"{url}/readyz", headers={"Authorization": f"Bearer {token}"})
        while not _says_ready(asked):
            if time.monotonic() > begin + _PATIENCE_S:
                raise TimeoutError("the program is not getting ready")
            time.sleep(0.005)
        yield ReadyBot(time.monotonic() - begin, process.pid, url, token)


def _says_ready(asked: Request) -> bool:
    try:
        with urlopen(asked, timeout=5) as answer:
            return bool(answer.status == 200)
    except HTTPError as error:
        if error.code == 503:
            return False
        raise
    except URLError:
        return False


def starts(say: Callable[[str], None]) -> list[Figure]:
    """(d) Starts over ledgers of all sizes take turns."""
    say("d: writing the ledgers")
    seconds: dict[int, list[float]] = {size: [] for size in _SIZES}
    with TemporaryDirectory() as name, simulator(Path(name) / "simulator") as url:
        folders = {size: Path(name) / str(size) for size in _SIZES}
        for size, folder in folders.items():
            folder.mkdir()
            ledgers.build(folder / "ledger-simulator.sqlite3", size)
        for number in range(1, _ROUNDS + 1):
            say(f"d: starts, round {number} of {_ROUNDS}")
            for size, folder in folders.items():
                with ready_bot(url, folder) as bot:
                    seconds[size].append(bot.took_s)
    none = median(seconds[0])
    figures = []
    for size in _SIZES:
        took = median(seconds[size])
        grown = (Goal(ratio=took / none, limit=1.3, of="x an empty ledger"),) if size else ()
        goals = (*grown, Goal(ratio=took, limit=2, of="s"))
        what = f"process start -> ready, {size:,} closed trades in the ledger"
        figures.append(Figure(section="d", what=what, value=took, unit="s", goals=goals))
    return figures


def memory(say: Callable[[str], None]) -> list[Figure]:
    """(e) `run.py` at rest, the simulator elsewhere; and the actors alone, after few and many trades."""
    say("e: memory at rest")
    with TemporaryDirectory() as name, simulator(Path(name) / "simulator") as url:
        folder = Path(name) / "bot"
        folder.mkdir()
        with ready_bot(url, folder) as bot:
            time.sleep(_REST_S)
            rest_mb, count = rss_mb(bot.pid), threads(bot.pid)
    few, many = _after_trades(say)
    rows: list[tuple[str, float, str, tuple[Goal, ...]]] = [
        ("run.py, ready and at rest", rest_mb, "MB", (Goal(ratio=rest_mb, limit=120, of="MB"),)),
        ("its threads", count, "", ()),
        (f"the actors after {_FEW:,} trades", few, "MB", ()),
        (f"the actors after {_MANY:,} trades", many, "MB",
         (Goal(ratio=many / few, limit=1.1, of=f"x after {_FEW:,}"),)),
    ]  # fmt: skip
    return [
        Figure(section="e", what=what, value=value, unit=unit, goals=goals)
        for what, value, unit, goals in rows
    ]


def _after_trades(say: Callable[[str], None]) -> tuple[float, float]:
    """MB after few and after many trades, each from its signal to its fill."""
    measured: list[float] = []
    with Server() as server, Pusher() as pusher, ExitStack() as stack:
        ours: Child = orders.bot(stack, server, pusher, "e")
        for first in range(0, _MANY, _FEW):
            say(f"e: trades {first:,} to {first + _FEW:,}")
            ours.ask("expect", count=2 * _FEW)
            ours.ask("burst", first=first, count=_FEW, senders=_SENDERS)
            pusher.ask("push", to="e", first=first, count=2 * _FEW, rate=0)
            ours.ask("heard")
            server.arrivals()
            measured.append(float(ours.ask("memory")["rss_mb"]))
    return measured[0], measured[-1]
