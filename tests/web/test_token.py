import os
import stat
from pathlib import Path

import pytest

from web.token import TokenUnusable, read_or_create_token, read_token


def test_the_token_is_made_once_with_256_bits_for_its_owner_only(tmp_path: Path) -> None:
    state = tmp_path / "state"
    token = read_or_create_token(state)
    assert len(token) == 43
    assert stat.S_IMODE((state / "token").stat().st_mode) == 0o600
    assert read_or_create_token(state) == token
    assert [each.name for each in state.iterdir()] == ["token"]


def test_two_state_folders_have_two_tokens(tmp_path: Path) -> None:
    assert read_or_create_token(tmp_path / "a") != read_or_create_token(tmp_path / "b")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_token_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    read_or_create_token(tmp_path)
    (tmp_path / "token").chmod(mode)
    with pytest.raises(TokenUnusable, match="chmod 600"):
        read_or_create_token(tmp_path)


@pytest.mark.parametrize("content", ["", "short\n", "a line of words that is long enough for one\n"])
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(TokenUnusable, match="delete it"):
        read_or_create_token(tmp_path)


def test_a_draft_left_by_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / f".token.{os.getpid()}").write_text("half")
    assert len(read_or_create_token(tmp_path)) == 43


def test_reading_makes_no_token(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_token(tmp_path)
    assert list(tmp_path.iterdir()) == []
