"""What no module of ours may do, and what the shipped files have to say, as `docs/security.md` has it."""

import ast
import re
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.docs.pages import DOCS

ROOT = Path(__file__).parents[1]
ROOMS = ("actors", "broker", "cli", "domain", "persistence", "simulator", "watch", "web")
SOURCES = sorted(
    path
    for path in (*ROOT.glob("*.py"), *(p for room in ROOMS for p in (ROOT / room).rglob("*.py")))
    if path.name != "setup.py"
)
FORBIDDEN_MODULES = {"pickle", "shelve", "marshal", "dill", "yaml"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
LOCKED = re.compile(r"^([a-z0-9-]+)==(\S+) \\$", re.MULTILINE)
TABLE = re.compile(r"^\| (S\d\d) \|.*\| (.+) \|$", re.MULTILINE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_unpickles_evaluates_or_turns_certificates_off(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
            assert not {name.split(".")[0] for name in names} & FORBIDDEN_MODULES, f"{path}:{node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN_CALLS, f"{path}:{node.lineno}"
        if isinstance(node, ast.keyword) and node.arg == "verify" and isinstance(node.value, ast.Constant):
            assert node.value.value is not False, f"{path}:{node.value.lineno}"
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"CERT_NONE", "enableTrace"}, f"{path}:{node.lineno}"


def test_supervisord_is_reached_by_a_private_socket_alone() -> None:
    conf = ConfigParser(interpolation=None, inline_comment_prefixes=(";",))
    conf.read(ROOT / "deploy" / "supervisord.conf")
    assert "inet_http_server" not in conf
    assert conf["unix_http_server"]["chmod"] == "0700"
    assert conf["program:starfill"]["umask"] == "077"
    assert "PYTHONSAFEPATH" in conf["program:starfill"]["environment"]


def test_the_unit_for_systemd_has_a_user_of_its_own_and_keeps_files_private() -> None:
    unit = (ROOT / "deploy" / "starfill.service").read_text()
    for line in ("User=starfill", "UMask=0077", "NoNewPrivileges=yes", "Environment=PYTHONSAFEPATH=1"):
        assert line in unit.splitlines(), line


def required() -> dict[str, str]:
    """What the program is installed with, by name."""
    setup = ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    lines = setup["options"]["install_requires"].splitlines()
    named = [line for line in lines if line and not line.startswith("#")]
    return {re.split(r"[><=!~]", line)[0].lower(): line for line in named}


def test_the_lock_has_every_dependency_with_its_hashes_and_names_no_place() -> None:
    text = (ROOT / "requirements.lock").read_text()
    locked = dict(LOCKED.findall(text))
    assert required().keys() <= locked.keys()
    for part in re.split(r"\n(?=[a-z])", text)[1:]:
        assert "--hash=sha256:" in part, part
    assert "://" not in text
    for name, line in required().items():
        for lowest in re.findall(r">=([\d.]+)", line):
            assert version(locked[name]) >= version(lowest), line
        for above in re.findall(r"<([\d.]+)", line):
            assert version(locked[name]) < version(above), line


def version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))


def test_every_line_of_the_security_page_has_tests_that_there_are() -> None:
    found = dict(TABLE.findall((DOCS / "security.md").read_text()))
    assert sorted(found) == [f"S{number:02d}" for number in range(1, 19)]
    for line, cell in found.items():
        tests = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", cell)
        assert tests, line
        for file, name in tests:
            text = (ROOT / "tests" / file).read_text()
            assert not name or f"def {name}(" in text, f"{line}: {file}::{name}"
