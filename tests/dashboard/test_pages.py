"""Every page in a real browser: what it shows, that it is live, and that it can be used by all."""

from typing import Any

import pytest

from tests.dashboard.conftest import EVIL, Day, Page

PAGES = {
    "now": ["Trading", "Today, in New York", "ACME", "Trading stream", "TSLA"],
    "signals": ["ACME", "no rating", "not tradable", "What would become of a signal now"],
    "trades": ["ACME", "KO", "manual"],
    "trades/1": ["Time line", "Order intended: buy (entry)", "Signal to fill", "hard stop"],
    "signals/bought?source=scanner": ["every check", "time to live", "The trade it became: open"],
    "stars": ["Hit rate", "Not enough data: 1 closed trade, 30 wanted."],
    "risk": ["Dollars in open trades", "max_total_exposure_usd", "Could be sold now", "breaker"],
    "config": ["hard stop loss pct", "Percent below its entry price", "Who has set what"],
    "system": ["TradeLedger", "Mail waiting", "Requests left this minute", "Journal", "Alarms"],
}


@pytest.mark.parametrize("address", PAGES)
def test_a_page_shows_what_it_is_for_and_again_after_a_reload(page: Page, address: str) -> None:
    page.open(address)
    for _ in range(2):
        for words in PAGES[address]:
            page.page.get_by_text(words, exact=False).first.wait_for(state="attached")
        page.page.reload()


@pytest.mark.parametrize("page", [("phone", "light"), ("phone", "dark")], indirect=True)
def test_a_phone_needs_no_sideways_scrolling(page: Page) -> None:
    for address in PAGES:
        page.open(address)
        assert page.page.evaluate("document.documentElement.scrollWidth") <= page.width, address


@pytest.mark.parametrize("page", [("desk", "light"), ("desk", "dark")], indirect=True)
def test_light_and_dark_follow_the_viewer_and_can_be_switched(page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.page.evaluate(ground)
    page.page.get_by_role("button", name="Switch to").click()
    assert page.page.evaluate(ground) != before
    page.page.reload()
    page.page.wait_for_selector(".shell")
    assert page.page.evaluate(ground) != before


def test_what_a_signal_says_is_shown_as_text(page: Page) -> None:
    for address in ("now", "signals", "system", f"signals/{EVIL.replace('/', '%2F')}", "signals/evil"):
        page.open(address)
        page.page.get_by_text(EVIL, exact=False).first.wait_for(state="attached")
    assert page.page.locator("main img").count() == 0
    assert "owned" not in page.page.title()


def test_what_happens_is_shown_without_a_reload(page: Page, day: Day) -> None:
    page.open("signals")
    page.page.get_by_text("Live", exact=True).wait_for()
    day.send("while-you-look", "XOM", 4, None)
    page.page.get_by_text("while-you-look").wait_for()


def test_a_preview_tells_every_check_and_stores_nothing(page: Page, day: Day) -> None:
    before = day.api.get("/api/signals?limit=500").json()["items"]
    page.open("signals")
    page.page.get_by_label("Symbol").fill("aapl")
    page.page.get_by_role("button", name="Preview").click()
    page.page.get_by_text("It would trade").wait_for()
    assert len(day.api.get("/api/signals?limit=500").json()["items"]) == len(before)


def test_trades_are_sorted_by_the_bot_and_filtered(page: Page) -> None:
    page.open("trades")
    page.page.get_by_role("button", name="Symbol").click()
    page.page.locator("tbody tr").first.filter(has_text="KO").wait_for()
    page.page.get_by_label("Status").select_option("closed")
    page.page.locator("tbody tr").filter(has_text="ACME").wait_for(state="detached")
    assert "sort=-symbol" in page.page.url
    assert "status=closed" in page.page.url


def test_every_page_is_reached_and_used_by_the_keyboard(page: Page) -> None:
    page.open("now")
    page.page.keyboard.press("Tab")
    assert page.page.evaluate("document.activeElement.className") == "skip"
    seen = set()
    for _ in range(40):
        page.page.keyboard.press("Tab")
        seen.add(page.page.evaluate("document.activeElement.innerText?.trim() ?? ''"))
        unseen = page.page.evaluate(
            "(() => { const it = document.activeElement, s = getComputedStyle(it);"
            " return it === document.body || s.outlineStyle !== 'none' || s.boxShadow !== 'none'"
            " ? '' : it.outerHTML.slice(0, 200); })()"
        )
        assert unseen == "", "it has the focus and does not show it"
    assert {"Signals", "Trades", "Risk", "System", "Halt"} <= seen


def names_missing(page: Any) -> list[str]:
    """Buttons, links and fields that a screen reader could not name."""
    found: list[str] = page.evaluate(
        """[...document.querySelectorAll('button, a[href], input, select, [role=img]')].filter(each => {
            const named = each.innerText?.trim() || each.getAttribute('aria-label') || each.title
                || each.labels?.length || each.getAttribute('aria-labelledby');
            return !named && each.offsetParent !== null;
        }).map(each => each.outerHTML.slice(0, 120))"""
    )
    return found


def test_a_screen_reader_finds_a_name_for_everything_and_one_heading_a_page(page: Page) -> None:
    for address in PAGES:
        page.open(address)
        assert names_missing(page.page) == [], address
        assert page.page.locator("h1").count() == 1, address
        assert page.page.locator("html[lang]").count() == 1
        assert page.page.locator("main").count() == 1
        for table in page.page.locator("table:not(.u-legend)").all():
            assert table.locator("caption").count() == 1, address


def test_a_report_opened_in_the_browser_is_drawn_as_it_is_meant(page: Page) -> None:
    page.open("now")
    page.page.goto(f"{page.page.url.partition('#')[0].rstrip('/')}/api/report?format=html")
    assert page.page.evaluate("getComputedStyle(document.querySelector('.big')).fontSize") == "32px"
