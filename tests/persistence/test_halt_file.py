"""A halt holds without the ledger, and whatever somebody puts in the file's place stops everything."""

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from domain.holdings import Halt
from persistence.halt_file import HaltFile
from tests.persistence.making import NOW

KO = Halt(scope="KO", reason="unexplained difference", by="ledger", at=NOW)
ALL = Halt(scope="all", reason="the keys are refused", by="ledger", at=NOW)
OLD_NS = 1_700_000_000_000_000_000


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "HALT"


@pytest.fixture
def file(place: Path) -> HaltFile:
    return HaltFile(place)


def test_no_file_halts_nothing(file: HaltFile) -> None:
    assert file.read() == ()
    assert file.reasons("KO") == ()


def test_what_is_written_is_read_by_another(file: HaltFile, place: Path) -> None:
    file.write([KO, ALL])
    for reader in (file, HaltFile(place)):
        assert reader.read() == (KO, ALL)
        assert reader.reasons("KO") == (KO.reason, ALL.reason)
        assert reader.reasons("AAPL") == (ALL.reason,)


def test_a_halt_of_one_symbol_halts_that_one_alone(file: HaltFile) -> None:
    file.write([KO])
    assert file.reasons("KO") == (KO.reason,)
    assert file.reasons("K") == ()
    assert file.reasons("all") == ()


def test_without_a_halt_there_is_no_file(file: HaltFile, place: Path) -> None:
    file.write([KO])
    file.write([])
    file.write([])
    assert not place.exists()
    assert file.reasons("KO") == ()


def test_the_file_is_for_its_owner_alone_and_has_only_its_lock_beside_it(file: HaltFile, place: Path) -> None:
    file.write([KO])
    assert sorted(entry.name for entry in place.parent.iterdir()) == ["HALT", "HALT.lock"]
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ""),
        (b"stop\n", ": stop"),
        (b"  going  on\nholiday\x07 ", ": going  on holiday"),
        (b"0", ": 0"),
        (b"[]", ": []"),
        ("ü".encode("latin-1"), ": \N{REPLACEMENT CHARACTER}"),
        (b"x" * 10_000, ": " + "x" * 100),
    ],
)
def test_a_file_put_there_by_hand_halts_everything(
    file: HaltFile, place: Path, content: bytes, said: str
) -> None:
    place.write_bytes(content)
    os.utime(place, ns=(OLD_NS, OLD_NS))
    (halt,) = file.read()
    assert (halt.scope, halt.by, halt.reason) == ("all", "file", f"halted by the file {place}{said}")
    assert halt.at.timestamp() == OLD_NS // 10**9
    assert file.reasons("AAPL") == (halt.reason,)


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b'{"halts":[]}',
        b'{"halts":[{"scope":"KO"}]}',
        b'{"halts":[{"scope":"KO","reason":"r","by":"b","at":"2026-11-12T15:00:00"}]}',
        b"\0" * 200,
    ],
)
def test_a_file_that_makes_no_sense_halts_everything(file: HaltFile, place: Path, content: bytes) -> None:
    place.write_bytes(content)
    (halt,) = file.read()
    assert halt.scope == "all"
    assert "is damaged or half written, so everything is halted" in halt.reason


def test_a_file_cut_anywhere_halts_everything(file: HaltFile, place: Path) -> None:
    file.write([KO])
    whole = place.read_bytes()
    for length in range(len(whole.rstrip())):
        place.write_bytes(whole[:length])
        assert len(file.reasons("AAPL")) == 1, length


def test_a_file_that_cannot_be_read_halts_everything(file: HaltFile, place: Path) -> None:
    place.mkdir()
    (halt,) = file.read()
    assert (halt.scope, halt.by) == ("all", "file")
    assert "cannot be read (Is a directory), so everything is halted" in halt.reason
    place.rmdir()
    assert file.reasons("AAPL") == ()


