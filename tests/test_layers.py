"""The rooms of the house: who may import whom, and where time, chance and binary fractions may enter.

Each rule reads the source itself; a fault is told as file:line and what stands there.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("actors", "broker", "cli", "domain", "persistence", "simulator", "watch", "web")
OURS = {*ROOMS, "benchmarks", "failpoint", "run", "settings", "tests", "actor_tree"}

MAY_IMPORT: dict[str, set[str]] = {
    "domain": set(),
    "broker": {"domain", "failpoint"},
    "persistence": {"domain", "failpoint"},
    "actors": {"domain", "broker.api", "persistence.store", "failpoint"},
    # `persistence.rows` holds the models that the queries answer with.
    "web": {
        "domain",
        "persistence.queries",
        "persistence.rows",
        "actors.base",
        "failpoint",
        "watch.kinds",
        "watch.seen",
        "watch.metrics",
    },
    "watch": {"domain", "persistence.queries", "persistence.rows", "persistence.files"},
    # One misreading of Alpaca must not cancel out another.
    "simulator": set(),
    "settings": set(),
    "failpoint": set(),
    "cli": OURS - {"tests", "benchmarks"},
    "run": OURS - {"tests", "benchmarks"},
    "actor_tree": OURS - {"tests", "benchmarks", "run"},
}
"""By room: the rooms and modules it may import besides its own."""

SOURCES = sorted(
    path.relative_to(ROOT)
    for path in (
        *(p for room in ROOMS for p in (ROOT / room).rglob("*.py")),
        ROOT / "failpoint.py",
        ROOT / "run.py",
        ROOT / "settings.py",
        ROOT / "actor_tree.py",
    )
)

CLOCKS = {Path("actors/clock.py"), Path("simulator/clock.py")}
"""The only places where the wall clock is read."""
MOMENTS = {"now", "utcnow", "today"}
TIMES = {"time", "time_ns", "localtime", "gmtime"}
CHANCE = {"uuid1", "uuid4"}

Fault = tuple[int, str]


def imports(tree: ast.AST) -> Iterator[Fault]:
    """Our modules that a source imports, each with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                below = ROOT.joinpath(*node.module.split("."), alias.name)
                is_module = below.is_dir() or below.with_suffix(".py").exists()
                yield node.lineno, f"{node.module}.{alias.name}" if is_module else node.module


def trespasses(room: str, tree: ast.AST) -> Iterator[Fault]:
    """Imports that the room may not make."""
    allowed = MAY_IMPORT[room] | {room}
    for line, module in imports(tree):
        parts = module.split(".")
        names = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
        if parts[0] in OURS and not names & allowed:
            yield line, f"{room} imports {module}"


def readings(tree: ast.AST) -> Iterator[Fault]:
    """Where the wall clock is read or an id is drawn by chance; a default for `wall` only hands it on."""
    handed_on = {
        default
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if argument.arg == "wall"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node not in handed_on:
            owner = ast.unparse(node.value).rpartition(".")[2]
            if (
                (owner in {"datetime", "date"} and node.attr in MOMENTS)
                or (owner == "time" and node.attr in TIMES)
                or node.attr in CHANCE
            ):
                yield node.lineno, f"{ast.unparse(node)} outside the clock"
        elif isinstance(node, ast.ImportFrom):
            drawn = {alias.name for alias in node.names} & (
                CHANCE | (TIMES if node.module == "time" else set())
            )
            yield from ((node.lineno, f"{name} imported from {node.module}") for name in sorted(drawn))


def floats(tree: ast.AST) -> Iterator[Fault]:
    """Where a binary fraction is made or named: with these, money comes out a cent short."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "float":
            yield node.lineno, "float in a room that counts money"
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, f"{node.value!r} is a binary fraction"


def parsed(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))


def told(path: Path, faults: Iterator[Fault]) -> list[str]:
    return [f"{path}:{line}: {what}" for line, what in faults]


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_each_room_imports_only_what_it_may(path: Path) -> None:
    room = path.parts[0].removesuffix(".py")
    assert told(path, trespasses(room, parsed(path))) == []


@pytest.mark.parametrize("path", [path for path in SOURCES if path not in CLOCKS], ids=str)
def test_time_and_chance_come_in_through_the_clock_alone(path: Path) -> None:
    assert told(path, readings(parsed(path))) == []


PLUMBING = {"database.py", "instance.py", "migrate.py"}
"""Of these two rooms, the files that open and lock: they count seconds."""
MONEY = [path for path in SOURCES if path.parts[0] in {"domain", "persistence"} and path.name not in PLUMBING]


@pytest.mark.parametrize("path", MONEY, ids=str)
def test_no_binary_fraction_touches_money(path: Path) -> None:
    assert told(path, floats(parsed(path))) == []


def test_every_room_is_watched() -> None:
    assert {path.parts[0].removesuffix(".py") for path in SOURCES} == set(MAY_IMPORT)


# --- the rules themselves can fail ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("domain", "import persistence"),
        ("domain", "from failpoint import failpoint"),
        ("simulator", "import failpoint"),
        ("failpoint", "from settings import Exit"),
        ("domain", "from actors.clock import system_clock"),
        ("broker", "from persistence.store import LedgerStore"),
        ("actors", "from broker.rest import AlpacaRest"),
        ("actors", "from broker import rest"),
        ("actors", "from persistence import queries"),
        ("web", "from actors.trade_ledger import TradeLedger"),
        ("web", "from persistence.store import LedgerStore"),
        ("simulator", "from domain.orders import OrderUpdate"),
        ("settings", "import domain.values"),
        ("cli", "from tests.domain.builders import NOW"),
        ("domain", "def late() -> None:\n    import settings"),
    ],
)
def test_a_trespass_is_seen(room: str, source: str) -> None:
    assert len(list(trespasses(room, ast.parse(source)))) == 1


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("domain", "from domain.values import ZERO\nfrom decimal import Decimal"),
        ("actors", "from broker.api import Broker\nfrom broker import api\nfrom actors import base"),
        ("cli", "from web.app import create_app\nimport run"),
    ],
)
def test_what_is_allowed_is_no_trespass(room: str, source: str) -> None:
    assert list(trespasses(room, ast.parse(source))) == []


@pytest.mark.parametrize(
    "source",
    [
        "datetime.now(UTC)", "datetime.datetime.now()", "datetime.utcnow()", "date.today()", "time.time()",
        "now = time.time", "uuid.uuid4()", "from uuid import uuid4", "from time import time",
        "def f(*, other=time.time): pass",
    ],
)  # fmt: skip
def test_a_reading_of_the_clock_is_seen(source: str) -> None:
    assert len(list(readings(ast.parse(source)))) == 1


@pytest.mark.parametrize(
    "source",
    ["time.monotonic()", "clock.now", "def f(*, wall=time.time): pass", "from time import monotonic"],
)
def test_what_reads_no_wall_clock_is_left_alone(source: str) -> None:
    assert list(readings(ast.parse(source))) == []


@pytest.mark.parametrize("source", ["float(x)", "x: float", "share = 0.1"])
def test_a_binary_fraction_is_seen(source: str) -> None:
    assert len(list(floats(ast.parse(source)))) == 1
