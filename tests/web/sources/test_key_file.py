import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from web.sources.key_file import (
    MAX_SOURCES,
    NAME,
    HookKey,
    KeyFile,
    KeysUnusable,
    SigningKey,
    add_source,
    read_keys,
    remove_source,
    rotate_source,
    sha256_of,
)


def clock() -> datetime:
    return datetime(2026, 11, 12, 15, 0, tzinfo=UTC)


def ids(folder: Path) -> dict[str, list[str]]:
    return {source.name: [key.id for key in source.keys] for source in read_keys(folder).sources}


def test_a_folder_without_the_file_has_no_sources(tmp_path: Path) -> None:
    assert read_keys(tmp_path) == KeyFile()
    assert read_keys(tmp_path / "nowhere") == KeyFile()
    assert list(tmp_path.iterdir()) == []


def test_a_source_has_a_key_of_256_bits_in_a_file_for_its_owner_only(tmp_path: Path) -> None:
    shown = add_source(tmp_path / "state", "news", "signed", clock)
    path = tmp_path / "state" / NAME
    assert len(shown.secret) == 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    [source] = read_keys(path.parent).sources
    [key] = source.keys
    assert isinstance(key, SigningKey)
    assert (source.name, key.id, key.secret, key.made_at) == ("news", shown.key_id, shown.secret, clock())


def test_of_tradingview_the_file_has_only_digests(tmp_path: Path) -> None:
    shown = add_source(tmp_path, "tv", "tradingview", clock)
    text = (tmp_path / NAME).read_text()
    assert shown.secret not in text
    assert shown.passphrase not in text
    [key] = read_keys(tmp_path).sources[0].keys
    assert isinstance(key, HookKey)
    assert (key.path_sha256, key.passphrase_sha256) == (sha256_of(shown.secret), sha256_of(shown.passphrase))
    assert shown.secret != shown.passphrase


def test_no_secret_is_in_what_is_printed_of_it(tmp_path: Path) -> None:
    shown = add_source(tmp_path, "news", "signed", clock)
    assert shown.secret not in repr(read_keys(tmp_path))


def test_a_rotation_leaves_the_key_before_it_good_and_no_other(tmp_path: Path) -> None:
    first = add_source(tmp_path, "news", "signed", clock)
    _, second = rotate_source(tmp_path, "news", clock)
    assert ids(tmp_path) == {"news": [first.key_id, second.key_id]}
    kind, third = rotate_source(tmp_path, "news", clock)
    assert (kind, ids(tmp_path)) == ("signed", {"news": [second.key_id, third.key_id]})


def test_tradingview_is_rotated_too(tmp_path: Path) -> None:
    add_source(tmp_path, "tv", "tradingview", clock)
    kind, shown = rotate_source(tmp_path, "tv", clock)
    assert (kind, bool(shown.passphrase), len(ids(tmp_path)["tv"])) == ("tradingview", True, 2)


def test_one_key_or_the_whole_source_is_removed(tmp_path: Path) -> None:
    add_source(tmp_path, "other", "signed", clock)
    first = add_source(tmp_path, "news", "signed", clock)
    _, second = rotate_source(tmp_path, "news", clock)
    assert remove_source(tmp_path, "news", first.key_id) == 1
    assert ids(tmp_path)["news"] == [second.key_id]
    assert remove_source(tmp_path, "news") == 0
    assert list(ids(tmp_path)) == ["other"]


def test_with_its_last_key_a_source_goes(tmp_path: Path) -> None:
    shown = add_source(tmp_path, "news", "signed", clock)
    assert remove_source(tmp_path, "news", shown.key_id) == 0
    assert ids(tmp_path) == {}


@pytest.mark.parametrize("name", ["", "two words", "naïve", "-x", "x" * 65, "a/b", "a\n"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeysUnusable, match="name is 1 to 64"):
        add_source(tmp_path, name, "signed", clock)
    assert not (tmp_path / NAME).exists()


def test_what_is_not_there_and_what_is_there_already_is_told(tmp_path: Path) -> None:
    add_source(tmp_path, "news", "signed", clock)
    with pytest.raises(KeysUnusable, match="already"):
        add_source(tmp_path, "news", "tradingview", clock)
    with pytest.raises(KeysUnusable, match="no source other"):
        rotate_source(tmp_path, "other", clock)
    with pytest.raises(KeysUnusable, match="no source other"):
        remove_source(tmp_path, "other")
    with pytest.raises(KeysUnusable, match="no key kffff"):
        remove_source(tmp_path, "news", "kffff")


def test_there_are_only_so_many(tmp_path: Path) -> None:
    for number in range(MAX_SOURCES):
        add_source(tmp_path, f"s{number}", "signed", clock)
    with pytest.raises(KeysUnusable, match="remove one"):
        add_source(tmp_path, "one-more", "signed", clock)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    add_source(tmp_path, "news", "signed", clock)
    (tmp_path / NAME).chmod(mode)
    for act in (lambda: read_keys(tmp_path), lambda: rotate_source(tmp_path, "news", clock)):
        with pytest.raises(KeysUnusable, match="chmod 600"):
            act()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": 2}', b"\xff", b'{"sources": [{"kind": "x"}]}', b" " * 300_000]
)
def test_a_file_that_holds_no_keys_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    (tmp_path / NAME).chmod(0o600)
    with pytest.raises(KeysUnusable, match="good copy"):
        read_keys(tmp_path)


def test_a_file_that_cannot_be_used_is_told_of_without_its_keys(tmp_path: Path) -> None:
    shown = add_source(tmp_path, "news", "signed", clock)
    path = tmp_path / NAME
    told = json.loads(path.read_text())
    told["sources"][0]["keys"][0]["secret"] += " "
    path.write_text(json.dumps(told))
    with pytest.raises(KeysUnusable) as caught:
        read_keys(tmp_path)
    assert shown.secret not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_draft_left_by_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / f".{NAME}.{os.getpid()}").write_text("half")
    add_source(tmp_path, "news", "signed", clock)
    assert list(ids(tmp_path)) == ["news"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeysUnusable, match="nothing was changed"):
        add_source(tmp_path / "file" / "state", "news", "signed", clock)


def test_of_two_changes_at_once_none_is_lost(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: add_source(tmp_path, f"s{n}", "signed", clock), range(20)))
    assert set(ids(tmp_path)) == {f"s{n}" for n in range(20)}
