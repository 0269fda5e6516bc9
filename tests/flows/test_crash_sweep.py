"""The bot dies at each crash point under a real supervisord, and is asked for its promises afterwards."""

from pathlib import Path

import pytest

import failpoint
from cli.crash.cases import LEDGERS, Case
from cli.crash.play import play

CASES = [
    Case(
        point=point,
        passing=1 if point in {"shutdown.mid", "migration.mid"} else 2,
        redeliveries=number % 4,
        ledger=LEDGERS[number % 2],
        timing="both" if number % 4 > 1 else "at once",
        linger_ms=50 if number % 4 < 2 else 0,
    )
    for number, point in enumerate(failpoint.NAMES)
]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_no_signal_is_lost_and_no_order_doubled_wherever_it_dies(case: Case, tmp_path: Path) -> None:
    outcome = play(case, tmp_path)
    assert outcome.faults == ()
    assert (outcome.kills, outcome.restarts) == (1, 1)
    assert outcome.most_orders <= 1
    assert list(tmp_path.iterdir()) == []
