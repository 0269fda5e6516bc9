from datetime import timedelta
from html.parser import HTMLParser

from tests.domain.builders import NOW, dec
from web.api.figures_views import PointJson, StarJson
from web.api.report import LineJson, ReportJson, SoldTradeJson
from web.api.report_files import report_html

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{0}&lt;"


class Page(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.cells: list[str] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "td":
            self._in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells[-1] += data


def test_whatever_a_field_holds_is_text_on_the_page_and_nothing_else() -> None:
    page = Page(report_html(a_report(HOSTILE)))
    assert page.tags & {"script", "img"} == set()
    assert not any(name.startswith("on") for name in page.attributes)
    # The day, the rating's note, the exit's line; of the trade: its symbol and why it was sold.
    assert page.cells.count(HOSTILE) == 5


def test_the_page_needs_nothing_but_itself() -> None:
    page = Page(report_html(a_report("manual")))
    assert "polyline" in page.tags
    assert page.tags & {"script", "link", "img", "iframe"} == set()
    assert page.attributes & {"src", "href"} == set()


def a_report(text: str) -> ReportJson:
    line = LineJson(name=text, trades=1, won=1, unknown=0, pnl=dec("1"))
    trade = SoldTradeJson(
        id=1, symbol=text, source=text, signal_id=text, stars=5, notional=dec("100"), shares=dec("1"),
        entry_at=NOW, entry_price=dec("1"), exit_at=NOW, exit_price=dec("2"), exit_reason=text, pnl=dec("1"),
    )  # fmt: skip
    rating = StarJson(
        stars=5, trades=1, open=0, won=1, unknown=0, pnl=dec("1"), hit_rate=None, expectancy=None,
        expectancy_pct=None, slippage_bp=None, latency_ms=None, note=text,
    )  # fmt: skip
    points = tuple(
        PointJson(at=NOW + timedelta(minutes=number), equity=dec("5000"), pnl=dec("0"), exposure=dec("0"))
        for number in range(3)
    )
    return ReportJson(
        first="2026-11-12", last="2026-11-12", total=line, days=(line,), stars=(rating,),
        exit_reasons=(line,), equity=points, trades=(trade,),
    )  # fmt: skip
