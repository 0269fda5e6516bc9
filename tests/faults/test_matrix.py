"""docs/reliability.md names tests for each fault and promise; the tests here name the faults they inject."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs/reliability.md").read_text(encoding="utf-8")
NOT_YET = re.compile(r"not in this release|out of promise", re.IGNORECASE)
REFERENCE = re.compile(r"`([a-z_]+/test_[a-z_0-9]+\.py)(?:::(test_\w+))?`")

FAULTS = [f"F{number:02}" for number in range(1, 63)]
PROMISES = [f"P{number}" for number in range(1, 17)]


def rows(name: str) -> list[str]:
    return [line for line in PAGE.splitlines() if line.startswith(f"| {name} |")]


def references(text: str) -> list[tuple[str, str]]:
    return REFERENCE.findall(text)


def marked(path: Path) -> Iterator[tuple[str, str]]:
    """The tests of a module that carry the mark, each with the fault it names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault":
                    for argument in mark.args:
                        yield node.name, ast.literal_eval(argument)


MARKED = {path.name: set(marked(path)) for path in Path(__file__).parent.glob("test_*.py")}


@pytest.mark.parametrize("name", [*FAULTS, *PROMISES])
def test_each_fault_and_promise_has_one_row_that_names_a_test_or_says_why_there_is_none(name: str) -> None:
    [row] = rows(name)
    assert references(row) or NOT_YET.search(row)


def test_every_test_that_the_page_names_exists() -> None:
    missing = []
    for file, test in references(PAGE):
        path = TESTS / file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if not re.search(rf"^def {test}[(]" if test else "^def test_", text, re.MULTILINE):
            missing.append(f"{file}::{test}")
    assert missing == []


def test_the_page_names_the_modules_that_inject_a_fault_and_no_others() -> None:
    for name in FAULTS:
        [row] = rows(name)
        told = {file for file, _ in references(row) if file.startswith("faults/")}
        injected = {f"faults/{module}" for module, marks in MARKED.items() if name in {f for _, f in marks}}
        assert told == injected, name


def test_every_test_here_but_these_names_its_fault() -> None:
    here = Path(__file__)
    for path in here.parent.glob("test_*.py"):
        tests = set(re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        if path != here:
            assert tests == {test for test, _ in MARKED[path.name]}, path.name


def test_no_fault_is_named_that_the_page_does_not_have() -> None:
    assert {fault for marks in MARKED.values() for _, fault in marks} <= set(FAULTS)
