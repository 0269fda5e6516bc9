"""`make screenshots`: the pictures of the documents, taken of a bot that has a day of trading behind it."""

import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import sync_playwright

from tests.dashboard.conftest import ARGUMENTS, CHROMIUM, Day, Page, play_a_day
from tests.flows.process import ROOT, started

IMAGES: Final = ROOT / "docs" / "images"
PICTURES: Final = {
    "now": ("desk", "light", "now"),
    "signals": ("desk", "light", "signals"),
    "trades": ("desk", "light", "trades"),
    "stars": ("desk", "light", "stars"),
    "risk": ("desk", "dark", "risk"),
    "phone": ("phone", "dark", "now"),
}
"""By file: size, scheme, page."""
SIGNALS: Final = (
    ("ACME", 1, "high"),
    ("MSFT", 3, "medium"),
    ("NOTRD", 3, "high"),
    ("PEP", 4, None),
    ("KO", 3, "low"),
)
"""Symbol, tier, AI confidence."""


def main() -> None:
    if CHROMIUM is None:
        sys.exit("screenshots need Debian's chromium: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        state = Path(folder) / "state"
        play_a_day(state)
        with started(state, None) as (_, api):
            day = Day(api, (state / "token").read_text().strip(), state)
            for number, (symbol, tier, confidence) in enumerate(SIGNALS):
                day.send(f"news-{number}", symbol, tier, confidence)
            api.until("/api/trades?symbol=KO&open=true", lambda a: a.json()["items"][0]["shares"], "the fill")
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
            for name, seen in PICTURES.items():
                shoot(chromium, day, name, seen)
            [trade] = api.get("/api/trades?status=closed&sort=-pnl&limit=1").json()["items"]
            shoot(chromium, day, "trade", ("desk", "light", f"trades/{trade['id']}"))
            chromium.close()


def shoot(chromium: Any, day: Day, name: str, seen: tuple[str, str, str]) -> None:
    (size, scheme, address), file = seen, IMAGES / f"{name}.png"
    page = Page(chromium, day, size, scheme)
    page.open(address)
    if address == "now":
        page.page.get_by_role("button", name="Week").click()
        page.page.locator(".uplot").first.wait_for()
    page.page.evaluate("window.scrollTo(0, 0)")
    page.page.wait_for_timeout(1500)
    page.page.screenshot(path=str(file))
    page.close()
    sys.stdout.write(f"{file.relative_to(ROOT)}  {file.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    main()