def test_a_file_that_cannot_even_be_looked_for_halts_everything(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (reason,) = HaltFile(tmp_path / "file" / "HALT").reasons("AAPL")
    assert "cannot be read (Not a directory)" in reason


def test_a_passing_failure_to_read_is_not_remembered(file: HaltFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write([KO])

    def too_many(*_: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", too_many)
        fresh = HaltFile(file._path)
        assert "Too many open files" in fresh.reasons("AAPL")[0]
    assert fresh.reasons("AAPL") == ()
    assert fresh.reasons("KO") == (KO.reason,)


@pytest.mark.parametrize("scope", ["ALL", "*", "", "all ", "aapl"])
def test_a_scope_by_hand_that_is_no_symbol_stops_everything(file: HaltFile, place: Path, scope: str) -> None:
    halt = KO.model_copy(update={"scope": scope})
    place.write_text(json.dumps({"halts": [halt.model_dump(mode="json")]}))
    assert len(file.reasons("AAPL")) == 1


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_is_in_no_calendar_stops_everything_and_nothing_fails(
    file: HaltFile, place: Path, at: str
) -> None:
    place.write_text(json.dumps({"halts": [{**KO.model_dump(mode="json"), "at": at}]}))
    assert len(file.reasons("AAPL")) == 1
    assert len(file.read()) == 1


def test_a_link_that_leads_nowhere_halts_everything(file: HaltFile, place: Path) -> None:
    place.symlink_to("nowhere")
    assert len(file.reasons("AAPL")) == 1


def test_a_pipe_halts_everything_and_nobody_waits_for_its_writer(file: HaltFile, place: Path) -> None:
    os.mkfifo(place)
    assert len(file.reasons("AAPL")) == 1


def test_what_another_process_added_is_not_overwritten(file: HaltFile, place: Path) -> None:
    file.write([KO])
    assert HaltFile(place).add(KO.model_copy(update={"scope": "AAPL"}))
    assert not HaltFile(place).add(KO)
    file.write([])
    assert {halt.scope for halt in file.read()} == {"AAPL", "KO"}


def test_each_change_is_seen_at_the_next_question(file: HaltFile, place: Path) -> None:
    """Also by hand, also when the size stays the same, also when the file's time is set back."""
    other = HaltFile(place)
    for _ in range(3):
        assert file.reasons("KO") == ()
        place.touch()
        assert len(file.reasons("KO")) == 1
        place.write_text("one")
        os.utime(place, ns=(OLD_NS, OLD_NS))
        assert file.reasons("KO")[0].endswith(": one")
        place.write_text("two")
        os.utime(place, ns=(OLD_NS, OLD_NS))
        assert file.reasons("KO")[0].endswith(": two")
        other.read()
        other.write([KO])
        assert file.reasons("KO") == (KO.reason,)
        place.unlink()


def test_an_untouched_file_is_not_read_again(file: HaltFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write([KO])
    assert file.reasons("KO") == (KO.reason,)
    monkeypatch.delattr(Path, "open")
    assert file.reasons("KO") == (KO.reason,)


def test_a_stop_by_hand_that_nobody_has_read_survives_a_write(file: HaltFile, place: Path) -> None:
    place.write_text("stop")
    assert len(file.reasons("AAPL")) == 1  # it was obeyed, which is not yet known to the books
    file.write([KO])
    file.write([KO])
    ko, by_hand = file.read()
    assert (ko, by_hand.scope, by_hand.reason) == (KO, "all", f"halted by the file {place}: stop")
    file.write([KO])  # now it was told, and lifted
    assert file.read() == (KO,)


def test_a_stop_by_hand_that_was_read_can_be_lifted(file: HaltFile, place: Path) -> None:
    place.write_text("stop")
    (by_hand,) = file.read()
    file.write([by_hand])
    file.write([KO])
    assert file.read() == (KO,)
    place.write_text("again")
    file.read()
    file.write([])
    assert file.read() == ()


def test_a_write_that_fails_leaves_the_file_as_it_was(
    file: HaltFile, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write([KO])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        file.write([ALL])
    assert HaltFile(place).read() == (KO,)


def test_readers_in_other_threads_never_see_a_file_half_written(file: HaltFile, place: Path) -> None:
    seen: set[tuple[str, ...]] = set()
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            seen.add(HaltFile(place).reasons("KO"))
            seen.add(file.reasons("KO"))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(40):
        file.write([KO])
        file.write([KO, ALL])
        file.write([])
    done.set()
    for thread in threads:
        thread.join()
    assert seen <= {(), (KO.reason,), (KO.reason, ALL.reason)}
