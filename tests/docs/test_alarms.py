"""docs/alarms.md beside the code that it speaks of."""

import re

from tests.docs.pages import DOCS, ROOT
from watch.channel import MOST_QUEUED, Pace
from watch.kinds import QUIET, TEXTS, switched
from watch.metrics import Metrics

PAGE = (DOCS / "alarms.md").read_text()


def test_every_kind_has_its_line_and_no_other() -> None:
    table = PAGE.partition("| kind | when |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([a-z]+)` \|", table, re.MULTILINE) == list(TEXTS)
    assert f"Without it all are but `{', '.join(QUIET)}`" in PAGE


def test_the_example_names_kinds_that_there_are() -> None:
    [kinds] = re.findall(r"^STARFILL_ALARMS=(.*)$", PAGE, re.MULTILINE)
    assert len(switched(kinds)) == 7


def test_every_metric_that_it_names_is_there() -> None:
    page = Metrics().page(()).decode()
    named = set(re.findall(r"starfill_[a-z_]+", PAGE))
    assert len(named) > 20
    assert {name for name in named if f"# TYPE {name} " not in page} == set()


def test_every_file_that_it_names_is_there() -> None:
    named = set(re.findall(r"deploy/[a-z./-]+[a-z]", PAGE))
    assert {name for name in named if not (ROOT / name).is_file()} == set()
    assert len(named) == 6


def test_its_numbers_are_the_code_s() -> None:
    pace = Pace(chance=lambda: 0.5)
    assert [pace.retry_s(failures) for failures in (1, 2, 3, 99)] == [5, 10, 20, 300]
    assert (pace.between_s, MOST_QUEUED) == (5, 500)
    assert f"{MOST_QUEUED} alarms wait at most" in PAGE
