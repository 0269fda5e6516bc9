from datetime import UTC, datetime
from pathlib import Path

import pytest

from web.sources.key_file import NAME, KeysUnusable, Secrets, add_source, remove_source, rotate_source
from web.sources.key_ring import KeyRing


def clock() -> datetime:
    return datetime(2026, 11, 12, 15, 0, tzinfo=UTC)


def a_ring(folder: Path) -> tuple[KeyRing, list[str]]:
    hidden: list[str] = []
    return KeyRing(folder, hidden.append), hidden


def knows(ring: KeyRing, shown: Secrets) -> bool:
    return ring.signer(shown.key_id) is not None or ring.hook(shown.secret) is not None


def test_keys_are_found_by_id_and_addresses_by_their_token(tmp_path: Path) -> None:
    news, tv = (
        add_source(tmp_path, "news", "signed", clock),
        add_source(tmp_path, "tv", "tradingview", clock),
    )
    ring, hidden = a_ring(tmp_path)
    signer, hook = ring.signer(news.key_id), ring.hook(tv.secret)
    assert signer is not None
    assert hook is not None
    assert (signer.source, signer.key.secret, hook.source) == ("news", news.secret, "tv")
    assert (ring.signer(tv.key_id), ring.hook(news.secret), ring.hook("")) == (None, None, None)
    assert hidden == [news.secret]


def test_changes_count_at_once(tmp_path: Path) -> None:
    ring, hidden = a_ring(tmp_path)
    first = add_source(tmp_path, "news", "signed", clock)
    assert knows(ring, first)
    _, second = rotate_source(tmp_path, "news", clock)
    assert knows(ring, first)
    assert knows(ring, second)
    remove_source(tmp_path, "news", first.key_id)
    assert not knows(ring, first)
    assert knows(ring, second)
    (tmp_path / NAME).unlink()
    assert not knows(ring, second)
    assert set(hidden) == {first.secret, second.secret}


@pytest.mark.parametrize("content", [None, "{"])
def test_a_file_that_is_spoiled_opens_to_nobody_until_it_is_mended(
    tmp_path: Path, content: str | None
) -> None:
    shown = add_source(tmp_path, "news", "signed", clock)
    good = (tmp_path / NAME).read_text()
    ring, _ = a_ring(tmp_path)
    if content is None:
        (tmp_path / NAME).chmod(0o644)
    else:
        (tmp_path / NAME).write_text(content)
    assert not knows(ring, shown)
    (tmp_path / NAME).chmod(0o600)
    (tmp_path / NAME).write_text(good)
    assert knows(ring, shown)


def test_at_the_start_a_spoiled_file_is_an_error(tmp_path: Path) -> None:
    add_source(tmp_path, "news", "signed", clock)
    (tmp_path / NAME).chmod(0o644)
    with pytest.raises(KeysUnusable):
        a_ring(tmp_path)
