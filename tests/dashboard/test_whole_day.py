"""Every page over a whole day of trading: every way to sell, every verdict, halts, the owner's own trades."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.conftest import Day, Page, play_a_day
from tests.dashboard.test_pages import PAGES
from tests.flows.process import started

SIGNALS = "40"
LISTS = tuple(address for address in PAGES if "/" not in address)
SIZES = [("desk", "light"), ("phone", "dark")]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Day]:
    state: Path = tmp_path_factory.mktemp("whole-day") / "state"
    play_a_day(state, "--signals", SIGNALS)
    with started(state, None) as (_, api):
        yield Day(api, (state / "token").read_text().strip(), state)


def items(day: Day, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = day.api.get(path).json()["items"]
    assert found, path
    return found


@pytest.mark.parametrize("page", SIZES, indirect=True)
def test_every_page_of_a_whole_day_is_drawn(page: Page) -> None:
    for address in LISTS:
        page.open(address)
        assert page.page.evaluate("document.documentElement.scrollWidth") <= page.width, address


@pytest.mark.parametrize("page", SIZES, indirect=True)
def test_a_trade_of_every_end_shows_its_time_line(page: Page, day: Day) -> None:
    ends = {(each["status"], each["exit_reason"]): each for each in items(day, "/api/trades?limit=100")}
    assert len(ends) > 4
    for trade in ends.values():
        page.open(f"trades/{trade['id']}")
        page.page.get_by_role("heading", name="Time line").wait_for()
        page.page.get_by_text(trade["signal_id"]).first.wait_for()


def test_a_signal_of_every_verdict_tells_why(page: Page, day: Day) -> None:
    verdicts = {each["verdict"]["code"]: each for each in items(day, "/api/signals?limit=100")}
    assert len(verdicts) > 4
    for signal in verdicts.values():
        page.open(f"signals/{signal['signal_id']}?source={signal['source']}")
        page.page.get_by_text(signal["verdict"]["reason"]).first.wait_for()


def test_what_a_rating_has_brought_is_what_its_trades_have(page: Page, day: Day) -> None:
    closed = [each for each in items(day, "/api/trades?limit=100") if each["status"] == "closed"]
    ratings = day.api.get("/api/stars").json()["ratings"]
    assert sum(each["trades"] for each in ratings) == len(closed)
    page.open("stars")
    for rating in ratings:
        assert rating["trades"] == sum(each["stars"] == rating["stars"] for each in closed)
        page.page.get_by_text(f"{rating['trades']} closed").first.wait_for(state="attached")
