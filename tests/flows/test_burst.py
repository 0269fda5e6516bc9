from pathlib import Path

from benchmarks.burst import burst

MOST_MB = 100
"""So much the process may grow by: what waits is bounded, whatever is sent."""


def test_a_burst_is_answered_with_202_or_503_and_nothing_that_was_taken_in_is_lost(tmp_path: Path) -> None:
    told = burst(tmp_path, rate=1000, seconds=2)
    assert told.sent == 2000
    assert set(told.answers) <= {202, 503}
    assert told.answers[202]
    assert told.lost == 0
    assert told.rss_after_mb - told.rss_before_mb < MOST_MB
