"""(g) An hour's worth of trading in minutes: does the process grow?

`python run.py` trades with a simulator of its own process: ten times the signals of a busy hour, each order
filled in parts, the audits of an hour on demand, reconnects, and a broker that loses every twentieth answer.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import Request, urlopen

from actors.clock import system_clock
from benchmarks.process import descriptors, rss_mb, threads
from benchmarks.report import Figure, Goal
from benchmarks.start import ready_bot, simulator

_SIGNALS = 800
_PER_SECOND = 8
_AUDITS = 120
_RECONNECTS = 6
_LETTERS = "ABCDEFGHIJKLMNOPQRST"
_SETTLED_S = 10.0


def _post(url: str, body: Any, token: str = "") -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    with urlopen(Request(url, json.dumps(body).encode(), headers), timeout=30) as answer:
        answer.read()


def _signal(number: int) -> dict[str, Any]:
    letters = "".join(_LETTERS[number // 20**place % 20] for place in range(3))
    return {
        "signal_id": f"soak-{number}",
        "symbol": f"Q{letters}",
        "catalyst_tier": 1,
        "ai_confidence": None,
        "issued_at": system_clock().isoformat(),
        "ttl_s": 300,
        "source": "soak",
    }


def trading(say: Callable[[str], None]) -> list[Figure]:
    """(g) The process after the first tenth, and after all of it."""
    with TemporaryDirectory() as name, simulator(Path(name) / "simulator") as broker:
        folder = Path(name) / "bot"
        folder.mkdir()
        _post(f"{broker}/_sim/switches", {"rate_limit_per_min": 0})
        lost = {
            "match": {"method": "POST", "path": "/v2/orders", "n": 1, "skip": 19},
            "act": "accept_then_drop",
        }
        with ready_bot(broker, folder) as bot:
            samples: list[tuple[float, float, float]] = []
            for number in range(_SIGNALS):
                begin = time.monotonic()
                if number % 20 == 0:
                    _post(f"{broker}/_sim/faults", lost)
                _post(f"{bot.url}/api/signals", _signal(number), bot.token)
                if number % (_SIGNALS // _AUDITS) == 0:
                    _post(f"{bot.url}/api/reconcile", {}, bot.token)
                if number % (_SIGNALS // _RECONNECTS) == _SIGNALS // _RECONNECTS - 1:
                    _post(f"{broker}/_sim/faults", {"act": "ws_close", "code": 1001})
                if number % (_SIGNALS // 10) == _SIGNALS // 10 - 1:
                    say(f"g: {number + 1:,} signals of {_SIGNALS:,}")
                    samples.append((rss_mb(bot.pid), threads(bot.pid), descriptors(bot.pid)))
                time.sleep(max(0.0, begin + 1 / _PER_SECOND - time.monotonic()))
            time.sleep(_SETTLED_S)
            samples.append((rss_mb(bot.pid), threads(bot.pid), descriptors(bot.pid)))
    first, last = samples[0], samples[-1]
    grown = Goal(ratio=last[0] / first[0], limit=1.1, of="x after the first tenth")
    same = Goal(ratio=last[1] - first[1], limit=0, of="more than after the first tenth")
    return [
        Figure(section="g", what=f"run.py after {_SIGNALS // 10:,} signals", value=first[0], unit="MB"),
        Figure(
            section="g", what=f"run.py after {_SIGNALS:,} signals", value=last[0], unit="MB", goals=(grown,)
        ),
        Figure(section="g", what="its threads", value=last[1], unit="", goals=(same,)),
        Figure(
            section="g",
            what=f"its descriptors (after the first tenth: {first[2]:.0f})",
            value=last[2],
            unit="",
        ),
    ]
