"""The list of safeguards stays true to the sources; `make mutants` shows that the tests notice."""

import shutil
from pathlib import Path

import pytest

from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.safeguards import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_safeguard_can_be_taken_away(mutant: Mutant, tmp_path: Path) -> None:
    for change in mutant.changes:
        copy = tmp_path / change.file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / change.file, copy)

    mutant.apply(tmp_path)

    for change in mutant.changes:
        source = (tmp_path / change.file).read_text(encoding="utf-8")
        assert source != (ROOT / change.file).read_text(encoding="utf-8")
        compile(source, change.file, "exec")


def test_each_safeguard_is_named_once() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_tests_that_have_to_notice_exist(mutant: Mutant) -> None:
    assert all((ROOT / test).exists() for test in mutant.tests)
