"""A real browser in front of a running bot on the simulator: fills, exits, refusals, a halt."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest

from simulator.server import Simulator, SimulatorSettings
from tests.flows.process import ROOT, Api, environment, started

CHROMIUM: Final = shutil.which("chromium")
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DATE: Final = "2026-11-25"
EVIL: Final = "<img/src=x/onerror=document.title='owned'>"
"""As markup it would run; without spaces, so that it fits where a name does."""
SIZES: Final = {"desk": (1400, 900), "phone": (390, 844)}


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Debian's chromium. It ends with the package: while it runs, its thread has a running asyncio loop."""
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install '.[test]' brings playwright")
    if CHROMIUM is None:
        pytest.skip("the dashboard's tests drive Debian's chromium: apt-get install chromium")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


class Day:
    """The bot, and what it did before anybody looked."""

    def __init__(self, api: Api, token: str, state: Path) -> None:
        self.api, self.token, self.state = api, token, state

    def send(
        self, signal_id: str, symbol: str, tier: int = 1, confidence: str | None = "high", **more: Any
    ) -> None:
        """A signal, and its verdict."""
        fields = {
            "signal_id": signal_id,
            "symbol": symbol,
            "catalyst_tier": tier,
            "ai_confidence": confidence,
            "catalyst_category": "FDA",
            "source": "scanner",
            "ttl_s": 300,
            "issued_at": datetime.now(UTC).isoformat(),
        }
        assert self.api.post("/api/signals", fields | more).status_code == 202
        name = (fields | more)["source"]
        self.api.until(
            f"/api/signals?source={quote(str(name), safe='')}",
            lambda answer: all(each["verdict"] for each in answer.json()["items"]),
            "the verdict",
        )


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Day]:
    """One for all tests of a module: none changes what another looks at."""
    folder: Path = tmp_path_factory.mktemp("dashboard")
    told = SimulatorSettings(folder=folder / "books", fill_delay_s=0.0, partial_fill_share=Decimal(0))
    with Simulator(told) as simulator, started(folder / "state", simulator.base_url) as (_, api):
        one = Day(api, (folder / "state" / "token").read_text().strip(), folder / "state")
        one.send("bought", "ACME")
        one.send("sold", "KO", 3, "medium")
        one.send("unrated", "PEP", 4, None)
        one.send("refused", "NOTRD")
        one.send("evil", "IBM", 4, None, catalyst_category=EVIL)
        one.send(EVIL, "MSFT", 4, None, source=EVIL)
        for symbol in ("ACME", "KO"):
            api.until(
                f"/api/trades?symbol={symbol}",
                lambda answer: answer.json()["items"][0]["shares"] is not None,
                "the fill",
            )
        api.post("/api/positions/KO/close", {"reason": "a drill"})
        api.until(
            "/api/trades?symbol=KO",
            lambda answer: answer.json()["items"][0]["status"] == "closed",
            "the exit",
        )
        api.post("/api/halt", {"scope": "TSLA", "reason": EVIL})
        yield one


def play_a_day(state: Path, *flags: str) -> None:
    """A whole trading day on the simulator, which leaves its ledger and its book behind."""
    given = environment(state, None)
    command = [sys.executable, str(ROOT / "run.py"), "--demo-day", "--date", DATE, "--state-dir", str(state)]
    subprocess.run(
        [*command, *flags],
        env=os.environ | given,
        cwd=given.pop("cwd"),
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


class Page:
    """A page of the dashboard, signed in, that keeps what went wrong in it."""

    def __init__(self, browser: Any, day: Day, size: str, scheme: str) -> None:
        width, height = SIZES[size]
        self.width = width
        self._context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
        )
        self.page = self._context.new_page()
        self.faults: list[str] = []
        self.sent: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", self._request)
        self._url = day.api.url
        self.page.goto(f"{self._url}/#token={day.token}")
        self.page.wait_for_selector(".shell")

    def open(self, address: str) -> None:
        """Go to a page, and wait until it is drawn."""
        self.page.goto(f"{self._url}/#/{address}")
        self.page.wait_for_selector("main .card")
        self.page.locator(".reading").first.wait_for(state="detached")

    def close(self) -> None:
        self._context.close()

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(message.text)

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self._url, "data:")):
            self.faults.append(f"a request to {request.url}")
        if request.method != "GET":
            self.sent.append(f"{request.method} {request.url.removeprefix(self._url)}")


@pytest.fixture
def page(browser: Any, day: Day, request: pytest.FixtureRequest) -> Iterator[Page]:
    """On a desk and in daylight, unless the test says otherwise by `(size, scheme)`."""
    size, scheme = getattr(request, "param", ("desk", "light"))
    one = Page(browser, day, size, scheme)
    yield one
    one.close()
    assert one.faults == []
