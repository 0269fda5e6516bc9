import stat
from pathlib import Path

import pytest

from watch.bookmark import Bookmark

LEDGER = Path("/var/starfill/ledger-paper.sqlite3")


def test_what_was_written_is_read_by_the_next_one(tmp_path: Path) -> None:
    Bookmark(tmp_path, LEDGER).write({"json-1": 7, "tgram-1": 12})
    assert Bookmark(tmp_path, LEDGER).read(newest=20) == {"json-1": 7, "tgram-1": 12}
    assert stat.S_IMODE((tmp_path / "alarms-ledger-paper.json").stat().st_mode) == 0o600


def test_another_ledger_of_the_same_name_is_another_one(tmp_path: Path) -> None:
    Bookmark(tmp_path, LEDGER).write({"json-1": 7})
    assert Bookmark(tmp_path, Path("/elsewhere") / LEDGER.name).read(newest=20) == {}


def test_a_place_behind_an_older_copy_of_the_ledger_is_none(tmp_path: Path) -> None:
    Bookmark(tmp_path, LEDGER).write({"json-1": 7, "tgram-1": 12})
    assert Bookmark(tmp_path, LEDGER).read(newest=10) == {"json-1": 7}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"ledger": 1}', '{"ledger": "X", "channels": {"a": "b"}}'])
def test_a_file_that_makes_no_sense_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "alarms-ledger-paper.json").write_text(text.replace("X", str(LEDGER)))
    assert Bookmark(tmp_path, LEDGER).read(newest=10) == {}


def test_a_disk_that_takes_nothing_stops_nothing(tmp_path: Path) -> None:
    Bookmark(tmp_path / "gone", LEDGER).write({"json-1": 7})
