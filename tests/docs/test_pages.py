"""The pages say what the program does, name all there is, and make a site without a warning."""

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from domain.settings_text import KEYS, description
from domain.signals import VerdictCode
from settings import Environment
from tests.docs.pages import DOCS, ROOT, headings, pages


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="the site is built with the extra `docs`")
    built = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-W",
            "--keep-going",
            "-q",
            "-d",
            tmp_path / "trees",
            DOCS,
            tmp_path / "site",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=80,
    )
    assert (built.returncode, built.stderr) == (0, "")
    index = (tmp_path / "site" / "index.html").read_text()
    assert "Five-minute start" in index


def test_every_setting_of_the_trading_is_explained_as_the_program_explains_it() -> None:
    told = dict(re.findall(r"^`(\w+)`\n: (.+)$", (DOCS / "settings.md").read_text(), re.MULTILINE))
    assert told == {key: description(key) for key in KEYS}


def test_every_variable_of_the_process_is_in_the_table() -> None:
    told = set(re.findall(r"^\| `([A-Z_]+)` \|", (DOCS / "settings.md").read_text(), re.MULTILINE))
    known = {
        f"APCA_API_{name.upper()}" if name in {"key_id", "secret_key"} else f"STARFILL_{name.upper()}"
        for name in Environment.model_fields
    }
    assert told == known


def test_every_refusal_of_a_signal_has_its_heading_and_its_fix() -> None:
    page = DOCS / "refusals.md"
    codes = set(get_args(VerdictCode)) - {"trade"}
    assert {each for each in headings(page) if re.fullmatch(r"[a-z_]+", each)} == codes
    for part in re.split(r"^### ", page.read_text(), flags=re.MULTILINE)[1:]:
        assert "**Fix:**" in part, part.splitlines()[0]


def test_every_target_that_a_page_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in pages():
        named = set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE))
        assert named <= targets, f"{page.name}: {sorted(named - targets)}"


def test_every_file_that_a_page_names_is_there() -> None:
    rooms = "actors|broker|cli|deploy|docs|domain|persistence|simulator|tests|web|watch|benchmarks"
    for page in pages():
        for name in re.findall(rf"`((?:{rooms})/[\w/.-]+?)(?:::\w+)?`", page.read_text()):
            there = (ROOT / name).exists() or (ROOT / "tests" / name).exists()  # pages of proofs leave it out
            assert there, f"{page.name} names {name}"


def test_every_link_of_the_readme_leads_somewhere() -> None:
    readme = ROOT / "README.md"
    anchors = {re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in headings(readme)}
    for target in re.findall(r"\]\(([^)\s]+)\)", readme.read_text()):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif "://" not in target:
            assert (ROOT / target.split("#")[0]).exists(), target
