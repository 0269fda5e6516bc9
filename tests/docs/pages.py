"""The documents as their readers see them: pages, headings, and the commands in them."""

import re
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
_FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
_HEADING: Final = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced piece of a page."""

    page: str
    line: int
    info: str
    """What stands behind the fence: `sh`, `sh stopped`, `sh elsewhere`, `json`, ..."""
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """README and all of docs/, in the order of their names."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Every fenced block of the page, in its order."""
    text = page.read_text()
    return [
        Block(
            page.relative_to(ROOT).as_posix(),
            text.count("\n", 0, found.start()) + 1,
            found["info"].strip(),
            re.sub(rf"^{found['indent']}", "", found["body"], flags=re.MULTILINE),
        )
        for found in _FENCE.finditer(text)
    ]


def headings(page: Path) -> list[str]:
    """The page's headings without their marks; what stands in blocks is none."""
    return _HEADING.findall(_FENCE.sub("", page.read_text()))


def commands(kind: str) -> list[Block]:
    """The shell blocks of one kind, over all pages."""
    wanted = f"sh {kind}".strip()
    return [block for page in pages() for block in blocks(page) if block.info == wanted]
