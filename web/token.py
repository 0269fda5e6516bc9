"""The bearer token of the API: made once, kept in the state folder, readable by its owner only."""

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import Final

NAME: Final = "token"
BYTES: Final = 32
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class TokenUnusable(Exception):  # noqa: N818 - what is the case, for the owner
    """The token file cannot be used; the text is one sentence with what to do."""


def read_or_create_token(state_dir: Path) -> str:
    """The token in `state_dir/token`, made with 256 random bits if there is none. Raises TokenUnusable."""
    path = state_dir / NAME
    if not path.exists():
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        _create(path)
    return read_token(state_dir)


def read_token(state_dir: Path) -> str:
    """The token in `state_dir/token`. Raises TokenUnusable, FileNotFoundError when there is none."""
    path = state_dir / NAME
    with path.open(encoding="ascii", errors="replace") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & OTHERS:
            raise TokenUnusable(
                f"{path} can be read by others on this machine, who could then send signals; "
                f"delete it (a new one is made at the next start), or keep it with: chmod 600 {path}"
            )
        token = file.read().strip()
    if len(token) < BYTES or not token.isascii() or not token.isprintable() or " " in token:
        raise TokenUnusable(
            f"{path} does not hold a token; delete it, and a new one is made at the next start"
        )
    return token


def _create(path: Path) -> None:
    """Whole or not at all: the file appears under its name with its content in it, also after a crash."""
    draft = path.with_name(f".{NAME}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its token counts
            os.link(draft, path)
    finally:
        draft.unlink()
