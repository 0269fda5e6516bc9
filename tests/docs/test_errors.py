"""Every code that the API can answer with has its heading in `docs/errors.md`, and every heading its code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import DOCS, ROOT, headings
from web.errors import PHRASES

CALLS = {"Refusal", "_refuse"}


def codes_in(path: Path) -> Iterator[str]:
    """The second argument of each refusal; `bad_{what}` once for each word that `checked` is called with."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if called in CALLS and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            yield str(node.args[1].value)
        if called == "checked" and isinstance(node.args[-1], ast.Constant):
            yield "bad_" + str(node.args[-1].value)


def test_the_page_has_every_code_and_no_other() -> None:
    codes = {code for path in (ROOT / "web").rglob("*.py") for code in codes_in(path)}
    codes |= {code for code, _, _ in PHRASES.values()} | {"http_error"}
    told = {each for each in headings(DOCS / "errors.md") if re.fullmatch(r"[a-z_]+", each)}
    assert told == codes


def test_every_code_has_its_fix() -> None:
    for part in re.split(r"^### ", (DOCS / "errors.md").read_text(), flags=re.MULTILINE)[1:]:
        assert "**Fix:**" in part, part.splitlines()[0]
